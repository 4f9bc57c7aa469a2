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
                tracing::warn!(error = error.message(), "export ended before its last record");
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

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use futures_util::StreamExt;

    use super::*;

    #[derive(Serialize)]
    struct Numbered {
        number: i64,
    }

    impl Record for Numbered {
        const COLUMNS: &'static [&'static str] = &["number"];
    }

    /// A file of very many pages of one record, how many of them were read, and what is held meanwhile.
    async fn endless(fails_at: i64) -> (Response, Arc<AtomicUsize>, Arc<()>) {
        let (read, held) = (Arc::new(AtomicUsize::new(0)), Arc::new(()));
        let counted = read.clone();
        let page = move |number: i64| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move {
                match number == fails_at {
                    true => Err(ApiError::unavailable("gone")),
                    false => Ok((vec![Numbered { number }], Some(number + 1))),
                }
            }
        };
        let sent = send("numbers", Format::Csv, -1, held.clone(), page).await;
        (
            sent.unwrap_or_else(|error| panic!("{}", error.message())),
            read,
            held,
        )
    }

    #[tokio::test]
    async fn no_more_is_read_than_is_taken_and_nothing_is_held_once_the_caller_is_gone() {
        let (response, read, held) = endless(i64::MAX).await;
        let mut body = response.into_body().into_data_stream();
        let mut text = String::new();
        for _ in 0..3 {
            let piece = body.next().await.unwrap().unwrap();
            text += str::from_utf8(&piece).unwrap();
        }
        assert_eq!(text, "\"number\"\r\n-1\r\n0\r\n1\r\n");
        assert_eq!(read.load(Ordering::Relaxed), 3);
        assert_eq!(Arc::strong_count(&held), 2);
        drop(body);
        assert_eq!(Arc::strong_count(&held), 1);
        assert_eq!(read.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_read_on_does_not_end_as_a_whole_one() {
        let (response, ..) = endless(1).await;
        let pieces: Vec<_> = response.into_body().into_data_stream().collect().await;
        assert_eq!(
            pieces.iter().map(Result::is_ok).collect::<Vec<_>>(),
            [true, true, false]
        );
    }
}
