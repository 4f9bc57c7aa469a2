//! `token`, and tokens in the configuration.

use saga_web::auth::TokenHash;

use crate::command::Run;

const LEAST: &str = "--database-url sqlite:x --kafka-bootstrap-servers k:1";

fn hash(token: &str) -> String {
    TokenHash::of(token).to_hex()
}

/// What `config check` prints of the tokens.
fn tokens_of(run: &Run, arguments: &str) -> String {
    let done = run.run(&format!("config check {LEAST} {arguments}"));
    assert_eq!(done.code, 0, "{done:?}");
    assert!(!done.stdout.contains(&hash("a")), "{done:?}");
    let line = done
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("auth.tokens: "));
    line.unwrap().to_owned()
}

#[test]
fn a_fresh_token_is_taken_with_the_entry_that_came_with_it() {
    let made = Run::new().run("token --name dana --role operator");
    assert_eq!((made.code, made.stderr.as_str()), (0, ""), "{made:?}");
    let lines: Vec<_> = made.stdout.lines().collect();
    let [token, entry] = lines.as_slice() else {
        panic!("{made:?}")
    };
    let token = token.strip_prefix("token: saga_").unwrap();
    let entry = entry.strip_prefix("entry: ").unwrap();
    assert_eq!(entry, format!("dana:operator:{}", hash(&format!("saga_{token}"))));
    let run = Run::new().variable("SAGA_SERVER_AUTH_TOKENS", entry);
    assert_eq!(tokens_of(&run, "--listen 0.0.0.0:8086"), "dana:operator:***");
}

#[test]
fn the_rights_of_a_token_can_be_bound_to_saga_types() {
    let made = Run::new().run("token --name board --saga-type REFUND --saga-type STORE_REGISTRATION");
    let entry = made.stdout.lines().find_map(|line| line.strip_prefix("entry: "));
    let entry = entry.unwrap();
    assert!(entry.ends_with(":REFUND,STORE_REGISTRATION"), "{made:?}");
    let run = Run::new().variable("SAGA_SERVER_AUTH_TOKENS", entry);
    assert_eq!(tokens_of(&run, ""), "board:viewer:***:REFUND,STORE_REGISTRATION");
    let file = format!(
        "auth:\n  tokens:\n    - {{ name: board, role: viewer, sha256: {}, sagaTypes: [REFUND] }}\n",
        hash("a")
    );
    let run = Run::new().file("c.yml", &file);
    assert_eq!(tokens_of(&run, "--config c.yml"), "board:viewer:***:REFUND");
    assert_eq!(Run::new().run("token --name board --saga-type refund").code, 2);
}

#[test]
fn a_recorder_can_be_bound_to_services() {
    let made =
        Run::new().run("token --name orders --role recorder --service order-service --service shipping");
    let entry = made.stdout.lines().find_map(|line| line.strip_prefix("entry: "));
    let entry = entry.unwrap();
    assert!(entry.ends_with("::order-service,shipping"), "{made:?}");
    let run = Run::new().variable("SAGA_SERVER_AUTH_TOKENS", entry);
    assert_eq!(tokens_of(&run, ""), "orders:recorder:***::order-service,shipping");
    let file = |role: &str, services: &str| {
        let hash = hash("a");
        let file = format!(
            "auth:\n  tokens:\n    - {{ name: a, role: {role}, sha256: {hash}, sagaTypes: [REFUND], services: {services} }}\n"
        );
        Run::new().file("c.yml", &file)
    };
    assert_eq!(
        tokens_of(&file("recorder", "[a]"), "--config c.yml"),
        "a:recorder:***:REFUND:a"
    );
    for (role, services, words) in [
        ("recorder", "[]", &["services must hold 1 to 100"][..]),
        ("recorder", "['']", &["service 1"]),
        ("viewer", "[a]", &["viewer does not"]),
    ] {
        let refused = file(role, services).run(&format!("config check {LEAST} --config c.yml"));
        refused.is_refused(2, words);
    }
    assert_eq!(
        Run::new()
            .run("token --name a --role recorder --service a:b")
            .code,
        2
    );
}

#[test]
fn a_token_for_nobody_or_with_another_role_is_refused() {
    Run::new()
        .run("token --name anonymous")
        .is_refused(2, &["--name", "anonymous"]);
    Run::new().run("token --name a:b").is_refused(2, &["--name", ":"]);
    for arguments in ["token", "token --name dana --role admin"] {
        assert_eq!(Run::new().run(arguments).code, 2, "{arguments}");
    }
}

#[test]
fn the_heaviest_list_of_tokens_counts_alone() {
    let file = format!(
        "auth:\n  tokens:\n    - {{ name: board, role: viewer, sha256: '{}' }}\n    - {{ name: dana, role: operator, sha256: {} }}\n",
        hash("a"),
        hash("b")
    );
    let run = Run::new().file("c.yml", &file);
    assert_eq!(
        tokens_of(&run, "--config c.yml"),
        "board:viewer:***;dana:operator:***"
    );
    let run = run.variable(
        "SAGA_SERVER_AUTH_TOKENS",
        &format!("ops:operator:{}; ci:viewer:{}", hash("c"), hash("a")),
    );
    assert_eq!(
        tokens_of(&run, "--config c.yml"),
        "ops:operator:***;ci:viewer:***"
    );
    let flags = format!("--config c.yml --auth-token x:viewer:{}", hash("d"));
    assert_eq!(tokens_of(&run, &flags), "x:viewer:***");
    assert_eq!(tokens_of(&Run::new(), ""), "not set");
}

#[test]
fn what_is_no_token_is_refused_without_showing_it() {
    let (good, secret) = (hash("a"), "topsecret");
    for (entry, words) in [
        (String::new(), &["auth.tokens", "entry 1", "name"][..]),
        (
            secret.to_owned(),
            &[
                "SAGA_SERVER_AUTH_TOKENS",
                "entry 1",
                "viewer, operator or recorder",
            ],
        ),
        (
            format!("ci:{secret}:{good}"),
            &["entry 1", "viewer, operator or recorder"],
        ),
        (format!("ci:viewer:{secret}"), &["entry 1", "64 hex digits"]),
        (
            format!("ci:viewer:{good}:{secret}"),
            &["entry 1", "saga type 1", "UPPER_SNAKE_CASE"],
        ),
        (format!("ci:viewer:{good}:"), &["entry 1", "saga type 1"]),
        (
            format!("ci:viewer:{good}:REFUND,REFUND"),
            &["entry 1", "saga type 2", "named before"],
        ),
        (format!("anonymous:viewer:{good}"), &["entry 1", "anonymous"]),
        (
            format!("ci:viewer:{good};ci:viewer:{}", hash("b")),
            &["entry 2", "name"],
        ),
        (
            format!("ci:viewer:{good};cd:operator:{good}"),
            &["entry 2", "sha256"],
        ),
        (format!("ci:viewer:{good};"), &["entry 2"]),
    ] {
        let done = Run::new()
            .variable("SAGA_SERVER_AUTH_TOKENS", &entry)
            .run(&format!("config check {LEAST}"));
        done.is_refused(2, words);
        assert!(
            !done.stderr.contains(secret) && !done.stderr.contains(&good),
            "{done:?}"
        );
    }
}

#[test]
fn a_file_must_hold_complete_tokens() {
    for (text, words) in [
        ("auth: { tokens: [] }", &["auth.tokens", "must hold a token"][..]),
        (
            "auth: { tokens: [{ name: ci, token: topsecret }] }",
            &["line 1", "auth.tokens", "unknown"],
        ),
        (
            "auth: { tokens: [{ name: ci, role: viewer }] }",
            &["auth.tokens", "entry 1", "sha256"],
        ),
        (
            "auth: { tokens: [{ name: ci, role: viewer, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, \
             sagaTypes: [] }] }",
            &["auth.tokens", "entry 1", "sagaTypes", "1 to 100"],
        ),
        (
            "auth: { tokens: [{ name: ci, role: viewer, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, \
             sagaTypes: [REFUND, topsecret] }] }",
            &["auth.tokens", "entry 1", "saga type 2"],
        ),
        ("auth: { tokens: { ci: topsecret } }", &["line 1", "auth.tokens"]),
    ] {
        let done = Run::new()
            .file("bad.yml", text)
            .run(&format!("config check {LEAST} --config bad.yml"));
        done.is_refused(2, words);
        assert!(!done.stderr.contains("topsecret"), "{done:?}");
    }
}

#[test]
fn tokens_allow_to_listen_beyond_this_machine() {
    Run::new()
        .run(&format!("config check {LEAST} --listen 0.0.0.0:80"))
        .is_refused(2, &["auth.tokens", "--allow-unauthenticated"]);
    let entry = format!("ci:viewer:{}", hash("a"));
    let run = Run::new().variable("SAGA_SERVER_AUTH_TOKENS", &entry);
    assert_eq!(tokens_of(&run, "--listen 0.0.0.0:80"), "ci:viewer:***");
}
