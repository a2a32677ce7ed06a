//! Where a worker is killed: points that are seen from outside of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, watch};

/// A moment in a worker's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Point {
    /// It asks for steps; the database does not hear it.
    BeforeClaim,
    /// The steps are handed out, not yet committed.
    ClaimAnswered,
    /// It reports results; the database does not hear it.
    BeforeCompletion,
    /// The results are taken, not yet committed.
    CompletionAnswered,
    /// The COMMIT has not arrived.
    BeforeCommit,
    /// The COMMIT was forwarded and answered; the worker does not hear it.
    CommitAnswered,
    /// The upstream has the call and does not answer.
    CallHeld,
    /// The upstream answers.
    CallAnswered,
    /// It sends messages; the queue does not hear it.
    BeforeSend,
    /// The queue has them; the worker does not hear it.
    SendTaken,
    /// It is done; the queue does not hear it.
    BeforeAnswer,
    /// Somewhere in its talk with the database.
    Anywhere,
}

impl Point {
    pub(super) const ALL: [Self; 12] = [
        Self::BeforeClaim,
        Self::ClaimAnswered,
        Self::BeforeCompletion,
        Self::CompletionAnswered,
        Self::BeforeCommit,
        Self::CommitAnswered,
        Self::CallHeld,
        Self::CallAnswered,
        Self::BeforeSend,
        Self::SendTaken,
        Self::BeforeAnswer,
        Self::Anywhere,
    ];
}

/// Kills so far, by point.
pub(super) type Kills = Arc<Mutex<BTreeMap<Point, usize>>>;

/// What surrounds one worker.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    armed: Arc<Mutex<Option<(Point, u64)>>>,
    fired: Arc<Notify>,
    /// Counts its deaths: what belongs to a dead worker ends.
    deaths: watch::Sender<usize>,
    in_hand: Arc<Mutex<BTreeSet<String>>>,
    kills: Kills,
}

impl Surroundings {
    pub(super) fn new(kills: Kills) -> Self {
        Self {
            armed: Arc::default(),
            fired: Arc::default(),
            deaths: watch::Sender::new(0),
            in_hand: Arc::default(),
            kills,
        }
    }

    /// It dies when it comes to this point, after so many times that it passes it.
    pub(super) fn arm(&self, aim: Option<(Point, u64)>) {
        *self.armed.lock().unwrap() = aim;
    }

    /// Kills by point, fewest first.
    pub(super) fn kills(&self) -> Vec<(usize, Point)> {
        let kills = self.kills.lock().unwrap();
        let count = |point| kills.get(&point).copied().unwrap_or_default();
        let mut all: Vec<_> = Point::ALL.map(|point| (count(point), point)).into();
        all.sort();
        all
    }

    /// It works on these runs.
    pub(super) fn takes(&self, runs: BTreeSet<String>) {
        *self.in_hand.lock().unwrap() = runs;
    }

    pub(super) fn has(&self, run: &str) -> bool {
        self.in_hand.lock().unwrap().contains(run)
    }

    /// It comes to this point: whether it dies there. Who hears yes does nothing more for it.
    pub(super) fn reaches(&self, point: Point) -> bool {
        let mut armed = self.armed.lock().unwrap();
        match *armed {
            Some((aim, 0)) if aim == point => {
                *armed = None;
                *self.kills.lock().unwrap().entry(point).or_default() += 1;
                self.fired.notify_one();
                true
            }
            Some((aim, left)) if aim == point => {
                *armed = Some((aim, left - 1));
                false
            }
            Some(_) | None => false,
        }
    }

    /// Comes when it has to die.
    pub(super) async fn fired(&self) {
        self.fired.notified().await;
    }

    /// It is dead.
    pub(super) fn died(&self) {
        self.arm(None);
        self.deaths.send_modify(|deaths| *deaths += 1);
    }

    /// What ends with it.
    pub(super) fn until_death(&self) -> watch::Receiver<usize> {
        self.deaths.subscribe()
    }
}
