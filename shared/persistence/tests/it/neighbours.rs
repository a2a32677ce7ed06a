//! In every table there is a row of alice's, and nobody but her workspace's people sees or touches it.

use domain::caller::Role;

use crate::cluster::{Database, Persona, cluster, column};

const SEED: &str = include_str!("seed.sql");
const TABLES: &str = "select c.oid::regclass::text
    from pg_class c
    where c.relnamespace::regnamespace::text in
        ('identity', 'secrets', 'catalog', 'orchestration', 'registry')
      and c.relkind in ('r', 'p')
      and not c.relispartition
    order by 1";

/// What the statement answers as this role and person; `None` when it is not granted.
fn ask(database: &Database, role: &str, person: Option<&Persona>, sql: &str) -> Option<String> {
    let subject = person.map(|person| person.principal.user_id.to_string());
    let claims = subject.map_or("{}".to_owned(), |subject| {
        format!(r#"{{"sub":"{subject}"}}"#)
    });
    let statements = format!(
        "begin; select set_config('role', '{role}', true), \
             set_config('request.jwt.claims', '{claims}', true); {sql}"
    );
    match cluster().sql(&database.name, &statements) {
        Ok(rows) => rows.single().map(str::to_owned),
        Err(error) => {
            let text = error.to_string();
            assert!(
                text.contains("permission denied") || text.contains("row-level security"),
                "{sql}: {text}"
            );
            None
        }
    }
}

#[tokio::test]
async fn a_neighbour_and_the_public_see_no_row_of_any_table() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    database.sql(SEED);
    let bob = database.persona("bob").await;
    let workspace = alice.workspace;
    for table in column(&database.sql(TABLES)) {
        // What is hers; tables that belong to no workspace count whole.
        let hers = match table.as_str() {
            "identity.profiles" => format!("id = '{}'", alice.principal.user_id),
            "identity.workspaces" => format!("id = '{workspace}'"),
            "orchestration.heartbeats" | "orchestration.rollup_state" => "true".to_owned(),
            _ => format!("workspace_id = '{workspace}'"),
        };
        let count = format!("select count(*) from {table} where {hers}");
        let there = database.sql(&count);
        assert_ne!(there.single(), Some("0"), "{table} has no row in seed.sql");
        let seen = ask(&database, "authenticated", Some(&bob), &count);
        assert!(
            matches!(seen.as_deref(), None | Some("0")),
            "{table}: bob sees {seen:?}"
        );

        let any = format!("select count(1) from {table}");
        for (role, person) in [("anon", None), ("authenticated", None)] {
            let seen = ask(&database, role, person, &any);
            assert!(
                matches!(seen.as_deref(), None | Some("0")),
                "{table}: {role} sees {seen:?}"
            );
        }
        let seen = ask(&database, "authenticator", Some(&alice), &any);
        assert_eq!(seen, None, "{table}: the login role itself reads");
    }
}

#[tokio::test]
async fn a_neighbour_removes_no_row_of_any_table() {
    let database = Database::new().await;
    database.persona("alice").await;
    database.sql(SEED);
    let bob = database.persona("bob").await;
    for table in column(&database.sql(TABLES)) {
        // Bob's own rows are his to delete where deleting is granted at all.
        let others = match table.as_str() {
            "identity.profiles" | "orchestration.heartbeats" | "orchestration.rollup_state" => {
                "true".to_owned()
            }
            "identity.workspaces" => format!("id <> '{}'", bob.workspace),
            _ => format!("workspace_id <> '{}'", bob.workspace),
        };
        let gone = ask(
            &database,
            "authenticated",
            Some(&bob),
            &format!(
                "with gone as (delete from {table} where {others} returning 1) \
                 select count(*) from gone"
            ),
        );
        assert!(
            matches!(gone.as_deref(), None | Some("0")),
            "{table}: {gone:?}"
        );
    }
}

/// What the table of rights says of viewers holds in the database, whatever a program asks it.
#[tokio::test]
async fn a_viewer_changes_no_row_of_any_table() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    database.sql(SEED);
    let viewer = database.colleague(&alice, Role::Viewer).await;
    let user = viewer.principal.user_id;
    let mut changes = 0;
    for table in column(&database.sql(TABLES)) {
        // Their own profile and membership are theirs to change and to end.
        let others = match table.as_str() {
            "identity.profiles" => format!("id <> '{user}'"),
            "identity.memberships" => format!("user_id <> '{user}'"),
            _ => "true".to_owned(),
        };
        let columns = database.sql(&format!(
            "select a.attname from pg_attribute a
             where a.attrelid = '{table}'::regclass and a.attnum > 0 and not a.attisdropped
               and has_column_privilege('authenticated', a.attrelid, a.attnum, 'update')"
        ));
        let updates = column(&columns)
            .into_iter()
            .map(|name| format!("update {table} set {name} = {name} where {others}"));
        let delete = format!("delete from {table} where {others}");
        for statement in updates.chain([delete]) {
            changes += 1;
            let counted =
                format!("with done as ({statement} returning 1) select count(*) from done");
            let done = ask(&database, "authenticated", Some(&viewer), &counted);
            assert!(
                matches!(done.as_deref(), None | Some("0")),
                "{statement}: {done:?}"
            );
        }
    }
    assert!(changes > 60, "{changes}");
}

#[tokio::test]
async fn the_public_sees_what_is_published_and_nothing_else_of_it() {
    let database = Database::new().await;
    database.persona("alice").await;
    database.sql(SEED);
    let list = "select string_agg(m.slug || ' ' || m.rating || ' ' || m.installs, ',')
                from registry.marketplace m";
    assert_eq!(ask(&database, "anon", None, list), None);
    database.sql("update catalog.publications set withdrawn_at = null");
    let shown = ask(&database, "anon", None, list);
    assert_eq!(shown.as_deref(), Some("alice_quote 4.00 1"));
    let reviews = "select count(*) from registry.marketplace_reviews";
    assert_eq!(ask(&database, "anon", None, reviews).as_deref(), Some("1"));
    for hidden in [
        "select workspace_id from catalog.publications",
        "select user_id from registry.reviews",
    ] {
        assert_eq!(ask(&database, "anon", None, hidden), None);
    }
}

#[tokio::test]
async fn alice_sees_her_own_rows() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    database.sql(SEED);
    // What only the system and its own functions read.
    let ungranted = [
        "orchestration.heartbeats",
        "orchestration.idempotency",
        "orchestration.rollup_state",
        "orchestration.slots",
        "registry.reviews",
    ];
    for table in column(&database.sql(TABLES)) {
        let key = match table.as_str() {
            "identity.profiles"
            | "identity.workspaces"
            | "orchestration.heartbeats"
            | "orchestration.rollup_state" => "true",
            _ => "workspace_id is not null",
        };
        let count = format!("select count(*) > 0 from {table} where {key}");
        let seen = ask(&database, "authenticated", Some(&alice), &count);
        let expected = (!ungranted.contains(&table.as_str())).then_some("t");
        assert_eq!(seen.as_deref(), expected, "{table}");
    }
}
