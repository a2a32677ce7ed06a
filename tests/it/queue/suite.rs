//! What holds for both queues.

use std::collections::BTreeSet;
use std::time::Duration;

use workflow::{Delivery, Hint, MAX_BATCH, MAX_DELAY, MAX_RECEIVES, MAX_WAIT};

use super::{LONG, Stand, hints};

const NONE: [usize; 0] = [];
const SECOND: Duration = Duration::from_secs(1);

/// Receives what is there now.
async fn now(stand: &Stand) -> Vec<Delivery> {
    let received = stand.queue().receive(MAX_BATCH, Duration::ZERO).await;
    received.unwrap()
}

/// Receives, waiting for the first message.
async fn soon(stand: &Stand) -> Vec<Delivery> {
    stand.queue().receive(MAX_BATCH, MAX_WAIT).await.unwrap()
}

/// Receives so many, in any number of deliveries.
async fn all(stand: &Stand, count: usize) -> Vec<Delivery> {
    let mut all = Vec::new();
    while all.len() < count {
        let more = soon(stand).await;
        assert!(!more.is_empty(), "{} of {count} came", all.len());
        all.extend(more);
    }
    all
}

fn receipts(deliveries: &[Delivery]) -> Vec<String> {
    let deliveries = deliveries.iter();
    deliveries.map(|it| it.receipt.clone()).collect()
}

async fn back(stand: &Stand, deliveries: &[Delivery], after: Duration) -> Vec<usize> {
    let receipts = receipts(deliveries);
    stand.queue().give_back(&receipts, after).await
}

async fn send(stand: &Stand, count: u128) -> Vec<Hint> {
    let hints = hints(count);
    assert_eq!(stand.queue().send(&hints, Duration::ZERO).await, NONE);
    hints
}

pub(super) async fn what_is_sent_is_received(stand: &Stand) {
    let sent = send(stand, 25).await;
    let mut deliveries = Vec::new();
    while deliveries.len() < 25 {
        let some = soon(stand).await;
        assert!((1..=MAX_BATCH).contains(&some.len()), "{}", some.len());
        deliveries.extend(some);
    }
    let received = deliveries.iter().map(|it| it.hint.clone().unwrap());
    let received: BTreeSet<Hint> = received.collect();
    assert_eq!(received, sent.into_iter().collect());
    let ids: BTreeSet<&str> = deliveries.iter().map(|it| it.id.as_str()).collect();
    assert_eq!((deliveries.len(), ids.len()), (25, 25));
    assert!(deliveries.iter().all(|it| it.received == 1));
    let acknowledged = stand.queue().acknowledge(&receipts(&deliveries)).await;
    assert_eq!(acknowledged, NONE);
    assert_eq!(now(stand).await, []);
    // Not merely invisible: there is nothing that could be given back.
    assert_eq!(back(stand, &deliveries, SECOND).await.len(), 25);
}

pub(super) async fn what_is_in_flight_is_invisible(stand: &Stand) {
    send(stand, 2).await;
    let first = stand.queue().receive(1, MAX_WAIT).await.unwrap();
    let second = stand.queue().receive(1, MAX_WAIT).await.unwrap();
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first[0].id, second[0].id);
    assert_eq!(now(stand).await, []);
}

pub(super) async fn what_is_not_acknowledged_comes_again(stand: &Stand) {
    send(stand, 1).await;
    let first = all(stand, 1).await;
    let second = all(stand, 1).await;
    assert_eq!(first[0].id, second[0].id);
    assert_eq!(first[0].hint, second[0].hint);
    assert_eq!((first[0].received, second[0].received), (1, 2));
    assert_ne!(first[0].receipt, second[0].receipt);
    let acknowledged = stand.queue().acknowledge(&receipts(&second)).await;
    assert_eq!(acknowledged, NONE);
    let later = stand.queue().receive(1, 2 * SECOND).await.unwrap();
    assert_eq!(later, []);
}

pub(super) async fn what_is_delayed_comes_later(stand: &Stand) {
    let hints = hints(2);
    let (never, later) = hints.split_at(1);
    // Longer than the longest.
    assert_eq!(stand.queue().send(never, 2 * MAX_DELAY).await, NONE);
    assert_eq!(stand.queue().send(later, SECOND).await, NONE);
    let came = all(stand, 1).await;
    assert_eq!(came[0].hint.as_ref(), Ok(&later[0]));
    assert_eq!((came.len(), now(stand).await.len()), (1, 0));
}

pub(super) async fn what_is_given_back_comes_when_it_should(stand: &Stand) {
    send(stand, 1).await;
    let first = all(stand, 1).await;
    assert_eq!(back(stand, &first, Duration::ZERO).await, NONE);
    let second = all(stand, 1).await;
    assert_eq!(second[0].received, 2);
    assert_eq!(back(stand, &second, SECOND).await, NONE);
    let third = all(stand, 1).await;
    assert_eq!(third[0].received, 3);
    let long = Duration::from_secs(LONG);
    assert_eq!(back(stand, &third, long).await, NONE);
    assert_eq!(now(stand).await, []);
}

pub(super) async fn what_is_delivered_too_often_is_a_dead_letter(stand: &Stand) {
    let sent = send(stand, 2).await;
    for times in 1..=MAX_RECEIVES {
        let deliveries = all(stand, 2).await;
        assert!(deliveries.iter().all(|it| it.received == times));
        assert_eq!(back(stand, &deliveries, Duration::ZERO).await, NONE);
    }
    assert_eq!(stand.dead_letters().await, [""; 0]);
    assert_eq!(now(stand).await, []);
    let bodies: Vec<String> = sent.iter().map(Hint::body).collect();
    assert_eq!(stand.dead_letters().await, bodies);
}

pub(super) async fn what_is_no_hint_is_told_and_not_lost(stand: &Stand) {
    stand.put("hunter22").await;
    for times in 1..=MAX_RECEIVES {
        let deliveries = all(stand, 1).await;
        let told = deliveries[0].hint.clone().unwrap_err();
        assert!(
            told.contains("no hint") && !told.contains("hunter22"),
            "{told}"
        );
        assert_eq!(deliveries[0].received, times);
        assert_eq!(back(stand, &deliveries, Duration::ZERO).await, NONE);
    }
    assert_eq!(now(stand).await, []);
    assert_eq!(stand.dead_letters().await, ["hunter22"]);
}

/// Whether it still deletes, SQS leaves open; that it breaks nothing, it does not.
pub(super) async fn an_old_receipt_takes_nothing_from_the_new_one(stand: &Stand) {
    send(stand, 2).await;
    let old = all(stand, 2).await;
    assert_eq!(back(stand, &old, Duration::ZERO).await, NONE);
    let new = all(stand, 2).await;
    assert!(new.iter().all(|it| it.received == 2));
    stand.queue().acknowledge(&receipts(&old[..1])).await;
    assert_eq!(stand.queue().acknowledge(&receipts(&new)).await, NONE);
    // Not merely invisible: there is nothing that could be given back.
    assert_eq!(back(stand, &new, Duration::ZERO).await, [0, 1]);
    assert_eq!(now(stand).await, []);
}

pub(super) async fn receipts_that_are_none_are_told(stand: &Stand) {
    send(stand, 1).await;
    let good = all(stand, 1).await.remove(0).receipt;
    let mixed = ["nonsense".to_owned(), good, "more-nonsense".to_owned()];
    let long = Duration::from_secs(LONG);
    assert_eq!(stand.queue().give_back(&mixed, long).await, [0, 2]);
    assert_eq!(stand.queue().acknowledge(&mixed).await, [0, 2]);
    let back = stand.queue().give_back(&mixed, Duration::ZERO).await;
    assert_eq!(back, [0, 1, 2], "the good one is gone");
}

pub(super) async fn nothing_is_no_request(stand: &Stand) {
    let queue = stand.queue();
    assert_eq!(queue.send(&[], Duration::ZERO).await, NONE);
    assert_eq!(queue.acknowledge(&[]).await, NONE);
    assert_eq!(queue.give_back(&[], Duration::ZERO).await, NONE);
    assert_eq!(queue.receive(0, MAX_WAIT).await, Ok(Vec::new()));
    if let Stand::Sqs(_, _, aws) = stand {
        for operation in [
            "SendMessageBatch",
            "DeleteMessageBatch",
            "ChangeMessageVisibilityBatch",
            "ReceiveMessage",
        ] {
            assert_eq!(aws.asked(operation), 0, "{operation}");
        }
    }
}
