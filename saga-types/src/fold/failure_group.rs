//! The fingerprint by which failures are grouped: sagas that failed at one step, for what is one reason but for its numbers,
//! ids and values.
//!
//! Rule of thumb: the fingerprint is the same for who counts, links and filters, so it is made here alone, and stored. A change
//! of it changes groups of new failures only; `saga-server rebuild` brings the others along.

use super::SagaState;
use crate::SagaStatus;

/// The most characters of a reason that are looked at; what comes after them hardly tells one group from another.
const READ_CHARS: usize = 1_000;

/// The most characters of a reason that stay in a group's name.
const KEPT_CHARS: usize = 120;

/// Parts of words of this length or longer, with letters and digits in turns, are ids.
const ID_CHARS: usize = 6;

/// The group of failures of which no step is known: no event failed, yet something was compensated.
pub const NO_FAILING_STEP: &str = "no failing step";

/// Stands for a reason that no event gives.
const NO_REASON: &str = "no reason given";

impl SagaState {
    /// The group of failures to which the saga belongs, such as `PAYMENT_FAILED: card <n> declined`; none unless it failed.
    #[must_use]
    pub fn failure_group(&self) -> Option<String> {
        if !matches!(self.current_status, SagaStatus::Failed | SagaStatus::Compensated) {
            return None;
        }
        let step = self.failed_step.as_ref().map(|step| step.as_str());
        Some(failure_group(step, self.failure_reason.as_deref()))
    }
}

/// The group of a failure at a step, if one is known, for a reason, if one is given.
#[must_use]
pub fn failure_group(step: Option<&str>, reason: Option<&str>) -> String {
    let Some(step) = step else {
        return NO_FAILING_STEP.to_owned();
    };
    let reason = reason.map(failure_fingerprint);
    let reason = reason.filter(|reason| !reason.is_empty());
    format!("{step}: {}", reason.as_deref().unwrap_or(NO_REASON))
}

/// The step and the fingerprint of the reason of which a group's name is made; none where there is none.
#[must_use]
pub fn parts_of_failure_group(name: &str) -> (Option<&str>, Option<&str>) {
    match name.split_once(": ") {
        None => (None, None),
        Some((step, reason)) => (Some(step), Some(reason).filter(|reason| *reason != NO_REASON)),
    }
}

/// What stays of a failure reason when everything is left out that differs from one failure to the next: its first line with
/// `<n>` for numbers and times, `<id>` for ids, UUIDs and hexadecimal digits, and `<value>` for what is in quotes.
///
/// ```
/// use saga_types::fold::failure_fingerprint;
///
/// let reason = "Card 4711 of order 'ORD-17' declined after 2.5s\n  at Acquirer.java:12";
/// assert_eq!(failure_fingerprint(reason), "Card <n> of order <value> declined after <n>s");
/// ```
#[must_use]
pub fn failure_fingerprint(reason: &str) -> String {
    let line: Vec<char> = reason
        .trim_start()
        .chars()
        .take(READ_CHARS)
        .take_while(|character| !matches!(character, '\n' | '\r'))
        .collect();
    let mut text = String::new();
    let mut place = 0;
    while place < line.len() {
        let before = place.checked_sub(1).map(|before| line[before]);
        let (end, stands) = next(&line, place, before);
        match stands {
            Some(stands) => text.push_str(stands),
            None => push_plain(&mut text, line[place]),
        }
        place = end;
    }
    cut(text.trim_end())
}

/// Where the next part ends, and what stands in its place; none for a character that stays.
fn next(line: &[char], place: usize, before: Option<char>) -> (usize, Option<&'static str>) {
    let rest = &line[place..];
    let is_in_word = before.is_some_and(char::is_alphanumeric);
    let found = if is_in_word {
        None
    } else {
        None.or_else(|| quoted(rest).map(|length| (length, "<value>")))
            .or_else(|| uuid(rest).map(|length| (length, "<id>")))
            .or_else(|| number(rest).map(|length| (length, "<n>")))
            .or_else(|| id(rest).map(|length| (length, "<id>")))
    };
    match found.or_else(|| digits(rest).map(|length| (length, "<n>"))) {
        Some((length, stands)) => (place + length, Some(stands)),
        None => (place + 1, None),
    }
}

/// The length of a text in quotes, which end where no word goes on.
fn quoted(rest: &[char]) -> Option<usize> {
    let close = match rest.first()? {
        quote @ ('\'' | '"' | '`') => *quote,
        '“' => '”',
        '‘' => '’',
        '«' => '»',
        _ => return None,
    };
    let ends = |place: &usize| {
        rest[*place] == close && !rest.get(place + 1).is_some_and(|next| next.is_alphanumeric())
    };
    (1..rest.len()).find(ends).map(|end| end + 1)
}

/// The length of a UUID, with its hyphens.
fn uuid(rest: &[char]) -> Option<usize> {
    const LENGTH: usize = 36;
    let text = rest.get(..LENGTH)?;
    let fits = |(place, character): (usize, &char)| match place {
        8 | 13 | 18 | 23 => *character == '-',
        _ => character.is_ascii_hexdigit(),
    };
    let ends = !rest.get(LENGTH).is_some_and(|next| next.is_alphanumeric());
    (ends && text.iter().enumerate().all(fits)).then_some(LENGTH)
}

/// The length of a number, an address or a time: digits with signs between them, such as `-1.5`, `10.0.0.1` or
/// `2026-11-28T15:29:34Z`, and what follows them as a unit stays.
fn number(rest: &[char]) -> Option<usize> {
    let sign = usize::from(matches!(rest.first(), Some('-' | '+')));
    let mut length = sign + digits(&rest[sign..])?;
    while let Some(joined) = rest.get(length)
        && matches!(joined, '.' | ',' | ':' | '/' | '-' | '_' | 'T')
        && let Some(more) = digits(&rest[length + 1..])
    {
        length += 1 + more;
    }
    let is_utc =
        rest.get(length) == Some(&'Z') && !rest.get(length + 1).is_some_and(|next| next.is_alphanumeric());
    length += usize::from(is_utc);
    // An id may begin with digits.
    id(rest).is_none().then_some(length)
}

/// The length of a part of a word that is an id: hexadecimal digits, or letters and digits in turns.
fn id(rest: &[char]) -> Option<usize> {
    let length = rest
        .iter()
        .take_while(|character| character.is_alphanumeric())
        .count();
    let word = &rest[..length];
    let is_digit = |character: &char| character.is_numeric();
    let has_letters_and_digits = word.iter().any(is_digit) && !word.iter().all(is_digit);
    let turns = word
        .windows(2)
        .filter(|pair| is_digit(&pair[0]) != is_digit(&pair[1]))
        .count();
    let hexadecimal = word.strip_prefix(&['0', 'x']).unwrap_or(word);
    let is_prefixed = hexadecimal.len() < word.len() && !hexadecimal.is_empty();
    let is_hexadecimal = (is_prefixed || length >= 8) && hexadecimal.iter().all(char::is_ascii_hexdigit);
    let is_mixed = length >= ID_CHARS && turns >= 3;
    (has_letters_and_digits && (is_hexadecimal || is_mixed)).then_some(length)
}

fn digits(rest: &[char]) -> Option<usize> {
    let length = rest.iter().take_while(|character| character.is_numeric()).count();
    (length > 0).then_some(length)
}

/// Space stays single, and control characters are space.
fn push_plain(text: &mut String, character: char) {
    let is_space = character.is_whitespace() || character.is_control();
    match is_space {
        true if text.is_empty() || text.ends_with(' ') => {}
        true => text.push(' '),
        false => text.push(character),
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= KEPT_CHARS {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(KEPT_CHARS - 1).collect();
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_differs_from_failure_to_failure_is_left_out() {
        for (reason, group) in [
            ("card declined", "card declined"),
            ("  Timeout after 3000ms  ", "Timeout after <n>ms"),
            ("amount -1,250.50 of ORD-20261128-03915", "amount <n> of ORD-<n>"),
            ("customer C-17 at 10.0.0.1:5432", "customer C-<n> at <n>"),
            (
                "saga 2c8e4c57-0f6b-4f0e-9d5a-5a4d7f7ca6c6 at 2026-11-28T15:29:34.123Z",
                "saga <id> at <n>",
            ),
            ("block 0x7ffe and commit 81d122e0a", "block <id> and commit <id>"),
            ("token x7Kq9Zp2 is unknown", "token <id> is unknown"),
            (
                "no stock of 'red shoes', can't reserve",
                "no stock of <value>, can't reserve",
            ),
            ("key \"a\" is not `b`", "key <value> is not <value>"),
            (
                "java.lang.IllegalState: 5 open\n\tat A.b(C.java:12)",
                "java.lang.IllegalState: <n> open",
            ),
            ("\n\n  second line first", "second line first"),
            ("HTTP 503 from payment2", "HTTP <n> from payment<n>"),
            ("재고 부족: 상품 12개", "재고 부족: 상품 <n>개"),
            ("", ""),
            (" \n ", ""),
        ] {
            assert_eq!(failure_fingerprint(reason), group, "{reason:?}");
        }
    }

    #[test]
    fn reasons_that_differ_in_words_stay_apart() {
        let groups = [
            "card declined",
            "card expired",
            "limit exceeded by 5",
            "limit exceeded",
        ];
        let distinct: std::collections::BTreeSet<String> =
            groups.iter().map(|reason| failure_fingerprint(reason)).collect();
        assert_eq!(distinct.len(), groups.len());
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let group = failure_fingerprint(&"주문 ".repeat(100_000));
        assert_eq!(group.chars().count(), KEPT_CHARS);
        assert!(group.ends_with('…'));
    }

    proptest! {
        #[test]
        fn any_reason_has_a_short_group_of_one_line(reason in "\\PC*|(?s).{0,400}") {
            let group = failure_fingerprint(&reason);
            prop_assert!(group.chars().count() <= KEPT_CHARS);
            prop_assert!(!group.chars().any(char::is_control), "{:?}", group);
            prop_assert!(!group.chars().any(char::is_numeric), "{:?}", group);
        }

        #[test]
        fn numbers_and_ids_make_no_groups(left: u64, right: u64, uuid in any::<[u8; 16]>()) {
            let hex: String = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
            let reason = |number: u64| format!("order {number} of {hex} refused: '{number}' after {}.5 s", number / 7);
            prop_assert_eq!(failure_fingerprint(&reason(left)), failure_fingerprint(&reason(right)));
        }
    }
}
