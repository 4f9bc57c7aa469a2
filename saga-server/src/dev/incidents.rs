//! What goes wrong in the demo beside its orders: records that cannot be stored, for two reasons, and a saga whose status an
//! operator sets.

use std::{error::Error, sync::Arc, time::Duration};

use saga_sdk::{ConnectError, SagaContext, SagaStatus, SagaTrackerClient, SagaType, Step, StepRecord};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::surroundings::Surroundings;

/// When the first records are written that cannot be stored, and how long until the next ones.
const FIRST: Duration = Duration::from_secs(15);
const INTERVAL: Duration = Duration::from_secs(40);

/// How long the last steps may take to be delivered.
const CLOSING: Duration = Duration::from_secs(5);

/// A service whose topics are mixed up, and what it writes.
const MISDIRECTED: &str = r#"{"type": "PointsEarned", "customerId": "C-17", "points": 320}"#;

/// An event id that a faulty service gives to different events.
const REPEATED_ID: &str = "reminder-of-the-day";

struct Incidents {
    client: reqwest::Client,
    url: String,
    bootstrap_servers: String,
    topic: String,
    tracker: Arc<dyn SagaTrackerClient>,
}

/// Lets incidents happen until cancelled.
///
/// # Errors
///
/// [`ConnectError`] when the configuration cannot be used.
pub(super) fn happen(
    surroundings: &Surroundings<'_>,
    stop: CancellationToken,
) -> Result<impl Future<Output = ()> + Send + use<>, ConnectError> {
    let tracker = saga_sdk::connect(&surroundings.saga().service_name("reminder-service"))?;
    let incidents = Incidents {
        client: saga_collector::http_client::plain_client(),
        url: surroundings.url.to_owned(),
        bootstrap_servers: surroundings.bootstrap_servers.to_owned(),
        topic: surroundings.topic.to_owned(),
        tracker,
    };
    Ok(async move {
        let mut interval = tokio::time::interval_at(Instant::now() + FIRST, INTERVAL);
        for number in 1_usize.. {
            tokio::select! {
                _ = interval.tick() => {}
                () = stop.cancelled() => break,
            }
            incidents.misdirect(number).await;
            incidents.repeat_an_id(number).await;
            // By then a compensation is pending, and later ones are left to be seen.
            if number == 2 {
                incidents.set_a_status().await;
            }
        }
        let _ = incidents.tracker.close(CLOSING).await;
    })
}

impl Incidents {
    /// A service writes its domain event to the topic of events.
    async fn misdirect(&self, number: usize) {
        let key = format!("points-{number}");
        let sent = shop::misdirect(&self.bootstrap_servers, &self.topic, &key, MISDIRECTED.as_bytes());
        if let Err(error) = sent.await {
            tracing::warn!(%error, "a record of the demo was not written");
        }
    }

    /// Another service gives one id to different events, of which the first one is stored.
    async fn repeat_an_id(&self, number: usize) {
        let recorded = async {
            let context = SagaContext {
                saga_id: "reminders-of-the-day".parse()?,
                saga_type: SagaType::try_from("REMINDER".to_owned())?,
                order_id: "REMINDERS".parse()?,
            };
            let mut record = StepRecord::new(context, Step::from_wire("REMINDER_SENT")?, SagaStatus::Started);
            record.event_id = Some(REPEATED_ID.parse()?);
            record.insert("number", &number)?;
            Ok::<_, Box<dyn Error + Send + Sync>>(self.tracker.record_step(record).await?)
        };
        if let Err(error) = recorded.await {
            tracing::warn!(%error, "a step of the demo was not recorded");
        }
    }

    /// An operator has found out that an effect was undone by hand.
    async fn set_a_status(&self) {
        let set = async {
            let owing = format!("{}/api/v1/sagas?owing=true&size=1", self.url);
            let owing: Value = self
                .client
                .get(owing)
                .send()
                .await?
                .error_for_status()?
                .json()
                .await?;
            let Some(saga_id) = owing["content"][0]["sagaId"].as_str() else {
                return Ok(());
            };
            let status = format!("{}/internal/v1/sagas/{saga_id}/status", self.url);
            let body = json!({"status": "COMPENSATED", "reason": "the piano was fetched by hand"});
            self.client
                .patch(status)
                .json(&body)
                .send()
                .await?
                .error_for_status()?;
            Ok::<_, reqwest::Error>(())
        };
        if let Err(error) = set.await {
            tracing::warn!(%error, "no status of the demo was set by hand");
        }
    }
}
