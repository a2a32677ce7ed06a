//! Workers that are killed at every point of their work, a queue that cannot be trusted, a database that cuts connections and
//! crashes: all that was promised holds all the same.
//!
//! `FLOW_CHAOS=long` has 300 runs and 600 kills, `FLOW_CHAOS_SEED` another luck. The cluster belongs to all tests of this process,
//! so it crashes in the long form alone, which is to be run by itself: one of its processes is killed, and it recovers what was
//! committed.

mod chance;
mod lane;
mod points;
mod queue;
mod scene;
mod wire;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use testkit::TestApp;
use tokio::task::JoinSet;
use workflow::SqsConfig;

use self::chance::Chance;
use self::lane::Lane;
use self::points::{Kills, Surroundings};
use self::queue::Queue;
use self::scene::{Effects, FLOWS};
use super::invariants::violations;
use super::session::{Rows, Session};

const QUEUE_URL: &str = "https://sqs.eu-central-1.amazonaws.com/123456789012/flows";
/// Workers at the same time.
const LANES: usize = 3;
/// Runs that are under way at once.
const OPEN: usize = 16;

/// How much of it.
struct Measure {
    runs: usize,
    kills: usize,
    /// The database crashes each so many tenths of a second.
    crashes: Option<u64>,
    seed: u64,
}

fn measure() -> Measure {
    let seed = std::env::var("FLOW_CHAOS_SEED").ok();
    let seed = seed
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(20_251_129);
    let (runs, kills, crashes) = match std::env::var("FLOW_CHAOS").as_deref() {
        Ok("long") => (300, 600, Some(80)),
        _ => (40, 60, None),
    };
    Measure {
        runs,
        kills,
        crashes,
        seed,
    }
}

/// Time passes faster than the clock says: what nobody took for a while is due, and leases of the dead are over. A lease that is
/// cut short while its worker lives makes a late worker of it, which must do no harm. Rows that the engine has in hand are let be.
const TIME_PASSES: &str = "
    update orchestration.run_steps x
    set due_at = now(),
        not_before = least(x.not_before, now()),
        lease_until = case when x.lease_until is not null then now() end
    from (
        select s.workspace_id, s.run_id, s.step_id
        from orchestration.run_steps s
        where (s.status = 'ready' and coalesce(s.enqueued_at, '-infinity') < now() - interval '700 ms')
           or (s.status = 'running' and s.lease_until is not null and s.started_at < now() - interval '2500 ms')
        order by s.run_id, s.step_id
        for no key update skip locked
    ) as old
    where (x.workspace_id, x.run_id, x.step_id) = (old.workspace_id, old.run_id, old.step_id)";

const CUT: &str = "
    select pg_terminate_backend(a.pid)
    from pg_stat_activity a
    where a.datname = current_database()
      and a.usename = 'authenticator'
    order by random()
    limit 1";

/// What tests do without, a database that crashes must not: that what is committed is written. For connections made from now on.
const COMMITS_LAST: &str = "
    do $$ begin execute format('alter database %I set synchronous_commit = on', current_database()); end $$;
    select pg_terminate_backend(a.pid)
    from pg_stat_activity a
    where a.datname = current_database()
      and a.usename = 'authenticator'";

const SOMEBODY: &str = "
    select a.pid
    from pg_stat_activity a
    where a.datname = current_database()
      and a.usename = 'authenticator'
    order by random()
    limit 1";

/// Kills a process of the database, which ends all others and recovers.
async fn crashes(name: &str) -> usize {
    let somebody = patiently(name, SOMEBODY).await;
    let Some(pid) = single(&somebody) else {
        return 0;
    };
    let killed = std::process::Command::new("kill")
        .args(["-9", pid])
        .status();
    usize::from(killed.is_ok_and(|status| status.success()))
}

/// Rows of statements, again while the database recovers.
async fn patiently(name: &str, statements: &str) -> Rows {
    for _ in 0..100_000 {
        match testkit::cluster().sql(name, statements) {
            Ok(rows) => return rows.rows,
            Err(_) => tokio::task::yield_now().await,
        }
    }
    testkit::cluster().sql(name, statements).unwrap().rows
}

/// The first value.
fn single(rows: &Rows) -> Option<&str> {
    rows.first()?.first()?.as_deref()
}

/// What the storm did besides killing workers.
#[derive(Debug, Default)]
struct Storm {
    started: usize,
    cuts: usize,
    restarts: usize,
    recovered: usize,
    resent: usize,
}

async fn chaotic_app(queue: &Queue) -> TestApp {
    let sqs = SqsConfig {
        queue_url: QUEUE_URL.to_owned(),
        region: "eu-central-1".to_owned(),
        endpoint_url: Some(queue.listen(None).await),
        access_key_id: "testing".to_owned(),
        secret_access_key: "testing".into(),
        session_token: None,
    };
    let setup = TestApp::setup().without_workers();
    setup
        .config(move |config| config.flow_queue = Some(sqs))
        .start()
        .await
}

/// Starts runs, cuts connections, lets time pass and sweeps, until there were enough of all and every run has ended.
async fn storms(app: &TestApp, name: &str, measure: &Measure, kills: &Kills) -> Storm {
    let alice = app.alice();
    let flows = app
        .rooms()
        .flows
        .clone()
        .resending_after(Duration::from_secs(1));
    let mut storm = Storm::default();
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    for round in 0_u64.. {
        tick.tick().await;
        patiently(name, TIME_PASSES).await;
        // A cut connection of our own is one of those that the sweep must bear.
        if let Ok(swept) = flows.sweep().await {
            storm.recovered += swept.recovered;
            storm.resent += swept.resent;
        }
        if round % 12 == 11 {
            storm.cuts += patiently(name, CUT).await.len();
        }
        if measure.crashes.is_some_and(|each| round % each == each - 1) {
            storm.restarts += crashes(name).await;
        }
        let open = "select count(*) from orchestration.runs where finished_at is null and parent_run_id is null";
        let open: usize = single(&patiently(name, open).await)
            .unwrap()
            .parse()
            .unwrap();
        let killed: usize = kills.lock().unwrap().values().sum();
        let killed_everywhere = kills.lock().unwrap().len() == points::Point::ALL.len();
        let enough = storm.started >= measure.runs && killed >= measure.kills && killed_everywhere;
        if enough && open == 0 {
            break;
        }
        for _ in open..OPEN {
            if enough {
                break;
            }
            let flow = FLOWS[storm.started % FLOWS.len()];
            let path = format!("/api/v1/flows/{flow}/execute");
            // One that was cut off may have begun or not.
            let _ = alice.post(&path, &json!({ "input": {} })).await;
            storm.started += 1;
        }
    }
    storm
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_promised_holds_whoever_dies() {
    let measure = measure();
    let chance = Chance::new(measure.seed);
    let queue = Queue::new(chance.clone());
    let app = chaotic_app(&queue).await;
    let kills = Kills::default();
    let workers: Vec<_> = (0..LANES)
        .map(|_| Surroundings::new(Arc::clone(&kills)))
        .collect();
    let effects = Effects::default();
    scene::script(app.upstream(), &workers, &effects, &chance);
    scene::saves(&app.alice()).await;

    let url = app.database().owner_url();
    let (head, rest) = url.split_once("?host=").unwrap();
    let name = head.rsplit('/').next().unwrap();
    let socket = Path::new(rest.split('&').next().unwrap()).join(".s.PGSQL.5432");
    if measure.crashes.is_some() {
        app.sql(COMMITS_LAST);
    }
    let mut lanes = JoinSet::new();
    for worker in workers {
        let place = (app.config(), socket.clone(), name);
        let lane = Lane::new(place, worker, queue.clone(), chance.clone(), measure.kills);
        lanes.spawn(lane.await.works());
    }
    // A lane that breaks breaks the test; else they end when the queue is closed.
    let storm = tokio::select! {
        storm = storms(&app, name, &measure, &kills) => storm,
        Some(ended) = lanes.join_next() => panic!("a lane ended: {ended:?}"),
    };
    queue.close();
    lanes.join_all().await;

    let mut session = Session::open(app.database()).unwrap();
    let effects = effects.lock().unwrap().clone();
    let found = violations(&mut session, &effects);
    let count = |statement: &str| app.sql(statement).single().unwrap_or_default().to_owned();
    let kills = kills.lock().unwrap().clone();
    eprintln!(
        "seed {}: runs {} ({}), steps {}, attempts {}",
        measure.seed,
        count("select count(*) from orchestration.runs"),
        count(
            "select string_agg(s, ', ') from (select status || ' ' || count(*) as s from orchestration.runs group by status) as x"
        ),
        count("select count(*) from orchestration.run_steps"),
        count("select count(*) from orchestration.step_attempts"),
    );
    eprintln!(
        "{storm:?}, effects {}, messages {:?}",
        effects.len(),
        queue.figures()
    );
    eprintln!("kills {}: {kills:?}", kills.values().sum::<usize>());
    for (name, violated) in &found {
        eprintln!("{}: {name}", violated.len());
    }
    assert!(found.values().all(Vec::is_empty), "{found:#?}");
    let untouched = points::Point::ALL
        .iter()
        .filter(|point| !kills.contains_key(point));
    assert_eq!(
        untouched.count(),
        0,
        "every point has killed somebody: {kills:?}"
    );
}
