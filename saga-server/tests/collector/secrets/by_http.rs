//! Events over HTTP, OTLP and a topic of another system, with a secret in what is hidden or cannot be used of each; and what a webhook,
//! a wrong token and an issuer's token hold.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::header::{AUTHORIZATION, COOKIE};
use saga_types::Timestamp;
use serde_json::{Value, json};

use super::{Search, Secrets, ways_out::Operator};
use crate::support::{Harness, TestProducer, create_topics};

/// Makes an event of what is placed, and refuses what has no number.
const MAPPING: &str = "
defaults:
  sagaId: event.order
  orderId: event.order
  sagaType: ORDER_CREATION
  service: \"'shop'\"
rules:
  - when: event.type == 'placed'
    step: ORDER_CREATED
    status: STARTED
    metadata: { card: event.card, amount: event.total * 1 }
";

/// A topic of another system.
pub(super) struct Source {
    folder: tempfile::TempDir,
    topic: String,
    group: String,
}

impl Source {
    pub(super) async fn new(harness: &Harness) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("shop.yml"), MAPPING).unwrap();
        let topic = format!("{}.shop", harness.group);
        create_topics(&harness.bootstrap_servers, &[&topic]).await;
        Self {
            folder,
            topic,
            group: format!("{}-shop", harness.group),
        }
    }

    pub(super) fn variables(&self) -> [(&'static str, String); 2] {
        [
            (
                "SAGA_SERVER_SOURCES",
                format!("shop={},json,{}", self.topic, self.group),
            ),
            (
                "SAGA_SERVER_GATEWAY_MAPPINGS_DIR",
                self.folder.path().display().to_string(),
            ),
        ]
    }

    /// One event and two dead letters.
    pub(super) fn send(&self, harness: &Harness, secrets: &mut Secrets) {
        let producer = TestProducer::to(&harness.bootstrap_servers, &self.topic);
        let placed = |order: &str, card: &str, total: Value| {
            json!({"type": "placed", "order": order, "card": card, "total": total}).to_string()
        };
        let good = placed("source-1", &secrets.of("document of a source"), json!(7));
        let refused = secrets.of("document that a mapping refuses");
        let refused = placed("source-2", "no card", json!(refused));
        let broken = format!(r#"{{"card":"{}""#, secrets.of("document that is cut off"));
        for document in [good, refused, broken] {
            producer.send_raw(None, document.as_bytes());
        }
        producer.flush();
    }
}

fn attribute(key: &str, text: &str) -> Value {
    json!({"key": key, "value": {"stringValue": text}})
}

/// Attributes of a step with a hidden key.
fn step(saga_id: &str, name: &str, card: &str) -> Value {
    let known = [
        ("saga.id", saga_id),
        ("saga.type", "ORDER_CREATION"),
        ("saga.step", name),
        ("saga.order.id", saga_id),
        ("saga.metadata.card", card),
    ];
    known.map(|(key, text)| attribute(key, text)).to_vec().into()
}

/// Four events, one of which fails now, and what is refused.
pub(super) async fn by_http(operator: &Operator, secrets: &mut Secrets, search: &mut Search) {
    let event = |saga_id: &str, step: &str, status: &str, metadata: Value| {
        json!({
            "eventId": format!("{saga_id}-1"), "sagaId": saga_id, "sagaType": "ORDER_CREATION", "step": step, "status": status,
            "orderId": saga_id, "recordedAt": Timestamp::now().to_string(), "metadata": metadata,
        })
    };
    let events = json!([
        event(
            "http-1",
            "ORDER_CREATED",
            "STARTED",
            json!({"card": secrets.of("event over HTTP")})
        ),
        event(
            "failed-now",
            "ORDER_CANCELLED",
            "FAILED",
            json!({"failureReason": secrets.of("failure over HTTP")})
        ),
        event(
            "http-2",
            "no step",
            "STARTED",
            json!({"card": secrets.of("event over HTTP that is refused")})
        ),
    ]);
    let broken = format!(r#"{{"card":"{}","#, secrets.of("body that is no JSON"));
    let span = |attributes: Value| {
        json!({
            "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "endTimeUnixNano": "1760000000000000000",
            "attributes": attributes,
        })
    };
    let spans = [
        span(step(
            "otlp-1",
            "ORDER_CREATED",
            &secrets.of("attribute of a span"),
        )),
        span(step(
            "otlp-2",
            "no step",
            &secrets.of("attribute of a span that is refused"),
        )),
    ];
    let record = json!({
        "timeUnixNano": "1760000000000000000", "body": {"stringValue": secrets.of("text of a log record")},
        "attributes": step("otlp-3", "ORDER_CREATED", &secrets.of("attribute of a log record")),
    });
    let bodies = [
        ("/api/v1/events", events.to_string()),
        ("/api/v1/events", broken),
        (
            "/v1/traces",
            json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string(),
        ),
        (
            "/v1/logs",
            json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).to_string(),
        ),
    ];
    for (path, body) in bodies {
        let request = operator.client.post(format!("{}{path}", operator.base));
        let request = request.header("content-type", "application/json").body(body);
        let (status, answer) = operator.send(request).await;
        assert!(status < 500, "{path}: {status} {answer}");
        search.look(secrets, &format!("POST {path}"), &answer);
    }
}

/// Tokens that nobody knows, where a token may stand, and a token of an issuer.
pub(super) async fn by_tokens(operator: &Operator, secrets: &mut Secrets, search: &mut Search) {
    let unknown = secrets.of("token that nobody has");
    let claims =
        json!({"sub": secrets.of("claim of a token"), "exp": 4_000_000_000_u64, "roles": ["saga-operator"]});
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let signature = secrets.of("signature of a token");
    let header = r#"{"alg":"RS256","kid":"k1","typ":"JWT"}"#;
    let signed = format!("{}.{}.{signature}", part(header), part(&claims.to_string()));
    for token in [&unknown, &signed] {
        for (name, value) in [
            (AUTHORIZATION, format!("Bearer {token}")),
            (COOKIE, format!("saga-tracker-token={token}")),
        ] {
            for path in ["/api/v1/sagas", "/internal/v1/operations", "/sagas", "/mcp"] {
                let request = operator.client.get(format!("{}{path}", operator.base));
                let answer = request.header(name.clone(), &value).send().await.unwrap();
                let said = format!("{:?} {}", answer.headers().clone(), answer.text().await.unwrap());
                search.look(secrets, &format!("{path} with a wrong {name}"), &said);
            }
        }
    }
}
