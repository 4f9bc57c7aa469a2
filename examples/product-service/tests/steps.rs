//! What is recorded, and how sagas stand by it, without Kafka.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use product_service::{SCHEMA, Settings, Status, Stock};
use saga_sdk::{SagaStatus, SagaType, outbox::Relay, steps};
use saga_sdk_testkit::{Recorder, expect};
use shop::{Database, DomainEvent, Handler, Topics, What, outbox};
use tempfile::TempDir;

struct Service {
    stock: Stock,
    database: Database,
    recorder: Recorder,
    _folder: TempDir,
}

impl Service {
    /// Three books that can be put back, and three pianos that cannot.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("db"), SCHEMA, Topics::default())
            .await
            .unwrap();
        let recorder = Recorder::new("product-service");
        let settings = Settings {
            stock: [("book".to_owned(), 3), ("piano".to_owned(), 3)].into(),
            unreturnable: vec!["piano".to_owned()],
        };
        let stock = Stock::new(database.clone(), recorder.client(), settings)
            .await
            .unwrap();
        Self {
            stock,
            database,
            recorder,
            _folder: folder,
        }
    }

    /// Handles an event, and lets what is recorded then out of the outbox.
    async fn hear(&self, event: &DomainEvent) {
        self.database.handle_once(&self.stock, event).await.unwrap();
        Relay::new(self.database.pool().clone(), self.recorder.client())
            .run(async {})
            .await;
    }

    async fn available(&self, sku: &str) -> i64 {
        self.stock.available(sku).await.unwrap().unwrap()
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

fn order(id: &str, sku: &str, quantity: i64) -> DomainEvent {
    let placed = What::OrderPlaced {
        sku: sku.into(),
        quantity,
        amount: 30_000,
        payment_method: "card".into(),
    };
    let (saga_id, order_id) = (format!("saga-{id}"), format!("order-{id}"));
    let upstream = Recorder::new("order-service").client();
    let saga = upstream.order(&order_id).saga(SagaType::ORDER_CREATION, saga_id);
    DomainEvent::new(order_id, placed, saga.headers())
}

fn cancelled(order: &DomainEvent) -> DomainEvent {
    order.followed_by(What::OrderCancelled {
        reason: "changed her mind".into(),
    })
}

#[tokio::test]
async fn articles_are_put_aside_and_the_next_service_hears_of_it() {
    let service = Service::new().await;
    service.hear(&order("1", "book", 2)).await;
    assert_eq!(service.available("book").await, 1);
    service
        .recorder
        .assert_saga("saga-1")
        .of_order("order-1")
        .recorded(expect::in_progress(steps::STOCK_RESERVATION).with("itemCount", 2))
        .then(expect::completed(steps::STOCK_RESERVED))
        .nothing_else();
    assert_eq!(
        service.said().await,
        [What::StockReserved {
            amount: 30_000,
            payment_method: "card".into()
        }]
    );
}

#[tokio::test]
async fn too_few_articles_fail_the_saga() {
    let service = Service::new().await;
    service.hear(&order("1", "book", 4)).await;
    assert_eq!(service.available("book").await, 3);
    service
        .recorder
        .assert_saga("saga-1")
        .recorded(expect::in_progress(steps::STOCK_RESERVATION))
        .then(expect::failed(steps::STOCK_RESERVATION_FAILED).because("out of stock: book"))
        .nothing_else();
    assert_eq!(
        service.recorder.state_of("saga-1").current_status,
        SagaStatus::Failed
    );
}

#[tokio::test]
async fn the_same_order_is_reserved_once_whatever_comes_again() {
    let service = Service::new().await;
    let placed = order("1", "book", 1);
    let same_order_in_another_event = order("1", "book", 1);
    for event in [&placed, &placed, &same_order_in_another_event] {
        service.hear(event).await;
    }
    assert_eq!(service.available("book").await, 2);
    assert_eq!(service.recorder.events().len(), 2);
}

#[tokio::test]
async fn a_cancelled_order_puts_its_articles_back_once() {
    let service = Service::new().await;
    let placed = order("1", "book", 2);
    service.hear(&placed).await;
    for _ in 0..2 {
        service.hear(&cancelled(&placed)).await;
    }
    assert_eq!(service.available("book").await, 3);
    service
        .recorder
        .assert_saga("saga-1")
        .recorded(expect::completed(steps::STOCK_RESERVED))
        .then(expect::compensated(steps::STOCK_RELEASED));
    assert_eq!(service.recorder.events().len(), 3);
    assert_eq!(
        service.recorder.state_of("saga-1").current_status,
        SagaStatus::Compensated
    );
}

#[tokio::test]
async fn articles_that_cannot_be_put_back_stay_outstanding() {
    let service = Service::new().await;
    let placed = order("1", "piano", 1);
    service.hear(&placed).await;
    service.hear(&cancelled(&placed)).await;
    assert_eq!(
        service
            .stock
            .reservation("order-1")
            .await
            .unwrap()
            .unwrap()
            .status,
        Status::Stuck
    );
    service
        .recorder
        .assert_saga("saga-1")
        .recorded(expect::completed(steps::STOCK_RESERVED))
        .never_recorded(expect::compensated(steps::STOCK_RELEASED));
}

#[tokio::test]
async fn a_cancellation_of_what_was_never_reserved_records_nothing() {
    let service = Service::new().await;
    service.hear(&cancelled(&order("1", "book", 1))).await;
    service.recorder.assert_nothing();
}

#[tokio::test]
async fn what_is_rolled_back_is_not_recorded() {
    let service = Service::new().await;
    let mut work = service.database.begin().await.unwrap();
    service
        .stock
        .handle(&mut work, &order("1", "book", 1))
        .await
        .unwrap();
    drop(work);
    service.hear(&order("2", "book", 1)).await;
    assert!(
        service
            .recorder
            .events()
            .iter()
            .all(|event| event.saga_id == *"saga-2")
    );
    assert_eq!(service.available("book").await, 2);
}
