//! A real server: started, shared, killed, broken, thrown away.

#![allow(
    clippy::unwrap_used,
    reason = "the set-up of these tests is a test too"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use postgres::{Error, OWNER, Search, Server, Throwaway};

/// A directory that the server's user can reach, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "pg-server-test-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let dir = PathBuf::from("/var/tmp").join(name);
        fs::create_dir_all(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o711)).unwrap();
        Self(dir)
    }

    fn start(&self) -> Result<Server, Error> {
        Server::start(&self.0.join("postgres"), &Search::default())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Waits for a condition, with a generous end.
fn eventually(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "the condition never became true");
        thread::yield_now();
    }
}

#[test]
fn keeps_data_over_a_restart_and_stops_with_its_owner() {
    let scratch = Scratch::new();
    let server = scratch.start().unwrap();
    server
        .sql("postgres", "create table kept as select 42 as answer")
        .unwrap();
    let socket = server.directory().join(".s.PGSQL.5432");
    let mode = fs::metadata(server.directory())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    assert!(socket.exists());
    server.stop().unwrap();
    assert!(!socket.exists());

    let server = scratch.start().unwrap();
    let rows = server.sql("postgres", "select answer from kept").unwrap();
    assert_eq!(rows.single(), Some("42"));
}

#[test]
fn racing_starters_share_one_server_and_the_last_one_stops_it() {
    let scratch = Scratch::new();
    let mut servers: Vec<Server> = thread::scope(|scope| {
        let starters: Vec<_> = (0..4).map(|_| scope.spawn(|| scratch.start())).collect();
        starters
            .into_iter()
            .map(|starter| starter.join().unwrap().unwrap())
            .collect()
    });
    let pid = servers[0].pid().unwrap();
    assert!(servers.iter().all(|server| server.pid() == Some(pid)));

    let last = servers.pop().unwrap();
    drop(servers);
    assert_eq!(
        last.sql("postgres", "select 1").unwrap().single(),
        Some("1")
    );
    last.stop().unwrap();
    let again = scratch.start().unwrap();
    assert_ne!(again.pid(), Some(pid));
}

#[test]
fn starts_again_after_the_postmaster_was_killed() {
    let scratch = Scratch::new();
    let server = scratch.start().unwrap();
    server
        .sql("postgres", "create table kept as select 42 as answer")
        .unwrap();
    let pid = server.pid().unwrap().to_string();
    let killed = Command::new("kill").args(["-9", &pid]).status().unwrap();
    assert!(killed.success());
    eventually(|| server.sql("postgres", "select 1").is_err());

    let again = scratch.start().unwrap();
    let rows = again.sql("postgres", "select answer from kept").unwrap();
    assert_eq!(rows.single(), Some("42"));
    drop(again);
    drop(server);
}

#[test]
fn says_what_to_do_about_a_broken_data_directory() {
    let scratch = Scratch::new();
    let data = scratch.0.join("postgres/data");
    fs::create_dir_all(&data).unwrap();
    let error = scratch.start().unwrap_err();
    assert!(matches!(error, Error::BrokenData { .. }), "{error}");
    assert!(error.to_string().contains("remove it to start anew"));

    fs::create_dir_all(data.join("global")).unwrap();
    fs::write(data.join("global/pg_control"), "x").unwrap();
    fs::write(data.join("PG_VERSION"), "9\n").unwrap();
    let error = scratch.start().unwrap_err();
    assert!(
        matches!(error, Error::OtherVersion { data: 9, .. }),
        "{error}"
    );

    Server::erase(&scratch.0.join("postgres")).unwrap();
    let _running = scratch.start().unwrap();
    let error = Server::erase(&scratch.0.join("postgres")).unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error}");
}

#[test]
fn refuses_a_directory_without_the_programs() {
    let scratch = Scratch::new();
    let search = Search {
        pg_bin: Some("/nowhere/bin".into()),
        cache: None,
    };
    let error = Server::start(&scratch.0.join("postgres"), &search).unwrap_err();
    assert!(matches!(error, Error::BadBinaries { .. }), "{error}");
}

#[test]
fn copies_a_template_into_independent_databases() {
    let cluster = Throwaway::start(&Search::default()).unwrap();
    cluster.create_database("template_x", None).unwrap();
    cluster
        .sql("template_x", "create table note (text text)")
        .unwrap();
    for name in ["a", "b"] {
        cluster.create_database(name, Some("template_x")).unwrap();
    }
    cluster
        .sql("a", "insert into note values ('only in a'), (null)")
        .unwrap();
    let rows = cluster.sql("a", "select text from note").unwrap();
    assert_eq!(rows.columns, ["text"]);
    assert_eq!(rows.rows, [vec![Some("only in a".to_owned())], vec![None]]);
    let rows = cluster.sql("b", "select text from note").unwrap();
    assert!(rows.rows.is_empty());
    cluster.drop_database("a").unwrap();
    assert!(!cluster.has_database("a").unwrap());
    assert!(cluster.has_database("b").unwrap());
    assert!(cluster.url(OWNER, "b").starts_with("postgres:///b?host=/"));

    let error = cluster.sql("b", "select wrong").unwrap_err();
    assert!(matches!(error, Error::Sql { ref code, .. } if code == "42703"));
    let dir = cluster.directory().to_owned();
    drop(cluster);
    assert!(!dir.exists());
}

/// Not a test of its own: what the next test starts, and kills.
#[test]
fn holds_a_cluster_until_killed() {
    let Ok(file) = std::env::var("TELL_CLUSTER") else {
        return;
    };
    let cluster = Throwaway::start(&Search::default()).unwrap();
    fs::write(file, cluster.directory().to_str().unwrap()).unwrap();
    loop {
        thread::park();
    }
}

#[test]
fn leaves_nothing_behind_when_the_process_is_killed() {
    let scratch = Scratch::new();
    let told = scratch.0.join("told");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holds_a_cluster_until_killed"])
        .env("TELL_CLUSTER", &told)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually(|| fs::read_to_string(&told).is_ok_and(|dir| !dir.is_empty()));
    let dir = PathBuf::from(fs::read_to_string(&told).unwrap());
    assert!(dir.join("data").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    eventually(|| !dir.exists());
}
