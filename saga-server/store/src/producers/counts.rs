//! What a transaction adds to the counts of services.

use std::collections::BTreeMap;

use saga_types::SagaEvent;

use super::{Change, ServiceCounts, producer_name, service::OTHER_STEPS, versions};
use crate::NewLetter;

/// How many services and steps of a transaction are counted apart.
const MAX_SERVICES: usize = 64;
const MAX_STEPS: usize = 64;

/// The row that counts new events; none when no service stands in them.
pub(crate) fn of_events(new: &[&SagaEvent]) -> Result<Option<String>, sqlx::Error> {
    let mut counts = Counts::default();
    for event in new {
        let service = event
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.producer_service());
        if let Some(counted) = counts.of(service) {
            let version = event
                .metadata
                .as_ref()
                .and_then(|metadata| metadata.service_version());
            if let Some(version) = version.and_then(producer_name) {
                versions::see(&mut counted.versions, version, event.recorded_at);
            }
            let step = event.step.as_str();
            let has_room = counted.steps.len() < MAX_STEPS || counted.steps.contains_key(step);
            let step = if has_room { step } else { OTHER_STEPS };
            match counted.steps.get_mut(step) {
                Some(events) => *events += 1,
                None => _ = counted.steps.insert(step.to_owned(), 1),
            }
        }
    }
    counts.row()
}

/// The row that counts new dead letters; none when no service stands in them.
pub(crate) fn of_letters<'a>(
    new: impl IntoIterator<Item = &'a NewLetter>,
) -> Result<Option<String>, sqlx::Error> {
    let mut counts = Counts::default();
    for letter in new {
        if let Some(counted) = counts.of(letter.letter.producer.as_deref()) {
            counted.dead_letters += 1;
        }
    }
    counts.row()
}

#[derive(Default)]
struct Counts(BTreeMap<String, ServiceCounts>);

impl Counts {
    fn of(&mut self, service: Option<&str>) -> Option<&mut ServiceCounts> {
        let service = producer_name(service?)?;
        if !self.0.contains_key(service) {
            if self.0.len() >= MAX_SERVICES {
                return None;
            }
            let counted = ServiceCounts {
                service: service.to_owned(),
                steps: BTreeMap::new(),
                dead_letters: 0,
                versions: BTreeMap::new(),
            };
            self.0.insert(service.to_owned(), counted);
        }
        self.0.get_mut(service)
    }

    fn row(self) -> Result<Option<String>, sqlx::Error> {
        let counted: Vec<ServiceCounts> = self.0.into_values().collect();
        if counted.is_empty() {
            return Ok(None);
        }
        super::text(&Change::Counted(counted)).map(Some)
    }
}
