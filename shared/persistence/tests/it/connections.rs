//! Tokens leave only through the functions that audit it, to whom they belong, and one process at a time refreshes them.

use domain::caller::Role;
use domain::ids::{ConnectionId, ExecutionId, ToolId};
use persistence::authorizations::{self, NewAuthorization};
use persistence::connections::{self, ConnectionKey, NewToken};
use persistence::data_keys::DataKey;
use persistence::secrets::Sealed;
use persistence::tokens::{self, TakenToken, TokenUse};
use persistence::{Error, audit};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cluster::{Database, Persona};

const FINGERPRINT: [u8; 32] = [7; 32];
const CODE: &str = "oauth2_authorization_code";
const CLIENT: &str = "oauth2_client_credentials";

fn key<'a>(kind: &'a str, personal: bool, settings: &'a Value) -> ConnectionKey<'a> {
    ConnectionKey {
        kind,
        name: "crm",
        personal,
        fingerprint: &FINGERPRINT,
        settings,
    }
}

async fn data_key(database: &Database, persona: &Persona) -> Uuid {
    let candidate = DataKey {
        id: Uuid::now_v7(),
        wrapped: vec![1; 60],
        master_key_id: "local".to_owned(),
    };
    let (principal, workspace) = (&persona.principal, persona.workspace);
    let found = tokens::sealing_key(&database.db, principal, workspace, Some(&candidate)).await;
    found.unwrap().unwrap().id
}

async fn take(
    database: &Database,
    persona: &Persona,
    (kind, personal): (&str, bool),
    (lease, stale, waited): (Uuid, Option<i32>, bool),
) -> Result<TakenToken, Error> {
    let tool: ToolId = "quote".parse().unwrap();
    let purpose = TokenUse {
        secrets: &[],
        stale,
        waited,
        lease,
        lease_seconds: 20,
        tool_id: &tool,
        execution_id: ExecutionId(Uuid::now_v7()),
        host: "api.example.com",
    };
    let settings = json!({});
    tokens::take(
        &database.db,
        &persona.principal,
        persona.workspace,
        key(kind, personal, &settings),
        purpose,
    )
    .await
}

async fn save(
    database: &Database,
    persona: &Persona,
    id: ConnectionId,
    (lease, from_version): (Uuid, i32),
) -> Result<bool, Error> {
    let data_key_id = data_key(database, persona).await;
    let token = NewToken {
        id,
        lease,
        from_version,
        sealed: Sealed {
            nonce: &[2; 12],
            ciphertext: &[3; 40],
            data_key_id,
        },
        scopes: None,
        lifetime: Some(3600.0),
    };
    tokens::save(&database.db, &persona.principal, persona.workspace, &token).await
}

fn claimed(taken: TakenToken) -> (ConnectionId, i32) {
    match taken {
        TakenToken::Claimed(held) => (held.id, held.version),
        other => panic!("{other:?}"),
    }
}

async fn actions(database: &Database) -> Vec<String> {
    let lines = database.sql("select a.action from secrets.audit a order by a.id");
    lines.rows.into_iter().flatten().flatten().collect()
}

#[tokio::test]
async fn one_lease_at_a_time_and_every_step_in_the_audit() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let member = database.colleague(&alice, Role::Member).await;
    let (mine, theirs) = (Uuid::new_v4(), Uuid::new_v4());
    let kind = (CLIENT, false);
    let (id, version) = claimed(
        take(&database, &member, kind, (mine, None, false))
            .await
            .unwrap(),
    );
    assert_eq!(version, 1);
    // The same statement again, as after a broken connection, is the same claim.
    let again = claimed(
        take(&database, &member, kind, (mine, None, false))
            .await
            .unwrap(),
    );
    assert_eq!(again, (id, 1));
    let other = take(&database, &alice, kind, (theirs, None, false))
        .await
        .unwrap();
    assert!(matches!(other, TakenToken::Busy), "{other:?}");

    assert!(
        !save(&database, &alice, id, (theirs, 1)).await.unwrap(),
        "not the holder"
    );
    assert!(save(&database, &member, id, (mine, 1)).await.unwrap());
    assert!(
        save(&database, &member, id, (mine, 1)).await.unwrap(),
        "again is the same"
    );
    let ready = take(&database, &alice, kind, (theirs, None, true))
        .await
        .unwrap();
    let TakenToken::Ready(held) = ready else {
        panic!("{ready:?}")
    };
    assert_eq!(
        (held.version, held.sealed.unwrap().ciphertext.len()),
        (2, 40)
    );

    // Refused by an upstream: refreshed once, then not again for a while.
    let (_, version) = claimed(
        take(&database, &alice, kind, (theirs, Some(2), false))
            .await
            .unwrap(),
    );
    assert_eq!(version, 2);
    assert!(save(&database, &alice, id, (theirs, 2)).await.unwrap());
    let ready = take(&database, &alice, kind, (theirs, Some(3), false))
        .await
        .unwrap();
    assert!(matches!(ready, TakenToken::Ready(_)), "{ready:?}");
    let told = actions(&database).await;
    let expected =
        ["refresh", "refresh", "use", "refresh", "use"].map(|it| format!("connection.{it}"));
    assert_eq!(told, expected);
}

#[tokio::test]
async fn who_waited_is_told_why_it_failed() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let (mine, theirs) = (Uuid::new_v4(), Uuid::new_v4());
    let kind = (CLIENT, false);
    let (id, version) = claimed(
        take(&database, &alice, kind, (mine, None, false))
            .await
            .unwrap(),
    );
    let why = json!({ "code": "auth_failed" });
    let claim = (id, mine, version);
    let released = tokens::release(
        &database.db,
        &alice.principal,
        alice.workspace,
        claim,
        &why,
        false,
    )
    .await;
    assert!(released.unwrap());
    let waited = take(&database, &alice, kind, (theirs, None, true))
        .await
        .unwrap();
    assert!(matches!(waited, TakenToken::Failed(told) if told == why));
    claimed(
        take(&database, &alice, kind, (theirs, None, false))
            .await
            .unwrap(),
    );
}

#[tokio::test]
async fn viewers_and_neighbours_take_nothing() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let mine = Uuid::new_v4();
    let (id, _) = claimed(
        take(&database, &alice, (CLIENT, false), (mine, None, false))
            .await
            .unwrap(),
    );
    assert!(save(&database, &alice, id, (mine, 1)).await.unwrap());
    let viewer = database.colleague(&alice, Role::Viewer).await;
    let mut bob = database.persona("bob").await;
    bob.workspace = alice.workspace;
    for nobody in [&viewer, &bob] {
        let taken = take(&database, nobody, (CLIENT, false), (mine, None, false)).await;
        assert!(matches!(taken, Err(Error::Forbidden)), "{taken:?}");
        let saved = {
            let token = NewToken {
                id,
                lease: mine,
                from_version: 2,
                sealed: Sealed {
                    nonce: &[2; 12],
                    ciphertext: &[3; 40],
                    data_key_id: Uuid::nil(),
                },
                scopes: None,
                lifetime: None,
            };
            tokens::save(&database.db, &nobody.principal, nobody.workspace, &token).await
        };
        assert!(matches!(saved, Err(Error::Forbidden)), "{saved:?}");
        let ended = tokens::revoke(&database.db, &nobody.principal, nobody.workspace, id).await;
        assert!(ended.unwrap().is_none());
        let sealing =
            tokens::sealing_key(&database.db, &nobody.principal, nobody.workspace, None).await;
        assert!(matches!(sealing, Err(Error::Forbidden)), "{sealing:?}");
    }
}

/// A connection of the person, with tokens, and a consent under way.
async fn begun(database: &Database, persona: &Persona, state: [u8; 32]) -> ConnectionId {
    let data_key_id = data_key(database, persona).await;
    let sealed = Sealed {
        nonce: &[2; 12],
        ciphertext: &[3; 40],
        data_key_id,
    };
    let settings = json!({});
    let (workspace, person) = (persona.workspace, persona.principal.user_id);
    let mut tx = database
        .db
        .begin_as(&persona.principal, Some(workspace))
        .await
        .unwrap();
    let id = connections::start(&mut tx, workspace, key(CODE, true, &settings), Some(person))
        .await
        .unwrap();
    authorizations::forget(&mut tx, workspace, person, id)
        .await
        .unwrap();
    let new = NewAuthorization {
        id: Uuid::now_v7(),
        connection_id: id,
        tool_id: &"quote".parse().unwrap(),
        state_hash: &state,
        sealed,
    };
    authorizations::begin(&mut tx, workspace, &new)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    id
}

#[tokio::test]
async fn a_persons_connection_is_that_persons() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let member = database.colleague(&alice, Role::Member).await;
    let other = database.colleague(&alice, Role::Member).await;
    let id = begun(&database, &member, [1; 32]).await;
    let workspace = alice.workspace;

    let mut tx = database
        .db
        .begin_as(&other.principal, Some(workspace))
        .await
        .unwrap();
    assert!(
        connections::by_id(&mut tx, workspace, id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        connections::page(&mut tx, workspace, None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(!connections::delete(&mut tx, workspace, id).await.unwrap());
    tx.commit().await.unwrap();
    let absent = take(
        &database,
        &other,
        (CODE, true),
        (Uuid::new_v4(), None, false),
    )
    .await
    .unwrap();
    assert!(matches!(absent, TakenToken::Absent), "{absent:?}");
    let pending = take(
        &database,
        &member,
        (CODE, true),
        (Uuid::new_v4(), None, false),
    )
    .await
    .unwrap();
    assert!(matches!(pending, TakenToken::Pending), "{pending:?}");

    // Nobody hangs a consent of the own on it, nor makes the workspace's connection below admin.
    let mut tx = database
        .db
        .begin_as(&other.principal, Some(workspace))
        .await
        .unwrap();
    let new = NewAuthorization {
        id: Uuid::now_v7(),
        connection_id: id,
        tool_id: &"quote".parse().unwrap(),
        state_hash: &[2; 32],
        sealed: Sealed {
            nonce: &[2; 12],
            ciphertext: &[3; 40],
            data_key_id: Uuid::nil(),
        },
    };
    let hung = authorizations::begin(&mut tx, workspace, &new).await;
    assert!(matches!(hung, Err(Error::Forbidden)), "{hung:?}");
    drop(tx);
    let settings = json!({});
    let mut tx = database
        .db
        .begin_as(&other.principal, Some(workspace))
        .await
        .unwrap();
    let made = connections::start(&mut tx, workspace, key(CODE, false, &settings), None).await;
    assert!(matches!(made, Err(Error::Forbidden)), "{made:?}");
}

#[tokio::test]
async fn a_state_is_taken_once_and_an_answer_by_who_began() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let member = database.colleague(&alice, Role::Member).await;
    let id = begun(&database, &member, [1; 32]).await;
    let db = &database.db;
    assert!(authorizations::take(db, &[9; 32]).await.unwrap().is_none());
    let taken = authorizations::take(db, &[1; 32]).await.unwrap().unwrap();
    assert_eq!(
        (taken.connection_id, taken.started_by),
        (id, member.principal.user_id)
    );
    assert_eq!(taken.fingerprint, FINGERPRINT);
    assert!(authorizations::take(db, &[1; 32]).await.unwrap().is_none());

    let workspace = alice.workspace;
    let nothing = authorizations::take_answer(db, &member.principal, workspace, id)
        .await
        .unwrap();
    assert!(nothing.is_none(), "not answered yet");
    let data_key_id = data_key(&database, &member).await;
    let sealed = Sealed {
        nonce: &[4; 12],
        ciphertext: &[5; 50],
        data_key_id,
    };
    for (who, kept) in [(&alice, false), (&member, true)] {
        let mut tx = db.begin_as(&who.principal, Some(workspace)).await.unwrap();
        let answered = authorizations::answer(&mut tx, workspace, taken.id, sealed)
            .await
            .unwrap();
        assert_eq!(answered, kept);
        tx.commit().await.unwrap();
    }
    let stolen = authorizations::take_answer(db, &alice.principal, workspace, id)
        .await
        .unwrap();
    assert!(stolen.is_none(), "an owner did not begin it");
    for _ in 0..5 {
        let answer = authorizations::take_answer(db, &member.principal, workspace, id)
            .await
            .unwrap();
        assert_eq!(answer.unwrap().sealed.unwrap().ciphertext.len(), 50);
    }
    let sixth = authorizations::take_answer(db, &member.principal, workspace, id)
        .await
        .unwrap();
    assert!(sixth.is_none(), "five are all");
}

#[tokio::test]
async fn an_end_forgets_the_tokens_before_it_answers_them() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let mine = Uuid::new_v4();
    let (id, _) = claimed(
        take(&database, &alice, (CLIENT, false), (mine, None, false))
            .await
            .unwrap(),
    );
    assert!(save(&database, &alice, id, (mine, 1)).await.unwrap());
    let member = database.colleague(&alice, Role::Member).await;
    let refused = tokens::revoke(&database.db, &member.principal, alice.workspace, id).await;
    assert!(
        refused.unwrap().is_none(),
        "the workspace's is ended by admins"
    );
    let ended = tokens::revoke(&database.db, &alice.principal, alice.workspace, id).await;
    let ended = ended.unwrap().unwrap();
    assert_eq!((ended.version, ended.sealed.is_some()), (2, true));
    let left = database.sql("select status, ciphertext is null from secrets.connections");
    assert_eq!(
        left.rows,
        [[Some("revoked".to_owned()), Some("t".to_owned())]]
    );
    assert!(
        !save(&database, &alice, id, (mine, 2)).await.unwrap(),
        "and nothing is kept there any more"
    );
    let mut tx = database.db.begin_as(&alice.principal, None).await.unwrap();
    let lines = audit::page(&mut tx, alice.workspace, &audit::Filter::default(), 1).await;
    assert_eq!(lines.unwrap()[0].action, "connection.revoke");
}
