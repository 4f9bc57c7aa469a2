//! What is around the sentence: which saga it is, since when, how long it took, and who was the last to record.

use saga_types::{Metadata, SagaStatus, fold::SagaState, keys};

use super::relatives::Relatives;
use crate::{
    scoped::{InArchive, Reader},
    ui::{
        humanize::{Clock, Moment, length, roughly, short},
        links::encoded,
        page::Badge,
    },
};
use saga_collector::owners::Contact;
use saga_store::StoredStep;

pub(super) struct Header {
    pub(super) saga_type: String,
    pub(super) type_path: String,
    pub(super) order_id: String,
    pub(super) order_path: String,
    pub(super) short_id: String,
    pub(super) started: Moment,
    pub(super) updated: Moment,
    /// How long it took, or takes.
    pub(super) lasted: String,
    /// The service of the failing or else the last event, with its version.
    pub(super) recorder: Option<String>,
    pub(super) trace: Option<(String, Option<String>)>,
    /// Whom to ask about what it waits for, or else about its type.
    pub(super) contact: Option<Contact>,
    /// How many sagas belong to it.
    pub(super) others: Option<String>,
    /// For a message to others.
    pub(super) chat: String,
}

/// Where an archived saga is.
pub(super) struct ArchivedNote {
    pub(super) left: Option<Moment>,
    pub(super) folder: String,
}

impl ArchivedNote {
    pub(super) fn of(archived: InArchive, clock: Clock) -> Self {
        Self {
            left: archived.left_at.map(|left| Moment::new(left, clock.now)),
            folder: archived.folder,
        }
    }
}

impl Header {
    pub(super) fn of(
        saga: &SagaState,
        steps: &[StoredStep],
        relatives: &Relatives,
        reader: &Reader,
        clock: Clock,
        link: &str,
    ) -> Self {
        let trace = saga.last_trace_id.as_ref();
        let others = relatives.rows.len().saturating_sub(1);
        Self {
            saga_type: saga.saga_type.to_string(),
            type_path: format!("/sagas?sagaType={}", encoded(saga.saga_type.as_str())),
            order_id: saga.order_id.to_string(),
            order_path: format!("/sagas?orderId={}", encoded(saga.order_id.as_str())),
            short_id: short(saga.saga_id.as_str()),
            started: Moment::new(saga.started_at, clock.now),
            updated: Moment::new(saga.updated_at, clock.now),
            lasted: lasted(saga, clock),
            recorder: recorder(saga, steps, reader.redaction.hides(keys::SERVICE_VERSION)),
            trace: trace.map(|id| (id.clone(), reader.pages.trace_url(&encoded(id)))),
            contact: {
                let owner = saga
                    .most_urgent()
                    .and_then(|awaiting| awaiting.service.as_deref());
                reader
                    .pages
                    .owners
                    .of(owner, Some(saga.saga_type.as_str()))
                    .cloned()
            },
            others: match others {
                0 => None,
                1 => Some("1 related saga".to_owned()),
                count => Some(format!("{count} related sagas")),
            },
            chat: format!(
                "{} {}, order {}, saga {}: {}\n{link}",
                saga.saga_type,
                Badge::from(saga.current_status).name.to_lowercase(),
                saga.order_id,
                saga.saga_id,
                saga.summary
            ),
        }
    }
}

fn lasted(saga: &SagaState, clock: Clock) -> String {
    let how = match saga.current_status {
        SagaStatus::Completed => "completed",
        SagaStatus::Failed => "failed",
        SagaStatus::Compensated => "compensated",
        SagaStatus::Started | SagaStatus::InProgress => {
            let age = clock.now.millis_since(saga.started_at).max(0);
            return format!("in progress for {}", roughly(age));
        }
    };
    match saga.duration_ms {
        Some(millis) => format!("{how} after {}", length(millis)),
        None => format!("{how} by an override"),
    }
}

/// Of the event that failed, or else of the last one: these are checked first.
fn recorder(saga: &SagaState, steps: &[StoredStep], hides_version: bool) -> Option<String> {
    let failed = steps
        .iter()
        .find(|step| step.status == SagaStatus::Failed && saga.failed_step.as_ref() == Some(&step.step));
    let step = failed.or(steps.last())?;
    let service = step.producer_service.as_deref()?;
    let version = step.metadata.as_ref().and_then(Metadata::service_version);
    Some(match version.filter(|_| !hides_version) {
        Some(version) => format!("{service} {version}"),
        None => service.to_owned(),
    })
}
