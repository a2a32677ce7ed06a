//! The registry on a real database: fresh at once, quiet while nothing changes, honest about conflicts.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may give up")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::caller::{Caller, Principal};
use domain::egress::Policy;
use domain::ids::{ToolId, UserId};
use persistence::{DatabaseConfig, Db, Entry, Insert, PoolMode, workspaces};
use postgres::{Search, Throwaway};
use registry::{Error, Registry};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use uuid::Uuid;

const TEMPLATE: &str = "migrated";

/// One cluster for this file, with a migrated database to copy.
async fn cluster() -> &'static Throwaway {
    static CLUSTER: OnceCell<Throwaway> = OnceCell::const_new();
    CLUSTER
        .get_or_init(|| async {
            let cluster = Throwaway::start(&Search::default()).unwrap();
            cluster.create_database(TEMPLATE, None).unwrap();
            let url = cluster.url(postgres::OWNER, TEMPLATE);
            persistence::migrate(&url).await.unwrap();
            cluster
        })
        .await
}

/// Alice, owner of the only workspace of a database of her own.
struct Alice {
    db: Db,
    principal: Principal,
}

impl Alice {
    async fn with_workspace() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let cluster = cluster().await;
        let name = format!("live_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        cluster.create_database(&name, Some(TEMPLATE)).unwrap();
        let db = Db::open(&DatabaseConfig {
            url: cluster.url("authenticator", &name),
            pool_mode: PoolMode::Session,
            max_connections: 4,
        })
        .unwrap();
        let alice = Uuid::from_u128(0xa11ce);
        let principal = Principal::user(UserId(alice), Some("alice@example.com".to_owned()));
        let entry = db.enter(&principal, None).await.unwrap();
        assert_eq!(entry, Entry::NoWorkspace);
        let mut tx = db.begin_as(&principal, None).await.unwrap();
        let created = workspaces::create(&mut tx, &principal, "Alice", "alice")
            .await
            .unwrap();
        assert!(matches!(created, Insert::Created(_)));
        tx.commit().await.unwrap();
        Self { db, principal }
    }

    /// Alice as her next request finds her.
    async fn asks(&self) -> Caller {
        match self.db.enter(&self.principal, None).await.unwrap() {
            Entry::Member(membership) => Caller {
                principal: self.principal.clone(),
                workspace_id: membership.workspace_id,
                role: membership.role,
                catalog_revision: membership.catalog_revision,
            },
            other => panic!("{other:?}"),
        }
    }

    fn registry(&self) -> Registry {
        Registry::new(self.db.clone(), Policy::default())
    }
}

fn document(name: &str, description: &str) -> Value {
    json!({
        "name": name,
        "description": description,
        "api": { "base_url": "https://api.example.com", "method": "GET", "auth": { "method": "none" } },
        "input_schema": { "properties": { "symbol": { "type": "string" } } },
        "output_schema": { "properties": { "price": { "type": "number" } } },
    })
}

fn id(text: &str) -> ToolId {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_tool_saved_through_one_registry_is_live_in_another_at_once() {
    let alice = Alice::with_workspace().await;
    let (here, there) = (alice.registry(), alice.registry());
    let empty = there.catalog(&alice.asks().await).await.unwrap();
    assert_eq!(empty.tools().len(), 0);

    let saved = here
        .register(&alice.asks().await, document("quote", "first"))
        .await
        .unwrap();
    assert_eq!((saved.tool_id.as_str(), saved.saved.version), ("quote", 1));
    let catalog = there.catalog(&alice.asks().await).await.unwrap();
    assert_eq!(catalog.tool(&id("quote")).unwrap().hash, saved.saved.hash);

    here.register(&alice.asks().await, document("other", "stays"))
        .await
        .unwrap();
    let before = there.catalog(&alice.asks().await).await.unwrap();
    here.revise(
        &alice.asks().await,
        &id("quote"),
        document("quote", "second"),
        None,
    )
    .await
    .unwrap();
    let after = there.catalog(&alice.asks().await).await.unwrap();
    assert_eq!(
        after.tool(&id("quote")).unwrap().config.description,
        "second"
    );
    let other = |catalog: &registry::Catalog| catalog.tool(&id("other")).unwrap();
    assert!(
        Arc::ptr_eq(&other(&before), &other(&after)),
        "what did not change is not compiled again"
    );

    here.retire(&alice.asks().await, &id("quote"))
        .await
        .unwrap();
    let catalog = there.catalog(&alice.asks().await).await.unwrap();
    assert!(catalog.tool(&id("quote")).is_none());
}

#[tokio::test]
async fn while_nothing_changes_the_database_is_not_asked() {
    let alice = Alice::with_workspace().await;
    let registry = alice.registry();
    registry
        .register(&alice.asks().await, document("quote", "d"))
        .await
        .unwrap();
    let caller = alice.asks().await;
    let first = registry.catalog(&caller).await.unwrap();
    alice.db.close().await;
    assert!(Arc::ptr_eq(
        &first,
        &registry.catalog(&caller).await.unwrap()
    ));
    let behind = Caller {
        catalog_revision: 0,
        ..caller.clone()
    };
    assert!(Arc::ptr_eq(
        &first,
        &registry.catalog(&behind).await.unwrap()
    ));
    let ahead = Caller {
        catalog_revision: caller.catalog_revision + 1,
        ..caller
    };
    assert!(matches!(
        registry.catalog(&ahead).await,
        Err(Error::Database(_))
    ));
}

#[tokio::test]
async fn requests_that_wait_share_one_load() {
    let alice = Alice::with_workspace().await;
    let registry = alice.registry();
    for number in 0..20 {
        let document = document(&format!("tool {number}"), "d");
        registry
            .register(&alice.asks().await, document)
            .await
            .unwrap();
    }
    let caller = alice.asks().await;
    let waiting: Vec<_> = (0..8)
        .map(|_| {
            let (registry, caller) = (registry.clone(), caller.clone());
            tokio::spawn(async move { registry.catalog(&caller).await.unwrap() })
        })
        .collect();
    let mut catalogs = Vec::new();
    for one in waiting {
        catalogs.push(one.await.unwrap());
    }
    assert_eq!(catalogs[0].tools().len(), 20);
    assert!(
        catalogs
            .iter()
            .all(|catalog| Arc::ptr_eq(catalog, &catalogs[0]))
    );
}

#[tokio::test]
async fn what_is_saved_is_what_is_loaded() {
    let alice = Alice::with_workspace().await;
    let registry = alice.registry();
    let mut written = document("Get Quote", "naïve \u{1F4C8}");
    written["metadata"] = json!({ "z": 1.0, "a": [1, 2.50, "x"], "n": null });
    let saved = registry
        .register(&alice.asks().await, written.clone())
        .await
        .unwrap();
    assert_eq!(saved.tool_id.as_str(), "get_quote");
    let row = registry
        .saved(&alice.asks().await, &saved.tool_id)
        .await
        .unwrap();
    assert_eq!(row.document, written.to_string());
    assert_eq!(row.source, "api");
    let page = registry
        .saved_page(&alice.asks().await, None, 10)
        .await
        .unwrap();
    assert_eq!(page, [row]);
}

#[tokio::test]
async fn conflicts_are_told_with_the_current_version() {
    let alice = Alice::with_workspace().await;
    let registry = alice.registry();
    let caller = alice.asks().await;
    let quote = id("quote");
    let first = registry
        .register(&caller, document("quote", "1"))
        .await
        .unwrap();
    let again = registry
        .register(&caller, document("quote", "x"))
        .await
        .unwrap_err();
    assert!(matches!(again, Error::Exists { version: 1, hash } if hash == first.saved.hash));

    let second = registry.revise(
        &caller,
        &quote,
        document("quote", "2"),
        Some(&first.saved.hash),
    );
    let second = second.await.unwrap();
    assert_eq!(second.saved.version, 2);
    let stale = registry
        .revise(
            &caller,
            &quote,
            document("quote", "3"),
            Some(&first.saved.hash),
        )
        .await;
    assert!(
        matches!(stale, Err(Error::Conflict { version: 2, hash }) if hash == second.saved.hash)
    );
    let same = registry
        .revise(&caller, &quote, document("quote", "2"), None)
        .await
        .unwrap();
    assert_eq!(same.saved.version, 2);

    let restored = registry.restore(&caller, &quote, 1).await.unwrap();
    assert_eq!(
        (restored.saved.version, &restored.saved.hash),
        (3, &first.saved.hash)
    );
    assert!(matches!(
        registry.restore(&caller, &quote, 9).await,
        Err(Error::NotFound)
    ));
    let versions = registry.versions(&caller, &quote, None, 10).await.unwrap();
    let numbers: Vec<i32> = versions.iter().map(|version| version.version).collect();
    assert_eq!(numbers, [3, 2, 1]);

    registry.retire(&caller, &quote).await.unwrap();
    for gone in [
        registry.retire(&caller, &quote).await.err(),
        registry.saved(&caller, &quote).await.err(),
        registry
            .revise(&caller, &quote, document("quote", "4"), None)
            .await
            .err(),
        registry
            .versions(&caller, &id("never"), None, 10)
            .await
            .err(),
    ] {
        assert!(matches!(gone, Some(Error::NotFound)), "{gone:?}");
    }
    let revived = registry
        .register(&caller, document("quote", "5"))
        .await
        .unwrap();
    assert_eq!(revived.saved.version, 4);
}

#[tokio::test]
async fn an_id_is_kept_for_good() {
    let alice = Alice::with_workspace().await;
    let registry = alice.registry();
    let caller = alice.asks().await;
    registry
        .register(&caller, document("quote", "d"))
        .await
        .unwrap();
    let renamed = registry
        .revise(&caller, &id("quote"), document("Another name", "d"), None)
        .await;
    assert_eq!(renamed.unwrap().tool_id, id("quote"));
    let catalog = registry.catalog(&alice.asks().await).await.unwrap();
    assert_eq!(
        catalog.tool(&id("quote")).unwrap().config.name,
        "Another name"
    );

    let mut other = document("quote", "d");
    other["id"] = json!("other");
    match registry.revise(&caller, &id("quote"), other, None).await {
        Err(Error::Invalid(faults)) => assert_eq!(faults[0].pointer, "/id"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_document_with_faults_is_not_saved() {
    let alice = Alice::with_workspace().await;
    let registry = alice.registry();
    let caller = alice.asks().await;
    let mut bad = document("quote", "d");
    bad["api"]["base_url"] = json!("http://localhost/");
    bad["input_schema"]["type"] = json!("nonsense");
    match registry.register(&caller, bad).await {
        Err(Error::Invalid(faults)) => assert!(faults.len() >= 2, "{faults:?}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(alice.asks().await.catalog_revision, caller.catalog_revision);
}

#[tokio::test]
async fn tools_are_found_by_their_words() {
    let alice = Alice::with_workspace().await;
    let registry = alice.registry();
    let caller = alice.asks().await;
    registry
        .register(&caller, document("quote", "The price of a share"))
        .await
        .unwrap();
    registry
        .register(&caller, document("weather", "The forecast for a city"))
        .await
        .unwrap();
    assert_eq!(
        registry.search(&caller, "foreca", 10).await.unwrap(),
        ["weather"]
    );
    assert_eq!(
        registry.search(&caller, "share", 10).await.unwrap(),
        ["quote"]
    );
    assert!(registry.search(&caller, "%", 10).await.unwrap().is_empty());
}
