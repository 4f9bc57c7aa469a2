//! Very many sagas in PostgreSQL, made there: of five steps each, over thirty days, in the proportions of a busy shop.
//!
//! A thousand sagas are folded here; the others are these over again, with ids, orders, traces and times of their own. So
//! each row is the fold of its steps, and ten million steps take a few minutes. `saga-proof` makes its sagas with it, too.
#![allow(dead_code, reason = "each program uses its part of this")]

use std::ops::RangeInclusive;

use saga_types::{
    EventId, Metadata, SagaEvent,
    SagaStatus::{self, Compensated, Completed, Failed, InProgress, Started},
    SagaType, Step, Timestamp,
    definition::Definitions,
    fold::{FoldEvent, SagaFold, SagaState},
    keys, steps,
};
use sqlx::{Executor, PgConnection};

/// Over so many days the sagas start.
pub(crate) const DAYS: i64 = 30;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Who recorded which step, and how it ended.
type Recorded = (&'static str, Step, SagaStatus);

const ORDER: &str = "order-service";
const PRODUCT: &str = "product-service";
const PAYMENT: &str = "payment-service";

/// Sagas that are distinguished by their number modulo this.
const KINDS: i32 = 1000;

/// When the sagas that are multiplied start, and how far apart their steps are, as in `begin.sql`.
const BEGIN_MS: i64 = 1_000_000_000_000;
const STEP_MS: i64 = 400;

/// So many sagas, the first of which starts at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ManySagas {
    pub(crate) sagas: i32,
    pub(crate) begin: Timestamp,
}

impl ManySagas {
    /// All of them, into empty tables.
    pub(crate) async fn fill(self, connection: &mut PgConnection) -> Result<(), Error> {
        Self::begin(connection).await?;
        self.add_steps(connection, 1..=self.sagas).await?;
        self.add_sagas(connection, 1..=self.sagas).await?;
        Self::end(connection).await
    }

    /// Makes the sagas that are multiplied.
    pub(crate) async fn begin(connection: &mut PgConnection) -> Result<(), Error> {
        connection.execute(include_str!("begin.sql")).await?;
        let definitions = Definitions::built_in();
        for residue in 0..KINDS {
            let kind = Kind::of(residue)?;
            kind.add_steps(connection).await?;
            kind.add_fold(connection, &definitions).await?;
        }
        connection
            .execute("ANALYZE many_sagas_kind; ANALYZE many_sagas_step")
            .await?;
        Ok(())
    }

    /// The steps of some of the sagas, which are numbered from 1.
    pub(crate) async fn add_steps(
        self,
        connection: &mut PgConnection,
        some: RangeInclusive<i32>,
    ) -> Result<(), Error> {
        self.add(connection, include_str!("steps.sql"), some).await
    }

    /// The rows of some of the sagas themselves.
    pub(crate) async fn add_sagas(
        self,
        connection: &mut PgConnection,
        some: RangeInclusive<i32>,
    ) -> Result<(), Error> {
        self.add(connection, include_str!("sagas.sql"), some).await
    }

    async fn add(
        self,
        connection: &mut PgConnection,
        statement: &'static str,
        some: RangeInclusive<i32>,
    ) -> Result<(), Error> {
        sqlx::query(statement)
            .bind(*some.start())
            .bind(*some.end())
            .bind(self.sagas)
            .bind(self.begin.to_datetime())
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Counts the sagas for the statistics, and cleans up.
    pub(crate) async fn end(connection: &mut PgConnection) -> Result<(), Error> {
        connection.execute(include_str!("end.sql")).await?;
        Ok(())
    }
}

/// One of the sagas that are multiplied.
struct Kind {
    residue: i32,
    saga_type: SagaType,
    steps: Vec<Recorded>,
    reason: Option<String>,
}

impl Kind {
    fn of(residue: i32) -> Result<Self, Error> {
        let saga_type = match residue % 20 {
            ..15 => SagaType::ORDER_CREATION,
            15..19 => SagaType::PAYMENT_COMPLETION,
            _ => SagaType::REFUND,
        };
        let is_failing = residue % 25 == 7;
        Ok(Self {
            residue,
            steps: if saga_type == SagaType::ORDER_CREATION {
                order(residue)?
            } else {
                payment(residue)
            },
            saga_type,
            reason: is_failing.then(|| match residue / 25 % 5 {
                0 | 1 => "CARD_DECLINED".to_owned(),
                2 => "LIMIT_EXCEEDED".to_owned(),
                3 => "TIMEOUT".to_owned(),
                _ => format!("out of stock: {residue}"),
            }),
        })
    }

    fn reason_of(&self, status: SagaStatus) -> Option<&str> {
        self.reason.as_deref().filter(|_| status == Failed)
    }

    async fn add_steps(&self, connection: &mut PgConnection) -> Result<(), Error> {
        for (number, (service, step, status)) in (1..).zip(&self.steps) {
            sqlx::query("INSERT INTO many_sagas_step VALUES ($1, $2, $3, $4, $5, $6, $7)")
                .bind(self.residue)
                .bind(number)
                .bind(self.saga_type.as_str())
                .bind(step.as_str())
                .bind(status.as_str())
                .bind(*service)
                .bind(self.reason_of(*status))
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    async fn add_fold(&self, connection: &mut PgConnection, definitions: &Definitions) -> Result<(), Error> {
        let events = self.events()?;
        let fold =
            SagaFold::of(events.iter().map(FoldEvent::from).collect(), definitions).ok_or("no events")?;
        let state = fold.try_state(definitions).ok_or("another definition")?;
        let awaited = state.most_urgent();
        let owed_since = awaited.filter(|_| !state.outstanding_compensations.is_empty());
        let owed_since = owed_since.map(|awaited| (awaited.since.as_millis() - BEGIN_MS) / STEP_MS + 1);
        let mut text = serde_json::to_string(&fold)?;
        for number in 1..=i64::try_from(events.len())? {
            text = text.replace(&at(number).to_string(), &format!("@{number}@"));
        }
        sqlx::query(
            "INSERT INTO many_sagas_kind VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        )
        .bind(self.residue)
        .bind(state.saga_type.as_str())
        .bind(state.current_status.as_str())
        .bind(state.last_step.as_str())
        .bind(i32::try_from(events.len())?)
        .bind(state.ended_at.is_some())
        .bind(state.failed_step.as_ref().map(Step::as_str))
        .bind(&state.failure_reason)
        .bind(state.failure_group())
        .bind(names(&state.outstanding_compensations, Step::as_str))
        .bind(names(&state.anomalies, |anomaly| anomaly.as_str()))
        .bind(awaited.map(|awaited| awaited.step.as_str()))
        .bind(awaited.and_then(|awaited| awaited.service.as_deref()))
        .bind(deadline_ms(&state))
        .bind(owed_since.map(i32::try_from).transpose()?)
        .bind(text)
        .execute(connection)
        .await?;
        Ok(())
    }

    fn events(&self) -> Result<Vec<SagaEvent>, Error> {
        (1..)
            .zip(&self.steps)
            .map(|(number, (service, step, status))| {
                let mut metadata = Metadata::builder();
                metadata.insert(keys::PRODUCER_SERVICE, service)?;
                metadata.insert(keys::TRACE_ID, "@TRACE@")?;
                if let Some(reason) = self.reason_of(*status) {
                    metadata.insert(keys::FAILURE_REASON, reason)?;
                }
                let event = SagaEvent::new(
                    EventId::new(format!("@SAGA@-{number}"))?,
                    "@SAGA@".parse()?,
                    "@ORDER@".parse()?,
                    self.saga_type.clone(),
                    step.clone(),
                    *status,
                    Timestamp::from_millis(at(number))?,
                );
                Ok(event.with_metadata(metadata.build()?))
            })
            .collect()
    }
}

fn at(number: i64) -> i64 {
    BEGIN_MS + (number - 1) * STEP_MS
}

fn names<T>(values: &[T], name: impl Fn(&T) -> &str) -> Vec<String> {
    values.iter().map(|value| name(value).to_owned()).collect()
}

/// Of sagas that have not ended, and so have their steps at the times that were folded.
fn deadline_ms(state: &SagaState) -> Option<i64> {
    Some(state.most_urgent()?.deadline?.millis_since(state.started_at))
}

fn order(residue: i32) -> Result<Vec<Recorded>, Error> {
    let created = (ORDER, steps::ORDER_CREATED, Started);
    let reserved = (PRODUCT, steps::STOCK_RESERVED, Completed);
    let initialized = (PAYMENT, steps::PAYMENT_INITIALIZED, InProgress);
    let paid = (PAYMENT, steps::PAYMENT_COMPLETED, Completed);
    let confirmed = (ORDER, steps::ORDER_CONFIRMED, Completed);
    let failed = (PAYMENT, steps::PAYMENT_FAILED, Failed);
    let cancelled = (ORDER, steps::ORDER_CANCELLED, Failed);
    let points = ("loyalty-service", "LOYALTY_POINTS".parse()?, InProgress);
    Ok(match residue {
        _ if residue % 500 == 7 => vec![created, reserved, initialized, failed, cancelled],
        _ if residue % 50 == 7 => vec![
            created,
            (PRODUCT, steps::STOCK_RESERVATION, InProgress),
            (PAYMENT, steps::PAYMENT_INITIALIZATION, InProgress),
            initialized,
            failed,
            cancelled,
        ],
        _ if residue % 50 == 32 => vec![
            created,
            reserved,
            initialized,
            failed,
            cancelled,
            (PRODUCT, steps::STOCK_RELEASED, Compensated),
        ],
        _ if residue % 100 == 11 => vec![created, reserved, initialized, paid],
        13 => vec![created],
        _ if residue % 500 == 3 => vec![created, reserved, points, paid, confirmed],
        _ => vec![created, reserved, initialized, paid, confirmed],
    })
}

/// Payments of the second attempt.
fn payment(residue: i32) -> Vec<Recorded> {
    let mut steps = vec![
        (PAYMENT, steps::PAYMENT_INITIALIZATION, Started),
        (PAYMENT, steps::PAYMENT_INITIALIZED, InProgress),
        (PAYMENT, steps::PAYMENT_INITIALIZATION, InProgress),
        (PAYMENT, steps::PAYMENT_INITIALIZED, InProgress),
    ];
    steps.push(match residue % 25 {
        7 => (PAYMENT, steps::PAYMENT_FAILED, Failed),
        _ => (PAYMENT, steps::PAYMENT_COMPLETED, Completed),
    });
    steps
}
