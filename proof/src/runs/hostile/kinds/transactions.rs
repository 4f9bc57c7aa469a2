//! Transactional producers: aborted events never count, and an open transaction is no stall.

use std::time::Duration;

use anyhow::{Result, ensure};
use rdkafka::producer::Producer as _;
use serde_json::Value;

use crate::{
    http,
    runs::hostile::{
        account::Expect,
        sender::{Sender, TIMEOUT, record_of},
        stage::Stage,
    },
};

pub(super) async fn play(stage: &mut Stage) -> Result<String> {
    let transactions = stage.count(12, 60);
    let sender = transactional(stage, "60000").await?;
    let (mut committed, mut aborted) = (0, 0);
    for _ in 0..transactions {
        sender.producer.begin_transaction()?;
        let is_committed = stage.generator.rng.bool();
        let count = stage.generator.rng.usize(1..200);
        for _ in 0..count {
            let event = stage.generator.event("transaction")?;
            let expect = if is_committed {
                Expect::stored(&event)
            } else {
                Expect::Nothing
            };
            sender.record(&record_of(&event)?, None, expect)?;
        }
        // Otherwise what is aborted would never have been sent.
        sender.flush().await?;
        end(&sender, is_committed).await?;
        *(if is_committed {
            &mut committed
        } else {
            &mut aborted
        }) += count;
    }
    Ok(format!(
        "{committed} events committed, {aborted} aborted, in {transactions} transactions"
    ))
}

/// What comes after an open transaction waits for its end, by Kafka's rules; the store is not up to date meanwhile.
pub(super) async fn hang(stage: &mut Stage) -> Result<String> {
    let sender = transactional(stage, "300000").await?;
    sender.producer.begin_transaction()?;
    for _ in 0..20 {
        let event = stage.generator.event("open")?;
        sender.record(&record_of(&event)?, None, Expect::Nothing)?;
    }
    sender.flush().await?;
    // Kafka itself hands on nothing behind it.
    stage.excuse(true);
    stage.pause(15.0, 90.0).await;
    let url = format!("{}/api/v1/sagas?size=1", stage.server.url);
    let answer: Value = serde_json::from_str(&http::client().get(url).send().await?.text().await?)?;
    let freshness = &answer["freshness"];
    ensure!(
        freshness["upToDate"] == false,
        "events wait behind an open transaction, and the answer says: {freshness}"
    );
    end(&sender, false).await?;
    stage.all_stored(Duration::from_secs(30)).await;
    stage.excuse(false);
    Ok(format!(
        "20 events in a transaction that stays open, then is aborted; meanwhile: {}",
        freshness["summary"].as_str().unwrap_or_default()
    ))
}

async fn transactional(stage: &Stage, timeout_ms: &str) -> Result<Sender> {
    let sender = stage.sender_with(&[
        ("transactional.id", &stage.topic),
        ("transaction.timeout.ms", timeout_ms),
        ("message.timeout.ms", "30000"),
    ])?;
    let producer = sender.producer.clone();
    tokio::task::spawn_blocking(move || producer.init_transactions(TIMEOUT)).await??;
    Ok(sender)
}

async fn end(sender: &Sender, is_committed: bool) -> Result<()> {
    let producer = sender.producer.clone();
    tokio::task::spawn_blocking(move || match is_committed {
        true => producer.commit_transaction(TIMEOUT),
        false => producer.abort_transaction(TIMEOUT),
    })
    .await??;
    Ok(())
}
