//! The control of a page's period: lengths that end now, two times, earlier and later, what it is compared with, and the
//! address that means the same at any time. Everything is a link or a form.

use askama::Template;
use saga_types::Timestamp;

use super::{
    period::{Against, Asked, COMPARE, PARAMETERS, Period},
    query::{address, is_place},
};
use crate::http::query_string::Length;

/// The lengths that are offered.
const LENGTHS: [(&str, Length); 6] = [
    ("15 min", Length::minutes(15)),
    ("1 h", Length::hours(1)),
    ("6 h", Length::hours(6)),
    ("24 h", Length::hours(24)),
    ("7 d", Length::days(7)),
    ("30 d", Length::days(30)),
];

#[derive(Template)]
#[template(path = "range.html")]
pub(super) struct Range {
    path: String,
    links: Vec<Link>,
    earlier: Option<String>,
    later: Option<String>,
    /// Compared with another period, by default the one before.
    against: Vec<Link>,
    against_words: &'static str,
    /// None when any time is meant.
    ends: Option<Ends>,
    /// What the form keeps of the address.
    kept: Vec<(String, String)>,
    fixed: String,
}

struct Link {
    words: &'static str,
    path: String,
    is_current: bool,
}

/// The ends in words and as a form takes them.
struct Ends {
    from: Timestamp,
    to: Timestamp,
}

impl Ends {
    fn minute(at: Timestamp) -> String {
        let exact = at.to_string();
        format!("{} {}", &exact[..10], &exact[11..16])
    }

    /// Exact to the millisecond only where that was asked for.
    fn field(at: Timestamp) -> String {
        let exact = at.to_string();
        match &exact[16..] {
            ":00.000Z" => format!("{}Z", &exact[..16]),
            _ => exact,
        }
    }
}

/// A page with what its address has beside the period.
struct Address<'a> {
    path: &'a str,
    given: &'a [(String, String)],
}

impl Address<'_> {
    /// What stays when the period changes: no place in a list, which is that of another one.
    fn kept(&self) -> impl Iterator<Item = &(String, String)> {
        let given = self.given.iter();
        given.filter(|(name, _)| !is_place(name) && !PARAMETERS.contains(&name.as_str()))
    }

    fn with(&self, parameters: &[(String, String)]) -> String {
        address(self.path, self.kept().chain(parameters))
    }

    fn against(&self, against: Against) -> String {
        let compare = (COMPARE.to_owned(), against.name().to_owned());
        let others = self.given.iter();
        let others = others.filter(|(name, _)| !is_place(name) && name != COMPARE);
        match against {
            Against::Previous => address(self.path, others),
            _ => address(self.path, others.chain([&compare])),
        }
    }

    fn lengths(&self, current: Option<Length>) -> Vec<Link> {
        let link = |(words, length): (&'static str, Length)| Link {
            words,
            path: self.with(&[("period".to_owned(), length.to_string())]),
            is_current: current == Some(length),
        };
        LENGTHS.map(link).into()
    }
}

impl Range {
    /// Of a page with figures of a period, beside those of another one.
    pub(super) fn compared(path: &str, given: &[(String, String)], period: &Period, now: Timestamp) -> Self {
        let address = Address { path, given };
        let link = |against: Against| Link {
            words: against.words(),
            path: address.against(against),
            is_current: against == period.against(),
        };
        Self {
            against: Against::ALL.map(link).into(),
            against_words: period.against().words(),
            ..Self::of(&address, period, now)
        }
    }

    /// Of a list, which is of any time if its address has no period.
    pub(super) fn optional(path: &str, given: &[(String, String)], asked: &Asked, now: Timestamp) -> Self {
        let page = Address { path, given };
        let any = Link {
            words: "Any time",
            path: page.with(&[]),
            is_current: asked.is_open(),
        };
        let mut range = match asked.is_open() {
            true => Self {
                path: path.to_owned(),
                links: page.lengths(None),
                earlier: None,
                later: None,
                against: Vec::new(),
                against_words: "",
                ends: None,
                kept: page.kept().cloned().collect(),
                fixed: page.with(&[]),
            },
            false => Self::of(&page, &asked.or(Length::hours(24), now), now),
        };
        range.links.insert(0, any);
        range
    }

    fn of(address: &Address<'_>, period: &Period, now: Timestamp) -> Self {
        let fixed = |period: &Period| address.with(&period.fixed());
        Self {
            path: address.path.to_owned(),
            links: address.lengths(period.length()),
            earlier: Some(fixed(&period.earlier())),
            later: period.later(now).map(|later| fixed(&later)),
            against: Vec::new(),
            against_words: "",
            ends: Some(Ends {
                from: period.from,
                to: period.to,
            }),
            kept: address.kept().cloned().collect(),
            fixed: fixed(period),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::query_string::Params;

    fn range(query: &str) -> String {
        let now = "2026-11-24T14:53:20Z".parse().unwrap();
        let mut params = Params::of(query);
        let given = params.given();
        let asked = Asked::take(&mut params, now);
        Range::compared("/flow", &given, &asked.or(Length::hours(24), now), now)
            .to_string()
            .replace("&#38;", "&")
    }

    #[test]
    fn links_keep_the_rest_of_the_address() {
        let range = range("period=1h&type=REFUND&compare=day");
        for link in [
            r#"href="/flow?compare=day&type=REFUND&period=6h""#,
            r#"href="/flow?compare=day&type=REFUND&fromDate=2026-11-24T12%3A53%3A20.000Z&toDate=2026-11-24T13%3A53%3A20.000Z""#,
            r#"href="/flow?period=1h&type=REFUND&compare=week""#,
            r#"href="/flow?period=1h&type=REFUND""#,
            r#"name="type" value="REFUND""#,
            r#"aria-current="page">1 h<"#,
        ] {
            assert!(range.contains(link), "{link} in {range}");
        }
    }

    #[test]
    fn a_fixed_address_has_both_times() {
        let range = range("period=15m");
        let fixed = "/flow?fromDate=2026-11-24T14%3A38%3A20.000Z&toDate=2026-11-24T14%3A53%3A20.000Z";
        assert!(
            range.contains(&format!(r#"href="{fixed}" data-copy-address"#)),
            "{range}"
        );
    }
}
