//! The description of the API, checked from outside: by the rules of OpenAPI, and by calling all its operations.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use crate::support::{
    Harness, events,
    events::{compensated, out_of_stock, success},
    eventually, part,
    running::Running,
};
use saga_web::auth::{Access, Role, Token, TokenHash};

pub(crate) const TOKEN: &str = "dana's";

pub(crate) fn python() -> Command {
    let python = part(
        "SAGA_TEST_PYTHON",
        "Python with schemathesis and openapi-python-client",
    );
    let mut command = Command::new(python);
    // What it leaves behind is not for the repository.
    command.current_dir(env!("CARGO_TARGET_TMPDIR"));
    command
}

pub(crate) fn kept(file: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), file].iter().collect()
}

pub(crate) fn assert_content(output: &Output) {
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_description_is_valid_openapi() {
    let output = python()
        .args(["-m", "openapi_spec_validator", "--schema", "3.1"])
        .arg(kept("../docs/openapi.json"))
        .output()
        .unwrap();
    assert_content(&output);
}

/// Behind a token of an operator.
pub(crate) async fn guarded_collector(harness: &Harness) -> Running {
    let mut config = harness.config();
    config.access = Access::Tokens(vec![Token {
        name: "dana".to_owned(),
        role: Role::Operator,
        scope: saga_store::Scope::All,
        services: saga_web::auth::Services::All,
        hash: TokenHash::of(TOKEN),
    }]);
    Running::with(config).await
}

/// Sagas of every kind, and a record that is none.
async fn collector_with_sagas(harness: &Harness) -> Running {
    let server = guarded_collector(harness).await;
    let producer = harness.producer();
    for (index, recorded) in [success(), out_of_stock(), compensated()]
        .iter()
        .cycle()
        .take(30)
        .enumerate()
    {
        for event in events::saga(&format!("saga-{index}"), recorded) {
            producer.send(&event);
        }
    }
    for _ in 0..3 {
        producer.send_raw(Some(b"saga-0"), b"no event");
    }
    producer.flush();
    server
}

/// Waits until the last saga and all dead letters are stored.
async fn until_stored(url: &str) {
    let client = saga_collector::http_client::plain_client();
    let contains = async |path: &str, text: &str| {
        let question = client.get(format!("{url}{path}")).bearer_auth(TOKEN);
        let answer = question.send().await.unwrap().text().await.unwrap();
        answer.contains(text)
    };
    eventually("all is stored", async || {
        contains("/api/v1/sagas/saga-29", "currentStatus").await
            && contains("/internal/v1/dlt/groups", "\"waiting\":3").await
            && contains("/internal/v1/producers", "product-service").await
    })
    .await;
}

/// Two entries of the log of operations, so that one page of it has a next one.
async fn correct_two(url: &str) {
    let client = saga_collector::http_client::plain_client();
    for saga_id in ["saga-0", "saga-1"] {
        let path = format!("{url}/internal/v1/sagas/{saga_id}/status");
        let body = serde_json::json!({"status": "IN_PROGRESS", "reason": "part of the test"});
        let correction = client.patch(path).bearer_auth(TOKEN).json(&body);
        assert!(correction.send().await.unwrap().status().is_success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_does_what_its_description_says() {
    let harness = Harness::new().await;
    let server = collector_with_sagas(&harness).await;
    let url = server.rest.base().to_owned();
    until_stored(&url).await;
    correct_two(&url).await;

    let mut schemathesis = python();
    schemathesis
        .args(["-m", "schemathesis.cli", "--config-file"])
        .arg(kept("tests/python/schemathesis.toml"))
        // The stream does not end.
        .args(["run", "--checks", "all", "--exclude-path", "/api/v1/sagas/stream"])
        .arg(format!("{url}/api-docs"))
        .env("PYTHONPATH", kept("tests/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_COLOR", "1")
        .env("API_URL", &url)
        .env("API_TOKEN", TOKEN);
    let output = tokio::task::spawn_blocking(move || schemathesis.output().unwrap());
    assert_content(&output.await.unwrap());
    server.stop().await;
}
