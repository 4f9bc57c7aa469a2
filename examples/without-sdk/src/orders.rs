//! order-service: takes orders, and confirms or cancels them by what the other services say.

use std::collections::HashMap;

use opentelemetry::trace::SpanKind;
use opentelemetry_sdk::trace::SdkTracer;
use uuid::Uuid;

use crate::{
    event::{DomainEvent, What},
    service::{Service, Work},
};

/// What a customer asks for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The article.
    pub sku: &'static str,
    /// What it costs.
    pub amount: i64,
    /// How it is to be paid.
    pub payment_method: &'static str,
}

/// All orders.
pub struct Orders {
    pub(crate) service: Service,
    orders: HashMap<String, Status>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Open,
    Confirmed,
    Cancelled,
}

impl Orders {
    pub(crate) fn new(tracer: SdkTracer) -> Self {
        Self {
            service: Service::new(tracer),
            orders: HashMap::new(),
        }
    }

    /// Takes an order; gives its id.
    pub fn place(&mut self, wanted: &Wanted) -> String {
        let order_id = Uuid::now_v7().to_string();
        let work = self.service.request("POST /orders", &order_id);
        self.orders.insert(order_id.clone(), Status::Open);
        let placed = What::OrderPlaced {
            sku: wanted.sku.to_owned(),
            amount: wanted.amount,
            payment_method: wanted.payment_method.to_owned(),
        };
        self.service.publish(&work, placed);
        work.end();
        order_id
    }

    /// The customer does not want it any more, also when it is confirmed.
    pub fn cancel(&mut self, order_id: &str) {
        let request = self.service.request("POST /orders/{id}/cancel", order_id);
        self.give_up(&request, "cancel order", "cancelled by the customer");
        request.end();
    }

    /// It took too long.
    pub fn expire(&mut self, order_id: &str) {
        if self.orders.get(order_id) == Some(&Status::Open) {
            let timer = self.service.request("check timeouts", order_id);
            self.give_up(&timer, "expire order", "not confirmed within 0 s");
            timer.end();
        }
    }

    /// Handles what another service says of an order that is still open.
    pub fn handle(&mut self, event: &DomainEvent) -> bool {
        let Some(work) = self.service.receive(event) else {
            return true;
        };
        if self.orders.get(&event.order_id) == Some(&Status::Open) {
            match &event.what {
                What::PaymentCompleted => self.confirm(&work),
                What::StockRejected { reason } | What::PaymentFailed { reason } => {
                    self.give_up(&work, "cancel order", reason);
                }
                _ => {}
            }
        }
        self.service.handled(event, work)
    }

    fn confirm(&mut self, work: &Work) {
        let part = self.service.part(work, "confirm order", SpanKind::Internal);
        self.orders.insert(work.order_id().to_owned(), Status::Confirmed);
        self.service.publish(&part, What::OrderConfirmed);
        part.end();
    }

    fn give_up(&mut self, work: &Work, name: &'static str, reason: &str) {
        let status = self.orders.insert(work.order_id().to_owned(), Status::Cancelled);
        if status == Some(Status::Cancelled) {
            return;
        }
        let part = self.service.part(work, name, SpanKind::Internal);
        part.note("order.reason", reason);
        let reason = reason.to_owned();
        let what = match name {
            "expire order" => What::OrderExpired { reason },
            _ => What::OrderCancelled { reason },
        };
        self.service.publish(&part, what);
        part.end();
    }
}
