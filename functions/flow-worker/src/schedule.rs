//! The schedule: each minute a loop of sweeps, as long as there is something to do. An idle product costs one look.

use std::time::Duration;

use serde_json::{Value, json};
use telemetry::{Facts, Metric};
use tokio::time::Instant;

use crate::{EventError, FlowWorker};

/// The loop ends before the next one begins.
const LONGEST: Duration = Duration::from_secs(55);

/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(1);

/// What one round came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Round {
    /// Something was done: there may be more of it.
    did: bool,
    /// Whether something may be due within the minute; unknown when nobody could look.
    open: Option<bool>,
    /// A chore failed.
    failed: bool,
}

/// Sweeps until there is nothing to do, or the time is over.
pub(crate) async fn sweep(app: &FlowWorker, until: Instant) -> Result<Value, EventError> {
    let end = until.min(Instant::now() + LONGEST);
    let facts = Facts::of_sweep();
    let (rounds, last) = facts.scope(repeat(|| round(app), end)).await;
    facts.within(|| tell(&facts, rounds, last.failed));
    match last.failed {
        true => Err(EventError::SweepFailed),
        false => Ok(json!({ "rounds": rounds })),
    }
}

/// The sign of life, which an alarm waits for. A sweep that failed gives none.
fn tell(facts: &Facts, rounds: usize, failed: bool) {
    let (elapsed, _) = facts.elapsed();
    tracing::info!(
        target: "sweep",
        sweeps = u64::from(!failed),
        rounds,
        failed,
        duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        runs_succeeded = facts.counted(Metric::RunsSucceeded),
        runs_failed = facts.counted(Metric::RunsFailed),
        runs_cancelled = facts.counted(Metric::RunsCancelled),
        "swept"
    );
}

/// Every chore once: the product's, then the runs'.
async fn round(app: &FlowWorker) -> Round {
    let mut swept = runtime::sweep_once(&app.db, &app.vault, app.keep).await;
    let failed = !std::mem::take(&mut swept.failed).is_empty();
    let did = !swept.is_idle();
    if did {
        tracing::info!(?swept, "chores were done");
    }
    match app.worker.flows().sweep().await {
        Ok(flows) => {
            let moved = !flows.is_idle();
            if moved {
                tracing::info!(?flows, "runs were swept");
            }
            Round {
                did: did || moved,
                open: Some(flows.open),
                failed,
            }
        }
        Err(error) => {
            tracing::warn!(%error, "the runs could not be swept");
            Round {
                did,
                open: None,
                failed: true,
            }
        }
    }
}

/// Repeats while something was done or is open; how many rounds, and the last one. A round that fails is followed by
/// another one only if it was open before: a database that is away is looked at again in a minute.
async fn repeat<F>(mut round: impl FnMut() -> F, end: Instant) -> (usize, Round)
where
    F: Future<Output = Round>,
{
    let (mut rounds, mut open) = (0, false);
    loop {
        let last = round().await;
        rounds += 1;
        open = last.open.unwrap_or(open);
        if !(last.did || open) || Instant::now() + PAUSE > end {
            return (rounds, last);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    const IDLE: Round = Round {
        did: false,
        open: Some(false),
        failed: false,
    };
    const OPEN: Round = Round {
        open: Some(true),
        ..IDLE
    };
    const DID: Round = Round { did: true, ..IDLE };
    const FAILED: Round = Round {
        did: false,
        open: None,
        failed: true,
    };

    /// The rounds come to these, and then to the last one again and again. How many there were in how many seconds.
    async fn rounds(rounds: &[Round]) -> (usize, u64, Round) {
        let mut rounds = VecDeque::from(rounds.to_vec());
        let started = Instant::now();
        let next = || {
            let round = match rounds.len() {
                1 => rounds[0],
                _ => rounds.pop_front().unwrap(),
            };
            async move { round }
        };
        let (count, last) = repeat(next, started + LONGEST).await;
        (count, started.elapsed().as_secs(), last)
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_product_is_looked_at_once() {
        assert_eq!(rounds(&[IDLE]).await, (1, 0, IDLE));
    }

    #[tokio::test(start_paused = true)]
    async fn the_loop_goes_on_while_there_is_something() {
        assert_eq!(rounds(&[DID, OPEN, OPEN, IDLE]).await, (4, 3, IDLE));
        assert_eq!(rounds(&[OPEN]).await, (56, 55, OPEN));
    }

    #[tokio::test(start_paused = true)]
    async fn a_round_that_fails_ends_the_loop_unless_runs_were_open() {
        assert_eq!(rounds(&[FAILED]).await, (1, 0, FAILED));
        assert_eq!(rounds(&[OPEN, FAILED, FAILED, IDLE]).await, (4, 3, IDLE));
        assert_eq!(rounds(&[DID, FAILED]).await, (2, 1, FAILED));
    }

    #[tokio::test(start_paused = true)]
    async fn an_invocation_that_began_late_has_one_round() {
        let (count, _) = repeat(|| async { OPEN }, Instant::now()).await;
        assert_eq!(count, 1);
    }
}
