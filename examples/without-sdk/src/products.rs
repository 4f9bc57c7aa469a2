//! product-service: puts articles aside when an order is placed, and back when it is given up.

use std::collections::HashMap;

use opentelemetry::trace::SpanKind;
use opentelemetry_sdk::trace::SdkTracer;

use crate::{
    event::{DomainEvent, What},
    service::{Service, Work},
};

/// The warehouse: books and pianos, of which the pianos cannot be put back, and no lamps.
pub struct Products {
    pub(crate) service: Service,
    /// What is put aside for an order.
    reservations: HashMap<String, String>,
}

impl Products {
    pub(crate) fn new(tracer: SdkTracer) -> Self {
        Self {
            service: Service::new(tracer),
            reservations: HashMap::new(),
        }
    }

    /// Handles what order-service says.
    pub fn handle(&mut self, event: &DomainEvent) -> bool {
        let Some(work) = self.service.receive(event) else {
            return true;
        };
        match &event.what {
            What::OrderPlaced {
                sku,
                amount,
                payment_method,
            } => self.reserve(&work, sku, *amount, payment_method),
            What::OrderCancelled { .. } | What::OrderExpired { .. } => self.release(&work),
            _ => {}
        }
        self.service.handled(event, work)
    }

    fn reserve(&mut self, work: &Work, sku: &str, amount: i64, payment_method: &str) {
        let part = self.service.part(work, "reserve stock", SpanKind::Internal);
        if sku == "lamp" {
            let reason = format!("out of stock: {sku}");
            part.failed(&reason);
            self.service.publish(&part, What::StockRejected { reason });
        } else {
            self.reservations
                .insert(work.order_id().to_owned(), sku.to_owned());
            let reserved = What::StockReserved {
                amount,
                payment_method: payment_method.to_owned(),
            };
            self.service.publish(&part, reserved);
        }
        part.end();
    }

    fn release(&mut self, work: &Work) {
        let Some(sku) = self.reservations.get(work.order_id()) else {
            return;
        };
        let part = self.service.part(work, "release stock", SpanKind::Internal);
        if sku == "piano" {
            part.failed("a piano cannot be put back");
        } else {
            self.reservations.remove(work.order_id());
            self.service.publish(&part, What::StockReleased);
        }
        part.end();
    }
}
