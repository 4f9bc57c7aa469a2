//! What stands behind the question mark of a call: parameters, times, lengths of time, tokens and cursors. No text panics, a parameter is either
//! taken or named as wrong, and a cursor that is read is written as something that is read as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../saga-server/web/src/http/query_string/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the target uses its part of it")]
mod query_string;

use query_string::{
    Length, LettersCursor, Params, ProducersCursor, SagasCursor, StepsCursor, from_start, is_well_encoded, to_end,
    tokens,
};

/// As the endpoints take them.
const TIMES: [&str; 3] = ["fromDate", "toDate", "asOf"];

macro_rules! assert_written_as_read {
    ($text:expr, $($Cursor:ident),+) => {$(
        if let Ok(cursor) = $Cursor::decode($text) {
            assert_eq!($Cursor::decode(&cursor.encode()), Ok(cursor));
        }
    )+};
}

fuzz_target!(|query: &str| {
    assert_every_pair_is_accounted_for(query);
    let mut params = Params::of(query);
    for name in TIMES {
        params.parsed(name, |text| {
            let (start, end) = (from_start(text), to_end(text));
            assert_eq!(start.is_ok(), end.is_ok());
            if let (Ok(start), Ok(end)) = (&start, end) {
                assert!(*start <= end);
                assert_eq!(from_start(&start.to_string()), Ok(*start), "{text:?}");
            }
            start
        });
    }
    params.parsed("cursor", |text| {
        assert_written_as_read!(text, SagasCursor, StepsCursor, LettersCursor, ProducersCursor);
        Ok(())
    });
    params.parsed("period", |text| {
        let length = Length::read(text)?;
        assert!(length.duration() <= Length::LONGEST);
        assert_eq!(Length::read(&length.to_string()), Ok(length), "{text:?}");
        Ok(length)
    });
    if let Ok(read) = tokens::parse(query, saga_types::Timestamp::from_millis(1_764_430_200_000).unwrap()) {
        // Written and read again, they are the same.
        let read: Vec<_> = read.into_iter().map(|read| (read.name, read.value)).collect();
        let written = tokens::write(&read);
        if written.chars().count() <= tokens::MAX_CHARS && read.len() <= 50 {
            let again = tokens::parse(&written, saga_types::Timestamp::now()).unwrap();
            let again: Vec<_> = again.into_iter().map(|read| (read.name, read.value)).collect();
            assert_eq!(again, read, "{query:?}");
        }
    }
    params.text("producerService");
    params.trimmed("q");
    for (key, value) in params.prefixed("metadata.") {
        assert!(!value.contains('\0'), "{key:?}");
    }
    // Whatever the outcome, it can be written.
    if let Err(bad) = params.finish() {
        assert!(!bad.0.is_empty());
        assert!(bad.0.values().all(|reason| !reason.is_empty()));
    }
});

/// Nothing is ignored: a query is refused unless it is empty or every parameter was taken.
fn assert_every_pair_is_accounted_for(query: &str) {
    let is_empty = query.split('&').all(str::is_empty);
    let params = Params::of(query);
    let given = params.given();
    if !is_well_encoded(query) {
        assert!(Params::of(query).finish().is_err());
    }
    assert_eq!(params.finish().is_ok(), is_empty, "{given:?}");
}
