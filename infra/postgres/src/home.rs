//! The private directory in which a server lives: its data, its socket, its log, its locks.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::account::Account;
use crate::error::{Doing, Error};

/// A unix socket's path may not be longer (`sun_path`, macOS being the shortest).
const LONGEST_SOCKET: usize = 103;

/// The port that names the socket file; nothing listens on TCP.
pub(crate) const PORT: u16 = 5432;

/// The directory, owned by the account that runs the server and closed to everybody else.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) dir: PathBuf,
    pub(crate) account: Option<Account>,
    /// Says that another directory than the wanted one is used, and why.
    pub(crate) notice: Option<String>,
    socket_dir: PathBuf,
}

impl Home {
    /// Makes `wanted` ready, or a directory in its place that the server's user can reach.
    pub(crate) fn open(wanted: &Path) -> Result<Self, Error> {
        let wanted = std::path::absolute(wanted)
            .doing(|| format!("finding out where {} is", wanted.display()))?;
        let account = Account::pick(&wanted.join("data"))?;
        if let Some(parent) = wanted.parent() {
            fs::create_dir_all(parent).doing(|| format!("creating {}", parent.display()))?;
        }
        let wanted = match (wanted.parent().map(fs::canonicalize), wanted.file_name()) {
            (Some(Ok(parent)), Some(name)) => parent.join(name),
            _ => wanted,
        };
        let (dir, notice) = match account {
            Some(account) if !account.reaches(&wanted) => {
                let dir = stand_in(&wanted);
                if dir.exists() && !account.trusts(&dir) {
                    return Err(Error::BrokenData {
                        dir,
                        why: "it belongs to another user".to_owned(),
                    });
                }
                let notice = format!(
                    "Postgres may not run as root, and its user cannot reach {}: the data is in {}",
                    wanted.display(),
                    dir.display()
                );
                (dir, Some(notice))
            }
            _ => (wanted, None),
        };
        make_private(&dir, account)?;
        let socket_dir = socket_dir(&dir, account)?;
        Ok(Self {
            dir,
            account,
            notice,
            socket_dir,
        })
    }

    /// A directory inside another server's, as that one's account: both live in the same place.
    pub(crate) fn within(other: &Self, name: &str) -> Result<Self, Error> {
        let dir = other.dir.join(name);
        make_private(&dir, other.account)?;
        let socket_dir = socket_dir(&dir, other.account)?;
        Ok(Self {
            dir,
            account: other.account,
            notice: None,
            socket_dir,
        })
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("postgres.log")
    }

    pub(crate) fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.socket_dir.join(socket_name())
    }

    /// Opens a lock file.
    pub(crate) fn lock_file(&self, name: &str) -> Result<File, Error> {
        let path = self.dir.join(name);
        File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .read(true)
            .open(&path)
            .doing(|| format!("opening {}", path.display()))
    }

    /// The end of the server's log.
    pub(crate) fn log_tail(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }
}

fn socket_name() -> String {
    format!(".s.PGSQL.{PORT}")
}

/// The directory itself, or a shorter one where its path is too long for a socket.
fn socket_dir(dir: &Path, account: Option<Account>) -> Result<PathBuf, Error> {
    if dir.join(socket_name()).as_os_str().len() <= LONGEST_SOCKET {
        return Ok(dir.to_owned());
    }
    let short = PathBuf::from("/tmp").join(format!("pg-{}", &fingerprint(dir)[..16]));
    make_private(&short, account)?;
    Ok(short)
}

/// Creates a directory that only its owner may enter.
fn make_private(dir: &Path, account: Option<Account>) -> Result<(), Error> {
    fs::create_dir_all(dir).doing(|| format!("creating {}", dir.display()))?;
    fs::set_permissions(dir, Permissions::from_mode(0o700))
        .doing(|| format!("closing {} to other users", dir.display()))?;
    account.map_or(Ok(()), |account| account.own(dir))
}

/// Where the data goes when the server's user cannot reach the wanted place; the same each time.
fn stand_in(wanted: &Path) -> PathBuf {
    PathBuf::from("/var/tmp").join(format!("devserver-postgres-{}", &fingerprint(wanted)[..16]))
}

fn fingerprint(path: &Path) -> String {
    Sha256::digest(path.as_os_str().as_encoded_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
