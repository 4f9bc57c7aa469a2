//! Configurations as they are written, and what a client logs of them at its start.
#![cfg(feature = "kafka")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fmt::Debug,
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use saga_sdk::{Compression, ConfigLoader, PublishMode, SagaConfig, SecurityProtocol};
use tracing_subscriber::layer::SubscriberExt as _;

struct Lines(Arc<Mutex<String>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Lines {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        let mut lines = self.0.lock().unwrap();
        lines.push_str(event.metadata().level().as_str());
        event.record(&mut |field: &tracing::field::Field, value: &dyn Debug| {
            lines.push_str(&format!(" {field}={value:?}"));
        });
        lines.push('\n');
    }
}

/// What this thread logs meanwhile.
fn logged(work: impl FnOnce()) -> String {
    let lines = Arc::new(Mutex::new(String::new()));
    let subscriber = tracing_subscriber::registry().with(Lines(Arc::clone(&lines)));
    tracing::subscriber::with_default(subscriber, work);
    std::mem::take(&mut lines.lock().unwrap())
}

/// What is logged at the start of a client with these files and variables.
fn start(files: &[(&str, &str)], variables: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let loader = ConfigLoader::new()
        .folder(folder.path())
        .variables(variables.iter().copied());
    let config = loader.load().unwrap();
    logged(|| drop(saga_sdk::connect(&config).unwrap()))
}

const BASE: (&str, &str) = (
    "application.yml",
    "platform: { saga: { enabled: false, serviceName: order-service } }",
);
const PROD: (&str, &str) = (
    "application-prod.yml",
    "platform: { saga: { enabled: true, bootstrapServers: '127.0.0.1:1' } }",
);

#[test]
fn the_start_says_why_it_is_off() {
    let line = start(&[], &[]);
    assert!(
        line.starts_with("INFO message=saga tracker off reason=\"platform.saga.enabled is not set\""),
        "{line}"
    );
    let line = start(&[BASE, PROD], &[]);
    assert!(line.contains("platform.saga.enabled is false"), "{line}");
    assert!(
        line.contains("application.yml") && line.contains("profiles=\"\""),
        "{line}"
    );
}

#[test]
fn the_start_says_where_it_goes_and_what_was_read() {
    let line = start(
        &[BASE, PROD],
        &[("PLATFORM_PROFILE", "prod"), ("PLATFORM_SAGA_TOPIC", "sagas")],
    );
    for part in [
        "saga tracker on",
        "topic=\"sagas\"",
        "brokers=\"127.0.0.1:1\"",
        "service=\"order-service\"",
        "application-prod.yml",
        "profiles=\"prod\"",
        "variables=\"PLATFORM_SAGA_TOPIC\"",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[test]
fn what_is_misspelt_is_named() {
    for (files, variables, expected) in [
        (
            &[BASE, PROD][..],
            &[("PLATFORM_PROFILE", "pord")][..],
            "the profile \"pord\" has no file application-pord.yml, there are prod, did you mean \"prod\"?",
        ),
        (
            &[],
            &[("PLATFORM_SAGA_ENABLE", "true")],
            "the variable PLATFORM_SAGA_ENABLE is not read, did you mean PLATFORM_SAGA_ENABLED?",
        ),
        (
            &[],
            &[("PLATFROM_SAGA_ENABLED", "true")],
            "the variable PLATFROM_SAGA_ENABLED is not read, did you mean PLATFORM_SAGA_ENABLED?",
        ),
        (
            &[],
            &[("PLATFORM_SAGA_COLOUR", "red")],
            "the variable PLATFORM_SAGA_COLOUR is not read: there is no such key",
        ),
        (
            &[("application.yml", "platfrom: { saga: { enabled: true } }")],
            &[],
            "the key \"platfrom\" is not read, did you mean \"platform\"?",
        ),
        (
            &[("application.yml", "platform: { sage: { enabled: true } }")],
            &[],
            "the key \"sage\" is not read, did you mean \"saga\"?",
        ),
    ] {
        let lines = start(files, variables);
        assert!(lines.contains(expected), "{expected}: {lines}");
    }
    let lines = start(&[BASE], &[("PLATFORM_PROFILE", "local"), ("PATH", "/bin")]);
    assert!(!lines.contains("WARN"), "{lines}");
}

#[test]
fn several_profiles_and_springs_variable_are_understood() {
    let eu = ("application-eu.yml", "platform: { saga: { topic: sagas-eu } }");
    let line = start(&[BASE, PROD, eu], &[("SPRING_PROFILES_ACTIVE", "prod, eu")]);
    assert!(
        line.contains("saga tracker on") && line.contains("sagas-eu"),
        "{line}"
    );
    let line = start(
        &[BASE, PROD],
        &[("PLATFORM_PROFILE", "prod"), ("SPRING_PROFILES_ACTIVE", "eu")],
    );
    assert!(line.contains("profiles=\"prod\""), "{line}");
}

fn load(yaml: &str, variables: &[(&str, &str)]) -> SagaConfig {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("application.yml"), yaml).unwrap();
    let loader = ConfigLoader::new().folder(folder.path());
    loader.variables(variables.iter().copied()).load().unwrap()
}

#[test]
fn placeholders_are_filled_or_refused_by_name() {
    let yaml = "platform: { saga: { enabled: '${SAGA:true}', serviceName: s, bootstrapServers: '${KAFKA}', \
                buffer: { maxEvents: '${EVENTS:7}' } } }";
    let filled = load(yaml, &[("KAFKA", "kafka:9092")]);
    assert_eq!(filled.bootstrap_servers.as_deref(), Some("kafka:9092"));
    assert_eq!((filled.enabled, filled.buffer.max_events), (Some(true), 7));

    let error = saga_sdk::connect(&load(yaml, &[])).err().unwrap().to_string();
    assert!(
        error.starts_with("platform.saga.bootstrapServers: the placeholder ${KAFKA} was not filled"),
        "{error}"
    );
    assert!(
        saga_sdk::connect(&load(yaml, &[("SAGA", "false")])).is_ok(),
        "it is off"
    );
}

#[test]
fn every_style_of_keys_texts_and_names_is_read() {
    let expected = SagaConfig::default()
        .enabled(true)
        .bootstrap_servers("kafka:9092")
        .mode(PublishMode::Synchronous)
        .compression(Compression::Zstd)
        .max_events(7)
        .delivery_timeout(Duration::from_secs(2));
    let camel = r#"{"enabled": "true", "bootstrapServers": "kafka:9092", "mode": "SYNCHRONOUS", "compression": "ZSTD",
        "buffer": {"maxEvents": "7"}, "deliveryTimeout": "2s", "security": {"saslMechanism": "PLAIN", "protocol": "sasl-ssl"}}"#;
    let kebab = camel
        .replace("bootstrapServers", "bootstrap-servers")
        .replace("maxEvents", "max-events")
        .replace("deliveryTimeout", "delivery-timeout")
        .replace("saslMechanism", "sasl-mechanism");
    let snake = kebab
        .replace("bootstrap-servers", "bootstrap_servers")
        .replace("max-events", "max_events")
        .replace("delivery-timeout", "delivery_timeout")
        .replace("sasl-mechanism", "sasl_mechanism");
    for json in [camel, &kebab, &snake] {
        let nested: SagaConfig = serde_json::from_str(json).unwrap();
        let loaded = load(&format!("{{\"platform\": {{\"saga\": {json}}}}}"), &[]);
        for mut config in [nested, loaded] {
            let security = std::mem::take(&mut config.security);
            assert_eq!(security.protocol, SecurityProtocol::SaslSsl);
            assert_eq!(security.sasl_mechanism.as_deref(), Some("PLAIN"));
            assert_eq!(config, expected, "{json}");
        }
    }
}

#[test]
fn a_key_in_another_style_overrides_that_of_the_base_file() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "application.yml",
        "platform: { saga: { bootstrap-servers: base:9092 } }",
    );
    write(
        "application-prod.yml",
        "platform: { saga: { bootstrapServers: prod:9092 } }",
    );
    let loader = ConfigLoader::new().folder(folder.path()).profile("prod");
    let config = loader.variables([("", ""); 0]).load().unwrap();
    assert_eq!(config.bootstrap_servers.as_deref(), Some("prod:9092"));

    let twice = "platform: { saga: { bootstrap-servers: a, bootstrapServers: b } }";
    let error = SagaConfig::from_yaml(twice).unwrap_err().to_string();
    assert!(error.contains("bootstrapServers: is given twice"), "{error}");
}

#[test]
fn what_is_serialized_can_be_read_and_shows_no_secret() {
    let mut config = SagaConfig::default().property("sasl.oauthbearer.config", "hunter2");
    config.security.password = Some("hunter2".into());
    let json = serde_json::to_string(&config).unwrap();
    assert!(!json.contains("hunter2"), "{json}");
    let read: SagaConfig = serde_json::from_str(&json).unwrap();
    assert_eq!(read.delivery_timeout, config.delivery_timeout);
}

#[test]
fn the_version_of_the_service_comes_from_its_platform() {
    let otel = (
        "OTEL_RESOURCE_ATTRIBUTES",
        "service.name=s,service.version=1.2%2B7",
    );
    for (yaml, variables, expected) in [
        ("{}", &[][..], None),
        ("{}", &[otel], Some("1.2+7")),
        ("{}", &[otel, ("SERVICE_VERSION", "1.3")], Some("1.3")),
        (
            "platform: { saga: { serviceVersion: '1.4' } }",
            &[otel, ("SERVICE_VERSION", "1.3")],
            Some("1.4"),
        ),
    ] {
        assert_eq!(load(yaml, variables).service_version.as_deref(), expected);
    }
}
