//! Workspaces: the first owner, unique slugs, the last owner, and the end of everything.

use domain::caller::{KeyGrant, Principal, Role};
use domain::ids::{ApiKeyId, UserId};
use persistence::{Error, Insert, members, workspaces};
use uuid::Uuid;

use crate::cluster::Database;

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
        members::page(&mut tx, bob.workspace)
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
    // As its owner, under row-level security.
    let user = alice.principal.user_id;
    database.sql(&format!(
        "begin; set local role authenticated;
         select set_config('request.jwt.claims', '{{\"sub\":\"{user}\"}}', true);
         delete from identity.workspaces; commit"
    ));
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
    let audit = database.sql("select count(*) from secrets.audit");
    assert_eq!(audit.single(), Some("1"));
}
