//! What the sagas are asked for, and how much each question may read.

use saga_store::{Judged, Late, SagaQuery, Scope, SortBy};
use saga_types::{SagaStatus, SagaType, Timestamp, fold::Anomaly};

use super::{COUNTED, FEW};

pub(super) fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn judged() -> Judged {
    let now = moment("2026-10-30T12:00:00Z");
    Judged {
        now,
        late_before: now,
    }
}

pub(super) type Filter = (&'static str, i64, fn(&mut SagaQuery));

/// Every filter, by values that many, some and no sagas have, and what operators put together.
pub(super) const FILTERS: [Filter; 48] = [
    ("nothing", COUNTED, |_| {}),
    ("orderId", FEW, |query| {
        query.order_id = Some("ORD-777".to_owned());
    }),
    ("parentSagaId", FEW, |query| {
        query.parent_saga_id = Some("saga-4ea06fbc83cdd0a06020c35d50e1e89a".to_owned());
    }),
    ("awaits", COUNTED, |query| {
        query.awaits = Some("STOCK_RELEASED".to_owned());
    }),
    ("an owner", COUNTED, |query| {
        query.owner = Some("product-service".to_owned());
    }),
    ("owes", COUNTED, |query| {
        query.owes = Some("STOCK_RESERVED".to_owned());
    }),
    ("a common sagaType", COUNTED, |query| {
        query.saga_type = Some(SagaType::ORDER_CREATION);
    }),
    ("a rare sagaType", COUNTED, |query| {
        query.saga_type = Some(SagaType::REFUND);
    }),
    ("an unknown sagaType", FEW, |query| {
        query.saga_type = Some(SagaType::STORE_REGISTRATION);
    }),
    ("a scope", COUNTED, |query| {
        query.scope = Scope::of([SagaType::REFUND, SagaType::STORE_REGISTRATION]);
    }),
    ("a scope and a common step", COUNTED, |query| {
        query.scope = Scope::of([SagaType::REFUND, SagaType::STORE_REGISTRATION]);
        query.step = Some("STOCK_RESERVED".to_owned());
    }),
    ("acknowledged", FEW, |query| {
        query.acknowledged = Some((true, judged()));
    }),
    ("not acknowledged", COUNTED, |query| {
        query.acknowledged = Some((false, judged()));
    }),
    ("a common status", COUNTED, |query| {
        query.status = Some(SagaStatus::Completed);
    }),
    ("a status", COUNTED, |query| {
        query.status = Some(SagaStatus::Failed);
    }),
    ("failed", COUNTED, |query| query.failed = Some(true)),
    ("not failed", COUNTED, |query| query.failed = Some(false)),
    ("a rare status", FEW, |query| {
        query.status = Some(SagaStatus::Started);
    }),
    ("a period", COUNTED, |query| {
        query.started_from = Some(moment("2026-10-05T00:00:00Z"));
        query.started_to = Some(moment("2026-10-15T00:00:00Z"));
    }),
    ("until long ago", COUNTED, |query| {
        query.started_to = Some(moment("2026-10-03T00:00:00Z"));
    }),
    ("since lately", COUNTED, |query| {
        query.started_from = Some(moment("2026-10-29T00:00:00Z"));
    }),
    ("a minute", FEW, |query| {
        query.started_from = Some(moment("2026-10-15T10:00:00Z"));
        query.started_to = Some(moment("2026-10-15T10:01:00Z"));
    }),
    ("took longer than any", FEW, |query| {
        query.min_duration_ms = Some(100 * 24 * 3_600_000);
    }),
    ("took long", COUNTED, |query| query.min_duration_ms = Some(1)),
    ("took no time at all", COUNTED, |query| {
        query.max_duration_ms = Some(0);
    }),
    ("a common step", COUNTED, |query| {
        query.step = Some("STOCK_RESERVED".to_owned());
    }),
    ("a step", COUNTED, |query| {
        query.step = Some("PAYMENT_FAILED".to_owned());
    }),
    ("a rare step", COUNTED, |query| {
        query.step = Some("LOYALTY_POINTS".to_owned());
    }),
    ("an unknown step", FEW, |query| {
        query.step = Some("UNHEARD_OF".to_owned());
    }),
    ("a common producerService", COUNTED, |query| {
        query.producer_service = Some("payment-service".to_owned());
    }),
    ("a rare producerService", COUNTED, |query| {
        query.producer_service = Some("loyalty-service".to_owned());
    }),
    ("traceId", FEW, |query| {
        query.trace_id = Some("no trace".to_owned());
    }),
    ("in flight", COUNTED, |query| query.ended = Some(false)),
    ("ended", COUNTED, |query| query.ended = Some(true)),
    ("a failedStep", COUNTED, |query| {
        query.failed_step = Some("PAYMENT_FAILED".to_owned());
    }),
    ("failedStep and reason lately", COUNTED, |query| {
        query.failed_step = Some("PAYMENT_FAILED".to_owned());
        query.failure_reason = Some("CARD_DECLINED".to_owned());
        query.started_from = Some(moment("2026-10-30T00:00:00Z"));
    }),
    ("a common failureReason", COUNTED, |query| {
        query.failure_reason = Some("CARD_DECLINED".to_owned());
    }),
    ("a rare failureReason", FEW, |query| {
        query.failure_reason = Some("out of stock: 7".to_owned());
    }),
    ("a common failureGroup", COUNTED, |query| {
        query.failure_group = Some("PAYMENT_FAILED: CARD_DECLINED".to_owned());
    }),
    ("a rare failureGroup", FEW, |query| {
        query.failure_group = Some("PAYMENT_FAILED: unheard of".to_owned());
    }),
    ("metadata", FEW, |query| {
        query
            .metadata
            .insert("customerId".to_owned(), "customer-77".to_owned());
    }),
    ("anomaly", FEW, |query| query.anomaly = Some(Anomaly::UnknownStep)),
    ("stuck", FEW, |query| {
        query.stuck = Some((true, moment("2026-11-01T00:00:00Z")));
    }),
    ("owing", FEW, |query| query.owing = Some(true)),
    ("not stuck", COUNTED, |query| {
        query.stuck = Some((false, moment("2026-11-01T00:00:00Z")));
    }),
    ("status and type", COUNTED, |query| {
        query.status = Some(SagaStatus::Failed);
        query.saga_type = Some(SagaType::ORDER_CREATION);
    }),
    ("status and period", COUNTED, |query| {
        query.status = Some(SagaStatus::Failed);
        query.started_from = Some(moment("2026-10-29T00:00:00Z"));
    }),
    ("step and status", COUNTED, |query| {
        query.step = Some("PAYMENT_FAILED".to_owned());
        query.status = Some(SagaStatus::Compensated);
    }),
];

pub(super) type Due = (&'static str, i64, SortBy, fn(&mut SagaQuery));

/// What is late, by how late it is, and what is asked in one order only.
pub(super) const DUE: [Due; 5] = [
    ("stuck", FEW, SortBy::Due(Late::Stuck), |query| {
        query.stuck = Some((true, moment("2026-11-01T00:00:00Z")));
    }),
    ("owing", FEW, SortBy::Due(Late::Owing), |query| {
        query.owing = Some(true);
    }),
    ("by duration", COUNTED, SortBy::Duration, |_| {}),
    (
        "a sagaType and a common step of others",
        COUNTED,
        SortBy::StartedAt,
        |query| {
            query.saga_type = Some(SagaType::REFUND);
            query.step = Some("STOCK_RESERVED".to_owned());
        },
    ),
    (
        "a scope of most sagas and a common step",
        COUNTED,
        SortBy::StartedAt,
        |query| {
            query.scope = Scope::of([SagaType::ORDER_CREATION, SagaType::REFUND]);
            query.step = Some("STOCK_RESERVED".to_owned());
        },
    ),
];
