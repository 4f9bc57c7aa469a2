//! The example for services on the JVM that record over HTTP, with a collector that does not always answer.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use tokio::{net::TcpListener, sync::Mutex};

use crate::{
    openapi::guarded_collector,
    other_languages::java_program,
    support::{Harness, running::Running},
};

/// Stands before a collector, and says what it was sent.
#[derive(Clone)]
struct Unsteady {
    events: String,
    sent: Arc<Mutex<Vec<Bytes>>>,
}

impl Unsteady {
    /// At an address of its own.
    async fn before(collector: &Running) -> (Self, String) {
        let unsteady = Self {
            events: format!("{}/api/v1/events", collector.rest.base()),
            sent: Arc::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/api/v1/events", post(answer))
            .with_state(unsteady.clone());
        tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        (unsteady, url)
    }

    async fn pass_on(&self, body: Bytes) -> (StatusCode, String) {
        let request = saga_collector::http_client::plain_client()
            .post(&self.events)
            .header("Content-Type", "application/json")
            .body(body);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }
}

/// The broker is unavailable, then the events are stored and the answer is lost, then it is too much, then all is well.
async fn answer(State(unsteady): State<Unsteady>, body: Bytes) -> Response {
    let mut sent = unsteady.sent.lock().await;
    sent.push(body.clone());
    match sent.len() {
        1 => (StatusCode::SERVICE_UNAVAILABLE, [("Retry-After", "1")]).into_response(),
        2 => {
            assert_eq!(unsteady.pass_on(body).await.0, StatusCode::ACCEPTED);
            let lost = futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("lost"))]);
            Body::from_stream(lost).into_response()
        }
        3 => (StatusCode::TOO_MANY_REQUESTS, [("Retry-After", "0")]).into_response(),
        _ => unsteady.pass_on(body).await.into_response(),
    }
}

/// Whether it succeeded, and what it said.
async fn record(url: &str) -> (bool, String) {
    let mut program = java_program("../../examples/jvm/RecordSteps.java");
    program.args([url, "by-java"]);
    let output = tokio::task::spawn_blocking(move || program.output().unwrap())
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_sends_the_same_again_until_it_is_stored() {
    let harness = Harness::new().await;
    let server = Running::on(&harness).await;
    let (unsteady, url) = Unsteady::before(&server).await;
    let (succeeded, said) = record(&url).await;
    assert!(succeeded, "{said}");
    assert!(said.contains("again in PT1S: status 503"), "{said}");
    assert!(said.contains("again in PT0S: status 429"), "{said}");
    // As after a restart.
    assert!(record(&url).await.0);

    let sent = unsteady.sent.lock().await;
    assert_eq!(sent.len(), 5);
    assert!(sent.iter().all(|body| *body == sent[0]));
    let saga = server.rest.saga_with_steps("by-java", 2).await;
    assert_eq!(saga["currentStatus"], "FAILED");
    assert_eq!(saga["failureReason"], "\"A-1\" is out of stock");
    assert_eq!(harness.records(&harness.topic, 6).await.len(), 6);
    server.rest.saga_with_steps("by-java", 2).await;
    assert!(harness.dead_letters(0).await.is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_does_not_send_again_what_is_refused() {
    let harness = Harness::new().await;
    let server = guarded_collector(&harness).await;
    let (succeeded, said) = record(server.rest.base()).await;
    assert!(!succeeded);
    assert!(
        said.contains("UNAUTHORIZED") && !said.contains("again in"),
        "{said}"
    );
    server.stop().await;
}
