//! Metrics of the process: its tasks, its definitions, and whether other collectors agree with it.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};

use super::declare::Declare;
use crate::owners::Owners;

/// Label `task`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TaskLabel {
    task: &'static str,
}

/// Label `setting`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SettingLabel {
    /// What all collectors on a database must have in common.
    setting: &'static str,
}

/// Label `external_url`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PagesLabel {
    external_url: String,
}

/// Labels of a contact; what is not known is empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ContactLabels {
    /// The service or the saga type.
    owner: String,
    team: String,
    channel: String,
    runbook: String,
}

/// Metrics of the process.
#[derive(Debug)]
pub struct ProcessMetrics {
    tasks_ended: Family<TaskLabel, Counter>,
    /// `saga_tracker_definitions_invalid`: 1 while files of definitions are wrong, so that older ones are in force.
    pub definitions_invalid: Gauge,
    collectors_differing: Family<SettingLabel, Gauge>,
    pages: Family<PagesLabel, Gauge>,
    contacts: Family<ContactLabels, Gauge>,
}

impl ProcessMetrics {
    pub(super) fn declare(declare: &mut Declare) -> Self {
        let metrics = Self {
            tasks_ended: declare.empty(
                "saga_tracker_tasks_ended",
                "Background tasks that ended or panicked before the shutdown; each is started again, or the process ends",
            ),
            definitions_invalid: declare.empty(
                "saga_tracker_definitions_invalid",
                "1 while files of definitions are wrong, so that those loaded before are in force",
            ),
            collectors_differing: declare.empty(
                "saga_tracker_collectors_differing",
                "Other collectors on the database that run with another setting",
            ),
            pages: declare.empty(
                "saga_tracker_pages_info",
                "1, with the address at which people find the pages, for the links of alerts",
            ),
            contacts: declare.empty(
                "saga_tracker_owner_info",
                "1 for each service and saga type, with whom to ask about it, for alerts",
            ),
        };
        metrics.collectors_differ([0; 3]);
        metrics
    }

    /// Where the pages are, and whom to ask, for alerts.
    pub fn surroundings(&self, external_url: Option<&str>, owners: &Owners) {
        if let Some(url) = external_url {
            let external_url = url.to_owned();
            self.pages.get_or_create(&PagesLabel { external_url }).set(1);
        }
        for (name, contact) in owners.iter() {
            let labels = ContactLabels {
                owner: name.to_owned(),
                team: contact.team.clone(),
                channel: contact.channel.clone().unwrap_or_default(),
                runbook: contact.runbook.clone().unwrap_or_default(),
            };
            self.contacts.get_or_create(&labels).set(1);
        }
    }

    /// A background task was started: it is counted from 0, so that an alert has a series to look at.
    pub fn task_started(&self, task: &'static str) {
        self.tasks_ended.get_or_create(&TaskLabel { task }).inc_by(0);
    }

    /// A background task ended before the stop.
    pub fn task_ended(&self, task: &'static str) {
        self.tasks_ended.get_or_create(&TaskLabel { task }).inc();
    }

    /// How many other collectors run with other definitions, another redaction, other tables.
    pub fn collectors_differ(&self, counts: [usize; 3]) {
        for (setting, count) in ["definitions", "redaction", "tables"].into_iter().zip(counts) {
            let gauge = self.collectors_differing.get_or_create(&SettingLabel { setting });
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}
