//! Every kind of question that the contract names, each with the plainest SQL that answers it, and the pages.

use fastrand::Rng;

use super::questions::{Asked, Known, Limit, Question, Sql};

/// What may take longer, in milliseconds at the 99th percentile: figures of very many sagas, and pages.
const FIGURES: Limit = Limit::Millis(20.0);
const PAGE: Limit = Limit::Millis(50.0);

const NEWEST: &str = "started_at DESC, saga_id DESC LIMIT 20";

/// What awaits something.
macro_rules! open {
    ($filter:literal) => {
        concat!(
            "current_status IN ('STARTED', 'IN_PROGRESS', 'FAILED') AND ",
            $filter
        )
    };
}

/// Sagas with a step that is so.
macro_rules! with_step {
    ($filter:literal) => {
        concat!("saga_id IN (SELECT saga_id FROM saga_steps WHERE ", $filter, ")")
    };
}

type Ask = fn(&Known, &mut Rng) -> Asked;

fn asked<const N: usize>(path: impl Into<String>, values: [&str; N]) -> Asked {
    Asked {
        path: path.into(),
        values: values.map(str::to_owned).into(),
    }
}

const fn one(name: &'static str, sql: &'static str, ask: Ask) -> Question {
    Question {
        name,
        limit: Limit::Sql(Sql::One(sql)),
        ask,
    }
}

const fn list(name: &'static str, filter: &'static str, ask: Ask) -> Question {
    sorted(name, filter, NEWEST, ask)
}

const fn sorted(name: &'static str, filter: &'static str, order: &'static str, ask: Ask) -> Question {
    Question {
        name,
        limit: Limit::Sql(Sql::List { filter, order }),
        ask,
    }
}

const fn within(name: &'static str, limit: Limit, ask: Ask) -> Question {
    Question { name, limit, ask }
}

/// A question that is always the same.
macro_rules! fixed {
    ($path:literal) => {
        |_, _| asked($path, [])
    };
}

pub(super) const QUESTIONS: &[Question] = &[
    one(
        "one saga",
        "SELECT * FROM saga_instance WHERE saga_id = $1",
        |known, rng| {
            let saga = &known.saga(rng).saga_id;
            asked(format!("/api/v1/sagas/{saga}"), [saga])
        },
    ),
    one(
        "one saga, as of a moment",
        "SELECT * FROM saga_steps WHERE saga_id = $1 AND recorded_at <= $2::timestamptz ORDER BY recorded_at, event_id",
        |known, rng| {
            let (saga, now) = (&known.saga(rng).saga_id, known.now.to_string());
            asked(format!("/api/v1/sagas/{saga}?asOf={now}"), [saga, &now])
        },
    ),
    one(
        "its steps",
        "SELECT * FROM saga_steps WHERE saga_id = $1 ORDER BY recorded_at, event_id LIMIT 1001",
        |known, rng| {
            let saga = &known.saga(rng).saga_id;
            asked(format!("/api/v1/sagas/{saga}/steps"), [saga])
        },
    ),
    list(
        "by order",
        "saga_id IN (SELECT saga_id FROM saga_instance WHERE order_id = $1 \
         UNION ALL SELECT saga_id FROM saga_other_order WHERE order_id = $1)",
        |known, rng| {
            let order = &known.saga(rng).order_id;
            asked(format!("/api/v1/sagas?orderId={order}"), [order])
        },
    ),
    list(
        "by trace",
        with_step!("metadata @> jsonb_build_object('traceId', $1)"),
        |known, rng| {
            let trace = known.saga(rng).trace_id.as_deref().unwrap_or("none");
            asked(format!("/api/v1/sagas?traceId={trace}"), [trace])
        },
    ),
    one(
        "found by an event's id",
        "SELECT * FROM saga_steps WHERE event_id = $1",
        |known, rng| {
            let event = &known.saga(rng).event_id;
            asked(format!("/api/v1/search?q={event}"), [event])
        },
    ),
    list("the newest", "true", fixed!("/api/v1/sagas")),
    sorted(
        "the newest, 100 of them",
        "true",
        "started_at DESC, saga_id DESC LIMIT 100",
        fixed!("/api/v1/sagas?size=100"),
    ),
    sorted(
        "the last changed",
        "true",
        "updated_at DESC, saga_id DESC LIMIT 20",
        fixed!("/api/v1/sagas?sort=updatedAt,desc"),
    ),
    sorted(
        "page 400",
        "true",
        "started_at DESC, saga_id DESC LIMIT 20 OFFSET 8000",
        fixed!("/api/v1/sagas?page=400"),
    ),
    list(
        "from a cursor anywhere",
        "(started_at, saga_id) < ($1::timestamptz, $2)",
        |known, rng| {
            let place = known.place(rng);
            let path = format!("/api/v1/sagas?cursor={}", place.cursor);
            asked(path, [&place.started_at, &place.saga_id])
        },
    ),
    list(
        "status COMPLETED",
        "current_status = 'COMPLETED'",
        fixed!("/api/v1/sagas?status=COMPLETED"),
    ),
    list(
        "status FAILED",
        "current_status = 'FAILED'",
        fixed!("/api/v1/sagas?status=FAILED"),
    ),
    list(
        "status FAILED, from a cursor",
        "current_status = 'FAILED' AND (started_at, saga_id) < ($1::timestamptz, $2)",
        |known, rng| {
            let place = known.place(rng);
            let path = format!("/api/v1/sagas?status=FAILED&cursor={}", place.cursor);
            asked(path, [&place.started_at, &place.saga_id])
        },
    ),
    list(
        "status STARTED, which few have",
        "current_status = 'STARTED'",
        fixed!("/api/v1/sagas?status=STARTED"),
    ),
    list(
        "type ORDER_CREATION",
        "saga_type = 'ORDER_CREATION'",
        fixed!("/api/v1/sagas?sagaType=ORDER_CREATION"),
    ),
    list(
        "type REFUND, status FAILED",
        "saga_type = 'REFUND' AND current_status = 'FAILED'",
        fixed!("/api/v1/sagas?sagaType=REFUND&status=FAILED"),
    ),
    list(
        "a period",
        "started_at BETWEEN $1::timestamptz AND $2::timestamptz",
        |known, rng| {
            let [from, to] = known.period(rng);
            asked(format!("/api/v1/sagas?fromDate={from}&toDate={to}"), [&from, &to])
        },
    ),
    sorted(
        "a period, by the last change",
        "started_at BETWEEN $1::timestamptz AND $2::timestamptz",
        "updated_at, saga_id LIMIT 20",
        |known, rng| {
            let [from, to] = known.period(rng);
            let path = format!("/api/v1/sagas?fromDate={from}&toDate={to}&sort=updatedAt,asc");
            asked(path, [&from, &to])
        },
    ),
    list(
        "a period and status FAILED",
        "current_status = 'FAILED' AND started_at BETWEEN $1::timestamptz AND $2::timestamptz",
        |known, rng| {
            let [from, to] = known.period(rng);
            let path = format!("/api/v1/sagas?fromDate={from}&toDate={to}&status=FAILED");
            asked(path, [&from, &to])
        },
    ),
    list(
        "longer than a second",
        "duration_ms >= 1000",
        fixed!("/api/v1/sagas?minDuration=1s"),
    ),
    list(
        "a step that most have",
        with_step!("step = 'STOCK_RESERVED'"),
        fixed!("/api/v1/sagas?step=STOCK_RESERVED"),
    ),
    list(
        "a step that few have",
        with_step!("step = 'LOYALTY_POINTS'"),
        fixed!("/api/v1/sagas?step=LOYALTY_POINTS"),
    ),
    list(
        "a step and a status",
        concat!(
            "current_status = 'COMPENSATED' AND ",
            with_step!("step = 'PAYMENT_FAILED'")
        ),
        fixed!("/api/v1/sagas?step=PAYMENT_FAILED&status=COMPENSATED"),
    ),
    list(
        "a service that most have",
        with_step!("producer_service = 'payment-service'"),
        fixed!("/api/v1/sagas?producerService=payment-service"),
    ),
    list(
        "a service that few have",
        with_step!("producer_service = 'loyalty-service'"),
        fixed!("/api/v1/sagas?producerService=loyalty-service"),
    ),
    list(
        "a version of a service",
        with_step!("metadata @> '{\"serviceVersion\": \"2.7.1\"}'"),
        fixed!("/api/v1/sagas?serviceVersion=2.7.1"),
    ),
    list(
        "a failure reason",
        "left(failure_reason, 200) = 'CARD_DECLINED'",
        fixed!("/api/v1/sagas?failureReason=CARD_DECLINED"),
    ),
    list(
        "a failure reason that few have",
        "left(failure_reason, 200) = 'out of stock: 107'",
        fixed!("/api/v1/sagas?failureReason=out of stock: 107"),
    ),
    list("a group of failures", "failure_group = $1", |known, rng| {
        let group = known.failure_group(rng);
        asked(format!("/api/v1/sagas?failureGroup={group}"), [group])
    }),
    list(
        "a failed step",
        "failed_step = 'PAYMENT_FAILED'",
        fixed!("/api/v1/sagas?failedStep=PAYMENT_FAILED"),
    ),
    list(
        "metadata that few have",
        with_step!("metadata @> jsonb_build_object('customerId', $1)"),
        |_, rng| {
            let customer = format!("customer-{}", rng.u32(..100_000));
            asked(
                format!("/api/v1/sagas?metadata.customerId={customer}"),
                [&customer],
            )
        },
    ),
    list(
        "metadata that half have",
        with_step!("metadata @> '{\"paymentMethod\": \"CARD\"}'"),
        fixed!("/api/v1/sagas?metadata.paymentMethod=CARD"),
    ),
    list(
        "by tokens: a customer and a status",
        concat!(
            "current_status = 'COMPLETED' AND ",
            with_step!("metadata @> jsonb_build_object('customerId', $1)")
        ),
        |_, rng| {
            let customer = format!("customer-{}", rng.u32(..100_000));
            let path = format!("/api/v1/sagas?q=customerId%3A{customer}%20status%3ACOMPLETED");
            asked(path, [&customer])
        },
    ),
    list(
        "an anomaly",
        "anomalies <> '{}' AND anomalies @> '{UNKNOWN_STEP}'",
        fixed!("/api/v1/sagas?anomaly=UNKNOWN_STEP"),
    ),
    list(
        "stuck",
        "awaited_deadline < now()",
        fixed!("/api/v1/sagas?stuck=true"),
    ),
    list(
        "not stuck",
        "(awaited_deadline IS NULL OR awaited_deadline >= now())",
        fixed!("/api/v1/sagas?stuck=false"),
    ),
    list(
        "what a service owns",
        open!("awaited_services @> '{payment-service}'"),
        fixed!("/api/v1/sagas?owner=payment-service"),
    ),
    list(
        "what awaits a step",
        open!("awaited_steps @> '{PAYMENT_COMPLETED}'"),
        fixed!("/api/v1/sagas?awaits=PAYMENT_COMPLETED"),
    ),
    list(
        "what owes the compensation of a step",
        "owed_since IS NOT NULL AND outstanding @> '{STOCK_RESERVED}'",
        fixed!("/api/v1/sagas?owes=STOCK_RESERVED"),
    ),
    within("statistics of all", FIGURES, fixed!("/api/v1/sagas/statistics")),
    within("statistics of a period", FIGURES, |known, rng| {
        let [from, to] = known.period(rng);
        asked(
            format!("/api/v1/sagas/statistics?fromDate={from}&toDate={to}"),
            [],
        )
    }),
    within(
        "statistics of a type",
        FIGURES,
        fixed!("/api/v1/sagas/statistics?sagaType=ORDER_CREATION"),
    ),
    within("groups of failures", FIGURES, fixed!("/api/v1/failure-groups")),
    within("what needs attention", FIGURES, fixed!("/api/v1/attention")),
    within(
        "the flow of a type",
        FIGURES,
        fixed!("/api/v1/flow?sagaType=ORDER_CREATION"),
    ),
    within("differences of failed and other", FIGURES, |known, rng| {
        let [from, to] = known.period(rng);
        let period = format!("a.fromDate={from}&a.toDate={to}&b.fromDate={from}&b.toDate={to}");
        asked(
            format!("/api/v1/differences?a.failed=true&b.failed=false&{period}"),
            [],
        )
    }),
    within("versions", FIGURES, fixed!("/api/v1/versions")),
    within("page: overview", PAGE, fixed!("/")),
    within("page: sagas", PAGE, fixed!("/sagas")),
    within("page: failed sagas", PAGE, fixed!("/sagas?status=FAILED")),
    within("page: one saga", PAGE, |known, rng| {
        asked(format!("/sagas/{}", known.saga(rng).saga_id), [])
    }),
];
