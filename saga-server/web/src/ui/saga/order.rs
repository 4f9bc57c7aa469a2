//! All sagas of an order on one line of time.

use saga_types::{Timestamp, fold::SagaState};
use svg::{
    Document,
    node::element::{Group, Line, Rectangle, Text, Title},
};

use crate::ui::{
    humanize::{length, short},
    page::Badge,
};

const LABELS: f64 = 250.0;
const WIDTH: f64 = 1_000.0;
const LANE: f64 = 30.0;
const TOP: f64 = 24.0;
/// However short a saga is, it is seen.
const LEAST: f64 = 6.0;

/// The picture; none when there is nothing to compare.
pub(super) fn line_of_time(shown: &SagaState, others: &[SagaState]) -> Option<String> {
    if others.is_empty() {
        return None;
    }
    let mut sagas: Vec<&SagaState> = others.iter().chain([shown]).collect();
    sagas.sort_by_key(|saga| (saga.started_at, saga.saga_id.clone()));
    let begin = sagas.iter().map(|saga| saga.started_at).min()?;
    let end = sagas.iter().map(|saga| saga.updated_at).max()?;
    let scale = Scale {
        begin,
        millis: end.millis_since(begin).max(1),
    };
    let height = TOP + LANE * f64::from(u32::try_from(sagas.len()).ok()?) + 6.0;
    let mut drawing = Document::new()
        .set("viewBox", (0, 0, WIDTH, height))
        .set("role", "img")
        .set(
            "aria-label",
            "The sagas of the order along time; the table below has the same",
        )
        .add(
            Text::new(length(scale.millis))
                .set("class", "silence-length")
                .set("x", f64::midpoint(LABELS, WIDTH))
                .set("y", 14),
        );
    for (place, saga) in (0_u32..).zip(sagas) {
        let y = TOP + LANE * f64::from(place);
        drawing = drawing.add(lane(saga, saga.saga_id == shown.saga_id, y, &scale));
    }
    Some(drawing.to_string())
}

struct Scale {
    begin: Timestamp,
    millis: i64,
}

impl Scale {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a drawing needs no more than a double's 53 bits"
    )]
    fn x(&self, at: Timestamp) -> f64 {
        let share = at.millis_since(self.begin) as f64 / self.millis as f64;
        LABELS + share * (WIDTH - LABELS - LEAST - 4.0)
    }
}

fn lane(saga: &SagaState, is_shown: bool, y: f64, scale: &Scale) -> Group {
    let badge = Badge::from(saga.current_status);
    let (from, to) = (scale.x(saga.started_at), scale.x(saga.updated_at));
    let title = format!(
        "{} {} from {} to {}",
        saga.saga_id, badge.name, saga.started_at, saga.updated_at
    );
    let name = format!("{} {}", badge.sign, short(&saga.saga_id));
    let (name_class, bar_class) = if is_shown {
        ("lane-name shown", "bar-of shown")
    } else {
        ("lane-name", "bar-of")
    };
    Group::new()
        .add(Title::new(title))
        .add(
            Text::new(name)
                .set("class", name_class)
                .set("x", 4)
                .set("y", y + LANE / 2.0 + 4.0),
        )
        .add(
            Line::new()
                .set("class", "lane")
                .set("x1", LABELS)
                .set("x2", WIDTH)
                .set("y1", y + LANE / 2.0)
                .set("y2", y + LANE / 2.0),
        )
        .add(
            Rectangle::new()
                .set("class", format!("{bar_class} {}", badge.class))
                .set("x", from)
                .set("y", y + 7.0)
                .set("width", (to - from).max(LEAST))
                .set("height", LANE - 14.0)
                .set("rx", 3),
        )
}
