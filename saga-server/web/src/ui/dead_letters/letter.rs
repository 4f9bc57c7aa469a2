//! `GET /dead-letters/{id}`: one letter.

use askama::Template;
use axum::{Extension, extract::Path};
use saga_types::Timestamp;

use super::{PATH, SagaLink, State as LetterState, explained, place, reason_path};
use crate::ui::{
    acknowledge::{AcknowledgeForm, Mark},
    humanize::{Moment, number},
    links::{encoded, letter_id, letter_path},
    page::{Frame, Page, Section},
    tree::Tree,
};
use crate::{
    auth::Caller,
    http::{ApiError, query_string::Params},
    rest::{ListedLetter, find_letter},
    scoped::Reader,
};
use saga_collector::dead_letters::{Bytes, PartialView};
use saga_store::LetterState as Stored;

#[derive(Template)]
#[template(path = "dead_letters/letter.html")]
pub(in crate::ui) struct LetterTemplate {
    frame: Frame,
    path: String,
    list: &'static str,
    reason: String,
    reason_path: String,
    message: String,
    explained: &'static str,
    state: LetterState,
    /// Who takes care of it, and the form for it while it waits.
    mark: Option<Mark>,
    acknowledge: Option<AcknowledgeForm>,
    /// Whether a dismissal can be taken back: its content is there.
    can_restore: bool,
    since: Moment,
    stored: String,
    origin: String,
    group: Option<String>,
    producer: Option<String>,
    saga: Option<SagaLink>,
    event_id: Option<String>,
    /// The event, where it can be read today.
    event: Option<Tree>,
    undecodable: Option<String>,
    /// What can be read where it is no event.
    partial: Option<Partial>,
    key: Option<Shown>,
    payload: Option<Shown>,
    headers: Vec<(String, Option<Shown>)>,
}

/// The fields of a broken event.
struct Partial {
    /// Name, place in bytes, value, and whether it is the field with the fault.
    fields: Vec<(String, String, Option<String>, bool)>,
    /// Where it broke, in words.
    fault: String,
    is_schema_assumed: bool,
    /// The list of the order's sagas.
    order: Option<(String, String)>,
}

impl Partial {
    fn of(partial: PartialView) -> Self {
        let order = partial.value("orderId");
        let order = order.map(|order| (order.to_owned(), format!("/sagas?orderId={}", encoded(order))));
        let fault = match (partial.broken_at, &partial.field) {
            (Some(offset), Some(field)) => {
                format!(
                    "Broken at byte {offset} ({offset:#06x}), in {field}: {}",
                    partial.fault
                )
            }
            (Some(offset), None) => format!("Broken at byte {offset} ({offset:#06x}): {}", partial.fault),
            (None, _) => format!("All fields can be read, but {}", partial.fault),
        };
        let is_wrong = |name: &str| partial.broken_at.is_none() && partial.field.as_deref() == Some(name);
        Self {
            order,
            fault,
            is_schema_assumed: partial.schema_is_assumed,
            fields: partial
                .fields
                .iter()
                .map(|field| {
                    let place = format!("{:04x}", field.offset);
                    (
                        field.name.clone(),
                        place,
                        field.value.clone(),
                        is_wrong(&field.name),
                    )
                })
                .collect(),
        }
    }
}

/// Some bytes as they can be shown.
enum Shown {
    Text(String),
    /// Lines of sixteen bytes: their offset, hex digits, and readable characters.
    Hex(Vec<(String, String, String)>, String),
    Hidden(String),
}

pub(in crate::ui) async fn page(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Page<LetterTemplate>, ApiError> {
    params.finish()?;
    let ListedLetter {
        letter,
        acknowledgement,
    } = find_letter(&reader, letter_id(&id)?).await?;
    let now = Timestamp::now();
    let form_path = format!("{}/acknowledgement", letter_path(letter.id));
    let form = AcknowledgeForm::of(&caller, form_path, acknowledgement.clone(), now);
    Ok(Page(LetterTemplate {
        frame: Frame::new(
            Section::DeadLetters,
            format!("{} · Dead letter {}", letter.reason, letter.id),
            &caller,
            Some(&reader.freshness()),
        ),
        acknowledge: form.filter(|_| letter.state == Stored::Waiting),
        mark: acknowledgement.map(|found| Mark::new(found, now)),
        path: letter_path(letter.id),
        list: PATH,
        reason_path: reason_path(&letter.reason),
        explained: explained(&letter.reason),
        state: LetterState::of(&letter, now),
        can_restore: letter.erased_at.is_none(),
        since: Moment::new(letter.dead_since, now),
        stored: format!(
            "{}, partition {}, offset {}",
            letter.topic, letter.partition, letter.offset
        ),
        origin: place(&letter.origin),
        group: letter.origin.consumer_group,
        producer: letter.producer_service,
        saga: letter.saga_id.map(SagaLink::to),
        event_id: letter.event_id,
        event: letter.event.as_ref().and_then(|event| Tree::of(event.get())),
        undecodable: letter.undecodable,
        partial: letter.partial.map(Partial::of),
        key: letter.key.map(Shown::of),
        payload: letter.payload.map(Shown::of),
        headers: letter
            .headers
            .into_iter()
            .map(|header| (header.name, header.value.map(Shown::of)))
            .collect(),
        reason: letter.reason,
        message: letter.message,
    }))
}

impl Shown {
    fn of(bytes: Bytes) -> Self {
        let size = format!("{} bytes", number(bytes.bytes));
        match (bytes.text, bytes.hex) {
            (Some(text), _) => Self::Text(text),
            (None, Some(hex)) => {
                let shown = hex.len() as u64 / 2;
                let beginning = if shown < bytes.bytes {
                    format!("the first {} of {size}", number(shown))
                } else {
                    size
                };
                Self::Hex(lines(&hex), beginning)
            }
            (None, None) => Self::Hidden(size),
        }
    }
}

fn lines(hex: &str) -> Vec<(String, String, String)> {
    const DIGITS: usize = 32;
    let bytes: Vec<&str> = (0..hex.len() / 2)
        .filter_map(|place| hex.get(2 * place..2 * place + 2))
        .collect();
    let line = |(place, bytes): (usize, &[&str])| {
        let readable = bytes.iter().map(|byte| match u8::from_str_radix(byte, 16) {
            Ok(byte) if byte.is_ascii_graphic() || byte == b' ' => char::from(byte),
            _ => '·',
        });
        (
            format!("{:04x}", place * DIGITS / 2),
            bytes.join(" "),
            readable.collect(),
        )
    };
    bytes.chunks(DIGITS / 2).enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stand_in_lines_of_sixteen() {
        let lines = lines("c3016e6f6e73656e736500000000000000ff");
        assert_eq!(
            lines[0],
            (
                "0000".to_owned(),
                "c3 01 6e 6f 6e 73 65 6e 73 65 00 00 00 00 00 00".to_owned(),
                "··nonsense······".to_owned()
            )
        );
        assert_eq!(lines[1], ("0010".to_owned(), "00 ff".to_owned(), "··".to_owned()));
    }
}
