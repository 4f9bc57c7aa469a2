//! What is recorded, and how sagas stand by it, without Kafka.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use payment_service::{Payments, SCHEMA, Settings, Status};
use saga_sdk::{SagaStatus, SagaType, steps};
use saga_sdk_testkit::{Recorder, expect};
use shop::{Database, DomainEvent, Topics, What, outbox};
use tempfile::TempDir;

struct Service {
    payments: Payments,
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
        let recorder = Recorder::new("payment-service");
        let payments = Payments::new(
            database.clone(),
            recorder.client(),
            Settings {
                limit: 100_000,
                provider_ms: 0,
            },
        );
        Self {
            payments,
            database,
            recorder,
            _folder: folder,
        }
    }

    async fn hear(&self, event: &DomainEvent) {
        self.database.handle_once(&self.payments, event).await.unwrap();
    }

    async fn status(&self) -> Status {
        self.payments.find("order-1").await.unwrap().unwrap().status
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

fn event(what: What) -> DomainEvent {
    let upstream = Recorder::new("order-service").client();
    DomainEvent::new(
        "order-1",
        what,
        upstream
            .order("order-1")
            .saga(SagaType::ORDER_CREATION, "saga-1")
            .headers(),
    )
}

fn reserved(amount: i64, method: &str) -> DomainEvent {
    event(What::StockReserved {
        amount,
        payment_method: method.into(),
    })
}

fn cancelled() -> DomainEvent {
    event(What::OrderCancelled {
        reason: "changed her mind".into(),
    })
}

#[tokio::test]
async fn a_card_pays_at_once() {
    let service = Service::new().await;
    let event = reserved(30_000, "card");
    for _ in 0..2 {
        service.hear(&event).await;
    }
    assert_eq!(service.status().await, Status::Completed);
    service
        .recorder
        .assert_saga("saga-1")
        .of_order("order-1")
        .recorded(expect::in_progress(steps::PAYMENT_INITIALIZATION).with("paymentMethod", "card"))
        .then(expect::in_progress(steps::PAYMENT_INITIALIZED))
        .then(expect::completed(steps::PAYMENT_COMPLETED))
        .nothing_else();
    assert_eq!(service.said().await, [What::PaymentCompleted]);
}

#[tokio::test]
async fn a_refused_payment_fails_for_its_reason() {
    for (amount, method, reason) in [
        (30_000, "declined", "card declined"),
        (100_001, "card", "100001 won is over the limit of 100000"),
    ] {
        let service = Service::new().await;
        service.hear(&reserved(amount, method)).await;
        service
            .recorder
            .assert_saga("saga-1")
            .recorded(expect::in_progress(steps::PAYMENT_INITIALIZATION))
            .then(expect::in_progress(steps::PAYMENT_INITIALIZED))
            .then(expect::failed(steps::PAYMENT_FAILED).because(reason))
            .nothing_else();
        assert_eq!(
            service.said().await,
            [What::PaymentFailed {
                reason: reason.into()
            }]
        );
        service.hear(&cancelled()).await;
        assert_eq!(service.status().await, Status::Failed);
    }
}

#[tokio::test]
async fn a_transfer_is_settled_once() {
    let service = Service::new().await;
    service.hear(&reserved(30_000, "transfer")).await;
    assert_eq!(service.status().await, Status::Pending);
    for _ in 0..2 {
        service.payments.settle("order-1").await.unwrap();
    }
    assert_eq!(service.said().await, [What::PaymentCompleted]);
}

#[tokio::test]
async fn money_that_came_is_refunded_once() {
    let service = Service::new().await;
    service.hear(&reserved(30_000, "card")).await;
    for _ in 0..2 {
        service.hear(&cancelled()).await;
    }
    assert_eq!(service.status().await, Status::Refunded);
    service
        .recorder
        .assert_saga("saga-1")
        .recorded(expect::completed(steps::PAYMENT_COMPLETED))
        .then(expect::compensated(steps::PAYMENT_REFUNDED))
        .recorded(expect::in_progress(steps::PAYMENT_INITIALIZATION))
        .recorded(expect::in_progress(steps::PAYMENT_INITIALIZED))
        .nothing_else();
    assert_eq!(
        service.recorder.state_of("saga-1").current_status,
        SagaStatus::Compensated
    );
}

#[tokio::test]
async fn money_that_is_awaited_is_awaited_no_more() {
    let service = Service::new().await;
    service.hear(&reserved(30_000, "transfer")).await;
    service.hear(&cancelled()).await;
    assert_eq!(
        service.payments.settle("order-1").await.unwrap().unwrap().status,
        Status::Cancelled
    );
    service
        .recorder
        .assert_saga("saga-1")
        .recorded(expect::in_progress(steps::PAYMENT_INITIALIZED))
        .then(expect::compensated(steps::PAYMENT_CANCELLED));
}

#[tokio::test]
async fn a_cancellation_that_overtakes_the_reservation_prevents_the_payment() {
    let service = Service::new().await;
    service.hear(&cancelled()).await;
    service.hear(&reserved(30_000, "card")).await;
    assert_eq!(service.status().await, Status::Cancelled);
    service.recorder.assert_nothing();
}
