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

/// Runs change through the doors of the engine alone: a row made up by hand would be executed.
#[tokio::test]
async fn nobody_writes_the_rows_of_a_run_by_hand() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    database.sql(SEED);
    let mine = alice.workspace;
    for statement in [
        format!(
            "insert into orchestration.run_steps (run_id, step_id, workspace_id, kind, status) values (gen_random_uuid(), 'b', '{mine}', 'tool', 'ready')"
        ),
        format!(
            "insert into orchestration.runs (id, workspace_id, flow_id, flow_version) values (gen_random_uuid(), '{mine}', 'brief', 1)"
        ),
        format!("update orchestration.runs set status = 'succeeded' where workspace_id = '{mine}'"),
        format!("update orchestration.run_steps set status = 'ready' where workspace_id = '{mine}'"),
        format!(
            "insert into orchestration.signals (run_id, step_id, workspace_id, approved) select r.id, 'x', '{mine}', true from orchestration.runs r"
        ),
        format!("delete from orchestration.run_events where workspace_id = '{mine}'"),
        "select orchestration.advance_run(gen_random_uuid(), '{}', '[]', null, gen_random_uuid(), 1, 1, 1, false)".to_owned(),
    ] {
        let answer = attempt(&database, &alice, &statement);
        let refused = answer
            .as_ref()
            .is_err_and(|why| why.contains("permission denied"));
        assert!(refused, "{statement}: {answer:?}");
    }
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
    let insert = format!(
        "orchestration.conversations (id, workspace_id, previous_id, model, prompt) select gen_random_uuid(), '{mine}', '{run}', 'm', 'p'"
    );
    let answer = attempt(&database, &bob, &format!("insert into {insert}"));
    let refused = answer
        .as_ref()
        .is_err_and(|why| why.contains("foreign key"));
    assert!(refused, "{insert}: {answer:?}");
}
