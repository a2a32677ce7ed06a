//! What rows say: each statement answers what violates the invariant.

use super::Violations;
use crate::flows::session::Session;

const INVARIANTS: [(&str, &str); 12] = [
    (
        "every run ends",
        "select id || ' is ' || status from orchestration.runs where status not in ('succeeded', 'failed', 'cancelled')",
    ),
    (
        "an ended run has nothing open",
        "select r.id || ': ' || r.open_steps || ' by its row, ' || count(s.step_id)
         from orchestration.runs r
         left join orchestration.run_steps s on s.run_id = r.id and s.status in ('waiting', 'ready', 'running')
         group by r.id
         having r.open_steps <> 0 or count(s.step_id) > 0",
    ),
    (
        "a success is applied once",
        "select s.run_id || '/' || s.step_id
         from orchestration.run_steps s
         where s.status in ('succeeded', 'compensated')
           and ((s.kind in ('tool', 'transform', 'output', 'compensation') and (
                   select count(*) from orchestration.step_attempts a
                   where a.run_id = s.run_id and a.step_id = s.step_id and a.outcome = 'succeeded') <> 1)
               or (select count(*) from orchestration.run_events e
                   where e.run_id = s.run_id and e.step_id = s.step_id and e.kind = 'step.succeeded') <> 1)",
    ),
    (
        "every attempt ends once",
        "select s.run_id || '/' || s.step_id || ': ' || s.attempt
         from orchestration.run_steps s
         where s.kind in ('tool', 'transform', 'output', 'compensation')
           and s.attempt <> (
               select count(*) from orchestration.step_attempts a
               where a.run_id = s.run_id and a.step_id = s.step_id and a.outcome <> 'fenced')",
    ),
    (
        "nothing runs before what it needs",
        "select s.run_id || ': ' || w.step_id || ' before ' || s.step_id
         from orchestration.run_steps s
         cross join unnest(s.dependants) as w (step_id)
         join orchestration.run_events b
             on b.run_id = s.run_id and b.step_id = w.step_id and b.kind = 'step.running'
         where b.seq < coalesce((
             select max(e.seq) from orchestration.run_events e
             where e.run_id = s.run_id and e.step_id = s.step_id
               and e.kind in ('step.succeeded', 'step.failed', 'step.skipped')), 'infinity'::float)",
    ),
    (
        "a for_each has all its items",
        "select m.run_id || '/' || m.step_id || ': ' || m.children
         from orchestration.run_steps m
         left join orchestration.run_steps c
             on c.run_id = m.run_id and c.parent_step_id = m.step_id and c.kind <> 'compensation'
         where m.children is not null
         group by m.run_id, m.step_id, m.children
         having array_agg(c.item_index order by c.item_index) <> array(select generate_series(0, m.children - 1))",
    ),
    (
        "a for_each answers in order",
        "select m.run_id || '/' || m.step_id
         from orchestration.run_steps m
         where m.children is not null
           and m.status = 'succeeded'
           and m.output::jsonb <> (
               select jsonb_agg(c.output::jsonb order by c.item_index)
               from orchestration.run_steps c
               where c.run_id = m.run_id and c.parent_step_id = m.step_id and c.kind <> 'compensation')",
    ),
    (
        // Ten that are not its own fault, besides its own.
        "attempts are limited",
        "select run_id || '/' || step_id || ': ' || attempt
         from orchestration.run_steps where attempt > max_attempts + 10",
    ),
    (
        "nothing is claimed after a stop",
        "select e.run_id || '/' || e.step_id
         from orchestration.run_events e
         join orchestration.run_events stop
             on stop.run_id = e.run_id and stop.kind in ('run.cancelling', 'run.failing') and stop.seq < e.seq
         join orchestration.run_steps s on s.run_id = e.run_id and s.step_id = e.step_id
         where e.kind = 'step.running'
           and s.kind <> 'compensation'",
    ),
    (
        "events have no gaps",
        "select r.id || ': ' || r.last_seq
         from orchestration.runs r
         left join orchestration.run_events e on e.run_id = r.id
         group by r.id
         having count(e.seq) <> r.last_seq or max(e.seq) <> r.last_seq or min(e.seq) <> 1",
    ),
    (
        "compensations run backwards",
        "select a.run_id || ': ' || a.step_id || ', ' || b.step_id
         from orchestration.run_steps a
         join orchestration.run_steps a_of on a_of.run_id = a.run_id and a_of.step_id = a.parent_step_id
         join orchestration.run_steps b on b.run_id = a.run_id and b.kind = 'compensation'
         join orchestration.run_steps b_of on b_of.run_id = b.run_id and b_of.step_id = b.parent_step_id
         where a.kind = 'compensation'
           and a_of.done_seq < b_of.done_seq
           and a.done_seq < b.done_seq",
    ),
    (
        "parents are told",
        "select r.id || ' is ' || r.status || ', its step ' || s.status
         from orchestration.runs r
         join orchestration.run_steps s on s.run_id = r.parent_run_id and s.step_id = r.parent_step_id
         where not r.told
            or (s.status in ('succeeded', 'compensated')) <> (r.status = 'succeeded')",
    ),
];

pub(super) fn violations(session: &mut Session) -> Violations {
    let judged = INVARIANTS.iter().map(|(name, statement)| {
        let rows = session.run(statement);
        let rows = rows.unwrap_or_else(|why| panic!("{name}: {why}"));
        let found = rows.into_iter().filter_map(|mut row| row.pop().flatten());
        (*name, found.collect())
    });
    judged.collect()
}
