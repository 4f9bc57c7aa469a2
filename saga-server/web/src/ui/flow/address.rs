//! The address of the flow: of which type and period it is, and how it is shown.

use saga_types::{SagaType, Step};

use super::MOST;
use crate::{
    http::{params::one_of, query_string::Params},
    ui::{differences::from_the_rest, links::encoded, period::Period, query::address},
};
use saga_store::{FlowQuery, Scope, Transition};

/// What an address of the flow says; everything that a page of it links to is one of these.
#[derive(Debug, Clone)]
pub(super) struct FlowAddress {
    pub(super) saga_type: SagaType,
    pub(super) period: Period,
    pub(super) shown: Shown,
}

/// How the flow is shown.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) sort: Sort,
    pub(super) is_map: bool,
    /// In percent; none to fit the window.
    pub(super) zoom: Option<u32>,
    /// Transitions of a smaller share, in percent, are left out of the map.
    pub(super) least: u32,
    /// The step whose panel is open.
    pub(super) step: Option<Step>,
    /// The transition whose sagas are listed.
    pub(super) transition: Option<Transition>,
}

/// In which order the steps are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// As the definition has them; without one, by the median place of the first event.
    Path,
    Slowest,
    Failing,
}

impl Sort {
    pub(super) const ALL: [Self; 3] = [Self::Path, Self::Slowest, Self::Failing];

    /// In an address.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Slowest => "slowest",
            Self::Failing => "failing",
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Slowest => "slowest",
            Self::Failing => "most failing",
        }
    }
}

/// The usual least share of the map, in percent.
const LEAST: u32 = 1;

/// Zooms that are offered, in percent.
pub(super) const ZOOMS: [u32; 5] = [50, 75, 100, 125, 150];

impl Shown {
    /// Takes `view`, `sort`, `step`, `from` and `to`, `zoom` and `least`.
    pub(super) fn take(params: &mut Params) -> Self {
        let sort = params.parsed("sort", one_of(Sort::ALL, Sort::name));
        let is_map = params.parsed("view", |text| match text {
            "steps" => Ok(false),
            "map" => Ok(true),
            _ => Err("must be steps or map".to_owned()),
        });
        let number = |most: std::ops::RangeInclusive<u32>| {
            move |text: &str| {
                let found = text.parse().ok().filter(|number| most.contains(number));
                found.ok_or_else(|| format!("must be a number from {} to {}", most.start(), most.end()))
            }
        };
        Self {
            sort: sort.unwrap_or(Sort::Path),
            is_map: is_map.unwrap_or(false),
            zoom: params.parsed("zoom", number(50..=150)),
            least: params.parsed("least", number(0..=50)).unwrap_or(LEAST),
            step: params.parsed("step", step),
            transition: transition(params),
        }
    }
}

fn step(text: &str) -> Result<Step, String> {
    Step::from_wire(text).map_err(|error| error.to_string())
}

/// Takes `from` and `to`; without `from` it is the first step of a saga.
fn transition(params: &mut Params) -> Option<Transition> {
    let from = params.parsed("from", step);
    let to = params.parsed("to", step);
    if from.is_some() && to.is_none() {
        params.refuse("to", "must be given with from");
    }
    Some(Transition { from, to: to? })
}

impl FlowAddress {
    fn path(&self) -> String {
        let mut parameters = vec![("type".to_owned(), self.saga_type.to_string())];
        parameters.extend(self.period.parameters());
        let mut add = |name: &str, value: String| parameters.push((name.to_owned(), value));
        let shown = &self.shown;
        if shown.is_map {
            add("view", "map".to_owned());
            if shown.least != LEAST {
                add("least", shown.least.to_string());
            }
            if let Some(zoom) = shown.zoom {
                add("zoom", zoom.to_string());
            }
        }
        if shown.sort != Sort::Path {
            add("sort", shown.sort.name().to_owned());
        }
        if let Some(step) = &shown.step {
            add("step", step.to_string());
        }
        if let Some(Transition { from, to }) = &shown.transition {
            if let Some(from) = from {
                add("from", from.to_string());
            }
            add("to", to.to_string());
        }
        address("/flow", &parameters)
    }

    fn with(&self, change: impl FnOnce(&mut Shown)) -> String {
        let mut other = self.clone();
        change(&mut other.shown);
        other.path()
    }

    /// The same of another type, of which nothing is selected.
    pub(super) fn of(&self, saga_type: &SagaType) -> String {
        let mut other = self.clone();
        other.saga_type = saga_type.clone();
        (other.shown.step, other.shown.transition) = (None, None);
        other.path()
    }

    pub(super) fn sorted(&self, sort: Sort) -> String {
        self.with(|shown| shown.sort = sort)
    }

    pub(super) fn view(&self, is_map: bool) -> String {
        self.with(|shown| shown.is_map = is_map)
    }

    pub(super) fn zoomed(&self, zoom: Option<u32>) -> String {
        self.with(|shown| shown.zoom = zoom)
    }

    pub(super) fn with_least(&self, least: u32) -> String {
        self.with(|shown| shown.least = least)
    }

    /// With the panel of a step, or without it when it is open.
    pub(super) fn step(&self, step: &Step) -> String {
        let is_open = self.shown.step.as_ref() == Some(step);
        let path = self.with(|shown| {
            shown.step = (!is_open).then(|| step.clone());
            shown.transition = None;
        });
        format!("{path}#step")
    }

    /// With the sagas of a transition.
    pub(super) fn transition(&self, transition: &Transition) -> String {
        let path = self.with(|shown| {
            shown.transition = Some(transition.clone());
            shown.step = None;
        });
        format!("{path}#sagas")
    }

    /// What the store is asked for.
    pub(super) fn query(&self, period: &Period, of: Option<Transition>) -> FlowQuery {
        FlowQuery {
            scope: Scope::All,
            saga_type: self.saga_type.clone(),
            span: period.span(),
            service_version: None,
            most: MOST,
            of,
        }
    }

    /// The list of the sagas of the type that are overdue with a step, of any time.
    pub(super) fn overdue(&self, step: &Step) -> String {
        format!(
            "/sagas?awaits={}&stuck=true&sagaType={}&sort=due",
            encoded(step.as_str()),
            encoded(self.saga_type.as_str())
        )
    }

    /// The list of the sagas of the type and the period that have a step.
    pub(super) fn with_step(&self, name: &str, step: &Step) -> String {
        address("/sagas", &self.filters(name, step))
    }

    /// In what these sagas differ from the others of the type and the period.
    pub(super) fn differing(&self, name: &str, step: &Step) -> Option<String> {
        from_the_rest(&self.filters(name, step))
    }

    fn filters(&self, name: &str, step: &Step) -> Vec<(String, String)> {
        let mut parameters = vec![
            ("sagaType".to_owned(), self.saga_type.to_string()),
            (name.to_owned(), step.to_string()),
        ];
        parameters.extend(self.period.fixed());
        parameters
    }
}
