//! Rests of large outputs: kept for the workspace's members, for a day, and not without bound.

use domain::caller::Role;
use domain::ids::ExecutionId;
use domain::rest::{Left, Rest};
use persistence::{Error, outputs};
use uuid::Uuid;

use crate::cluster::{Database, Persona};

fn rests(text: &str) -> Vec<Rest> {
    vec![Rest {
        at: "/text".to_owned(),
        kept: 3,
        left: Left::Text(text.to_owned()),
    }]
}

async fn keep(database: &Database, persona: &Persona, text: &str) -> Result<Option<Uuid>, Error> {
    let (id, execution) = (Uuid::new_v4(), ExecutionId(Uuid::now_v7()));
    let mut tx = database.db.begin_as(&persona.principal, None).await?;
    let kept = outputs::keep(&mut tx, persona.workspace, id, execution, &rests(text)).await?;
    tx.commit().await?;
    Ok(kept.then_some(id))
}

async fn found(database: &Database, persona: &Persona, of: &Persona, id: Uuid) -> bool {
    let mut tx = database
        .db
        .begin_as(&persona.principal, None)
        .await
        .unwrap();
    let found = outputs::by_id(&mut tx, of.workspace, id).await.unwrap();
    tx.commit().await.unwrap();
    found.is_some()
}

#[tokio::test]
async fn what_is_kept_is_found_by_members_alone() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let bob = database.persona("bob").await;
    let id = keep(&database, &alice, "a\u{0}\"b").await.unwrap().unwrap();
    let mut tx = database.db.begin_as(&alice.principal, None).await.unwrap();
    let kept = outputs::by_id(&mut tx, alice.workspace, id).await.unwrap();
    assert_eq!(kept, Some(rests("a\u{0}\"b")));
    tx.commit().await.unwrap();
    assert!(!found(&database, &bob, &alice, id).await);
    assert!(!found(&database, &bob, &bob, id).await);
    let viewer = database.colleague(&alice, Role::Viewer).await;
    assert!(!found(&database, &viewer, &alice, id).await);
    let member = database.colleague(&alice, Role::Member).await;
    assert!(found(&database, &member, &alice, id).await);
    let refused = keep(&database, &viewer, "x").await;
    assert!(matches!(refused, Err(Error::Forbidden)), "{refused:?}");
}

#[tokio::test]
async fn a_day_later_it_is_not_found_and_then_removed() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let old = keep(&database, &alice, "old").await.unwrap().unwrap();
    database.sql("update orchestration.outputs set expires_at = now()");
    let new = keep(&database, &alice, "new").await.unwrap().unwrap();
    assert!(!found(&database, &alice, &alice, old).await);
    let mut tx = database.db.begin_system().await.unwrap();
    assert_eq!(outputs::expire(&mut tx).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert!(found(&database, &alice, &alice, new).await);
    let left = database.sql("select count(*) from orchestration.outputs");
    assert_eq!(left.single(), Some("1"));
}

#[tokio::test]
async fn the_oldest_make_room() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let first = keep(&database, &alice, "first").await.unwrap().unwrap();
    database.sql(
        "insert into orchestration.outputs (workspace_id, id, execution_id, created_by, created_at, rests)
         select o.workspace_id, gen_random_uuid(), o.execution_id, o.created_by, now() + interval '1 minute',
                repeat('x', 5000000)
         from orchestration.outputs o, generate_series(1, 21)",
    );
    let last = keep(&database, &alice, "last").await.unwrap().unwrap();
    assert!(!found(&database, &alice, &alice, first).await);
    let left = database.sql("select count(*) from orchestration.outputs");
    assert_eq!(left.single(), Some("21"));
    assert!(found(&database, &alice, &alice, last).await);
    assert_eq!(
        keep(&database, &alice, &"x".repeat(6_000_000))
            .await
            .unwrap(),
        None
    );
}
