//! Sagas that come unevenly: busy hours, quiet nights, failures that come together, a rare type without a definition.

use anyhow::Result;
use fastrand::Rng;
use saga_types::{Metadata, SagaEvent, SagaStatus, SagaType, Step, Timestamp, steps};

use crate::normal::population::{HOUR, Made};

/// How many sagas start within 32 hours, of which the last 24 are asked for.
pub(super) const SAGAS: u32 = 100_000;

/// The type that few sagas have.
const RARE: &str = "LOYALTY";

/// Why sagas fail, each half as often as the one before.
pub(super) const REASONS: [&str; 3] = ["CARD_DECLINED", "ACQUIRER_TIMEOUT", "FRAUD_SUSPECTED"];

/// How long compensating takes, in milliseconds.
const COMPENSATED_AFTER: i64 = 100;

pub(super) struct Saga {
    pub(super) saga_type: SagaType,
    pub(super) started: Timestamp,
    pub(super) status: SagaStatus,
    pub(super) reason: &'static str,
    /// From the first step to the second one, and from that to the last one.
    pub(super) took_ms: [i64; 2],
}

/// All sagas, as plain values and as events.
pub(super) fn sagas(rng: &mut Rng, begin: Timestamp) -> Result<(Vec<Saga>, Vec<Made>)> {
    let (mut sagas, mut made) = (Vec::new(), Vec::new());
    while sagas.len() < SAGAS as usize {
        let hour = rng.i64(0..32);
        let (is_night, is_busy) = ((10..18).contains(&hour), (20..23).contains(&hour));
        if (is_night && rng.u32(0..40) > 0) || (!is_busy && rng.u32(0..4) > 0) {
            continue;
        }
        let started = Timestamp::from_millis(begin.as_millis() + hour * HOUR + rng.i64(0..HOUR))?;
        let saga = Saga::random(rng, started, is_busy)?;
        made.push(saga.made(sagas.len())?);
        sagas.push(saga);
    }
    Ok((sagas, made))
}

impl Saga {
    fn random(rng: &mut Rng, started: Timestamp, is_busy: bool) -> Result<Self> {
        let tail = rng.i64(0..1_000);
        let slow = if is_busy { 100_000 } else { 400_000 };
        let status = match rng.u32(0..if is_busy { 5 } else { 40 }) {
            0 if rng.bool() => SagaStatus::Failed,
            0 => SagaStatus::Compensated,
            _ if rng.u32(0..20) == 0 => SagaStatus::InProgress,
            _ => SagaStatus::Completed,
        };
        Ok(Self {
            saga_type: match rng.u32(0..300) {
                0 => SagaType::new(RARE)?,
                _ => SagaType::ORDER_CREATION,
            },
            started,
            status,
            reason: REASONS[[0, 0, 0, 0, 1, 1, 2][rng.usize(0..7)]],
            took_ms: [20 + tail + tail * tail * tail / slow, 50 + rng.i64(0..200)],
        })
    }

    pub(super) fn has_failed(&self) -> bool {
        matches!(self.status, SagaStatus::Failed | SagaStatus::Compensated)
    }

    /// From its start until it ended; none while it goes on.
    pub(super) fn duration_ms(&self) -> Option<i64> {
        let both = self.took_ms[0] + self.took_ms[1];
        match self.status {
            SagaStatus::Compensated => Some(both + COMPENSATED_AFTER),
            status => status.is_terminal().then_some(both),
        }
    }

    /// The steps, each with its status and how long after the start it was recorded.
    pub(super) fn path(&self) -> Vec<(Step, SagaStatus, i64)> {
        let [first, second] = self.took_ms;
        let mut path = vec![
            (steps::ORDER_CREATED, SagaStatus::Started, 0),
            (steps::STOCK_RESERVATION, SagaStatus::InProgress, first),
        ];
        if self.status == SagaStatus::Completed {
            path.push((steps::ORDER_CONFIRMED, self.status, first + second));
        }
        if self.has_failed() {
            path.push((steps::PAYMENT_FAILED, SagaStatus::Failed, first + second));
        }
        if self.status == SagaStatus::Compensated {
            let after = first + second + COMPENSATED_AFTER;
            path.push((steps::COMPENSATION_ORDER, self.status, after));
        }
        path
    }

    fn made(&self, number: usize) -> Result<Made> {
        let saga_id = format!("saga-{number}");
        let event = |(step, status, after): (Step, SagaStatus, i64)| -> Result<SagaEvent> {
            let event = SagaEvent::new(
                format!("{saga_id}-{step}").parse()?,
                saga_id.parse()?,
                format!("order-of-{saga_id}").parse()?,
                self.saga_type.clone(),
                step,
                status,
                Timestamp::from_millis(self.started.as_millis() + after)?,
            );
            Ok(match status {
                SagaStatus::Failed => {
                    let reason = format!(r#"{{"failureReason": "{}"}}"#, self.reason);
                    event.with_metadata(Metadata::parse(reason)?)
                }
                _ => event,
            })
        };
        let events = self.path().into_iter().map(event).collect::<Result<_>>();
        Ok(Made {
            events: events?,
            saga_id,
            ended_at: None,
            stalled_at: None,
        })
    }
}
