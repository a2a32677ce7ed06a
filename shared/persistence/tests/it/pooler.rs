//! Behind a real PgBouncer in transaction mode everybody gets their own rows.

use domain::caller::Principal;
use persistence::{DatabaseConfig, Db, Entry, PoolMode, tools, workspaces};
use postgres::{Pooler, PoolerError};

use crate::cluster::{Database, cluster};
use crate::skip::skip;

/// Two server connections for all clients, so that they must share.
const SERVERS: u32 = 2;

fn client(pooler: &Pooler, database: &Database) -> Db {
    Db::open(&DatabaseConfig {
        url: pooler.url("authenticator", &database.name),
        pool_mode: PoolMode::Transaction,
        max_connections: 2,
    })
    .unwrap()
}

/// Every statement of a request, twenty times; how many answers were this person's own.
async fn visits(db: Db, slug: String, principal: Principal) -> usize {
    let mut own = 0;
    for _ in 0..20 {
        let entry = db.enter(&principal, Some(&slug)).await.unwrap();
        let Entry::Member(place) = entry else {
            panic!("{entry:?}");
        };
        own += 1;
        let mut tx = db
            .begin_as(&principal, Some(place.workspace_id))
            .await
            .unwrap();
        let mine = workspaces::mine(&mut tx, None, 200).await.unwrap();
        let delta = tools::changed_since(&mut tx, place.workspace_id, 0)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        own += usize::from(mine.len() == 1 && mine[0].slug == slug);
        own += usize::from(delta.rows.len() == 1 && delta.rows[0].id == slug);
    }
    own
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everybody_gets_their_own_rows_behind_a_transaction_pooler() {
    let database = Database::new().await;
    let pooler = match Pooler::start(cluster(), SERVERS, &["authenticator"]) {
        Ok(pooler) => pooler,
        Err(PoolerError::NotFound) => {
            return skip(
                "pooler::everybody_gets_their_own_rows_behind_a_transaction_pooler",
                "pgbouncer is not installed",
            );
        }
        Err(error) => panic!("{error}"),
    };
    let mut clients = Vec::new();
    for number in 0..8 {
        let slug = format!("person{number}");
        let persona = database.persona(&slug).await;
        crate::tools::save(&database, &persona, &slug, "{}", 'a').await;
        crate::executions::record(&database, &persona, &slug, true)
            .await
            .unwrap();
        clients.push(tokio::spawn(visits(
            client(&pooler, &database),
            slug,
            persona.principal,
        )));
    }
    let mut own = 0;
    for client in clients {
        own += client.await.unwrap();
    }
    assert_eq!(own, 480);
}
