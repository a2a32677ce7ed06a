//! What every server has running: its listeners, the chores of the background, the workers; and how all of it ends.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use futures_util::FutureExt as _;
use persistence::Db;
use runtime::config::Keep;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::compose::{Rooms, work};

/// How long requests in flight may take after a stop was asked for.
const GRACE: Duration = Duration::from_secs(10);

/// How often the chores of the background are done.
const SWEEP: Duration = Duration::from_secs(1);

/// How long a chore that panicked stays away.
const AFTER_A_DEFECT: Duration = Duration::from_secs(1);

/// Everything that runs until it is stopped. Dropping it asks all but the workers to end, and waits for none.
pub(crate) struct Serving {
    stop: watch::Sender<bool>,
    stopped: watch::Receiver<bool>,
    tasks: Vec<JoinHandle<()>>,
    /// Of the flows; what they have in hand when they are stopped is taken up by another process, or the next one.
    workers: Vec<JoinHandle<()>>,
}

impl Serving {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        let (stop, stopped) = watch::channel(false);
        Self {
            stop,
            stopped,
            tasks: Vec::new(),
            workers: Vec::new(),
        }
    }

    /// Answers on this listener.
    pub(crate) fn serve(&mut self, listener: TcpListener, router: Router) {
        // Small answers must not wait for more to send (Nagle's algorithm).
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let mut stopped = self.stopped.clone();
        let stop = async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        };
        self.tasks.push(tokio::spawn(async move {
            let _ = axum::serve(listener, router)
                .with_graceful_shutdown(stop)
                .await;
        }));
    }

    /// Does the chores of the background and works on flows. Several processes may do so on one database.
    pub(crate) fn work(&mut self, rooms: &Rooms, keep: Keep) {
        let (rooms_of_sweep, stopped) = (rooms.clone(), self.stopped.clone());
        let sweep = move || sweep(rooms_of_sweep.clone(), keep, stopped.clone());
        self.tasks.push(tokio::spawn(kept_up(sweep)));
        self.workers = work(rooms);
    }

    /// Lets requests in flight finish, and gives the connections back.
    pub(crate) async fn stop(self, db: &Db) {
        let _ = self.stop.send(true);
        let finished = async {
            for task in self.tasks {
                let _ = task.await;
            }
        };
        let _ = tokio::time::timeout(GRACE, finished).await;
        for worker in self.workers {
            worker.abort();
        }
        let _ = tokio::time::timeout(GRACE, db.close()).await;
    }
}

/// Listens there.
pub(crate) async fn listen(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Begins a chore anew when it panics: a defect that one run brings up must not end the work on all others. What happened is
/// in the log already.
pub(crate) async fn kept_up<F: Future<Output = ()>>(chore: impl Fn() -> F) {
    while AssertUnwindSafe(chore()).catch_unwind().await.is_err() {
        tokio::time::sleep(AFTER_A_DEFECT).await;
    }
}

/// Does the chores of the background until a stop is asked for. Deployed, a scheduled function does them.
async fn sweep(rooms: Rooms, keep: Keep, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
        runtime::sweep_once(&rooms.db, &rooms.vault, keep).await;
        if let Err(error) = rooms.flows.sweep().await {
            tracing::warn!(%error, "the runs could not be swept");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_chore_survives_its_defects() {
        let begun = AtomicU32::new(0);
        kept_up(|| async {
            assert!(begun.fetch_add(1, Ordering::SeqCst) > 0, "the first time");
        })
        .await;
        assert_eq!(begun.load(Ordering::SeqCst), 2);
    }
}
