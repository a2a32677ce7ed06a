//! The log in parts: each statement reads those it must, a call is always written, and nothing is dropped that is not counted.

use persistence::analytics::{self, Grain};
use persistence::{Error, retention, statements};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, raw_sql};

use crate::cluster::{Database, Persona, cluster, column};

/// Eight months of parts, `executions_0` to `executions_7`.
const PARTS: &str = include_str!("../../../../tests/it/analytics/parts.sql");

/// The part that is written now.
const NOW: &str = "executions_0";

/// Calls of the tool `quote`, one at each of these moments; `at` is SQL.
fn calls(persona: &Persona, at: &str) -> String {
    let workspace = persona.workspace;
    format!(
        "insert into orchestration.executions (workspace_id, id, tool_id, door, success, input, started_at, duration_us)
         select '{workspace}',
             overlay(gen_random_uuid()::text placing left(orchestration.first_id_at(c.at)::text, 13) from 1 for 13)::uuid,
             'quote', 'rest', true, '{{}}', c.at, 100
         from (select {at} as at) as c"
    )
}

/// A call in the middle of each of the last eight months, and of this one.
const EACH_MONTH: &str = "(date_trunc('month', now() at time zone 'UTC') - generate_series(0, 7) * interval '1 month') at time zone 'UTC' + interval '1 minute'";

/// Whoever has a log of eight months.
async fn eight_months() -> (Database, Persona) {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    database.sql(PARTS);
    database.sql(&calls(&alice, EACH_MONTH));
    (database, alice)
}

/// The parts, in order.
fn parts(database: &Database) -> Vec<String> {
    column(&database.sql(
        "select replace(p.part::text, 'orchestration.', '') from orchestration.execution_parts() p",
    ))
}

/// How many calls there are, part by part.
fn held(database: &Database) -> Vec<String> {
    column(&database.sql(
        "select replace(e.tableoid::regclass::text, 'orchestration.', '') || ' ' || count(*)
         from orchestration.executions e group by e.tableoid order by 1",
    ))
}

/// The parts that a statement reads, or one that leads to the role and the statement.
fn read(database: &Database, statement: &str) -> Vec<String> {
    column(&database.sql(&format!(
        "begin; {statement};
         reset role;
         select t.relname from pg_stat_xact_user_tables t
         where t.relname ~ '^executions_' and coalesce(t.seq_scan, 0) + coalesce(t.idx_scan, 0) > 0
         order by 1"
    )))
}

/// A statement of the crate as this person, with parameters in SQL.
fn asked(alice: &Persona, name: &str, parameters: &str) -> String {
    let statement = statements().into_iter().find(|one| one.name == name);
    let sql = statement.unwrap().sql;
    let user = alice.principal.user_id;
    format!(
        "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', '{{\"sub\":\"{user}\"}}', true);
         prepare asked as {sql}; execute asked({parameters})"
    )
}

async fn add_parts(database: &Database) -> Result<Option<u64>, Error> {
    let mut tx = database.db.begin_system().await?;
    let made = retention::add_parts(&mut tx, 60).await?;
    tx.commit().await.map(|()| made)
}

async fn drop_parts(database: &Database, keep: i32) -> Result<Option<u64>, Error> {
    let mut tx = database.db.begin_system().await?;
    let dropped = retention::drop_parts(&mut tx, keep).await?;
    tx.commit().await.map(|()| dropped)
}

async fn counts(database: &Database) -> u64 {
    let mut counted = 0;
    loop {
        let mut tx = database.db.begin_system().await.unwrap();
        let more = analytics::roll_up(&mut tx, 1_200, 100_000).await.unwrap();
        tx.commit().await.unwrap();
        counted += more;
        let done = "select coalesce(done_until, now()) > now() - interval '1 day' from orchestration.rollup_state";
        if database.sql(done).single() == Some("t") {
            return counted;
        }
    }
}

/// Somebody who has read the log and whose transaction is still open.
async fn reader(database: &Database) -> PgConnection {
    let url = cluster().url(postgres::OWNER, &database.name);
    let mut reader = PgConnection::connect(&url).await.unwrap();
    run(
        &mut reader,
        "begin; select count(*) from orchestration.executions",
    )
    .await;
    reader
}

async fn run(connection: &mut PgConnection, sql: &str) {
    raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_call_is_looked_for_in_its_part_alone() {
    let (database, alice) = eight_months().await;
    let workspace = alice.workspace;
    let id = database
        .sql("select e.id from orchestration.executions_3 e")
        .single()
        .unwrap()
        .to_owned();
    for mode in ["force_custom_plan", "force_generic_plan"] {
        let parameters = format!("'{workspace}', '{id}'");
        let statement = asked(&alice, "executions::by_id", &parameters);
        let statement = format!("set local plan_cache_mode = {mode}; {statement}");
        assert_eq!(read(&database, &statement), ["executions_3"], "{mode}");
    }
}

#[tokio::test]
async fn a_page_reads_the_newest_parts_until_it_is_full() {
    let (database, alice) = eight_months().await;
    let workspace = alice.workspace;
    database.sql(&calls(
        &alice,
        "now() - generate_series(1, 5) * interval '1 second'",
    ));
    let latest = "orchestration.first_id_at(now() + interval '1 hour')";
    let newest = database
        .sql("select e.id from orchestration.executions e order by e.id desc limit 1 offset 4")
        .single()
        .unwrap()
        .to_owned();
    for mode in ["force_custom_plan", "force_generic_plan"] {
        for (name, more) in [
            ("executions::page", ""),
            ("executions::page (of tool)", ", 'quote'"),
        ] {
            let page = |before: &str, limit: u8| {
                let parameters = format!("'{workspace}', {before}, {limit}{more}");
                let statement = asked(&alice, name, &parameters);
                read(
                    &database,
                    &format!("set local plan_cache_mode = {mode}; {statement}"),
                )
            };
            // The part to come may be looked into as well: it is empty.
            let mut of_now = page(latest, 3);
            of_now.retain(|part| part != "executions_to_come");
            assert!(of_now.len() <= 2, "{mode} {name} {of_now:?}");
            assert!(
                of_now.contains(&NOW.to_owned()) || of_now.contains(&"executions_1".to_owned()),
                "{mode} {name} {of_now:?}"
            );
            let all = page(&format!("'{newest}'"), 50);
            assert!(all.len() >= 8, "{mode} {name} {all:?}");
        }
    }
}

#[tokio::test]
async fn counting_and_reports_read_the_parts_of_their_time() {
    let (database, alice) = eight_months().await;
    let workspace = alice.workspace;
    let month =
        "date_trunc('month', now() at time zone 'UTC') at time zone 'UTC' - interval '40 days'";
    database.sql(&format!(
        "update orchestration.rollup_state set done_until = date_trunc('hour', {month}, 'UTC')"
    ));
    // Two hours.
    let counted = "select orchestration.roll_up(now() - (select done_until from orchestration.rollup_state) - interval '2 hours', 1)";
    assert_eq!(read(&database, counted), ["executions_2"]);
    let span =
        format!("'{workspace}', 'day', {month} - interval '1 day', {month} + interval '1 day'");
    for (name, more) in [
        ("analytics::of_workspace", ""),
        ("analytics::of_tool", ", 'quote'"),
        ("analytics::top", ", 10"),
    ] {
        let report = asked(&alice, name, &format!("{span}{more}"));
        let read = read(&database, &report);
        assert!(
            read.iter().all(|part| part == "executions_2"),
            "{name}: {read:?}"
        );
    }
}

#[tokio::test]
async fn a_call_is_written_whatever_its_id() {
    let (database, alice) = eight_months().await;
    let before = held(&database);
    for id in [
        "'00000000-0000-7000-8000-000000000001'::uuid",
        "'ffffffff-ffff-7fff-8fff-ffffffffffff'::uuid",
        "orchestration.first_id_at(now() + interval '3 years')",
        "orchestration.first_id_at(now() - interval '3 years')",
    ] {
        let workspace = alice.workspace;
        database.sql(&format!(
            "insert into orchestration.executions (workspace_id, id, tool_id, door, success, input, started_at, duration_us)
             values ('{workspace}', {id}, 'quote', 'rest', true, '{{}}', now(), 1)"
        ));
    }
    let mut expected = before;
    expected.extend([
        "executions_first 2".to_owned(),
        "executions_to_come 2".to_owned(),
    ]);
    assert_eq!(held(&database), expected);
}

#[tokio::test]
async fn parts_are_made_ahead_and_once() {
    let (database, _) = eight_months().await;
    let (a, b, c, d) = tokio::join!(
        add_parts(&database),
        add_parts(&database),
        add_parts(&database),
        add_parts(&database)
    );
    let made: u64 = [a, b, c, d]
        .into_iter()
        .filter_map(|made| made.unwrap())
        .sum();
    // The one to come was closed, and as many months as begin within sixty days.
    assert!((2..=3).contains(&made), "{made}");
    assert_eq!(parts(&database).len(), 10 + usize::try_from(made).unwrap());
    assert_eq!(add_parts(&database).await.unwrap(), Some(0));
    let ahead = "select bool_or(orchestration.time_of_id(p.from_id) > now() + interval '60 days' and p.to_id is null)
         from orchestration.execution_parts() p";
    assert_eq!(database.sql(ahead).single(), Some("t"));
}

#[tokio::test]
async fn what_was_written_while_nobody_made_parts_stays() {
    let (database, alice) = eight_months().await;
    // As if nobody had come by for five months.
    database.sql(
        "delete from orchestration.executions;
         drop table orchestration.executions_to_come, orchestration.executions_0, orchestration.executions_1,
             orchestration.executions_2, orchestration.executions_3;
         select orchestration.add_execution_part('executions_late', p.to_id, null)
         from orchestration.execution_parts() p where p.part = 'orchestration.executions_4'::regclass",
    );
    database.sql(&calls(&alice, EACH_MONTH));
    database.sql(&calls(&alice, "now() + interval '3 years'"));
    // One that made parts and died has made none.
    let before = (parts(&database), held(&database));
    database.sql("begin; select orchestration.add_execution_parts('60 days'); rollback");
    assert_eq!((parts(&database), held(&database)), before);

    let made = add_parts(&database).await.unwrap().unwrap();
    assert!((3..=4).contains(&made), "{made}");
    let parts = parts(&database);
    let last = parts.last().unwrap();
    let mut expected: Vec<String> = (4..=7).map(|age| format!("executions_{age} 1")).collect();
    expected.extend([format!("{last} 1"), "executions_late 4".to_owned()]);
    expected.sort_unstable();
    assert_eq!(held(&database), expected);
    let late = "select orchestration.time_of_id(p.to_id) = orchestration.end_of_month(now())
         from orchestration.execution_parts() p where p.part = 'orchestration.executions_late'::regclass";
    assert_eq!(database.sql(late).single(), Some("t"));
}

/// Reading it would keep everybody from writing: that is for a quiet hour, and for somebody who says so.
#[tokio::test]
async fn a_part_that_is_too_large_is_given_an_end_by_hand_only() {
    let database = Database::new().await;
    let add = |most_bytes: i64| {
        let call = format!("select orchestration.add_execution_parts('400 days', {most_bytes})");
        cluster().sql(&database.name, &call)
    };
    // The last part is empty: only less than nothing is less.
    let refused = add(-1).unwrap_err().to_string();
    assert!(refused.contains("too large"), "{refused}");
    let made = add(0).unwrap();
    assert!(made.single().unwrap().parse::<u32>().unwrap() > 9);
}

#[tokio::test]
async fn only_what_is_old_and_counted_is_dropped() {
    let (database, _) = eight_months().await;
    let all = held(&database);
    // Nothing is counted.
    assert_eq!(drop_parts(&database, 7).await.unwrap(), Some(0));
    assert_eq!(held(&database), all);
    // Counted to the middle of a month: the months before it go.
    database.sql(
        "update orchestration.rollup_state
         set done_until = date_trunc('month', now(), 'UTC') - interval '5 months' + interval '10 days'",
    );
    assert_eq!(drop_parts(&database, 7).await.unwrap(), Some(3));
    assert_eq!(held(&database), all[..6]);
    assert_eq!(parts(&database)[0], "executions_first");
    assert_eq!(parts(&database)[1], "executions_5");
    assert_eq!(drop_parts(&database, 7).await.unwrap(), Some(0));
    // All is counted: what is old goes, and what is kept for 70 days stays with the month that it is in.
    database.sql("update orchestration.rollup_state set done_until = now()");
    assert!((3..=4).contains(&drop_parts(&database, 70).await.unwrap().unwrap()));
    let left = held(&database).len();
    assert!((3..=4).contains(&left), "{left}");
}

#[tokio::test]
async fn a_call_that_began_later_than_its_id_says_is_counted_before_it_goes() {
    let (database, _) = eight_months().await;
    database.sql(
        "update orchestration.executions_6 set started_at = now() - interval '1 minute';
         update orchestration.rollup_state set done_until = now() - interval '20 minutes'",
    );
    // The month before it, and the empty part before that.
    assert_eq!(drop_parts(&database, 7).await.unwrap(), Some(2));
    assert_eq!(parts(&database)[1], "executions_6");
}

#[tokio::test]
async fn a_log_that_was_dropped_has_no_gap() {
    let (database, alice) = eight_months().await;
    assert_eq!(counts(&database).await, 8);
    // One that dropped and died has dropped nothing.
    let all = held(&database);
    database.sql("begin; select orchestration.drop_execution_parts('7 days'); rollback");
    assert_eq!(held(&database), all);
    assert!(drop_parts(&database, 7).await.unwrap() > Some(5));
    // Written late, by whatever mistake; it is in nobody's way and goes the next time.
    database.sql(&calls(&alice, "now() - interval '200 days'"));
    let held = held(&database);
    assert!(held.contains(&"executions_first 1".to_owned()), "{held:?}");
    assert_eq!(drop_parts(&database, 7).await.unwrap(), Some(1));
    assert_eq!(drop_parts(&database, 7).await.unwrap(), Some(0));
    let first = "select count(*) from orchestration.executions_first";
    assert_eq!(database.sql(first).single(), Some("0"));
}

#[tokio::test]
async fn whoever_reads_is_not_waited_for() {
    let (database, alice) = eight_months().await;
    counts(&database).await;
    let reader = reader(&database).await;
    let before = (parts(&database), held(&database));
    assert_eq!(add_parts(&database).await.unwrap(), None);
    assert_eq!(drop_parts(&database, 7).await.unwrap(), None);
    assert_eq!((parts(&database), held(&database)), before);
    // Calls are written meanwhile.
    database.sql(&calls(&alice, "now()"));
    reader.close().await.unwrap();
    // The server may take a moment to see that the reader is gone.
    while add_parts(&database).await.unwrap().is_none() {}
    while drop_parts(&database, 7).await.unwrap().is_none() {}
    assert!(parts(&database).len() < before.0.len());
}

#[tokio::test]
async fn whoever_counts_is_not_finished() {
    let (database, _) = eight_months().await;
    database.sql("update orchestration.rollup_state set done_until = now()");
    let url = cluster().url(postgres::OWNER, &database.name);
    let mut counting = PgConnection::connect(&url).await.unwrap();
    run(
        &mut counting,
        "begin; select orchestration.roll_up('20 minutes', 100)",
    )
    .await;
    assert_eq!(drop_parts(&database, 7).await.unwrap(), None);
    run(&mut counting, "commit").await;
    assert!(drop_parts(&database, 7).await.unwrap() > Some(5));
}

#[tokio::test]
async fn hours_and_days_are_kept_for_their_time() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let workspace = alice.workspace;
    database.sql(&format!(
        "insert into orchestration.execution_rollups (workspace_id, grain, tool_id, at, door, outcome, bucket, calls, duration_us)
         select '{workspace}', g, t, date_trunc('day', now(), 'UTC') - n * interval '1 day', 'rest', '', 1, 1, 100
         from unnest(array['hour', 'day']) as g
         cross join unnest(array['', 'quote']) as t
         cross join generate_series(1, 100) as n;
         insert into orchestration.token_rollups
             (workspace_id, grain, at, model, runs, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, total_tokens)
         select '{workspace}', g, date_trunc('day', now(), 'UTC') - n * interval '1 day', 'gpt', 1, 1, 0, 1, 0, 2
         from unnest(array['hour', 'day']) as g
         cross join generate_series(1, 100) as n"
    ));
    let left = || {
        column(&database.sql(
            "select r.kind || ' ' || r.grain || ' ' || count(*) || ' ' || max(now()::date - r.at::date)
             from (
                 select 'calls' as kind, c.grain, c.at from orchestration.execution_rollups c
                 union all
                 select 'tokens', t.grain, t.at from orchestration.token_rollups t
             ) as r group by r.kind, r.grain order by 1",
        ))
    };
    let thin = async |grain, keep| {
        let mut tx = database.db.begin_system().await.unwrap();
        let mut gone = 0;
        loop {
            let more = retention::thin(&mut tx, grain, keep, 7).await.unwrap();
            gone += more;
            if more == 0 {
                break;
            }
        }
        tx.commit().await.unwrap();
        gone
    };
    assert_eq!(thin(Grain::Hour, 31).await, 3 * 69);
    assert_eq!(
        left(),
        [
            "calls day 200 100",
            "calls hour 62 31",
            "tokens day 100 100",
            "tokens hour 31 31"
        ]
    );
    assert_eq!(thin(Grain::Day, 90).await, 3 * 10);
    assert_eq!(
        left(),
        [
            "calls day 180 90",
            "calls hour 62 31",
            "tokens day 90 90",
            "tokens hour 31 31"
        ]
    );
}
