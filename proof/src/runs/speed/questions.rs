//! What readers ask: every kind of question that the contract names, and the pages, with other values each time.

use anyhow::{Context as _, Result};
use fastrand::Rng;
use saga_types::Timestamp;
use serde_json::Value;
use sqlx::PgPool;

/// What a question may take at the 99th percentile, in milliseconds.
const ANSWER_MS: f64 = 10.0;
const STATISTICS_MS: f64 = 20.0;
const PAGE_MS: f64 = 50.0;

/// How many cursors to begin from, all over the sagas.
const CURSORS: usize = 40;

/// Values that sagas have.
pub(super) struct Known {
    sagas: Vec<(String, String, Option<String>)>,
    /// Places deep in the list.
    cursors: Vec<String>,
    now: Timestamp,
}

/// A kind of question.
pub(super) struct Question {
    pub(super) name: &'static str,
    pub(super) most_ms: f64,
    path: fn(&Known, &mut Rng) -> String,
}

impl Question {
    /// One of this kind: a path.
    pub(super) fn ask(&self, known: &Known, rng: &mut Rng) -> String {
        (self.path)(known, rng)
    }
}

impl Known {
    /// Looks around in the database, and asks the server for places in its list.
    pub(super) async fn learn(
        pool: &PgPool,
        client: &reqwest::Client,
        url: &str,
        rng: &mut Rng,
    ) -> Result<Self> {
        let some = "SELECT saga_id, order_id, last_trace_id FROM saga_instance WHERE saga_id > $1 ORDER BY saga_id LIMIT 20";
        let mut sagas = Vec::new();
        for _ in 0..50 {
            let after = format!("saga-{:04x}", rng.u16(..0xff00));
            let found: Vec<(String, String, Option<String>)> =
                sqlx::query_as(some).bind(after).fetch_all(pool).await?;
            sagas.extend(found);
        }
        let mut known = Self {
            sagas,
            cursors: Vec::new(),
            now: Timestamp::now(),
        };
        for _ in 0..CURSORS {
            let answer = client.get(format!("{url}/api/v1/sagas?toDate={}", known.moment(rng)));
            let answer: Value = serde_json::from_str(&answer.send().await?.text().await?)?;
            known
                .cursors
                .extend(answer["nextCursor"].as_str().map(str::to_owned));
        }
        known.cursors.first().context("the list gives no cursor")?;
        Ok(known)
    }

    fn saga(&self, rng: &mut Rng) -> &(String, String, Option<String>) {
        &self.sagas[rng.usize(..self.sagas.len())]
    }

    fn cursor(&self, rng: &mut Rng) -> &str {
        &self.cursors[rng.usize(..self.cursors.len())]
    }

    /// A moment within the last thirty days.
    fn moment(&self, rng: &mut Rng) -> Timestamp {
        let millis = self.now.as_millis() - rng.i64(3_600_000..29 * 86_400_000);
        Timestamp::from_millis(millis).unwrap_or(self.now)
    }

    /// A period of some hours within the last thirty days.
    fn period(&self, rng: &mut Rng) -> String {
        let from = self.moment(rng);
        let to = Timestamp::from_millis(from.as_millis() + rng.i64(1..86_400_000)).unwrap_or(from);
        format!("fromDate={from}&toDate={to}")
    }
}

macro_rules! list {
    ($filter:literal) => {
        |_, _| concat!("/api/v1/sagas?", $filter).to_owned()
    };
}

const fn answer(name: &'static str, path: fn(&Known, &mut Rng) -> String) -> Question {
    Question {
        name,
        most_ms: ANSWER_MS,
        path,
    }
}

const fn statistics(name: &'static str, path: fn(&Known, &mut Rng) -> String) -> Question {
    Question {
        name,
        most_ms: STATISTICS_MS,
        path,
    }
}

const fn page(name: &'static str, path: fn(&Known, &mut Rng) -> String) -> Question {
    Question {
        name,
        most_ms: PAGE_MS,
        path,
    }
}

pub(super) const QUESTIONS: &[Question] = &[
    answer("one saga", |known, rng| {
        format!("/api/v1/sagas/{}", known.saga(rng).0)
    }),
    answer("one saga, as of a moment", |known, rng| {
        format!("/api/v1/sagas/{}?asOf={}", known.saga(rng).0, known.now)
    }),
    answer("its steps", |known, rng| {
        format!("/api/v1/sagas/{}/steps", known.saga(rng).0)
    }),
    answer("by order", |known, rng| {
        format!("/api/v1/sagas?orderId={}", known.saga(rng).1)
    }),
    answer("by trace", |known, rng| {
        let trace = known.saga(rng).2.as_deref().unwrap_or("none");
        format!("/api/v1/sagas?traceId={trace}")
    }),
    answer("the newest", list!("")),
    answer("the newest, 100 of them", list!("size=100")),
    answer("the last changed", list!("sort=updatedAt,desc")),
    answer("page 400", list!("page=400")),
    answer("from a cursor anywhere", |known, rng| {
        format!("/api/v1/sagas?cursor={}", known.cursor(rng))
    }),
    answer("status COMPLETED", list!("status=COMPLETED")),
    answer("status FAILED", list!("status=FAILED")),
    answer("status FAILED, from a cursor", |known, rng| {
        format!("/api/v1/sagas?status=FAILED&cursor={}", known.cursor(rng))
    }),
    answer("status STARTED, which few have", list!("status=STARTED")),
    answer("type ORDER_CREATION", list!("sagaType=ORDER_CREATION")),
    answer(
        "type REFUND, status FAILED",
        list!("sagaType=REFUND&status=FAILED"),
    ),
    answer("a period", |known, rng| {
        format!("/api/v1/sagas?{}", known.period(rng))
    }),
    answer("a period, by the last change", |known, rng| {
        format!("/api/v1/sagas?{}&sort=updatedAt,asc", known.period(rng))
    }),
    answer("a period and status FAILED", |known, rng| {
        format!("/api/v1/sagas?{}&status=FAILED", known.period(rng))
    }),
    answer("a step that most have", list!("step=STOCK_RESERVED")),
    answer("a step that few have", list!("step=LOYALTY_POINTS")),
    answer(
        "a step and a status",
        list!("step=PAYMENT_FAILED&status=COMPENSATED"),
    ),
    answer(
        "a service that most have",
        list!("producerService=payment-service"),
    ),
    answer(
        "a service that few have",
        list!("producerService=loyalty-service"),
    ),
    answer("a failure reason", list!("failureReason=CARD_DECLINED")),
    answer(
        "a failure reason that few have",
        list!("failureReason=out of stock: 107"),
    ),
    answer("metadata that few have", |_, rng| {
        format!(
            "/api/v1/sagas?metadata.customerId=customer-{}",
            rng.u32(..100_000)
        )
    }),
    answer("metadata that half have", list!("metadata.paymentMethod=CARD")),
    answer("an anomaly", list!("anomaly=UNKNOWN_STEP")),
    answer("stuck", list!("stuck=true")),
    answer("not stuck", list!("stuck=false")),
    statistics("statistics of all", |_, _| "/api/v1/sagas/statistics".to_owned()),
    statistics("statistics of a period", |known, rng| {
        format!("/api/v1/sagas/statistics?{}", known.period(rng))
    }),
    statistics("statistics of a type", |_, _| {
        "/api/v1/sagas/statistics?sagaType=ORDER_CREATION".to_owned()
    }),
    page("page: overview", |_, _| "/".to_owned()),
    page("page: sagas", |_, _| "/sagas".to_owned()),
    page("page: failed sagas", |_, _| "/sagas?status=FAILED".to_owned()),
    page("page: one saga", |known, rng| {
        format!("/sagas/{}", known.saga(rng).0)
    }),
];
