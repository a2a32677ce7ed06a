//! The queue in this process, by a clock that moves when everybody waits. What both queues do alike is in `tests/it/queue`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use uuid::Uuid;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn hints(count: usize) -> Vec<Hint> {
    let hint = |index| Hint::new(Uuid::from_u128(1), format!("step_{index}"));
    (0..count).map(hint).collect()
}

async fn receive(queue: &LocalQueue) -> Vec<Delivery> {
    queue.receive(MAX_BATCH, Duration::ZERO).await.unwrap()
}

async fn drain(queue: &LocalQueue) -> Vec<Hint> {
    let mut all = Vec::new();
    loop {
        let deliveries = receive(queue).await;
        if deliveries.is_empty() {
            return all;
        }
        let receipts: Vec<String> = deliveries.iter().map(|it| it.receipt.clone()).collect();
        assert_eq!(queue.acknowledge(&receipts).await, [0; 0]);
        all.extend(deliveries.into_iter().map(|it| it.hint.unwrap()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_waits_no_longer_than_for_the_first_message() {
    let queue = LocalQueue::default();
    let started = Instant::now();
    let receiving = tokio::spawn({
        let queue = queue.clone();
        async move { queue.receive(10, 20 * SECOND).await.unwrap() }
    });
    tokio::time::sleep(3 * SECOND).await;
    queue.send(&hints(1), Duration::ZERO).await;
    assert_eq!(receiving.await.unwrap().len(), 1);
    assert_eq!(started.elapsed(), 3 * SECOND);
    let none = queue.receive(10, 5 * SECOND).await.unwrap();
    assert_eq!((none.len(), started.elapsed()), (0, 8 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_gets_what_another_one_let_go() {
    let queue = LocalQueue::new(LocalSettings {
        visibility: 2 * SECOND,
        max_receives: 5,
    });
    let started = Instant::now();
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.receive(10, 20 * SECOND).await.unwrap() }
    });
    let first = tokio::spawn({
        let queue = queue.clone();
        async move {
            tokio::time::sleep(SECOND).await;
            queue.put(&hints(1)[0].body());
            // In the same breath: nobody else sees it.
            receive(&queue).await
        }
    });
    assert_eq!(first.await.unwrap()[0].received, 1);
    let second = waiting.await.unwrap();
    assert_eq!((second[0].received, second.len()), (2, 1));
    assert_eq!(started.elapsed(), 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn only_the_latest_receipt_deletes() {
    let queue = LocalQueue::default();
    queue.send(&hints(1), Duration::ZERO).await;
    let old = receive(&queue).await.remove(0).receipt;
    tokio::time::sleep(LocalSettings::default().visibility).await;
    let new = receive(&queue).await.remove(0).receipt;
    assert_eq!(queue.acknowledge(std::slice::from_ref(&old)).await, [0; 0]);
    assert_eq!(queue.counts().in_flight, 1, "as SQS: no error, no effect");
    assert_eq!(
        queue.give_back(&[old, new.clone()], Duration::ZERO).await,
        [0]
    );
    assert_eq!(queue.acknowledge(&[new]).await, [0; 0]);
    assert_eq!(queue.counts(), Counts::default());
    assert_eq!(receive(&queue).await, []);
}

#[tokio::test(start_paused = true)]
async fn messages_are_counted_where_they_are() {
    let queue = LocalQueue::default();
    queue.send(&hints(3), Duration::ZERO).await;
    queue.send(&hints(2), 10 * SECOND).await;
    let taken = queue.receive(2, Duration::ZERO).await.unwrap();
    let counts = |waiting, in_flight, dead| Counts {
        waiting,
        in_flight,
        dead,
    };
    assert_eq!(queue.counts(), counts(3, 2, 0));
    queue
        .give_back(&[taken[0].receipt.clone()], Duration::ZERO)
        .await;
    assert_eq!(queue.counts(), counts(4, 1, 0));
    tokio::time::sleep(LocalSettings::default().visibility).await;
    assert_eq!(queue.counts(), counts(5, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn delays_end_at_a_quarter_of_an_hour() {
    let queue = LocalQueue::default();
    queue.send(&hints(1), Duration::MAX).await;
    tokio::time::sleep(MAX_DELAY - SECOND).await;
    assert_eq!(receive(&queue).await, []);
    tokio::time::sleep(SECOND).await;
    assert_eq!(receive(&queue).await.len(), 1);
}

/// Quadratic work over 100,000 messages would take minutes, and be seen.
#[tokio::test(start_paused = true)]
async fn many_messages_are_cheap() {
    let queue = LocalQueue::default();
    let sent = hints(50_000);
    queue.send(&sent, Duration::ZERO).await;
    queue.send(&sent, 5 * SECOND).await;
    let first = drain(&queue).await;
    assert_eq!(first, sent, "the oldest first");
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(drain(&queue).await.len(), 50_000);
}

#[tokio::test(start_paused = true)]
async fn faults_fall_by_their_seed() {
    let deliver = |seed| async move {
        let faults = Faults {
            seed,
            lose: 0.1,
            double: 0.2,
            shuffle: 1.0,
        };
        let queue = LocalQueue::with_faults(LocalSettings::default(), faults);
        assert_eq!(queue.send(&hints(1_000), Duration::ZERO).await, [0; 0]);
        drain(&queue).await
    };
    let delivered = deliver(7).await;
    assert_eq!(delivered, deliver(7).await);
    assert_ne!(delivered, deliver(8).await);
    let different: BTreeSet<&Hint> = delivered.iter().collect();
    // A tenth is lost, a fifth of the rest is there twice; six standard deviations around.
    assert!(
        (840..=960).contains(&different.len()),
        "{}",
        different.len()
    );
    let doubled = delivered.len() - different.len();
    assert!((110..=260).contains(&doubled), "{doubled}");
    let inverted = delivered
        .windows(2)
        .filter(|pair| pair[0].step_id > pair[1].step_id);
    assert!(inverted.count() > 300);
}

#[tokio::test(start_paused = true)]
async fn every_receiver_gets_its_share() {
    let queue = LocalQueue::default();
    let done = Arc::new(AtomicBool::new(false));
    let receiver = || {
        let (queue, done) = (queue.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut got = Vec::new();
            while !done.load(Ordering::SeqCst) {
                for delivery in queue.receive(3, SECOND).await.unwrap() {
                    assert_eq!(queue.acknowledge(&[delivery.receipt]).await, [0; 0]);
                    got.push(delivery.hint.unwrap());
                }
            }
            got
        })
    };
    let receivers: Vec<_> = (0..5).map(|_| receiver()).collect();
    for batch in hints(500).chunks(25) {
        queue.send(batch, Duration::ZERO).await;
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(5 * SECOND).await;
    done.store(true, Ordering::SeqCst);
    let mut all = Vec::new();
    for receiver in receivers {
        all.extend(receiver.await.unwrap());
    }
    all.sort();
    let mut sent = hints(500);
    sent.sort();
    assert_eq!(all, sent);
}

#[tokio::test(start_paused = true)]
async fn dead_letters_are_bounded_and_the_newest_stay() {
    let queue = LocalQueue::new(LocalSettings {
        visibility: SECOND,
        max_receives: 1,
    });
    queue.send(&hints(1_010), Duration::ZERO).await;
    while !receive(&queue).await.is_empty() {}
    tokio::time::advance(SECOND).await;
    assert!(receive(&queue).await.is_empty());
    let letters = queue.dead_letters();
    assert_eq!(letters.len(), 1_000);
    assert_eq!(letters[0].id, "11");
    assert_eq!(letters[999].id, "1010");
}
