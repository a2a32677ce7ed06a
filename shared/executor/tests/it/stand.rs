//! A workspace on a migrated database of its own, with an executor and one upstream.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::caller::{Caller, Door, Principal};
use domain::egress::Policy;
use domain::ids::{ExecutionId, ToolId, UserId};
use executor::outbound::{Outbound, OutboundConfig};
use executor::{ExecuteError, ExecuteOptions, Execution, Executor};
use persistence::executions::{self, ExecutionRow, Filter};
use persistence::{DatabaseConfig, Db, Entry, Insert, PoolMode, workspaces};
use postgres::{Search, Throwaway};
use registry::Registry;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;
use vault::{MasterKeys, Vault};

use crate::upstream::{Reply, Upstream, http};

const TEMPLATE: &str = "migrated";

/// Makes the cluster and its template; one for the whole process.
fn cluster() -> &'static Throwaway {
    static CLUSTER: OnceLock<Throwaway> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let cluster = Throwaway::start(&Search::default()).unwrap();
        cluster.create_database(TEMPLATE, None).unwrap();
        let url = cluster.url(postgres::OWNER, TEMPLATE);
        // Its own thread: a test's runtime is running on this one.
        std::thread::spawn(move || {
            tokio::runtime::Runtime::new()
                .unwrap()
                .block_on(persistence::migrate(&url))
                .unwrap();
        })
        .join()
        .unwrap();
        cluster
    })
}

/// Alice, owner of a workspace, and an upstream that her tools may call.
pub(crate) struct Stand {
    pub(crate) upstream: Upstream,
    pub(crate) executor: Executor,
    pub(crate) vault: Vault,
    db: Db,
    registry: Registry,
    principal: Principal,
}

impl Stand {
    pub(crate) async fn with(replies: Vec<Reply>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("executor_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        cluster().create_database(&name, Some(TEMPLATE)).unwrap();
        let db = Db::open(&DatabaseConfig {
            url: cluster().url("authenticator", &name),
            pool_mode: PoolMode::Session,
            max_connections: 4,
        })
        .unwrap();
        let upstream = Upstream::start(replies).await;
        let policy = Policy {
            allow: Policy::parse_allow(&upstream.address.to_string()).unwrap(),
            own_hosts: Vec::new(),
        };
        let keys = MasterKeys::generate("test").unwrap();
        let keys = MasterKeys::from_base64(keys.expose_secret()).unwrap();
        let vault = Vault::new(db.clone(), keys);
        let registry = Registry::new(db.clone(), policy.clone());
        let outbound = Outbound::new(OutboundConfig {
            policy,
            ..OutboundConfig::default()
        });
        let principal = Principal::user(UserId(Uuid::new_v4()), None);
        db.enter(&principal, None).await.unwrap();
        let mut tx = db.begin_as(&principal, None).await.unwrap();
        let made = workspaces::create(&mut tx, &principal, "Alice", "alice").await;
        assert!(matches!(made.unwrap(), Insert::Created(_)));
        tx.commit().await.unwrap();
        Self {
            executor: Executor::new(db.clone(), registry.clone(), vault.clone(), outbound),
            upstream,
            vault,
            db,
            registry,
            principal,
        }
    }

    /// An upstream that answers every call with this JSON.
    pub(crate) async fn answering(body: &str) -> Self {
        let answer = http("200 OK", "Content-Type: application/json\r\n", body);
        Self::with(vec![Reply::Raw(answer.into_bytes())]).await
    }

    /// Alice as her next request finds her.
    pub(crate) async fn alice(&self) -> Caller {
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

    /// A tool `t` that calls the upstream, with these changes at the top of its document and in `api`.
    pub(crate) fn tool(&self, api: Value, rest: Value) -> Value {
        let mut document = json!({
            "name": "t",
            "description": "d",
            "api": { "base_url": format!("http://{}", self.upstream.address), "method": "GET" },
            "input_schema": { "properties": { "q": { "type": "string" } } },
            "output_schema": { "type": "object" },
            "retry": { "max_attempts": 1 },
        });
        for (target, changes) in [("/api", api), ("", rest)] {
            let target = document
                .pointer_mut(target)
                .unwrap()
                .as_object_mut()
                .unwrap();
            target.extend(changes.as_object().cloned().unwrap());
        }
        document
    }

    /// Registers the tool and calls it.
    pub(crate) async fn run(&self, document: Value, input: Value) -> Execution {
        self.try_run(document, input, ExecuteOptions::through(Door::Rest))
            .await
            .unwrap()
    }

    pub(crate) async fn try_run(
        &self,
        document: Value,
        input: Value,
        options: ExecuteOptions,
    ) -> Result<Execution, ExecuteError> {
        let id = self.registers(document).await;
        self.executor
            .execute(&self.alice().await, &id, input, options)
            .await
    }

    pub(crate) async fn registers(&self, document: Value) -> ToolId {
        let alice = self.alice().await;
        self.registry
            .register(&alice, document)
            .await
            .unwrap()
            .tool_id
    }

    /// One execution as it is stored.
    pub(crate) async fn stored(&self, id: ExecutionId) -> ExecutionRow {
        let alice = self.alice().await;
        let workspace = alice.workspace_id;
        let mut tx = self
            .db
            .begin_as(&alice.principal, Some(workspace))
            .await
            .unwrap();
        let row = executions::by_id(&mut tx, workspace, id).await.unwrap();
        tx.commit().await.unwrap();
        row.unwrap()
    }

    /// The newest execution as it is stored, if there is one.
    pub(crate) async fn newest(&self) -> Option<ExecutionRow> {
        let alice = self.alice().await;
        let workspace = alice.workspace_id;
        let mut tx = self
            .db
            .begin_as(&alice.principal, Some(workspace))
            .await
            .unwrap();
        let page = executions::page(&mut tx, workspace, Filter::default(), 1).await;
        tx.commit().await.unwrap();
        let newest = page.unwrap().pop()?;
        Some(self.stored(ExecutionId(newest.id)).await)
    }

    /// The database goes away.
    pub(crate) async fn loses_its_database(&self) {
        self.db.close().await;
    }
}
