//! Schedules: each makes one order of events happen and says what came of it. They are tests by themselves, and what mutants
//! of the engine are judged by.

mod dead_workers;
mod ends;
mod meetings;

use super::engine::{Engine, Told};

/// A schedule.
pub(super) type Check = fn(&Engine) -> Told;

pub(super) use dead_workers::{
    a_doubled_message_finds_nothing, a_dying_keyed_call_is_made_again_with_its_key,
    a_dying_read_is_made_again, a_dying_unsafe_call_is_unknown, a_late_worker_writes_nothing,
    a_lost_answer_is_given_again, a_start_that_nobody_sent_is_sent,
    an_unsafe_call_with_an_answer_is_asked_for_again,
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
