//! Reports: every way to one is an index range, whatever else there is.

use persistence::statements;

use crate::cluster::Database;

/// A year of two workspaces with two tools, as it is counted.
const A_YEAR: &str = "
    insert into orchestration.execution_rollups (workspace_id, grain, tool_id, at, door, outcome, bucket, calls, duration_us)
    select w.id, 'day', t.id, date_trunc('day', now(), 'UTC') - n * interval '1 day', 'rest', '', b, 1, 100
    from identity.workspaces w
    cross join unnest(array['', 'quote', 'mail']) as t (id)
    cross join generate_series(0, 364) as n
    cross join generate_series(1, 5) as b;
    insert into orchestration.executions (workspace_id, id, tool_id, door, success, input, started_at, duration_us)
    select w.id, (substr(replace(orchestration.first_id_at(s.at)::text, '-', ''), 1, 12) || '70008000' || lpad(s.n::text, 12, '0'))::uuid,
        'quote', 'rest', true, '{}', s.at, 100
    from identity.workspaces w
    cross join (select n, now() - n * interval '1 minute' as at from generate_series(1, 5000) as n) as s;
    update orchestration.rollup_state set done_until = now() - interval '20 minutes';
    analyze orchestration.execution_rollups;
    analyze orchestration.executions";

#[tokio::test]
async fn reports_read_no_table_from_end_to_end() {
    let database = Database::new().await;
    let workspace = database.persona("busy").await.workspace;
    database.persona("other").await;
    database.sql(A_YEAR);
    for (name, more) in [
        ("analytics::of_workspace", ""),
        ("analytics::of_tool", ", 'quote'"),
        ("analytics::top", ", 10"),
        ("analytics::tokens", ""),
    ] {
        let mut named = statements().into_iter();
        let statement = named.find(|statement| statement.name == name).unwrap();
        let sql = statement.sql;
        let plan = database.sql(&format!(
            "prepare report as {sql};
             explain execute report ('{workspace}', 'day', now() - interval '30 days', now(){more})"
        ));
        let plan: Vec<String> = plan.rows.into_iter().flatten().flatten().collect();
        let plan = plan.join("\n");
        for table in ["executions", "execution_rollups"] {
            let seq = format!("Seq Scan on {table}");
            assert!(!plan.contains(&seq), "{name}: {plan}");
        }
    }
}
