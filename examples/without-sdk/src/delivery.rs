//! The events that wait for each service, and how they are delivered.

use std::collections::BTreeMap;

use crate::event::ServiceName;

/// How events are delivered while the services work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Each once, in order.
    Once,
    /// Each twice.
    Twice,
    /// What waits for a service is delivered to it backwards.
    Backwards,
    /// One of the services is dead, and the events wait for it.
    Without(ServiceName),
    /// payment-service dies while it charges a card; what it was handling waits for it.
    UntilPaymentDies,
}

/// The events that wait for each service.
#[derive(Debug)]
pub struct Deliveries<E>(BTreeMap<ServiceName, Vec<E>>);

impl<E> Default for Deliveries<E> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<E: Clone> Deliveries<E> {
    /// An event of a service waits for those that listen to it.
    pub fn publish(&mut self, from: ServiceName, event: &E) {
        for listener in listeners(from) {
            self.put_back(*listener, event.clone());
        }
    }

    /// An event waits for one service.
    pub fn put_back(&mut self, service: ServiceName, event: E) {
        self.0.entry(service).or_default().push(event);
    }

    /// Takes what is to be delivered now; nothing when all is delivered.
    pub fn next(&mut self, delivery: Delivery) -> Vec<(ServiceName, E)> {
        let mut next = Vec::new();
        for (service, waiting) in &mut self.0 {
            if delivery == Delivery::Without(*service) {
                continue;
            }
            let mut events = std::mem::take(waiting);
            if delivery == Delivery::Backwards {
                events.reverse();
            }
            for event in events {
                if delivery == Delivery::Twice {
                    next.push((*service, event.clone()));
                }
                next.push((*service, event));
            }
        }
        next
    }
}

/// Who listens to the topic of a service.
const fn listeners(service: ServiceName) -> &'static [ServiceName] {
    match service {
        ServiceName::Order => &[ServiceName::Product, ServiceName::Payment],
        ServiceName::Product => &[ServiceName::Order, ServiceName::Payment],
        ServiceName::Payment => &[ServiceName::Order],
    }
}
