//! TLS to Apache Kafka, PostgreSQL and a schema registry, with certificates of this run, on a stack of its own.

mod certificates;
mod lines;

use std::{process::Stdio, time::Duration};

use crate::support::{Harness, eventually, process::ServerProcess, stack::Stack};
use certificates::Certificates;
use lines::Lines;
use saga_sdk::{DropReason, SagaConfig, SagaTrackerClient, SecurityConfig, SecurityProtocol};
use saga_types::{SagaType, steps};
use sqlx::{Connection, PgConnection};

const DATABASE_PASSWORD: &str = "database-secret";
const KAFKA_PASSWORD: &str = "saga-secret";
const SECRETS: [&str; 3] = [DATABASE_PASSWORD, KAFKA_PASSWORD, "wrong-secret"];

/// The stack, and how to reach it.
struct Parts {
    certificates: Certificates,
    stack: Stack,
    harness: Harness,
}

impl Parts {
    async fn up() -> Self {
        let certificates = Certificates::new();
        let stack = Stack::up(Some(certificates.folder()));
        let plain = stack.value("DATABASE_URL");
        let harness = Harness::at(&stack.value("KAFKA_BOOTSTRAP_SERVERS"), &plain).await;
        let parts = Self {
            certificates,
            stack,
            harness,
        };
        parts.create_roles().await;
        parts
    }

    async fn create_roles(&self) {
        let mut connection = PgConnection::connect(&self.harness.database_url).await.unwrap();
        let roles = format!(
            "CREATE ROLE by_password LOGIN SUPERUSER PASSWORD '{DATABASE_PASSWORD}';
             CREATE ROLE by_certificate LOGIN SUPERUSER"
        );
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(roles));
        done.execute(&mut connection).await.unwrap();
    }

    fn pem(&self, name: &str) -> String {
        self.certificates.file(name).display().to_string()
    }

    /// The address of the database for a role, at a host, whose certificate an authority of ours vouches for.
    fn database(&self, role: &str, host: &str, authority: &str) -> String {
        let (_, place) = self.harness.database_url.split_once("127.0.0.1:").unwrap();
        let authority = self.pem(authority);
        format!("postgres://{role}@{host}:{place}?sslmode=verify-full&sslrootcert={authority}")
    }

    /// Where Kafka asks for a name and a password.
    fn kafka_by_password(&self, password: &str, host: &str, authority: &str) -> Vec<(&'static str, String)> {
        let servers = self.stack.value("SAGA_TEST_KAFKA_SASL_SSL");
        vec![
            ("KAFKA_BOOTSTRAP_SERVERS", servers.replace("127.0.0.1", host)),
            ("SAGA_SERVER_KAFKA_SECURITY_PROTOCOL", "sasl_ssl".to_owned()),
            ("SAGA_SERVER_KAFKA_SECURITY_MECHANISM", "SCRAM-SHA-512".to_owned()),
            ("SAGA_SERVER_KAFKA_SECURITY_USERNAME", "saga".to_owned()),
            ("SAGA_SERVER_KAFKA_SECURITY_PASSWORD", password.to_owned()),
            ("SAGA_SERVER_KAFKA_SECURITY_CA_FILE", self.pem(authority)),
        ]
    }

    /// Where Kafka asks for a certificate.
    fn kafka_by_certificate(&self) -> Vec<(&'static str, String)> {
        vec![
            ("KAFKA_BOOTSTRAP_SERVERS", self.stack.value("SAGA_TEST_KAFKA_SSL")),
            ("SAGA_SERVER_KAFKA_SECURITY_PROTOCOL", "ssl".to_owned()),
            ("SAGA_SERVER_KAFKA_SECURITY_CA_FILE", self.pem("ca.pem")),
            (
                "SAGA_SERVER_KAFKA_SECURITY_CERTIFICATE_FILE",
                self.pem("by_certificate.pem"),
            ),
            (
                "SAGA_SERVER_KAFKA_SECURITY_KEY_FILE",
                self.pem("by_certificate.key"),
            ),
        ]
    }

    /// A server, and the file of its log lines.
    fn serve(&self, kafka: Vec<(&'static str, String)>, database_url: &str) -> (ServerProcess, Lines) {
        let lines = Lines::in_file();
        let mut variables: Vec<(&str, &str)> = kafka
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        variables.push(("DATABASE_URL", database_url));
        let log = Stdio::from(lines.file());
        (ServerProcess::serve_with(&self.harness, &variables, log), lines)
    }

    /// The SDK's configuration for where Kafka asks for a name and a password.
    fn sdk(&self, password: &str, host: &str, authority: &str) -> SagaConfig {
        let servers = self.stack.value("SAGA_TEST_KAFKA_SASL_SSL");
        let mut config = SagaConfig::default()
            .enabled(true)
            .topic(&self.harness.topic)
            .bootstrap_servers(servers.replace("127.0.0.1", host))
            .service_name("order-service");
        let mut security = SecurityConfig::default();
        security.protocol = SecurityProtocol::SaslSsl;
        security.sasl_mechanism = Some("SCRAM-SHA-512".to_owned());
        security.username = Some("saga".to_owned());
        security.password = Some(saga_sdk::Secret::new(password));
        security.ca_location = Some(self.pem(authority));
        config.security = security;
        config
    }
}

async fn record(config: &SagaConfig, saga_id: &str) -> std::sync::Arc<dyn SagaTrackerClient> {
    let tracker = saga_sdk::connect(config).unwrap();
    let saga = tracker.order("ORD-1").saga(SagaType::ORDER_CREATION, saga_id);
    saga.start(steps::ORDER_CREATED).record().await.unwrap();
    tracker
}

async fn what_is_recorded_over_tls_is_stored_over_tls(parts: &Parts) {
    let config = parts.sdk(KAFKA_PASSWORD, "127.0.0.1", "ca.pem");
    let by_password = parts.database(&format!("by_password:{DATABASE_PASSWORD}"), "127.0.0.1", "ca.pem");
    let by_certificate = format!(
        "{}&sslcert={}&sslkey={}",
        parts.database("by_certificate", "127.0.0.1", "ca.pem"),
        parts.pem("by_certificate.pem"),
        parts.pem("by_certificate.key")
    );
    for (role, database, kafka) in [
        (
            "by_password",
            by_password,
            parts.kafka_by_password(KAFKA_PASSWORD, "127.0.0.1", "ca.pem"),
        ),
        ("by_certificate", by_certificate, parts.kafka_by_certificate()),
    ] {
        let (mut server, log) = parts.serve(kafka, &database);
        let tracker = record(&config, role).await;
        assert!(tracker.close(Duration::from_secs(60)).await.is_complete());
        assert_eq!(tracker.stats().acknowledged, 1, "{:?}", tracker.stats());
        server.rest.saga_with_steps(role, 1).await;
        let encrypted = encrypted_connections(&parts.harness, role).await;
        assert!(!encrypted.is_empty() && encrypted.iter().all(|is_encrypted| *is_encrypted));
        assert_eq!(server.terminate(), Some(0));
        log.hold_none_of(&SECRETS);
    }
}

async fn encrypted_connections(harness: &Harness, role: &str) -> Vec<bool> {
    let mut connection = PgConnection::connect(&harness.database_url).await.unwrap();
    sqlx::query_scalar("SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = $1")
        .bind(role)
        .fetch_all(&mut connection)
        .await
        .unwrap()
}

/// Who is mistrusted, where, and what must be said of it: of Kafka, and of the database.
const MISTRUST: [(&str, &str, &str, [&str; 2]); 4] = [
    (
        "saga-secret",
        "127.0.0.1",
        "stranger.pem",
        ["certificate verify failed", "UnknownIssuer"],
    ),
    (
        "saga-secret",
        "localhost",
        "ca.pem",
        ["certificate verify failed", "not valid for name"],
    ),
    (
        "saga-secret",
        "127.0.0.1",
        "expired.pem",
        ["certificate verify failed", ""],
    ),
    (
        "wrong-secret",
        "127.0.0.1",
        "ca.pem",
        ["uthentication", "password authentication failed"],
    ),
];

async fn the_server_says_whom_it_mistrusts(parts: &Parts) {
    for (password, host, authority, [of_kafka, of_database]) in MISTRUST {
        let role = match password {
            KAFKA_PASSWORD => format!("by_password:{DATABASE_PASSWORD}"),
            wrong => format!("by_password:{wrong}"),
        };
        let (mut server, log) = parts.serve(
            parts.kafka_by_password(password, host, authority),
            &parts.database(&role, host, authority),
        );
        let wanted = [("kafka", of_kafka), ("db", of_database)];
        let reported = server
            .rest
            .wait_for(
                "/actuator/health",
                &format!("{host}, {authority}: {wanted:?}"),
                |_, health| {
                    wanted.iter().all(|(component, words)| {
                        let reason = &health["components"][component]["reason"];
                        words.is_empty() || reason.as_str().is_some_and(|reason| reason.contains(words))
                    })
                },
            )
            .await;
        assert_eq!(server.rest.get("/health/readiness").await.0, 503);
        assert_eq!(server.terminate(), Some(0), "SIGTERM ends it: {reported}");
        log.hold(of_kafka);
        log.hold(of_database);
        log.hold_none_of(&SECRETS);
        log.hold_none_of(&["panicked"]);
    }
}

async fn an_expiring_certificate_is_reported(parts: &Parts) {
    let file = parts.stack.folder().join("postgres/data/server.pem");
    std::fs::write(file, parts.certificates.expired_server()).unwrap();
    let mut connection = PgConnection::connect(&parts.harness.database_url).await.unwrap();
    let reloaded = sqlx::raw_sql("SELECT pg_reload_conf()");
    reloaded.execute(&mut connection).await.unwrap();
    let role = format!("by_password:{DATABASE_PASSWORD}");
    let (server, log) = parts.serve(
        parts.kafka_by_certificate(),
        &parts.database(&role, "127.0.0.1", "ca.pem"),
    );
    server
        .rest
        .wait_for(
            "/actuator/health",
            "the certificate is said to be expired",
            |_, health| {
                let reason = health["components"]["db"]["reason"].as_str().unwrap_or_default();
                reason.to_lowercase().contains("expired")
            },
        )
        .await;
    log.hold_none_of(&SECRETS);
}

async fn the_sdk_counts_and_says_what_it_cannot_deliver(parts: &Parts, said: &Lines) {
    for (password, host, authority, [of_kafka, _]) in MISTRUST {
        said.clear();
        let mut config = parts.sdk(password, host, authority);
        config.delivery_timeout = Duration::from_secs(1);
        let tracker = record(&config, "unsent").await;
        eventually("the event is given up", async || {
            let stats = tracker.stats();
            stats.dropped() == 1 && stats.acknowledged == 0
        })
        .await;
        assert_eq!(tracker.stats().dropped_for(DropReason::Expired), 1);
        // It goes on trying, so the reason may come later than the event's delivery timeout.
        eventually("the reason is logged", async || said.holds(of_kafka)).await;
        said.hold_none_of(&SECRETS);
        assert!(tracker.close(Duration::from_secs(1)).await.is_complete());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_to_kafka_and_postgresql_works_and_untrusted_certificates_are_reported() {
    let said = Lines::of_this_process();
    let parts = Parts::up().await;
    what_is_recorded_over_tls_is_stored_over_tls(&parts).await;
    the_sdk_counts_and_says_what_it_cannot_deliver(&parts, &said).await;
    the_server_says_whom_it_mistrusts(&parts).await;
    an_expiring_certificate_is_reported(&parts).await;
}
