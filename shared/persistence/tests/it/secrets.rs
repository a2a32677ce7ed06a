//! Sealed values leave only together with a line in the audit, and the audit only grows.

use domain::caller::Role;
use domain::ids::{ExecutionId, SecretId, SecretName};
use persistence::audit::{self, Filter};
use persistence::data_keys::{self, DataKey};
use persistence::secrets::{self, NewSecret, Sealed, SealedSecret, SecretMeta, Use};
use persistence::{Error, Insert};
use serde_json::json;
use uuid::Uuid;

use crate::cluster::{Database, Persona, cluster};

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

pub(crate) async fn store(
    database: &Database,
    persona: &Persona,
    secret: &str,
    hosts: &[String],
) -> Insert<SecretMeta> {
    let mut tx = database
        .db
        .begin_as(&persona.principal, Some(persona.workspace))
        .await
        .unwrap();
    let key = DataKey {
        id: Uuid::now_v7(),
        wrapped: vec![1; 60],
        master_key_id: "local".to_owned(),
    };
    let key = data_keys::insert_if_absent(&mut tx, persona.workspace, &key)
        .await
        .unwrap();
    let stored = secrets::insert(
        &mut tx,
        &NewSecret {
            id: SecretId(Uuid::now_v7()),
            workspace_id: persona.workspace,
            name: &name(secret),
            provider: "builtin",
            provider_id: None,
            sealed: Some(Sealed {
                nonce: &[2; 12],
                ciphertext: &[3; 40],
                data_key_id: key.id,
            }),
            reference: None,
            allowed_hosts: hosts,
            attempt: None,
        },
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    stored
}

async fn fetch(database: &Database, persona: &Persona) -> Result<Vec<SealedSecret>, Error> {
    secrets::fetch_for_use(
        &database.db,
        &persona.principal,
        persona.workspace,
        &[name("API_KEY"), name("MISSING")],
        Use {
            tool_id: "quote",
            execution_id: ExecutionId(Uuid::now_v7()),
            host: "api.example.com",
        },
    )
    .await
}

#[tokio::test]
async fn fetching_answers_sealed_values_and_says_so_in_the_audit() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let member = database.colleague(&alice, Role::Member).await;
    store(
        &database,
        &alice,
        "API_KEY",
        &["api.example.com".to_owned()],
    )
    .await;
    let found = fetch(&database, &member).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].name, "API_KEY");
    assert_eq!((found[0].nonce.len(), found[0].ciphertext.len()), (12, 40));
    assert_eq!(
        found[0].data_key.as_ref().map(|key| key.wrapped.len()),
        Some(60)
    );
    assert_eq!(found[0].allowed_hosts, ["api.example.com"]);

    let mut tx = database.db.begin_as(&alice.principal, None).await.unwrap();
    let all = Filter::default();
    let lines = audit::page(&mut tx, alice.workspace, &all, 10)
        .await
        .unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (lines[0].action.as_str(), lines[0].subject.as_str()),
        ("secret.use", "API_KEY")
    );
    assert_eq!(lines[0].actor, Some(member.principal.user_id.0));
    assert_eq!(lines[0].detail["host"], "api.example.com");
    assert_eq!(lines[0].detail["tool_id"], "quote");
    let meta = secrets::by_name(&mut tx, alice.workspace, &name("API_KEY"))
        .await
        .unwrap();
    assert!(meta.is_some_and(|meta| meta.last_used_at.is_some()));
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn viewers_and_neighbours_fetch_nothing() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let bob = database.persona("bob").await;
    store(&database, &alice, "API_KEY", &[]).await;
    let viewer = database.colleague(&alice, Role::Viewer).await;
    let intruder = Persona {
        principal: bob.principal,
        workspace: alice.workspace,
    };
    for refused in [&viewer, &intruder] {
        let answer = fetch(&database, refused).await;
        assert!(matches!(answer, Err(Error::Forbidden)), "{answer:?}");
    }
    assert_eq!(
        database.sql("select count(*) from secrets.audit").single(),
        Some("0")
    );
}

#[tokio::test]
async fn without_the_audit_nothing_is_fetched() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    store(&database, &alice, "API_KEY", &[]).await;
    database.sql("alter table secrets.audit add constraint down check (false) not valid");
    assert!(fetch(&database, &alice).await.is_err());
}

#[tokio::test]
async fn admins_manage_members_read_names_and_neighbours_see_nothing() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let bob = database.persona("bob").await;
    let member = database.colleague(&alice, Role::Member).await;
    assert!(matches!(
        store(&database, &alice, "API_KEY", &[]).await,
        Insert::Created(_)
    ));
    assert_eq!(
        store(&database, &alice, "API_KEY", &[]).await,
        Insert::Exists
    );
    let ws = alice.workspace;
    for (persona, sees) in [(&alice, 1), (&member, 1), (&bob, 0)] {
        let mut tx = database
            .db
            .begin_as(&persona.principal, None)
            .await
            .unwrap();
        assert_eq!(
            secrets::page(&mut tx, ws, None, 10).await.unwrap().len(),
            sees
        );
        tx.commit().await.unwrap();
    }
    for persona in [&member, &bob] {
        let mut tx = database
            .db
            .begin_as(&persona.principal, None)
            .await
            .unwrap();
        assert!(
            !secrets::delete(&mut tx, ws, &name("API_KEY"))
                .await
                .unwrap()
        );
        assert!(
            !secrets::bind_hosts(&mut tx, ws, &name("API_KEY"), &["evil.example".to_owned()])
                .await
                .unwrap()
        );
        assert!(data_keys::current(&mut tx, ws).await.unwrap().is_none());
        let all = Filter::default();
        assert!(audit::page(&mut tx, ws, &all, 10).await.unwrap().is_empty());
        tx.commit().await.unwrap();
    }
    let mut tx = database.db.begin_as(&alice.principal, None).await.unwrap();
    assert!(
        secrets::bind_hosts(&mut tx, ws, &name("API_KEY"), &["a.example".to_owned()])
            .await
            .unwrap()
    );
    assert!(
        !secrets::bind_hosts(&mut tx, ws, &name("API_KEY"), &["b.example".to_owned()])
            .await
            .unwrap()
    );
    assert!(
        secrets::delete(&mut tx, ws, &name("API_KEY"))
            .await
            .unwrap()
    );
    assert!(
        !secrets::delete(&mut tx, ws, &name("API_KEY"))
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn only_an_admin_rotates_a_value_and_only_the_version_seen() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let member = database.colleague(&alice, Role::Member).await;
    store(&database, &alice, "API_KEY", &["a.example".to_owned()]).await;
    let key = fetch(&database, &alice).await.unwrap()[0]
        .data_key
        .clone()
        .unwrap();
    for (persona, from_version, done) in
        [(&member, 1, false), (&alice, 2, false), (&alice, 1, true)]
    {
        let mut tx = database
            .db
            .begin_as(&persona.principal, None)
            .await
            .unwrap();
        let sealed = Sealed {
            nonce: &[8; 12],
            ciphertext: &[9; 41],
            data_key_id: key.id,
        };
        let ws = alice.workspace;
        let rotated = secrets::rotate(&mut tx, ws, &name("API_KEY"), from_version, sealed).await;
        assert_eq!(rotated.unwrap(), done);
        let hosts = ["b.example".to_owned(), "c.example".to_owned()];
        let replaced = secrets::set_hosts(&mut tx, ws, &name("API_KEY"), &hosts).await;
        assert_eq!(replaced.unwrap(), persona.principal == alice.principal);
        tx.commit().await.unwrap();
    }
    let found = fetch(&database, &alice).await.unwrap();
    assert_eq!((found[0].version, found[0].ciphertext.len()), (2, 41));
    assert_eq!(found[0].allowed_hosts, ["b.example", "c.example"]);
}

#[tokio::test]
async fn racing_admins_agree_on_one_data_key_and_it_can_be_wrapped_anew() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let insert = async |byte: u8| {
        let mut tx = database.db.begin_as(&alice.principal, None).await.unwrap();
        let key = DataKey {
            id: Uuid::now_v7(),
            wrapped: vec![byte; 60],
            master_key_id: "old".to_owned(),
        };
        let key = data_keys::insert_if_absent(&mut tx, alice.workspace, &key)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        key
    };
    let (a, b, c) = tokio::join!(insert(1), insert(2), insert(3));
    assert_eq!(a, b);
    assert_eq!(b, c);

    let mut tx = database.db.begin_system().await.unwrap();
    let due = data_keys::for_rewrap(&mut tx, &["old"], 10).await.unwrap();
    assert_eq!(due.len(), 1);
    let rewrapped = DataKey {
        id: due[0].id,
        wrapped: vec![9; 60],
        master_key_id: "new".to_owned(),
    };
    assert!(data_keys::rewrap(&mut tx, &rewrapped).await.unwrap());
    assert!(
        data_keys::for_rewrap(&mut tx, &["old"], 10)
            .await
            .unwrap()
            .is_empty()
    );
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_audit_line_names_its_true_author() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let bob = database.persona("bob").await;
    for (actor, allowed) in [
        (Some(alice.principal.user_id), true),
        (Some(bob.principal.user_id), false),
        (None, false),
    ] {
        let mut tx = database.db.begin_as(&alice.principal, None).await.unwrap();
        let answer = audit::append(
            &mut tx,
            &audit::NewAudit {
                workspace_id: alice.workspace,
                actor,
                action: "secret.create",
                subject_kind: "secret",
                subject: "API_KEY",
                detail: json!({}),
            },
        )
        .await;
        assert_eq!(answer.is_ok(), allowed, "{actor:?} {answer:?}");
    }
}

#[tokio::test]
async fn the_audit_only_grows_even_for_a_superuser_but_is_linked_once() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    store(&database, &alice, "API_KEY", &[]).await;
    fetch(&database, &alice).await.unwrap();
    let refused = |sql: &str| {
        let error = cluster().sql(&database.name, sql).unwrap_err();
        assert!(error.to_string().contains("append-only"), "{sql}: {error}");
    };
    refused("update secrets.audit set subject = 'x'");
    refused("update secrets.audit set seq = 1, hash = sha256(''), detail = '{}'");
    refused("update secrets.audit set actor = null, seq = 1, hash = sha256('')");
    refused("delete from secrets.audit");
    refused("truncate secrets.audit");
    let link = "set role service_role; update secrets.audit set seq = 1, hash = sha256('')";
    database.sql(link);
    refused(link);
}
