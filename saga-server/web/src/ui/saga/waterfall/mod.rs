//! Where the time of a saga went: a row for each step, drawn along one line of time.
//!
//! | part | what |
//! | --- | --- |
//! | `lanes` | the events by rows: waits, work, retries and echoes |
//! | `scale` | from moments to places, to scale or with long gaps folded |
//! | `summary` | the first line, and the time by service |
//! | `usual` | what is usual beside what was waited |
//! | `drawing` | the shapes of a row |
//!
//! Rule of thumb: places are thousandths of the width, computed here; the template writes them down and the style sheet says how
//! they look.

mod drawing;
mod lanes;
mod scale;
mod summary;
mod usual;

use saga_store::{StoredSaga, StoredStep, Usual, UsualWait};
use saga_types::{SagaStatus, Timestamp, definition::SagaDefinition, fold::Awaiting};

use super::{
    Clock,
    address::{Address, Grouping},
};
use crate::{
    http::query_string::Params,
    ui::{
        humanize::{length, until_deadline},
        links::encoded,
        page::Badge,
    },
};

pub(super) use drawing::{Drawing, Grid};
#[cfg(test)]
pub(super) use lanes::tests::event;
pub(super) use lanes::{Lane, Span, is_corrected, lanes, service};
pub(super) use scale::{Fold, Scale, Tick};
use summary::{Part, Summary};
use usual::Beside;

/// More rows than this are grouped by service, unless steps are asked for.
const MOST_STEPS: usize = 60;

/// How the rows are shown, by the address.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted {
    grouping: Option<Grouping>,
    is_folded: bool,
}

impl Wanted {
    /// Takes `rows` and `gaps`.
    pub(super) fn take(params: &mut Params) -> Self {
        let grouping = params.parsed("rows", |text| match text {
            "steps" => Ok(Grouping::Steps),
            "services" => Ok(Grouping::Services),
            _ => Err("must be steps or services".to_owned()),
        });
        let gaps = params.parsed("gaps", |text| match text {
            "linear" => Ok(false),
            "folded" => Ok(true),
            _ => Err("must be linear or folded".to_owned()),
        });
        Self {
            grouping,
            is_folded: gaps.unwrap_or(false),
        }
    }
}

pub(super) struct Waterfall {
    pub(super) whole: String,
    pub(super) summary: Summary,
    pub(super) parts: Vec<Part>,
    pub(super) rows: Vec<Row>,
    pub(super) ticks: Vec<Tick>,
    pub(super) folds: Vec<Fold>,
    /// How else the same can be shown: name, address, and whether it is so now.
    pub(super) scales: Vec<(&'static str, String, bool)>,
    pub(super) groupings: Vec<(&'static str, String, bool)>,
    /// Whether an event has `durationMs`.
    pub(super) has_work: bool,
    /// Whether the limit is on the line of time.
    pub(super) has_limit: bool,
    /// Whether it is known of a row what is usual.
    pub(super) has_usual: bool,
    /// Whether a wait is marked.
    pub(super) has_above: bool,
}

impl Waterfall {
    /// Whether it is read at a glance on a phone; a longer one is folded there.
    pub(super) fn is_short(&self) -> bool {
        self.rows.len() <= 12
    }
}

/// What is known of the type.
pub(super) struct OfType<'a> {
    pub(super) definition: Option<&'a SagaDefinition>,
    pub(super) usual: &'a Usual,
}

pub(super) struct Row {
    /// The step, or the service where rows are services.
    pub(super) name: String,
    pub(super) service: Option<String>,
    /// How often it was recorded, if more than once.
    pub(super) times: Option<usize>,
    /// Its place in the table of events.
    pub(super) href: Option<String>,
    /// For failed and compensated ones.
    pub(super) badge: Option<Badge>,
    /// By whom else it was recorded, and when.
    pub(super) echoes: Vec<(String, String)>,
    pub(super) drawing: Drawing,
    /// In words, for those who do not see it.
    pub(super) title: String,
    pub(super) wait: Option<String>,
    pub(super) usual: Beside,
    /// Of what is still awaited: by how much it is late, or until when there is time.
    pub(super) state: Option<(String, bool)>,
    /// It is one of the waits that the first line names.
    pub(super) is_most: bool,
    /// It has not happened.
    pub(super) is_open: bool,
}

/// What is still awaited, since when and by whom.
struct Open<'a> {
    awaiting: &'a Awaiting,
    wait: Span,
    /// Until the moment up to which everything is stored.
    judged_ms: i64,
    usual: Option<UsualWait>,
}

impl Waterfall {
    /// `None` when there is nothing to compare. Of a part of the events, what is awaited now is unknown.
    pub(super) fn of(
        events: &[StoredStep],
        saga: &StoredSaga,
        of_type: &OfType,
        clock: Clock,
        wanted: Wanted,
        is_part: bool,
        address: &Address,
    ) -> Option<Self> {
        let (first, last) = (events.first()?, events.last()?);
        let open: Vec<Open> = if is_part {
            Vec::new()
        } else {
            open(saga, of_type.usual, clock)
        };
        if events.len() + open.len() < 2 {
            return None;
        }
        let (mut rows, grouping) = grouped(events, of_type.definition, wanted.grouping);
        usual::find(&mut rows, of_type.usual, &saga.saga_type);
        let deadline = open.iter().filter_map(|open| open.awaiting.deadline).min();
        let begin = first.recorded_at;
        let now = open.iter().map(|open| open.wait.to).max();
        let end = with_limit(begin, last.recorded_at.max(now.unwrap_or(begin)), deadline);
        let moments = || {
            let known = events.iter().map(|event| event.recorded_at);
            known.chain([end]).chain(deadline.filter(|at| *at < end))
        };
        let folded = Scale::folded(moments());
        let can_fold = folded.is_some();
        let is_folded = wanted.is_folded && can_fold;
        let scale = folded
            .filter(|_| wanted.is_folded)
            .unwrap_or_else(|| Scale::linear(begin, end));
        let ticks = scale.ticks();
        let limit = deadline
            .filter(|at| *at <= end && *at > begin)
            .map(|at| scale.x(at));
        let grid = Grid::new(&ticks, limit);
        let summary = Summary::of(&rows, &open, begin);
        let mut shown: Vec<Row> = rows
            .iter()
            .map(|lane| Row::of(lane, &scale, &grid, &summary))
            .collect();
        shown.extend(
            open.iter()
                .map(|open| Row::open(open, &scale, &grid, &summary, clock)),
        );
        Some(Self {
            whole: length(summary.whole_ms()),
            parts: summary::by_service(events, &open),
            summary,
            has_work: rows.iter().any(|lane| !lane.works.is_empty()),
            has_limit: limit.is_some(),
            has_above: shown.iter().any(|row| row.usual.is_above),
            has_usual: shown.iter().any(|row| row.usual.median.is_some()),
            rows: shown,
            ticks,
            folds: scale.into_folds(),
            scales: if can_fold {
                address.scales(is_folded)
            } else {
                Vec::new()
            },
            groupings: address.groupings(grouping),
        })
    }
}

/// By steps, unless services are asked for or there are very many steps.
fn grouped<'a>(
    events: &'a [StoredStep],
    definition: Option<&SagaDefinition>,
    wanted: Option<Grouping>,
) -> (Vec<Lane<'a>>, Grouping) {
    let by_step = lanes(events, definition, Grouping::Steps);
    match wanted {
        Some(Grouping::Steps) => (by_step, Grouping::Steps),
        None if by_step.len() <= MOST_STEPS => (by_step, Grouping::Steps),
        _ => (lanes(events, definition, Grouping::Services), Grouping::Services),
    }
}

fn open<'a>(saga: &'a StoredSaga, usual: &Usual, clock: Clock) -> Vec<Open<'a>> {
    saga.open_waits()
        .map(|wait| Open {
            awaiting: wait.awaiting,
            wait: Span {
                from: wait.awaiting.since,
                to: clock.now.max(wait.awaiting.since),
            },
            judged_ms: clock.judged_at.millis_since(wait.awaiting.since),
            usual: usual.wait(&saga.saga_type, wait).copied(),
        })
        .collect()
}

/// The limit is shown when it is not much later than now.
fn with_limit(begin: Timestamp, end: Timestamp, deadline: Option<Timestamp>) -> Timestamp {
    let near = |at: &Timestamp| at.millis_since(begin) <= 2 * end.millis_since(begin);
    deadline.filter(near).map_or(end, |at| at.max(end))
}

impl Row {
    fn of(lane: &Lane, scale: &Scale, grid: &Grid, summary: &Summary) -> Self {
        let fate = lane.fate();
        let is_fate = matches!(fate, SagaStatus::Failed | SagaStatus::Compensated);
        let times = Some(lane.events.len()).filter(|times| *times > 1);
        Self {
            name: lane.step.unwrap_or(lane.service).to_owned(),
            service: lane.step.map(|_| lane.service.to_owned()),
            times,
            href: lane
                .events
                .first()
                .map(|event| format!("#event-{}", encoded(event.event_id.as_str()))),
            badge: is_fate.then(|| fate.into()),
            echoes: lane
                .echoes
                .iter()
                .map(|echo| (echo.service.to_owned(), echo.after.clone()))
                .collect(),
            drawing: Drawing::of(lane, scale, grid),
            title: title(lane),
            wait: (!lane.waits.is_empty()).then(|| length(lane.wait_ms())),
            usual: Beside::of_lane(lane, summary.whole_ms()),
            state: None,
            is_most: summary.names(lane.step, lane.service),
            is_open: false,
        }
    }

    fn open(open: &Open, scale: &Scale, grid: &Grid, summary: &Summary, clock: Clock) -> Self {
        let awaiting = open.awaiting;
        Self {
            name: awaiting.step.to_string(),
            service: Some(awaiting.owner().to_owned()),
            times: None,
            href: None,
            badge: None,
            echoes: Vec::new(),
            drawing: Drawing::open(open.wait, scale, grid),
            title: format!("waiting for {} since {}", awaiting.step, awaiting.since),
            wait: Some(length(open.wait.millis())),
            usual: Beside::of(open.usual.as_ref(), open.judged_ms, summary.whole_ms()),
            state: awaiting.deadline.map(|deadline| until_deadline(deadline, clock)),
            is_most: summary.names_open(awaiting.step.as_str()),
            is_open: true,
        }
    }
}

/// What the drawing of a row shows.
fn title(lane: &Lane) -> String {
    let name = lane.step.unwrap_or(lane.service);
    let by = lane
        .step
        .map_or(String::new(), |_| format!(" by {}", lane.service));
    let when = match lane.events.as_slice() {
        [] => String::new(),
        [event] => format!(" at {}", event.recorded_at),
        [first, .., last] => format!(
            ", {} times from {} to {}",
            lane.events.len(),
            first.recorded_at,
            last.recorded_at
        ),
    };
    let wait = match lane.wait_ms() {
        0 => String::new(),
        millis => format!(", waited {}", length(millis)),
    };
    let work = match lane.works.iter().map(|span| span.millis()).sum() {
        0 => String::new(),
        millis => format!(", worked {}", length(millis)),
    };
    format!("{name}{by}{when}{wait}{work}")
}
