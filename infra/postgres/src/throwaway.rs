//! A cluster for tests: fast because it forgets, gone when the test process is gone.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::binaries::Search;
use crate::error::{Doing, Error};
use crate::home::Home;
use crate::postmaster;
use crate::server::Server;
use crate::wire::Rows;

/// Memory that a test run needs at most; a smaller `/dev/shm` (containers) is not used.
const ROOM: u64 = 2 << 30;

/// Nothing needs to survive.
const SETTINGS: [&str; 8] = [
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "max_connections=400",
    "shared_buffers=64MB",
    "max_wal_size=4GB",
    "autovacuum=off",
    "superuser_reserved_connections=20",
];

/// Waits until the test process ends, however it ends: its side of the pipe closes then.
const WATCH: &str = "cat >/dev/null; kill -\"$2\" \"$1\" 2>/dev/null; \
    n=0; while kill -0 \"$1\" 2>/dev/null && [ $n -lt 50 ]; do sleep 0.1; n=$((n+1)); done; \
    rm -rf \"$3\"";

/// A throw-away cluster. Keep one per test process, in a static: a small watcher process stops it
/// and removes its files when the process ends, even when it is killed.
#[derive(Debug)]
pub struct Throwaway {
    server: Server,
    dir: PathBuf,
    watcher: Watcher,
    /// One at a time: Postgres refuses to copy a template while somebody else copies it into files.
    creating: Mutex<()>,
}

impl Throwaway {
    /// Makes and starts a cluster in memory, where there is room for it.
    ///
    /// # Errors
    /// Each says what to do.
    pub fn start(search: &Search) -> Result<Self, Error> {
        let base = memory().unwrap_or_else(|| PathBuf::from("/var/tmp"));
        let nanos = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.subsec_nanos());
        let dir = base.join(format!("pg-test-{}-{nanos}", std::process::id()));
        let server = Server::start_with(&dir, search, &SETTINGS, false)?;
        let watcher = Watcher::of(server.pid().unwrap_or_default(), "QUIT", &dir)?;
        Ok(Self {
            server,
            dir,
            watcher,
            creating: Mutex::new(()),
        })
    }

    /// Creates an empty database, or a copy of `template` (which nobody may be connected to).
    ///
    /// # Errors
    /// [`Error::Sql`], for one when the name is taken.
    pub fn create_database(&self, name: &str, template: Option<&str>) -> Result<(), Error> {
        let turn = self.creating.lock().unwrap_or_else(PoisonError::into_inner);
        let template = template.unwrap_or("template0");
        self.sql(
            "postgres",
            &format!(r#"create database "{name}" template "{template}" strategy file_copy"#),
        )?;
        drop(turn);
        Ok(())
    }

    /// Drops a database, cutting off who is still connected. That it is gone already is fine.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn drop_database(&self, name: &str) -> Result<(), Error> {
        self.sql(
            "postgres",
            &format!(r#"drop database if exists "{name}" with (force)"#),
        )?;
        Ok(())
    }

    /// Whether the database exists.
    ///
    /// # Errors
    /// [`Error::Sql`].
    pub fn has_database(&self, name: &str) -> Result<bool, Error> {
        let name = name.replace('\'', "''");
        let rows = self.sql(
            "postgres",
            &format!("select 1 from pg_database where datname = '{name}'"),
        )?;
        Ok(!rows.rows.is_empty())
    }

    /// A connection URL for `database`, as `user`.
    pub fn url(&self, user: &str, database: &str) -> String {
        self.server.url(user, database)
    }

    /// Runs statements as the superuser and answers the rows of the last one, as text.
    ///
    /// # Errors
    /// [`Error::Sql`] with the server's words.
    pub fn sql(&self, database: &str, statements: &str) -> Result<Rows, Error> {
        self.server.sql(database, statements)
    }

    pub(crate) const fn home(&self) -> &Home {
        self.server.home()
    }

    /// The directory with its socket and its files.
    pub fn directory(&self) -> &Path {
        self.server.directory()
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        let _ = self.server.leave();
        self.watcher.dismiss();
        let _ = postmaster::remove(&self.dir);
    }
}

/// Ends a server and removes its files when this process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Watcher {
    /// Its standard input is the pipe; kept open, never written to.
    process: Child,
}

impl Watcher {
    /// Watches over the server `pid`, which ends at `signal`, and its directory.
    pub(crate) fn of(pid: i32, signal: &str, dir: &Path) -> Result<Self, Error> {
        let process = Command::new("sh")
            .args(["-c", WATCH, "sh", &pid.to_string(), signal])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0)
            .spawn()
            .doing(|| "starting the watcher".to_owned())?;
        Ok(Self { process })
    }

    /// Lets it do its work now, and waits for it.
    pub(crate) fn dismiss(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn memory() -> Option<PathBuf> {
    let shm = Path::new("/dev/shm");
    let room = rustix::fs::statvfs(shm).ok()?;
    (room.f_bavail.saturating_mul(room.f_frsize) >= ROOM).then(|| shm.to_owned())
}
