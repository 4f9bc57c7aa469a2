//! What a webhook is sent: the part that is stored when something happened, and what is added when it is sent.
//!
//! Rule of thumb: what an erasure must reach is not stored. The failure reason is read anew for each attempt, and hidden as
//! everywhere.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use saga_store::{Delivery, NewDelivery, NoticeKind};
use saga_types::{Timestamp, definition::Definitions, fold::SagaState};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    list_entry::list_entry,
    owners::{Contact, Owners},
    redaction::Redaction,
};

/// How many compensations are named.
const COMPENSATIONS: usize = 50;

/// What needs no escape in the path of an address.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The saga as it was found, without its failure reason.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    saga_type: String,
    order_id: String,
    status: String,
    failed_step: Option<String>,
    /// The step that is awaited, or owed, most urgently.
    awaited_step: Option<String>,
    /// Who owns it, or else the step that failed.
    service: Option<String>,
    awaited_since: Option<Timestamp>,
    outstanding_compensations: Vec<String>,
}

/// As it is sent.
#[derive(Debug, Serialize)]
struct Notice<'a> {
    id: &'a str,
    r#type: &'static str,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    saga_id: &'a str,
    #[serde(flatten)]
    content: Content,
    failure_reason: Option<String>,
    /// Whom to ask, by the configuration.
    owner: Option<&'a Contact>,
    /// The saga's page.
    link: Option<String>,
}

/// What is added to a delivery when it is sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Surroundings {
    pub(super) owners: Owners,
    pub(super) external_url: Option<String>,
    pub(super) redaction: Redaction,
}

const fn type_of(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Stuck => "saga.stuck",
        NoticeKind::Failed => "saga.failed",
        NoticeKind::CompensationOverdue => "saga.compensation_overdue",
    }
}

/// A delivery of what happened to a saga at a moment.
pub(super) fn delivery(
    webhook: &str,
    kind: NoticeKind,
    state: &SagaState,
    occurred_at: Timestamp,
    definitions: &Definitions,
) -> Result<NewDelivery, serde_json::Error> {
    Ok(NewDelivery {
        id: id(webhook, kind, state.saga_id.as_str(), occurred_at),
        webhook: webhook.to_owned(),
        kind,
        saga_id: state.saga_id.as_str().to_owned(),
        occurred_at,
        content: serde_json::to_string(&Content::of(state, definitions))?,
        at: Timestamp::now(),
    })
}

/// The same for the same occurrence, by each collector and each time.
fn id(webhook: &str, kind: NoticeKind, saga_id: &str, occurred_at: Timestamp) -> String {
    let mut hash = Sha256::new();
    for part in [
        webhook,
        kind.as_str(),
        saga_id,
        &occurred_at.as_millis().to_string(),
    ] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let hex: String = hash.finalize()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("msg_{hex}")
}

impl Content {
    fn of(state: &SagaState, definitions: &Definitions) -> Self {
        let awaited = state.most_urgent();
        let of_failed = || {
            let failed = state.failed_step.as_ref()?;
            definitions
                .forward_step(&state.saga_type, failed)?
                .service
                .clone()
        };
        Self {
            saga_type: state.saga_type.as_str().to_owned(),
            order_id: state.order_id.as_str().to_owned(),
            status: state.current_status.as_str().to_owned(),
            failed_step: state.failed_step.as_ref().map(|step| step.as_str().to_owned()),
            awaited_step: awaited.map(|awaited| awaited.step.as_str().to_owned()),
            service: awaited
                .and_then(|awaited| awaited.service.clone())
                .or_else(of_failed),
            awaited_since: awaited.map(|awaited| awaited.since),
            outstanding_compensations: state
                .outstanding_compensations
                .iter()
                .take(COMPENSATIONS)
                .map(|step| step.as_str().to_owned())
                .collect(),
        }
    }
}

impl Surroundings {
    /// The body of a delivery; the state is that of its saga now, if it is still there.
    pub(super) fn body(
        &self,
        delivery: &Delivery,
        state: Option<SagaState>,
    ) -> Result<Vec<u8>, serde_json::Error> {
        let content: Content = serde_json::from_str(&delivery.content)?;
        let owner = self
            .owners
            .of(content.service.as_deref(), Some(&content.saga_type));
        let state = state.map(|state| self.redaction.saga(list_entry(state)));
        serde_json::to_vec(&Notice {
            id: &delivery.id,
            r#type: type_of(delivery.kind),
            timestamp: delivery.occurred_at,
            data: Data {
                saga_id: &delivery.saga_id,
                failure_reason: state.and_then(|state| state.failure_reason),
                owner,
                link: self.link(&delivery.saga_id),
                content,
            },
        })
    }

    fn link(&self, saga_id: &str) -> Option<String> {
        let base = self.external_url.as_ref()?;
        Some(format!("{base}/sagas/{}", utf8_percent_encode(saga_id, PLAIN)))
    }
}

/// A delivery of a saga that does not exist, for trying a receiver.
pub(super) fn example(webhook: &str, kind: NoticeKind) -> Result<Delivery, serde_json::Error> {
    let now = Timestamp::now();
    let content = Content {
        saga_type: "ORDER_CREATION".to_owned(),
        order_id: "example-order".to_owned(),
        status: if kind == NoticeKind::Stuck {
            "IN_PROGRESS"
        } else {
            "FAILED"
        }
        .to_owned(),
        failed_step: (kind != NoticeKind::Stuck).then(|| "PAYMENT_FAILED".to_owned()),
        awaited_step: Some("STOCK_RESERVED".to_owned()),
        service: Some("product-service".to_owned()),
        awaited_since: Some(now),
        outstanding_compensations: Vec::new(),
    };
    Ok(Delivery {
        id: id(webhook, kind, "example-saga", now),
        webhook: webhook.to_owned(),
        kind,
        saga_id: "example-saga".to_owned(),
        occurred_at: now,
        content: serde_json::to_string(&content)?,
        created_at: now,
        attempts: 1,
        next_at: now,
        last_error: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_id_says_the_occurrence_and_nothing_else() {
        let at = |millis| Timestamp::from_millis(millis).unwrap();
        let first = id("oncall", NoticeKind::Stuck, "saga-1", at(1));
        assert_eq!(first, id("oncall", NoticeKind::Stuck, "saga-1", at(1)));
        assert_eq!(first.len(), "msg_".len() + 32);
        for other in [
            id("oncall2", NoticeKind::Stuck, "saga-1", at(1)),
            id("oncall", NoticeKind::Failed, "saga-1", at(1)),
            id("oncall", NoticeKind::Stuck, "saga-2", at(1)),
            id("oncall", NoticeKind::Stuck, "saga-1", at(2)),
        ] {
            assert_ne!(other, first);
        }
    }

    #[test]
    fn a_notice_leads_to_the_saga_and_names_whom_to_ask() {
        let contact = Contact {
            team: "Stock".to_owned(),
            channel: Some("#stock".to_owned()),
            runbook: None,
        };
        let surroundings = Surroundings {
            owners: [("product-service".to_owned(), contact)].into_iter().collect(),
            external_url: Some("https://sagas.example".to_owned()),
            redaction: Redaction::default(),
        };
        let mut delivery = example("oncall", NoticeKind::Stuck).unwrap();
        delivery.saga_id = "saga 1/2".to_owned();
        let body: Value = serde_json::from_slice(&surroundings.body(&delivery, None).unwrap()).unwrap();
        assert_eq!(body["type"], "saga.stuck");
        assert_eq!(body["data"]["link"], "https://sagas.example/sagas/saga%201%2F2");
        assert_eq!(
            body["data"]["owner"],
            json!({"team": "Stock", "channel": "#stock", "runbook": null})
        );
        assert_eq!(body["data"]["failureReason"], Value::Null);
        assert_eq!(body["data"]["awaitedStep"], "STOCK_RESERVED");
    }
}
