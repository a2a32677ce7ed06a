//! A database of each test's own: a copy of a migrated template on the test process's cluster.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::caller::{Principal, Role};
use domain::ids::{UserId, WorkspaceId};
use persistence::{DatabaseConfig, Db, Insert, PoolMode, members, workspaces};
use postgres::{OWNER, Pooler, Search, Throwaway};
use tokio::sync::OnceCell;
use uuid::Uuid;

const TEMPLATE: &str = "template_migrated";

/// The application's login role.
const LOGIN: &str = "authenticator";

/// Who is there in every test database, and in which workspace.
#[derive(Clone, Copy, Debug)]
pub struct Tenants {
    /// Alice's workspace, of which viewer, member and admin are members as well.
    pub a: WorkspaceId,
    /// Bob's workspace.
    pub b: WorkspaceId,
}

/// The people of the template, by name: `(name, user id)`.
pub(crate) const fn user(number: u128) -> UserId {
    UserId(Uuid::from_u128(
        0xa11c_e000_0000_4000_8000_0000_0000_0000 + number,
    ))
}

pub(crate) const ALICE: UserId = user(1);
pub(crate) const BOB: UserId = user(2);
pub(crate) const VIEWER: UserId = user(3);
pub(crate) const MEMBER: UserId = user(4);
pub(crate) const ADMIN: UserId = user(5);

/// The test process's cluster; gone when the process is gone.
pub fn cluster() -> &'static Throwaway {
    static CLUSTER: OnceLock<Throwaway> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let search = Search {
            pg_bin: std::env::var_os("PG_BIN").map(Into::into),
            cache: Some(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/postgres").into()),
        };
        Throwaway::start(&search).expect("a throw-away Postgres")
    })
}

/// Server connections that the pooler has for each database: fewer than an app asks for, so that its
/// requests and other apps on the same database must share.
pub const POOLED: u32 = 2;

/// PgBouncer in transaction mode, when `TEST_POOLER=pgbouncer` asks for it: apps then reach their
/// databases through it. Test set-up and [`TestDatabase::sql`] do not.
///
/// # Panics
/// When it is asked for and cannot be had.
pub fn pooler() -> Option<&'static Pooler> {
    static POOLER: OnceLock<Option<Pooler>> = OnceLock::new();
    POOLER
        .get_or_init(|| match std::env::var("TEST_POOLER").as_deref() {
            Err(_) | Ok("") => None,
            Ok("pgbouncer") => match Pooler::start(cluster(), POOLED, &[LOGIN]) {
                Ok(pooler) => Some(pooler),
                Err(error) => panic!("TEST_POOLER=pgbouncer: {error}"),
            },
            Ok(other) => panic!("TEST_POOLER={other}: only pgbouncer is known"),
        })
        .as_ref()
}

/// A migrated database with the tenants in it, dropped at the end.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    tenants: Tenants,
}

impl TestDatabase {
    /// Copies the template; the first call of the process makes it.
    ///
    /// # Panics
    /// When there is no Postgres, or the migrations do not apply.
    pub async fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        static READY: OnceCell<Tenants> = OnceCell::const_new();
        let tenants = *READY.get_or_init(make_template).await;
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let copy = name.clone();
        tokio::task::spawn_blocking(move || cluster().create_database(&copy, Some(TEMPLATE)))
            .await
            .expect("the copying was not cancelled")
            .expect("a copy of the template");
        Self { name, tenants }
    }

    /// As the application connects: directly, or through the [`pooler`].
    pub fn url(&self) -> String {
        match pooler() {
            Some(pooler) => pooler.url(LOGIN, &self.name),
            None => cluster().url(LOGIN, &self.name),
        }
    }

    /// How connections are shared on the way of [`TestDatabase::url`].
    pub fn pool_mode(&self) -> PoolMode {
        match pooler() {
            Some(_) => PoolMode::Transaction,
            None => PoolMode::Session,
        }
    }

    /// As the owner of everything, who sees all rows.
    pub fn owner_url(&self) -> String {
        cluster().url(OWNER, &self.name)
    }

    /// The two workspaces.
    pub fn tenants(&self) -> Tenants {
        self.tenants
    }

    /// The same for statements that are expected to fail.
    ///
    /// # Errors
    /// What the database says.
    pub fn try_sql(&self, statements: &str) -> Result<postgres::Rows, String> {
        let done = cluster().sql(&self.name, statements);
        done.map_err(|error| error.to_string())
    }

    /// Runs statements as a superuser, past all policies; rows come as text.
    ///
    /// # Panics
    /// When a statement fails.
    pub fn sql(&self, statements: &str) -> postgres::Rows {
        cluster()
            .sql(&self.name, statements)
            .unwrap_or_else(|error| panic!("{error}\n{statements}"))
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let _ = cluster().drop_database(&self.name);
    }
}

async fn make_template() -> Tenants {
    tokio::task::spawn_blocking(|| cluster().create_database(TEMPLATE, None))
        .await
        .expect("the creation was not cancelled")
        .expect("an empty database");
    persistence::migrate(&cluster().url(OWNER, TEMPLATE))
        .await
        .unwrap_or_else(|error| panic!("the migrations apply: {error:?}"));
    let db = Db::open(&DatabaseConfig {
        url: cluster().url(LOGIN, TEMPLATE),
        pool_mode: PoolMode::Session,
        max_connections: 1,
    })
    .expect("a well-formed URL");
    let tenants = Tenants {
        a: workspace(&db, ALICE, "alice", "Workspace A", "a").await,
        b: workspace(&db, BOB, "bob", "Workspace B", "b").await,
    };
    let mut tx = db.begin_system().await.expect("a transaction");
    for (user, name, role) in [
        (VIEWER, "viewer", Role::Viewer),
        (MEMBER, "member", Role::Member),
        (ADMIN, "admin", Role::Admin),
    ] {
        members::add(&mut tx, tenants.a, user, Some(&email(name)), role)
            .await
            .unwrap_or_else(|error| panic!("{name} becomes a member: {error:?}"));
    }
    tx.commit().await.expect("a commit");
    // Nobody may be connected to a template while it is copied.
    db.close().await;
    tenants
}

async fn workspace(db: &Db, user: UserId, who: &str, name: &str, slug: &str) -> WorkspaceId {
    let principal = Principal::user(user, Some(email(who)));
    let mut tx = db
        .begin_as(&principal, None)
        .await
        .unwrap_or_else(|error| panic!("a transaction as {who}: {error:?}"));
    let made = workspaces::create(&mut tx, &principal, name, slug)
        .await
        .unwrap_or_else(|error| panic!("{who} makes a workspace: {error:?}"));
    tx.commit().await.expect("a commit");
    match made {
        Insert::Created(workspace) => workspace.id,
        Insert::Exists => panic!("the slug {slug} is taken in an empty database"),
    }
}

/// The address of a persona.
pub(crate) fn email(name: &str) -> String {
    format!("{name}@example.com")
}
