//! One throw-away cluster for all tests here, and a migrated database for each.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::caller::{Principal, Role};
use domain::ids::{UserId, WorkspaceId};
use persistence::{DatabaseConfig, Db, Insert, PoolMode, members, migrate, workspaces};
use postgres::{OWNER, Rows, Search, Throwaway};
use tokio::sync::OnceCell;
use uuid::Uuid;

static CLUSTER: OnceLock<Throwaway> = OnceLock::new();
static TEMPLATE: OnceCell<()> = OnceCell::const_new();
static NEXT: AtomicU32 = AtomicU32::new(0);

/// The migrated database that the others are copies of.
const MIGRATED: &str = "migrated";

pub(crate) fn cluster() -> &'static Throwaway {
    CLUSTER.get_or_init(|| Throwaway::start(&Search::default()).unwrap())
}

/// An empty database's name.
pub(crate) fn empty() -> String {
    let name = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
    cluster().create_database(&name, None).unwrap();
    name
}

/// A migrated database of one's own.
pub(crate) struct Database {
    pub(crate) name: String,
    pub(crate) db: Db,
}

/// Somebody with a workspace.
pub(crate) struct Persona {
    pub(crate) principal: Principal,
    pub(crate) workspace: WorkspaceId,
}

impl Database {
    pub(crate) async fn new() -> Self {
        TEMPLATE
            .get_or_init(|| async {
                cluster().create_database(MIGRATED, None).unwrap();
                migrate(&cluster().url(OWNER, MIGRATED)).await.unwrap();
            })
            .await;
        let name = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
        cluster().create_database(&name, Some(MIGRATED)).unwrap();
        let db = open(&name, 4);
        Self { name, db }
    }

    /// Runs statements as the superuser.
    pub(crate) fn sql(&self, statements: &str) -> Rows {
        cluster().sql(&self.name, statements).unwrap()
    }

    /// A person with a workspace of this slug.
    pub(crate) async fn persona(&self, slug: &str) -> Persona {
        let principal =
            Principal::user(UserId(Uuid::now_v7()), Some(format!("{slug}@example.com")));
        let mut tx = self.db.begin_as(&principal, None).await.unwrap();
        let made = workspaces::create(&mut tx, &principal, slug, slug)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let Insert::Created(workspace) = made else {
            panic!("the slug {slug} is taken");
        };
        Persona {
            principal,
            workspace: workspace.id,
        }
    }

    /// Another person in the same workspace.
    pub(crate) async fn colleague(&self, of: &Persona, role: Role) -> Persona {
        let principal = Principal::user(UserId(Uuid::now_v7()), None);
        let mut tx = self.db.begin_system().await.unwrap();
        members::add(&mut tx, of.workspace, principal.user_id, None, role)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        Persona {
            principal,
            workspace: of.workspace,
        }
    }
}

/// The application's view of a database: as the login role.
pub(crate) fn open(name: &str, max_connections: u32) -> Db {
    Db::open(&DatabaseConfig {
        url: cluster().url("authenticator", name),
        pool_mode: PoolMode::Session,
        max_connections,
    })
    .unwrap()
}

/// The values of the first column.
pub(crate) fn column(rows: &Rows) -> Vec<String> {
    rows.rows
        .iter()
        .filter_map(|row| row.first().cloned().flatten())
        .collect()
}
