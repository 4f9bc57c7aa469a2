//! All three services, and what they have published.

use crate::{
    delivery::{Deliveries, Delivery},
    event::{DomainEvent, ServiceName},
    orders::Orders,
    payments::Payments,
    products::Products,
    spans::Tracing,
};

/// All three services.
pub struct Shop {
    /// order-service.
    pub orders: Orders,
    /// product-service.
    pub products: Products,
    /// payment-service.
    pub payments: Payments,
    deliveries: Deliveries<DomainEvent>,
    published: Vec<DomainEvent>,
}

impl Shop {
    /// Services without any order, which are traced.
    #[must_use]
    pub fn new(tracing: &Tracing) -> Self {
        Self {
            orders: Orders::new(tracing.tracer(ServiceName::Order)),
            products: Products::new(tracing.tracer(ServiceName::Product)),
            payments: Payments::new(tracing.tracer(ServiceName::Payment)),
            deliveries: Deliveries::default(),
            published: Vec::new(),
        }
    }

    /// The services work until nothing is left to be delivered.
    pub fn work(&mut self, delivery: Delivery) {
        let mut not_handled = Vec::new();
        loop {
            self.collect();
            let next = self.deliveries.next(delivery);
            if next.is_empty() {
                break;
            }
            for (service, event) in next {
                let is_handled = match service {
                    ServiceName::Order => self.orders.handle(&event),
                    ServiceName::Product => self.products.handle(&event),
                    ServiceName::Payment => self
                        .payments
                        .handle(&event, delivery == Delivery::UntilPaymentDies),
                };
                if !is_handled {
                    not_handled.push((service, event));
                }
            }
        }
        for (service, event) in not_handled {
            self.deliveries.put_back(service, event);
        }
    }

    /// Everything that was published.
    #[must_use]
    pub fn published(mut self) -> Vec<DomainEvent> {
        self.collect();
        self.published
    }

    /// What was published goes to those who listen.
    fn collect(&mut self) {
        let services = [
            &mut self.orders.service,
            &mut self.products.service,
            &mut self.payments.service,
        ];
        for event in services.into_iter().flat_map(|service| service.take_published()) {
            self.deliveries.publish(event.what.service(), &event);
            self.published.push(event);
        }
    }
}
