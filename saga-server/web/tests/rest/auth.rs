//! Who may call what: tokens, and what holds without them.

use reqwest::Method;
use saga_web::auth::{Access, Role, TokenHash, fresh_token};

use crate::harness::{Answer, Api, completed, token};

const GUARDED: [&str; 8] = [
    "/api/v1/sagas",
    "/api/v1/sagas/saga-1",
    "/api/v1/sagas/saga-1/steps",
    "/api/v1/sagas/statistics",
    "/api/nowhere",
    "/api",
    "/internal/nowhere",
    "/internal",
];

const OPEN: [&str; 6] = [
    "/health/liveness",
    "/actuator/health/liveness",
    "/health",
    "/actuator/health/readiness",
    "/metrics",
    "/actuator/prometheus",
];

async fn get_with(api: &Api, path: &str, authorization: &str) -> Answer {
    let headers = [("authorization", authorization)];
    api.request(Method::GET, path, &headers).await
}

#[tokio::test]
async fn with_tokens_a_call_without_a_known_one_is_unauthorized() {
    let api = Api::with_tokens().await;
    for path in GUARDED {
        let answer = api.get(path).await;
        answer.is_error(401, "UNAUTHORIZED", path);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        for given in [
            "Bearer nobody's",
            "Basic dana's",
            "Bearer",
            "Bearer ",
            "dana's",
            "Bearer Dana's",
        ] {
            let answer = get_with(&api, path, given).await;
            answer.is_error(401, "UNAUTHORIZED", path);
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{given}");
            assert!(!answer.text.contains("nobody's"), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn every_method_and_every_writing_of_a_path_needs_a_token() {
    let api = Api::with_tokens().await;
    for method in [Method::HEAD, Method::OPTIONS, Method::POST, Method::PATCH] {
        let answer = api.request(method, "/api/v1/sagas", &[]).await;
        assert_eq!(answer.status.as_u16(), 401);
    }
    for path in ["//api/v1/sagas", "/%61pi/v1/sagas", "/API/v1/sagas"] {
        // Not the path of a route, and like every path that is not named, closed to those who are not known.
        assert_eq!(api.get(path).await.status.as_u16(), 401, "{path}");
        let dana = [("authorization", "Bearer dana's")];
        let answer = api.request(Method::GET, path, &dana).await;
        assert_eq!(answer.status.as_u16(), 404, "{path}");
    }
}

/// Asked by orchestrators and Prometheus, needed to sign in, or the same for everybody.
const OPEN_ROUTES: [&str; 14] = [
    "/health",
    "/health/liveness",
    "/health/readiness",
    "/actuator/health",
    "/actuator/health/liveness",
    "/actuator/health/readiness",
    "/actuator/prometheus",
    "/metrics",
    "/api-docs",
    "/swagger-ui",
    "/swagger-ui/",
    "/swagger-ui/{file}",
    "/sign-in",
    "/assets/{name}",
];

#[tokio::test]
async fn no_route_but_the_open_ones_answers_without_a_token() {
    let api = Api::with_tokens().await;
    let paths = saga_web::router::paths();
    assert!(
        OPEN_ROUTES
            .iter()
            .all(|open| paths.iter().any(|path| path == open))
    );
    for path in paths {
        for method in [Method::GET, Method::POST, Method::PATCH, Method::DELETE] {
            let answer = api
                .request(method.clone(), &path.replace(['{', '}'], ""), &[])
                .await;
            // Forms of other sites are refused before anybody is asked for a token.
            let is_refused = [401, 403].contains(&answer.status.as_u16());
            let is_open = OPEN_ROUTES.contains(&path.as_str()) || path == "/sign-out";
            assert!(is_open || is_refused, "{method} {path}: {}", answer.status);
            assert!(!is_open || method != Method::GET || !is_refused, "{path}");
        }
    }
}

#[tokio::test]
async fn two_tokens_in_one_call_are_none() {
    let api = Api::with_tokens().await;
    let headers = [
        ("authorization", "Bearer dana's"),
        ("authorization", "Bearer board's"),
    ];
    let answer = api.request(Method::GET, "/api/v1/sagas", &headers).await;
    answer.is_error(401, "UNAUTHORIZED", "/api/v1/sagas");
}

#[tokio::test]
async fn any_holder_may_read_but_only_an_operator_reaches_what_is_internal() {
    let api = Api::with_tokens().await;
    api.record(completed("saga-1", 0)).await;
    for token in ["Bearer dana's", "Bearer board's", "bearer  dana's"] {
        let answer = get_with(&api, "/api/v1/sagas/saga-1", token).await;
        assert_eq!(answer.status.as_u16(), 200, "{token}: {}", answer.text);
    }
    let path = "/internal/nowhere";
    let refused = get_with(&api, path, "Bearer board's").await;
    let error = refused.is_error(403, "FORBIDDEN", path);
    assert_eq!(
        error["message"],
        r#"this needs the role operator: the token "board" has the role viewer"#
    );
    get_with(&api, path, "Bearer dana's")
        .await
        .is_error(404, "NOT_FOUND", path);
}

#[tokio::test]
async fn orchestrators_and_prometheus_need_no_token() {
    let api = Api::with_tokens().await;
    for path in OPEN {
        assert_ne!(api.get(path).await.status.as_u16(), 401, "{path}");
    }
}

#[tokio::test]
async fn without_tokens_everybody_on_this_machine_is_an_operator() {
    let api = Api::new().await;
    let path = "/internal/nowhere";
    for host in [
        "localhost",
        "LOCALHOST:80",
        "127.0.0.1:8086",
        "127.9.9.9",
        "[::1]:8086",
    ] {
        let answer = api.request(Method::GET, path, &[("host", host)]).await;
        answer.is_error(404, "NOT_FOUND", path);
    }
}

#[tokio::test]
async fn a_website_that_takes_the_address_of_this_machine_is_not_answered() {
    let api = Api::new().await;
    api.record(completed("saga-1", 0)).await;
    for host in [
        "evil.example:80",
        "127.0.0.1.evil.example",
        "localhost.evil",
        "10.0.0.1",
        "[::2]",
        "evil.example@127.0.0.1",
    ] {
        for path in ["/api/v1/sagas/saga-1", "/internal/nowhere", "/sagas/saga-1"] {
            let answer = api.request(Method::GET, path, &[("host", host)]).await;
            let error = answer.is_error(421, "MISDIRECTED_REQUEST", path);
            assert!(
                error["message"].as_str().unwrap().contains("localhost"),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn what_a_proxy_passes_on_is_not_answered() {
    let api = Api::new().await;
    let path = "/api/v1/sagas";
    for (name, value) in [
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-host", "127.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-server", "proxy"),
        ("x-forwarded-anything", "1"),
        ("forwarded", "for=10.0.0.1"),
        ("via", "1.1 proxy"),
        ("x-real-ip", "10.0.0.1"),
        ("cf-connecting-ip", "10.0.0.1"),
        ("true-client-ip", "10.0.0.1"),
        ("client-ip", "10.0.0.1"),
        ("x-original-url", "/"),
        ("x-rewrite-url", "/"),
        ("x-cluster-client-ip", "10.0.0.1"),
        ("fastly-client-ip", "10.0.0.1"),
        ("fly-client-ip", "10.0.0.1"),
        ("x-azure-clientip", "10.0.0.1"),
        ("x-envoy-external-address", "10.0.0.1"),
        ("cf-ray", "8d1"),
        ("host", "evil.example"),
    ] {
        let headers = [("host", "127.0.0.1"), (name, value)];
        let answer = api.request(Method::GET, path, &headers).await;
        answer.is_error(421, "MISDIRECTED_REQUEST", path);
    }
}

#[tokio::test]
async fn anybody_may_read_and_no_more_when_nobody_knows_who_calls() {
    let api = Api::open_to(Access::Anybody).await;
    assert_eq!(api.get("/api/v1/sagas").await.status.as_u16(), 200);
    let path = "/internal/nowhere";
    let error = api.get(path).await.is_error(403, "FORBIDDEN", path);
    assert!(
        error["message"].as_str().unwrap().contains("auth.tokens"),
        "{error}"
    );
}

#[tokio::test]
async fn a_token_names_its_holder() {
    let token = |name, role| token(name, role, saga_store::Scope::All);
    let access = Access::Tokens(vec![token("dana", Role::Operator), token("board", Role::Viewer)]);
    let dana = access.holder("dana's").await.unwrap();
    assert_eq!((dana.name.as_str(), dana.role), ("dana", Role::Operator));
    assert_eq!(access.holder("board's").await.unwrap().role, Role::Viewer);
    for other in ["", "dana", "dana's "] {
        assert!(access.holder(other).await.is_err(), "{other:?}");
    }
    assert!(Access::ThisMachine.holder("dana's").await.is_err());
}

#[test]
fn the_hash_is_the_sha_256_that_other_tools_print_and_is_not_shown() {
    let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(TokenHash::of("abc").to_hex(), hex);
    let upper = TokenHash::from_hex(&hex.to_uppercase()).unwrap();
    assert!(upper.matches(&TokenHash::of("abc")) && !upper.matches(&TokenHash::of("abd")));
    assert_eq!(format!("{upper:?}"), "***");
    for text in ["", "ab", &"g".repeat(64), &"+f".repeat(32), &"주".repeat(32)] {
        assert!(TokenHash::from_hex(text).is_none(), "{text}");
    }
}

#[test]
fn no_token_comes_twice() {
    let (first, second) = (fresh_token().unwrap(), fresh_token().unwrap());
    assert_ne!(first, second);
    assert_eq!(first.len(), "saga_".len() + 43);
}
