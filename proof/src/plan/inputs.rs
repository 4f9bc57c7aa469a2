//! What the plans are calculated from: measured figures, each with where it was measured, and assumptions.

use crate::report::Table;

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Inputs {
    /// Processor time of a collector for an event, in large batches, in microseconds (speed p4)
    #[arg(long, value_name = "MICROS", default_value_t = 7.3)]
    pub(super) collector_micros: f64,
    /// Processor time of PostgreSQL for an event, in large batches, in microseconds (speed p4)
    #[arg(long, value_name = "MICROS", default_value_t = 20.2)]
    pub(super) database_micros: f64,
    /// How many times as much an event costs in the small batches of a collector without lag
    #[arg(long, value_name = "FACTOR", default_value_t = 3.0)]
    pub(super) small_batches: f64,
    /// PostgreSQL's disk for an event, with its share of the saga and all indexes, in bytes (fill)
    #[arg(long, value_name = "BYTES", default_value_t = 1400.0)]
    pub(super) stored_bytes: f64,
    /// Write-ahead log for an event, in bytes; an assumption: with every row and index entry once, and half as much again for full pages
    #[arg(long, value_name = "BYTES", default_value_t = 2100.0)]
    pub(super) log_bytes: f64,
    /// The archive's disk for an event, in bytes (P9)
    #[arg(long, value_name = "BYTES", default_value_t = 90.0)]
    pub(super) archived_bytes: f64,
    /// A record on the topic, in bytes; a handful of keys of metadata
    #[arg(long, value_name = "BYTES", default_value_t = 350.0)]
    pub(super) record_bytes: f64,
}

impl Inputs {
    pub(super) fn table(&self) -> Table {
        let mut table = Table::new("Inputs", &["what", "for an event", "from"]);
        for (what, value, unit, from) in [
            (
                "collector, large batches",
                self.collector_micros,
                "µs",
                "speed p4",
            ),
            (
                "PostgreSQL, large batches",
                self.database_micros,
                "µs",
                "speed p4",
            ),
            ("small batches", self.small_batches, "times", "speed p4"),
            ("PostgreSQL's disk", self.stored_bytes, "bytes", "fill"),
            ("write-ahead log", self.log_bytes, "bytes", "assumed"),
            ("archive", self.archived_bytes, "bytes", "P9"),
            ("record on the topic", self.record_bytes, "bytes", "fill's events"),
        ] {
            table.row(what, [format!("{value} {unit}").into(), from.into()]);
        }
        table
    }

    /// Events a second that a processor of a collector takes in large batches.
    pub(super) fn collected_by_processor(&self) -> f64 {
        1e6 / self.collector_micros
    }

    /// Events a second that a processor of PostgreSQL takes in large batches.
    pub(super) fn stored_by_processor(&self) -> f64 {
        1e6 / self.database_micros
    }
}
