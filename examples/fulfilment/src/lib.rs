//! Simulates how the shop's orders are packed and shipped: a saga that forks, joins and chooses, with a child saga for each
//! parcel. There are no services behind it, only what they would record, each through a client of its own.
//!
//! ```text
//!                     ┌─ GOODS_PICKED ── (GIFT_WRAPPED) ──┐
//! FULFILMENT_STARTED ─┤                                   ├─ SHIPMENTS_SENT ── FULFILMENT_COMPLETED
//!                     └─ COURIER_BOOKED or POST_BOOKED ───┘        │
//!                                                                  └─ children: one SHIPMENT for each parcel
//! ```
//!
//! | part | what |
//! | --- | --- |
//! | [`DEFINITIONS`] | the files that define both types |
//! | [`Course`] | what becomes of an order |
//! | [`Fulfilment`] | records it |

#![forbid(unsafe_code)]

mod course;

/// Both saga types with their steps, generated from [`DEFINITIONS`]: a step that they do not know does not compile.
///
/// ```compile_fail,E0599
/// let step = fulfilment::sagas::Shipment::GIFT_WRAPPED;
/// ```
pub mod sagas {
    include!(concat!(env!("OUT_DIR"), "/sagas.rs"));
}

use std::{sync::Arc, time::Duration};

use saga_sdk::{ConnectError, DefinedSaga, RecordError, SagaConfig, SagaOf, SagaTrackerClient, StepOf};
use uuid::Uuid;

pub use course::Course;
use sagas::{Fulfilment as Order, Shipment};

/// The services that record, in the order of their first steps.
pub const SERVICES: [&str; 3] = ["fulfilment-service", "warehouse-service", "carrier-service"];

/// The files that define both types: name and text.
pub const DEFINITIONS: [(&str, &str); 2] = [
    ("fulfilment.yml", include_str!("../definitions/fulfilment.yml")),
    ("shipment.yml", include_str!("../definitions/shipment.yml")),
];

/// Records as the three services would that fulfil orders.
pub struct Fulfilment {
    fulfilment: Arc<dyn SagaTrackerClient>,
    warehouse: Arc<dyn SagaTrackerClient>,
    carrier: Arc<dyn SagaTrackerClient>,
    /// How long a step takes.
    pace: Duration,
}

/// One saga, as each service sees it.
struct Views {
    fulfilment: SagaOf<Order>,
    warehouse: SagaOf<Order>,
    carrier: SagaOf<Order>,
}

impl Fulfilment {
    /// Connects each service; `pace` is how long a step takes.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] when the configuration cannot be used.
    pub fn connect(config: &SagaConfig, pace: Duration) -> Result<Self, ConnectError> {
        let connect = |service: &str| saga_sdk::connect(&config.clone().service_name(service));
        let [fulfilment, warehouse, carrier] = SERVICES.map(connect);
        Ok(Self::with([fulfilment?, warehouse?, carrier?], pace))
    }

    /// Records with these clients, one for each of [`SERVICES`].
    #[must_use]
    pub fn with([fulfilment, warehouse, carrier]: [Arc<dyn SagaTrackerClient>; 3], pace: Duration) -> Self {
        Self {
            fulfilment,
            warehouse,
            carrier,
            pace,
        }
    }

    /// Fulfils an order, and gives the id of its saga. Returns when nothing more is recorded; every step is then handed to
    /// the clients.
    ///
    /// # Errors
    ///
    /// [`RecordError`] when the order's id is not valid.
    pub async fn fulfil(&self, order_id: &str, course: Course) -> Result<String, RecordError> {
        let saga_id = Uuid::now_v7().to_string();
        let views = self.views(|tracker| tracker.order(order_id).saga_of(&saga_id));
        let start = views.fulfilment.start(Order::FULFILMENT_STARTED);
        start.with("parcels", course.parcels()).record().await?;
        let (picked, booked) = tokio::join!(self.pick(&views, course), self.book(&views, course));
        picked?;
        booked?;
        match course {
            Course::CarrierSilent => {}
            Course::CarrierRefuses => self.give_up(&views).await?,
            _ => self.ship(&views, course).await?,
        }
        Ok(saga_id)
    }

    /// Delivers what was recorded, within the time.
    pub async fn close(&self, timeout: Duration) {
        for tracker in [&self.fulfilment, &self.warehouse, &self.carrier] {
            let _ = tracker.close(timeout).await;
        }
    }

    fn views(&self, saga: impl Fn(&Arc<dyn SagaTrackerClient>) -> SagaOf<Order>) -> Views {
        Views {
            fulfilment: saga(&self.fulfilment),
            warehouse: saga(&self.warehouse),
            carrier: saga(&self.carrier),
        }
    }

    async fn pick(&self, views: &Views, course: Course) -> Result<(), RecordError> {
        self.complete(&views.warehouse, Order::GOODS_PICKED).await?;
        if course == Course::Gift {
            self.complete(&views.warehouse, Order::GIFT_WRAPPED).await?;
        }
        Ok(())
    }

    async fn book(&self, views: &Views, course: Course) -> Result<(), RecordError> {
        tokio::time::sleep(self.pace).await;
        match course {
            Course::CarrierSilent => Ok(()),
            Course::CarrierRefuses => {
                self.pause().await;
                let refused = views
                    .carrier
                    .failed(Order::CARRIER_REFUSED, "no courier serves this address");
                refused.record().await
            }
            Course::ByPost => self.complete(&views.carrier, Order::POST_BOOKED).await,
            _ => self.complete(&views.carrier, Order::COURIER_BOOKED).await,
        }
    }

    async fn give_up(&self, views: &Views) -> Result<(), RecordError> {
        self.pause().await;
        views.warehouse.compensated(Order::GOODS_RETURNED).record().await
    }

    /// The parcels travel at once; the order is fulfilled when all have arrived.
    async fn ship(&self, views: &Views, course: Course) -> Result<(), RecordError> {
        self.complete(&views.fulfilment, Order::SHIPMENTS_SENT).await?;
        let parcels = (1..=course.parcels()).map(|number| self.parcel(views, number, course));
        futures_util::future::try_join_all(parcels).await?;
        match course {
            Course::ParcelLost => Ok(()),
            _ => {
                self.complete(&views.fulfilment, Order::FULFILMENT_COMPLETED)
                    .await
            }
        }
    }

    async fn parcel(&self, order: &Views, number: u32, course: Course) -> Result<(), RecordError> {
        let saga_id = Uuid::now_v7();
        let (warehouse, carrier) = (
            SagaOf::child_of(&order.warehouse, saga_id),
            SagaOf::child_of(&order.carrier, saga_id),
        );
        self.pause().await;
        let packed = warehouse.complete(Shipment::PARCEL_PACKED).with("parcel", number);
        packed.record().await?;
        self.complete(&carrier, Shipment::PARCEL_HANDED_OVER).await?;
        self.pause().await;
        if course == Course::ParcelLost && number == 1 {
            return carrier
                .failed(Shipment::PARCEL_LOST, "lost in the depot")
                .record()
                .await;
        }
        self.complete(&carrier, Shipment::PARCEL_DELIVERED).await
    }

    async fn complete<D: DefinedSaga>(&self, saga: &SagaOf<D>, step: StepOf<D>) -> Result<(), RecordError> {
        self.pause().await;
        saga.complete(step).duration(self.pace).record().await
    }

    async fn pause(&self) {
        tokio::time::sleep(self.pace).await;
    }
}
