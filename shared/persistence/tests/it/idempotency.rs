//! The ledger and the limits: what is admitted, to whom, and what the end of an execution leaves behind.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::caller::{Door, Role};
use domain::ids::ExecutionId;
use persistence::executions::NewExecution;
use persistence::idempotency::{self, Admitted, Asking, Claim, Kept, Limited, Settlement, Watched};
use persistence::limits::{self, Limit};
use persistence::{Db, Error};
use serde_json::json;
use uuid::Uuid;

use crate::cluster::{Database, Persona};

const MINUTE: Duration = Duration::from_secs(60);
const OVER: Duration = Duration::ZERO;

fn claim(key: &str, repeatable: bool) -> Claim {
    Claim {
        scope: "tool:quote".to_owned(),
        key: key.to_owned(),
        request_hash: [7; 32],
        repeatable,
        ttl: MINUTE,
    }
}

fn limit(rate_per_minute: Option<i32>, concurrency: Option<i32>) -> Limit {
    Limit {
        subject: "tool:quote".to_owned(),
        rate_per_minute,
        concurrency,
    }
}

fn new_id() -> ExecutionId {
    ExecutionId(Uuid::now_v7())
}

fn asking(persona: &Persona, execution_id: ExecutionId) -> Asking<'_> {
    Asking {
        principal: &persona.principal,
        workspace_id: persona.workspace,
        execution_id,
    }
}

async fn takes(
    db: &Db,
    who: &Persona,
    id: ExecutionId,
    lease: Duration,
    claim: &Claim,
) -> Admitted {
    idempotency::admit(db, asking(who, id), lease, Some(claim), None)
        .await
        .unwrap()
}

async fn settles(db: &Db, who: &Persona, id: ExecutionId, settlement: &Settlement<'_>) {
    let input = json!({});
    let execution = NewExecution {
        id,
        workspace_id: who.workspace,
        tool_id: "quote",
        tool_version: Some(1),
        door: Door::Rest,
        success: true,
        error_code: None,
        input: &input,
        output: None,
        error: None,
        timeline: "[]",
        warnings: None,
        started_at: DateTime::<Utc>::UNIX_EPOCH,
        duration_us: 1,
        run_id: None,
        call_id: None,
    };
    idempotency::settle(db, &who.principal, &execution, settlement)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_key_is_taken_once_and_its_answer_kept() {
    let database = Database::new().await;
    let (alice, db) = (database.persona("alice").await, &database.db);
    let claim = claim("k", false);
    let (first, second) = (new_id(), new_id());
    assert_eq!(takes(db, &alice, first, MINUTE, &claim).await, Admitted::Go);
    // The holder itself may ask again: its connection broke.
    assert_eq!(takes(db, &alice, first, MINUTE, &claim).await, Admitted::Go);
    let running = takes(db, &alice, second, MINUTE, &claim).await;
    assert_eq!(running, Admitted::Running(first));
    let watched = idempotency::watch(db, asking(&alice, second), first, &claim).await;
    assert_eq!(watched.unwrap(), Watched::Running);
    let settlement = Settlement {
        claim: Some(&claim),
        outcome: Some((r#"{"output":1}"#, MINUTE)),
        limit: None,
    };
    settles(db, &alice, first, &settlement).await;
    match takes(db, &alice, second, MINUTE, &claim).await {
        Admitted::Kept(Kept {
            execution_id,
            outcome,
            left,
        }) => {
            assert_eq!(execution_id, first);
            assert_eq!(outcome, r#"{"output":1}"#);
            assert!(left <= MINUTE && !left.is_zero());
        }
        other => panic!("{other:?}"),
    }
    let other = Claim {
        request_hash: [8; 32],
        ..claim.clone()
    };
    assert_eq!(
        takes(db, &alice, second, MINUTE, &other).await,
        Admitted::Reused
    );
    let rows = database.sql("select count(*) from orchestration.executions");
    assert_eq!(rows.single(), Some("1"));
}

#[tokio::test]
async fn a_key_given_back_is_free() {
    let database = Database::new().await;
    let (alice, db) = (database.persona("alice").await, &database.db);
    let claim = claim("k", false);
    let (first, second) = (new_id(), new_id());
    takes(db, &alice, first, MINUTE, &claim).await;
    let settlement = Settlement {
        claim: Some(&claim),
        ..Settlement::default()
    };
    idempotency::leave(db, asking(&alice, first), &settlement)
        .await
        .unwrap();
    let watched = idempotency::watch(db, asking(&alice, second), first, &claim).await;
    assert_eq!(watched.unwrap(), Watched::Gone);
    assert_eq!(
        takes(db, &alice, second, MINUTE, &claim).await,
        Admitted::Go
    );
    // It is no longer the first one's to give back.
    idempotency::leave(db, asking(&alice, first), &settlement)
        .await
        .unwrap();
    let third = takes(db, &alice, new_id(), MINUTE, &claim).await;
    assert_eq!(third, Admitted::Running(second));
}

#[tokio::test]
async fn a_dead_holder_is_followed_only_where_that_is_safe() {
    let database = Database::new().await;
    let (alice, db) = (database.persona("alice").await, &database.db);
    for (then, now, safe) in [
        (true, true, true),
        (true, false, false),
        (false, true, false),
        (false, false, false),
    ] {
        let key = format!("{then} {now}");
        let (first, second) = (new_id(), new_id());
        takes(db, &alice, first, OVER, &claim(&key, then)).await;
        let admitted = takes(db, &alice, second, MINUTE, &claim(&key, now)).await;
        let expected = if safe {
            Admitted::Go
        } else {
            Admitted::Unknown(first)
        };
        assert_eq!(admitted, expected, "{key}");
        let holder = if safe { second } else { first };
        let late = Settlement {
            claim: Some(&claim(&key, then)),
            outcome: Some(("{}", MINUTE)),
            limit: None,
        };
        idempotency::leave(db, asking(&alice, first), &late)
            .await
            .unwrap();
        let seen = takes(db, &alice, new_id(), MINUTE, &claim(&key, now)).await;
        match seen {
            Admitted::Running(id) if safe => assert_eq!(id, holder, "{key}"),
            // It was not dead after all: its answer is better than none.
            Admitted::Kept(kept) if !safe => assert_eq!(kept.execution_id, holder, "{key}"),
            other => panic!("{key}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_one_goes() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (db, principal, workspace_id) = (
            database.db.clone(),
            alice.principal.clone(),
            alice.workspace,
        );
        asked.spawn(async move {
            let asking = Asking {
                principal: &principal,
                workspace_id,
                execution_id: new_id(),
            };
            let (claim, limit) = (claim("k", true), limit(Some(5), Some(5)));
            idempotency::admit(&db, asking, MINUTE, Some(&claim), Some(&limit))
                .await
                .unwrap()
        });
    }
    let answers = asked.join_all().await;
    let gone = answers.iter().filter(|it| **it == Admitted::Go).count();
    assert_eq!(gone, 1, "{answers:?}");
    let slots = database.sql("select count(*) from orchestration.slots");
    assert_eq!(slots.single(), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_hold_however_many_ask_at_once() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    for limit in [limit(Some(3), None), limit(None, Some(3))] {
        let mut asked = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (db, principal, workspace_id) = (
                database.db.clone(),
                alice.principal.clone(),
                alice.workspace,
            );
            let limit = limit.clone();
            asked.spawn(async move {
                let asking = Asking {
                    principal: &principal,
                    workspace_id,
                    execution_id: new_id(),
                };
                idempotency::admit(&db, asking, MINUTE, None, Some(&limit))
                    .await
                    .unwrap()
            });
        }
        let answers = asked.join_all().await;
        let gone = answers.iter().filter(|it| **it == Admitted::Go).count();
        assert_eq!(gone, 3, "{answers:?}");
    }
}

#[tokio::test]
async fn who_is_over_a_limit_takes_nothing() {
    let database = Database::new().await;
    let (alice, db) = (database.persona("alice").await, &database.db);
    let (claim, limit) = (claim("k", true), limit(Some(1), Some(2)));
    let ask = async |claim: Option<&Claim>| {
        idempotency::admit(db, asking(&alice, new_id()), MINUTE, claim, Some(&limit))
            .await
            .unwrap()
    };
    assert_eq!(ask(None).await, Admitted::Go);
    match ask(Some(&claim)).await {
        Admitted::Limited { by, retry_after } => {
            assert_eq!(by, Limited::Rate);
            assert!(retry_after <= MINUTE && !retry_after.is_zero());
        }
        other => panic!("{other:?}"),
    }
    let left = database.sql(
        "select (select count(*) from orchestration.idempotency) + (select count(*) from orchestration.slots)",
    );
    assert_eq!(left.single(), Some("1"));
    // A bucket that another version of the tool filled is never fuller than this one's.
    database.sql("update orchestration.limits set level = 100, capacity = 100");
    assert_eq!(ask(Some(&claim)).await, Admitted::Go);
    database.sql("delete from orchestration.slots");
    assert!(matches!(ask(None).await, Admitted::Limited { .. }));
}

#[tokio::test]
async fn only_members_take_keys_and_only_in_their_workspace() {
    let database = Database::new().await;
    let (alice, bob) = (
        database.persona("alice").await,
        database.persona("bob").await,
    );
    let viewer = database.colleague(&alice, Role::Viewer).await;
    let intruder = Persona {
        principal: bob.principal.clone(),
        workspace: alice.workspace,
    };
    let (db, claim) = (&database.db, claim("k", true));
    for who in [&viewer, &intruder] {
        let id = new_id();
        let admitted = idempotency::admit(db, asking(who, id), MINUTE, Some(&claim), None).await;
        assert!(matches!(admitted, Err(Error::Forbidden)), "{admitted:?}");
        let watched = idempotency::watch(db, asking(who, id), id, &claim).await;
        assert!(matches!(watched, Err(Error::Forbidden)), "{watched:?}");
        let settlement = Settlement {
            claim: Some(&claim),
            ..Settlement::default()
        };
        let left = idempotency::leave(db, asking(who, id), &settlement).await;
        assert!(matches!(left, Err(Error::Forbidden)), "{left:?}");
    }
    assert_eq!(
        takes(db, &alice, new_id(), MINUTE, &claim).await,
        Admitted::Go
    );
    assert_eq!(
        takes(db, &bob, new_id(), MINUTE, &claim).await,
        Admitted::Go
    );
}

#[tokio::test]
async fn what_is_over_is_forgotten() {
    let database = Database::new().await;
    let (alice, db) = (database.persona("alice").await, &database.db);
    for (key, lease) in [("old", OVER), ("alive", MINUTE)] {
        let (claim, limit) = (claim(key, true), limit(None, Some(9)));
        idempotency::admit(
            db,
            asking(&alice, new_id()),
            lease,
            Some(&claim),
            Some(&limit),
        )
        .await
        .unwrap();
    }
    database.sql("update orchestration.idempotency set expires_at = now() - interval '1 second'");
    let mut tx = db.begin_system().await.unwrap();
    assert_eq!(idempotency::expire(&mut tx, 100).await.unwrap(), 1);
    limits::expire(&mut tx, 100).await.unwrap();
    tx.commit().await.unwrap();
    let left = database.sql("select key from orchestration.idempotency");
    assert_eq!(left.single(), Some("alive"));
    let slots = database.sql("select count(*) from orchestration.slots where until < now()");
    assert_eq!(slots.single(), Some("0"));
}
