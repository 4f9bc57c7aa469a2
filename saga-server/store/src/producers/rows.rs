//! Rows of the tables of producers.

use saga_types::Timestamp;

use super::{Instance, Service};
use crate::{StoreError, columns::Moment, table::Keyed};

macro_rules! keyed {
    ($($row:ident of $table:literal ($($key:literal),+);)+) => {
        $(impl Keyed for $row {
            const NAME: &'static str = $table;
            const KEY: &'static [&'static str] = &[$($key),+];
        })+
    };
}

keyed! {
    ServiceRow of "producer_service" ("service");
    InstanceRow of "producer_instance" ("service", "instance");
    DetailRow of "producer_instance" ("service", "instance");
    SumRow of "producer_instance" ("service");
    LostRow of "producer_lost" ("service");
    WholeSinceRow of "producer_watch" ("only_one");
}

#[derive(sqlx::FromRow)]
pub(crate) struct ServiceRow {
    pub(crate) service: String,
    detail: String,
}

impl TryFrom<ServiceRow> for Service {
    type Error = StoreError;

    fn try_from(row: ServiceRow) -> Result<Self, StoreError> {
        Self::read(row.service, &row.detail)
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct InstanceRow {
    service: String,
    instance: String,
    detail: String,
    open: Vec<u8>,
}

impl TryFrom<InstanceRow> for Instance {
    type Error = StoreError;

    fn try_from(row: InstanceRow) -> Result<Self, StoreError> {
        Self::read(row.service, row.instance, &row.detail, &row.open)
    }
}

/// An instance that is shown, for which the numbers are not needed.
#[derive(sqlx::FromRow)]
pub(crate) struct DetailRow {
    pub(super) service: String,
    instance: String,
    detail: String,
}

impl TryFrom<DetailRow> for Instance {
    type Error = StoreError;

    fn try_from(row: DetailRow) -> Result<Self, StoreError> {
        Self::read_detail(row.service, row.instance, &row.detail)
    }
}

/// How many instances a service has, and how many of their events are missing.
#[derive(sqlx::FromRow)]
pub(crate) struct SumRow {
    pub(super) service: String,
    pub(super) instances: i64,
    pub(super) lost: i64,
}

#[derive(sqlx::FromRow)]
pub(crate) struct LostRow {
    service: String,
    events: i64,
}

impl From<LostRow> for (String, u64) {
    fn from(row: LostRow) -> Self {
        (row.service, row.events.cast_unsigned())
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct WholeSinceRow {
    whole_since: Moment,
}

impl From<WholeSinceRow> for Timestamp {
    fn from(row: WholeSinceRow) -> Self {
        row.whole_since.0
    }
}
