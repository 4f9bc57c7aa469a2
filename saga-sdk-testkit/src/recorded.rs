//! What was recorded, in the order in which it was.

use saga_types::{
    SagaEvent, SagaStatus, Step,
    definition::{Definitions, SagaDefinition},
    fold::{SagaState, fold},
};

use crate::{late::late, timeline::timeline};

/// What was recorded up to a moment, by one [`Recorder`](crate::Recorder) or by several.
///
/// ```
/// use saga_sdk::{SagaType, steps};
/// use saga_sdk_testkit::{Recorded, Recorder, expect};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let (order, product) = (Recorder::new("order-service"), Recorder::new("product-service"));
/// let saga = order.client().order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
/// saga.start(steps::ORDER_CREATED).record().await?;
/// product.client().resume(saga.headers())?.complete(steps::STOCK_RESERVED).record().await?;
///
/// let joined = Recorded::join([order.recorded(), product.recorded()]);
/// let state = joined.state_of("saga-1");
/// assert_eq!(state.services, ["order-service", "product-service"]);
/// assert_eq!(state.awaiting[0].step, steps::PAYMENT_INITIALIZATION);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Recorded {
    events: Vec<SagaEvent>,
    definitions: Definitions,
}

impl Recorded {
    pub(crate) fn new(events: Vec<SagaEvent>, definitions: Definitions) -> Self {
        Self { events, definitions }
    }

    /// What several services recorded, put together in the order of the events' times, and ids within a millisecond.
    ///
    /// The definitions are those of the first part.
    #[must_use]
    pub fn join(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut parts = parts.into_iter();
        let mut joined = parts
            .next()
            .unwrap_or_else(|| Self::new(Vec::new(), Definitions::built_in()));
        joined.events.extend(parts.flat_map(|part| part.events));
        joined.events.sort_by(|left, right| {
            (left.recorded_at, &left.event_id).cmp(&(right.recorded_at, &right.event_id))
        });
        joined
    }

    /// All events.
    #[must_use]
    pub fn events(&self) -> &[SagaEvent] {
        &self.events
    }

    /// The events of one saga.
    pub fn events_of<'a>(&'a self, saga_id: &'a str) -> impl Iterator<Item = &'a SagaEvent> {
        self.events.iter().filter(move |event| event.saga_id == *saga_id)
    }

    /// The state of a saga, by the server's own fold.
    ///
    /// # Panics
    ///
    /// When nothing was recorded for the saga.
    #[must_use]
    #[track_caller]
    pub fn state_of(&self, saga_id: &str) -> SagaState {
        match fold(self.events_of(saga_id), &self.definitions) {
            Some(state) => state,
            None => panic!("nothing was recorded for saga {saga_id}; {}", self.known_sagas()),
        }
    }

    /// Asserts that nothing was recorded at all.
    ///
    /// # Panics
    ///
    /// When something was; shows it.
    #[track_caller]
    pub fn assert_nothing(&self) {
        let events: Vec<_> = self.events.iter().collect();
        assert!(
            events.is_empty(),
            "expected nothing to be recorded, seen:\n{}",
            timeline(&events)
        );
    }

    /// Asserts that a saga went as its definition says: it starts as it should, skips no forward step, completes each
    /// by the service that owns it, takes one alternative of each choice, exceeds no limit up to its last event, and has
    /// nothing that the fold calls an anomaly. It need not have come to its end.
    ///
    /// # Panics
    ///
    /// When something is not as defined, or there is no definition of the saga's type; shows the timeline.
    #[track_caller]
    pub fn assert_follows_definition(&self, saga_id: &str) {
        let problems = self.problems_of(saga_id);
        let events: Vec<_> = self.events_of(saga_id).collect();
        assert!(
            problems.is_empty(),
            "saga {saga_id} does not follow its definition:\n  {}\nrecorded:\n{}",
            problems.join("\n  "),
            timeline(&events)
        );
    }

    #[track_caller]
    fn problems_of(&self, saga_id: &str) -> Vec<String> {
        let state = self.state_of(saga_id);
        let Some(definition) = self.definitions.in_force(&state.saga_type, state.started_at) else {
            return vec![format!("there is no definition of {}", state.saga_type)];
        };
        let events: Vec<_> = self.events_of(saga_id).collect();
        let mut problems: Vec<String> = state
            .anomalies
            .iter()
            .map(|anomaly| anomaly.as_str().to_owned())
            .collect();
        problems.extend(wrong_start(&events, definition));
        problems.extend(skipped(&events, definition));
        problems.extend(events.iter().filter_map(|event| wrong_owner(event, definition)));
        problems.extend(late(&events, definition, &state));
        problems
    }

    pub(crate) fn known_sagas(&self) -> String {
        let mut ids: Vec<&str> = self.events.iter().map(|event| event.saga_id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        match ids.as_slice() {
            [] => "nothing was recorded for any other saga either".to_owned(),
            ids => format!("recorded sagas: {}", ids.join(", ")),
        }
    }
}

fn wrong_start(events: &[&SagaEvent], definition: &SagaDefinition) -> Option<String> {
    let first = &events.first()?.step;
    (!definition.starts_with.contains(first)).then(|| format!("it starts with {first}"))
}

/// Other services repeat a step that they receive, so only the first event of a step has a place in the order.
fn skipped(events: &[&SagaEvent], definition: &SagaDefinition) -> Vec<String> {
    let mut recorded: Vec<&Step> = Vec::new();
    let mut problems = Vec::new();
    for step in events.iter().map(|event| &event.step) {
        if !recorded.contains(&step) {
            problems.extend(out_of_place(step, &recorded, definition));
            recorded.push(step);
        }
    }
    problems
}

/// What is missing before a step, and which alternative of it was recorded already.
fn out_of_place(step: &Step, recorded: &[&Step], definition: &SagaDefinition) -> Vec<String> {
    let path = definition.path();
    let Some(number) = path.number_of(step) else {
        return Vec::new();
    };
    let progress = path.progress(recorded.iter().copied());
    let name = |number: usize| &definition.forward[number].step;
    let missing = (0..path.step_count())
        .filter(|earlier| path.precedes(*earlier, number) && !progress.is_settled(*earlier))
        .map(|earlier| format!("{step} comes before {}", name(earlier)));
    let chosen = path
        .alternatives(number)
        .filter(|other| progress.is_done(*other))
        .map(|other| format!("{step} is an alternative of {}", name(other)));
    missing.chain(chosen).collect()
}

fn wrong_owner(event: &SagaEvent, definition: &SagaDefinition) -> Option<String> {
    let owner = definition.owner(&event.step)?;
    let service = event.metadata.as_ref()?.producer_service()?;
    let is_wrong = event.status == SagaStatus::Completed && service != owner;
    is_wrong.then(|| format!("{} is completed by {service}, and owned by {owner}", event.step))
}
