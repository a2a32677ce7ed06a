//! A real PgBouncer in transaction mode before a throw-away cluster, for the tests.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Doing, Error};
use crate::home::{Home, PORT};
use crate::throwaway::{Throwaway, Watcher};
use crate::wire::Rows;
use crate::{OWNER, account, postmaster, server, wire};

const START: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(5);

/// The database that is PgBouncer's own console.
const CONSOLE: &str = "pgbouncer";

/// From this version on PgBouncer can carry named statements over, which hides what is to be found.
const CARRIES_NAMES: (u32, u32) = (1, 21);

/// Why there is no pooler.
#[derive(Debug, thiserror::Error)]
pub enum PoolerError {
    /// It is not on this machine.
    #[error(
        "PgBouncer was not found on the PATH\nInstall it (Debian: `sudo apt-get install pgbouncer`; \
         macOS: `brew install pgbouncer`)."
    )]
    NotFound,
    /// It ended, or did not become ready in time.
    #[error("PgBouncer did not start:\n{log}")]
    NotStarted {
        /// The end of its log.
        log: String,
    },
    /// Its files or its processes failed us.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// PgBouncer in transaction mode: two transactions of one client may meet two server connections, and
/// one server connection serves many clients. Listens on a unix socket, trusts who may enter its
/// directory, ends with its owner as the cluster does.
#[derive(Debug)]
pub struct Pooler {
    home: Home,
    process: Child,
    watcher: Watcher,
}

impl Pooler {
    /// Starts PgBouncer before `cluster`, with at most `size` server connections for each database and
    /// user. Only `users` may come through it.
    ///
    /// # Errors
    /// [`PoolerError::NotFound`] when PgBouncer is not installed; the others say what is wrong.
    pub fn start(cluster: &Throwaway, size: u32, users: &[&str]) -> Result<Self, PoolerError> {
        let program = program().ok_or(PoolerError::NotFound)?;
        let behind = cluster.home();
        // Inside the cluster's directory: who may enter that may enter this, and both go together.
        let home = Home::within(behind, "pooler")?;
        let settings = home.dir.join("pgbouncer.ini");
        let known = home.dir.join("users.txt");
        let mut lines = String::new();
        for user in users.iter().chain(&[OWNER]) {
            let _ = writeln!(lines, "\"{user}\" \"\"");
        }
        let mut ini = format!(
            "[databases]\n* = host={} port={PORT}\n[pgbouncer]\nlisten_port = {PORT}\n\
             unix_socket_dir = {}\nauth_type = trust\nauth_file = {}\nadmin_users = {OWNER}\n\
             pool_mode = transaction\ndefault_pool_size = {size}\nmax_client_conn = 400\n\
             server_login_retry = 0\n\
             log_connections = 0\nlog_disconnections = 0\nlog_pooler_errors = 0\n",
            behind.socket_dir().display(),
            home.socket_dir().display(),
            known.display(),
        );
        if version(&program) >= CARRIES_NAMES {
            ini.push_str("max_prepared_statements = 0\n");
        }
        for (path, text) in [(&known, lines), (&settings, ini)] {
            fs::write(path, text).doing(|| format!("writing {}", path.display()))?;
        }
        let mut process = spawn(&home, &program)?;
        wait_ready(&home, &mut process)?;
        let pid = i32::try_from(process.id()).unwrap_or_default();
        // It has no children and no data: it may be cut off. (What asks it to end differs by version.)
        let watcher = Watcher::of(pid, "KILL", &home.dir)?;
        Ok(Self {
            home,
            process,
            watcher,
        })
    }

    /// A connection URL for `database` through the pooler, as `user`.
    pub fn url(&self, user: &str, database: &str) -> String {
        server::socket_url(self.home.socket_dir(), user, database)
    }

    /// Gives a command to PgBouncer's console, as in `show pools`.
    ///
    /// # Errors
    /// [`Error::Sql`] with PgBouncer's words.
    pub fn console(&self, command: &str) -> Result<Rows, Error> {
        wire::query(&self.home.socket(), OWNER, CONSOLE, command)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        self.watcher.dismiss();
        let _ = postmaster::remove(&self.home.dir);
    }
}

/// Debian puts it where an ordinary user's PATH does not lead.
fn program() -> Option<PathBuf> {
    let search = "PATH=$PATH:/usr/local/sbin:/usr/sbin:/opt/homebrew/bin; command -v pgbouncer";
    let output = Command::new("sh")
        .args(["-c", search])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    let path = path.trim();
    (!path.is_empty()).then(|| path.into())
}

/// What `pgbouncer --version` says first: "PgBouncer 1.18.0".
fn version(program: &Path) -> (u32, u32) {
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    numbers(&String::from_utf8_lossy(&text)).unwrap_or_default()
}

fn numbers(text: &str) -> Option<(u32, u32)> {
    let (_, version) = text.lines().next()?.split_once(' ')?;
    let mut parts = version.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

fn spawn(home: &Home, program: &Path) -> Result<Child, Error> {
    let log = File::create(home.log()).doing(|| format!("creating {}", home.log().display()))?;
    let errors = log
        .try_clone()
        .doing(|| format!("opening {}", home.log().display()))?;
    account::command(program, home.account, &home.dir)
        .arg(home.dir.join("pgbouncer.ini"))
        .stdout(Stdio::from(log))
        .stderr(Stdio::from(errors))
        .spawn()
        .doing(|| "starting `pgbouncer`".to_owned())
}

fn wait_ready(home: &Home, process: &mut Child) -> Result<(), PoolerError> {
    let deadline = Instant::now() + START;
    loop {
        if wire::query(&home.socket(), OWNER, CONSOLE, "show version").is_ok() {
            return Ok(());
        }
        let ended = process
            .try_wait()
            .doing(|| "waiting for `pgbouncer`".to_owned())?;
        if ended.is_some() || Instant::now() > deadline {
            let _ = process.kill();
            let _ = process.wait();
            return Err(PoolerError::NotStarted {
                log: home.log_tail(),
            });
        }
        thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_version() {
        assert_eq!(numbers("PgBouncer 1.18.0\nlibevent 2.1"), Some((1, 18)));
        assert_eq!(numbers("PgBouncer 1.24.1"), Some((1, 24)));
        assert_eq!(numbers("no such thing"), None);
    }
}
