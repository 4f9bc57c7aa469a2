//! `GET /api-docs` and `/swagger-ui`: the description of the API, its kept copy, and its viewer.

use saga_web::rest;
use serde_json::Value;

use crate::harness::Api;

fn document() -> Value {
    serde_json::from_str(&rest::api_docs()).unwrap()
}

/// Path, method and operation of every endpoint.
fn operations(document: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap();
        methods
            .iter()
            .map(move |(method, operation)| (path, method, operation))
    })
}

#[tokio::test]
async fn the_description_is_served() {
    let api = Api::with_tokens().await;
    let answer = api.get("/api-docs").await;
    assert_eq!(answer.json()["openapi"], "3.1.0");
    assert_eq!(answer.text, rest::api_docs());
}

#[test]
fn the_kept_copy_is_what_the_handlers_say() {
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let kept = std::fs::read_to_string(kept).unwrap();
    assert!(
        kept == rest::api_docs(),
        "docs/openapi.json is out of date. Run: cargo run -p saga-server -- openapi > docs/openapi.json"
    );
}

#[test]
fn each_operation_has_an_id_and_a_title_of_its_own() {
    let document = document();
    let mut ids: Vec<&str> = operations(&document)
        .map(|(path, method, operation)| {
            assert!(operation["summary"].is_string(), "{method} {path}");
            operation["operationId"].as_str().unwrap()
        })
        .collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "{ids:?}");
}

#[test]
fn what_needs_a_role_says_so() {
    let document = document();
    let role = |path: &str, method: &str| {
        let operation = &document["paths"][path][method];
        operation["security"][0]["bearer"][0].clone()
    };
    assert_eq!(role("/api/v1/sagas", "get"), "viewer");
    assert_eq!(role("/internal/v1/sagas/{sagaId}/status", "patch"), "operator");
    assert_eq!(role("/health", "get"), Value::Null);
}

#[tokio::test]
async fn every_parameter_that_is_described_is_known_to_its_endpoint() {
    let api = Api::new().await;
    let document = document();
    for (path, _, operation) in operations(&document).filter(|(_, method, _)| *method == "get") {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
            let name = parameter["name"].as_str().unwrap();
            // These stand for any key behind a dot.
            let dot = if name.ends_with("metadata") { "." } else { "" };
            let name = &format!("{name}{dot}");
            let path = path.replace("{sagaId}", "saga-1").replace("{id}", "1");
            let details = api.refused(&format!("{path}?{name}=&unknown=1")).await;
            assert_ne!(details[name], "is not known here", "{path}: {name}");
            assert_eq!(details["unknown"], "is not known here", "{path}");
        }
    }
}

#[tokio::test]
async fn the_viewer_comes_with_all_that_it_needs() {
    let api = Api::with_tokens().await;
    let page = api.get("/swagger-ui").await;
    assert_eq!(page.header("content-type"), "text/html");
    let files: Vec<&str> = page
        .text
        .split(['"', '\''])
        .filter(|text| {
            [".js", ".css", ".png"]
                .iter()
                .any(|ending| text.ends_with(ending))
        })
        .collect();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        let path = format!("/swagger-ui/{}", file.trim_start_matches("./"));
        let answer = api.get(&path).await;
        assert_eq!(answer.status.as_u16(), 200, "{path}");
        let expected = match path.rsplit('.').next().unwrap() {
            "js" => "text/javascript",
            "css" => "text/css",
            _ => "image/png",
        };
        assert_eq!(answer.header("content-type"), expected, "{path}");
    }
}

#[tokio::test]
async fn the_viewer_shows_our_description_and_asks_nobody_else() {
    let api = Api::with_tokens().await;
    let page = api.get("/swagger-ui/").await;
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'; script-src 'self'"),
        "{policy}"
    );
    assert!(
        !page.text.contains("<script>"),
        "a script within the page is not run: {}",
        page.text
    );
    assert!(!page.text.contains("://"), "{}", page.text);
    let script = api.get("/swagger-ui/swagger-initializer.js").await.text;
    assert!(script.contains("\"url\": \"/api-docs\""), "{script}");
    assert!(script.contains("\"validatorUrl\": \"none\""), "{script}");
    assert!(!script.contains("://"), "{script}");
}

#[tokio::test]
async fn a_file_that_the_viewer_does_not_have_is_not_found() {
    let api = Api::new().await;
    let path = "/swagger-ui/nothing.js";
    api.get(path).await.is_error(404, "NOT_FOUND", path);
}
