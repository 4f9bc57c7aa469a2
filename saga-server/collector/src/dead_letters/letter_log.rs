//! Log lines about letters, at a bounded rate: one writer of a topic can make as many letters as it likes.
//!
//! Rule of thumb: of each kind the first lines of an interval are written, and at its end one line has the number of the rest. No
//! letter is missing elsewhere: metrics count each, and the list has it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::Mutex;

/// How many lines of a kind are written in an interval.
const LINES: u64 = 10;

const INTERVAL: Duration = Duration::from_secs(10);

/// Of the letters of one topic.
#[derive(Debug, Clone)]
pub(crate) struct LetterLog {
    topic: String,
    interval: Duration,
    /// How many letters of each kind there were in its interval, if one is under way.
    kinds: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

impl LetterLog {
    pub(crate) fn of(topic: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            interval: INTERVAL,
            kinds: Arc::default(),
        }
    }

    /// Counts a letter of this kind; whether its line may be written. Must be called inside a runtime.
    pub(crate) fn permits(&self, kind: &'static str) -> bool {
        let mut kinds = self.kinds.lock();
        let letters = kinds.entry(kind).or_insert_with(|| {
            tokio::spawn(self.clone().end_interval(kind));
            0
        });
        *letters += 1;
        *letters <= LINES
    }

    async fn end_interval(self, kind: &'static str) {
        tokio::time::sleep(self.interval).await;
        let letters = self.kinds.lock().remove(kind).unwrap_or_default();
        let left_out = letters.saturating_sub(LINES);
        if left_out > 0 {
            let topic = &self.topic;
            tracing::warn!(
                topic,
                kind,
                left_out,
                "more dead letters, without a line for each"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Written {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[tokio::test]
    async fn a_flood_of_one_kind_is_counted_and_hides_no_other() {
        let written = Written::default();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(written.clone())
            .finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let log = LetterLog {
            interval: Duration::from_millis(20),
            ..LetterLog::of("sagas")
        };
        let permitted = (0..100_000).filter(|_| log.permits("INVALID_NAME")).count();
        assert_eq!(permitted, 10);
        assert!(log.permits("UNKNOWN_FRAMING"));
        while !log.kinds.lock().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let lines = String::from_utf8(written.0.lock().clone()).unwrap_or_default();
        assert_eq!(lines.lines().count(), 1, "{lines}");
        assert!(lines.contains(r#"kind="INVALID_NAME" left_out=99990"#), "{lines}");
        assert!(log.permits("INVALID_NAME"), "the next interval");
    }
}
