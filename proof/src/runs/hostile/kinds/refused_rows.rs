//! Events that the database never takes, whatever it says: found by whether others pass.

use std::time::Duration;

use anyhow::Result;

use crate::runs::hostile::{account::Expect, sender::record_of, stage::Stage};

/// One or more of each class that a trigger can raise.
const SQLSTATES: [&str; 28] = [
    "22003", "22P05", "23514", "23505", "25006", "26000", "28000", "2F002", "3D000", "40001", "40P01",
    "42501", "42P01", "42P05", "53100", "53200", "53300", "54000", "55P03", "55006", "57014", "57P01",
    "57P03", "58030", "F0000", "08006", "P0001", "XX000",
];

const REFUSES: &str = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     RAISE EXCEPTION 'no such customer' USING ERRCODE = split_part(NEW.saga_id, '-', 2); END $$; \
     CREATE TRIGGER refuse BEFORE INSERT ON saga_steps FOR EACH ROW \
     WHEN (NEW.saga_id LIKE 'refused-%') EXECUTE FUNCTION refuse()";

pub(super) async fn play(stage: &mut Stage) -> Result<String> {
    stage.sql(REFUSES).await?;
    let mut states = SQLSTATES.to_vec();
    stage.generator.rng.shuffle(&mut states);
    states.truncate(stage.count(10, SQLSTATES.len()));
    for state in &states {
        let event = stage.generator.event(&format!("refused-{state}"))?;
        let record = record_of(&event)?;
        stage
            .sender
            .record(&record, None, Expect::DeadLetter(record.clone()))?;
        stage.pause(0.2, 0.5).await;
    }
    stage.sender.flush().await?;
    Ok(format!(
        "{} events, each refused with another SQLSTATE",
        states.len()
    ))
}

/// Several in one batch among good ones, and the database cannot be reached while the batch is split.
pub(super) async fn in_outage(stage: &mut Stage) -> Result<String> {
    stage.sql(REFUSES).await?;
    let rounds = stage.count(2, 10);
    let mut bad = 0;
    for _ in 0..rounds {
        let sender = stage.sender_with(&[("linger.ms", "300")])?;
        for _ in 0..stage.generator.rng.usize(100..400) {
            if stage.generator.rng.u8(..) < 6 {
                let state = *stage.generator.pick(&SQLSTATES);
                let event = stage.generator.event(&format!("refused-{state}"))?;
                sender.bad(&record_of(&event)?)?;
                bad += 1;
            } else {
                sender.event(&stage.generator.event("beside")?)?;
            }
        }
        sender.flush().await?;
        let pause = stage.generator.rng.u64(20..600);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        stage.proxy.refuse(true);
        stage.proxy.cut();
        stage.pause(3.0, 10.0).await;
        stage.proxy.refuse(false);
    }
    Ok(format!(
        "{bad} events of other SQLSTATEs in {rounds} batches, each while the database cannot be reached"
    ))
}

pub(super) async fn slow(stage: &mut Stage) -> Result<String> {
    stage
        .sql(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$; \
             CREATE TRIGGER wait BEFORE INSERT ON saga_steps FOR EACH ROW \
             WHEN (NEW.saga_id LIKE 'slow-%') EXECUTE FUNCTION wait()",
        )
        .await?;
    let event = stage.generator.event("slow")?;
    let record = record_of(&event)?;
    stage
        .sender
        .record(&record, None, Expect::DeadLetter(record.clone()))?;
    stage.sender.flush().await?;
    stage.pause(100.0, 100.0).await;
    Ok("1 event whose insert never ends".to_owned())
}
