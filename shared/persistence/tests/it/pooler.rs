//! Behind a real PgBouncer in transaction mode everybody gets their own rows.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use domain::caller::Principal;
use persistence::{DatabaseConfig, Db, Entry, PoolMode, tools, workspaces};

use crate::cluster::{Database, cluster};
use crate::skip::skip;

struct PgBouncer {
    process: Child,
    directory: PathBuf,
    port: u16,
}

impl PgBouncer {
    /// `None` when the program is not installed. Two server connections for all clients, so that they must share.
    fn start(database: &str) -> Option<Self> {
        let program = [
            "/usr/sbin/pgbouncer",
            "/usr/bin/pgbouncer",
            "/usr/local/bin/pgbouncer",
        ]
        .into_iter()
        .find(|path| Path::new(path).exists())?;
        let sockets = cluster().directory();
        let owner = fs::metadata(sockets).unwrap();
        let directory = std::env::temp_dir().join(format!("pgbouncer-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let url: Vec<String> = cluster()
            .url("authenticator", database)
            .split("host=")
            .skip(1)
            .map(|rest| {
                rest.split('&')
                    .next()
                    .unwrap_or_default()
                    .replace("%2F", "/")
            })
            .collect();
        let host = url.first().unwrap();
        let ini = directory.join("pgbouncer.ini");
        fs::write(
            &ini,
            format!(
                "[databases]\n{database} = host={host} dbname={database} user=authenticator\n\
                 [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
                 auth_type = any\npool_mode = transaction\ndefault_pool_size = 2\nmax_client_conn = 100\n"
            ),
        )
        .unwrap();
        let mut command = Command::new(program);
        command
            .arg("-q")
            .arg(&ini)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // Refuses to be root; the sockets are their owner's.
        if nobody_else_may_be_root() {
            command.uid(owner.uid()).gid(owner.gid());
        }
        let mut process = command.spawn().unwrap();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = process.try_wait().unwrap() {
                panic!("pgbouncer ended: {status}");
            }
            std::thread::yield_now();
        }
        Some(Self {
            process,
            directory,
            port,
        })
    }

    fn client(&self, database: &str) -> Db {
        Db::open(&DatabaseConfig {
            url: format!(
                "postgres://authenticator@127.0.0.1:{}/{database}",
                self.port
            ),
            pool_mode: PoolMode::Transaction,
            max_connections: 2,
        })
        .unwrap()
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn nobody_else_may_be_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
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
        let mine = workspaces::mine(&mut tx).await.unwrap();
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
    let Some(pooler) = PgBouncer::start(&database.name) else {
        skip(
            "pooler::everybody_gets_their_own_rows_behind_a_transaction_pooler",
            "pgbouncer is not installed",
        );
        return;
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
            pooler.client(&database.name),
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
