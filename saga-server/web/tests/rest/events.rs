//! `POST /api/v1/events`: bodies of every kind, with a recorder in place of the broker.

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::Write;
use tokio::io::AsyncWriteExt;

use crate::harness::{Answer, Api, eventually};

pub(crate) const PATH: &str = "/api/v1/events";
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");
const LINES: (&str, &str) = ("content-type", "application/x-ndjson");

pub(crate) fn event(id: &str) -> Value {
    json!({
        "eventId": id, "sagaId": "saga-1", "sagaType": "ORDER_CREATION", "step": "ORDER_CREATED", "status": "STARTED",
        "orderId": "order-1", "recordedAt": "2026-11-22T08:26:40.000Z", "metadata": {"producerService": "order-service"},
    })
}

pub(crate) async fn post(api: &Api, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
    api.request_with(Method::POST, PATH, headers, body.into()).await
}

pub(crate) async fn post_json(api: &Api, body: &Value) -> Answer {
    post(api, &[JSON], body.to_string()).await
}

/// The outcome of each event, of an answer of either kind.
pub(crate) fn outcomes(answer: &Answer) -> Vec<String> {
    let answer = answer.json();
    let results = answer["results"].as_array().unwrap();
    results
        .iter()
        .map(|result| result["outcome"].as_str().unwrap().to_owned())
        .collect()
}

pub(crate) fn recorded(api: &Api) -> Vec<String> {
    let events = api.recorder.events();
    events
        .iter()
        .map(|event| event.event_id.as_str().to_owned())
        .collect()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn an_event_is_recorded_as_it_was_sent() {
    let api = Api::new().await;
    let text = event("e-1").to_string().replace(
        r#""producerService""#,
        r#""amount":0.10000000000000000000000000001,"producerService""#,
    );
    let answer = post(&api, &[JSON], text).await;
    assert_eq!(answer.status.as_u16(), 202, "{}", answer.text);
    let expected = json!({
        "accepted": 1, "other": 0,
        "results": [{"index": 0, "eventId": "e-1", "sagaId": "saga-1", "outcome": "ACCEPTED", "reason": null}],
    });
    assert_eq!(answer.json(), expected);
    let events = api.recorder.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event_timestamp, events[0].recorded_at);
    let metadata = events[0].metadata.as_ref().unwrap().as_str();
    assert!(metadata.contains("0.10000000000000000000000000001"), "{metadata}");
}

#[tokio::test]
async fn events_come_as_an_array_as_lines_and_packed() {
    let api = Api::new().await;
    let array = json!([event("a-1"), event("a-2")]);
    assert_eq!(post_json(&api, &array).await.status.as_u16(), 202);
    let lines = format!("{}\r\n\n{}\n", event("l-1"), event("l-2"));
    assert_eq!(post(&api, &[LINES], lines.clone()).await.status.as_u16(), 202);
    let packed = gzip(lines.replace("l-", "g-").as_bytes());
    let answer = post(&api, &[LINES, ("content-encoding", "gzip")], packed).await;
    assert_eq!(answer.status.as_u16(), 202, "{}", answer.text);
    assert_eq!(recorded(&api), ["a-1", "a-2", "l-1", "l-2", "g-1", "g-2"]);
}

#[tokio::test]
async fn cloud_events_come_in_three_modes_and_name_the_event() {
    let api = Api::new().await;
    let mut data = event("unused");
    let fields = data.as_object_mut().unwrap();
    fields.remove("eventId");
    fields.remove("recordedAt");
    let envelope = |id: &str| {
        json!({
            "specversion": "1.0", "id": id, "source": "/orders", "type": "step", "time": "2026-11-22T08:26:40Z",
            "datacontenttype": "application/json", "partitionkey": "order-1", "data": data,
        })
    };
    let structured = ("content-type", "application/cloudevents+json; charset=utf-8");
    let first = post(&api, &[structured], envelope("1").to_string()).await;
    assert_eq!(first.status.as_u16(), 202, "{}", first.text);
    let batched = ("content-type", "application/cloudevents-batch+json");
    let mut packed = envelope("2");
    packed.as_object_mut().unwrap().remove("data");
    packed["data_base64"] = json!(STANDARD.encode(data.to_string()));
    let batch = post(&api, &[batched], json!([envelope("1"), packed]).to_string()).await;
    assert_eq!(outcomes(&batch), ["ACCEPTED", "ACCEPTED"], "{}", batch.text);
    let binary = [
        JSON,
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "%2Forders"),
        ("ce-type", "step"),
        ("ce-time", "2026-11-22T08:26:40Z"),
    ];
    let second = post(&api, &binary, data.to_string()).await;
    assert_eq!(second.status.as_u16(), 202, "{}", second.text);
    // The same source and id is the same event, whichever way it comes.
    let events = api.recorder.events();
    assert_eq!(events.len(), 4);
    assert_eq!(events[0], events[1]);
    assert_eq!(events[0], events[3]);
    assert_ne!(events[0].event_id, events[2].event_id);
}

#[tokio::test]
async fn one_that_is_wrong_keeps_no_other_back() {
    let api = Api::new().await;
    let mut wrong = event("e-2");
    wrong["step"] = json!("order.created");
    let mut other = event("e-1");
    other["status"] = json!("COMPLETED");
    let batch = json!([event("e-1"), wrong, event("e-1"), other, 7, event("e-3")]);
    let answer = post_json(&api, &batch).await;
    assert_eq!(answer.status.as_u16(), 202);
    let expected = [
        "ACCEPTED",
        "REFUSED",
        "DUPLICATE",
        "REFUSED",
        "REFUSED",
        "ACCEPTED",
    ];
    assert_eq!(outcomes(&answer), expected, "{}", answer.text);
    let results = answer.json()["results"].clone();
    assert_eq!(
        results[1]["reason"],
        "step is not UPPER_SNAKE_CASE: \"order.created\""
    );
    assert_eq!(results[1]["eventId"], Value::Null);
    assert_eq!(
        results[3]["reason"],
        "eventId is that of event 0 of this body, which says something else"
    );
    assert_eq!(recorded(&api), ["e-1", "e-3"]);
}

#[tokio::test]
async fn when_none_is_right_the_request_is_wrong() {
    let api = Api::new().await;
    let answer = post_json(&api, &json!({"sagaId": ""})).await;
    let body = answer.is_error(400, "BAD_REQUEST", PATH);
    let message = body["message"].as_str().unwrap();
    assert!(
        message.starts_with("the event is not taken: sagaId is empty; eventId is missing"),
        "{message}"
    );
    assert_eq!(outcomes(&answer), ["REFUSED"]);
    let answer = post_json(&api, &json!([7, {}])).await;
    assert_eq!((answer.status.as_u16(), outcomes(&answer).len()), (400, 2));
    api.recorder.assert_nothing();
}

/// What is wrong with a body, its headers, the body and the status of the answer.
type Wrong<'a> = (&'a str, &'a [(&'a str, &'a str)], Vec<u8>, u16);

#[tokio::test]
async fn bodies_of_every_wrong_kind_are_refused_as_what_they_are() {
    let api = Api::new().await;
    let good = event("e-1").to_string();
    let many = json!(vec![event("e-1"); 1_001]).to_string();
    let packed = [JSON, ("content-encoding", "gzip")];
    let cases: Vec<Wrong<'_>> = vec![
        (
            "another type",
            &[("content-type", "text/plain")],
            good.clone().into(),
            415,
        ),
        ("no type", &[], good.clone().into(), 415),
        (
            "another character set",
            &[("content-type", "application/json; charset=utf-16")],
            good.clone().into(),
            415,
        ),
        (
            "another packing",
            &[JSON, ("content-encoding", "br")],
            good.clone().into(),
            415,
        ),
        ("nothing", &[JSON], Vec::new(), 400),
        ("an empty array", &[JSON], "[]".into(), 400),
        ("half an array", &[JSON], format!("[{good},").into(), 400),
        ("half an object", &[JSON], good[..20].into(), 400),
        ("no UTF-8", &[JSON], b"{\"sagaId\":\"\xff\"}".to_vec(), 400),
        ("very deep", &[JSON], "[".repeat(50_000).into(), 400),
        ("no gzip", &packed, good.clone().into(), 400),
        ("half a gzip", &packed, gzip(good.as_bytes())[..30].to_vec(), 400),
        ("too many", &[LINES], "7\n".repeat(1_001).into(), 413),
        (
            "too many in an array",
            &packed,
            gzip("[7]".replace('7', &vec!["7"; 1_001].join(",")).as_bytes()),
            413,
        ),
        ("too long", &[JSON], many.into(), 413),
        ("a bomb", &packed, gzip(&vec![b' '; 20_000_000]), 413),
        (
            "an unknown version",
            &[("content-type", "application/cloudevents+json")],
            good.clone().into(),
            400,
        ),
    ];
    for (what, headers, body, status) in cases {
        let answer = post(&api, headers, body).await;
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text);
        assert_eq!(answer.json()["path"], PATH, "{what}: {}", answer.text);
        assert!(answer.text.len() < 2_000, "{what}: {}", answer.text.len());
    }
    assert_eq!(api.request(Method::GET, PATH, &[]).await.status.as_u16(), 405);
    let answer = api
        .request_with(Method::POST, "/api/v1/events?x=1", &[JSON], good.into())
        .await;
    assert_eq!(answer.status.as_u16(), 400, "{}", answer.text);
    api.recorder.assert_nothing();
}

#[tokio::test]
async fn bytes_of_a_body_are_counted_while_it_is_received_and_not_once_its_caller_is_gone() {
    let api = Api::new().await;
    let buffered = async |bytes: u32| {
        let line = format!("saga_tracker_gateway_buffered_bytes {bytes}\n");
        eventually(async || api.get("/metrics").await.text.contains(&line)).await;
    };
    let mut socket = tokio::net::TcpStream::connect(api.address).await.unwrap();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n",
        api.address
    );
    let part = format!("{head}[{{\"eventId\": \"e-1\"");
    socket.write_all(part.as_bytes()).await.unwrap();
    buffered(18).await;
    drop(socket);
    buffered(0).await;
}

#[tokio::test]
async fn what_the_broker_does_not_acknowledge_is_to_be_sent_again() {
    let api = Api::new().await;
    api.recorder.fail_nth(2);
    let answer = post_json(&api, &json!([event("e-1"), event("e-2"), event("e-3")])).await;
    answer.is_error(503, "SERVICE_UNAVAILABLE", PATH);
    assert_eq!(answer.header("retry-after"), "2");
    assert_eq!(outcomes(&answer), ["ACCEPTED", "NOT_SENT", "ACCEPTED"]);
    let metrics = api.get("/metrics").await.text;
    for line in [
        "saga_tracker_gateway_events_total{outcome=\"accepted\"} 2",
        "saga_tracker_gateway_events_total{outcome=\"not_sent\"} 1",
        "saga_tracker_gateway_buffered_bytes 0",
    ] {
        assert!(metrics.contains(line), "{line}");
    }
}

#[tokio::test]
async fn a_source_sends_what_its_mapping_makes_events_of() {
    let api = Api::new().await;
    let path = "/api/v1/events?source=orders";
    let placed = json!({"type": "placed", "order": "s-1", "at": 7});
    let body = json!([placed, {"type": "viewed"}, {"type": "placed", "order": "s-1"}]).to_string();
    let answer = api.request_with(Method::POST, path, &[JSON], body.into()).await;
    assert_eq!(answer.status.as_u16(), 202, "{}", answer.text);
    assert_eq!(
        outcomes(&answer),
        ["ACCEPTED", "IGNORED", "REFUSED"],
        "{}",
        answer.text
    );
    assert_eq!(
        answer.json()["results"][2]["reason"],
        "rule 1 (line 7): recordedAt is missing"
    );
    let viewed = json!({"type": "viewed"}).to_string();
    let answer = api.request_with(Method::POST, path, &[JSON], viewed.into()).await;
    assert_eq!(
        (answer.status.as_u16(), outcomes(&answer)),
        (202, vec!["IGNORED".to_owned()])
    );

    let envelope = json!({
        "specversion": "1.0", "id": "1", "source": "/orders", "type": "com.example.refused",
        "time": "2026-11-22T08:26:40Z", "data": {"order": "s-1"},
    });
    let structured = ("content-type", "application/cloudevents+json");
    let body = envelope.to_string();
    let answer = api
        .request_with(Method::POST, path, &[structured], body.into())
        .await;
    assert_eq!(answer.status.as_u16(), 202, "{}", answer.text);
    let steps: Vec<String> = api
        .recorder
        .events()
        .iter()
        .map(|event| event.step.as_str().to_owned())
        .collect();
    assert_eq!(steps, ["ORDER_CREATED", "PAYMENT_FAILED"]);

    let unknown = "/api/v1/events?source=elsewhere";
    let answer = api
        .request_with(Method::POST, unknown, &[JSON], placed.to_string().into())
        .await;
    let body = answer.is_error(400, "BAD_REQUEST", PATH);
    assert!(body["details"]["source"].is_string(), "{}", answer.text);
}

#[tokio::test]
async fn a_correction_cannot_be_recorded() {
    let api = Api::new().await;
    let mut correction = event("e-1");
    correction["step"] = json!("MANUAL_STATUS_OVERRIDE");
    let answer = post_json(&api, &correction).await;
    assert_eq!(answer.status.as_u16(), 400);
    assert!(answer.text.contains("is kept for operators"), "{}", answer.text);
    api.recorder.assert_nothing();
}
