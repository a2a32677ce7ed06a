//! A migrated database of its own for each test, and people in it.

use std::sync::OnceLock;

use domain::caller::{Caller, Principal, Role};
use domain::ids::UserId;
use persistence::{DatabaseConfig, Db, Insert, PoolMode, audit, members, workspaces};
use postgres::{Search, Throwaway};
use secrecy::ExposeSecret;
use uuid::Uuid;
use vault::{MasterKeys, Vault};

const TEMPLATE: &str = "migrated";

static CLUSTER: OnceLock<Throwaway> = OnceLock::new();

/// Makes the cluster and its template; one for the whole process.
fn cluster() -> &'static Throwaway {
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

pub(crate) struct Stand {
    database: &'static str,
    db: Db,
    other_db: Db,
}

impl Stand {
    pub(crate) async fn new(database: &'static str) -> Self {
        let cluster = cluster();
        cluster.create_database(database, Some(TEMPLATE)).unwrap();
        let open = |max_connections| {
            Db::open(&DatabaseConfig {
                url: cluster.url("authenticator", database),
                pool_mode: PoolMode::Session,
                max_connections,
            })
            .unwrap()
        };
        let (db, other_db) = (open(2), open(4));
        db.ping().await.unwrap();
        Self {
            database,
            db,
            other_db,
        }
    }

    /// As another process has it.
    pub(crate) fn other_db(&self) -> &Db {
        &self.other_db
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    pub(crate) fn vault(&self) -> Vault {
        let keys = MasterKeys::generate("test").unwrap();
        let keys = MasterKeys::from_base64(keys.expose_secret()).unwrap();
        Vault::new(self.db.clone(), keys)
    }

    /// Somebody who owns a workspace of their own.
    pub(crate) async fn owner(&self, slug: &str) -> Caller {
        let principal = Principal::user(UserId(Uuid::new_v4()), None);
        let mut tx = self.db.begin_as(&principal, None).await.unwrap();
        let made = workspaces::create(&mut tx, &principal, slug, slug)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let Insert::Created(workspace) = made else {
            panic!("{slug} is taken");
        };
        Caller {
            principal,
            workspace_id: workspace.id,
            role: Role::Owner,
            catalog_revision: 0,
        }
    }

    /// Somebody with this role in the owner's workspace.
    pub(crate) async fn member(&self, owner: &Caller, role: Role) -> Caller {
        let principal = Principal::user(UserId(Uuid::new_v4()), None);
        let mut tx = self.db.begin_system().await.unwrap();
        members::add(&mut tx, owner.workspace_id, principal.user_id, None, role)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        Caller {
            principal,
            role,
            ..owner.clone()
        }
    }

    /// What the audit says was done, in order.
    pub(crate) async fn audited(&self, admin: &Caller) -> Vec<String> {
        let workspace = admin.workspace_id;
        let mut tx = self
            .db
            .begin_as(&admin.principal, Some(workspace))
            .await
            .unwrap();
        let page = audit::page(&mut tx, workspace, &audit::Filter::default(), 200)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        page.into_iter().rev().map(|row| row.action).collect()
    }

    /// The audit as text.
    pub(crate) fn dump(&self) -> String {
        format!(
            "{:?}",
            cluster()
                .sql(self.database, "select row_to_json(a) from secrets.audit a")
                .unwrap()
        )
    }

    /// The first column, as the superuser sees it.
    pub(crate) fn texts(&self, query: &str) -> Vec<String> {
        let rows = cluster().sql(self.database, query).unwrap().rows;
        rows.into_iter()
            .filter_map(|row| row.into_iter().next()?)
            .collect()
    }

    /// Why the superuser may not do something.
    pub(crate) fn tries(&self, statement: &str) -> String {
        cluster()
            .sql(self.database, statement)
            .unwrap_err()
            .to_string()
    }

    /// Does something as the superuser.
    pub(crate) fn sql(&self, statement: &str) {
        cluster().sql(self.database, statement).unwrap();
    }
}
