//! Events of which the database's session dies: it is ended, or its process is killed, after which the server ends all
//! sessions and recovers.

use std::time::Duration;

use anyhow::Result;

use crate::{
    parts::Part,
    runs::hostile::{sender::record_of, stage::Stage},
};

const ENDS_SESSIONS: &str = "CREATE FUNCTION end_session() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     IF NEW.saga_id LIKE 'killed-%' THEN \
       EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', 'kill -9 ' || pg_backend_pid()); \
     ELSE \
       PERFORM pg_terminate_backend(pg_backend_pid()); \
     END IF; \
     PERFORM pg_sleep(30); RETURN NEW; END $$; \
     CREATE TRIGGER end_session BEFORE INSERT ON saga_steps FOR EACH ROW \
     WHEN (NEW.saga_id LIKE 'killed-%' OR NEW.saga_id LIKE 'ended-%') EXECUTE FUNCTION end_session()";

pub(super) async fn play(stage: &mut Stage) -> Result<String> {
    stage.sql(ENDS_SESSIONS).await?;
    let each = stage.count(1, 3);
    let mut names = ["killed", "ended"].repeat(each);
    names.extend(["beside"].repeat(stage.count(20, 300)));
    stage.generator.rng.shuffle(&mut names);
    // In one batch.
    let sender = stage.sender_with(&[("linger.ms", "300")])?;
    for name in names {
        let event = stage.generator.event(name)?;
        match name {
            "beside" => sender.event(&event)?,
            _ => sender.bad(&record_of(&event)?)?,
        }
    }
    sender.flush().await?;
    let pause = stage.generator.rng.u64(500..3_000);
    tokio::time::sleep(Duration::from_millis(pause)).await;
    stage.parts.kill(Part::Postgres).await?;
    stage.pause(1.0, 10.0).await;
    stage.parts.start(Part::Postgres).await?;
    Ok(format!(
        "{each} events whose session is ended and {each} whose process is killed, in one batch, and the database killed meanwhile"
    ))
}
