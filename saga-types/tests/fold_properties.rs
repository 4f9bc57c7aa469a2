//! The state is a function of the set of events, however they come.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use saga_types::{
    Metadata, SagaEvent, SagaStatus, SagaType, Step, Timestamp,
    definition::Definitions,
    fold::{self, FoldEvent, OpenWaits, SagaFold, SagaState},
    steps,
};

/// Few values of each kind, so that events meet each other in all ways: same times, same steps, disagreeing types.
fn any_event(id: usize) -> impl Strategy<Value = SagaEvent> {
    let step = prop_oneof![
        prop::sample::select(steps::ALL.to_vec()),
        Just(Step::new("NOT_IN_ANY_DEFINITION").unwrap()),
        Just(steps::ORDER_CONFIRMED),
        Just(steps::PAYMENT_FAILED)
    ];
    let saga_type = prop_oneof![
        8 => Just(SagaType::ORDER_CREATION),
        1 => Just(SagaType::PAYMENT_COMPLETION),
        1 => Just(SagaType::new("UNDEFINED").unwrap())
    ];
    let metadata = prop::sample::select(vec![
        None,
        Some(r#"{"producerService":"a","traceId":"t1"}"#),
        Some(r#"{"producerService":"b","traceId":"t2"}"#),
        Some(r#"{"failureReason":"x"}"#),
    ]);
    let status = prop::sample::select(SagaStatus::ALL.to_vec());
    (
        step,
        saga_type,
        metadata,
        status,
        0_i64..8,
        prop::bool::weighted(0.1),
    )
        .prop_map(move |(step, saga_type, metadata, status, millis, other_order)| {
            let order = if other_order { "order-2" } else { "order-1" };
            let mut event = SagaEvent::new(
                format!("evt-{id:02}").parse().unwrap(),
                "saga-1".parse().unwrap(),
                order.parse().unwrap(),
                saga_type,
                step,
                status,
                Timestamp::from_millis(millis).unwrap(),
            );
            event.metadata = metadata.map(|text| Metadata::parse(text).unwrap());
            event
        })
}

fn any_events() -> impl Strategy<Value = Vec<SagaEvent>> {
    (1_usize..14).prop_flat_map(|count| (0..count).map(any_event).collect::<Vec<_>>())
}

/// Folds distinct events at once, with what the saga waits behind.
fn at_once(events: &[SagaEvent], definitions: &Definitions) -> (SagaState, OpenWaits) {
    let events = events.iter().map(FoldEvent::from).collect();
    let fold = SagaFold::of(events, definitions).unwrap();
    fold.try_state_and_waits(definitions).unwrap()
}

/// Takes events one by one as a collector does, and folds the whole anew when it must.
fn collect(events: &[SagaEvent], definitions: &Definitions, refolds: &mut usize) -> (SagaState, OpenWaits) {
    let mut stored: Vec<FoldEvent> = Vec::new();
    let mut kept: Option<SagaFold> = None;
    for event in events {
        if stored
            .iter()
            .any(|known| known.position.event_id == event.event_id)
        {
            continue;
        }
        let event = FoldEvent::from(event);
        stored.push(event.clone());
        kept = match kept {
            None => SagaFold::of(stored.clone(), definitions),
            Some(mut fold) => match fold.absorb(&event, definitions) {
                Ok(()) => Some(fold),
                Err(_) => {
                    *refolds += 1;
                    SagaFold::of(stored.clone(), definitions)
                }
            },
        };
        // What is kept goes through the database after every batch.
        let json = serde_json::to_string(&kept).unwrap();
        kept = serde_json::from_str(&json).unwrap();
    }
    kept.unwrap().try_state_and_waits(definitions).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn order_duplicates_and_splits_change_nothing(
        (events, arrival) in any_events().prop_flat_map(|events| {
            let twice: Vec<SagaEvent> = events.iter().chain(&events[..events.len() / 2]).cloned().collect();
            (Just(events), Just(twice).prop_shuffle())
        })
    ) {
        let definitions = Definitions::built_in();
        let expected = at_once(&events, &definitions);
        prop_assert_eq!(&fold::fold(&arrival, &definitions).unwrap(), &expected.0);
        prop_assert_eq!(&collect(&arrival, &definitions, &mut 0), &expected);
    }

    #[test]
    fn events_in_order_never_need_history(mut events in any_events()) {
        events.sort_by(|left, right| FoldEvent::from(left).position.cmp(&FoldEvent::from(right).position));
        let mut refolds = 0;
        collect(&events, &Definitions::built_in(), &mut refolds);
        prop_assert_eq!(refolds, 0);
    }

    #[test]
    fn a_state_that_is_read_equals_the_one_that_was_written(events in any_events()) {
        let state = fold::fold(&events, &Definitions::built_in()).unwrap();
        let json = serde_json::to_string(&state).unwrap();
        prop_assert_eq!(serde_json::from_str::<SagaState>(&json).unwrap(), state);
    }

    #[test]
    fn what_belongs_to_an_end_is_there_only_at_an_end(events in any_events()) {
        let state = fold::fold(&events, &Definitions::built_in()).unwrap();
        let status = state.current_status;
        prop_assert_eq!(state.ended_at.is_some(), status.is_terminal());
        prop_assert!(state.outstanding_compensations.is_empty() || status == SagaStatus::Failed);
        prop_assert!(state.failed_step.is_none() || matches!(status, SagaStatus::Failed | SagaStatus::Compensated));
        prop_assert_eq!(state.outstanding_compensations.len(), if status == SagaStatus::Failed { state.awaiting.len() } else { 0 });
        prop_assert!(state.started_at <= state.updated_at);
        prop_assert!(state.anomalies.is_sorted());
        prop_assert!(!state.summary.is_empty());
    }
}

/// Of copies that disagree the earliest counts; at the same time the one whose step, status and so on come first.
#[test]
fn of_copies_that_disagree_the_same_one_counts_in_any_order() {
    let copy = |step: Step, millis| {
        SagaEvent::new(
            "evt-1".parse().unwrap(),
            "saga-1".parse().unwrap(),
            "order-1".parse().unwrap(),
            SagaType::ORDER_CREATION,
            step,
            SagaStatus::InProgress,
            Timestamp::from_millis(millis).unwrap(),
        )
    };
    let definitions = Definitions::built_in();
    for (first, later) in [
        (copy(steps::STOCK_RESERVED, 1), copy(steps::ORDER_CREATED, 2)),
        (copy(steps::ORDER_CREATED, 1), copy(steps::STOCK_RESERVED, 1)),
    ] {
        let expected = fold::fold([&first], &definitions);
        assert_eq!(fold::fold([&first, &later], &definitions), expected);
        assert_eq!(fold::fold([&later, &first], &definitions), expected);
    }
}

#[test]
fn a_changed_definition_asks_for_the_whole_history() {
    let event = |id: &str, step: Step| {
        FoldEvent::from(&SagaEvent::new(
            id.parse().unwrap(),
            "saga-1".parse().unwrap(),
            "order-1".parse().unwrap(),
            SagaType::ORDER_CREATION,
            step,
            SagaStatus::Started,
            Timestamp::from_millis(1).unwrap(),
        ))
    };
    let mut kept = SagaFold::of(vec![event("1", steps::ORDER_CREATED)], &Definitions::none()).unwrap();
    let before = kept.clone();
    assert!(
        kept.absorb(&event("2", steps::STOCK_RESERVED), &Definitions::built_in())
            .is_err()
    );
    assert_eq!(kept, before);
    assert_eq!(kept.try_state(&Definitions::built_in()), None);
}
