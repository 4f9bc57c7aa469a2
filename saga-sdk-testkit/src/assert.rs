//! Assertions about one saga.
//!
//! A failure shows all that is needed to understand it: what was expected, the event that comes nearest
//! and how it differs, and the saga's timeline.

use saga_types::{OrderId, SagaEvent, SagaStatus, SagaType};

use crate::{Expected, Recorded, timeline::timeline};

/// Assertions about one saga, one after the other; made by [`Recorder::assert_saga`](crate::Recorder::assert_saga).
///
/// ```
/// use saga_sdk::{SagaStatus, SagaType, steps};
/// use saga_sdk_testkit::{Recorder, expect};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let recorder = Recorder::new("payment-service");
/// let saga = recorder.client().order("order-1").saga(SagaType::PAYMENT_COMPLETION, "saga-1");
/// saga.start(steps::PAYMENT_INITIALIZATION).record().await?;
/// saga.failed(steps::PAYMENT_FAILED, "card declined").record().await?;
///
/// recorder
///     .assert_saga("saga-1")
///     .is_in(SagaStatus::Failed)
///     .recorded(expect::started(steps::PAYMENT_INITIALIZATION))
///     .then(expect::failed(steps::PAYMENT_FAILED).because("card declined"))
///     .never_recorded(expect::completed(steps::PAYMENT_COMPLETED))
///     .nothing_else();
/// # Ok::<(), saga_sdk::RecordError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SagaAssert<'a> {
    recorded: Recorded,
    saga_id: &'a str,
    /// Which events an expectation has claimed.
    claimed: Vec<bool>,
    /// Where the search of `then` begins.
    next: usize,
}

impl Recorded {
    /// Assertions about one saga.
    #[must_use]
    pub fn assert_saga<'a>(&'a self, saga_id: &'a str) -> SagaAssert<'a> {
        SagaAssert::new(self, saga_id)
    }

    /// The first event that matches, or a message that says why there is none.
    pub(crate) fn find(&self, saga_id: &str, expected: &Expected) -> Result<SagaEvent, String> {
        let found = self
            .events_of(saga_id)
            .find(|event| expected.differences(event).is_empty())
            .cloned();
        found.ok_or_else(|| SagaAssert::new(self, saga_id).no_match(expected, 0))
    }
}

impl<'a> SagaAssert<'a> {
    pub(crate) fn new(recorded: &Recorded, saga_id: &'a str) -> Self {
        let claimed = vec![false; recorded.events_of(saga_id).count()];
        Self {
            recorded: recorded.clone(),
            saga_id,
            claimed,
            next: 0,
        }
    }

    /// Asserts that there is such an event, anywhere in the saga. An event matches one expectation only.
    ///
    /// # Panics
    ///
    /// When there is none, or none that no other expectation has claimed.
    #[track_caller]
    pub fn recorded(self, expected: Expected) -> Self {
        self.claim(&expected, 0)
    }

    /// Asserts that there is such an event after the one that was asserted last.
    ///
    /// # Panics
    ///
    /// When there is none there.
    #[track_caller]
    pub fn then(self, expected: Expected) -> Self {
        let from = self.next;
        self.claim(&expected, from)
    }

    /// Asserts that there is no such event yet; [`Recorder::never_within`](crate::Recorder::never_within) waits for one that
    /// another task may still record.
    ///
    /// # Panics
    ///
    /// When there is one.
    #[track_caller]
    pub fn never_recorded(self, expected: Expected) -> Self {
        let matching = self
            .events()
            .iter()
            .position(|event| expected.differences(event).is_empty());
        if let Some(index) = matching {
            panic!(
                "{}",
                self.message(&format!("expected no {expected}, seen event {}", index + 1))
            );
        }
        self
    }

    /// Asserts the order id of every event.
    ///
    /// # Panics
    ///
    /// When an event has another one.
    #[track_caller]
    pub fn of_order(self, order_id: &str) -> Self {
        self.all("order", order_id, |event| OrderId::as_str(&event.order_id))
    }

    /// Asserts the saga type of every event.
    ///
    /// # Panics
    ///
    /// When an event has another one.
    #[track_caller]
    pub fn of_type(self, saga_type: &SagaType) -> Self {
        self.all("saga type", saga_type.as_str(), |event| event.saga_type.as_str())
    }

    /// Asserts the status that the fold gives the saga.
    ///
    /// # Panics
    ///
    /// When it is another one, or nothing was recorded.
    #[track_caller]
    pub fn is_in(self, status: SagaStatus) -> Self {
        let state = self.recorded.state_of(self.saga_id);
        if state.current_status != status {
            let problem = format!(
                "expected status {status}, seen {}: {}",
                state.current_status, state.summary
            );
            panic!("{}", self.message(&problem));
        }
        self
    }

    /// Asserts that every event was expected.
    ///
    /// # Panics
    ///
    /// When there are others.
    #[track_caller]
    pub fn nothing_else(self) {
        let others = self.claimed.iter().enumerate().filter(|(_, claimed)| !**claimed);
        let numbers: Vec<String> = others.map(|(index, _)| (index + 1).to_string()).collect();
        if !numbers.is_empty() {
            panic!(
                "{}",
                self.message(&format!(
                    "expected nothing else, seen event {}",
                    numbers.join(", ")
                ))
            );
        }
    }

    fn events(&self) -> Vec<&SagaEvent> {
        self.recorded.events_of(self.saga_id).collect()
    }

    #[track_caller]
    fn claim(mut self, expected: &Expected, from: usize) -> Self {
        let matches = |(index, event): (usize, &&SagaEvent)| {
            index >= from && !self.claimed[index] && expected.differences(event).is_empty()
        };
        let found = self.events().iter().enumerate().position(matches);
        let Some(index) = found else {
            panic!("{}", self.no_match(expected, from))
        };
        self.claimed[index] = true;
        self.next = index + 1;
        self
    }

    #[track_caller]
    fn all(self, what: &str, expected: &str, seen: impl Fn(&SagaEvent) -> &str) -> Self {
        if self.claimed.is_empty() {
            panic!(
                "{}",
                self.message(&format!("expected {what} {expected}, seen no event"))
            );
        }
        let other = self
            .events()
            .into_iter()
            .enumerate()
            .find(|(_, event)| seen(event) != expected);
        if let Some((index, event)) = other {
            let problem = format!(
                "expected {what} {expected}, seen {} in event {}",
                seen(event),
                index + 1
            );
            panic!("{}", self.message(&problem));
        }
        self
    }

    pub(crate) fn no_match(&self, expected: &Expected, from: usize) -> String {
        let place = if from == 0 {
            String::new()
        } else {
            format!(" after event {from}")
        };
        let mut problem = format!("expected: {expected}{place}");
        let events = self.events();
        let nearest = events
            .iter()
            .enumerate()
            .min_by_key(|(_, event)| expected.distance(event));
        if let Some((index, event)) = nearest {
            let mut differences = expected.differences(event);
            if differences.is_empty() {
                let taken = self.claimed[index];
                let why = if taken {
                    "is taken by an earlier expectation"
                } else {
                    "comes too early"
                };
                differences.push(why.to_owned());
            }
            problem += &format!("\nnearest:  event {}; {}", index + 1, differences.join("; "));
        }
        self.message(&problem)
    }

    fn message(&self, problem: &str) -> String {
        let events = self.events();
        let mut message = format!(
            "saga {}\n{problem}\nrecorded:\n{}",
            self.saga_id,
            timeline(&events)
        );
        if events.is_empty() {
            message += &self.recorded.known_sagas();
        }
        message
    }
}
