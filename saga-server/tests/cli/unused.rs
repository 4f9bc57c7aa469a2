//! Options and keys without effect: refused by their names, or hidden.

use crate::command::Run;

#[test]
fn an_option_that_a_command_does_not_read_is_refused_and_not_in_its_help() {
    for (command, option) in [
        ("gateway", "--database-url sqlite:x"),
        ("gateway", "--ingest-writers 2"),
        ("migrate", "--kafka-topic x"),
        ("migrate", "--database-max-connections 9"),
        ("rebuild", "--retention-after 7days"),
        ("topics create", "--database-url sqlite:x"),
        ("dlt list", "--listen 127.0.0.1:1"),
        ("erase --metadata a=b", "--watch-events-lost-after 1h"),
        ("archive list", "--database-url sqlite:x"),
        ("archive restore --to x", "--database-url sqlite:x"),
        ("archive run", "--retention-operations-after 7days"),
        ("definitions infer REFUND", "--definitions x"),
        ("webhooks test oncall", "--database-url sqlite:x"),
        ("healthcheck", "--log-level debug"),
    ] {
        let flag = option.split(' ').next().unwrap();
        let words = [flag, "is not used by"];
        Run::new()
            .run(&format!("{command} {option}"))
            .is_refused(2, &words);
        let help = Run::new().run(&format!("{command} --help")).stdout;
        assert!(!help.contains(&format!("{flag} ")), "{command}: {help}");
    }
    let help = Run::new().run("gateway --help").stdout;
    assert!(help.contains("--kafka-topic <"), "{help}");
}

#[test]
fn what_a_command_does_not_read_of_file_and_environment_is_left_alone() {
    let run = Run::new()
        .file("c.yml", "retention: { after: 7days }\nlisten: 127.0.0.1:1\n")
        .variable("DATABASE_URL", "sqlite:x?mode=rwc")
        .variable("SAGA_SERVER_INGEST_WRITERS", "2");
    let migrated = run.run("migrate --config c.yml");
    assert_eq!(migrated.code, 0, "{migrated:?}");
}

#[test]
fn letters_of_a_tracker_are_no_matter_of_configuration_and_names() {
    for (option, words) in [
        ("--by dana", &["--by", "the holder of the token"][..]),
        (
            "--database-url sqlite:x",
            &["--database-url", "a configuration of its own"],
        ),
        ("--config c.yml", &["--config", "a configuration of its own"]),
        ("--profile p", &["--profile"]),
        ("--redact-metadata-key name", &["--redact-metadata-key"]),
    ] {
        for command in ["replay --all", "dismiss --all --note x", "restore --id 1"] {
            let url = "--url http://127.0.0.1:1";
            let done = Run::new().run(&format!("dlt {command} {url} {option}"));
            done.is_refused(2, words);
            // A tracker that is named by its variable, too.
            if !option.starts_with("--database") && !option.starts_with("--profile") {
                let run = Run::new()
                    .file("c.yml", "")
                    .variable("SAGA_TRACKER_URL", "http://127.0.0.1:1");
                run.run(&format!("dlt {command} {option}")).is_refused(2, words);
            }
        }
    }
    // What the environment says is not meant for this command alone.
    let run = Run::new()
        .variable("DATABASE_URL", "sqlite:x")
        .variable("USER", "dana");
    run.run("dlt list --url http://127.0.0.1:1")
        .is_refused(1, &["127.0.0.1:1"]);
    run.run("dlt list --token x")
        .is_refused(2, &["--token", "--url or --context"]);
}

#[test]
fn options_that_exclude_one_another_are_refused() {
    for (arguments, words) in [
        (
            "get x --url http://127.0.0.1:1 --context a",
            &["--context", "--url"],
        ),
        (
            "dlt replay --id 1 --reason X --database-url sqlite:x",
            &["--id", "--reason"],
        ),
        (
            "dlt replay --event-id 1 --saga-id X --url http://x",
            &["--event-id", "--saga-id"],
        ),
        (
            "dlt dismiss --id 1 --to 2026-01-01T00:00:00Z --note x",
            &["--id", "--to"],
        ),
        (
            "map --dry-run --mapping m.yml --input - --config c.yml",
            &["--config", "--topic"],
        ),
        (
            "map --dry-run --mapping m.yml --input - --profile p",
            &["--profile", "--topic"],
        ),
        (
            "token --name dana --service orders",
            &["services", "viewer does not"],
        ),
    ] {
        let done = Run::new().run(arguments);
        assert_eq!(
            (done.code, done.stdout.as_str()),
            (2, ""),
            "{arguments}: {done:?}"
        );
        for word in words {
            assert!(done.stderr.contains(word), "{word} in {done:?}");
        }
    }
}

/// A configuration with everything that must be there.
fn checked(file: &str) -> crate::command::Done {
    let least = "database: { url: 'sqlite:x' }\nkafka: { bootstrapServers: 'k:1' }\n";
    Run::new()
        .file("c.yml", &format!("{least}{file}"))
        .run("config check --config c.yml")
}

#[test]
fn a_key_without_effect_is_refused() {
    let hook = "url: 'http://127.0.0.1/', events: [failed], secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, caFile: c.yml";
    for (file, words) in [
        (
            "schemaRegistry: { caFile: c.yml }\n",
            &["schemaRegistry.caFile", "https"][..],
        ),
        (
            "schemaRegistry: { url: 'http://r:8081', caFile: c.yml }\n",
            &["schemaRegistry.caFile", "https"],
        ),
        (
            "auth: { oidc: { issuer: 'http://127.0.0.1:9', audience: x, caFile: c.yml } }\n",
            &["auth.oidc.caFile", "https"],
        ),
        (
            &format!("webhooks: [{{ name: a, {hook} }}]\n"),
            &["webhooks: entry 1: caFile", "https"],
        ),
        (
            "telemetry: { sampleRatio: 0.1 }\n",
            &["telemetry.sampleRatio", "telemetry.otlpEndpoint"],
        ),
    ] {
        checked(file).is_refused(2, words);
    }
    assert_eq!(checked("telemetry: { serviceName: a }\n").code, 0);
}

#[test]
fn dev_prints_what_it_does_not_use_and_refuses_misspelt_variables() {
    let file = "database: { url: 'sqlite:x' }\nretention: { after: 1day }\nlisten: 203.0.113.1:1\n";
    let dev = "dev --allow-unauthenticated --config c.yml";
    let done = Run::new().file("c.yml", file).run(dev);
    assert!(done.code != 0, "the address is not of this machine: {done:?}");
    assert!(
        done.stderr
            .contains("not used of the file are database.url, retention\n"),
        "{done:?}"
    );
    Run::new()
        .variable("SAGA_SERVER_PAGE_TRACE_URL", "x")
        .run("dev --listen 203.0.113.1:1 --allow-unauthenticated")
        .is_refused(2, &["SAGA_SERVER_PAGE_TRACE_URL"]);
}
