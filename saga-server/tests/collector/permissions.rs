//! Permissions that Kafka refuses: health names each, and everything goes on by itself once it is granted.

use std::process::Stdio;

use saga_sdk::{SagaConfig, SecurityProtocol};
use saga_types::{SagaStatus, steps};
use serde_json::Value;

use crate::{
    other_languages::python_program,
    support::{Harness, events::event, process::ServerProcess, stack::Stack},
};

/// Who comes by the listener without a name may do everything.
const AUTHORIZER: &str = "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
listener.name.oauth.sasl.enabled.mechanisms=OAUTHBEARER,PLAIN
listener.name.oauth.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
    user_tracker=\"tracker-secret\";";

struct Stage {
    stack: Stack,
    harness: Harness,
    server: ServerProcess,
}

impl Stage {
    async fn new() -> Self {
        let stack = Stack::with_kafka_settings(AUTHORIZER);
        let harness = Harness::on_stack(&stack).await;
        let servers = stack.value("SAGA_TEST_KAFKA_OAUTH");
        let variables = [
            ("KAFKA_BOOTSTRAP_SERVERS", servers.as_str()),
            ("SAGA_SERVER_KAFKA_SECURITY_PROTOCOL", "sasl_plaintext"),
            ("SAGA_SERVER_KAFKA_SECURITY_MECHANISM", "PLAIN"),
            ("SAGA_SERVER_KAFKA_SECURITY_USERNAME", "tracker"),
            ("SAGA_SERVER_KAFKA_SECURITY_PASSWORD", "tracker-secret"),
        ];
        let server = ServerProcess::serve_with(&harness, &variables, Stdio::inherit());
        Self {
            stack,
            harness,
            server,
        }
    }

    /// Grants (+) or takes (-): `+TOPIC:name:READ`.
    fn change(&self, changes: &[String]) {
        let servers = self.stack.value("KAFKA_BOOTSTRAP_SERVERS");
        let mut command = python_program("python/acls.py");
        let status = command
            .args([&servers, "tracker"])
            .args(changes)
            .status()
            .unwrap();
        assert!(status.success());
    }

    async fn health(&self, what: &str, holds: impl Fn(&Value) -> bool) {
        let rest = &self.server.rest;
        rest.wait_for("/health", what, |_, health| holds(health)).await;
    }

    /// Ingest is down, and its reason names this.
    async fn is_down_for(&self, words: &str) {
        self.health(words, |health| {
            let reason = health["components"]["ingest"]["reason"].as_str();
            reason.is_some_and(|reason| reason.contains(words))
        })
        .await;
    }

    /// What the SDK's check tells a service that comes as the same user.
    fn doctor_of_a_service(&self) -> String {
        let mut config = SagaConfig::default()
            .enabled(true)
            .service_name("order-service")
            .topic(&self.harness.topic)
            .bootstrap_servers(self.stack.value("SAGA_TEST_KAFKA_OAUTH"));
        config.security.protocol = SecurityProtocol::SaslPlaintext;
        config.security.sasl_mechanism = Some("PLAIN".to_owned());
        config.security.username = Some("tracker".to_owned());
        config.security.password = Some("tracker-secret".into());
        tokio::task::block_in_place(|| saga_sdk::doctor(&config).to_string())
    }

    /// A warning names this, or is gone.
    async fn warns(&self, concern: &str, words: Option<&str>) {
        let what = words.unwrap_or("no warning");
        self.health(what, |health| {
            let warning = health["warnings"][concern].as_str();
            match words {
                Some(words) => warning.is_some_and(|warning| warning.contains(words)),
                None => health["status"] == "UP" && warning.is_none(),
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_kafka_refuses_is_named_and_once_it_is_granted_everything_goes_on() {
    let stage = Stage::new().await;
    let Harness {
        topic,
        dead_letter_topic: letters,
        group,
        ..
    } = &stage.harness;
    stage.is_down_for(&format!("Read on the topic {topic}")).await;
    stage.is_down_for(&format!("Read on the group {group}")).await;
    stage.change(&[format!("+GROUP:{group}:READ")]);
    stage.change(&[format!("+TOPIC:{topic}:READ")]);
    stage.server.rest.wait_until_ready().await;
    let found = stage.doctor_of_a_service();
    assert!(found.contains("the user may not write"), "{found}");
    stage
        .warns("deadLetterRead", Some(&format!("Read on the topic {letters}")))
        .await;
    stage
        .warns(
            "deadLetterRead",
            Some(&format!("Read on the group {group}-dead-letters")),
        )
        .await;

    let producer = stage.harness.producer();
    producer.send(&event("saga-1", 0, steps::ORDER_CREATED, SagaStatus::Started));
    producer.send_raw(Some(b"bad"), b"no event");
    producer.flush();
    stage.server.rest.saga_with_steps("saga-1", 1).await;
    stage
        .warns("deadLetterWrite", Some(&format!("Write on the topic {letters}")))
        .await;
    let kept = "SELECT count(*) FROM dead_letter WHERE reason = 'UNKNOWN_FRAMING'";
    assert_eq!(
        stage.harness.sql_count(kept).await,
        1,
        "it is kept in the database"
    );

    stage.change(&[
        format!("+TOPIC:{letters}:READ"),
        format!("+TOPIC:{letters}:WRITE"),
        format!("+GROUP:{group}-dead-letters:READ"),
    ]);
    producer.send_raw(Some(b"bad"), b"no event either");
    producer.flush();
    stage.warns("deadLetterWrite", None).await;
    stage.warns("deadLetterRead", None).await;
    let found = stage.doctor_of_a_service();
    assert!(found.contains("ok: events can be published"), "{found}");

    // Taken while it reads: what is stored looks up to date.
    stage.change(&[format!("+TOPIC:{topic}:DESCRIBE"), format!("-TOPIC:{topic}:READ")]);
    stage.is_down_for(&format!("Read on the topic {topic}")).await;
    producer.send(&event("saga-2", 0, steps::ORDER_CREATED, SagaStatus::Started));
    producer.flush();
    stage.change(&[format!("+TOPIC:{topic}:READ")]);
    stage.server.rest.saga_with_steps("saga-2", 1).await;
    stage.server.rest.wait_until_ready().await;
}
