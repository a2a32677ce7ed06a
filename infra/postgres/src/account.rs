//! As whom the server runs: Postgres refuses root, so root hands it to somebody with fewer rights.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Doing, Error};

/// The user and group of the server's processes and files, when they are not our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// For root: the owner of the data that is there already, else `postgres`, else `nobody`.
    /// For everybody else: nobody but themselves.
    pub(crate) fn pick(data: &Path) -> Result<Option<Self>, Error> {
        let me = rustix::process::geteuid().as_raw();
        let owner = fs::metadata(data).ok();
        if me != 0 {
            return match owner {
                Some(owner) if owner.uid() != me => Err(Error::OtherOwner {
                    dir: data.to_owned(),
                    owner: owner.uid(),
                }),
                _ => Ok(None),
            };
        }
        if let Some(owner) = owner.filter(|owner| owner.uid() != 0) {
            return Ok(Some(Self {
                uid: owner.uid(),
                gid: owner.gid(),
            }));
        }
        let users = fs::read_to_string("/etc/passwd").doing(|| "reading /etc/passwd".to_owned())?;
        named(&users, "postgres")
            .or_else(|| named(&users, "nobody"))
            .map(Some)
            .ok_or(Error::NoAccount)
    }

    /// Gives a file or directory to this account.
    pub(crate) fn own(self, path: &Path) -> Result<(), Error> {
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))
            .doing(|| format!("giving {} to the database's user", path.display()))
    }

    /// Whether this account can walk down to `dir` (whose last part need not exist yet).
    pub(crate) fn reaches(self, dir: &Path) -> bool {
        dir.ancestors().skip(1).all(|parent| {
            fs::metadata(parent).is_ok_and(|meta| {
                let mode = meta.permissions().mode();
                let bit = match (meta.uid() == self.uid, meta.gid() == self.gid) {
                    (true, _) => 0o100,
                    (false, true) => 0o010,
                    (false, false) => 0o001,
                };
                mode & bit != 0
            })
        })
    }

    /// Whether the file is this account's own (or root's).
    pub(crate) fn trusts(self, path: &Path) -> bool {
        fs::symlink_metadata(path)
            .is_ok_and(|meta| meta.is_dir() && (meta.uid() == self.uid || meta.uid() == 0))
    }
}

/// A command of the server's: as the account, in a process group of its own (the terminal's Ctrl-C
/// goes to us alone), with a plain environment, so that no PG* variable of the user's misleads it.
pub(crate) fn command(program: &Path, account: Option<Account>, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .stdin(Stdio::null())
        .current_dir(dir)
        .process_group(0);
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
    command
}

fn named(users: &str, name: &str) -> Option<Account> {
    let fields: Vec<&str> = users
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&name))?;
    Some(Account {
        uid: fields.get(2)?.parse().ok().filter(|uid| *uid != 0)?,
        gid: fields.get(3)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_user_by_name_and_never_root() {
        let users =
            "root:x:0:0::/:/bin/sh\nnobody:x:65534:65533:n:/:/bin/false\npostgres:x:0:0::/:\n";
        assert_eq!(
            named(users, "nobody"),
            Some(Account {
                uid: 65534,
                gid: 65533
            })
        );
        assert_eq!(named(users, "postgres"), None);
        assert_eq!(named(users, "body"), None);
    }
}
