//! Signing in to the pages: cookies, roles, and what other sites cannot do.

use reqwest::{Client, Method, Response, StatusCode, redirect::Policy};
use serde_json::json;

use crate::{
    harness::{Api, completed},
    issuer::{Key, TestIssuer},
};

const SAGA: &str = "/sagas/saga-1";

/// A browser: follows nothing by itself, so that a test sees each answer.
struct Visitor<'a> {
    api: &'a Api,
    client: Client,
    cookies: String,
}

impl<'a> Visitor<'a> {
    fn of(api: &'a Api) -> Self {
        let client = Client::builder().redirect(Policy::none()).tls_certs_only([]);
        Self {
            api,
            client: client.build().unwrap(),
            cookies: String::new(),
        }
    }

    async fn signed_in(api: &'a Api, token: &str) -> Self {
        let mut visitor = Self::of(api);
        let response = visitor.sign_in(token, "/").await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        visitor.keep_cookies(&response);
        visitor
    }

    fn keep_cookies(&mut self, response: &Response) {
        let kept = set_cookies(response);
        let kept = kept.iter().filter(|cookie| !cookie.contains("Max-Age=0"));
        let pairs: Vec<&str> = kept.map(|cookie| cookie.split(';').next().unwrap()).collect();
        self.cookies = pairs.join("; ");
    }

    async fn sign_in(&self, token: &str, to: &str) -> Response {
        self.post("/sign-in", &[("token", token), ("to", to)], &self.own_page())
            .await
    }

    /// What a browser says of a form that our own page sent.
    fn own_page(&self) -> Vec<(&'static str, String)> {
        vec![("origin", format!("http://{}", self.api.address))]
    }

    async fn get(&self, path: &str) -> Response {
        self.send(
            Method::GET,
            path,
            Vec::new(),
            &[("accept", "text/html".to_owned())],
        )
        .await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)], headers: &[(&str, String)]) -> Response {
        let encoded = |text: &str| {
            text.bytes()
                .map(|byte| format!("%{byte:02x}"))
                .collect::<String>()
        };
        let pairs: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        let mut all = vec![
            ("accept", "text/html".to_owned()),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ];
        all.extend_from_slice(headers);
        self.send(Method::POST, path, pairs.join("&").into_bytes(), &all)
            .await
    }

    async fn send(&self, method: Method, path: &str, body: Vec<u8>, headers: &[(&str, String)]) -> Response {
        let mut request = self
            .client
            .request(method, format!("http://{}{path}", self.api.address))
            .body(body);
        if !self.cookies.is_empty() {
            request = request.header("cookie", &self.cookies);
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request.send().await.unwrap()
    }
}

fn set_cookies(response: &Response) -> Vec<String> {
    let cookies = response.headers().get_all("set-cookie").iter();
    cookies
        .map(|cookie| cookie.to_str().unwrap().to_owned())
        .collect()
}

fn location(response: &Response) -> &str {
    response
        .headers()
        .get("location")
        .map_or("", |location| location.to_str().unwrap())
}

#[tokio::test]
async fn a_caller_who_is_not_signed_in_is_asked_for_a_token_where_they_are() {
    let api = Api::with_tokens().await;
    let answer = Visitor::of(&api).get("/sagas?status=FAILED").await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let page = answer.text().await.unwrap();
    assert!(
        page.contains(r#"name="to" value="/sagas?status=FAILED""#),
        "{page}"
    );
    assert!(!page.contains("Sign-in failed"), "no refusal yet: {page}");
}

#[tokio::test]
async fn a_token_opens_the_page_that_was_asked_for_and_stays_out_of_pages_and_addresses() {
    let api = Api::with_tokens().await;
    api.record(completed("saga-1", 0)).await;
    let mut visitor = Visitor::of(&api);
    let answer = visitor.sign_in("board's", "/sagas/saga-1?x=1").await;
    assert_eq!(
        (answer.status(), location(&answer)),
        (StatusCode::SEE_OTHER, "/sagas/saga-1?x=1")
    );
    let cookies = set_cookies(&answer);
    for cookie in &cookies {
        assert!(
            cookie.contains("; HttpOnly; SameSite=Strict") && cookie.contains("; Path=/;"),
            "{cookie}"
        );
        assert!(
            !cookie.contains("board's") && !cookie.contains("Secure"),
            "{cookie}"
        );
    }
    visitor.keep_cookies(&answer);
    let page = visitor.get(SAGA).await;
    assert_eq!(page.status(), StatusCode::OK);
    let page = page.text().await.unwrap();
    assert!(
        page.contains("board") && page.contains("Sign out") && !page.contains("board&#39;s"),
        "{page}"
    );
}

#[tokio::test]
async fn over_tls_the_cookie_stays_there() {
    let api = Api::with_tokens().await;
    let visitor = Visitor::of(&api);
    let fields = [("token", "board's"), ("to", "/")];
    for said in [
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=1.2.3.4;proto=https"),
    ] {
        let mut headers = visitor.own_page();
        headers.push((said.0, said.1.to_owned()));
        let answer = visitor.post("/sign-in", &fields, &headers).await;
        assert!(
            set_cookies(&answer)
                .iter()
                .all(|cookie| cookie.ends_with("; Secure")),
            "{said:?}"
        );
    }
}

#[tokio::test]
async fn a_token_that_is_not_taken_leaves_nothing_behind() {
    let api = Api::with_tokens().await;
    let visitor = Visitor::of(&api);
    let long = "x".repeat(20_000);
    for (token, status, words) in [
        ("nobody's", 401, "the token is not known here"),
        ("", 400, "the token is missing"),
        (long.as_str(), 400, "the token is too long"),
    ] {
        let answer = visitor.sign_in(token, SAGA).await;
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(set_cookies(&answer), [""; 0]);
        let page = answer.text().await.unwrap();
        assert!(
            page.contains(words) && page.contains(SAGA) && !page.contains("nobody&#39;s"),
            "{page}"
        );
    }
}

#[tokio::test]
async fn signing_in_leads_nowhere_else() {
    let api = Api::with_tokens().await;
    let visitor = Visitor::of(&api);
    for to in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\r\nx: y",
    ] {
        let answer = visitor.sign_in("board's", to).await;
        assert_eq!(location(&answer), "/", "{to:?}");
    }
    let page = visitor
        .get("/sign-in?to=%2F%2Fevil.example")
        .await
        .text()
        .await
        .unwrap();
    assert!(!page.contains("evil"), "{page}");
}

#[tokio::test]
async fn a_caller_who_signs_out_is_asked_again() {
    let api = Api::with_tokens().await;
    let mut visitor = Visitor::signed_in(&api, "dana's").await;
    let answer = visitor.post("/sign-out", &[], &visitor.own_page()).await;
    assert_eq!(location(&answer), "/sign-in");
    visitor.keep_cookies(&answer);
    assert_eq!(visitor.cookies, "");
    assert_eq!(visitor.get("/").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_cookie_reads_and_sends_forms_and_nothing_else() {
    let api = Api::with_tokens().await;
    api.record(completed("saga-1", 0)).await;
    let visitor = Visitor::signed_in(&api, "dana's").await;
    let read = visitor.get("/api/v1/sagas/saga-1").await;
    assert_eq!(read.status(), StatusCode::OK);
    // The pages have links to files.
    for path in ["/internal/v1/dlt.csv", "/internal/v1/operations.ndjson"] {
        assert_eq!(visitor.get(path).await.status(), StatusCode::OK, "{path}");
    }
    for path in [
        "/internal/v1/dlt",
        "/internal/v1/sagas/saga-1/status",
        "/internal/v1/views",
    ] {
        assert_eq!(
            visitor.get(path).await.status(),
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
    let json = [("content-type", "application/json".to_owned())];
    let body = json!({"status": "FAILED", "reason": "x"})
        .to_string()
        .into_bytes();
    let changed = visitor
        .send(Method::PATCH, "/internal/v1/sagas/saga-1/status", body, &json)
        .await;
    assert_eq!(changed.status(), StatusCode::UNAUTHORIZED);
    let named = "/internal/v1/views/x.csv";
    let changed = visitor.send(Method::DELETE, named, Vec::new(), &[]).await;
    assert_eq!(changed.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_viewer_sends_no_form_that_changes_something() {
    let api = Api::with_tokens().await;
    api.record(completed("saga-1", 0)).await;
    let viewer = Visitor::signed_in(&api, "board's").await;
    let answer = viewer
        .post(SAGA, &[("status", "FAILED"), ("reason", "x")], &viewer.own_page())
        .await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let page = answer.text().await.unwrap();
    assert!(
        page.contains("this needs the role operator") && page.contains("/sign-in?to="),
        "{page}"
    );
}

#[tokio::test]
async fn no_other_site_can_send_a_form_with_or_without_signing_in() {
    let open = Api::new().await;
    let closed = Api::with_tokens().await;
    for (api, token) in [(&open, None), (&closed, Some("dana's"))] {
        api.record(completed("saga-1", 0)).await;
        let visitor = match token {
            Some(token) => Visitor::signed_in(api, token).await,
            None => Visitor::of(api),
        };
        let own = format!("http://{}", api.address);
        for headers in [
            vec![],
            vec![("origin", "http://evil.example".to_owned())],
            vec![("origin", "null".to_owned())],
            vec![
                ("sec-fetch-site", "cross-site".to_owned()),
                ("origin", own.clone()),
            ],
            vec![("sec-fetch-site", "same-site".to_owned())],
        ] {
            for path in [SAGA, "/sign-in", "/sign-out", "/"] {
                let answer = visitor
                    .post(path, &[("status", "FAILED"), ("reason", "x")], &headers)
                    .await;
                assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path} {headers:?}");
            }
        }
        let saga = api.store.saga("saga-1").await.unwrap().unwrap();
        assert_eq!(saga.step_count, 2, "nothing was changed");
    }
}

#[tokio::test]
async fn a_page_that_is_reached_by_a_link_from_elsewhere_is_asked_for_again_from_here() {
    let api = Api::with_tokens().await;
    let visitor = Visitor::of(&api);
    let headers = [
        ("accept", "text/html".to_owned()),
        ("sec-fetch-site", "cross-site".to_owned()),
    ];
    let answer = visitor.send(Method::GET, SAGA, Vec::new(), &headers).await;
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .contains(r#"http-equiv="refresh" content="0;url=/sagas/saga-1""#)
    );
    assert!(!visitor.get(SAGA).await.text().await.unwrap().contains("refresh"));
}

#[tokio::test]
async fn a_signed_token_is_taken_until_it_expires() {
    let key = Key::elliptic("1");
    let issuer = TestIssuer::showing(&[&key]).await;
    let api = Api::open_to(issuer.access()).await;
    let long = "group-".repeat(900);
    let mut claims = issuer.claims();
    claims["groups"] = json!(long);
    let visitor = Visitor::signed_in(&api, &key.sign(&claims)).await;
    let page = visitor.get("/sagas").await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().contains("dana"));

    claims["exp"] = json!(1_000);
    let mut expired = Visitor::of(&api);
    let refused = expired.sign_in(&key.sign(&claims), "/").await;
    assert!(refused.text().await.unwrap().contains("the token has expired"));
    expired.cookies = "saga-tracker-0=bm9ib2R5J3M".to_owned();
    let answer = expired.get("/sagas").await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .contains("Sign-in failed: the token is not known here")
    );
}

#[tokio::test]
async fn where_nobody_must_sign_in_nobody_is_asked() {
    let api = Api::new().await;
    let visitor = Visitor::of(&api);
    let page = visitor.get("/sagas").await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(!page.text().await.unwrap().contains("Sign"));
    assert_eq!(location(&visitor.get("/sign-in?to=%2Fsagas").await), "/sagas");
    assert_eq!(location(&visitor.sign_in("x", "/sagas").await), "/sagas");
}
