//! The running instances of a service, and events of them that never came.

use saga_types::Timestamp;

use super::{rate, schema};
use crate::ui::humanize::{Moment, number, short};
use saga_store::{Gap, ProducerInstance};

/// How many gaps of an instance are shown.
const GAPS: usize = 5;

pub(super) struct Instance {
    pub(super) name: Option<String>,
    pub(super) short_name: String,
    pub(super) version: String,
    pub(super) schema: String,
    pub(super) first_seen: Moment,
    pub(super) last_seen: Moment,
    pub(super) received: String,
    pub(super) rate: String,
    pub(super) lost: Option<String>,
    pub(super) gaps: Vec<Stretch>,
}

/// Numbers that are missing one after the other.
pub(super) struct Stretch {
    pub(super) numbers: String,
    pub(super) noticed: Moment,
}

impl Instance {
    pub(super) fn of(instance: ProducerInstance, now: Timestamp) -> Self {
        const NONE: &str = "–";
        let is_named = instance.instance.is_some();
        let numbered = |text: String| if is_named { text } else { NONE.to_owned() };
        Self {
            short_name: instance.instance.as_deref().map(short).unwrap_or_default(),
            version: instance.sdk_version.unwrap_or_else(|| NONE.to_owned()),
            schema: instance.wire.map_or_else(|| NONE.to_owned(), schema),
            first_seen: Moment::new(instance.first_seen, now),
            last_seen: Moment::new(instance.last_seen, now),
            received: numbered(number(instance.received)),
            rate: numbered(rate(instance.per_second)),
            lost: (instance.possibly_lost > 0).then(|| number(instance.possibly_lost)),
            gaps: stretches(instance.gaps, now),
            name: instance.instance,
        }
    }
}

/// The last ones, the last one first.
fn stretches(gaps: Vec<Gap>, now: Timestamp) -> Vec<Stretch> {
    let last = gaps.into_iter().rev().take(GAPS);
    last.map(|gap| Stretch {
        numbers: match gap.events() {
            1 => number(gap.first),
            _ => format!("{} to {}", number(gap.first), number(gap.last)),
        },
        noticed: Moment::new(gap.noticed_at, now),
    })
    .collect()
}
