//! Migrations apply on a plain Postgres and on Supabase's layout, again, and from several processes at once.

use std::path::Path;

use persistence::{DatabaseConfig, Db, Error, Insert, MIGRATIONS, PoolMode, migrate, workspaces};
use postgres::{OWNER, Search, Throwaway};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, raw_sql};

use crate::cluster::{cluster, column, empty};

#[test]
fn embeds_every_file_of_the_directory() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/migrations");
    let mut files: Vec<(String, String)> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (
                entry.file_name().into_string().unwrap(),
                std::fs::read_to_string(entry.path()).unwrap(),
            )
        })
        .collect();
    files.sort();
    let embedded: Vec<(String, String)> = MIGRATIONS
        .iter()
        .map(|(name, sql)| ((*name).to_owned(), (*sql).to_owned()))
        .collect();
    assert_eq!(files, embedded);
    for (index, (name, _)) in files.iter().enumerate() {
        assert!(name.starts_with(&format!("{:04}_", index + 1)), "{name}");
    }
}

#[tokio::test]
async fn applies_once() {
    let url = cluster().url(OWNER, &empty());
    let first = migrate(&url).await.unwrap();
    assert_eq!(first.applied.len(), MIGRATIONS.len());
    let second = migrate(&url).await.unwrap();
    assert_eq!(second.applied, Vec::<i64>::new());
    assert_eq!(second.current, first.current);
}

#[tokio::test]
async fn lets_processes_race_on_one_database_and_on_two() {
    let one = cluster().url(OWNER, &empty());
    let other = cluster().url(OWNER, &empty());
    let (a, b, c, d) = tokio::join!(
        migrate(&one),
        migrate(&other),
        migrate(&one),
        migrate(&other)
    );
    let mut applied: Vec<usize> = [a, b, c, d]
        .map(|report| report.unwrap().applied.len())
        .into();
    applied.sort_unstable();
    assert_eq!(applied, [0, 0, MIGRATIONS.len(), MIGRATIONS.len()]);
}

#[tokio::test]
async fn refuses_a_database_that_a_newer_build_has_migrated() {
    let name = empty();
    let url = cluster().url(OWNER, &name);
    migrate(&url).await.unwrap();
    cluster()
        .sql(
            &name,
            "insert into migration.applied values (9999, 'future', now(), true, '', 0)",
        )
        .unwrap();
    assert!(matches!(migrate(&url).await, Err(Error::Configuration(_))));
}

/// What Supabase sets up before anybody's migrations, as far as it matters here: its roles, its `auth` schema, and
/// a `postgres` that is no superuser.
const SUPABASE: &str = "
    create role supabase_admin superuser;
    set role supabase_admin;
    create role anon nologin noinherit;
    create role authenticated nologin noinherit;
    create role service_role nologin noinherit bypassrls;
    create role authenticator login noinherit;
    grant anon, authenticated, service_role to authenticator;
    create role dashboard login createrole createdb bypassrls;
    grant anon, authenticated, service_role to dashboard with admin option;
    create role supabase_auth_admin noinherit createrole;
    create schema auth authorization supabase_auth_admin;
    set role supabase_auth_admin;
    create function auth.uid() returns uuid language sql stable as $$
        select coalesce(
            nullif(current_setting('request.jwt.claim.sub', true), ''),
            (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
        )::uuid
    $$;
    create function auth.jwt() returns jsonb language sql stable as $$
        select coalesce(
            nullif(current_setting('request.jwt.claim', true), ''),
            nullif(current_setting('request.jwt.claims', true), '')
        )::jsonb
    $$;
    grant usage on schema auth to anon, authenticated, service_role, dashboard;
    set role supabase_admin;
    grant create on database supabase to dashboard;
    alter default privileges in schema public grant all on tables to anon, authenticated, service_role;";

#[tokio::test]
async fn applies_on_supabase_without_touching_what_is_supabases() {
    let cluster = Throwaway::start(&Search::default()).unwrap();
    cluster.create_database("supabase", None).unwrap();
    cluster.sql("supabase", SUPABASE).unwrap();
    let theirs = "
        select r.rolname || ' ' || concat_ws(' ', r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcanlogin, r.rolbypassrls,
            r.rolconfig)
        from pg_roles r
        where r.rolname !~ '^pg_'
        union all
        select p.oid::regprocedure || ' ' || p.proowner::regrole || ' ' || md5(p.prosrc)
        from pg_proc p
        where p.pronamespace = 'auth'::regnamespace
        union all
        select m.roleid::regrole || ' in ' || m.member::regrole from pg_auth_members m
        order by 1";
    let before = cluster.sql("supabase", theirs).unwrap();

    migrate(&cluster.url("dashboard", "supabase"))
        .await
        .unwrap();

    let after = cluster.sql("supabase", theirs).unwrap();
    assert_eq!(before.rows, after.rows);
    let owners = cluster
        .sql(
            "supabase",
            "select distinct c.relowner::regrole::text from pg_class c
             where c.relnamespace::regnamespace::text in
                 ('identity', 'secrets', 'catalog', 'orchestration', 'registry', 'migration')",
        )
        .unwrap();
    assert_eq!(column(&owners), ["dashboard"]);

    // And it works there, definer functions under forced row-level security included.
    let db = Db::open(&DatabaseConfig {
        url: cluster.url("authenticator", "supabase"),
        pool_mode: PoolMode::Session,
        max_connections: 2,
    })
    .unwrap();
    let alice = domain::caller::Principal::user(
        domain::ids::UserId(uuid::Uuid::now_v7()),
        Some("alice@example.com".to_owned()),
    );
    let mut tx = db.begin_as(&alice, None).await.unwrap();
    let made = workspaces::create(&mut tx, &alice, "Alice", "alice")
        .await
        .unwrap();
    assert!(matches!(made, Insert::Created(_)));
    tx.commit().await.unwrap();
    assert!(matches!(
        db.enter(&alice, Some("alice")).await.unwrap(),
        persistence::Entry::Member(_)
    ));
    db.close().await;
}

/// Migrated as Supabase's `postgres`, to which policies apply unless it bypasses them.
#[tokio::test]
async fn a_log_that_is_older_than_its_parts_keeps_its_calls() {
    let cluster = Throwaway::start(&Search::default()).unwrap();
    cluster.create_database("supabase", None).unwrap();
    cluster.sql("supabase", SUPABASE).unwrap();
    let cut = MIGRATIONS
        .iter()
        .position(|(name, _)| name.ends_with("_retention.sql"))
        .unwrap();
    let mut dashboard = PgConnection::connect(&cluster.url("dashboard", "supabase"))
        .await
        .unwrap();
    let mut apply = async |migrations: &[(&str, &'static str)]| {
        for (name, text) in migrations {
            let applied = raw_sql(AssertSqlSafe(format!("begin; {text}; commit")));
            let applied = applied.execute(&mut dashboard).await;
            applied.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    };
    apply(&MIGRATIONS[..cut]).await;
    let written = "
        insert into orchestration.executions (workspace_id, id, tool_id, door, success, input, started_at, duration_us)
        select gen_random_uuid(), c.id, 'quote', 'rest', true, '{}', now(), 1
        from (
            select orchestration.first_id_at(now() - i * interval '1 hour') as id from generate_series(0, 999) as i
            union all
            -- Made by hand.
            values ('00000000-0000-4000-8000-000000000000'::uuid), ('ffffffff-ffff-4fff-8fff-ffffffffffff')
        ) as c;
        select md5(string_agg(e::text, ' ' order by e.id)) from orchestration.executions e";
    let before = cluster.sql("supabase", written).unwrap();
    apply(&MIGRATIONS[cut..]).await;
    let held = "select e.tableoid::regclass || ' ' || count(*) from orchestration.executions e
         group by e.tableoid order by count(*) desc limit 1";
    let held = cluster.sql("supabase", held).unwrap();
    assert_eq!(held.single(), Some("orchestration.executions_first 1001"));
    let after =
        "select md5(string_agg(e::text, ' ' order by e.id)) from orchestration.executions e";
    assert_eq!(before.rows, cluster.sql("supabase", after).unwrap().rows);
    // And the role that owns the log makes parts of it and drops them.
    let dropped = "
        update orchestration.rollup_state set done_until = now() + interval '1 year';
        set role service_role;
        select orchestration.add_execution_parts('100 days') > 0
           and orchestration.drop_execution_parts('-60 days') > 1";
    let dropped = cluster.sql("supabase", dropped).unwrap();
    assert_eq!(dropped.single(), Some("t"));
    let left = cluster.sql("supabase", "select count(*) from orchestration.executions");
    assert_eq!(left.unwrap().single(), Some("1"));
}

#[tokio::test]
async fn says_what_the_migrating_role_lacks() {
    let name = empty();
    let role = format!("weak_{name}");
    cluster()
        .sql(
            &name,
            &format!(
                "create role {role} login createrole; grant create on database {name} to {role}"
            ),
        )
        .unwrap();
    let error = migrate(&cluster().url(&role, &name)).await.unwrap_err();
    let why = std::error::Error::source(&error).map(ToString::to_string);
    assert!(why.unwrap_or_default().contains("BYPASSRLS"), "{error:?}");
}
