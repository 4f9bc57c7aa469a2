//! payment-service: asks for the money when the articles are put aside, and gives it back when the order is given up.

use std::collections::HashMap;

use opentelemetry::trace::SpanKind;
use opentelemetry_sdk::trace::SdkTracer;

use crate::{
    event::{DomainEvent, What},
    service::{Service, Work},
};

/// The most that a card is charged.
const LIMIT: i64 = 1_000_000;

/// All payments, one for each order.
pub struct Payments {
    pub(crate) service: Service,
    payments: HashMap<String, Status>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Requested,
    Completed,
    Failed,
    /// Not asked for any more, given back, or never asked for.
    Over,
}

impl Payments {
    pub(crate) fn new(tracer: SdkTracer) -> Self {
        Self {
            service: Service::new(tracer),
            payments: HashMap::new(),
        }
    }

    /// Handles what the other services say. Whether it did: one that dies while it charges has to be given the event again when
    /// it is back.
    pub fn handle(&mut self, event: &DomainEvent, dies_while_it_charges: bool) -> bool {
        let Some(work) = self.service.receive(event) else {
            return true;
        };
        match &event.what {
            What::StockReserved {
                amount,
                payment_method,
            } => {
                if !self.payments.contains_key(&event.order_id) {
                    self.request_payment(&work);
                }
                // The money of a transfer comes later.
                let is_requested = self.payments.get(&event.order_id) == Some(&Status::Requested);
                if is_requested && payment_method != "transfer" {
                    if dies_while_it_charges {
                        // The span of what it was doing is never exported.
                        std::mem::forget(work);
                        return false;
                    }
                    self.charge(&work, *amount, payment_method);
                }
            }
            What::OrderCancelled { .. } | What::OrderExpired { .. } => self.give_back(&work),
            _ => {}
        }
        self.service.handled(event, work)
    }

    /// The money of a transfer has come.
    pub fn settle(&mut self, order_id: &str) {
        if self.payments.get(order_id) == Some(&Status::Requested) {
            let request = self.service.request("POST /payments/{id}/settle", order_id);
            let part = self.service.part(&request, "settle payment", SpanKind::Internal);
            self.end_with(&part, Status::Completed, What::PaymentCompleted);
            part.end();
            request.end();
        }
    }

    fn request_payment(&mut self, work: &Work) {
        let part = self.service.part(work, "request payment", SpanKind::Internal);
        self.end_with(&part, Status::Requested, What::PaymentRequested);
        part.end();
    }

    /// Stands for the payment provider.
    fn charge(&mut self, work: &Work, amount: i64, payment_method: &str) {
        let part = self.service.part(work, "charge", SpanKind::Client);
        let refusal = if amount > LIMIT {
            Some(format!("{amount} won is over the limit of {LIMIT}"))
        } else {
            (payment_method == "declined").then(|| "card declined".to_owned())
        };
        match refusal {
            Some(reason) => {
                part.failed(&reason);
                self.end_with(&part, Status::Failed, What::PaymentFailed { reason });
            }
            None => self.end_with(&part, Status::Completed, What::PaymentCompleted),
        }
        part.end();
    }

    fn give_back(&mut self, work: &Work) {
        let (name, what) = match self.payments.get(work.order_id()) {
            Some(Status::Requested) => ("cancel payment", What::PaymentCancelled),
            Some(Status::Completed) => ("refund payment", What::PaymentRefunded),
            Some(Status::Failed | Status::Over) => return,
            // The cancellation overtook the reservation, which is to find that there is nothing to pay any more.
            None => {
                self.payments.insert(work.order_id().to_owned(), Status::Over);
                return;
            }
        };
        let part = self.service.part(work, name, SpanKind::Internal);
        self.end_with(&part, Status::Over, what);
        part.end();
    }

    fn end_with(&mut self, part: &Work, status: Status, what: What) {
        self.payments.insert(part.order_id().to_owned(), status);
        self.service.publish(part, what);
    }
}
