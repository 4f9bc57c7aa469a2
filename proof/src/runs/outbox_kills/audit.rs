//! What is on the topic, compared with what was committed.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use rdkafka::{Message as _, message::BorrowedMessage};
use saga_types::{SagaEvent, avro};

use super::TOPIC;
use crate::{
    accounting::Bits,
    events::Plan,
    parts::Parts,
    report::{Report, Table},
    topic,
};

/// What was found.
pub(crate) struct Found {
    published: usize,
    first_comings: Bits,
    lost: usize,
    out_of_order: usize,
    rolled_back: usize,
    /// Not as they were written, or never written at all.
    strange: Vec<String>,
}

/// An event as it was written, with its number in the plan, and its saga's.
struct Written {
    number: usize,
    saga: usize,
    event: SagaEvent,
}

/// Reads the whole topic. Every event of the plan was committed.
pub(crate) fn topic(parts: &Parts, plan: &Plan, rolled_back: &[String]) -> Result<Found> {
    let mut written = written(plan)?;
    let rolled_back: HashSet<&str> = rolled_back.iter().map(String::as_str).collect();
    let mut found = Found {
        published: 0,
        first_comings: Bits::new(plan.events()),
        lost: 0,
        out_of_order: 0,
        rolled_back: 0,
        strange: Vec::new(),
    };
    // Of each saga, the number of the event that must come next for the first time.
    let mut next: Vec<usize> = (0..plan.sagas()).map(|saga| plan.numbers(saga).start).collect();
    topic::read(&parts.bootstrap_servers, TOPIC, |record| {
        found.published += 1;
        let event = avro::decode_single_object(record.payload().unwrap_or_default())?;
        match written.get_mut(event.event_id.as_str()) {
            Some(written) => found.take(record, &event, written, &mut next),
            None if rolled_back.contains(event.event_id.as_str()) => found.rolled_back += 1,
            None => found.strange.push(format!("never written: {event:?}")),
        }
        Ok(())
    })?;
    found.lost = plan.events() - found.first_comings.count();
    Ok(found)
}

fn written(plan: &Plan) -> Result<HashMap<String, Written>> {
    let mut written = HashMap::with_capacity(plan.events());
    for saga in 0..plan.sagas() {
        for (number, event) in plan.numbers(saga).zip(plan.saga(saga)?) {
            written.insert(event.event_id.to_string(), Written { number, saga, event });
        }
    }
    Ok(written)
}

impl Found {
    fn take(
        &mut self,
        record: &BorrowedMessage<'_>,
        event: &SagaEvent,
        written: &mut Written,
        next: &mut [usize],
    ) {
        // When the event was built is all that the plan leaves open; a copy must say the same.
        if self.first_comings.set(written.number) {
            written.event.event_timestamp = event.event_timestamp;
            self.out_of_order += usize::from(next[written.saga] != written.number);
            next[written.saga] = written.number + 1;
        }
        if written.event != *event || record.key() != Some(event.saga_id.as_str().as_bytes()) {
            self.strange
                .push(format!("{event:?} instead of {:?}", written.event));
        }
    }

    pub(crate) fn figures(&self, table: &mut Table) {
        table.figure("records on the topic", self.published);
        table.figure("of them duplicates", self.published - self.first_comings.count());
        table.figure("lost", self.lost);
        table.figure("out of order", self.out_of_order);
    }

    pub(crate) fn promises(&self, report: &mut Report) {
        report.promise_none("no committed event is lost", self.lost, &[]);
        report.promise_none(
            "no event that was rolled back is published",
            self.rolled_back,
            &[],
        );
        report.promise_none(
            "the first comings of a saga's events are in order",
            self.out_of_order,
            &[],
        );
        report.promise_none(
            "every event is as it was written",
            self.strange.len(),
            &self.strange[..self.strange.len().min(3)],
        );
    }
}
