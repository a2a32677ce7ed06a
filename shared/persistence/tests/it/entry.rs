//! The first round trip: people and keys find their workspace, and nobody finds another's.

use domain::caller::{KeyGrant, Principal, Role};
use domain::ids::{ApiKeyId, UserId};
use persistence::keys::{self, NewKey};
use persistence::{Entry, Error, KeyEntry};
use uuid::Uuid;

use crate::cluster::{Database, Persona};

fn member(entry: Entry) -> persistence::Membership {
    match entry {
        Entry::Member(membership) => membership,
        other => panic!("{other:?}"),
    }
}

async fn key(database: &Database, maker: &Persona, role: Role, hash: u8) -> keys::Key {
    let mut tx = database
        .db
        .begin_as(&maker.principal, Some(maker.workspace))
        .await
        .unwrap();
    let made = keys::insert(
        &mut tx,
        &NewKey {
            workspace_id: maker.workspace,
            name: "machine",
            prefix: "dtk_abc",
            hash: &[hash; 32],
            role,
            scopes: &[],
            expires_at: None,
        },
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    made
}

#[tokio::test]
async fn finds_the_only_workspace_or_the_named_one() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    for selector in [
        None,
        Some("alice".to_owned()),
        Some(alice.workspace.to_string()),
        Some(alice.workspace.to_string().to_uppercase()),
    ] {
        let found = member(
            database
                .db
                .enter(&alice.principal, selector.as_deref())
                .await
                .unwrap(),
        );
        assert_eq!(found.workspace_id, alice.workspace);
        assert_eq!(found.role, Role::Owner);
        assert_eq!(found.catalog_revision, 0);
    }
}

#[tokio::test]
async fn a_neighbours_workspace_is_not_found() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let bob = database.persona("bob").await;
    for selector in [
        "bob".to_owned(),
        bob.workspace.to_string(),
        Uuid::nil().to_string(),
        "' or true --".to_owned(),
        String::new(),
    ] {
        let found = database
            .db
            .enter(&alice.principal, Some(&selector))
            .await
            .unwrap();
        assert_eq!(found, Entry::NotFound, "{selector}");
    }
}

#[tokio::test]
async fn several_workspaces_need_a_selector() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let bob = database.persona("bob").await;
    let mut tx = database.db.begin_system().await.unwrap();
    persistence::members::add(
        &mut tx,
        bob.workspace,
        alice.principal.user_id,
        None,
        Role::Viewer,
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let db = &database.db;
    assert_eq!(
        db.enter(&alice.principal, None).await.unwrap(),
        Entry::Several
    );
    let found = member(db.enter(&alice.principal, Some("bob")).await.unwrap());
    assert_eq!(found.role, Role::Viewer);
}

#[tokio::test]
async fn a_newcomer_gets_a_profile_that_follows_the_token() {
    let database = Database::new().await;
    let id = UserId(Uuid::now_v7());
    let mail = || {
        database
            .sql("select email from identity.profiles")
            .single()
            .map(str::to_owned)
    };

    let nameless = Principal::user(id, None);
    assert_eq!(
        database.db.enter(&nameless, None).await.unwrap(),
        Entry::NoWorkspace
    );
    assert_eq!(mail(), None);
    for address in ["a@example.com", "b@example.com"] {
        let person = Principal::user(id, Some(address.to_owned()));
        database.db.enter(&person, None).await.unwrap();
        assert_eq!(mail().as_deref(), Some(address));
    }
    database.db.enter(&nameless, None).await.unwrap();
    assert_eq!(mail().as_deref(), Some("b@example.com"));
}

#[tokio::test]
async fn a_disabled_person_stays_out_and_so_do_their_keys() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    key(&database, &alice, Role::Member, 7).await;
    database.sql("update identity.profiles set disabled_at = now()");
    let db = &database.db;
    assert_eq!(
        db.enter(&alice.principal, None).await.unwrap(),
        Entry::Disabled
    );
    assert_eq!(
        db.enter_with_key(&[7; 32], None).await.unwrap(),
        KeyEntry::Unknown
    );
}

#[tokio::test]
async fn a_key_acts_as_its_maker_capped_in_its_workspace() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let made = key(&database, &alice, Role::Viewer, 7).await;
    let grant = KeyGrant {
        id: made.id,
        workspace_id: alice.workspace,
        role: Role::Viewer,
        scopes: Vec::new(),
    };
    for selector in [
        None,
        Some("alice".to_owned()),
        Some(alice.workspace.to_string()),
    ] {
        let entered = database
            .db
            .enter_with_key(&[7; 32], selector.as_deref())
            .await
            .unwrap();
        let KeyEntry::Member {
            principal,
            membership,
        } = entered
        else {
            panic!("{entered:?}");
        };
        assert_eq!(principal.user_id, alice.principal.user_id);
        assert_eq!(principal.email, alice.principal.email);
        assert_eq!(principal.key, Some(grant.clone()));
        assert_eq!(membership.role, Role::Viewer);
        // What a later transaction of this principal may do is capped too.
        let mut tx = database.db.begin_as(&principal, None).await.unwrap();
        assert_eq!(
            keys::page(&mut tx, alice.workspace, None, 50)
                .await
                .unwrap(),
            []
        );
        tx.commit().await.unwrap();
        let again = member(database.db.enter(&principal, None).await.unwrap());
        assert_eq!(again.role, Role::Viewer);
    }
    let used = database.sql("select last_used_at is not null from identity.api_keys");
    assert_eq!(used.single(), Some("t"));
}

#[tokio::test]
async fn claims_narrow_and_never_widen() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let bob = database.persona("bob").await;
    let claiming = |workspace_id| Principal {
        key: Some(KeyGrant {
            id: ApiKeyId(Uuid::now_v7()),
            workspace_id,
            role: Role::Admin,
            scopes: Vec::new(),
        }),
        ..alice.principal.clone()
    };
    for selector in [None, Some("alice"), Some("bob")] {
        let entry = database.db.enter(&claiming(bob.workspace), selector).await;
        assert_eq!(entry.unwrap(), Entry::NotFound, "{selector:?}");
    }
    let own = database
        .db
        .enter(&claiming(alice.workspace), None)
        .await
        .unwrap();
    assert_eq!(member(own).role, Role::Admin);

    let long = Principal::user(UserId(Uuid::now_v7()), Some("x".repeat(5000)));
    assert_eq!(
        database.db.enter(&long, None).await.unwrap(),
        Entry::NoWorkspace
    );
}

#[tokio::test]
async fn a_key_is_bound_to_its_workspace_its_time_and_its_makers_membership() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    database.persona("bob").await;
    let admin = database.colleague(&alice, Role::Admin).await;
    let db = &database.db;
    key(&database, &admin, Role::Admin, 1).await;
    let enter = async |hash: u8, selector: Option<&str>| {
        db.enter_with_key(&[hash; 32], selector).await.unwrap()
    };
    assert_eq!(enter(1, Some("bob")).await, KeyEntry::NotFound);
    assert_eq!(enter(9, None).await, KeyEntry::Unknown);

    database.sql("update identity.api_keys set expires_at = now()");
    assert_eq!(enter(1, None).await, KeyEntry::Unknown);
    database.sql("update identity.api_keys set expires_at = null");
    assert!(matches!(enter(1, None).await, KeyEntry::Member { .. }));
    database.sql("delete from identity.memberships where role = 'admin'");
    assert_eq!(enter(1, None).await, KeyEntry::Unknown);
}

#[tokio::test]
async fn a_revoked_key_is_unknown_and_revoked_once() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let bob = database.persona("bob").await;
    let made = key(&database, &alice, Role::Member, 7).await;
    let revoke = async |persona: &Persona, id: ApiKeyId| {
        let mut tx = database
            .db
            .begin_as(&persona.principal, None)
            .await
            .unwrap();
        let revoked = keys::revoke(&mut tx, alice.workspace, id).await.unwrap();
        tx.commit().await.unwrap();
        revoked
    };
    assert!(!revoke(&bob, made.id).await);
    assert!(revoke(&alice, made.id).await);
    assert!(!revoke(&alice, made.id).await);
    let entered = database.db.enter_with_key(&[7; 32], None).await.unwrap();
    assert_eq!(entered, KeyEntry::Unknown);
}

#[tokio::test]
async fn nobody_gives_a_key_more_than_they_have() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    for (role, wanted) in [(Role::Member, Role::Viewer), (Role::Admin, Role::Owner)] {
        let maker = database.colleague(&alice, role).await;
        let mut tx = database.db.begin_as(&maker.principal, None).await.unwrap();
        let refused = keys::insert(
            &mut tx,
            &NewKey {
                workspace_id: alice.workspace,
                name: "machine",
                prefix: "dtk_abc",
                hash: &[3; 32],
                role: wanted,
                scopes: &[],
                expires_at: None,
            },
        )
        .await;
        assert!(matches!(refused, Err(Error::Forbidden)), "{refused:?}");
    }
}
