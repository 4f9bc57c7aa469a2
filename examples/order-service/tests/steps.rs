//! What is recorded, and how sagas stand by it, without Kafka.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use order_service::{NewOrder, Order, Orders, SCHEMA, Status};
use saga_sdk::{SagaStatus, steps};
use saga_sdk_testkit::{Recorder, expect};
use shop::{Database, DomainEvent, Topics, What, outbox};
use tempfile::TempDir;

struct Service {
    orders: Orders,
    database: Database,
    recorder: Recorder,
    _folder: TempDir,
}

impl Service {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("db"), SCHEMA, Topics::default())
            .await
            .unwrap();
        let recorder = Recorder::new("order-service");
        let orders = Orders::new(database.clone(), recorder.client());
        Self {
            orders,
            database,
            recorder,
            _folder: folder,
        }
    }

    async fn place(&self) -> Order {
        let new = NewOrder {
            customer_id: "C-17".into(),
            sku: "book".into(),
            quantity: 2,
            amount: 30_000,
            payment_method: "card".into(),
        };
        self.orders.place(new).await.unwrap()
    }

    async fn hear(&self, order: &Order, what: What) -> DomainEvent {
        let event = DomainEvent::new(&order.order_id, what, shop::Headers::new());
        self.hear_again(&event).await;
        event
    }

    async fn hear_again(&self, event: &DomainEvent) {
        self.database.handle_once(&self.orders, event).await.unwrap();
    }

    async fn status(&self, order: &Order) -> Status {
        self.orders.find(&order.order_id).await.unwrap().unwrap().status
    }

    async fn said(&self) -> Vec<What> {
        outbox::pending(&self.database)
            .await
            .unwrap()
            .into_iter()
            .map(|(_, event)| event.what)
            .collect()
    }
}

fn reserved() -> What {
    What::StockReserved {
        amount: 30_000,
        payment_method: "card".into(),
    }
}

#[tokio::test]
async fn an_order_that_is_paid_is_confirmed() {
    let service = Service::new().await;
    let order = service.place().await;
    service.hear(&order, reserved()).await;
    service.hear(&order, What::PaymentCompleted).await;

    assert_eq!(service.status(&order).await, Status::Confirmed);
    service
        .recorder
        .assert_saga(&order.saga_id)
        .of_order(&order.order_id)
        .recorded(
            expect::started(steps::ORDER_CREATED)
                .with("customerId", "C-17")
                .with("orderAmount", 30_000),
        )
        .then(expect::in_progress(steps::STOCK_RESERVED))
        .then(expect::in_progress(steps::PAYMENT_COMPLETED))
        .then(expect::completed(steps::ORDER_CONFIRMED))
        .nothing_else();
    assert_eq!(
        service.recorder.state_of(&order.saga_id).current_status,
        SagaStatus::Completed
    );
}

#[tokio::test]
async fn events_that_come_again_change_nothing() {
    let service = Service::new().await;
    let order = service.place().await;
    let first = service.hear(&order, reserved()).await;
    let second = service.hear(&order, What::PaymentCompleted).await;
    let steps = service.recorder.events().len();
    for event in [&first, &second, &first] {
        service.hear_again(event).await;
    }
    assert_eq!(service.recorder.events().len(), steps);
}

#[tokio::test]
async fn payment_that_is_heard_of_before_stock_implies_it() {
    let service = Service::new().await;
    let order = service.place().await;
    service.hear(&order, What::PaymentCompleted).await;
    service.hear(&order, reserved()).await;
    service
        .recorder
        .assert_saga(&order.saga_id)
        .recorded(expect::started(steps::ORDER_CREATED))
        .then(expect::in_progress(steps::STOCK_RESERVED))
        .then(expect::in_progress(steps::PAYMENT_COMPLETED))
        .then(expect::completed(steps::ORDER_CONFIRMED))
        .nothing_else();
}

#[tokio::test]
async fn an_order_without_stock_is_cancelled_for_that_reason() {
    let service = Service::new().await;
    let order = service.place().await;
    service
        .hear(
            &order,
            What::StockRejected {
                reason: "out of stock: book".into(),
            },
        )
        .await;
    service
        .recorder
        .assert_saga(&order.saga_id)
        .recorded(expect::started(steps::ORDER_CREATED))
        .then(expect::failed(steps::ORDER_CANCELLED).because("out of stock: book"))
        .nothing_else();
    assert!(service.said().await.contains(&What::OrderCancelled {
        reason: "out of stock: book".into()
    }));
}

#[tokio::test]
async fn a_refused_payment_leaves_the_stock_to_be_released() {
    let service = Service::new().await;
    let order = service.place().await;
    service.hear(&order, reserved()).await;
    service
        .hear(
            &order,
            What::PaymentFailed {
                reason: "card declined".into(),
            },
        )
        .await;
    let state = service.recorder.state_of(&order.saga_id);
    assert_eq!(state.current_status, SagaStatus::Failed);
    assert_eq!(state.failure_reason.as_deref(), Some("card declined"));
    assert_eq!(state.outstanding_compensations, [steps::STOCK_RESERVED]);
}

#[tokio::test]
async fn an_order_that_takes_too_long_is_given_up_once() {
    let service = Service::new().await;
    let order = service.place().await;
    assert_eq!(service.orders.expire(Duration::from_mins(1)).await.unwrap(), 0);
    assert_eq!(service.orders.expire(Duration::ZERO).await.unwrap(), 1);
    assert_eq!(service.orders.expire(Duration::ZERO).await.unwrap(), 0);
    service.hear(&order, What::PaymentCompleted).await;
    service
        .recorder
        .assert_saga(&order.saga_id)
        .recorded(expect::started(steps::ORDER_CREATED))
        .then(expect::failed(steps::ORDER_TIMEOUT).because("not confirmed within 0 s"))
        .nothing_else();
    assert_eq!(service.status(&order).await, Status::Cancelled);
}

#[tokio::test]
async fn a_confirmed_order_can_be_cancelled_once() {
    let service = Service::new().await;
    let order = service.place().await;
    service.hear(&order, What::PaymentCompleted).await;
    for _ in 0..2 {
        let cancelled = service.orders.cancel(&order.order_id).await.unwrap().unwrap();
        assert_eq!(cancelled.status, Status::Cancelled);
    }
    let state = service.recorder.state_of(&order.saga_id);
    assert_eq!(state.current_status, SagaStatus::Failed);
    assert_eq!(state.failed_step, Some(steps::ORDER_CANCELLED));
    let cancellations = service
        .said()
        .await
        .into_iter()
        .filter(|what| matches!(what, What::OrderCancelled { .. }));
    assert_eq!(cancellations.count(), 1);
}

#[tokio::test]
async fn an_order_goes_on_when_the_tracker_refuses_everything() {
    let service = Service::new().await;
    service.recorder.reject_all(true);
    let order = service.place().await;
    service.hear(&order, What::PaymentCompleted).await;
    assert_eq!(service.status(&order).await, Status::Confirmed);
    service.recorder.assert_nothing();
}
