//! What somebody might try who can run any SQL as `authenticated`.

use crate::cluster::{Database, Persona, cluster};

const SEED: &str = include_str!("seed.sql");

/// The statements as this person, in one session; what the server says, or why it refuses.
fn attempt(
    database: &Database,
    person: &Persona,
    sql: &str,
) -> Result<Vec<Option<String>>, String> {
    let user = person.principal.user_id;
    let statements = format!(
        "begin; select set_config('role', 'authenticated', true), \
             set_config('request.jwt.claims', '{{\"sub\":\"{user}\"}}', true); {sql}"
    );
    match cluster().sql(&database.name, &statements) {
        Ok(rows) => Ok(rows.rows.into_iter().flatten().collect()),
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::test]
async fn a_type_in_pg_temp_does_not_run_as_the_owner() {
    let database = Database::new().await;
    let bob = database.persona("bob").await;
    let mine = bob.workspace;
    let trap = "
        create function pg_temp.trap(pg_catalog.text) returns boolean language plpgsql as
            $$ begin raise exception 'trapped'; end $$;
        create domain pg_temp.jsonb as pg_catalog.jsonb check (pg_temp.trap(value::pg_catalog.text));
        create domain pg_temp.text as pg_catalog.text check (pg_temp.trap(value::pg_catalog.text));
        create domain pg_temp.uuid as pg_catalog.uuid check (pg_temp.trap(value::pg_catalog.text));";
    let reached = attempt(
        &database,
        &bob,
        &format!("{trap} select ws::pg_catalog.text from unnest(identity.reach('viewer')) as ws"),
    );
    assert_eq!(reached, Ok(vec![Some(mine.to_string())]));
}

#[tokio::test]
async fn nothing_is_hung_on_a_neighbours_run() {
    let database = Database::new().await;
    database.persona("alice").await;
    database.sql(SEED);
    let bob = database.persona("bob").await;
    let run = database.sql("select r.id from orchestration.runs r");
    let run = run.single().unwrap();
    let mine = bob.workspace;
    for insert in [
        format!(
            "orchestration.signals (run_id, step_id, workspace_id, approved) values ('{run}', 'b', '{mine}', true)"
        ),
        format!(
            "orchestration.run_steps (run_id, step_id, workspace_id, kind, status) values ('{run}', 'b', '{mine}', 'tool', 'ready')"
        ),
        format!(
            "orchestration.run_edges (run_id, from_step, to_step, workspace_id) values ('{run}', 'b', 'c', '{mine}')"
        ),
        format!(
            "orchestration.run_events (run_id, seq, workspace_id, kind) values ('{run}', 2, '{mine}', 'run.ended')"
        ),
        format!(
            "orchestration.conversations (id, workspace_id, previous_id, model, prompt) select gen_random_uuid(), '{mine}', '{run}', 'm', 'p'"
        ),
    ] {
        let answer = attempt(&database, &bob, &format!("insert into {insert}"));
        let refused = answer
            .as_ref()
            .is_err_and(|why| why.contains("foreign key"));
        assert!(refused, "{insert}: {answer:?}");
    }
}
