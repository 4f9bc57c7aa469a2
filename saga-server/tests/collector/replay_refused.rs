//! Replay of letters that the database never takes: each has its result, and those beside it are stored.

use std::{process::Command, time::Duration};

use saga_store::{Letter, NewLetter, Origin};
use saga_types::{
    SagaStatus, Timestamp,
    avro::{self, Framing, SchemaVersion},
    steps,
};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::support::{
    Harness, TIMEOUT, events::event, eventually, open, process::ServerProcess, stack::Stack,
};

const REPLAY: &str = "/internal/v1/sagas/replay";

/// What becomes of a letter is said by the beginning of its saga's id.
const TRIGGERS: &str = "
CREATE FUNCTION misbehave() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.saga_id LIKE 'killed-%' THEN
    EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', 'kill -9 ' || pg_backend_pid());
    PERFORM pg_sleep(30);
  ELSIF NEW.saga_id LIKE 'ended-%' THEN
    PERFORM pg_terminate_backend(pg_backend_pid());
    PERFORM pg_sleep(30);
  ELSIF NEW.saga_id LIKE 'silent-%' THEN
    PERFORM pg_sleep(30);
  ELSIF NEW.saga_id LIKE 'denied-%' THEN
    RAISE EXCEPTION 'not for you' USING ERRCODE = '42501';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER misbehave BEFORE INSERT ON saga_steps FOR EACH ROW EXECUTE FUNCTION misbehave();
CREATE FUNCTION refuse_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'not at the end' USING ERRCODE = 'P0001';
END $$;
CREATE CONSTRAINT TRIGGER refuse_late AFTER INSERT ON saga_steps DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.saga_id LIKE 'late-%') EXECUTE FUNCTION refuse_late();";

const NO_TRIGGERS: &str = "
DROP TRIGGER misbehave ON saga_steps;
DROP TRIGGER refuse_late ON saga_steps;";

fn letter(number: u8, saga_id: &str) -> NewLetter {
    let event = event(saga_id, 0, steps::ORDER_CREATED, SagaStatus::Started);
    let value = avro::encode(&event, SchemaVersion::V2, Framing::SingleObject).unwrap();
    NewLetter {
        identity: [number; 32],
        letter: Letter {
            topic: "events.dlt".to_owned(),
            partition: 0,
            offset: i64::from(number),
            // An old one would leave at the end of its retention.
            dead_since: Timestamp::now(),
            origin: Origin::default(),
            reason: "REFUSED_BY_DATABASE".to_owned(),
            message: "the reason in words".to_owned(),
            saga_id: Some(saga_id.to_owned()),
            saga_type: Some(event.saga_type.as_str().to_owned()),
            event_id: Some(event.event_id.as_str().to_owned()),
            producer: None,
            key: None,
            value_bytes: value.len() as u64,
            value: Some(value),
            headers: Vec::new(),
        },
    }
}

/// Keeps a letter for each saga, and gives their ids.
async fn keep(harness: &Harness, sagas: &[&str]) -> Vec<i64> {
    let store = open(&harness.database_url).await;
    let mut ids = Vec::new();
    for (number, saga_id) in (1..).zip(sagas) {
        store.keep_letters(vec![letter(number, saga_id)]).await.unwrap();
        let newest = "SELECT max(id) FROM dead_letter";
        ids.push(harness.sql_count(newest).await);
    }
    ids
}

async fn result_of(server: &ServerProcess, body: &Value) -> (String, String) {
    let answer = server.rest.post(REPLAY, body).await;
    let result = &answer["results"][0];
    let text = |name: &str| result[name].as_str().unwrap_or_default().to_owned();
    (text("status"), text("message"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_the_database_never_takes_has_a_result_and_those_beside_it_are_stored() {
    let harness = Harness::new().await;
    let sagas = ["good-1", "ended-1", "denied-1", "good-2", "late-1", "good-3"];
    let ids = keep(&harness, &sagas).await;
    let server = ServerProcess::serve(&harness);
    server.rest.wait_until_ready().await;
    harness.sql(TRIGGERS).await;

    for (id, reason) in [(ids[1], ""), (ids[2], "not for you"), (ids[4], "not at the end")] {
        for dry_run in [true, false] {
            let body = json!({"deadLetterIds": [id], "dryRun": dry_run});
            let (status, message) = result_of(&server, &body).await;
            assert_eq!(status, "FAILED", "{message}");
            assert!(message.starts_with("REFUSED_BY_DATABASE: "), "{message}");
            assert!(message.contains(reason), "{message}");
        }
    }
    // A page of all of them, until those are stored that can be: there may be no time for each at once.
    eventually("what can be stored is stored", async || {
        server.rest.post(REPLAY, &json!({"filter": {}})).await;
        let stored = "SELECT count(*) FROM saga_steps";
        harness.sql_count(stored).await == 3
    })
    .await;
    let logged = "SELECT count(*) FROM operation WHERE letter_id IN
        (SELECT id FROM dead_letter WHERE saga_id NOT LIKE 'good-%') AND result = 'FAILED' AND detail LIKE 'REFUSED%'";
    assert!(
        harness.sql_count(logged).await >= 3,
        "refusals are in the log of operations"
    );

    let (status, page) = form(&server, ids[1]).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("REFUSED_BY_DATABASE"), "{page}");

    let command = Command::new(env!("CARGO_BIN_EXE_saga-server"))
        .args(["dlt", "replay", "--all", "--database-url", &harness.database_url])
        .output()
        .unwrap();
    let lines = String::from_utf8_lossy(&command.stdout).into_owned();
    assert_eq!(command.status.code(), Some(1), "{lines}");
    assert_eq!(lines.matches("REFUSED_BY_DATABASE").count(), 3, "{lines}");

    harness.sql(NO_TRIGGERS).await;
    let answer = server.rest.post(REPLAY, &json!({"filter": {}})).await;
    assert_eq!(answer["successful"], 3, "{answer}");
}

/// How long PostgreSQL recovers: longer than a replay makes attempts.
const RECOVERY: Duration = Duration::from_secs(12);

/// A database that stays unavailable when one of its processes was killed, until it is started.
const NO_RESTART: &str = "ALTER SYSTEM SET restart_after_crash = off";

/// Waits until the database of a stack is gone.
async fn gone(harness: &Harness) {
    eventually("the database is gone", async || {
        PgConnection::connect(&harness.database_url).await.is_err()
    })
    .await;
}

async fn replay(server: &ServerProcess, id: i64) -> (u16, Value) {
    let request = saga_collector::http_client::plain_client()
        .post(format!("{}{REPLAY}", server.rest.base()))
        .timeout(TIMEOUT)
        .json(&json!({"deadLetterIds": [id]}));
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_makes_the_database_recover_has_a_result_and_an_outage_is_reported() {
    let stack = Stack::up(None);
    let harness = Harness::on_stack(&stack).await;
    let ids = keep(&harness, &["killed-1", "good-1"]).await;
    let server = ServerProcess::serve(&harness);
    server.rest.wait_until_ready().await;
    harness.sql(TRIGGERS).await;
    harness.sql(NO_RESTART).await;
    harness.sql("SELECT pg_reload_conf()").await;

    let recover = async {
        gone(&harness).await;
        tokio::time::sleep(RECOVERY).await;
        tokio::task::block_in_place(|| stack.parts(&["start", "postgres"]));
    };
    let ((status, answer), ()) = tokio::join!(replay(&server, ids[0]), recover);
    assert_eq!(status, 200, "{answer}");
    let message = answer["results"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("NO_ANSWER: "), "{message}");
    let logged = "SELECT count(*) FROM operation WHERE kind = 'REPLAY' AND result = 'FAILED'";
    assert_eq!(harness.sql_count(logged).await, 1);

    // And now it does not come back.
    let (status, answer) = replay(&server, ids[0]).await;
    assert_eq!(status, 503, "{answer}");
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("replay them again"), "{message}");
    stack.parts(&["start", "postgres"]);
    server.rest.wait_until_ready().await;
    let (status, answer) = replay(&server, ids[1]).await;
    assert_eq!((status, &answer["successful"]), (200, &json!(1)), "{answer}");
}

/// The button of one letter.
async fn form(server: &ServerProcess, id: i64) -> (u16, String) {
    let base = server.rest.base();
    let request = saga_collector::http_client::plain_client()
        .post(format!("{base}/dead-letters/{id}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", base)
        .timeout(TIMEOUT)
        .body("mode=replay");
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_the_database_does_not_answer_for_has_a_result() {
    let harness = Harness::new().await;
    let ids = keep(&harness, &["silent-1"]).await;
    let server = ServerProcess::serve(&harness);
    server.rest.wait_until_ready().await;
    harness.sql(TRIGGERS).await;
    let (status, message) = result_of(&server, &json!({"deadLetterIds": ids})).await;
    assert_eq!(status, "FAILED");
    assert!(message.starts_with("NO_ANSWER: no answer within "), "{message}");
}
