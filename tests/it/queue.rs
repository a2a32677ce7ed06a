//! Both queues do the same: one list of tests, over the queue in the process and over SQS as an emulator speaks it.

mod refused;
mod suite;

use std::time::Duration;

use testkit::{FakeAws, FakeQueue};
use workflow::{Hint, LocalQueue, LocalSettings, MAX_RECEIVES, Queue, SqsQueue};

/// One of the two queues.
#[allow(clippy::large_enum_variant, reason = "there is one a test")]
enum Stand {
    Local(LocalQueue),
    Sqs(SqsQueue, FakeQueue, FakeAws),
}

impl Stand {
    fn local(visibility: u64) -> Self {
        Self::Local(LocalQueue::new(LocalSettings {
            visibility: Duration::from_secs(visibility),
            max_receives: MAX_RECEIVES,
        }))
    }

    /// `None` without an emulator: the test is skipped.
    async fn sqs(test: &str, visibility: u64) -> Option<Self> {
        let Some(aws) = FakeAws::start().await else {
            crate::skip::skip(test, "moto is not installed (.ci/run installs it)");
            return None;
        };
        let visibility = Duration::from_secs(visibility);
        let queue = aws.queue(visibility, MAX_RECEIVES).await;
        Some(Self::Sqs(SqsQueue::new(queue.config()), queue, aws))
    }

    fn queue(&self) -> &dyn Queue {
        match self {
            Self::Local(queue) => queue,
            Self::Sqs(queue, ..) => queue,
        }
    }

    /// Sends a message with any body.
    async fn put(&self, body: &str) {
        match self {
            Self::Local(queue) => queue.put(body),
            Self::Sqs(_, queue, _) => queue.put(body).await,
        }
    }

    /// The bodies of the dead letters, sorted.
    async fn dead_letters(&self) -> Vec<String> {
        let mut bodies = match self {
            Self::Local(queue) => {
                let letters = queue.dead_letters().into_iter();
                letters.map(|letter| letter.body).collect()
            }
            Self::Sqs(_, queue, _) => queue.dead_letters().await,
        };
        bodies.sort();
        bodies
    }
}

/// Hints of one run, each about another step.
fn hints(count: u128) -> Vec<Hint> {
    let run = "0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b".parse().unwrap();
    let hint = |index: u128| Hint::new(run, format!("quotes[{index}]"));
    (0..count).map(hint).collect()
}

/// Seconds, longer than any test.
const LONG: u64 = 900;

/// Every test of the list over both queues. The first parameter is how many seconds a delivered message is invisible; locally
/// the clock moves by itself when everybody waits.
macro_rules! over_both {
    ($($test:ident: $visibility:literal,)*) => {
        mod local {
            use super::{Stand, suite};
            $(#[tokio::test(start_paused = true)]
            async fn $test() {
                suite::$test(&Stand::local($visibility)).await;
            })*
        }
        mod sqs {
            use super::{Stand, suite};
            $(#[tokio::test]
            async fn $test() {
                let name = concat!("queue::sqs::", stringify!($test));
                if let Some(stand) = Stand::sqs(name, $visibility).await {
                    suite::$test(&stand).await;
                }
            })*
        }
    };
}

over_both! {
    what_is_sent_is_received: 900,
    what_is_in_flight_is_invisible: 900,
    what_is_not_acknowledged_comes_again: 1,
    what_is_delayed_comes_later: 900,
    what_is_given_back_comes_when_it_should: 900,
    what_is_delivered_too_often_is_a_dead_letter: 900,
    what_is_no_hint_is_told_and_not_lost: 900,
    an_old_receipt_takes_nothing_from_the_new_one: 900,
    receipts_that_are_none_are_told: 900,
    nothing_is_no_request: 900,
}
