//! Layers of configuration, and what is refused at start. `config check` reads it as `serve` does.

mod webhooks;

use crate::command::Run;

const COMPLETE: &str = "\
# The least there must be.
database: { url: 'postgres://saga:topsecret@db/saga' }
kafka: { bootstrapServers: 'kafka-1:9092,kafka-2:9092' }
";

fn complete() -> Run {
    Run::new().file("saga-server.yml", COMPLETE)
}

/// The value of a key that `config check` prints.
fn value_of(run: &Run, arguments: &str, key: &str) -> String {
    let done = run.run(&format!("config check {arguments}"));
    assert_eq!(done.code, 0, "{done:?}");
    let prefix = format!("{key}: ");
    done.stdout
        .lines()
        .find_map(|line| line.strip_prefix(&prefix))
        .unwrap()
        .to_owned()
}

#[test]
fn flags_override_the_environment_which_overrides_the_profile_which_overrides_the_file() {
    let file = format!(
        "{COMPLETE}ingest: {{ batchSize: 1, batchWait: 1ms, writers: 1 }}\nlog: {{ level: error }}\n"
    );
    let run = Run::new()
        .file("saga-server.yml", &file)
        .file(
            "saga-server-prod.yml",
            "ingest: { batchSize: 2, batchWait: 2ms, writers: 2 }\n",
        )
        .variable("SAGA_SERVER_INGEST_BATCH_SIZE", "3")
        .variable("SAGA_SERVER_INGEST_BATCH_WAIT", "3ms");
    let arguments = "--config saga-server.yml --profile prod --ingest-batch-size 4";
    for (key, expected) in [
        ("ingest.batchSize", "4"),
        ("ingest.batchWait", "3ms"),
        ("ingest.writers", "2"),
        ("log.level", "error"),
        ("log.format", "text"),
    ] {
        assert_eq!(value_of(&run, arguments, key), expected, "{key}");
    }
}

#[test]
fn the_file_itself_may_be_named_by_the_environment() {
    let run = complete()
        .file("saga-server-dev.yml", "kafka: { topic: dev.sagas }")
        .variable("SAGA_SERVER_CONFIG", "saga-server.yml")
        .variable("SAGA_SERVER_PROFILE", "dev");
    assert_eq!(value_of(&run, "", "kafka.topic"), "dev.sagas");
}

#[test]
fn properties_of_kafka_add_up_over_the_layers() {
    let file = "kafka: { bootstrapServers: 'k:1', properties: { client.rack: a, fetch.min.bytes: '9' } }";
    let run = Run::new()
        .file("c.yml", file)
        .file(
            "c-prod.yml",
            "kafka: { properties: { fetch.error.backoff.ms: '8' } }",
        )
        .variable("SAGA_SERVER_KAFKA_PROPERTIES", "client.rack=b;client.id=x");
    let arguments = "--config c.yml --profile prod --database-url sqlite:x";
    assert_eq!(
        value_of(&run, arguments, "kafka.properties"),
        "client.id=***;client.rack=***;fetch.error.backoff.ms=***;fetch.min.bytes=***"
    );
}

#[test]
fn secrets_are_not_printed() {
    let run = complete()
        .variable("SAGA_SERVER_KAFKA_SECURITY_PROTOCOL", "sasl_plaintext")
        .variable("SAGA_SERVER_KAFKA_SECURITY_MECHANISM", "PLAIN")
        .variable("SAGA_SERVER_KAFKA_SECURITY_USERNAME", "tracker")
        .variable("SAGA_SERVER_KAFKA_SECURITY_PASSWORD", "topsecret");
    for arguments in ["config check --config saga-server.yml", "serve --help"] {
        let done = run.run(arguments);
        assert_eq!(done.code, 0, "{done:?}");
        assert!(
            !done.stdout.contains("topsecret") && !done.stderr.contains("topsecret"),
            "{done:?}"
        );
    }
}

#[test]
fn what_a_file_must_not_hold_is_named_with_file_line_and_key() {
    for (text, words) in [
        (
            "listen: 127.0.0.1:1\nkafka:\n  topik: x\n",
            &["line 3", "kafka.topik", "unknown", "deadLetterTopic"][..],
        ),
        (
            "schemaRegistryUrl: http://x",
            &["line 1", "schemaRegistryUrl", "unknown"],
        ),
        (
            "ingest: { batchSize: many }",
            &["line 1", "ingest.batchSize", "not a whole number", "1 to 10000"],
        ),
        (
            "ingest: { batchSize: -1 }",
            &["ingest.batchSize", "not a whole number"],
        ),
        (
            "ingest: { batchWait: 5 parsecs }",
            &["ingest.batchWait", "5 parsecs", "50ms"],
        ),
        ("listen: here", &["listen", "address and port"]),
        ("allowUnauthenticated: perhaps", &["allowUnauthenticated"]),
        ("log: { level: loud }", &["log.level", "loud", "debug"]),
        (
            "kafka: { security: { protocol: tls } }",
            &["kafka.security.protocol", "tls", "sasl_ssl"],
        ),
        ("database: { url: [topsecret] }", &["database.url", "text"]),
        ("kafka: 7", &["kafka", "not a map"]),
        ("- a", &["line 1", "not a map"]),
        ("listen: [", &["line"]),
        (
            "log: { level: info }\nlog: { level: warn }",
            &["line 2", "duplicate", "log"],
        ),
        ("log: {}\n---\nlog: {}", &["line 3", "only single YAML document"]),
        ("owners: { ~: {} }", &["line 1", "null is not allowed"]),
    ] {
        let done = Run::new()
            .file("bad.yml", text)
            .run("config check --config bad.yml");
        done.is_refused(2, words);
        assert!(
            done.stderr.contains("bad.yml") && !done.stderr.contains("topsecret"),
            "{done:?}"
        );
    }
}

#[test]
fn values_that_cannot_be_used_are_named_by_key_variable_and_flag() {
    for (arguments, words) in [
        (
            "--database-url mysql://topsecret@x/y",
            &["database.url", "DATABASE_URL", "--database-url", "postgres://"][..],
        ),
        (
            "--database-max-connections 1",
            &["database.maxConnections", "2 to 1000"],
        ),
        (
            "--kafka-bootstrap-servers kafka",
            &["kafka.bootstrapServers", "KAFKA_BOOTSTRAP_SERVERS", "HOST:PORT"],
        ),
        (
            "--kafka-bootstrap-servers a:1,b:port",
            &["kafka.bootstrapServers", "b:port"],
        ),
        (
            "--kafka-topic a/b",
            &["kafka.topic", "SAGA_SERVER_KAFKA_TOPIC", "letters"],
        ),
        (
            "--kafka-dead-letter-topic c4ang.saga.tracker",
            &["kafka.deadLetterTopic", "another topic"],
        ),
        ("--kafka-group=", &["kafka.group", "empty"]),
        ("--kafka-property nothing", &["kafka.properties", "NAME=VALUE"]),
        ("--kafka-property group.id=x", &["kafka.properties", "group.id"]),
        (
            "--kafka-property enable.auto.commit=true",
            &["kafka.properties", "enable.auto.commit"],
        ),
        (
            "--kafka-property client.rak=x",
            &["kafka.properties", "client.rak"],
        ),
        (
            "--kafka-security-protocol sasl_plaintext",
            &["kafka.security.mechanism", "is not set"],
        ),
        (
            "--kafka-sasl-username me",
            &["kafka.security.username", "sasl_ssl"],
        ),
        (
            "--kafka-ca-file nowhere.pem",
            &["kafka.security.caFile", "nowhere.pem"],
        ),
        (
            "--kafka-ca-file saga-server.yml",
            &["kafka.security.caFile", "ssl or sasl_ssl"],
        ),
        (
            "--kafka-key-password topsecret",
            &["kafka.security.keyFile", "is not set"],
        ),
        (
            "--database-url postgres://u:topsecret@x/y?sslrootcert=nowhere.pem",
            &["database.url", "sslrootcert", "nowhere.pem"],
        ),
        (
            "--database-url postgres://u:topsecret@x/y?sslrootcert=saga-server.yml",
            &["database.url", "sslmode=verify-full"],
        ),
        (
            "--oidc-issuer http://id.example.com --oidc-audience x",
            &["auth.oidc.issuer", "https"],
        ),
        (
            "--oidc-issuer https://id.example.com",
            &["auth.oidc.audience", "is not set"],
        ),
        (
            "--oidc-issuer https://user:secret@id.example.com --oidc-audience x",
            &["auth.oidc.issuer", "without a user"],
        ),
        (
            "--oidc-issuer https://x --oidc-audience x --oidc-jwks-uri https://user:secret@x/keys",
            &["auth.oidc.jwksUri", "without a user"],
        ),
        (
            "--oidc-issuer https://x --oidc-audience x --oidc-saga-types-required",
            &["auth.oidc.sagaTypesRequired", "auth.oidc.sagaTypesClaim"],
        ),
        ("--oidc-roles-claim groups", &["auth.oidc.issuer", "is not set"]),
        (
            "--oidc-issuer https://x --oidc-audience x --oidc-ca-file nowhere.pem",
            &["auth.oidc.caFile", "nowhere.pem"],
        ),
        ("--owner payment-service=", &["owners", "the team"]),
        (
            "--pages-external-url sagas.example",
            &["pages.externalUrl", "https://HOST"],
        ),
        ("--redact-metadata-key a*b", &["redaction.metadataKeys", "a*b"]),
        (
            "--otlp-endpoint http://me:topsecret@x:4318",
            &["telemetry.otlpEndpoint", "OTEL_EXPORTER_OTLP_HEADERS"],
        ),
        ("--trace-sample-ratio 1.5", &["telemetry.sampleRatio", "0 to 1"]),
        ("--ingest-batch-size 10001", &["ingest.batchSize", "1 to 10000"]),
        ("--ingest-batch-wait 1min", &["ingest.batchWait", "1ms to 10s"]),
        ("--ingest-writers 0", &["ingest.writers", "1 to 16"]),
        (
            "--definitions nowhere",
            &["definitionsDir", "nowhere", "not a folder"],
        ),
        ("--shutdown-timeout 0s", &["shutdownTimeout", "1s to 10m"]),
    ] {
        let done = complete().run(&format!("config check --config saga-server.yml {arguments}"));
        done.is_refused(2, words);
        assert!(!done.stderr.contains("topsecret"), "{done:?}");
    }
}

#[test]
fn what_must_be_set_is_named() {
    for command in ["serve", "migrate", "config check"] {
        Run::new()
            .run(command)
            .is_refused(2, &["database.url", "DATABASE_URL", "is not set"]);
    }
    Run::new().run("topics create").is_refused(
        2,
        &["kafka.bootstrapServers", "KAFKA_BOOTSTRAP_SERVERS", "is not set"],
    );
}

#[test]
fn other_machines_are_answered_only_when_that_is_said_in_words() {
    let run = complete();
    for address in ["0.0.0.0:8086", "[::]:8086", "10.0.0.1:80", "[::ffff:10.0.0.1]:80"] {
        let arguments = format!("--config saga-server.yml --listen {address}");
        run.run(&format!("config check {arguments}"))
            .is_refused(2, &["listen", "--allow-unauthenticated"]);
        assert_eq!(
            value_of(&run, &format!("{arguments} --allow-unauthenticated"), "listen"),
            address
        );
        let denied = run.run(&format!("config check {arguments} --allow-unauthenticated=false"));
        assert_eq!(denied.code, 2);
        Run::new()
            .run(&format!("dev --listen {address}"))
            .is_refused(2, &["--allow-unauthenticated"]);
    }
    for address in ["127.0.0.1:1", "[::1]:1", "127.9.9.9:0", "[::ffff:127.0.0.1]:1"] {
        assert_eq!(
            value_of(
                &run,
                &format!("--config saga-server.yml --listen {address}"),
                "listen"
            ),
            address
        );
    }
}

#[test]
fn variables_that_are_none_of_ours_are_refused_but_those_of_kubernetes_are_not() {
    let run = complete().variable("SAGA_SERVER_KAFKA_TOPIK", "x");
    run.run("config check --config saga-server.yml").is_refused(
        2,
        &["SAGA_SERVER_KAFKA_TOPIK", "did you mean SAGA_SERVER_KAFKA_TOPIC?"],
    );
    let run = complete()
        .variable("SAGA_SERVER_PORT", "tcp://10.0.0.1:8086")
        .variable("SAGA_SERVER_PORT_8086_TCP_ADDR", "10.0.0.1")
        .variable("SAGA_SERVER_SERVICE_HOST", "10.0.0.1")
        .variable("SAGA_SERVER_SERVICE_PORT_HTTP", "8086");
    assert_eq!(
        value_of(&run, "--config saga-server.yml", "listen"),
        "127.0.0.1:8086"
    );
}

#[test]
fn a_bad_variable_is_named_as_the_variable() {
    for (name, words) in [
        ("SAGA_SERVER_LISTEN", &["SAGA_SERVER_LISTEN", "nonsense"][..]),
        ("SAGA_SERVER_LOG_LEVEL", &["SAGA_SERVER_LOG_LEVEL", "debug"]),
        (
            "SAGA_SERVER_INGEST_BATCH_WAIT",
            &["SAGA_SERVER_INGEST_BATCH_WAIT", "50ms"],
        ),
        (
            "SCHEMA_REGISTRY_URL",
            &["SCHEMA_REGISTRY_URL", "http://HOST:PORT"],
        ),
    ] {
        complete()
            .variable(name, "nonsense")
            .run("config check --config saga-server.yml")
            .is_refused(2, words);
    }
}

#[test]
fn files_that_are_not_there_are_named() {
    let run = complete();
    run.run("serve --config nowhere.yml")
        .is_refused(2, &["nowhere.yml", "cannot be read"]);
    run.run("serve --config saga-server.yml --profile prod")
        .is_refused(2, &["saga-server-prod.yml", "cannot be read"]);
    run.run("serve --config saga-server.yml --profile ../x")
        .is_refused(2, &["profile", "letters"]);
    run.run("serve --profile prod").is_refused(2, &["--config"]);
}

#[test]
fn definitions_are_checked_with_file_and_line() {
    let run = complete();
    std::fs::create_dir(run.folder().join("definitions")).unwrap();
    std::fs::write(run.folder().join("definitions/loan.yml"), "sagaType: loan\n").unwrap();
    run.run("config check --config saga-server.yml --definitions definitions")
        .is_refused(2, &["definitions/loan.yml", "line 1", "UPPER_SNAKE_CASE"]);
}
