//! The execution log, and what calls come to.

mod costs;
mod list_executions;
mod read_execution;
mod read_tool_analytics;
mod read_workspace_analytics;
mod retention;
mod roll_up;

use serde_json::Value;
use testkit::Persona;

/// A report.
async fn report(persona: &Persona, path_and_query: &str) -> Value {
    let answered = persona
        .get(&format!("/api/v1/analytics/{path_and_query}"))
        .await;
    assert_eq!(answered.status(), 200, "{}", answered.text());
    answered.json()
}

/// So many calls of a tool, spread evenly over whole days that ended at least an hour ago, each of them somewhat longer than the
/// last: a tenth failed, half came through each of two doors.
fn logged(persona: &Persona, tool: &str, calls: u32, days: u32) -> String {
    let at = format!(
        "date_trunc('day', now() - interval '1 hour', 'UTC') - interval '1 second'
             - i * interval '1 day' * {days} / {calls}"
    );
    logged_at(persona, tool, calls, &at)
}

/// The same, each at a moment that is SQL of its number `i`.
fn logged_at(persona: &Persona, tool: &str, calls: u32, at: &str) -> String {
    let workspace = persona.workspace_id();
    format!(
        "insert into orchestration.executions
             (workspace_id, id, tool_id, tool_version, door, success, error_code, input, started_at, duration_us)
         select '{workspace}',
             (substr(replace(orchestration.first_id_at(s.at)::text, '-', ''), 1, 12) || '7' || substr(md5(s.i || '{tool}'), 1, 3)
                 || '8' || substr(md5('{tool}' || s.i), 1, 15))::uuid,
             '{tool}', 1, case s.i % 2 when 0 then 'rest' else 'mcp' end, s.i % 10 <> 0,
             case when s.i % 10 = 0 then 'upstream_5xx' end, '{{}}', s.at, 1000 + s.i * 10
         from (select i, {at} as at from generate_series(0, {calls} - 1) as i) as s"
    )
}
