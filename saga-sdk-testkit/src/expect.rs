//! What a test expects of an event.
//!
//! ```
//! use saga_sdk_testkit::expect;
//! use saga_sdk::steps;
//!
//! let expected = expect::failed(steps::PAYMENT_FAILED).because("card declined").with("retryCount", 2);
//! assert_eq!(
//!     expected.to_string(),
//!     r#"PAYMENT_FAILED FAILED with failureReason="card declined", retryCount=2"#
//! );
//! ```

use std::fmt;

use saga_types::{SagaEvent, SagaStatus, Step, keys};
use serde::Serialize;
use serde_json::Value;

/// What a test expects of an event. What it does not name may be anything.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    step: Step,
    status: SagaStatus,
    metadata: Vec<(String, Value)>,
}

/// A `STARTED` event of the step.
#[must_use]
pub fn started(step: impl Into<Step>) -> Expected {
    event(step, SagaStatus::Started)
}

/// An `IN_PROGRESS` event of the step.
#[must_use]
pub fn in_progress(step: impl Into<Step>) -> Expected {
    event(step, SagaStatus::InProgress)
}

/// A `COMPLETED` event of the step.
#[must_use]
pub fn completed(step: impl Into<Step>) -> Expected {
    event(step, SagaStatus::Completed)
}

/// A `FAILED` event of the step.
#[must_use]
pub fn failed(step: impl Into<Step>) -> Expected {
    event(step, SagaStatus::Failed)
}

/// A `COMPENSATED` event of the step.
#[must_use]
pub fn compensated(step: impl Into<Step>) -> Expected {
    event(step, SagaStatus::Compensated)
}

/// An event of the step in any status given.
#[must_use]
pub fn event(step: impl Into<Step>, status: SagaStatus) -> Expected {
    Expected {
        step: step.into(),
        status,
        metadata: Vec::new(),
    }
}

impl Expected {
    /// Expects an entry of the metadata.
    ///
    /// # Panics
    ///
    /// When the value cannot be written as JSON.
    #[must_use]
    #[track_caller]
    pub fn with(mut self, key: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).expect("an expected value can be written as JSON");
        self.metadata.push((key.to_owned(), value));
        self
    }

    /// Expects a reason of failure.
    #[must_use]
    pub fn because(self, reason: &str) -> Self {
        self.with(keys::FAILURE_REASON, reason)
    }

    /// Expects the service that recorded the event.
    #[must_use]
    pub fn by(self, service: &str) -> Self {
        self.with(keys::PRODUCER_SERVICE, service)
    }

    /// What of an event is not as expected; nothing when it matches.
    pub(crate) fn differences(&self, event: &SagaEvent) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare =
            |what: &str, expected: &dyn fmt::Display, seen: &dyn fmt::Display, is_same: bool| {
                if !is_same {
                    differences.push(format!("{what}: expected {expected}, seen {seen}"));
                }
            };
        compare("step", &self.step, &event.step, self.step == event.step);
        compare("status", &self.status, &event.status, self.status == event.status);
        let seen = event
            .metadata
            .as_ref()
            .map(saga_types::Metadata::to_object)
            .unwrap_or_default();
        for (key, expected) in &self.metadata {
            match seen.get(key) {
                Some(seen) => compare(key, expected, seen, is_same(expected, seen)),
                None => compare(key, expected, &"nothing", false),
            }
        }
        differences
    }

    /// How far an event is from what is expected: another step weighs more than another status, and that more than a
    /// value of the metadata.
    pub(crate) fn distance(&self, event: &SagaEvent) -> usize {
        let step = if self.step == event.step { 0 } else { 100 };
        let status = if self.status == event.status { 0 } else { 50 };
        step + status + self.differences(event).len()
    }
}

/// `1` and `1.0` are equal.
fn is_same(expected: &Value, seen: &Value) -> bool {
    expected == seen
        || matches!((expected.as_f64(), seen.as_f64()), (Some(expected), Some(seen)) if expected.total_cmp(&seen).is_eq())
}

impl fmt::Display for Expected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.step, self.status)?;
        for (index, (key, value)) in self.metadata.iter().enumerate() {
            write!(
                formatter,
                "{}{key}={value}",
                if index == 0 { " with " } else { ", " }
            )?;
        }
        Ok(())
    }
}
