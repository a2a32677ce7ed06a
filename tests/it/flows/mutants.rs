//! The engine broken on purpose, one line at a time: each breakage turns a schedule red that is green without it.

use super::engine::{Engine, Told, holds};
use super::schedules::{self, Check};

/// The engine's functions; of those that were replaced, the latest first.
const ENGINE: [&str; 3] = [
    include_str!("../../../infra/migrations/0038_begun_runs.sql"),
    include_str!("../../../infra/migrations/0029_flow_engine.sql"),
    include_str!("../../../infra/migrations/0030_flow_doors.sql"),
];

/// One line of a function, what stands there instead, and the schedule that sees it.
struct Mutant {
    name: &'static str,
    function: &'static str,
    line: &'static str,
    instead: &'static str,
    check: Check,
}

macro_rules! mutants {
    ($($name:literal: $function:literal, $line:literal => $instead:literal, $check:ident;)*) => {
        &[$(Mutant {
            name: $name,
            function: $function,
            line: $line,
            instead: $instead,
            check: schedules::$check,
        },)*]
    };
}

const MUTANTS: &[Mutant] = mutants! {
    "no fence": "advance_run",
        "if s.status is distinct from 'running' or s.attempt <> res.attempt or s.lease_until is null then"
        => "if false then", a_late_worker_writes_nothing;
    "a fence without the attempt": "advance_run", "or s.attempt <> res.attempt or" => "or",
        a_late_worker_writes_nothing;
    "the attempt is not counted at the claim": "claim_ready", "attempt = s.attempt + 1," => "attempt = greatest(s.attempt, 1),",
        a_late_worker_writes_nothing;
    "no run lock": "advance_run", "from orchestration.runs x where x.id = run for no key update;"
        => "from orchestration.runs x where x.id = run;", the_last_two_branches_join_once;
    "a branch does not lower the join's count": "release", "set deps_open = d.deps_open - 1," => "set deps_open = d.deps_open,",
        the_last_two_branches_join_once;
    "the join does not wait for all": "release", "set deps_open = d.deps_open - 1,
            status = case when d.deps_open = 1 then 'ready' else d.status end," => "set deps_open = d.deps_open - 1,
            status = 'ready',", the_last_two_branches_join_once;
    "no re-send": "sweep_run", "t.ready := t.ready || s.step_id;" => "null;", a_start_that_nobody_sent_is_sent;
    "a re-send without a longer pause": "owe", "power(2, least(s.resends, 6))" => "1", a_start_that_nobody_sent_is_sent;
    "the sweep sees nothing due": "sweep_due", "and s.due_at <= clock_timestamp()" => "and false",
        a_start_that_nobody_sent_is_sent;
    "a sweep without skip locked": "sweep_run", "for no key update skip locked;" => "for no key update;",
        two_sweepers_hand_out_once;
    "what was sent stays due": "owe", "+ t.resend_ms * power(2, least(s.resends, 6)) * interval '1 millisecond'" => "",
        two_sweepers_hand_out_once;
    "a lost answer is not given again": "advance_run", "elsif s.status = 'running' and s.worker = token then"
        => "elsif false then", a_lost_answer_is_given_again;
    "a lost completion is not answered again": "advance_run", "if fenced > 0 or repeated then" => "if repeated then",
        a_lost_answer_is_given_again;
    "a lost expansion is not answered again": "advance_run", "if fenced > 0 or repeated then" => "if repeated then",
        a_lost_answer_of_an_expansion_is_given_again;
    "anybody gets the answer of a claim": "claimed_before", "and c.worker = token" => "and true",
        a_doubled_message_finds_nothing;
    "unsafe calls are made again": "recover_step", "if s.effect = 'unsafe' then" => "if false then",
        a_dying_unsafe_call_is_unknown;
    "unknown steps need no confirmation": "unconfirmed", "and above || x.step_id <> all (confirmed);" => "and false;",
        a_dying_unsafe_call_is_unknown;
    "a name confirms steps of every run": "unconfirmed", "and above || x.step_id <> all (confirmed);"
        => "and x.step_id <> all (confirmed);", unknown_steps_below_are_confirmed_by_their_whole_name;
    "nobody is told of what goes on below": "resume_within", "owed := orchestration.both_owed(owed, below.owed);" => "null;",
        unknown_steps_below_are_confirmed_by_their_whole_name;
    "an unknown item is its for_each's alone": "finish_step", "if s.parent_step_id is not null and ending = 'failed' then"
        => "if s.parent_step_id is not null then", an_unknown_item_stops_the_run;
    "an ended for_each is not joined": "resume_within", "and x.children_open = 0" => "and false",
        a_for_each_that_ended_while_stopping_is_joined;
    "runs begin below a stopped one": "start_run", "if above.status is distinct from 'running' then" => "if false then",
        nothing_starts_below_a_stopped_run;
    "a cancel stays above": "cancel_within", "and x.parent_run_id = run" => "and false", a_cancel_reaches_runs_that_no_step_knows;
    "a failing run is not cancelled below": "cancel_within", "if r.status not in ('running', 'failing', 'cancelling') then"
        => "if r.status <> 'running' then", a_cancel_of_a_failing_run_reaches_the_runs_below;
    "a held run is sent when it is resumed": "resume_within", "    if r.admitted then" => "    if true then",
        a_held_run_that_is_resumed_waits_again;
    "who comes later overtakes": "start_run", "and not r.admitted" => "and false", a_held_run_that_is_resumed_waits_again;
    "a resumed run takes no turn": "resume_within", "select count(*) < r.most_runs" => "select true",
        a_held_run_that_is_resumed_waits_again;
    "attempts double with each resume": "resume_within", "x.attempt + x.tries" => "x.attempt + x.max_attempts",
        a_resumed_run_has_its_time_and_attempts_once_more;
    "the time grows with each resume": "resume_within", "t.at + x.timeout_ms * interval '1 millisecond'"
        => "t.at + (x.deadline_at - x.created_at)", a_resumed_run_has_its_time_and_attempts_once_more;
    "a lost call of a stopped run failed": "recover_step", "elsif s.effect = 'read' then" => "elsif true then",
        a_lost_call_of_a_stopped_run_is_unknown;
    "what may be undone goes on": "is_undone", "or x.kind = 'compensation' and x.status = 'unknown'" => "",
        what_may_be_undone_does_not_go_on;
    "attempts begin anew with a resume": "attempts_before", "select max(a.attempt)" => "select 0",
        late_workers_of_before_a_resume_are_fenced;
    "a claim of any size": "claim_ready", "elsif bytes > 0 and bytes + weight >" => "elsif false and bytes + weight >",
        a_claim_is_bounded_in_bytes;
    "a claim given back counts": "claim_ready", "attempt = s.attempt - 1," => "", a_claim_is_bounded_in_bytes;
    "a step may read anything": "claim_ready", "if weight > orchestration.most_read_bytes() then" => "if false then",
        a_step_that_reads_too_much_fails;
    "a for_each may come to anything": "join_items", "if bytes > orchestration.most_read_bytes() then" => "if false then",
        items_come_to_so_much_together;
    "long steps begin late": "claim_ready", "and (any_length or s.timeout_ms <= left_ms)" => "",
        long_steps_are_left_to_a_fresh_worker;
    "lost workers eat attempts": "recover_step", "spared = x.spared + 1" => "spared = x.spared",
        attempts_that_were_no_fault_of_it_do_not_count;
    "a run that was begun is begun again": "recover_step", "if s.kind = 'flow' then" => "if false then",
        a_run_that_a_dying_worker_began_is_waited_for;
    "any run below is waited for": "recover_step", "and (r.finished_at is null or not r.told);" => ";",
        what_ran_below_before_a_resume_is_not_waited_for;
    "the ledger is not asked": "recover_step", "and i.status = 'done'" => "and false",
        an_unsafe_call_with_an_answer_is_asked_for_again;
    "workers may die for ever": "recover_step", "and s.spared < 4" => "and true",
        a_dying_read_is_made_again;
    "leases never end": "sweep_run", "if s.status = 'running' and s.lease_until <= t.at then" => "if false then",
        a_dying_keyed_call_is_made_again_with_its_key;
    "a cancel leaves what is ready": "stop_steps", "s.status in ('waiting', 'ready') or" => "s.status in ('waiting') or",
        a_cancel_before_a_claim_wins;
    "retries go on after a cancel": "advance_run",
        "going := t.status = 'running' and s.kind <> 'compensation' or t.status = 'compensating' and s.kind = 'compensation';"
        => "going := true;", a_cancel_stops_retries;
    "a result after a cancel is lost": "finish_step", "output = result," => "output = case when t.status = 'running' then result end,",
        a_cancel_between_claim_and_result_keeps_the_result;
    "the sweep passes deadlines over": "sweep_run", "if r.status = 'running' and r.deadline_at <= clock_timestamp() then"
        => "if false then", a_run_past_its_deadline_is_cancelled;
    "workers pass deadlines over": "advance_run", "if r.status = 'running' and r.deadline_at <= clock_timestamp() then"
        => "if false then", a_run_past_its_deadline_is_cancelled;
    "a wait ends at the first look": "wake_step", "if s.not_before <= t.at then" => "if true then", a_due_wait_is_woken;
    "ends that were not told are not found": "sweep_due", "where not r.told" => "where false",
        a_child_that_was_not_told_is_found;
    "late messages change an end": "close_turn", "coalesce(r.finished_at, t.at)" => "t.at", a_child_that_was_not_told_is_found;
    "late messages make an end untold": "close_turn", "ended and r.finished_at is null then" => "ended then",
        a_child_that_was_not_told_is_found;
    "no limit of runs": "admit_runs", "exit when busy >= r.most_runs;" => "null;", held_runs_begin_one_by_one;
    "a for_each ends with one item open": "finish_step", "if p.children_open = 0 then" => "if p.children_open <= 1 then",
        a_for_each_ends_with_its_last_item;
    "a for_each in any order": "join_items", "select json_agg(c.output order by c.item_index)," => "select json_agg(c.output order by c.done_seq),",
        a_for_each_ends_with_its_last_item;
    "compensations run forwards": "settle_run", "row_number() over (order by s.done_seq desc) as place"
        => "row_number() over (order by s.done_seq) as place", compensations_run_backwards;
    "an end with a step open": "settle_run", "if t.open_steps > 0 then" => "if t.open_steps > 1 then",
        a_late_worker_writes_nothing;
};

/// A function's definition as the migrations have it.
fn definition(name: &str) -> Told<String> {
    let head = format!("function orchestration.{name}(");
    let text = ENGINE.iter().find_map(|text| text.split_once(&head));
    let (_, rest) = text.ok_or_else(|| format!("no function {name}"))?;
    let ends = ["\n$$;\n", "\nend;\n"];
    let end = ends
        .iter()
        .filter_map(|end| Some(rest.find(end)? + end.len()))
        .min();
    let end = end.ok_or_else(|| format!("{name} has no end"))?;
    Ok(format!(
        "create or replace function orchestration.{name}({}",
        &rest[..end]
    ))
}

/// Whether the schedule goes red with the mutant, and green without it.
fn caught(engine: &Engine, mutant: &Mutant) -> Told<String> {
    let whole = definition(mutant.function)?;
    let found = whole.matches(mutant.line).count();
    holds!(
        found == 1,
        "its line stands {found} times in {}",
        mutant.function
    );
    engine.rows(&whole)?;
    (mutant.check)(engine).map_err(|why| format!("red without the mutant: {why}"))?;
    engine.rows(&whole.replace(mutant.line, mutant.instead))?;
    let told = (mutant.check)(engine);
    engine.rows(&whole)?;
    engine.clears()?;
    told.map_or_else(Ok, |()| Err("no schedule sees it".to_owned()))
}

#[tokio::test]
async fn every_mutant_is_caught() {
    let engine = Engine::start().await;
    let mut survivors = Vec::new();
    for mutant in MUTANTS {
        match caught(&engine, mutant) {
            Ok(why) => eprintln!(
                "{}: {}",
                mutant.name,
                why.lines().next().unwrap_or_default()
            ),
            Err(why) => survivors.push(format!("{}: {why}", mutant.name)),
        }
    }
    let all = MUTANTS.len();
    eprintln!("mutants caught {} of {all}", all - survivors.len());
    assert!(survivors.is_empty(), "{survivors:#?}");
}
