//! The first line: which waits the time went into; and the time by service.

use saga_types::Timestamp;

use super::{Lane, Open, service};
use crate::ui::humanize::{length, percent, precise_count};
use saga_store::{StoredStep, UsualWait};

/// Waits are named until so much of the time is explained, in percent of it.
const EXPLAINED: i64 = 60;

/// A wait below this is not named, in percent of the whole.
const WORTH_NAMING: i64 = 10;

const MOST_NAMED: usize = 3;

/// The waits that most of the time went into.
pub(in crate::ui::saga) struct Summary {
    whole_ms: i64,
    named: Vec<Wait>,
}

/// A wait that is named.
pub(in crate::ui::saga) struct Wait {
    /// The step; none where rows are services.
    step: Option<String>,
    pub(in crate::ui::saga) service: String,
    millis: i64,
    pub(in crate::ui::saga) is_open: bool,
    usual: Option<UsualWait>,
}

impl Wait {
    pub(in crate::ui::saga) fn name(&self) -> &str {
        self.step.as_deref().unwrap_or(&self.service)
    }

    /// Where the name is not the service itself.
    pub(in crate::ui::saga) fn by(&self) -> Option<&str> {
        self.step.as_ref().map(|_| self.service.as_str())
    }

    pub(in crate::ui::saga) fn length(&self) -> String {
        length(self.millis)
    }

    /// How long it usually is, where that is known.
    pub(in crate::ui::saga) fn usually(&self) -> Option<String> {
        self.usual.map(|usual| length(usual.p50_ms))
    }
}

impl Summary {
    pub(super) fn of(lanes: &[Lane], open: &[Open], begin: Timestamp) -> Self {
        let wait = |lane: &Lane, service: &str, millis, usual| Wait {
            step: lane.step.map(str::to_owned),
            service: service.to_owned(),
            millis,
            is_open: false,
            usual,
        };
        let of_echoes = lanes.iter().flat_map(|lane| {
            let echoes = lane.echoes.iter();
            echoes.map(|echo| wait(lane, echo.service, echo.share_ms, None))
        });
        let own = lanes
            .iter()
            .map(|lane| wait(lane, lane.service, lane.share_ms, lane.usual));
        let mut waits: Vec<Wait> = own.chain(of_echoes).collect();
        // What is awaited at the same time is one wait.
        let until = waits.iter().map(|wait| wait.millis).sum::<i64>();
        let now = open.iter().map(|open| open.wait.to.millis_since(begin)).max();
        let whole_ms = until.max(now.unwrap_or(0));
        if let Some(first) = open.first() {
            waits.push(Wait {
                step: Some(first.awaiting.step.to_string()),
                service: first.awaiting.owner().to_owned(),
                millis: whole_ms - until,
                is_open: true,
                usual: first.usual,
            });
        }
        waits.sort_by_key(|wait| std::cmp::Reverse(wait.millis));
        let mut explained = 0;
        let is_named = |wait: &Wait| {
            let is_needed = explained * 100 < whole_ms * EXPLAINED;
            explained += wait.millis;
            is_needed && wait.millis * 100 >= whole_ms * WORTH_NAMING && wait.millis > 0
        };
        Self {
            whole_ms,
            named: waits.into_iter().take_while(is_named).take(MOST_NAMED).collect(),
        }
    }

    pub(super) fn whole_ms(&self) -> i64 {
        self.whole_ms
    }

    /// Whether a wait is worth a line.
    pub(in crate::ui::saga) fn named(&self) -> &[Wait] {
        &self.named
    }

    pub(super) fn names(&self, step: Option<&str>, service: &str) -> bool {
        let is = |wait: &Wait| !wait.is_open && wait.step.as_deref() == step && wait.service == service;
        self.named.iter().any(is)
    }

    pub(super) fn names_open(&self, step: &str) -> bool {
        self.named
            .iter()
            .any(|wait| wait.is_open && wait.step.as_deref() == Some(step))
    }

    /// How long the named ones are together, and which share of the whole that is.
    pub(in crate::ui::saga) fn together(&self) -> (String, String) {
        let millis = self.named.iter().map(|wait| wait.millis).sum::<i64>();
        (length(millis), share(millis, self.whole_ms))
    }

    pub(in crate::ui::saga) fn count(&self) -> &'static str {
        match self.named.len() {
            1 => "one wait",
            2 => "two waits",
            _ => "three waits",
        }
    }
}

/// A part of the time, to scale.
pub(in crate::ui::saga) struct Part {
    pub(in crate::ui::saga) service: String,
    pub(in crate::ui::saga) length: String,
    pub(in crate::ui::saga) share: String,
    /// In thousandths of the width.
    pub(in crate::ui::saga) x: i64,
    pub(in crate::ui::saga) width: i64,
    /// Parts beside each other look different.
    pub(in crate::ui::saga) is_even: bool,
}

impl Part {
    pub(in crate::ui::saga) fn left(&self) -> String {
        format!("{}.{}", self.x / 10, self.x % 10)
    }

    pub(in crate::ui::saga) fn wide(&self) -> String {
        format!("{}.{}", self.width / 10, self.width % 10)
    }

    /// Whether there is room for its name.
    pub(in crate::ui::saga) fn has_name(&self) -> bool {
        self.width >= 120
    }
}

/// How long each service was waited for, the longest first: from the event before to each of its events, and from the last
/// event until now for what is awaited.
pub(super) fn by_service(events: &[StoredStep], open: &[Open]) -> Vec<Part> {
    let mut services: Vec<(&str, i64)> = Vec::new();
    let mut add = |service, millis| match services.iter_mut().find(|(known, _)| *known == service) {
        Some((_, sum)) => *sum += millis,
        None => services.push((service, millis)),
    };
    for pair in events.windows(2) {
        add(
            service(&pair[1]),
            pair[1].recorded_at.millis_since(pair[0].recorded_at),
        );
    }
    if let (Some(open), Some(last)) = (open.first(), events.last()) {
        add(
            open.awaiting.owner(),
            open.wait.to.millis_since(last.recorded_at).max(0),
        );
    }
    let whole = services.iter().map(|(_, millis)| millis).sum::<i64>();
    if whole == 0 {
        return Vec::new();
    }
    services.sort_by_key(|(_, millis)| std::cmp::Reverse(*millis));
    let mut before = 0;
    (0..)
        .zip(services)
        .map(|(place, (service, millis))| {
            let x = thousandths(before, whole);
            before += millis;
            Part {
                service: service.to_owned(),
                length: length(millis),
                share: share(millis, whole),
                x,
                width: thousandths(before, whole) - x,
                is_even: place % 2 == 0,
            }
        })
        .collect()
}

fn thousandths(part: i64, whole: i64) -> i64 {
    i64::try_from(i128::from(part) * 1_000 / i128::from(whole)).unwrap_or(0)
}

fn share(part: i64, whole: i64) -> String {
    let count = |millis: i64| precise_count(millis.max(0).cast_unsigned());
    percent(if whole == 0 {
        0.0
    } else {
        count(part) / count(whole)
    })
}
