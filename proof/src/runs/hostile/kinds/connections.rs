//! What happens to connections to the database.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::{parts::Part, runs::hostile::stage::Stage};

pub(super) async fn swallow_present(stage: &mut Stage) -> Result<String> {
    let times = stage.count(1, 3);
    for time in 0..times {
        if time > 0 {
            stage.all_stored(Duration::from_secs(150)).await;
        }
        stage.proxy.swallow_present();
        stage.pause(5.0, 10.0).await;
    }
    Ok(format!(
        "{times} times, all present connections deliver nothing any more"
    ))
}

pub(super) async fn swallow_all(stage: &mut Stage) -> Result<String> {
    stage.proxy.swallow_all(true);
    stage.pause(12.0, 90.0).await;
    stage.proxy.swallow_all(false);
    Ok("no connection delivers anything, new ones neither, for some time".to_owned())
}

pub(super) async fn delay(stage: &mut Stage) -> Result<String> {
    let delay = Duration::from_millis(stage.generator.rng.u64(200..600));
    stage.proxy.delay(delay);
    stage.pause(8.0, 60.0).await;
    stage.proxy.delay(Duration::ZERO);
    Ok(format!("each piece of data comes {} ms late", delay.as_millis()))
}

pub(super) async fn cut(stage: &mut Stage) -> Result<String> {
    let times = stage.count(10, 60);
    for _ in 0..times {
        stage.proxy.cut();
        let pause = stage.generator.rng.u64(20..500);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    stage.proxy.refuse(true);
    stage.proxy.cut();
    stage.pause(5.0, 70.0).await;
    stage.proxy.refuse(false);
    Ok(format!(
        "{times} times all connections are cut, then new ones refused for some time"
    ))
}

pub(super) async fn fail_over(stage: &mut Stage) -> Result<String> {
    for read_only in ["on", "off"] {
        let statement = format!("ALTER SYSTEM SET default_transaction_read_only = {read_only}");
        // Not by a session that may not write any more.
        for statement in [
            "SET default_transaction_read_only = off",
            &statement,
            "SELECT pg_reload_conf()",
        ] {
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
                .execute(&stage.database)
                .await?;
        }
        stage.pause(4.0, 20.0).await;
    }
    let killed = Instant::now();
    stage.parts.kill(Part::Postgres).await?;
    stage.pause(2.0, 20.0).await;
    stage.parts.start(Part::Postgres).await?;
    Ok(format!(
        "the database is read-only for some time, then killed and back after {:.1} s",
        killed.elapsed().as_secs_f64()
    ))
}
