//! A body, read and unpacked within its limits.
//!
//! Rule of thumb: a byte is counted before it is kept, also when it comes out of a decompressor.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, header};
use thiserror::Error;

use crate::budget::Share;

/// Why a body is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BodyError {
    /// 413.
    #[error("the body has more than {limit} bytes{}", if *.is_unpacked { " when it is unpacked" } else { "" })]
    TooLong {
        /// The most that is taken.
        limit: usize,
        /// Its unpacked form is too long.
        is_unpacked: bool,
    },
    /// 415.
    #[error("the body's Content-Encoding must be gzip or identity")]
    Encoding,
    /// 400.
    #[error("the body ended too early")]
    Incomplete,
    /// 400.
    #[error("the body is no gzip: {0}")]
    NotGzip(String),
    /// 429.
    #[error("too much is being received at the moment")]
    Busy,
}

/// A whole body. Its bytes count against the budget until this is dropped.
#[derive(Debug)]
pub struct ReadBody {
    /// The body, unpacked.
    pub bytes: Vec<u8>,
    share: Share,
}

impl ReadBody {
    /// Gives the bytes up, and goes on counting them, for what was made of them.
    pub(crate) fn into_share(self) -> Share {
        self.share
    }
}

/// Reads a body of at most `limit` bytes, unpacked too.
///
/// # Errors
///
/// [`BodyError`] as soon as it is certain; what is left is not read.
pub async fn read<E>(
    headers: &HeaderMap,
    mut chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
    limit: usize,
    share: Share,
) -> Result<ReadBody, BodyError> {
    let is_gzip = is_gzip(headers)?;
    if announced(headers).is_some_and(|length| length > limit) {
        return Err(BodyError::TooLong {
            limit,
            is_unpacked: false,
        });
    }
    let sink = Sink {
        bytes: Vec::new(),
        limit,
        share,
        refusal: None,
    };
    let mut unpacking = match is_gzip {
        true => Unpacking::Gzip(Box::new(MultiGzDecoder::new(sink))),
        false => Unpacking::Plain(sink),
    };
    let mut received = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| BodyError::Incomplete)?;
        received += chunk.len();
        if received > limit {
            return Err(BodyError::TooLong {
                limit,
                is_unpacked: false,
            });
        }
        unpacking.write(&chunk)?;
    }
    let sink = unpacking.finish()?;
    Ok(ReadBody {
        bytes: sink.bytes,
        share: sink.share,
    })
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, BodyError> {
    let mut given = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(encoding) = given.next() else {
        return Ok(false);
    };
    let encoding = encoding.to_str().unwrap_or_default().trim();
    match encoding {
        _ if given.next().is_some() => Err(BodyError::Encoding),
        _ if encoding.eq_ignore_ascii_case("gzip") || encoding.eq_ignore_ascii_case("x-gzip") => Ok(true),
        _ if encoding.is_empty() || encoding.eq_ignore_ascii_case("identity") => Ok(false),
        _ => Err(BodyError::Encoding),
    }
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

enum Unpacking {
    Plain(Sink),
    Gzip(Box<MultiGzDecoder<Sink>>),
}

impl Unpacking {
    fn write(&mut self, chunk: &[u8]) -> Result<(), BodyError> {
        match self {
            Self::Plain(sink) => sink.push(chunk),
            Self::Gzip(decoder) => decoder
                .write_all(chunk)
                .and_then(|()| decoder.flush())
                .map_err(|error| decoder.get_mut().reason(&error)),
        }
    }

    fn finish(self) -> Result<Sink, BodyError> {
        match self {
            Self::Plain(sink) => Ok(sink),
            Self::Gzip(mut decoder) => match decoder.try_finish() {
                Ok(()) => {
                    let sink = Sink {
                        bytes: std::mem::take(&mut decoder.get_mut().bytes),
                        limit: 0,
                        share: decoder.get_mut().share.take(),
                        refusal: None,
                    };
                    Ok(sink)
                }
                Err(error) => Err(decoder.get_mut().reason(&error)),
            },
        }
    }
}

/// Keeps bytes within both limits.
struct Sink {
    bytes: Vec<u8>,
    limit: usize,
    share: Share,
    refusal: Option<BodyError>,
}

impl Sink {
    fn push(&mut self, bytes: &[u8]) -> Result<(), BodyError> {
        if self.bytes.len() + bytes.len() > self.limit {
            return Err(BodyError::TooLong {
                limit: self.limit,
                is_unpacked: true,
            });
        }
        if !self.share.grow(bytes.len()) {
            return Err(BodyError::Busy);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Why unpacking failed: for a limit, or for what came.
    fn reason(&mut self, error: &io::Error) -> BodyError {
        self.refusal.take().unwrap_or_else(|| match error.kind() {
            io::ErrorKind::UnexpectedEof => BodyError::NotGzip("it ends too early".to_owned()),
            _ => BodyError::NotGzip(error.to_string()),
        })
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.push(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(refusal) => {
                self.refusal = Some(refusal);
                Err(io::Error::other("refused"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, sync::Arc};

    use flate2::{Compression, write::GzEncoder};
    use futures_util::stream;

    use super::*;
    use crate::budget::Budget;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn read_in_chunks(
        body: &[u8],
        encoding: &str,
        limit: usize,
        budget: &Arc<Budget>,
    ) -> Result<ReadBody, BodyError> {
        let chunks: Vec<_> = body
            .chunks(7)
            .map(|chunk| Ok::<_, Infallible>(Bytes::copy_from_slice(chunk)))
            .collect();
        let headers = HeaderMap::from_iter([(header::CONTENT_ENCODING, encoding.parse().unwrap())]);
        read(&headers, stream::iter(chunks), limit, budget.share("a")).await
    }

    #[tokio::test]
    async fn a_packed_body_is_unpacked() {
        let budget = Arc::new(Budget::new(1_000));
        let text = b"some text that comes in more than one piece".repeat(5);
        let body = read_in_chunks(&gzip(&text), "gzip", 500, &budget).await.unwrap();
        assert_eq!(body.bytes, text);
        assert_eq!(budget.used(), text.len());
        drop(body);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test]
    async fn a_bomb_is_refused_before_it_takes_memory() {
        let budget = Arc::new(Budget::new(1_000_000));
        let bomb = gzip(&vec![0; 50_000_000]);
        let refused = read_in_chunks(&bomb, "gzip", 100_000, &budget).await.unwrap_err();
        let expected = BodyError::TooLong {
            limit: 100_000,
            is_unpacked: true,
        };
        assert_eq!(refused, expected);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test]
    async fn what_is_no_gzip_or_half_of_one_is_said_so() {
        let budget = Arc::new(Budget::new(1_000));
        let whole = gzip(b"some text");
        for body in [b"plain text".as_slice(), &whole[..whole.len() - 3], &whole[..12]] {
            let refused = read_in_chunks(body, "gzip", 500, &budget).await.unwrap_err();
            assert!(matches!(refused, BodyError::NotGzip(_)), "{refused:?}");
        }
        let refused = read_in_chunks(b"", "br", 500, &budget).await.unwrap_err();
        assert_eq!(refused, BodyError::Encoding);
    }

    #[tokio::test]
    async fn more_than_there_is_room_for_is_refused_as_busy() {
        let budget = Arc::new(Budget::new(100));
        let refused = read_in_chunks(&[0; 60], "identity", 1_000, &budget)
            .await
            .unwrap_err();
        assert_eq!(refused, BodyError::Busy);
        assert_eq!(budget.used(), 0);
    }
}
