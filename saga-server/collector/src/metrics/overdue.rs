//! What the monitor's metrics say, on the collector that watches and only while it does.

use std::{collections::BTreeMap, fmt, time::Instant};

use parking_lot::{Mutex, MutexGuard};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
};
use saga_types::definition::{Definitions, ForwardStep, SagaDefinition};

use saga_store::{Late, LateCount, Standstill};

/// Stands for names that no definition has.
const OTHER: &str = "OTHER";

/// Stands for the service of a step for which the definition names none.
const UNOWNED: &str = "none";

/// With what sagas are late: names from the definitions only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct LateLabels {
    saga_type: String,
    step: String,
    service: String,
}

/// What the monitor saw at one look.
#[derive(Debug)]
pub(crate) struct Reading {
    until: Instant,
    is_paused: bool,
    stuck: Option<BTreeMap<LateLabels, u64>>,
    overdue: Option<BTreeMap<LateLabels, u64>>,
    standstills: Option<BTreeMap<LateLabels, u64>>,
    /// How many failed sagas have something to be undone, however long.
    pub(crate) owing: u64,
}

impl Reading {
    /// Says no more than that this collector watches, until its lease ends.
    pub(crate) fn of_nothing(until: Instant, is_paused: bool) -> Self {
        Self {
            until,
            is_paused,
            stuck: None,
            overdue: None,
            standstills: None,
            owing: 0,
        }
    }

    /// Adds what was counted. What could be late and is not, is there with 0.
    pub(crate) fn count(&mut self, late: Late, counts: Vec<LateCount>, definitions: &Definitions) {
        let sagas = labelled(late, counts, definitions);
        match late {
            Late::Stuck => self.stuck = Some(sagas),
            Late::Owing => self.overdue = Some(sagas),
        }
    }

    /// The same of sagas that wait longer than ever, of which none can be judged alone.
    pub(crate) fn count_standstills(&mut self, standstills: &[Standstill], definitions: &Definitions) {
        let counts = standstills.iter().map(|standstill| LateCount {
            saga_type: standstill.saga_type.clone(),
            step: standstill.step.clone(),
            sagas: standstill.sagas,
        });
        self.standstills = Some(labelled(Late::Stuck, counts.collect(), definitions));
    }
}

fn labelled(late: Late, counts: Vec<LateCount>, definitions: &Definitions) -> BTreeMap<LateLabels, u64> {
    let mut sagas: BTreeMap<LateLabels, u64> = definitions
        .iter()
        .flat_map(|definition| possible(late, definition))
        .map(|labels| (labels, 0))
        .collect();
    for count in counts {
        *sagas.entry(labels(&count, definitions)).or_default() += count.sagas;
    }
    sagas
}

fn possible(late: Late, definition: &SagaDefinition) -> Vec<LateLabels> {
    let is_possible = |forward: &ForwardStep| match late {
        // What a saga begins with is never awaited, nor is what may be left out.
        Late::Stuck => !definition.starts_with.contains(&forward.step) && !forward.optional,
        Late::Owing => definition
            .compensations
            .iter()
            .any(|effect| effect.step == forward.step),
    };
    definition
        .forward
        .iter()
        .filter(|forward| is_possible(forward))
        .map(|forward| LateLabels {
            saga_type: definition.saga_type.as_str().to_owned(),
            step: forward.step.as_str().to_owned(),
            service: forward.service.as_deref().unwrap_or(UNOWNED).to_owned(),
        })
        .collect()
}

fn labels(count: &LateCount, definitions: &Definitions) -> LateLabels {
    let is_defined = definitions.get(&count.saga_type).is_some();
    let forward = definitions.forward_step(&count.saga_type, &count.step);
    LateLabels {
        saga_type: if is_defined {
            count.saga_type.as_str()
        } else {
            OTHER
        }
        .to_owned(),
        step: forward.map_or(OTHER, |forward| forward.step.as_str()).to_owned(),
        service: match forward {
            Some(forward) => forward.service.as_deref().unwrap_or(UNOWNED).to_owned(),
            None => OTHER.to_owned(),
        },
    }
}

/// The metrics of the monitor.
#[derive(Debug, Default)]
pub struct WatchGauges {
    reading: Mutex<Option<Reading>>,
}

impl WatchGauges {
    /// Exports this from now on. Gives whether nothing was exported before.
    pub(crate) fn publish(&self, reading: Reading) -> bool {
        self.lock().replace(reading).is_none()
    }

    /// Another collector watches, or none.
    pub(crate) fn leave(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Reading>> {
        self.reading.lock()
    }
}

impl Collector for WatchGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let reading = self.lock();
        // A process that hung must not export in place of the one that took over.
        let reading = reading.as_ref().filter(|reading| Instant::now() < reading.until);
        let mut gauge = |name, help, value: u64| {
            let value = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            value.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
        };
        gauge(
            "saga_tracker_watcher",
            "1 on the instance that watches for sagas that are late, 0 on the others",
            u64::from(reading.is_some()),
        )?;
        let Some(reading) = reading else { return Ok(()) };
        gauge(
            "saga_tracker_watch_paused",
            "1 while ingest lags, so that what is late cannot be judged",
            u64::from(reading.is_paused),
        )?;
        if reading.overdue.is_some() {
            gauge(
                "saga_tracker_sagas_to_compensate",
                "Failed sagas with pending compensations",
                reading.owing,
            )?;
        }
        encode_late(
            &mut encoder,
            "saga_tracker_stuck_sagas",
            "Sagas past a limit, by the step that is awaited and the service that owns it",
            "awaited_step",
            reading.stuck.as_ref(),
        )?;
        encode_late(
            &mut encoder,
            "saga_tracker_standstill_sagas",
            "Sagas without a limit that wait longer than any before, while others make no progress either, by the step that is awaited",
            "awaited_step",
            reading.standstills.as_ref(),
        )?;
        encode_late(
            &mut encoder,
            "saga_tracker_compensations_overdue",
            "Compensations that are overdue, by the step that is not compensated and the service that owns it",
            "step",
            reading.overdue.as_ref(),
        )
    }
}

fn encode_late(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    step_label: &str,
    sagas: Option<&BTreeMap<LateLabels, u64>>,
) -> fmt::Result {
    let Some(sagas) = sagas else { return Ok(()) };
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (late, count) in sagas {
        let labels = [
            ("saga_type", late.saga_type.as_str()),
            (step_label, late.step.as_str()),
            ("service", late.service.as_str()),
        ];
        let value = ConstGauge::new(i64::try_from(*count).unwrap_or(i64::MAX));
        value.encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use saga_types::{SagaType, Step, steps};

    use super::*;
    use crate::metrics::Metrics;

    fn count(saga_type: &str, step: Step, sagas: u64) -> LateCount {
        LateCount {
            saga_type: SagaType::new(saga_type).unwrap(),
            step,
            sagas,
        }
    }

    fn lines(metrics: &Metrics) -> Vec<String> {
        let page = metrics.render();
        let lines = page.lines().filter(|line| {
            [
                "saga_tracker_watch",
                "saga_tracker_stuck",
                "saga_tracker_standstill",
                "saga_tracker_comp",
            ]
            .iter()
            .any(|name| line.starts_with(name))
                && !line.ends_with(" 0")
        });
        lines.map(str::to_owned).collect()
    }

    #[test]
    fn what_is_late_is_labelled_with_names_of_the_definitions_only() {
        let metrics = Metrics::new([]);
        let mut reading = Reading::of_nothing(Instant::now() + Duration::from_secs(600), false);
        let definitions = Definitions::built_in();
        let stuck = vec![
            count("ORDER_CREATION", steps::STOCK_RESERVED, 3),
            count("ORDER_CREATION", Step::from_wire("GONE").unwrap(), 2),
            count("MADE_UP", steps::STOCK_RESERVED, 4),
            count("MADE_UP_TOO", steps::STOCK_RESERVED, 1),
        ];
        reading.count(Late::Stuck, stuck, &definitions);
        let standstill = Standstill {
            saga_type: SagaType::ORDER_CREATION,
            after: None,
            step: steps::ORDER_CONFIRMED,
            sagas: 9,
            since: saga_types::Timestamp::MIN,
            usual_p50_ms: 70,
            others_p50_ms: None,
        };
        reading.count_standstills(&[standstill], &definitions);
        let overdue = vec![count("ORDER_CREATION", steps::PAYMENT_COMPLETED, 7)];
        reading.count(Late::Owing, overdue, &definitions);
        metrics.sagas.watch.publish(reading);
        assert_eq!(
            lines(&metrics),
            [
                "saga_tracker_watcher 1",
                r#"saga_tracker_stuck_sagas{saga_type="ORDER_CREATION",awaited_step="OTHER",service="OTHER"} 2"#,
                r#"saga_tracker_stuck_sagas{saga_type="ORDER_CREATION",awaited_step="STOCK_RESERVED",service="product-service"} 3"#,
                r#"saga_tracker_stuck_sagas{saga_type="OTHER",awaited_step="OTHER",service="OTHER"} 5"#,
                r#"saga_tracker_standstill_sagas{saga_type="ORDER_CREATION",awaited_step="ORDER_CONFIRMED",service="order-service"} 9"#,
                r#"saga_tracker_compensations_overdue{saga_type="ORDER_CREATION",step="PAYMENT_COMPLETED",service="payment-service"} 7"#,
            ]
        );
        let nothing = r#"saga_tracker_stuck_sagas{saga_type="PAYMENT_COMPLETION",awaited_step="PAYMENT_COMPLETED",service="payment-service"} 0"#;
        assert!(metrics.render().contains(nothing));
    }

    #[test]
    fn what_was_said_ends_with_the_lease() {
        let metrics = Metrics::new([]);
        metrics
            .sagas
            .watch
            .publish(Reading::of_nothing(Instant::now(), true));
        assert_eq!(lines(&metrics), Vec::<String>::new());
        assert!(metrics.render().contains("saga_tracker_watcher 0"));
        let later = Instant::now() + Duration::from_secs(600);
        metrics.sagas.watch.publish(Reading::of_nothing(later, true));
        assert_eq!(
            lines(&metrics),
            ["saga_tracker_watcher 1", "saga_tracker_watch_paused 1"]
        );
        metrics.sagas.watch.leave();
        assert_eq!(lines(&metrics), Vec::<String>::new());
    }
}
