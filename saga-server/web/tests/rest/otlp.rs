//! `POST /v1/traces` and `/v1/logs`: requests of every kind, with a recorder in place of the broker.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use reqwest::Method;
use saga_gateway::otlp::answer::Status;
use saga_web::auth::{Access, Role, Services, Token};
use serde_json::{Value, json};

use crate::harness::{Answer, Api, token};

const TRACES: &str = "/v1/traces";
const LOGS: &str = "/v1/logs";
const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

fn attributes(given: &[(&str, &str)]) -> Value {
    given
        .iter()
        .map(|(key, text)| json!({"key": key, "value": {"stringValue": text}}))
        .collect()
}

/// The attributes of a step.
fn step(saga: &str) -> Vec<(&'static str, String)> {
    vec![
        ("saga.id", saga.to_owned()),
        ("saga.type", "ORDER_CREATION".to_owned()),
        ("saga.step", "STOCK_RESERVED".to_owned()),
        ("saga.order.id", "order-1".to_owned()),
    ]
}

fn span(number: u8, attributes: &[(&str, String)]) -> Value {
    let attributes: Vec<(&str, &str)> = attributes
        .iter()
        .map(|(key, text)| (*key, text.as_str()))
        .collect();
    json!({
        "traceId": format!("{number:032x}"), "spanId": format!("{number:016x}"), "name": "reserve", "kind": 2,
        "startTimeUnixNano": "1760000000000000000", "endTimeUnixNano": "1760000000250000000",
        "attributes": self::attributes(&attributes),
    })
}

fn request(spans: &[Value]) -> Value {
    let resource = json!({"attributes": attributes(&[("service.name", "product-service")])});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "lib"}, "spans": spans}]}]})
}

fn protobuf(request: &Value) -> Vec<u8> {
    let request: ExportTraceServiceRequest = serde_json::from_value(request.clone()).unwrap();
    request.encode_to_vec()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn post(api: &Api, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
    api.request_with(Method::POST, path, headers, body.into()).await
}

/// The status, the type and the bytes of an answer.
async fn post_bytes(api: &Api, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, String, Vec<u8>) {
    let url = format!("http://{}{TRACES}", api.address);
    let request = headers
        .iter()
        .fold(api.client.post(url), |request, (name, value)| {
            request.header(*name, *value)
        });
    let response = request.body(body).send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let media_type = headers["content-type"].to_str().unwrap().to_owned();
    (status, media_type, response.bytes().await.unwrap().into())
}

fn recorded(api: &Api) -> Vec<String> {
    let events = api.recorder.events();
    events
        .iter()
        .map(|event| event.saga_id.as_str().to_owned())
        .collect()
}

#[tokio::test]
async fn spans_that_name_a_saga_are_recorded_in_either_encoding_once() {
    let api = Api::new().await;
    let spans = request(&[span(1, &step("s-1")), span(2, &[]), span(1, &step("s-1"))]);
    let answer = post(&api, TRACES, &[JSON], spans.to_string()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()),
        (200, json!({})),
        "{}",
        answer.text
    );
    assert_eq!(recorded(&api), ["s-1"]);

    let packed = [PROTOBUF, ("content-encoding", "gzip")];
    let (status, media_type, body) = post_bytes(&api, &packed, gzip(&protobuf(&spans))).await;
    assert_eq!((status, media_type.as_str()), (200, "application/x-protobuf"));
    assert_eq!(
        ExportTraceServiceResponse::decode(&*body)
            .unwrap()
            .partial_success,
        None
    );
    let events = api.recorder.events();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0], events[1]);
    assert_eq!(
        events[0].metadata.as_ref().unwrap().producer_service(),
        Some("product-service")
    );
    let metrics = api.get("/metrics").await.text;
    for (outcome, count) in [("accepted", 2), ("ignored", 2), ("duplicate", 2)] {
        let line = format!("saga_tracker_gateway_events_total{{outcome=\"{outcome}\"}} {count}");
        assert!(metrics.contains(&line), "{line}");
    }
    assert!(metrics.contains("saga_tracker_gateway_buffered_bytes 0"));
}

#[tokio::test]
async fn log_records_are_recorded_as_spans_are() {
    let api = Api::new().await;
    let record = json!({
        "timeUnixNano": "1760000000000000000", "severityNumber": 9, "body": {"stringValue": "reserved"},
        "attributes": span(1, &step("s-1"))["attributes"],
    });
    let wrong = json!({"attributes": attributes(&[("saga.id", "s-2")])});
    let logs = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record, {}, wrong]}]}]});
    let answer = post(&api, LOGS, &[JSON], logs.to_string()).await;
    assert_eq!(answer.status.as_u16(), 200);
    let partial = &answer.json()["partialSuccess"];
    assert_eq!(partial["rejectedLogRecords"], "1");
    assert!(
        partial["errorMessage"]
            .as_str()
            .unwrap()
            .starts_with("a log record: saga.type is missing")
    );
    assert_eq!(recorded(&api), ["s-1"]);
}

#[tokio::test]
async fn half_a_batch_that_is_wrong_is_counted_and_said() {
    let api = Api::new().await;
    let mut nameless = step("s-2");
    nameless.retain(|(key, _)| *key != "saga.order.id");
    let mut short = span(3, &step("s-3"));
    short["traceId"] = json!("0af7");
    let spans = request(&[
        span(1, &step("s-1")),
        span(2, &nameless),
        short,
        span(4, &step("s-4")),
        span(5, &[]),
    ]);
    let (status, _, body) = post_bytes(&api, &[PROTOBUF], protobuf(&spans)).await;
    assert_eq!(status, 200);
    let partial = ExportTraceServiceResponse::decode(&*body)
        .unwrap()
        .partial_success
        .unwrap();
    assert_eq!(partial.rejected_spans, 2);
    assert_eq!(
        partial.error_message,
        "a span: saga.order.id is missing; a span: traceId has 2 bytes, not 16"
    );
    assert_eq!(recorded(&api), ["s-1", "s-4"]);
    // The same ids, and something else.
    let other = request(&[
        span(1, &step("s-1")),
        span(
            1,
            &[step("s-1"), vec![("saga.metadata.a", "b".to_owned())]].concat(),
        ),
    ]);
    let answer = post(&api, TRACES, &[JSON], other.to_string()).await;
    let partial = &answer.json()["partialSuccess"];
    assert_eq!(partial["rejectedSpans"], "1", "{}", answer.text);
}

/// What is wrong with a body, its headers, the body and the status of the answer.
type Wrong<'a> = (&'a str, &'a [(&'a str, &'a str)], Vec<u8>, u16);

#[tokio::test]
async fn bodies_of_every_wrong_kind_are_refused_in_the_form_of_otlp() {
    let api = Api::new().await;
    let good = request(&[span(1, &step("s-1"))]);
    let bytes = protobuf(&good);
    let text = good.to_string();
    let packed = [PROTOBUF, ("content-encoding", "gzip")];
    let spans = |spans: Value| json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string();
    let cases: Vec<Wrong<'_>> = vec![
        (
            "another type",
            &[("content-type", "text/plain")],
            bytes.clone(),
            415,
        ),
        ("no type", &[], bytes.clone(), 415),
        (
            "another packing",
            &[PROTOBUF, ("content-encoding", "br")],
            bytes.clone(),
            415,
        ),
        ("half of it", &[PROTOBUF], bytes[..bytes.len() - 5].into(), 400),
        ("JSON as protobuf", &[PROTOBUF], text.clone().into(), 400),
        ("protobuf as JSON", &[JSON], bytes.clone(), 400),
        ("no gzip", &packed, bytes.clone(), 400),
        ("half a gzip", &packed, gzip(&bytes)[..40].into(), 400),
        ("a bomb", &packed, gzip(&vec![0; 20_000_000]), 413),
        ("too long", &[PROTOBUF], vec![0; 70_000], 413),
        ("nothing", &[JSON], Vec::new(), 400),
        ("half an object", &[JSON], text[..text.len() - 9].into(), 400),
        (
            "no UTF-8",
            &[JSON],
            b"{\"resourceSpans\":[{\"schemaUrl\":\"\xff\"}]}".to_vec(),
            400,
        ),
        ("no object", &[JSON], "[]".into(), 400),
        ("no list", &[JSON], "{\"resourceSpans\":7}".into(), 400),
        (
            "no hex digits",
            &[JSON],
            spans(json!([{"traceId": "Zoë"}])).into(),
            400,
        ),
        (
            "a negative time",
            &[JSON],
            spans(json!([{"endTimeUnixNano": "-1"}])).into(),
            400,
        ),
        ("no span", &[JSON], spans(json!([good, 7])).into(), 400),
        ("very deep", &[JSON], "[".repeat(50_000).into(), 400),
    ];
    for (what, headers, body, status) in cases {
        let protobuf = headers.first() == Some(&PROTOBUF);
        let (given, media_type, body) = post_bytes(&api, headers, body).await;
        assert_eq!(given, status, "{what}: {}", String::from_utf8_lossy(&body));
        assert!(body.len() < 1_000, "{what}: {}", body.len());
        let (code, message) = if protobuf {
            assert_eq!(media_type, "application/x-protobuf", "{what}");
            let status = Status::decode(&*body).unwrap();
            (status.code, status.message)
        } else {
            let status: Value = serde_json::from_slice(&body).unwrap();
            (3, status["message"].as_str().unwrap().to_owned())
        };
        assert!(code == 3 && !message.is_empty(), "{what}: {code} {message}");
    }
    let answer = post(&api, "/v1/traces?x=1", &[JSON], text).await;
    assert_eq!(answer.status.as_u16(), 400, "{}", answer.text);
    let answer = api.request(Method::GET, TRACES, &[]).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["code"]),
        (405, &json!(12))
    );
    api.recorder.assert_nothing();
}

#[tokio::test]
async fn what_the_broker_does_not_acknowledge_is_to_be_exported_again() {
    let api = Api::new().await;
    api.recorder.fail_nth(2);
    let spans = request(&[
        span(1, &step("s-1")),
        span(2, &step("s-2")),
        span(3, &step("s-3")),
    ]);
    let answer = post(&api, TRACES, &[JSON], spans.to_string()).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "2"));
    assert_eq!(answer.json()["code"], 14, "{}", answer.text);
    let (status, _, body) = post_bytes(&api, &[PROTOBUF], protobuf(&spans)).await;
    assert_eq!((status, body), (200, Vec::new()));
}

#[tokio::test]
async fn recorders_export_what_they_are_bound_to() {
    let token = |name, role, services| Token {
        services,
        ..token(name, role, saga_store::Scope::All)
    };
    let orders = Services::of(["order-service".to_owned()]);
    let access = Access::Tokens(vec![
        token("viewer", Role::Viewer, Services::All),
        token("recorder", Role::Recorder, Services::All),
        token("orders", Role::Recorder, orders),
    ]);
    let api = Api::open_to(access).await;
    let body = request(&[span(1, &step("s-1")), span(2, &[])]).to_string();
    let as_caller = async |caller: &str| {
        let token = format!("Bearer {caller}'s");
        post(&api, TRACES, &[JSON, ("authorization", &token)], body.clone()).await
    };
    let unknown = post(&api, TRACES, &[JSON], body.clone()).await;
    assert_eq!(
        (unknown.status.as_u16(), &unknown.json()["code"]),
        (401, &json!(16))
    );
    assert_eq!(unknown.header("www-authenticate"), "Bearer");
    assert_eq!(as_caller("viewer").await.status.as_u16(), 403);
    let bound = as_caller("orders").await;
    assert_eq!((bound.status.as_u16(), &bound.json()["code"]), (403, &json!(7)));
    assert!(bound.text.contains("is not for the service"), "{}", bound.text);
    api.recorder.assert_nothing();
    assert_eq!(as_caller("recorder").await.status.as_u16(), 200);
    assert_eq!(recorded(&api), ["s-1"]);
}
