//! `/flow`: the observed flow of the sagas of a type in a period.

mod drawing;
mod layout;

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::Extension;
use saga_types::{SagaType, Step, definition::SagaDefinition};

use super::{
    humanize::{Clock, length, number, percent},
    page::{Frame, Page, Section},
    period::{Period, PeriodLink},
    row::{Column, SagaRow},
    saga::path::after,
    search::encoded,
};
use crate::{
    auth::Caller,
    http::{ApiError, query_string::Params},
    scoped::Reader,
};
use saga_store::{Flow, FlowQuery, Outcome, Scope, Statistics, Transition, TransitionRow};

/// About how many sagas are looked at: of so many a share is at most one point off, in 95 of 100 samples.
const MOST: u32 = 10_000;

#[derive(Template)]
#[template(path = "flow.html")]
pub(super) struct FlowTemplate {
    frame: Frame,
    types: Vec<TypeLink>,
    periods: Vec<PeriodLink>,
    saga_type: String,
    period: &'static str,
    /// How many sagas the figures are of.
    sagas: String,
    /// And of how many, when that is not all.
    of: Option<Estimated>,
    is_empty: bool,
    drawing: Option<String>,
    /// Transitions too rare to be drawn.
    left_out: usize,
    path: Vec<PathStep>,
    picked: Option<Picked>,
    picked_sagas: Vec<SagaRow>,
    columns: Vec<Column>,
    edges: Vec<EdgeRow>,
}

/// What the figures of a sample stand for.
struct Estimated {
    of: String,
    /// How far off a share is.
    points: String,
}

struct TypeLink {
    name: String,
    path: String,
    count: String,
    is_current: bool,
}

/// A step of the definition's path, and how many sagas came there.
struct PathStep {
    step: String,
    owner: Option<String>,
    share: String,
    is_reached: bool,
    /// Its place beside others, where the path is no line.
    place: String,
    by: String,
}

/// The transition that was chosen.
struct Picked {
    from: String,
    to: String,
    is_all: bool,
    /// The list of all that have the step it leads to.
    path: String,
}

struct EdgeRow {
    from: String,
    to: String,
    kind: Kind,
    sagas: String,
    share: String,
    median: String,
    p95: String,
    path: String,
    is_picked: bool,
}

/// What a transition leads to, never by colour alone.
#[derive(Clone, Copy)]
struct Kind {
    class: &'static str,
    sign: &'static str,
    words: &'static str,
}

impl From<Outcome> for Kind {
    fn from(kind: Outcome) -> Self {
        let (class, sign, words) = match kind {
            Outcome::Continues => ("forward", "→", "continues"),
            Outcome::Fails => ("failing", "✕", "fails"),
            Outcome::Compensates => ("compensating", "↺", "compensates"),
        };
        Self { class, sign, words }
    }
}

pub(super) async fn page(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Result<Page<FlowTemplate>, ApiError> {
    let period = Period::take(&mut params);
    let asked = params.parsed("type", |text| {
        SagaType::try_from(text.to_owned()).map_err(|error| error.to_string())
    });
    let picked = transition(&mut params);
    params.finish()?;
    let freshness = reader.freshness();
    let clock = Clock::of(&freshness);
    let span = period.span(clock.now);
    let trends = reader.trends(&span);
    let query = |saga_type| FlowQuery {
        scope: Scope::All,
        saga_type,
        span,
        service_version: None,
        most: MOST,
        of: picked,
    };
    let (types, query, flow) = match asked {
        Some(saga_type) => {
            let query = query(saga_type);
            let (trends, flow) = tokio::try_join!(trends, reader.flow(&query))?;
            (types(&reader, &trends.by_type), query, flow)
        }
        None => {
            let types = types(&reader, &trends.await?.by_type);
            let first = types.first().map(|(saga_type, _)| saga_type.clone());
            let query = query(first.unwrap_or(SagaType::ORDER_CREATION));
            let flow = reader.flow(&query).await?;
            (types, query, flow)
        }
    };
    let (picked, picked_sagas) = chosen(&reader, &query, &flow, clock).await?;
    let definitions = reader.definitions();
    let definition = definitions.get(&query.saga_type).map(|definition| &**definition);
    let link = |transition: &Transition| link(&query.saga_type, period, transition);
    let drawn = drawing::drawn(&flow, definition, query.of.as_ref(), &link);
    let type_path = format!("/flow?type={}&", encoded(query.saga_type.as_str()));
    Ok(Page(FlowTemplate {
        frame: Frame::new(
            Section::Flow,
            format!("Flow of {}", query.saga_type),
            &caller,
            Some(&freshness),
        ),
        types: types
            .into_iter()
            .map(|(saga_type, count)| TypeLink {
                path: format!(
                    "/flow?type={}&period={}",
                    encoded(saga_type.as_str()),
                    period.name()
                ),
                is_current: saga_type == query.saga_type,
                name: saga_type.to_string(),
                count: number(count),
            })
            .collect(),
        periods: period.links(&type_path),
        period: period.words(),
        sagas: number(flow.sample.sagas),
        of: (!flow.sample.is_all()).then(|| Estimated {
            of: number(flow.sample.of),
            points: format!("{:.1}", flow.sample.share_error() * 100.0),
        }),
        is_empty: flow.sample.sagas == 0,
        drawing: drawn.as_ref().map(|drawn| drawn.svg.clone()),
        left_out: drawn.map_or(0, |drawn| drawn.left_out),
        path: definition.map_or_else(Vec::new, |definition| path(definition, &flow)),
        picked,
        picked_sagas,
        columns: Column::all(),
        edges: edges(&flow, query.of.as_ref(), &link),
        saga_type: query.saga_type.to_string(),
    }))
}

/// Takes `from` and `to`; without `from` it is the first step of a saga.
fn transition(params: &mut Params) -> Option<Transition> {
    let step = |text: &str| Step::from_wire(text).map_err(|error| error.to_string());
    let from = params.parsed("from", step);
    let to = params.parsed("to", step);
    if from.is_some() && to.is_none() {
        params.refuse("to", "must be given with from");
    }
    Some(Transition { from, to: to? })
}

/// Those that occur in the period, the most frequent first, then those that are only defined.
fn types(reader: &Reader, by_type: &BTreeMap<SagaType, Statistics>) -> Vec<(SagaType, u64)> {
    let mut types: Vec<(SagaType, u64)> = by_type
        .iter()
        .map(|(saga_type, statistics)| (saga_type.clone(), statistics.total))
        .collect();
    types.sort_by_key(|(_, total)| std::cmp::Reverse(*total));
    for definition in reader.definitions().iter() {
        if !by_type.contains_key(&definition.saga_type) {
            types.push((definition.saga_type.clone(), 0));
        }
    }
    // A caller of some types is shown these, also while they have neither sagas nor a definition.
    for saga_type in reader.scope().types() {
        if !types.iter().any(|(known, _)| known == saga_type) {
            types.push((saga_type.clone(), 0));
        }
    }
    types
}

fn link(saga_type: &SagaType, period: Period, transition: &Transition) -> String {
    let from = transition
        .from
        .as_ref()
        .map(|from| format!("&from={}", encoded(from.as_str())));
    format!(
        "/flow?type={}&period={}{}&to={}#sagas",
        encoded(saga_type.as_str()),
        period.name(),
        from.unwrap_or_default(),
        encoded(transition.to.as_str())
    )
}

/// Sagas that made the selected transition.
async fn chosen(
    reader: &Reader,
    query: &FlowQuery,
    flow: &Flow,
    clock: Clock,
) -> Result<(Option<Picked>, Vec<SagaRow>), ApiError> {
    let Some(transition) = &query.of else {
        return Ok((None, Vec::new()));
    };
    let saga_ids: BTreeSet<_> = flow.named.iter().cloned().collect();
    let mut sagas = reader.sagas(&saga_ids).await?;
    sagas.sort_by_key(|saga| std::cmp::Reverse(saga.started_at));
    let taken = flow.transition(transition).map_or(0, |row| row.sagas);
    let picked = Picked {
        from: from(transition),
        to: transition.to.to_string(),
        is_all: flow.sample.is_all() && taken <= sagas.len() as u64,
        path: format!(
            "/sagas?sagaType={}&step={}&fromDate={}",
            encoded(query.saga_type.as_str()),
            encoded(transition.to.as_str()),
            encoded(&query.span.start_of(0).to_string())
        ),
    };
    let rows = sagas
        .into_iter()
        .map(|saga| SagaRow::new(reader.redaction.saga(saga), clock));
    Ok((Some(picked), rows.collect()))
}

fn from(transition: &Transition) -> String {
    transition
        .from
        .as_ref()
        .map_or_else(|| "Start".to_owned(), ToString::to_string)
}

/// The steps of the definition, level by level.
fn path(definition: &SagaDefinition, flow: &Flow) -> Vec<PathStep> {
    let step = |number: usize| {
        let forward = &definition.forward[number];
        let sagas = flow.step(&forward.step).map_or(0, |row| row.sagas);
        let by = definition
            .compensations
            .iter()
            .filter(|compensation| compensation.step == forward.step)
            .flat_map(|compensation| &compensation.by)
            .map(ToString::to_string);
        PathStep {
            step: forward.step.to_string(),
            owner: forward.service.clone(),
            share: percent(flow.share(sagas)),
            is_reached: sagas > 0,
            place: place(definition, number),
            by: by.collect::<Vec<_>>().join(" or "),
        }
    };
    let mut numbers: Vec<usize> = (0..definition.forward.len()).collect();
    numbers.sort_by_key(|number| definition.path().level(*number));
    numbers.into_iter().map(step).collect()
}

/// What a step follows, which other ones may be done in its place, and whether it may be left out.
fn place(definition: &SagaDefinition, number: usize) -> String {
    let forward = &definition.forward[number];
    let after = after(definition, number).map(|steps| format!("after {steps}"));
    let others: Vec<String> = definition
        .path()
        .alternatives(number)
        .filter(|other| *other != number)
        .map(|other| definition.forward[other].step.to_string())
        .collect();
    let instead = (!others.is_empty()).then(|| format!("or {}", others.join(" or ")));
    let optional = forward.optional.then(|| "optional".to_owned());
    let parts: Vec<String> = [after, instead, optional].into_iter().flatten().collect();
    parts.join(", ")
}

/// The most frequent first.
fn edges(flow: &Flow, picked: Option<&Transition>, link: &dyn Fn(&Transition) -> String) -> Vec<EdgeRow> {
    let took = |millis: Option<i64>| millis.map_or_else(|| "–".to_owned(), length);
    let row = |row: &TransitionRow| EdgeRow {
        from: from(&row.transition),
        to: row.transition.to.to_string(),
        kind: row.outcome.into(),
        sagas: number(row.sagas),
        share: percent(flow.share(row.sagas)),
        median: took(row.times.map(|times| times.p50_ms)),
        p95: took(row.times.map(|times| times.p95_ms)),
        path: link(&row.transition),
        is_picked: picked == Some(&row.transition),
    };
    flow.transitions.iter().map(row).collect()
}
