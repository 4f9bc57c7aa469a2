//! Outages of database and broker, on a stack of its own, since they would fail other tests.

use crate::support::{
    Harness, Rest,
    events::{compensated, event, saga, success},
    eventually,
    process::ServerProcess,
    stack::Stack,
};
use saga_types::{SagaEvent, SagaStatus, definition::Definitions, fold, steps, topic::dead_letter_headers};
use sqlx::{Connection, PgConnection};

async fn set_read_only(database_url: &str, is_read_only: bool) {
    let mut connection = PgConnection::connect(database_url).await.unwrap();
    // The session that switches it off again must be able to write.
    for statement in [
        "SET default_transaction_read_only = off",
        if is_read_only {
            "ALTER SYSTEM SET default_transaction_read_only = on"
        } else {
            "ALTER SYSTEM RESET default_transaction_read_only"
        },
        "SELECT pg_reload_conf()",
    ] {
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    }
}

async fn wait_for_component(rest: &Rest, component: &str, state: &str) {
    let path = "/actuator/health";
    rest.wait_for(path, &format!("{component} is {state}"), |_, health| {
        health["components"][component]["status"] == state
    })
    .await;
}

fn sagas(prefix: &str) -> Vec<Vec<SagaEvent>> {
    (0..1_000)
        .map(|n| {
            saga(
                &format!("{prefix}-{n}"),
                &if n % 2 == 0 { success() } else { compensated() },
            )
        })
        .collect()
}

/// Sends while something is unavailable, and waits for all of it afterwards.
struct Audit<'a> {
    harness: &'a Harness,
    sent: Vec<Vec<SagaEvent>>,
}

impl Audit<'_> {
    fn send(&mut self, prefix: &str) {
        let producer = self.harness.producer();
        for events in sagas(prefix) {
            events.iter().for_each(|event| producer.send(event));
            self.sent.push(events);
        }
        producer.flush();
    }

    async fn everything_is_stored(&self) {
        let expected = i64::try_from(self.sent.iter().map(Vec::len).sum::<usize>()).unwrap();
        eventually("all events are stored", async || {
            self.harness.sql_count("SELECT count(*) FROM saga_steps").await == expected
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn outages_of_database_and_broker_lose_nothing_and_are_reported_by_readiness() {
    let stack = Stack::up(None);
    let harness = Harness::on_stack(&stack).await;
    let server = ServerProcess::serve(&harness);
    server.rest.wait_until_ready().await;
    let mut audit = Audit {
        harness: &harness,
        sent: Vec::new(),
    };
    audit.send("before");
    audit.everything_is_stored().await;

    stack.parts(&["kill", "postgres"]);
    audit.send("database-away");
    wait_for_component(&server.rest, "db", "DOWN").await;
    assert_eq!(server.rest.get("/health/readiness").await.0, 503);
    assert_eq!(server.rest.get("/health/liveness").await.0, 200);
    let (status, answer) = server.rest.get("/api/v1/sagas/before-0").await;
    assert_eq!(
        (status, answer["error"].as_str()),
        (503, Some("SERVICE_UNAVAILABLE"))
    );
    stack.parts(&["start", "postgres"]);
    audit.everything_is_stored().await;
    server.rest.wait_until_ready().await;

    set_read_only(&harness.database_url, true).await;
    audit.send("read-only");
    wait_for_component(&server.rest, "db", "DOWN").await;
    set_read_only(&harness.database_url, false).await;
    audit.everything_is_stored().await;
    server.rest.wait_until_ready().await;

    stack.parts(&["kill", "kafka"]);
    wait_for_component(&server.rest, "kafka", "DOWN").await;
    assert_eq!(server.rest.get("/health/readiness").await.0, 503);
    assert_eq!(
        server.rest.get("/api/v1/sagas/before-0").await.0,
        200,
        "what is stored is still answered"
    );
    stack.parts(&["start", "kafka"]);
    audit.send("broker-back");
    audit.everything_is_stored().await;
    server.rest.wait_until_ready().await;

    for events in audit.sent.iter().step_by(10) {
        let expected = fold::fold(events, &Definitions::built_in()).unwrap();
        let (_, answer) = server
            .rest
            .get(&format!("/api/v1/sagas/{}", expected.saga_id))
            .await;
        assert_eq!(answer["currentStatus"], expected.current_status.as_str());
        assert_eq!(answer["stepCount"], expected.step_count);
    }
    assert!(
        harness.dead_letters(0).await.is_empty(),
        "an outage is not bad data"
    );
}

/// Ends the session that stores an event, or kills its process, after which the server restarts all sessions.
const ENDS_SESSIONS: &str = "
CREATE FUNCTION end_session() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.saga_id LIKE 'killed-%' THEN
    EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', 'kill -9 ' || pg_backend_pid());
  ELSE
    PERFORM pg_terminate_backend(pg_backend_pid());
  END IF;
  PERFORM pg_sleep(30);
  RETURN NEW;
END $$;
CREATE TRIGGER end_session BEFORE INSERT ON saga_steps FOR EACH ROW
  WHEN (NEW.saga_id LIKE 'killed-%' OR NEW.saga_id LIKE 'ended-%') EXECUTE FUNCTION end_session()";

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_which_the_session_dies_is_a_dead_letter_and_those_beside_it_are_stored() {
    let stack = Stack::up(None);
    let harness = Harness::on_stack(&stack).await;
    let server = ServerProcess::serve(&harness);
    server.rest.wait_until_ready().await;
    harness.sql(ENDS_SESSIONS).await;
    let producer = harness.producer();
    for saga_id in ["good-1", "killed-1", "good-2", "ended-1", "killed-2", "good-3"] {
        producer.send(&event(saga_id, 0, steps::ORDER_CREATED, SagaStatus::Started));
    }
    producer.flush();
    for saga_id in ["good-1", "good-2", "good-3"] {
        server.rest.saga_with_steps(saga_id, 1).await;
    }
    // A real outage in the middle of it is no verdict.
    stack.parts(&["kill", "postgres"]);
    producer.send(&event("good-4", 0, steps::ORDER_CREATED, SagaStatus::Started));
    producer.flush();
    stack.parts(&["start", "postgres"]);
    server.rest.saga_with_steps("good-4", 1).await;
    let letters = harness.dead_letters(3).await;
    let mut keys: Vec<_> = letters
        .iter()
        .filter_map(|letter| letter.key.as_deref())
        .collect();
    keys.sort_unstable();
    assert_eq!(keys, [&b"ended-1"[..], b"killed-1", b"killed-2"]);
    for letter in &letters {
        let kind = letter.text(dead_letter_headers::EXCEPTION_FQCN);
        assert_eq!(kind, "saga.tracker.REFUSED_BY_DATABASE");
    }
    server.rest.wait_until_ready().await;
}
