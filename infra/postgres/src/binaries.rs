//! Finding `initdb` and `postgres`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::download;
use crate::error::Error;

/// The oldest major version whose features the migrations and the tests use.
const OLDEST: u32 = 15;

/// Where to look.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// The directory that the operator named (`PG_BIN`). Nothing else is looked at then.
    pub pg_bin: Option<PathBuf>,
    /// Where fetched binaries are kept; `None`: beside the data.
    pub cache: Option<PathBuf>,
}

/// A directory with `initdb` and `postgres` of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// The directory.
    pub dir: PathBuf,
    /// Their major version.
    pub major: u32,
}

impl Binaries {
    /// The best binaries at hand: of version `wanted` if given and there, else the newest. Falls
    /// back to a pinned download kept in `cache`.
    ///
    /// # Errors
    /// [`Error::NotFound`] or [`Error::BadBinaries`].
    pub fn find(search: &Search, cache: &Path, wanted: Option<u32>) -> Result<Self, Error> {
        if let Some(dir) = &search.pg_bin {
            return Self::verify(dir).map_err(|why| Error::BadBinaries {
                dir: dir.clone(),
                why,
            });
        }
        let candidates = candidates();
        // Of equals, the one that was looked at first: `max_by_key` takes the last.
        let best = candidates
            .iter()
            .rev()
            .filter_map(|dir| Self::verify(dir).ok())
            .max_by_key(|found| (Some(found.major) == wanted, found.major));
        if let Some(best) = best {
            return Ok(best);
        }
        let cache = search.cache.as_deref().unwrap_or(cache);
        download::fetch(cache)
            .and_then(|dir| Self::verify(&dir))
            .map_err(|why| Error::NotFound {
                tried: tried(&candidates),
                download: why,
                install: install_command(),
            })
    }

    /// A program of these.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Checks that both programs live side by side and run, and asks for their version.
    pub(crate) fn verify(dir: &Path) -> Result<Self, String> {
        let initdb = version(&dir.join("initdb"))?;
        let postgres = version(&dir.join("postgres"))?;
        if initdb != postgres {
            return Err(format!(
                "its `initdb` is of version {initdb} and its `postgres` of version {postgres}"
            ));
        }
        if postgres < OLDEST {
            return Err(format!(
                "it holds PostgreSQL {postgres}; {OLDEST} or newer is needed"
            ));
        }
        Ok(Self {
            dir: dir.to_owned(),
            major: postgres,
        })
    }
}

/// Every directory worth looking at, each once, links followed.
fn candidates() -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    // `command -v` follows PATH as the shell does; a link there leads to the real directory, which
    // alone has the libraries and the share files beside it.
    let shell = Command::new("sh")
        .args(["-c", "command -v initdb; pg_config --bindir"])
        .stdin(Stdio::null())
        .output();
    for line in shell
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default()
        .lines()
    {
        let path = PathBuf::from(line);
        dirs.push(match path.file_name() {
            Some(name) if name == "initdb" => match fs::canonicalize(&path) {
                Ok(real) => real.parent().map(Path::to_owned).unwrap_or_default(),
                Err(_) => continue,
            },
            _ => path,
        });
    }
    for (root, bin) in [
        ("/usr/lib/postgresql", "bin"), // Debian, Ubuntu, Alpine: one directory a version
        ("/usr", "bin"),                // Red Hat's own: /usr/pgsql-16/bin
        ("/opt/homebrew/opt", "bin"),   // Homebrew on Apple silicon
        ("/usr/local/opt", "bin"),      // Homebrew on Intel
        ("/home/linuxbrew/.linuxbrew/opt", "bin"),
        ("/Library/PostgreSQL", "bin"), // EDB's installer
        ("/Applications/Postgres.app/Contents/Versions", "bin"),
        ("/opt/local/lib", "bin"), // MacPorts
        ("/usr/local", "bin"),     // /usr/local/pgsql/bin: from source
    ] {
        let named = |name: &str| {
            name.contains("postgresql") || name.starts_with("pgsql") || root.contains("ostgre")
        };
        dirs.extend(
            fs::read_dir(root)
                .into_iter()
                .flatten()
                .flatten()
                .filter(|entry| entry.file_name().to_str().is_some_and(named))
                .map(|entry| entry.path().join(bin)),
        );
    }
    dirs.extend(["/usr/bin", "/usr/local/bin"].map(PathBuf::from));
    let mut seen = Vec::new();
    dirs.retain(|dir| {
        let real = fs::canonicalize(dir).unwrap_or_else(|_| dir.clone());
        let new = dir.join("initdb").exists() && !seen.contains(&real);
        seen.push(real);
        new
    });
    dirs
}

/// The major version that a program says it has.
fn version(program: &Path) -> Result<u32, String> {
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("`{}` cannot be run: {error}", program.display()))?;
    // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "initdb (PostgreSQL) 18beta1"
    let text = String::from_utf8_lossy(&output.stdout);
    let digits = |word: &str| -> String { word.chars().take_while(char::is_ascii_digit).collect() };
    text.split_once("(PostgreSQL) ")
        .and_then(|(_, rest)| digits(rest).parse().ok())
        .ok_or_else(|| format!("`{}` does not tell its version", program.display()))
}

fn tried(candidates: &[PathBuf]) -> String {
    if candidates.is_empty() {
        return "neither on the PATH nor in the usual places".to_owned();
    }
    let list: Vec<_> = candidates
        .iter()
        .map(|dir| dir.display().to_string())
        .collect();
    format!("nothing usable in {}", list.join(", "))
}

fn install_command() -> &'static str {
    if cfg!(target_os = "macos") {
        "`brew install postgresql@17`"
    } else if Path::new("/etc/debian_version").exists() {
        "`sudo apt-get install postgresql`"
    } else if Path::new("/etc/alpine-release").exists() {
        "`sudo apk add postgresql`"
    } else if Path::new("/etc/arch-release").exists() {
        "`sudo pacman -S postgresql`"
    } else {
        "`sudo dnf install postgresql-server` or the like"
    }
}
