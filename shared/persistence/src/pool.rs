//! Keeps open connections for reuse.
//!
//! Ours instead of sqlx's: that one sends a probe from a spawned task after each use, which costs a
//! third of a hot call and may be frozen half-way in a Lambda function; and it cannot tell a fresh
//! connection from one that may have died unnoticed, which the retry of [`crate::Db`] must know.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _, raw_sql};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::Error;

/// How long a caller waits for another to give a connection back.
const WAIT: Duration = Duration::from_secs(3);
/// How long connecting, TLS and login may take.
const CONNECT: Duration = Duration::from_secs(5);
/// An idle connection older than this is not trusted any more (middleboxes forget sooner or later).
const IDLE: Duration = Duration::from_secs(10 * 60);
/// A connection older than this is replaced, so that failover and rolling restarts settle.
const LIFETIME: Duration = Duration::from_secs(30 * 60);
/// How long the roll-back of an abandoned transaction may take before its connection is cut.
const SETTLE: Duration = Duration::from_secs(5);

pub(crate) struct Pool {
    options: PgConnectOptions,
    permits: Arc<Semaphore>,
    size: u32,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: PgConnection,
    born: Instant,
    since: Instant,
}

/// One connection, ours until dropped. It goes back to the pool only when marked [`Lease::settled`];
/// a call that was cut short leaves it in the middle of a conversation, so it is closed instead.
pub(crate) struct Lease {
    connection: Option<PgConnection>,
    born: Instant,
    reused: bool,
    settled: bool,
    pool: Arc<Pool>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Pool {
    pub(crate) fn new(options: PgConnectOptions, size: u32) -> Self {
        let size = size.max(1);
        Self {
            options,
            permits: Arc::new(Semaphore::new(size as usize)),
            size,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// An idle connection, or a new one.
    pub(crate) async fn lease(self: &Arc<Self>) -> Result<Lease, Error> {
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => timeout(WAIT, Arc::clone(&self.permits).acquire_owned())
                .await
                .map_err(|_| Error::timed_out("no free connection"))?
                .map_err(|_| Error::timed_out("the pool is closed"))?,
        };
        let mut lease = Lease {
            connection: None,
            born: Instant::now(),
            reused: false,
            settled: false,
            pool: Arc::clone(self),
            permit: Some(permit),
        };
        match self.take_idle() {
            Some(idle) => {
                lease.connection = Some(idle.connection);
                lease.born = idle.born;
                lease.reused = true;
            }
            None => lease.connect().await?,
        }
        Ok(lease)
    }

    fn take_idle(&self) -> Option<Idle> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(candidate) = idle.pop() {
            if candidate.since.elapsed() < IDLE && candidate.born.elapsed() < LIFETIME {
                return Some(candidate);
            }
        }
        None
    }

    /// Drops all idle connections: one was found dead, so the others are not trusted either.
    fn forget_idle(&self) -> Vec<Idle> {
        std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Refuses new leases, waits for those out to come back, and says goodbye to the server.
    pub(crate) async fn close(&self) {
        let all = timeout(SETTLE, self.permits.acquire_many(self.size)).await;
        self.permits.close();
        drop(all);
        for idle in self.forget_idle() {
            let _ = timeout(SETTLE, idle.connection.close()).await;
        }
    }
}

impl Lease {
    async fn connect(&mut self) -> Result<(), Error> {
        self.connection = None;
        let connection = timeout(CONNECT, self.pool.options.connect())
            .await
            .map_err(|_| Error::timed_out("connecting took too long"))??;
        self.connection = Some(connection);
        self.born = Instant::now();
        self.reused = false;
        self.settled = false;
        Ok(())
    }

    /// Throws this connection and all idle ones away and opens a new one.
    pub(crate) async fn replace(&mut self) -> Result<(), Error> {
        self.pool.forget_idle();
        self.connect().await
    }

    /// Whether the connection had been idle, so that it may have died unnoticed.
    pub(crate) const fn reused(&self) -> bool {
        self.reused
    }

    pub(crate) fn connection(&mut self) -> Result<&mut PgConnection, Error> {
        self.settled = false;
        self.connection
            .as_mut()
            .ok_or_else(|| Error::timed_out("the connection was closed"))
    }

    /// The server has answered everything and no transaction is open: fit for the next caller.
    pub(crate) const fn settled(&mut self) {
        self.settled = true;
    }

    /// Rolls back, then gives the connection back; on its own task, because the caller is gone.
    pub(crate) fn roll_back_in_background(mut self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let Ok(connection) = self.connection() else {
                    return;
                };
                let rolled_back = timeout(SETTLE, raw_sql("rollback").execute(connection)).await;
                if matches!(rolled_back, Ok(Ok(_))) {
                    self.settled();
                }
            });
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let (true, Some(connection)) = (self.settled, self.connection.take())
            && !self.pool.permits.is_closed()
        {
            let idle = Idle {
                connection,
                born: self.born,
                since: Instant::now(),
            };
            self.pool
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(idle);
        }
        drop(self.permit.take());
    }
}
