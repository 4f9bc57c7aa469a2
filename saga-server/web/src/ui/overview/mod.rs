//! `/`: what needs action, then how sagas of a period went, beside the period before.

mod attention;
mod failures;
mod types;

use askama::Template;
use axum::Extension;
use futures_util::TryFutureExt;
use saga_types::{SagaStatus, Timestamp};

use super::{
    chart::{self, Bar, Chart, Sparkline, bars},
    humanize::{self, Clock, number},
    page::{Badge, Frame, Page, Section},
    period::{Period, PeriodLink},
    search::encoded,
};
use crate::ui::overview::{attention::Attention, failures::Failures, types::TypeRow};
use crate::{
    auth::Caller,
    http::{ApiError, query_string::Params},
    scoped::Reader,
};
use saga_store::{SagaQuery, SagaSort, Slot, SortBy, SortOrder, Span, Trends};

/// About how many failures are read: of so many a share is at most one point off, in 95 of 100 samples.
const FAILURES_READ: u32 = 10_000;

#[derive(Template)]
#[template(path = "overview.html")]
pub(super) struct OverviewTemplate {
    frame: Frame,
    attention: Attention,
    periods: Vec<PeriodLink>,
    period: &'static str,
    /// Whether no saga is there at all.
    is_empty: bool,
    started: String,
    /// How many started in the period before.
    started_before: String,
    counts: Vec<Count>,
    chart: Option<Chart>,
    layers: [(&'static str, &'static str); chart::LAYERS.len()],
    slots: Vec<SlotRow>,
    failures: Failures,
    types: Vec<TypeRow>,
}

struct Count {
    badge: Badge,
    count: String,
    path: String,
    spark: Sparkline,
}

/// One slot in the table that says what the chart shows.
struct SlotRow {
    name: String,
    exact: String,
    started: String,
    /// In the order of [`chart::LAYERS`].
    layers: [String; chart::LAYERS.len()],
}

pub(super) async fn page(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Result<Page<OverviewTemplate>, ApiError> {
    let period = Period::given(&mut params);
    params.finish()?;
    let freshness = reader.freshness();
    let clock = Clock::of(&freshness);
    let period = match period {
        Some(period) => period,
        None => Period::since(oldest(&reader).await?, clock.now),
    };
    let span = period.span(clock.now);
    let previous = span.previous();
    let trends = reader.trends(&span).map_err(ApiError::from);
    let before = reader.trends(&previous).map_err(ApiError::from);
    let failed = reader.failures(&span, FAILURES_READ).map_err(ApiError::from);
    let attention = Attention::asked(&reader, &caller, clock);
    let (trends, before, failed, attention) = tokio::try_join!(trends, before, failed, attention)?;
    let started = started(&trends);
    let since = span.start_of(0);
    let is_empty = started == 0 && reader.is_empty().await?;
    Ok(Page(OverviewTemplate {
        frame: Frame::new(Section::Overview, "Overview", &caller, Some(&freshness)).with_live(String::new()),
        attention,
        periods: period.links("/?"),
        period: period.words(),
        is_empty,
        started: number(started),
        started_before: number(self::started(&before)),
        counts: SagaStatus::ALL.map(|status| count(status, &trends, since)).into(),
        chart: drawn(period, &span, &trends),
        layers: chart::LAYERS,
        slots: slot_rows(period, &span, &trends),
        failures: Failures::of(&failed, &trends, &reader.redaction, since),
        types: TypeRow::of(&trends.by_type, &before.by_type, period, since),
    }))
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

fn count(status: SagaStatus, trends: &Trends, since: Timestamp) -> Count {
    let slots = trends.slots.iter();
    let along: Vec<u64> = slots
        .map(|slot| slot.get(&status).copied().unwrap_or_default())
        .collect();
    let badge = Badge::from(status);
    let heights: Vec<f64> = along.iter().copied().map(humanize::precise_count).collect();
    Count {
        badge,
        count: number(along.iter().sum()),
        path: format!("/sagas?status={status}&fromDate={}", encoded(&since.to_string())),
        spark: Sparkline::new(&heights, badge.class),
    }
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

/// Per minute, so that slots of all lengths compare. What little is in a very short slot at the ends is not multiplied.
fn drawn(period: Period, span: &Span, trends: &Trends) -> Option<Chart> {
    let bar = |(place, slot): (usize, &Slot)| {
        let start = span.start_of(place);
        let whole = span.width().seconds() * 1000;
        let lasted = span.length_of(place).max(whole / 4);
        let minutes = humanize::precise_count(lasted.cast_unsigned()) / 60_000.0;
        let counts = layers(slot);
        let said = counts
            .iter()
            .zip(chart::LAYERS)
            .map(|(count, (_, layer))| format!("{} {}", number(*count), layer.to_lowercase()));
        let (tick, is_shown) = period.tick(start);
        Bar {
            layers: counts.map(|count| humanize::precise_count(count) / minutes),
            title: format!(
                "{}: {} started; {}",
                period.slot_name(start),
                number(counts.iter().sum()),
                said.collect::<Vec<_>>().join(", ")
            ),
            tick: is_shown.then_some(tick),
        }
    };
    let drawn: Vec<Bar> = trends.slots.iter().enumerate().map(bar).collect();
    bars(
        drawn,
        "Sagas started per minute, by outcome; the data table below has the same numbers",
    )
}

fn slot_rows(period: Period, span: &Span, trends: &Trends) -> Vec<SlotRow> {
    let row = |(place, slot): (usize, &Slot)| {
        let start = span.start_of(place);
        SlotRow {
            name: period.slot_name(start),
            exact: start.to_string(),
            started: number(slot.values().sum()),
            layers: layers(slot).map(number),
        }
    };
    // The latest first, as everywhere.
    trends.slots.iter().enumerate().rev().map(row).collect()
}
