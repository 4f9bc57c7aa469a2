//! Where it is reported that a stage waits for another system.

use std::sync::Arc;

use crate::{health::Health, kafka::status::ConsumerStatus};

/// Health, for its own component, and the consumer's status, which explains stalls.
#[derive(Clone)]
pub(crate) struct WaitReports {
    pub(crate) health: Arc<Health>,
    pub(crate) status: Arc<ConsumerStatus>,
}
