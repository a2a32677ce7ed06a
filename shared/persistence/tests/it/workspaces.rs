//! Workspaces: the first owner, unique slugs, the last owner, and the end of everything.

use domain::caller::{KeyGrant, Principal, Role};
use domain::ids::{ApiKeyId, UserId};
use persistence::{Error, Insert, members, workspaces};
use uuid::Uuid;

use crate::cluster::{Database, Persona};

#[tokio::test]
async fn who_makes_a_workspace_owns_it_and_only_members_see_it() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let bob = database.persona("bob").await;
    let mut tx = database.db.begin_as(&alice.principal, None).await.unwrap();
    let mine = workspaces::mine(&mut tx, None, 200).await.unwrap();
    assert_eq!(mine.len(), 1);
    assert_eq!(
        (mine[0].slug.as_str(), mine[0].role),
        ("alice", Role::Owner)
    );
    assert!(
        workspaces::by_id(&mut tx, alice.workspace)
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        workspaces::by_id(&mut tx, bob.workspace)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        members::page(&mut tx, bob.workspace, None, 50)
            .await
            .unwrap()
            .is_empty()
    );
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_slug_is_taken_once_and_the_transaction_lives_on() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let mut tx = database.db.begin_as(&alice.principal, None).await.unwrap();
    let again = workspaces::create(&mut tx, &alice.principal, "Again", "alice")
        .await
        .unwrap();
    assert_eq!(again, Insert::Exists);
    let other = workspaces::create(&mut tx, &alice.principal, "Other", "other")
        .await
        .unwrap();
    assert!(matches!(other, Insert::Created(_)));
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn refuses_slugs_that_could_be_ids_and_makers_that_are_machines() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let slug = Uuid::nil().to_string();
    let mut tx = database.db.begin_as(&alice.principal, None).await.unwrap();
    let refused = workspaces::create(&mut tx, &alice.principal, "x", &slug)
        .await
        .unwrap_err();
    assert!(
        refused.is_conflict_on("workspaces_slug_check"),
        "{refused:?}"
    );
    assert!(tx.commit().await.is_err());

    let machine = Principal {
        key: Some(KeyGrant {
            id: ApiKeyId(Uuid::now_v7()),
            workspace_id: alice.workspace,
            role: Role::Owner,
            scopes: Vec::new(),
        }),
        ..alice.principal.clone()
    };
    let mut tx = database.db.begin_as(&machine, None).await.unwrap();
    // Past the check in Rust, the database says the same.
    let refused = workspaces::create(&mut tx, &alice.principal, "x", "x").await;
    assert!(matches!(refused, Err(Error::Forbidden)), "{refused:?}");
}

#[tokio::test]
async fn a_workspace_keeps_an_owner() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let set = async |user: UserId, role: Role| {
        let mut tx = database.db.begin_system().await.unwrap();
        members::add(&mut tx, alice.workspace, user, None, role).await?;
        tx.commit().await
    };
    let refused = set(alice.principal.user_id, Role::Admin).await.unwrap_err();
    assert!(
        refused.is_conflict_on("memberships_last_owner"),
        "{refused:?}"
    );
    let second = database.colleague(&alice, Role::Owner).await;
    set(alice.principal.user_id, Role::Admin).await.unwrap();
    assert!(set(second.principal.user_id, Role::Viewer).await.is_err());
}

#[tokio::test]
async fn the_end_of_a_workspace_takes_everything_but_the_audit() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    crate::tools::save(&database, &alice, "quote", "{}", 'a').await;
    crate::executions::record(&database, &alice, "quote", true)
        .await
        .unwrap();
    crate::secrets::store(&database, &alice, "API_KEY", &[]).await;
    database.sql(
        "insert into secrets.audit (workspace_id, action, subject_kind, subject)
         select id, 'secret.use', 'secret', 'API_KEY' from identity.workspaces",
    );
    delete(&database, &alice).await;
    // In time it can come back.
    assert_eq!(sweep(&database).await, 0);
    database.sql("update identity.workspaces set deleted_at = now() - interval '31 days'");
    while sweep(&database).await > 0 {}
    for table in [
        "identity.workspaces",
        "identity.memberships",
        "catalog.names",
        "catalog.revisions",
        "catalog.tools",
        "catalog.tool_versions",
        "orchestration.executions",
        "secrets.secrets",
        "secrets.data_keys",
    ] {
        let left = database.sql(&format!("select count(*) from {table}"));
        assert_eq!(left.single(), Some("0"), "{table}");
    }
    let audit = database.sql("select string_agg(action, ' ' order by id) from secrets.audit");
    assert_eq!(
        audit.single(),
        Some("secret.use workspace.delete workspace.purge")
    );
}

async fn delete(database: &Database, owner: &Persona) {
    let mut tx = database.db.begin_as(&owner.principal, None).await.unwrap();
    assert!(workspaces::delete(&mut tx, owner.workspace).await.unwrap());
    tx.commit().await.unwrap();
}

/// One round of the sweep's work on deleted workspaces: on how many things.
async fn sweep(database: &Database) -> usize {
    let mut tx = database.db.begin_system().await.unwrap();
    let secrets = workspaces::release_secrets(&mut tx, 10).await.unwrap();
    let rows = workspaces::empty(&mut tx, 10).await.unwrap();
    let gone = workspaces::purge(&mut tx, 10).await.unwrap();
    tx.commit().await.unwrap();
    secrets + rows + gone
}

#[tokio::test]
async fn a_secret_outside_is_let_go_before_its_workspace() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    database.sql(
        "insert into secrets.secrets (id, workspace_id, name, provider, reference)
         select gen_random_uuid(), id, 'OUTSIDE', 'aws_secrets_manager', 'tenants/outside' from identity.workspaces",
    );
    delete(&database, &alice).await;
    database.sql("update identity.workspaces set deleted_at = now() - interval '31 days'");
    assert_eq!(sweep(&database).await, 1);
    let state =
        database.sql("select state || ' ' || (settling_until <= now()) from secrets.secrets");
    assert_eq!(state.single(), Some("deleting true"));
    assert_eq!(sweep(&database).await, 0);
    // Once its value is gone, and its row with it, so is the workspace.
    database.sql("delete from secrets.secrets");
    assert_eq!(sweep(&database).await, 1);
    let left = database.sql("select count(*) from identity.workspaces");
    assert_eq!(left.single(), Some("0"));
}

#[tokio::test]
async fn nobody_is_in_a_deleted_workspace() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let admin = database.colleague(&alice, Role::Admin).await;
    delete(&database, &alice).await;
    for person in [&alice, &admin] {
        let mut tx = database.db.begin_as(&person.principal, None).await.unwrap();
        let reached = members::page(&mut tx, person.workspace, None, 50)
            .await
            .unwrap();
        // One's own membership is all that is left to see.
        assert!(reached.len() <= 1, "{reached:?}");
        let found = workspaces::by_id(&mut tx, person.workspace).await.unwrap();
        assert_eq!(found, None);
        let renamed = workspaces::rename(&mut tx, person.workspace, Some("x"), None).await;
        assert!(!renamed.unwrap());
        let deleted = workspaces::delete(&mut tx, person.workspace).await;
        assert!(!deleted.unwrap());
        tx.commit().await.unwrap();
    }
    let restore = async |person: &Persona| {
        let mut tx = database.db.begin_as(&person.principal, None).await.unwrap();
        let restored = workspaces::restore(&mut tx, person.workspace)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        restored
    };
    assert!(!restore(&admin).await);
    database.sql("update identity.workspaces set deleted_at = now() - interval '31 days'");
    assert!(!restore(&alice).await);
    database.sql("update identity.workspaces set deleted_at = now() - interval '29 days'");
    assert!(restore(&alice).await);
    assert!(!restore(&alice).await);
}
