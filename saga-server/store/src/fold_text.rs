//! The text form of a stored fold: JSON, compressed by Zstandard with a dictionary of what most folds have in common, in Base64.
//!
//! Every read and write of a saga needs it, and uncompressed it is longer than the rest of the row. Rows written by older versions
//! have uncompressed JSON; each is compressed with its next event.

use std::{cell::RefCell, io};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD as BASE64};
use saga_types::fold::SagaFold;
use zstd::bulk::{Compressor, Decompressor};

/// Folds of the built-in definitions, the most common last. A text that was written is read with the dictionary of its form, so
/// that another dictionary needs another [`FORM`].
const DICTIONARY: &[u8] = include_bytes!("fold_text.dictionary");

/// Precedes the Base64: how it was made. JSON begins with `{`.
const FORM: char = 'a';

/// Folds are small and there are many of them, so that the fastest level is right.
const LEVEL: i32 = 1;

/// No fold is longer: it holds a few values for each step of a definition, and its services.
const MAX_BYTES: usize = 64 << 20;

thread_local! {
    /// What makes one takes longer than a fold does.
    static COMPRESSOR: RefCell<io::Result<Compressor<'static>>> =
        RefCell::new(Compressor::with_dictionary(LEVEL, DICTIONARY));
    static DECOMPRESSOR: RefCell<io::Result<Decompressor<'static>>> =
        RefCell::new(Decompressor::with_dictionary(DICTIONARY));
}

/// The text of a fold.
pub(crate) fn write(fold: &SagaFold) -> serde_json::Result<String> {
    let json = serde_json::to_string(fold)?;
    let compressed =
        COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut().ok()?.compress(json.as_bytes()).ok());
    // Without memory for a compressor it is kept as JSON, which is read as well.
    let Some(compressed) = compressed else {
        return Ok(json);
    };
    let mut text = String::with_capacity(1 + compressed.len().div_ceil(3) * 4);
    text.push(FORM);
    BASE64.encode_string(compressed, &mut text);
    Ok(text)
}

/// The fold of a text; none when it cannot be read, as after an update that changed its form.
#[must_use]
pub fn read_fold(text: &str) -> Option<SagaFold> {
    let Some(base64) = text.strip_prefix(FORM) else {
        return serde_json::from_str(text).ok();
    };
    let compressed = BASE64.decode(base64).ok()?;
    let length = Decompressor::<'static>::upper_bound(&compressed)?;
    let json = DECOMPRESSOR.with_borrow_mut(|decompressor| {
        let decompressor = decompressor.as_mut().ok()?;
        decompressor.decompress(&compressed, length.min(MAX_BYTES)).ok()
    })?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use saga_types::{
        EventId, OrderId, SagaEvent, SagaId, SagaStatus, SagaType, Timestamp,
        definition::Definitions,
        fold::{FoldEvent, SagaFold},
        steps,
    };

    use base64::Engine as _;

    use super::{BASE64, FORM, read_fold, write};

    fn fold() -> SagaFold {
        let recorded = [
            (steps::ORDER_CREATED, SagaStatus::Started),
            (steps::STOCK_RESERVED, SagaStatus::Completed),
            (steps::PAYMENT_FAILED, SagaStatus::Failed),
        ];
        let events = recorded
            .into_iter()
            .zip(1_793_411_922_389..)
            .map(|((step, status), millis)| {
                FoldEvent::from(&SagaEvent::new(
                    EventId::new(format!("019e9d2c-5c1a-7f3e-8a6b-{millis:012x}")).unwrap(),
                    SagaId::new("019e9d2c-5c1a-7f3e-8a6b-0123456789ab").unwrap(),
                    OrderId::new("ORD-1").unwrap(),
                    SagaType::ORDER_CREATION,
                    step,
                    status,
                    Timestamp::from_millis(millis).unwrap(),
                ))
            });
        SagaFold::of(events.collect(), &Definitions::built_in()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_and_much_shorter() {
        let fold = fold();
        let (text, json) = (write(&fold).unwrap(), serde_json::to_string(&fold).unwrap());
        assert!(text.starts_with(FORM));
        assert!(
            text.len() * 5 < json.len() * 2,
            "{} of {}",
            text.len(),
            json.len()
        );
        assert_eq!(read_fold(&text), Some(fold));
    }

    #[test]
    fn json_of_earlier_rows_is_read() {
        let fold = fold();
        let json = serde_json::to_string(&fold).unwrap();
        assert_eq!(read_fold(&json), Some(fold));
    }

    /// A row that an earlier version wrote must stay readable: where this fails, the new form needs a letter of its own.
    #[test]
    fn the_form_has_not_changed() {
        assert_eq!(
            read_fold(include_str!("fold_text.golden").trim_end()),
            Some(fold())
        );
    }

    #[test]
    fn what_is_damaged_is_no_fold() {
        let text = write(&fold()).unwrap();
        // A frame that claims to be as long as no memory is.
        let endless = format!(
            "{FORM}{}",
            BASE64.encode(b"\x28\xb5\x2f\xfd\xe0\xff\xff\xff\xff\xff\xff\xff\x7f\x01\x00\x00")
        );
        for damaged in ["", "a", "a!", "{", "b0000", &text[..text.len() / 2], &endless] {
            assert_eq!(read_fold(damaged), None, "{damaged}");
        }
    }
}
