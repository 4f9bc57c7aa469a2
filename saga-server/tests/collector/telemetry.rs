//! Traces and log lines of the collector's own work.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    path::Path,
    sync::{Arc, Mutex},
};

use crate::support::{
    dev::Dev,
    events::{compensated, saga},
    eventually,
};
use axum::{Router, body::Bytes, extract::State, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value as Any, trace::v1::Span,
};
use prost::Message;
use serde_json::{Value, json};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// A receiver of OTLP over HTTP, and what it got.
#[derive(Clone, Default)]
struct Receiver {
    requests: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Receiver {
    /// Gives its address too.
    async fn start() -> (Self, String) {
        let receiver = Self::default();
        let router = Router::new()
            .route("/v1/traces", post(take))
            .with_state(receiver.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, url)
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.requests.lock().unwrap();
        let scopes = requests
            .iter()
            .flat_map(|request| &request.resource_spans)
            .flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    fn names(&self) -> BTreeSet<String> {
        self.spans().into_iter().map(|span| span.name).collect()
    }

    fn service_names(&self) -> BTreeSet<String> {
        let requests = self.requests.lock().unwrap();
        let resources = requests
            .iter()
            .flat_map(|request| &request.resource_spans)
            .filter_map(|resource| resource.resource.as_ref());
        resources
            .flat_map(|resource| &resource.attributes)
            .filter(|attribute| attribute.key == "service.name")
            .filter_map(|attribute| match attribute.value.as_ref()?.value.as_ref()? {
                Any::StringValue(name) => Some(name.clone()),
                _ => None,
            })
            .collect()
    }
}

async fn take(State(receiver): State<Receiver>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    receiver.requests.lock().unwrap().push(request);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(span: &Span) -> String {
    format!("{:?}", span.attributes)
}

/// A tracker that exports to the receiver, with JSON lines in a file.
fn telling(folder: &Path, url: &str) -> Dev {
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url),
        ("OTEL_SERVICE_NAME", "tracker-under-test"),
        ("SAGA_SERVER_LOG_FORMAT", "json"),
    ];
    let log = File::create(folder.join("log")).unwrap();
    Dev::start_with(folder, &[], &variables, log.into())
}

fn log_lines(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("log")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect()
}

/// Corrects a status, in the trace of a caller.
async fn correct(dev: &Dev) {
    let answer = saga_collector::http_client::plain_client()
        .patch(format!("{}/internal/v1/sagas/reported/status", dev.text("url")))
        .header("traceparent", format!("00-{TRACE}-{CALLER}-01"))
        .json(&json!({"status": "FAILED", "reason": "by hand"}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_work_is_told_and_calls_in_the_trace_of_their_caller() {
    let folder = tempfile::tempdir().unwrap();
    let (receiver, url) = Receiver::start().await;
    let dev = telling(folder.path(), &url);
    let producer = dev.producer();
    producer.send_raw(Some(b"bad"), b"no event");
    saga("reported", &compensated())
        .iter()
        .for_each(|event| producer.send(event));
    producer.flush();
    dev.rest().saga_with_steps("reported", 8).await;
    correct(&dev).await;
    let topic = dev.text("topic").to_owned();
    // What was not sent yet is sent at the end.
    dev.interrupt();

    let names = receiver.names();
    let call = "PATCH /internal/v1/sagas/{sagaId}/status";
    for name in [
        call,
        "GET /api/v1/sagas/{sagaId}",
        "query saga",
        "query append",
        "send c4ang.saga.tracker.dlt",
    ] {
        assert!(names.contains(name), "{name} in {names:?}");
    }
    assert!(names.contains(&format!("process {topic}")), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("health")), "{names:?}");
    assert_eq!(
        receiver.service_names(),
        BTreeSet::from(["tracker-under-test".to_owned()])
    );

    let spans = receiver.spans();
    let called = spans.iter().find(|span| span.name == call).unwrap();
    assert_eq!(
        (hex(&called.trace_id), hex(&called.parent_span_id)),
        (TRACE.to_owned(), CALLER.to_owned())
    );
    assert!(attributes(called).contains("http.response.status_code"));
    let asked = spans
        .iter()
        .find(|span| span.name == "query append" && span.trace_id == called.trace_id);
    assert_eq!(asked.unwrap().parent_span_id, called.span_id);
    assert!(
        !spans.iter().any(|span| attributes(span).contains("\"reported\"")),
        "no ids"
    );

    attributes_are_those_of_the_conventions(&spans, &topic);

    let lines = log_lines(folder.path());
    let by_hand = lines
        .iter()
        .find(|line| line["message"] == "a status was set by hand")
        .unwrap();
    assert_eq!(by_hand["span"]["trace_id"], TRACE, "{by_hand}");
}

/// By the semantic conventions of OpenTelemetry 1.38 for messaging (Kafka) and databases.
fn attributes_are_those_of_the_conventions(spans: &[Span], topic: &str) {
    let of = |name: &str| {
        let span = spans.iter().find(|span| span.name == name).unwrap();
        let mut attributes = BTreeMap::new();
        for attribute in &span.attributes {
            if let Some(Any::StringValue(text)) =
                attribute.value.as_ref().and_then(|value| value.value.as_ref())
            {
                attributes.insert(attribute.key.clone(), text.clone());
            }
        }
        attributes
    };
    let process = format!("process {topic}");
    for (name, expected) in [
        (
            process.as_str(),
            &[
                ("messaging.system", "kafka"),
                ("messaging.operation.name", "process"),
                ("messaging.operation.type", "process"),
                ("messaging.destination.name", topic),
                ("messaging.consumer.group.name", "saga-tracker-service"),
            ][..],
        ),
        (
            "send c4ang.saga.tracker.dlt",
            &[
                ("messaging.system", "kafka"),
                ("messaging.operation.name", "send"),
                ("messaging.operation.type", "send"),
                ("messaging.destination.name", "c4ang.saga.tracker.dlt"),
            ],
        ),
        (
            "query append",
            &[
                ("db.system.name", "sqlite"),
                ("db.operation.name", "append"),
                ("db.query.summary", "query append"),
            ],
        ),
    ] {
        let attributes = of(name);
        for (key, value) in expected {
            assert_eq!(
                attributes.get(*key).map(String::as_str),
                Some(*value),
                "{name}: {key} in {attributes:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_unavailable_is_named_once_and_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    // The port is closed.
    let url = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let dev = telling(folder.path(), &url);
    let away = || {
        let lines = log_lines(folder.path());
        let said = |line: &&Value| {
            line["message"]
                .as_str()
                .is_some_and(|message| message.starts_with("traces not exported"))
        };
        lines.iter().filter(said).count()
    };
    eventually("it is logged that traces are not accepted", async || {
        assert_eq!(dev.rest().get("/api/v1/sagas").await.0, 200);
        away() == 1
    })
    .await;
    dev.interrupt();
    assert_eq!(away(), 1);
}
