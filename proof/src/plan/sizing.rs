//! How many machines, partitions and bytes a rate needs that lasts all day.

use serde_json::Value;

use super::inputs::Inputs;
use crate::report::Table;

const DAY: f64 = 86_400.0;
const TB: f64 = 1e12;

/// Copies of each record on the topic, and of each row: primary and standby.
const RECORD_COPIES: f64 = 3.0;
const ROW_COPIES: f64 = 2.0;

/// Processors are half idle: for the busy hour, and for catching up.
const UTILIZATION: f64 = 0.5;

pub(super) const COLLECTOR_PROCESSORS: f64 = 4.0;
pub(super) const WORKER_PROCESSORS: f64 = 16.0;
const WORKER_TB: f64 = 16.0;
const BROKER_TB: f64 = 10.0;

/// Three zones, and as many machines in each.
pub(super) const ZONES: usize = 3;

/// What is decided for a rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) rate: f64,
    /// How long sagas are in PostgreSQL; after that they are in the archive.
    pub(super) stored_days: f64,
    /// How long records are on the topic.
    pub(super) topic_days: f64,
}

pub(super) const PLANS: [Plan; 3] = [
    Plan {
        rate: 1_000.0,
        stored_days: 90.0,
        topic_days: 30.0,
    },
    Plan {
        rate: 100_000.0,
        stored_days: 7.0,
        topic_days: 3.0,
    },
    Plan {
        rate: 1_000_000.0,
        stored_days: 1.0,
        topic_days: 1.0,
    },
];

/// What follows from it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizing {
    pub(super) plan: Plan,
    pub(super) collector_busy: f64,
    pub(super) database_busy: f64,
    pub(super) collectors: usize,
    pub(super) workers: usize,
    pub(super) brokers: usize,
    pub(super) partitions: usize,
    pub(super) topic_tb: f64,
    pub(super) stored_tb: f64,
    pub(super) archived_tb_a_year: f64,
    pub(super) log_mb_a_second: f64,
    pub(super) between_zones_tb_a_month: f64,
}

impl Sizing {
    pub(super) fn of(plan: Plan, inputs: &Inputs) -> Self {
        let rate = plan.rate;
        let collector_busy = rate * inputs.small_batches / inputs.collected_by_processor();
        let database_busy = rate * inputs.small_batches / inputs.stored_by_processor();
        let topic_tb = rate * inputs.record_bytes * DAY * plan.topic_days * RECORD_COPIES / TB;
        let stored_tb = rate * inputs.stored_bytes * DAY * plan.stored_days * ROW_COPIES / TB;
        let collectors = machines(collector_busy, COLLECTOR_PROCESSORS).max(2);
        // Each beside its standby.
        let by_disk = stored_tb / ROW_COPIES / WORKER_TB;
        let workers = machines(database_busy, WORKER_PROCESSORS)
            .max(count(by_disk))
            .max(1);
        // Two for the sake of failures; where one could not do it alone, as many in each zone.
        let collectors = if collector_busy > 1.0 {
            in_zones(collectors)
        } else {
            collectors
        };
        // A producer, a follower and a collector are in another zone than the leader in two of three cases; one copy of each row is.
        let share = 2.0 / 3.0;
        let between =
            inputs.record_bytes * (share + 2.0 + share) + inputs.log_bytes + inputs.stored_bytes * share;
        Self {
            plan,
            collector_busy,
            database_busy,
            collectors,
            workers: if workers > 1 { in_zones(workers) } else { workers },
            brokers: in_zones(count(topic_tb / BROKER_TB)),
            partitions: (2 * collectors).next_multiple_of(6),
            topic_tb,
            stored_tb,
            archived_tb_a_year: rate * inputs.archived_bytes * DAY * 365.0 / TB,
            log_mb_a_second: rate * inputs.log_bytes / 1e6,
            between_zones_tb_a_month: rate * between * DAY * 30.0 / TB,
        }
    }
}

fn machines(busy: f64, processors: f64) -> usize {
    count(busy / (processors * UTILIZATION))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a small positive number"
)]
fn count(value: f64) -> usize {
    value.ceil().max(0.0) as usize
}

fn in_zones(machines: usize) -> usize {
    machines.max(ZONES).next_multiple_of(ZONES)
}

pub(super) fn table(inputs: &Inputs) -> Table {
    let sizes = PLANS.map(|plan| Sizing::of(plan, inputs));
    let title = "What a rate needs that lasts all day";
    let rates = sizes.map(|size| format!("{:.0} events/s", size.plan.rate));
    let [first, second, third] = &rates;
    let mut table = Table::new(title, &["what", first, second, third]);
    let mut row = |what: &str, value: fn(&Sizing) -> Value| table.row(what, sizes.iter().map(value));
    row("collectors: processors that are busy", |size| {
        size.collector_busy.into()
    });
    row("collectors, of 4 processors", |size| size.collectors.into());
    row("partitions", |size| size.partitions.into());
    row("PostgreSQL: processors that are busy", |size| {
        size.database_busy.into()
    });
    row(
        "PostgreSQL: machines of 16 processors and 16 TB, each with a standby",
        |size| size.workers.into(),
    );
    row("PostgreSQL: days that sagas stay", |size| {
        size.plan.stored_days.into()
    });
    row("PostgreSQL: disk with standbys, TB", |size| size.stored_tb.into());
    row("PostgreSQL: write-ahead log, MB/s", |size| {
        size.log_mb_a_second.into()
    });
    row("Kafka: brokers of 10 TB", |size| size.brokers.into());
    row("Kafka: days that records stay", |size| {
        size.plan.topic_days.into()
    });
    row("Kafka: disk, three copies, TB", |size| size.topic_tb.into());
    row("archive: TB a year", |size| size.archived_tb_a_year.into());
    row("traffic between zones, TB a month", |size| {
        size.between_zones_tb_a_month.into()
    });
    table
}
