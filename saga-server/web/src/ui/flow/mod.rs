//! `/flow`: the observed flow of the sagas of a type in a period, by steps or as a map.
//!
//! | part | what |
//! | --- | --- |
//! | `address` | what an address of the flow says, and where the page links to |
//! | `types` | the types that are offered |
//! | `steps` | the table of steps |
//! | `transitions` | the table of transitions, and the one that is selected |
//! | `panel` | more about one step |
//! | `map`, `layout` | the same flow as a graph |

mod address;
mod layout;
mod map;
mod panel;
mod steps;
mod transitions;
mod types;

use std::collections::BTreeMap;

use askama::Template;
use axum::Extension;
use futures_util::TryFutureExt;
use saga_store::{Flow, Late, LateGroup, Outcome};
use saga_types::{SagaType, Step};

use self::{
    address::{FlowAddress, Shown, Sort, ZOOMS},
    map::Map,
    panel::Panel,
    steps::{StepLine, Steps, more_steps},
    transitions::{Kind, Line, Picked, TRANSITIONS, from, line, picked},
    types::{TypeLink, shown_types, types},
};
use super::{
    humanize::{Clock, number, percent},
    page::{Frame, Page, Section},
    period::{Asked, is_date},
    query::{self, files},
    range::Range,
    row::{Column, SagaRow},
};
use crate::{
    auth::Caller,
    http::{
        ApiError,
        query_string::{Length, Params},
    },
    scoped::Reader,
};

/// About how many sagas are read: of so many a share is at most one point off, in 95 of 100 samples.
const MOST: u32 = 10_000;

#[derive(Template)]
#[template(path = "flow.html")]
pub(super) struct FlowTemplate {
    frame: Frame,
    /// How many types, steps and transitions are left out.
    more_types: usize,
    more_steps: usize,
    more_transitions: usize,
    /// The same flow for programs, with all transitions.
    whole: String,
    /// The period in force, to be kept by the form.
    kept: Vec<(String, String)>,
    types: Vec<TypeLink>,
    range: Range,
    saga_type: String,
    period: String,
    /// What the figures are compared with.
    against: Option<&'static str>,
    /// How many sagas the figures are of.
    sagas: String,
    /// And of how many, when that is not all.
    of: Option<Estimated>,
    is_empty: bool,
    /// How many sagas of the type started in the period and left the database for the archive.
    archived: Option<String>,
    /// Where most sagas fail, and their share.
    fails: Option<(String, String)>,
    is_map: bool,
    /// Steps and map: name, path, and whether it is shown.
    views: [(&'static str, String, bool); 2],
    sorts: Vec<(&'static str, String, bool)>,
    path: Vec<StepLine>,
    off_path: Vec<StepLine>,
    panel: Option<Panel>,
    map: Option<Map>,
    /// Sizes and least shares of the map.
    zooms: Vec<(String, String, bool)>,
    shares: Vec<(String, String, bool)>,
    picked: Option<Picked>,
    picked_sagas: Vec<SagaRow>,
    columns: Vec<Column>,
    transitions: Vec<Line>,
    /// The steps, as files.
    files: [(&'static str, String); 2],
}

/// What the figures of a sample stand for.
struct Estimated {
    of: String,
    /// How far off a share is.
    points: String,
}

/// What the store said.
struct Found {
    flow: Flow,
    before: Option<Flow>,
    overdue: Vec<LateGroup>,
}

pub(super) async fn page(
    reader: Reader,
    Extension(caller): Extension<Caller>,
    mut params: Params,
) -> Result<Page<FlowTemplate>, ApiError> {
    let given = params.given();
    let freshness = reader.freshness();
    let clock = Clock::of(&freshness);
    let period = Asked::take(&mut params, clock.now).or(Length::hours(24), clock.now);
    let asked = params.parsed("type", |text| {
        SagaType::try_from(text.to_owned()).map_err(|error| error.to_string())
    });
    let shown = Shown::take(&mut params);
    params.finish()?;
    let trends = reader.trends(&period.span()).await?;
    let types = types(&reader, &trends.by_type);
    let first = types.first().map(|(saga_type, _)| saga_type.clone());
    let address = FlowAddress {
        saga_type: asked.or(first).unwrap_or(SagaType::ORDER_CREATION),
        period,
        shown,
    };
    let started = trends.by_type.get(&address.saga_type);
    let started = started.map_or(0, |statistics| statistics.total);
    let found = found(&reader, &address, clock).await?;
    let (picked, picked_sagas) = picked(&reader, &address, &found.flow, clock).await?;
    let panel = Panel::asked(&reader, &address, &found.flow).await?;
    let range = Range::compared("/flow", &given, &period, clock.now);
    let frame = Frame::new(
        Section::Flow,
        format!("Flow of {}", address.saga_type),
        &caller,
        Some(&freshness),
    );
    let definitions = reader.definitions();
    let definition = definitions
        .get(&address.saga_type)
        .map(|definition| &**definition);
    let Found {
        flow,
        before,
        overdue,
    } = &found;
    let (path, off_path) = steps::lines(
        &Steps {
            flow,
            before: before.as_ref(),
            definition,
            overdue,
            address: &address,
        },
        address.shown.sort,
    );
    let [from, to] = period.fixed();
    let saga_type = ("sagaType".to_owned(), address.saga_type.to_string());
    let files = files("/api/v1/flow", &[saga_type, from, to]);
    let (shown_types, more_types) = shown_types(types, &address.saga_type);
    let map = address
        .shown
        .is_map
        .then(|| map::drawn(flow, definition, &address));
    Ok(Page(FlowTemplate {
        frame,
        more_types,
        whole: {
            let mut parameters = vec![("sagaType".to_owned(), address.saga_type.to_string())];
            parameters.extend(period.fixed());
            query::address("/api/v1/flow", &parameters)
        },
        more_steps: more_steps(flow, definition),
        more_transitions: flow.transitions.len().saturating_sub(TRANSITIONS),
        kept: given
            .iter()
            .filter(|(name, _)| is_date(name) || name == "compare")
            .cloned()
            .collect(),
        types: shown_types
            .into_iter()
            .map(|(saga_type, count)| TypeLink {
                path: address.of(&saga_type),
                is_current: saga_type == address.saga_type,
                name: saga_type.to_string(),
                count: number(count),
            })
            .collect(),
        range,
        period: period.words(),
        against: before.as_ref().map(|_| period.against().words()),
        sagas: number(flow.sample.sagas),
        of: (!flow.sample.is_all()).then(|| Estimated {
            of: number(flow.sample.of),
            points: format!("{:.1}", flow.sample.share_error() * 100.0),
        }),
        is_empty: flow.sample.sagas == 0,
        archived: archived(started, flow),
        fails: fails(flow),
        is_map: address.shown.is_map,
        views: [("Steps", false), ("Map", true)]
            .map(|(name, is_map)| (name, address.view(is_map), is_map == address.shown.is_map)),
        sorts: Sort::ALL
            .map(|sort| (sort.words(), address.sorted(sort), sort == address.shown.sort))
            .into(),
        path,
        off_path,
        panel,
        map: map.flatten(),
        zooms: zooms(&address),
        shares: [0, 1, 5]
            .map(|least| {
                let is_current = least == address.shown.least;
                (format!("{least} %"), address.with_least(least), is_current)
            })
            .into(),
        picked,
        picked_sagas,
        columns: Column::all(),
        transitions: flow
            .transitions
            .iter()
            .take(TRANSITIONS)
            .map(|row| line(flow, row, &address))
            .collect(),
        saga_type: address.saga_type.to_string(),
        files,
    }))
}

/// The flow, that of the period it is compared with, and what is overdue now.
async fn found(reader: &Reader, address: &FlowAddress, clock: Clock) -> Result<Found, ApiError> {
    let now = address.query(&address.period, address.shown.transition.clone());
    let before = address.period.before();
    let before = before.map(|before| address.query(&before, None));
    let flow = reader.flow(&now).map_err(ApiError::from);
    let before = async {
        match &before {
            Some(before) => Ok(Some(reader.flow(before).await?)),
            None => Ok::<_, ApiError>(None),
        }
    };
    let overdue = reader
        .late_groups(Late::Stuck, clock.judged_at, None)
        .map_err(ApiError::from);
    let (flow, before, mut overdue) = tokio::try_join!(flow, before, overdue)?;
    overdue.retain(|group| group.count.saga_type == address.saga_type);
    // There is nothing to compare with a period in which nothing started.
    let before = before.filter(|before| before.sample.sagas > 0);
    Ok(Found {
        flow,
        before,
        overdue,
    })
}

/// Of a type of which so many sagas started, those of which the flow knows nothing.
fn archived(started: u64, flow: &Flow) -> Option<String> {
    let archived = started.saturating_sub(flow.sample.of);
    (archived > 0).then(|| number(archived))
}

/// The step by which most sagas leave the path because it fails, and their share.
fn fails(flow: &Flow) -> Option<(String, String)> {
    let leaving = flow.transitions.iter();
    let leaving = leaving.filter(|row| row.leaves_path && row.outcome == Outcome::Fails);
    let mut steps: BTreeMap<&Step, u64> = BTreeMap::new();
    for row in leaving {
        *steps.entry(&row.transition.to).or_default() += row.sagas;
    }
    let (step, sagas) = steps.into_iter().max_by_key(|(_, sagas)| *sagas)?;
    Some((percent(flow.share(sagas)), step.to_string()))
}

fn zooms(address: &FlowAddress) -> Vec<(String, String, bool)> {
    let zoom = address.shown.zoom;
    let at = |percent: u32| {
        (
            format!("{percent} %"),
            address.zoomed(Some(percent)),
            zoom == Some(percent),
        )
    };
    let fit = ("Fit".to_owned(), address.zoomed(None), zoom.is_none());
    [fit].into_iter().chain(ZOOMS.map(at)).collect()
}
