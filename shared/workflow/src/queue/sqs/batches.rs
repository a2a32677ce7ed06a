//! Many entries in requests of ten, a few at once. A request can succeed and name entries that failed: those are looked at.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_sqs::types::BatchResultErrorEntry;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream;
use tokio::time::Instant;

use super::{MAX_BATCH, QueueError};

/// Requests at once.
const AT_ONCE: usize = 8;
/// How long new requests are begun. What is left then counts as failed, and the sweep sends it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Before failed entries are tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// What the queue said of the entries of one request.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Entries that it took.
    done: Vec<usize>,
    /// Entries that it did not take, whether by our own fault, and its code.
    refused: Vec<(usize, bool, String)>,
}

impl Told {
    /// Reads the ids, which are the entries' indexes.
    pub(super) fn new<'a>(
        done: impl Iterator<Item = &'a str>,
        failed: &[BatchResultErrorEntry],
    ) -> Self {
        let index = |id: &str| id.parse().ok();
        let refused = |entry: &BatchResultErrorEntry| {
            let index = index(entry.id())?;
            Some((index, entry.sender_fault(), entry.code().to_owned()))
        };
        Self {
            done: done.filter_map(index).collect(),
            refused: failed.iter().filter_map(refused).collect(),
        }
    }
}

/// Calls with the indexes of each batch of `count` entries; answers those that failed in the end, in order.
///
/// Entries that the queue did not take are tried once more, unless it says that the fault is ours. One request that
/// fails as a whole (the client repeats it itself) is the last: the rest is not even tried.
pub(super) async fn in_batches<'a, F>(what: &'static str, count: usize, call: F) -> Vec<usize>
where
    F: Fn(Vec<usize>) -> BoxFuture<'a, Result<Told, QueueError>>,
{
    let round = Round {
        call,
        end: Instant::now() + PATIENCE,
        over: AtomicBool::new(false),
        why: Mutex::default(),
    };
    let batches = (0..count).step_by(MAX_BATCH);
    let batches = batches.map(|from| (from..count.min(from + MAX_BATCH)).collect());
    let failed: Vec<Vec<usize>> = stream::iter(batches)
        .map(|batch| round.one(batch))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut failed = failed.concat();
    failed.sort_unstable();
    if !failed.is_empty() {
        let why = round.why.into_inner().ok().flatten();
        let why = why.unwrap_or_else(|| "no time was left".to_owned());
        tracing::warn!(
            what,
            entries = count,
            failed = failed.len(),
            why,
            "the queue did not take everything"
        );
    }
    failed
}

struct Round<F> {
    call: F,
    end: Instant,
    /// A request failed as a whole.
    over: AtomicBool,
    /// The first failure.
    why: Mutex<Option<String>>,
}

impl<'a, F> Round<F>
where
    F: Fn(Vec<usize>) -> BoxFuture<'a, Result<Told, QueueError>>,
{
    /// One batch; what failed of it.
    async fn one(&self, batch: Vec<usize>) -> Vec<usize> {
        if self.over.load(Ordering::Relaxed) || Instant::now() >= self.end {
            return batch;
        }
        let (mut failed, again) = self.request(batch).await;
        if !again.is_empty() {
            tokio::time::sleep(PAUSE).await;
            let (ours, theirs) = self.request(again).await;
            failed.extend(ours.into_iter().chain(theirs));
        }
        failed
    }

    /// One request: which entries failed for good, and which may be tried again.
    async fn request(&self, batch: Vec<usize>) -> (Vec<usize>, Vec<usize>) {
        let told = match (self.call)(batch.clone()).await {
            Ok(told) => told,
            Err(error) => {
                self.over.store(true, Ordering::Relaxed);
                self.explain(error.to_string());
                return (batch, Vec::new());
            }
        };
        let open = batch.into_iter().filter(|it| !told.done.contains(it));
        let is_ours = |index: &usize| {
            let mut refused = told.refused.iter();
            refused.any(|(entry, ours, _)| entry == index && *ours)
        };
        if let Some((_, _, code)) = told.refused.first() {
            self.explain(format!("it refused entries: {code}"));
        }
        open.partition(is_ours)
    }

    fn explain(&self, why: String) {
        if let Ok(mut first) = self.why.lock() {
            first.get_or_insert(why);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn entry(index: usize, ours: bool) -> BatchResultErrorEntry {
        let entry = BatchResultErrorEntry::builder().id(index.to_string());
        let entry = entry.sender_fault(ours).code("Some.Code");
        entry.build().unwrap()
    }

    /// Runs over 25 entries; each request is kept, and answered as the test says.
    async fn run(
        answer: impl Fn(usize, &[usize]) -> Result<Told, QueueError> + Send + Sync + 'static,
    ) -> (Vec<usize>, Vec<Vec<usize>>) {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let failed = in_batches("send", 25, |batch| {
            let nth = {
                let mut requests = requests.lock().unwrap();
                requests.push(batch.clone());
                requests.len()
            };
            let told = answer(nth, &batch);
            Box::pin(async move { told })
        })
        .await;
        let requests = requests.lock().unwrap().clone();
        (failed, requests)
    }

    fn ids(batch: &[usize]) -> Vec<String> {
        batch.iter().map(ToString::to_string).collect()
    }

    fn told(done: &[usize], failed: &[BatchResultErrorEntry]) -> Told {
        Told::new(ids(done).iter().map(String::as_str), failed)
    }

    #[tokio::test(start_paused = true)]
    async fn entries_go_in_requests_of_ten() {
        let (failed, requests) = run(|_, batch| Ok(told(batch, &[]))).await;
        assert_eq!(failed, [0; 0]);
        let sizes: Vec<usize> = requests.iter().map(Vec::len).collect();
        assert_eq!(
            (sizes, requests.concat()),
            (vec![10, 10, 5], (0..25).collect())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_failed_by_their_fault_is_tried_once_more() {
        let (failed, requests) = run(|nth, batch| {
            let bad: Vec<usize> = batch
                .iter()
                .copied()
                .filter(|it| [3, 14, 15].contains(it))
                .collect();
            let done: Vec<usize> = batch
                .iter()
                .copied()
                .filter(|it| !bad.contains(it))
                .collect();
            // 3 fails by our fault, 14 by theirs and then no more, 15 again and again.
            let bad: Vec<_> = bad
                .iter()
                .filter(|it| nth <= 3 || **it != 14)
                .map(|it| entry(*it, *it == 3))
                .collect();
            let mended = if nth > 3 { vec![14] } else { vec![] };
            Ok(told(&[done, mended].concat(), &bad))
        })
        .await;
        assert_eq!(failed, [3, 15]);
        assert_eq!(requests.len(), 4);
        assert_eq!(requests[3], [14, 15]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_named_as_done_is_not_done() {
        let (failed, _) = run(|_, batch| Ok(told(&batch[1..], &[]))).await;
        assert_eq!(failed, [0, 10, 20]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_that_is_down_is_not_asked_a_hundred_times() {
        let requests = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&requests);
        let failed = in_batches("send", 1_000, move |_| {
            *counted.lock().unwrap() += 1;
            Box::pin(async {
                tokio::time::sleep(Duration::from_secs(5)).await;
                Err(QueueError::Unavailable("503".to_owned()))
            })
        });
        let started = Instant::now();
        assert_eq!(failed.await.len(), 1_000);
        assert_eq!(started.elapsed(), Duration::from_secs(5));
        assert_eq!(*requests.lock().unwrap(), AT_ONCE);
    }
}
