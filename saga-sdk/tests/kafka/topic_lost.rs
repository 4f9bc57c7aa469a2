//! A topic that brokers had and do not know any more is an outage: its events wait, within the limits of any outage.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use saga_sdk::{DropReason, PublishMode, SagaTrackerClient, SagaType, Stats, steps};

use crate::support::{CLOSE, Topic};

fn record(tracker: &Arc<dyn SagaTrackerClient>, name: &str, count: usize) {
    for number in 0..count {
        let saga = tracker
            .order(1)
            .saga(SagaType::ORDER_CREATION, format!("{name}-{number}"));
        drop(saga.start(steps::ORDER_CREATED).record());
    }
}

async fn wait_until(tracker: &Arc<dyn SagaTrackerClient>, holds: impl Fn(&Stats) -> bool) -> Stats {
    let begun = Instant::now();
    loop {
        let stats = tracker.stats();
        if holds(&stats) {
            return stats;
        }
        assert!(begun.elapsed() < Duration::from_secs(90), "{stats:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Until the client has noticed: what it had sent before may be kept or not, as far as it knows.
async fn lose(topic: &Topic, tracker: &Arc<dyn SagaTrackerClient>) {
    record(tracker, "before", 10);
    wait_until(tracker, |stats| stats.acknowledged == 10).await;
    topic.delete().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_topic_that_is_made_again_arrive() {
    let topic = Topic::create().await;
    let tracker = topic.connect();
    lose(&topic, &tracker).await;
    for round in 0..20 {
        record(&tracker, &format!("lost-{round}"), 10);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let stats = tracker.stats();
    assert_eq!((stats.pending, stats.dropped()), (200, 0), "{stats:?}");
    topic.create_again().await;
    record(&tracker, "after", 10);
    let stats = wait_until(&tracker, |stats| stats.pending == 0).await;
    assert_eq!((stats.acknowledged, stats.dropped()), (220, 0), "{stats:?}");
    assert_eq!(topic.read(210).len(), 210);
    assert!(tracker.close(CLOSE).await.is_complete());
}

#[tokio::test(flavor = "multi_thread")]
async fn they_expire_as_in_any_outage_when_it_stays_away() {
    let topic = Topic::create().await;
    let mut config = topic.config();
    config.delivery_timeout = Duration::from_secs(5);
    config.buffer.max_events = 50;
    let tracker = saga_sdk::connect(&config).unwrap();
    lose(&topic, &tracker).await;
    let begun = Instant::now();
    record(&tracker, "lost", 60);
    let stats = wait_until(&tracker, |stats| stats.pending == 0).await;
    assert!(begun.elapsed() >= Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(stats.dropped_for(DropReason::Refused), 0, "{stats:?}");
    assert_eq!(
        stats.dropped_for(DropReason::Expired) + stats.dropped_for(DropReason::QueueFull),
        60,
        "{stats:?}"
    );
    assert!(tracker.close(CLOSE).await.is_complete());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_synchronous_record_waits_for_the_topic_until_its_deadline() {
    let topic = Topic::create().await;
    let mut config = topic.config().mode(PublishMode::Synchronous);
    config.sync_timeout = Duration::from_secs(30);
    let tracker = saga_sdk::connect(&config).unwrap();
    let saga = tracker.order(1).saga(SagaType::ORDER_CREATION, "saga-1");
    saga.start(steps::ORDER_CREATED).record().await.unwrap();
    topic.delete().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let lost = saga.progress(steps::STOCK_RESERVATION).record();
    tokio::time::sleep(Duration::from_secs(2)).await;
    topic.create_again().await;
    lost.await.unwrap();
    assert!(tracker.close(CLOSE).await.is_complete());
}
