//! Times, lengths and ids as people read them, with exact values beside them in the page.

use std::fmt;

use saga_types::{Timestamp, fold::Phrase};

pub(super) use saga_types::length;

use saga_collector::freshness::Freshness;

const SECOND: i64 = 1_000;

/// The moments as of which a page is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// The moment it is made.
    pub(super) now: Timestamp,
    /// Up to then everything is stored; what is late is late as of then, as for REST and alerts.
    pub(super) judged_at: Timestamp,
}

impl Clock {
    pub(super) fn of(freshness: &Freshness) -> Self {
        let now = Timestamp::now();
        Self {
            now,
            judged_at: freshness.judged_at(now),
        }
    }
}

/// A moment, seen from the moment the page was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    at: Timestamp,
    now: Timestamp,
}

impl Moment {
    pub(super) fn new(at: Timestamp, now: Timestamp) -> Self {
        Self { at, now }
    }

    /// For `datetime` and `title`.
    pub(super) fn exact(&self) -> String {
        self.at.to_string()
    }

    /// Whether its age goes on growing.
    pub(super) fn is_past(&self) -> bool {
        self.age_ms() >= 0
    }

    fn age_ms(&self) -> i64 {
        self.now.millis_since(self.at)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.age_ms() {
            age if age.abs() < SECOND => formatter.write_str("just now"),
            age if age < 0 => write!(formatter, "in {}", roughly(-age)),
            age => write!(formatter, "{} ago", roughly(age)),
        }
    }
}

/// A piece of a sentence.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Words(String),
    /// Text of an event, which may be in another script.
    Quoted(String),
    Time {
        exact: String,
        text: String,
        is_late: bool,
    },
}

/// The sentence of a saga with its moments relative to now.
pub(super) fn pieces(sentence: Vec<Phrase>, clock: Clock) -> Vec<Piece> {
    let now = clock.now;
    let time = |at: Timestamp, text, is_late| Piece::Time {
        exact: at.to_string(),
        text,
        is_late,
    };
    let piece = |phrase| match phrase {
        Phrase::Words(words) => Piece::Words(words),
        Phrase::At(at) | Phrase::Moment(at) => time(at, Moment::new(at, now).to_string(), false),
        Phrase::Since(at) => time(at, format!("for {}", roughly(now.millis_since(at).max(0))), false),
        Phrase::DueBy(at) => {
            let (text, is_late) = until_deadline(at, clock);
            time(at, text, is_late)
        }
    };
    sentence.into_iter().map(piece).collect()
}

/// The same pieces with the text of an event isolated, so that right-to-left text in it does not reorder the words around it.
pub(super) fn isolate(pieces: Vec<Piece>, quoted: Option<&str>) -> Vec<Piece> {
    let Some(quoted) = quoted.filter(|quoted| !quoted.is_empty()) else {
        return pieces;
    };
    let split = |piece| match piece {
        Piece::Words(words) => match words.split_once(quoted) {
            Some((before, after)) => vec![
                Piece::Words(before.to_owned()),
                Piece::Quoted(undirected(quoted)),
                Piece::Words(after.to_owned()),
            ],
            None => vec![Piece::Words(words)],
        },
        other => vec![other],
    };
    pieces.into_iter().flat_map(split).collect()
}

/// How much time is left until a deadline, or by how much it has passed; and whether it is known to be missed.
pub(super) fn until_deadline(deadline: Timestamp, clock: Clock) -> (String, bool) {
    match clock.judged_at.millis_since(deadline) {
        late if late > 0 => (format!("overdue by {}", roughly(late)), true),
        _ => match clock.now.millis_since(deadline) {
            early @ ..0 => (format!("due in {}", roughly(-early)), false),
            // Ingest lags: what is awaited may have come.
            late => (format!("was due {} ago", roughly(late)), false),
        },
    }
}

/// An age: a length without parts of seconds, which change while they are read.
pub(super) fn roughly(millis: i64) -> String {
    match millis {
        ..SECOND => "0 s".to_owned(),
        _ => length(millis / SECOND * SECOND),
    }
}

/// Without marks of direction: one that is not closed takes effect beyond the element that isolates the text, and would write the
/// words behind it backwards.
pub(super) fn undirected(text: &str) -> String {
    text.replace(
        |character: char| matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'),
        "",
    )
}

/// An id with its middle left out. Ids that were made together differ at the end.
pub(super) fn short(id: &str) -> String {
    const WHOLE: usize = 18;
    const BEGINNING: usize = 8;
    const END: usize = 6;
    let chars: Vec<char> = id.chars().collect();
    if chars.len() <= WHOLE {
        return id.to_owned();
    }
    let beginning: String = chars[..BEGINNING].iter().collect();
    let end: String = chars[chars.len() - END..].iter().collect();
    format!("{beginning}…{end}")
}

/// A list, of which very many are left out.
pub(super) fn list(entries: &[String]) -> String {
    const MOST: usize = 8;
    let listed = entries[..entries.len().min(MOST)].join(", ");
    match entries.len().saturating_sub(MOST) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

/// A number with its thousands separated.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A part of a whole.
pub(super) fn percent(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0 %".to_owned(),
        ..0.1 => "<0.1 %".to_owned(),
        percent @ ..10.0 => format!("{} %", (percent * 10.0).round() / 10.0),
        100.0 => "100 %".to_owned(),
        99.5.. => ">99 %".to_owned(),
        percent => format!("{} %", percent.round()),
    }
}

/// The same in whole hundredths, for a bar.
pub(super) fn hundredths(share: f64) -> u32 {
    (0..=100)
        .rev()
        .find(|hundredths| f64::from(*hundredths) <= share * 100.0 + 0.5)
        .unwrap_or(0)
}

/// Seconds, in the form of [`length`].
pub(super) fn seconds(seconds: f64) -> String {
    format!("{:.0}", seconds * 1000.0)
        .parse()
        .map_or_else(|_| "–".to_owned(), length)
}

#[expect(clippy::cast_precision_loss, reason = "the 16th digit is not shown")]
pub(super) fn precise_count(count: u64) -> f64 {
    count as f64
}

pub(super) fn precise(count: usize) -> f64 {
    precise_count(count as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60 * SECOND;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_760_000_000_000 + millis).unwrap()
    }

    #[test]
    fn a_quoted_reason_turns_no_words_around_it() {
        let reason = "\u{202e}evil\u{2066}-הזמנה";
        let words = Piece::Words(format!("Failed ({reason}), then"));
        let pieces = isolate(vec![words], Some(reason));
        assert!(
            matches!(&pieces[..], [_, Piece::Quoted(quoted), Piece::Words(after)]
                if quoted == "evil-הזמנה" && after == "), then"),
            "{pieces:?}"
        );
    }

    #[test]
    fn moments_are_shown_by_their_distance() {
        let shown = |distance| Moment::new(at(distance), at(0)).to_string();
        assert_eq!(shown(0), "just now");
        assert_eq!(shown(-59_999), "59 s ago");
        assert_eq!(shown(-3 * MINUTE), "3 min ago");
        assert_eq!(shown(2 * HOUR + 1), "in 2 h");
        assert_eq!(shown(-119 * MINUTE), "1 h 59 min ago");
        assert_eq!(shown(-40 * DAY), "40 d ago");
    }

    #[test]
    fn a_deadline_that_has_passed_is_overdue() {
        let clock = Clock {
            now: at(0),
            judged_at: at(0),
        };
        let pieces = pieces(vec![Phrase::DueBy(at(-90_000)), Phrase::Since(at(-5_000))], clock);
        let [Piece::Time { text, is_late, .. }, Piece::Time { text: since, .. }] = pieces.as_slice() else {
            panic!("{pieces:?}")
        };
        assert_eq!((text.as_str(), *is_late), ("overdue by 1 min 30 s", true));
        assert_eq!(since, "for 5 s");
    }

    #[test]
    fn a_deadline_is_missed_only_when_everything_until_then_is_known() {
        let lagging = Clock {
            now: at(0),
            judged_at: at(-100_000),
        };
        let shown = |due| match pieces(vec![Phrase::DueBy(at(due))], lagging).as_slice() {
            [Piece::Time { text, is_late, .. }] => (text.clone(), *is_late),
            other => panic!("{other:?}"),
        };
        assert_eq!(shown(-90_000), ("was due 1 min 30 s ago".to_owned(), false));
        assert_eq!(shown(90_000), ("due in 1 min 30 s".to_owned(), false));
        assert_eq!(shown(-160_000), ("overdue by 1 min".to_owned(), true));
    }

    #[test]
    fn long_ids_lose_their_middle_and_no_character_is_cut() {
        assert_eq!(short("saga-1"), "saga-1");
        assert_eq!(short("0199c7a0-1111-7000-8000-00000abcdef1"), "0199c7a0…bcdef1");
        assert_eq!(short(&"주문".repeat(20)), "주문주문주문주문…주문주문주문");
    }

    #[test]
    fn the_beginning_of_a_long_list_is_shown() {
        let entries: Vec<String> = (1..=200).map(|number| number.to_string()).collect();
        assert_eq!(list(&entries[..3]), "1, 2, 3");
        assert_eq!(list(&entries), "1, 2, 3, 4, 5, 6, 7, 8 and 192 more");
    }

    #[test]
    fn shares_are_never_said_to_be_all_or_nothing_when_they_are_not() {
        let shown: Vec<String> = [0.0, 0.0004, 0.0123, 0.5, 0.9999, 1.0].map(percent).into();
        assert_eq!(shown, ["0 %", "<0.1 %", "1.2 %", "50 %", ">99 %", "100 %"]);
        assert_eq!([0.004, 0.5, 0.996, 1.0].map(hundredths), [0, 50, 100, 100]);
        assert_eq!(seconds(2.4), "2.4 s");
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(number(7), "7");
        assert_eq!(number(12_400), "12,400");
        assert_eq!(number(1_000_000), "1,000,000");
    }
}
