//! Lists as files, CSV and JSON lines: sent while they are read, page by page.
//!
//! Rule of thumb: no more than a page is in memory, however long the list is, and the next page is read when the one before has been
//! taken. When the caller goes away, nothing more is read.

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde::Serialize;

use super::{ApiError, csv};

/// Something that lists consist of.
pub(crate) trait Record: Serialize {
    /// The columns of its CSV: its fields, those within another one behind a dot.
    const COLUMNS: &'static [&'static str];
}

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For spreadsheets.
    Csv,
    /// A JSON object on each line.
    Lines,
}

impl Format {
    /// As a file's name ends.
    pub(crate) const fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Lines => "ndjson",
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Lines => "application/x-ndjson",
        }
    }

    fn headers(self, name: &str) -> [(HeaderName, String); 2] {
        let disposition = format!("attachment; filename=\"{name}.{}\"", self.ending());
        [
            (header::CONTENT_TYPE, self.content_type().to_owned()),
            (header::CONTENT_DISPOSITION, disposition),
        ]
    }

    fn head<R: Record>(self) -> String {
        match self {
            Self::Csv => csv::head(R::COLUMNS),
            Self::Lines => String::new(),
        }
    }

    fn write<R: Record>(self, records: &[R]) -> Result<String, serde_json::Error> {
        let mut text = String::new();
        for record in records {
            match self {
                Self::Csv => text += &csv::record(R::COLUMNS, &serde_json::to_value(record)?),
                Self::Lines => {
                    text += &serde_json::to_string(record)?;
                    text.push('\n');
                }
            }
        }
        Ok(text)
    }
}

/// A page of a list, and the place where it goes on.
pub(crate) type Piece<R, P> = Result<(Vec<R>, Option<P>), ApiError>;

/// Sends a list that begins at a place, and holds something until it is sent. An error of the first page is the answer; behind it, the
/// connection ends early, so that no file looks whole that is not.
pub(crate) async fn send<R, P, F>(
    name: &str,
    format: Format,
    begin: P,
    held: impl Send + 'static,
    read: impl Fn(P) -> F + Send + 'static,
) -> Result<Response, ApiError>
where
    R: Record + Send + 'static,
    P: Send + 'static,
    F: Future<Output = Piece<R, P>> + Send,
{
    let (records, next) = read(begin).await?;
    let first = format.head::<R>() + &written(format, &records)?;
    drop(records);
    let state = (Some(first), next, (read, held));
    let pieces = stream::try_unfold(state, move |(ready, next, kept)| async move {
        if let Some(ready) = ready {
            return Ok(Some((Bytes::from(ready), (None, next, kept))));
        }
        let Some(place) = next else {
            return Ok(None);
        };
        let piece = match (kept.0)(place).await {
            Ok((records, next)) => written(format, &records).map(|text| (text, next)),
            Err(error) => Err(error),
        };
        match piece {
            Ok((text, next)) => Ok(Some((Bytes::from(text), (None, next, kept)))),
            Err(error) => {
                tracing::warn!(error = error.message(), "a file was not sent whole");
                Err(error.message().to_owned())
            }
        }
    });
    Ok((format.headers(name), Body::from_stream(pieces)).into_response())
}

/// The same of a list that is read at once.
pub(crate) fn send_all<R: Record>(name: &str, format: Format, records: &[R]) -> Result<Response, ApiError> {
    let text = format.head::<R>() + &written(format, records)?;
    Ok((format.headers(name), text).into_response())
}

fn written<R: Record>(format: Format, records: &[R]) -> Result<String, ApiError> {
    format.write(records).map_err(|error| {
        tracing::error!(%error, "a record cannot be written");
        ApiError::internal()
    })
}
