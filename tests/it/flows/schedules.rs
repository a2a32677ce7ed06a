//! Schedules: each makes one order of events happen and says what came of it. They are tests by themselves, and what mutants
//! of the engine are judged by.

mod claims;
mod dead_workers;
mod ends;
mod meetings;
mod stopping;

use super::engine::{Engine, Told};

/// A schedule.
pub(super) type Check = fn(&Engine) -> Told;

pub(super) use claims::{
    a_claim_is_bounded_in_bytes, a_lost_answer_of_an_expansion_is_given_again,
    a_step_that_reads_too_much_fails, attempts_that_were_no_fault_of_it_do_not_count,
    items_come_to_so_much_together, long_steps_are_left_to_a_fresh_worker,
};
pub(super) use dead_workers::{
    a_doubled_message_finds_nothing, a_dying_keyed_call_is_made_again_with_its_key,
    a_dying_read_is_made_again, a_dying_unsafe_call_is_unknown, a_late_worker_writes_nothing,
    a_lost_answer_is_given_again, a_run_that_a_dying_worker_began_is_waited_for,
    a_start_that_nobody_sent_is_sent, an_unsafe_call_with_an_answer_is_asked_for_again,
    what_ran_below_before_a_resume_is_not_waited_for,
};
pub(super) use ends::{
    a_child_that_was_not_told_is_found, a_due_wait_is_woken, a_for_each_ends_with_its_last_item,
    a_run_past_its_deadline_is_cancelled, compensations_run_backwards, held_runs_begin_one_by_one,
};
pub(super) use meetings::{
    a_cancel_before_a_claim_wins, a_cancel_between_claim_and_result_keeps_the_result,
    a_cancel_stops_retries, a_claim_before_a_cancel_is_the_last, the_last_two_branches_join_once,
    two_sweepers_hand_out_once,
};
pub(super) use stopping::{
    a_cancel_of_a_failing_run_reaches_the_runs_below, a_cancel_reaches_runs_that_no_step_knows,
    a_for_each_that_ended_while_stopping_is_joined, a_held_run_that_is_resumed_waits_again,
    a_lost_call_of_a_stopped_run_is_unknown, a_resumed_run_has_its_time_and_attempts_once_more,
    an_unknown_item_stops_the_run, late_workers_of_before_a_resume_are_fenced,
    nothing_starts_below_a_stopped_run, unknown_steps_below_are_confirmed_by_their_whole_name,
    what_may_be_undone_does_not_go_on,
};
