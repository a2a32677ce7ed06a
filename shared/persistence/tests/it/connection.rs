//! Connections: stale ones are replaced, broken settings refused, nothing of a request stays behind.

use domain::caller::Principal;
use domain::ids::UserId;
use persistence::{DatabaseConfig, Db, Entry, Error, PoolMode, workspaces};
use uuid::Uuid;

use crate::cluster::{Database, open};

fn config(url: &str, pool_mode: PoolMode) -> DatabaseConfig {
    DatabaseConfig {
        url: url.to_owned(),
        pool_mode,
        max_connections: 1,
    }
}

const CUT: &str = "select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and usename = 'authenticator'";

#[test]
fn refuses_a_transaction_pooler_without_its_mode() {
    let url = "postgres://authenticator:x@db.example.com:6543/postgres";
    let refused = Db::open(&config(url, PoolMode::Session)).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("DATABASE_POOL_MODE=transaction"),
        "{refused}"
    );
    assert!(Db::open(&config(url, PoolMode::Transaction)).is_ok());
    assert!(matches!(
        Db::open(&config("no url", PoolMode::Session)),
        Err(Error::Configuration(_))
    ));
}

#[test]
fn settings_never_show_the_password() {
    let config = config("postgres://a:hunter2hunter2@h/d", PoolMode::Session);
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_database_that_is_not_there_is_unavailable() {
    let db = Db::open(&config(
        "postgres://authenticator@localhost/x?host=/nonexistent",
        PoolMode::Session,
    ))
    .unwrap();
    assert!(db.ping().await.unwrap_err().is_unavailable());
    let nobody = Principal::user(UserId(Uuid::nil()), None);
    assert!(db.enter(&nobody, None).await.unwrap_err().is_unavailable());
    assert!(
        db.begin_as(&nobody, None)
            .await
            .unwrap_err()
            .is_unavailable()
    );
}

#[tokio::test]
async fn connections_that_died_while_idle_go_unnoticed() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let db = &database.db;
    db.ping().await.unwrap();
    database.sql(CUT);
    assert!(matches!(
        db.enter(&alice.principal, None).await.unwrap(),
        Entry::Member(_)
    ));
    database.sql(CUT);
    db.begin_as(&alice.principal, None)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    database.sql(CUT);
    db.ping().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_dies_inside_a_transaction_is_an_error() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let mut tx = database.db.begin_as(&alice.principal, None).await.unwrap();
    database.sql(CUT);
    assert!(
        workspaces::mine(&mut tx, None, 200)
            .await
            .unwrap_err()
            .is_unavailable()
    );
    assert!(tx.commit().await.is_err());
    database.db.ping().await.unwrap();
}

#[tokio::test]
async fn abandoned_transactions_leave_nothing_and_give_their_connection_back() {
    let database = Database::new().await;
    let db = open(&database.name, 1);
    let alice = Principal::user(UserId(Uuid::now_v7()), None);
    for _ in 0..3 {
        let mut tx = db.begin_as(&alice, None).await.unwrap();
        workspaces::create(&mut tx, &alice, "Alice", "alice")
            .await
            .unwrap();
        drop(tx);
        assert_eq!(db.enter(&alice, None).await.unwrap(), Entry::NoWorkspace);
    }
    let sessions = database.sql(
        "select count(*) from pg_stat_activity
         where datname = current_database() and usename = 'authenticator'",
    );
    assert_eq!(sessions.single(), Some("1"));
}

#[tokio::test]
async fn a_call_that_is_cut_short_costs_its_connection_and_no_more() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let db = open(&database.name, 1);
    for _ in 0..20 {
        // Polled once, then dropped in the middle of the conversation.
        let call = db.enter(&alice.principal, None);
        let _ = futures_poll_once(call).await;
        let entered = db.enter(&alice.principal, None).await.unwrap();
        assert!(matches!(entered, Entry::Member(_)));
    }
}

async fn futures_poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn nobody_inherits_the_claims_of_the_request_before() {
    let database = Database::new().await;
    let alice = database.persona("alice").await;
    let bob = database.persona("bob").await;
    let db = open(&database.name, 1);
    let slugs = async |principal: &Principal| {
        let mut tx = db.begin_as(principal, None).await.unwrap();
        let mine = workspaces::mine(&mut tx, None, 200).await.unwrap();
        tx.commit().await.unwrap();
        mine.into_iter()
            .map(|workspace| workspace.slug)
            .collect::<Vec<_>>()
    };
    assert_eq!(slugs(&alice.principal).await, ["alice"]);
    assert_eq!(slugs(&bob.principal).await, ["bob"]);
    let mut tx = db.begin_anonymous().await.unwrap();
    assert!(matches!(
        workspaces::mine(&mut tx, None, 200).await,
        Err(Error::Forbidden)
    ));
}

#[tokio::test]
async fn claims_are_data_whatever_stands_in_them() {
    let database = Database::new().await;
    let email = "x'); reset role; select ('\\';--é\u{1F600}@example.com".to_owned();
    let person = Principal::user(UserId(Uuid::now_v7()), Some(email.clone()));
    let mut tx = database.db.begin_as(&person, None).await.unwrap();
    workspaces::create(&mut tx, &person, "X", "x")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let stored = database.sql("select email from identity.profiles");
    assert_eq!(stored.single(), Some(email.as_str()));
}

#[tokio::test]
async fn a_closed_database_says_so() {
    let database = Database::new().await;
    database.db.ping().await.unwrap();
    database.db.close().await;
    assert!(database.db.ping().await.unwrap_err().is_unavailable());
}
