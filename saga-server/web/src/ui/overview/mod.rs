//! `/`: what needs action, then how sagas of a period went, beside the period before.
//!
//! | part | what |
//! | --- | --- |
//! | `attention` | what needs action |
//! | `changes` | what differs from the period before |
//! | `failures` | what failed, and why |
//! | `types`, `slowest` | types of sagas side by side, and the steps that are waited for longest |

mod attention;
mod changes;
mod failures;
mod slowest;
mod types;

use std::{collections::BTreeMap, time::Duration};

use askama::Template;
use axum::Extension;
use futures_util::TryFutureExt;
use saga_types::{SagaStatus, Timestamp};

use super::{
    chart::{self, Bar, Chart, bars},
    humanize::{self, Clock, number},
    lines::{LINES, Lines},
    markers::Markers,
    page::{Badge, Frame, Page, Section},
    period::{Asked, Period},
    query::{address, files},
    range::Range,
    sparkline::Sparkline,
    ticks::Ticks,
};
use crate::ui::overview::{
    attention::Attention,
    changes::{Changed, changes},
    failures::Failures,
    slowest::{By, SHOWN, SlowStep, first_by, slowest},
    types::TypeRow,
};

use crate::{
    auth::Caller,
    http::{
        ApiError,
        query_string::{Length, Params},
    },
    scoped::Reader,
};
pub(super) use failures::{filters as failures_filters, found as failures_of, reason as failure_reason};
use saga_store::{SagaQuery, SagaSort, Slot, SlotDurations, SortBy, SortOrder, Span, Trends};

#[derive(Template)]
#[template(path = "overview.html")]
pub(super) struct OverviewTemplate {
    frame: Frame,
    attention: Attention,
    range: Range,
    /// The period, after "in".
    period: String,
    /// Whether no saga is there at all.
    is_empty: bool,
    started: String,
    /// How many started in the period that it is compared with, and which that is.
    before: Option<(String, &'static str)>,
    /// Whether any saga started in it.
    is_compared: bool,
    counts: Vec<Count>,
    chart: Option<Chart>,
    layers: [(&'static str, &'static str); chart::LAYERS.len()],
    /// How long sagas took, along the same slots.
    lines: Option<Lines>,
    names: [(&'static str, &'static str); LINES.len()],
    /// Versions that were first seen in the period.
    markers: Markers,
    slots: Vec<SlotRow>,
    /// What changed, and how many changes more.
    changes: (Vec<Changed>, usize),
    /// What needs action, and groups of failures, as files.
    attention_files: [(&'static str, String); 2],
    failure_files: [(&'static str, String); 2],
    failures: Failures,
    types: Vec<TypeRow>,
    steps: Vec<SlowStep>,
    /// What the steps can be sorted by, and whether that was asked for.
    step_orders: Vec<(&'static str, String, bool)>,
    are_steps_asked: bool,
}

struct Count {
    badge: Badge,
    count: String,
    path: String,
    spark: Sparkline,
}

/// One slot in the table of the chart's figures.
struct SlotRow {
    name: String,
    exact: String,
    /// The overview of this slot alone.
    path: String,
    started: String,
    /// In the order of [`chart::LAYERS`].
    layers: [String; chart::LAYERS.len()],
    /// In the order of [`LINES`].
    durations: [String; LINES.len()],
}

pub(super) async fn page(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Result<Page<OverviewTemplate>, ApiError> {
    let given = params.given();
    let freshness = reader.freshness();
    let clock = Clock::of(&freshness);
    let asked = Asked::take(&mut params, clock.now);
    let by = By::take(&mut params);
    let (by, are_steps_asked) = (by.unwrap_or_default(), by.is_some());
    params.finish()?;
    let usual = match asked.is_open() {
        true => Period::usual(oldest(&reader).await?, clock.now),
        false => Length::hours(24),
    };
    let period = asked.or(usual, clock.now);
    let span = period.span();
    let previous = period.before().map(|before| before.span());
    let trends = reader.trends(&span).map_err(ApiError::from);
    let failed = failures::found(&reader, &span, previous.as_ref()).map_err(ApiError::from);
    let before = before(&reader, previous.as_ref());
    let attention = Attention::asked(&reader, &caller, clock);
    let durations = reader.durations(&span).map_err(ApiError::from);
    let markers = Markers::of(&reader, &period, &span);
    let (trends, before, failed, attention, durations, markers) =
        tokio::try_join!(trends, before, failed, attention, durations, markers)?;
    let steps = slowest(&reader, &trends, &period).await?;
    let started = started(&trends);
    let is_empty = started == 0 && reader.is_empty().await?;
    // There is nothing to compare with a period in which nothing started.
    let started_before = before.as_ref().map(self::started);
    let before = before.filter(|_| started_before != Some(0));
    let failures = Failures::of(
        &failed,
        before.is_some(),
        reader.definitions(),
        &period,
        clock.now,
    );
    let failures = failures.with_marks(&reader, clock.now).await?;
    let none = BTreeMap::new();
    let types_before = before.as_ref().map_or(&none, |trends| &trends.by_type);
    let types = TypeRow::of(&trends.by_type, types_before, &period);
    Ok(Page(OverviewTemplate {
        frame: Frame::new(Section::Overview, "Overview", &caller, Some(&freshness))
            .with_live(String::new())
            .with_count(attention.count()),
        attention,
        range: Range::compared("/", &given, &period, clock.now),
        period: period.words(),
        is_empty,
        started: number(started),
        before: started_before.map(|started| (number(started), period.against().words())),
        is_compared: before.is_some(),
        counts: SagaStatus::ALL
            .into_iter()
            // Sagas are STARTED for a moment only.
            .filter(|status| {
                *status != SagaStatus::Started || trends.slots.iter().any(|slot| slot.contains_key(status))
            })
            .map(|status| count(status, &trends, &period))
            .collect(),
        chart: drawn(&span, &trends, clock.now, markers.clone()),
        layers: chart::LAYERS,
        lines: Lines::of(&durations, &span, markers.clone()),
        names: LINES,
        markers,
        slots: slot_rows(&span, &trends, &durations),
        changes: changes(&failures, &types, &steps[..steps.len().min(SHOWN)]),
        attention_files: files("/api/v1/attention", &[]),
        failure_files: files("/api/v1/failure-groups", &period.fixed()),
        failures,
        types,
        steps: first_by(steps, by),
        step_orders: by.columns(&given),
        are_steps_asked,
    }))
}

/// Counts of the period that this one is compared with.
async fn before(reader: &Reader, span: Option<&Span>) -> Result<Option<Trends>, ApiError> {
    match span {
        Some(span) => Ok(Some(reader.trends(span).await?)),
        None => Ok(None),
    }
}

fn started(trends: &Trends) -> u64 {
    trends.slots.iter().flat_map(Slot::values).sum()
}

/// When the oldest saga started.
async fn oldest(reader: &Reader) -> Result<Option<Timestamp>, ApiError> {
    let query = SagaQuery {
        sort: SagaSort {
            by: SortBy::StartedAt,
            order: SortOrder::Ascending,
        },
        ..SagaQuery::newest(1)
    };
    let found = reader.search(&query).await?;
    Ok(found.sagas.first().map(|saga| saga.started_at))
}

fn count(status: SagaStatus, trends: &Trends, period: &Period) -> Count {
    let slots = trends.slots.iter();
    let along: Vec<u64> = slots
        .map(|slot| slot.get(&status).copied().unwrap_or_default())
        .collect();
    let badge = Badge::from(status);
    let heights: Vec<f64> = along.iter().copied().map(humanize::precise_count).collect();
    Count {
        badge,
        count: number(along.iter().sum()),
        path: list(period, [("status", status.as_str())]),
        spark: Sparkline::new(&heights, badge.class),
    }
}

/// The list of the sagas that started in the period, with these filters.
fn list<'a>(period: &Period, filters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let filters = filters.into_iter();
    let filters = filters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let all: Vec<_> = filters.chain(period.fixed()).collect();
    address("/sagas", &all)
}

/// In the order of the chart's layers.
fn layers(slot: &Slot) -> [u64; chart::LAYERS.len()] {
    let of = |status| slot.get(&status).copied().unwrap_or_default();
    [
        of(SagaStatus::Failed),
        of(SagaStatus::Compensated),
        of(SagaStatus::Started) + of(SagaStatus::InProgress),
        of(SagaStatus::Completed),
    ]
}

/// Per minute, so that slots of all widths compare. The first and the last slot may be short; of a very short one, what little
/// is there is not multiplied.
fn drawn(span: &Span, trends: &Trends, now: Timestamp, markers: Markers) -> Option<Chart> {
    let ticks = Ticks::of(span);
    let bar = |(place, slot): (usize, &Slot)| {
        let start = span.start_of(place);
        let so_far = now.millis_since(start).min(span.length_of(place));
        let lasted = so_far.max(span.width().seconds() * 1000 / 4);
        let minutes = humanize::precise_count(lasted.cast_unsigned()) / 60_000.0;
        let counts = layers(slot);
        let parts = counts
            .iter()
            .zip(chart::LAYERS)
            .map(|(count, (_, layer))| format!("{} {}", number(*count), layer.to_lowercase()));
        Bar {
            layers: counts.map(|count| humanize::precise_count(count) / minutes),
            title: format!(
                "{}: {} started; {}",
                ticks.slot(start),
                number(counts.iter().sum()),
                parts.collect::<Vec<_>>().join(", ")
            ),
            tick: ticks.at(start),
            at: start,
        }
    };
    let drawn: Vec<Bar> = trends.slots.iter().enumerate().map(bar).collect();
    bars(
        drawn,
        span,
        "Sagas started per minute, by outcome; the data table below has the same numbers",
        markers,
    )
}

fn slot_rows(span: &Span, trends: &Trends, durations: &[SlotDurations]) -> Vec<SlotRow> {
    let ticks = Ticks::of(span);
    let row = |(place, slot): (usize, &Slot)| {
        let start = span.start_of(place);
        SlotRow {
            name: ticks.slot(start),
            exact: start.to_string(),
            path: zoomed(span, place),
            started: number(slot.values().sum()),
            layers: layers(slot).map(number),
            durations: match durations.get(place).copied().flatten() {
                Some(durations) => durations.map(humanize::seconds),
                None => LINES.map(|_| "–".to_owned()),
            },
        }
    };
    // The latest first, as everywhere.
    trends.slots.iter().enumerate().rev().map(row).collect()
}

/// The overview of one slot.
fn zoomed(span: &Span, slot: usize) -> String {
    let end = span.start_of(slot + 1).saturating_sub(Duration::from_millis(1));
    let ends = [("fromDate", span.start_of(slot)), ("toDate", end)];
    let ends = ends.map(|(name, at)| (name.to_owned(), at.to_string()));
    address("/", &ends)
}
