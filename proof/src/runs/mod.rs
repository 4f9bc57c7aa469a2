//! One module for each command: what it does to the parts, and what it promises.

pub(crate) mod archive;
mod common;
pub(crate) mod dead_letters;
pub(crate) mod export;
pub(crate) mod faults;
pub(crate) mod fill;
pub(crate) mod gateway;
pub(crate) mod hostile;
pub(crate) mod outages;
pub(crate) mod outbox_kills;
pub(crate) mod produce;
mod rates;
pub(crate) mod sdk_outage;
pub(crate) mod speed;
pub(crate) mod without_sdk;
