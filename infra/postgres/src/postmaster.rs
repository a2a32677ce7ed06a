//! The server process: making the cluster, starting, finding and stopping the postmaster.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::account;
use crate::binaries::Binaries;
use crate::error::{Doing, Error};
use crate::home::{Home, PORT};
use crate::{OWNER, wire};

/// How long a start may take: crash recovery of a large database included.
const START: Duration = Duration::from_secs(60);
/// How long the children of a killed postmaster may hold its shared memory.
const RELEASE: Duration = Duration::from_secs(15);
const STOP: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

/// The major version of the data that is there; `None` when there is none yet.
pub(crate) fn data_version(home: &Home) -> Result<Option<u32>, Error> {
    let data = home.data();
    if !data.exists() {
        return Ok(None);
    }
    let broken = |why: &str| Error::BrokenData {
        dir: data.clone(),
        why: why.to_owned(),
    };
    let version = fs::read_to_string(data.join("PG_VERSION"))
        .map_err(|_| broken("it has no readable file PG_VERSION"))?;
    let major = version
        .trim()
        .parse()
        .map_err(|_| broken("its file PG_VERSION names no version"))?;
    if !data.join("global/pg_control").exists() {
        return Err(broken("its file global/pg_control is missing"));
    }
    Ok(Some(major))
}

/// Makes the cluster: beside its place and renamed, so that it is there whole or not at all.
pub(crate) fn init(home: &Home, binaries: &Binaries, lasting: bool) -> Result<(), Error> {
    let new = home.dir.join("data.new");
    let mut output = String::new();
    // Proper letters beyond ASCII where the machine knows them.
    for locale in ["C.UTF-8", "en_US.UTF-8", "C"] {
        if new.exists() {
            fs::remove_dir_all(&new).doing(|| format!("removing {}", new.display()))?;
        }
        let mut command = account::command(&binaries.program("initdb"), home.account, &home.dir);
        command.arg("-D").arg(&new).args([
            "--auth=trust",
            "--encoding=UTF8",
            &format!("--locale={locale}"),
            &format!("--username={OWNER}"),
        ]);
        if !lasting {
            command.arg("--no-sync");
        }
        let ran = command.output().doing(|| "running `initdb`".to_owned())?;
        if ran.status.success() {
            let data = home.data();
            return fs::rename(&new, &data).doing(|| format!("creating {}", data.display()));
        }
        output = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
    }
    let _ = fs::remove_dir_all(&new);
    Err(Error::Init {
        dir: home.data(),
        output,
    })
}

/// Whether a server answers on the socket.
pub(crate) fn answers(home: &Home) -> bool {
    wire::query(&home.socket(), OWNER, "template1", "select 1").is_ok()
}

/// The process that the data directory says is its server.
pub(crate) fn pid(home: &Home) -> Option<i32> {
    let file = fs::read_to_string(home.data().join("postmaster.pid")).ok()?;
    file.lines().next()?.trim().parse().ok()
}

/// Starts the server and waits until it answers.
pub(crate) fn start(home: &Home, binaries: &Binaries, settings: &[&str]) -> Result<Child, Error> {
    let release = Instant::now() + RELEASE;
    loop {
        forget_foreign_pid(home);
        let mut child = spawn(home, binaries, settings)?;
        if wait_ready(home, &mut child)? {
            return Ok(child);
        }
        // A killed postmaster's children take a moment to notice and let go.
        let log = home.log_tail();
        let held = log.contains("pre-existing shared memory block")
            || log.contains("lock file \"postmaster.pid\" already exists")
            || log.contains("lock file \"") && log.contains(".lock\" already exists");
        if !held || Instant::now() > release {
            return Err(Error::NotStarted {
                dir: home.data(),
                log,
            });
        }
        thread::sleep(Duration::from_millis(100));
    }
}

fn spawn(home: &Home, binaries: &Binaries, settings: &[&str]) -> Result<Child, Error> {
    let path = home.log();
    let log = File::create(&path).doing(|| format!("creating {}", path.display()))?;
    let errors = log
        .try_clone()
        .doing(|| format!("opening {}", path.display()))?;
    let mut command = account::command(&binaries.program("postgres"), home.account, &home.dir);
    command
        .arg("-D")
        .arg(home.data())
        .arg("-k")
        .arg(home.socket_dir())
        .args(["-p", &PORT.to_string()])
        .args(["-c", "listen_addresses="])
        .args(["-c", "unix_socket_permissions=0700"])
        .args(["-c", "logging_collector=off"])
        .args(["-c", "jit=off"]);
    for setting in settings {
        command.args(["-c", setting]);
    }
    command
        .stdout(Stdio::from(log))
        .stderr(Stdio::from(errors))
        .spawn()
        .doing(|| "starting `postgres`".to_owned())
}

/// True when the server answers, false when it ended.
fn wait_ready(home: &Home, child: &mut Child) -> Result<bool, Error> {
    let deadline = Instant::now() + START;
    loop {
        let ended = child
            .try_wait()
            .doing(|| "waiting for `postgres`".to_owned())?;
        if ended.is_some() {
            return Ok(false);
        }
        if pid(home) == i32::try_from(child.id()).ok() && answers(home) {
            return Ok(true);
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            return Err(Error::NotStarted {
                dir: home.data(),
                log: home.log_tail(),
            });
        }
        thread::sleep(POLL);
    }
}

/// After a crash of the machine (or in a new container) the process number in the file may belong
/// to another program by now, or to a dead process that nobody collects; Postgres would then refuse
/// to start for good.
fn forget_foreign_pid(home: &Home) {
    let Some(pid) = pid(home) else { return };
    let status = fs::read_to_string(format!("/proc/{pid}/status"));
    let foreign = status.is_ok_and(|status| {
        !status.starts_with("Name:\tpostgres") || status.contains("\nState:\tZ")
    });
    if foreign {
        let _ = fs::remove_file(home.data().join("postmaster.pid"));
        let _ = fs::remove_file(home.socket().with_added_extension("lock"));
    }
}

/// Ends the server, cutting off its clients (a fast shutdown), and waits until it is gone.
pub(crate) fn stop(home: &Home, child: Option<Child>) -> Result<(), Error> {
    let Some(pid) = pid(home) else {
        return Ok(());
    };
    let mut child = child;
    signal(pid, Signal::INT);
    let started = Instant::now();
    let mut harder = false;
    while alive(home, pid, child.as_mut()) {
        if started.elapsed() > STOP {
            if harder {
                return Err(Error::NotStopped { pid });
            }
            harder = true;
            signal(pid, Signal::QUIT);
        }
        thread::sleep(POLL);
    }
    Ok(())
}

fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Our own child is asked for its end; a server that another process started removes its file last.
fn alive(home: &Home, pid: i32, child: Option<&mut Child>) -> bool {
    match child {
        Some(child) if i32::try_from(child.id()) == Ok(pid) => {
            matches!(child.try_wait(), Ok(None))
        }
        _ => home.data().join("postmaster.pid").exists() && process_exists(pid),
    }
}

fn process_exists(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

/// Removes a directory with everything in it; that it is gone already is fine.
pub(crate) fn remove(dir: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).doing(|| format!("removing {}", dir.display()))
        }
        _ => Ok(()),
    }
}
