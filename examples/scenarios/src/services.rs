//! The three services, in this process.

use saga_sdk::{SagaType, headers};
use serde_json::{Value, json};
use shop::{DomainEvent, Service, What};

use crate::{
    Harness, Rest,
    running::{Running, stop_signal},
};

/// An order that was placed.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The order.
    pub order_id: String,
    /// Its saga.
    pub saga_id: String,
}

impl Placed {
    /// A domain event about it.
    #[must_use]
    pub fn event(&self, what: What) -> DomainEvent {
        let headers = [
            (headers::SAGA_ID, self.saga_id.clone()),
            (headers::SAGA_TYPE, SagaType::ORDER_CREATION.to_string()),
            (headers::ORDER_ID, self.order_id.clone()),
        ];
        DomainEvent::new(&self.order_id, what, headers)
    }
}

/// The services that run, each stopped in order by [`Shop::stop`].
///
/// The warehouse has books and pianos, of which the pianos cannot be put back, and no lamps. No card is charged more than
/// a million won.
#[derive(Default)]
pub struct Shop {
    order: Option<Rest>,
    product: Option<Rest>,
    payment: Option<Rest>,
    running: Vec<Running>,
}

/// Longer than any test: orders time out only where a test says so.
const NO_TIMEOUT_MS: u64 = 600_000;

impl Shop {
    /// All three.
    pub async fn start(harness: &Harness) -> Self {
        Self::default()
            .with_order(harness)
            .await
            .with_product(harness)
            .await
            .with_payment(harness)
            .await
    }

    /// Adds order-service.
    pub async fn with_order(self, harness: &Harness) -> Self {
        self.with_impatient_order(harness, NO_TIMEOUT_MS).await
    }

    /// Adds order-service, which gives orders up after so long.
    pub async fn with_impatient_order(mut self, harness: &Harness, timeout_ms: u64) -> Self {
        let config = harness.service("order-service", order_service::Settings { timeout_ms });
        self.order = Some(self.run(order_service::start(config).await.unwrap()));
        self
    }

    /// Adds product-service.
    pub async fn with_product(self, harness: &Harness) -> Self {
        self.with_product_as(harness, true).await
    }

    /// Adds product-service, which records nothing.
    pub async fn with_untracked_product(self, harness: &Harness) -> Self {
        self.with_product_as(harness, false).await
    }

    async fn with_product_as(mut self, harness: &Harness, tracked: bool) -> Self {
        let settings = product_service::Settings {
            stock: [
                ("book".to_owned(), 1_000),
                ("piano".to_owned(), 1_000),
                ("lamp".to_owned(), 0),
            ]
            .into(),
            unreturnable: vec!["piano".to_owned()],
        };
        let mut config = harness.service("product-service", settings);
        config.platform.saga.enabled = Some(tracked);
        self.product = Some(self.run(product_service::start(config).await.unwrap()));
        self
    }

    /// Adds payment-service.
    pub async fn with_payment(self, harness: &Harness) -> Self {
        self.with_payment_as(harness, true).await
    }

    /// Adds payment-service, which records nothing.
    pub async fn with_untracked_payment(self, harness: &Harness) -> Self {
        self.with_payment_as(harness, false).await
    }

    async fn with_payment_as(mut self, harness: &Harness, tracked: bool) -> Self {
        let mut config = harness.service(
            "payment-service",
            payment_service::Settings {
                limit: 1_000_000,
                provider_ms: 0,
            },
        );
        config.platform.saga.enabled = Some(tracked);
        self.payment = Some(self.run(payment_service::start(config).await.unwrap()));
        self
    }

    fn run(&mut self, service: Service) -> Rest {
        let rest = Rest::at(service.address());
        self.running
            .push(Running::start(|stopped| service.run_until(stop_signal(stopped))));
        rest
    }

    /// Places an order of one article.
    pub async fn place(&self, sku: &str, amount: i64, payment_method: &str) -> Placed {
        let body = json!({
            "customerId": "C-17", "sku": sku, "quantity": 1, "amount": amount, "paymentMethod": payment_method,
        });
        let (status, order) = self.order().post("/orders", &body).await;
        assert_eq!(status, 201, "{order}");
        let text = |key: &str| order[key].as_str().unwrap().to_owned();
        Placed {
            order_id: text("orderId"),
            saga_id: text("sagaId"),
        }
    }

    /// Cancels an order, as the customer does.
    pub async fn cancel(&self, placed: &Placed) {
        let (status, order) = self
            .order()
            .post(&format!("/orders/{}/cancel", placed.order_id), &Value::Null)
            .await;
        assert_eq!((status, &order["status"]), (200, &json!("CANCELLED")));
    }

    /// Waits until order-service says so of the order.
    pub async fn order_is(&self, placed: &Placed, wanted: &str) {
        let path = format!("/orders/{}", placed.order_id);
        self.order()
            .wait_for(&path, wanted, |_, order| order["status"] == wanted)
            .await;
    }

    /// Waits until product-service says so of the order's reservation.
    pub async fn reservation_is(&self, placed: &Placed, wanted: &str) {
        let path = format!("/reservations/{}", placed.order_id);
        self.product()
            .wait_for(&path, wanted, |_, reservation| reservation["status"] == wanted)
            .await;
    }

    /// Waits until payment-service says so of the order's payment.
    pub async fn payment_is(&self, placed: &Placed, wanted: &str) {
        let path = format!("/payments/{}", placed.order_id);
        self.payment()
            .wait_for(&path, wanted, |_, payment| payment["status"] == wanted)
            .await;
    }

    /// The HTTP of order-service.
    #[must_use]
    pub fn order(&self) -> &Rest {
        self.order.as_ref().expect("order-service runs")
    }

    /// The HTTP of product-service.
    #[must_use]
    pub fn product(&self) -> &Rest {
        self.product.as_ref().expect("product-service runs")
    }

    /// The HTTP of payment-service.
    #[must_use]
    pub fn payment(&self) -> &Rest {
        self.payment.as_ref().expect("payment-service runs")
    }

    /// Stops all in order.
    pub async fn stop(self) {
        for running in self.running {
            running.stop().await;
        }
    }
}
