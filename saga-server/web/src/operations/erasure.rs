//! A person's data erased by a key and value of the metadata: what an operator asks for, and the answer.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::Permit;
use crate::{
    auth::Caller,
    http::{ApiError, body::Body, query_string::ErasureCursor},
    scoped::Reader,
};
use saga_collector::erasure::{ErasureError, ErasureOrder, ErasurePlace, ErasureReport};
use saga_store::{MetadataValue, NotePlace};

/// After this time no further piece is begun; a piece may take some seconds itself.
const WITHIN: Duration = Duration::from_secs(5);

/// What an operator wants.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ErasureOrder)]
#[expect(dead_code, reason = "describes what `Erasing::take` reads")]
pub(crate) struct ErasureRequest {
    /// The key at the top of the metadata, such as `customerId`. Those that name services, traces, versions, sagas and operators
    /// are refused.
    #[schema(min_length = 1, max_length = 250, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")]
    metadata_key: String,
    /// Its value as text. A number or boolean is written as in JSON.
    #[schema(min_length = 1, max_length = 1000, pattern = r"^[^\x00]+$")]
    metadata_value: String,
    /// Whether to count only what would be erased. Required: what is erased does not come back.
    dry_run: bool,
    /// The nextCursor of the answer before.
    #[schema(value_type = Option<String>, format = "erasure-cursor", min_length = 1)]
    cursor: Option<ErasureCursor>,
}

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ErasureAnswer)]
pub(crate) struct ErasureAnswer {
    #[serde(flatten)]
    report: ErasureReport,
    /// Goes on where this call ended; null when it is complete.
    next_cursor: Option<String>,
}

/// A checked request.
#[derive(Debug)]
pub(crate) struct Erasing {
    value: MetadataValue,
    dry_run: bool,
    from: Option<ErasurePlace>,
}

impl Erasing {
    /// Takes the fields of an [`ErasureRequest`].
    pub(crate) fn take(mut body: Body) -> Result<Self, ApiError> {
        let key = body.parsed("metadataKey", |text| {
            MetadataValue::check_key(text)
                .map(|()| text.to_owned())
                .map_err(|error| error.to_string())
        });
        let value = body.parsed("metadataValue", |text| {
            MetadataValue::check_value(text)
                .map(|()| text.to_owned())
                .map_err(|error| error.to_string())
        });
        let dry_run = body.optional("dryRun", |value| {
            value.as_bool().ok_or("must be true or false".to_owned())
        });
        if dry_run.is_none() {
            body.refuse_missing("dryRun", "must be true, to count, or false, to erase");
        }
        let from = body.optional("cursor", |value| {
            ErasureCursor::decode(value.as_str().unwrap_or_default())
        });
        let value = key
            .zip(value)
            .and_then(|(key, value)| MetadataValue::new(key, value).ok());
        let taken = value.zip(dry_run).map(|(value, dry_run)| Self {
            value,
            dry_run,
            from: from.map(ErasurePlace::from),
        });
        body.finish(taken)
    }

    /// Does what an operator wants, as far as the time of a call allows.
    pub(crate) async fn carry_out(self, reader: &Reader, caller: &Caller) -> Result<ErasureAnswer, ApiError> {
        let order = ErasureOrder {
            value: self.value,
            by: caller.actor(),
            dry_run: self.dry_run,
            from: self.from,
            within: WITHIN,
        };
        let report = reader.erase(&Permit::new(), &order).await?;
        tracing::info!(
            actor = caller.name,
            key = order.value.key(),
            dry_run = report.dry_run,
            complete = report.complete,
            sagas = report.sagas,
            archived_sagas = report.archived_sagas,
            dead_letters = report.dead_letters,
            notes = report.notes,
            "metadata was erased"
        );
        Ok(ErasureAnswer {
            next_cursor: report
                .next
                .clone()
                .map(|place| ErasureCursor::from(place).encode()),
            report,
        })
    }
}

impl From<ErasurePlace> for ErasureCursor {
    fn from(place: ErasurePlace) -> Self {
        match place {
            ErasurePlace::Sagas(after) => Self::Sagas(after),
            ErasurePlace::Archive(after) => Self::Archive(after),
            ErasurePlace::Letters(after) => Self::Letters(after),
            ErasurePlace::Notes(NotePlace::Job(after)) => Self::Jobs(after),
            ErasurePlace::Notes(NotePlace::Acknowledgement(after)) => Self::Acknowledgements(after),
            ErasurePlace::Notes(NotePlace::View(after)) => Self::Views(after),
        }
    }
}

impl From<ErasureCursor> for ErasurePlace {
    fn from(cursor: ErasureCursor) -> Self {
        match cursor {
            ErasureCursor::Sagas(after) => Self::Sagas(after),
            ErasureCursor::Archive(after) => Self::Archive(after),
            ErasureCursor::Letters(after) => Self::Letters(after),
            ErasureCursor::Jobs(after) => Self::Notes(NotePlace::Job(after)),
            ErasureCursor::Acknowledgements(after) => Self::Notes(NotePlace::Acknowledgement(after)),
            ErasureCursor::Views(after) => Self::Notes(NotePlace::View(after)),
        }
    }
}

impl From<ErasureError> for ApiError {
    fn from(error: ErasureError) -> Self {
        match error {
            ErasureError::Store(error) => error.into(),
            error => {
                tracing::error!(%error, "data not erased from the archive");
                Self::unavailable(
                    "the archive cannot be read or changed at the moment; the collector's log says why",
                )
            }
        }
    }
}
