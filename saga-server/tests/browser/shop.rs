//! A tracker with what a shop leaves in it within some hours. Its sagas are named by what is to be seen on their pages.

use std::sync::Arc;

use saga_server::{EmbeddedTracker, config::Settings};
use saga_store::{Store, StoreOptions};
use saga_types::{Metadata, SagaEvent, SagaStatus, SagaType, Step, Timestamp, definition::Definitions};
use serde_json::{Value, json};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

pub(crate) struct Shop {
    pub(crate) tracker: EmbeddedTracker,
    /// The tracker's database.
    pub(crate) store: Arc<dyn Store>,
    now: Timestamp,
}

impl Shop {
    /// Open to this machine, with a history.
    pub(crate) async fn open() -> Self {
        let shop = Self::with(Settings::default()).await;
        shop.keep_history().await;
        shop.dead_letter().await;
        shop
    }

    /// With these settings, and nothing in it.
    pub(crate) async fn with(mut settings: Settings) -> Self {
        settings.listen = "127.0.0.1:0".parse().ok();
        let tracker = EmbeddedTracker::with(settings, None).await.unwrap();
        let options = StoreOptions {
            definitions: Arc::new(Definitions::built_in()),
            max_connections: 2,
        };
        let store = saga_store::connect(&tracker.info().database, options)
            .await
            .unwrap();
        Self {
            tracker,
            store,
            now: Timestamp::now(),
        }
    }

    /// The address of a path.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.tracker.url())
    }

    pub(crate) async fn close(self) {
        self.tracker.stop().await.unwrap();
    }

    /// Stores events in the order in which they are given.
    pub(crate) async fn keep(&self, events: Vec<SagaEvent>) {
        self.store.append(events.into()).await.unwrap();
    }

    /// The saga of an order; its id is also the order's, with another beginning.
    pub(crate) fn order(&self, saga_id: &str) -> Order<'_> {
        Order {
            shop: self,
            saga_id: saga_id.to_owned(),
            order_id: saga_id.replacen("order", "ORD", 1),
            saga_type: SagaType::ORDER_CREATION,
            events: Vec::new(),
        }
    }

    pub(crate) async fn keep_history(&self) {
        for number in 0..24_i64 {
            let begin = 4 * MINUTE + number * 7 * MINUTE;
            self.keep(
                self.order(&format!("order-{:04}", 9_000 - number))
                    .completed(begin),
            )
            .await;
        }
        for number in 0..5_i64 {
            let begin = 11 * MINUTE + number * 29 * MINUTE;
            self.keep(
                self.order(&format!("order-{:04}", 7_000 - number))
                    .out_of_stock(begin),
            )
            .await;
        }
        self.keep(self.order("order-completed").completed(31 * MINUTE))
            .await;
        self.keep(self.order("order-compensated").undone(52 * MINUTE))
            .await;
        // Half a minute away from both neighbours, however fast a page is opened.
        self.keep(self.order("order-owing").owing(23 * MINUTE + 30 * SECOND))
            .await;
        self.keep(self.order("order-overdue").reserving(44 * MINUTE))
            .await;
        self.keep(self.order("order-in-flight").reserving(20 * SECOND))
            .await;
        let refund = self
            .order("payment-of-order-owing")
            .of("ORD-owing", SagaType::PAYMENT_COMPLETION)
            .step(
                "payment",
                "PAYMENT_INITIALIZATION",
                "STARTED",
                21 * MINUTE,
                json!({}),
            )
            .step(
                "payment",
                "PAYMENT_FAILED",
                "FAILED",
                20 * MINUTE,
                json!({"failureReason": "CARD_DECLINED"}),
            );
        self.keep(refund.events).await;
        // The later event comes first.
        for part in self.order("order-odd").odd(78 * MINUTE) {
            self.keep(vec![part]).await;
        }
        self.keep_producers().await;
    }
}

/// Events of one saga, each so many milliseconds before now.
pub(crate) struct Order<'a> {
    shop: &'a Shop,
    saga_id: String,
    order_id: String,
    saga_type: SagaType,
    pub(crate) events: Vec<SagaEvent>,
}

impl Order<'_> {
    pub(crate) fn of(mut self, order_id: &str, saga_type: SagaType) -> Self {
        order_id.clone_into(&mut self.order_id);
        self.saga_type = saga_type;
        self
    }

    pub(crate) fn step(
        mut self,
        service: &str,
        step: &str,
        status: &str,
        ago_ms: i64,
        metadata: Value,
    ) -> Self {
        let recorded_at = Timestamp::from_millis(self.shop.now.as_millis() - ago_ms).unwrap();
        let mut event = SagaEvent::new(
            uuid::Uuid::now_v7().to_string().parse().unwrap(),
            self.saga_id.parse().unwrap(),
            self.order_id.parse().unwrap(),
            self.saga_type.clone(),
            Step::from_wire(step).unwrap(),
            status.parse::<SagaStatus>().unwrap(),
            recorded_at,
        );
        let mut entries = metadata.as_object().unwrap().clone();
        entries.insert("producerService".to_owned(), format!("{service}-service").into());
        event.metadata = Some(Metadata::from_object(&entries).unwrap());
        self.events.push(event);
        self
    }

    fn reserved(self, begin: i64) -> Self {
        let trace = json!({"traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7",
            "customerId": "C-1042", "orderAmount": 128_000, "paymentMethod": "CARD", "itemCount": 3});
        self.step("order", "ORDER_CREATED", "STARTED", begin, trace)
            .step("product", "STOCK_RESERVATION", "IN_PROGRESS", begin - 140, json!({"itemCount": 3}))
            .step(
                "product",
                "STOCK_RESERVED",
                "COMPLETED",
                begin - 420,
                json!({"warehouse": {"name": "Incheon 2", "shelves": ["A-14", "A-15", {"cold": true}]}, "itemCount": 3}),
            )
    }

    fn paying(self, begin: i64) -> Self {
        self.reserved(begin)
            .step(
                "payment",
                "PAYMENT_INITIALIZATION",
                "IN_PROGRESS",
                begin - 800,
                json!({}),
            )
            .step(
                "payment",
                "PAYMENT_INITIALIZED",
                "IN_PROGRESS",
                begin - 1_050,
                json!({"provider": "toss"}),
            )
    }

    pub(crate) fn completed(self, begin: i64) -> Vec<SagaEvent> {
        self.paying(begin)
            .step(
                "payment",
                "PAYMENT_COMPLETED",
                "COMPLETED",
                begin - 1_900,
                json!({"orderAmount": 128_000}),
            )
            .step("order", "ORDER_CONFIRMED", "COMPLETED", begin - 2_050, json!({}))
            .events
    }

    fn out_of_stock(self, begin: i64) -> Vec<SagaEvent> {
        self.step("order", "ORDER_CREATED", "STARTED", begin, json!({}))
            .step(
                "product",
                "STOCK_RESERVATION_FAILED",
                "FAILED",
                begin - 300,
                json!({"failureReason": "OUT_OF_STOCK"}),
            )
            .events
    }

    /// Declined, and the stock given back a minute and a half later.
    fn undone(self, begin: i64) -> Vec<SagaEvent> {
        self.paying(begin)
            .step(
                "payment",
                "PAYMENT_FAILED",
                "FAILED",
                begin - 2_400,
                json!({"failureReason": "CARD_DECLINED"}),
            )
            .step(
                "order",
                "ORDER_CANCELLED",
                "FAILED",
                begin - 2_700,
                json!({"failureReason": "payment failed"}),
            )
            .step(
                "product",
                "STOCK_RELEASED",
                "COMPENSATED",
                begin - 92_700,
                json!({}),
            )
            .events
    }

    /// Declined, and the stock not given back.
    fn owing(self, begin: i64) -> Vec<SagaEvent> {
        self.paying(begin)
            .step(
                "payment",
                "PAYMENT_FAILED",
                "FAILED",
                begin - 2_400,
                json!({"failureReason": "CARD_DECLINED", "retryCount": 2}),
            )
            .step(
                "order",
                "ORDER_CANCELLED",
                "FAILED",
                begin - 2_700,
                json!({"failureReason": "payment failed"}),
            )
            .events
    }

    fn reserving(self, begin: i64) -> Vec<SagaEvent> {
        self.step(
            "order",
            "ORDER_CREATED",
            "STARTED",
            begin,
            json!({"customerId": "C-77"}),
        )
        .step(
            "product",
            "STOCK_RESERVATION",
            "IN_PROGRESS",
            begin - 200,
            json!({}),
        )
        .events
    }

    /// Everything that can be odd about a saga, the last event first.
    fn odd(self, begin: i64) -> Vec<SagaEvent> {
        let mut events = self
            .paying(begin)
            .step(
                "payment",
                "PAYMENT_COMPLETED",
                "COMPLETED",
                begin - 1_900,
                json!({}),
            )
            .step("order", "ORDER_CONFIRMED", "COMPLETED", begin - 2_050, json!({}))
            .step(
                "gift",
                "GIFT_WRAPPED",
                "IN_PROGRESS",
                begin - 9_050,
                json!({"note": "for Mina"}),
            )
            .events;
        let last = events.pop().unwrap();
        if let Some(event) = events.get_mut(3) {
            event.order_id = "ORD-other".parse().unwrap();
            event.saga_type = SagaType::PAYMENT_COMPLETION;
        }
        events.insert(0, last);
        events
    }
}
