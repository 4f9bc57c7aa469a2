//! The fold along any graph: it agrees with a slow reference, however the events come.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod reference;

use proptest::prelude::*;
use reference::{Definition, Entry, Limit};
use saga_types::{
    Metadata, SagaEvent, SagaStatus, SagaType, Step, Timestamp,
    definition::{Definitions, SagaDefinition},
    fold::{self, FoldEvent, OpenWaits, SagaFold, SagaState},
};
use serde_json::Value;

const STEPS: [&str; 9] = ["A", "B", "C", "D", "E", "F", "G", "H", "I"];
const GRAPH: &str = "GRAPH";

fn any_name(entries: usize) -> impl Strategy<Value = String> {
    let steps = prop::sample::select(STEPS[..entries].to_vec());
    prop_oneof![4 => steps, 1 => prop::sample::select(vec!["x", "y"])].prop_map(str::to_owned)
}

fn any_entry(index: usize, entries: usize) -> impl Strategy<Value = Entry> {
    (
        prop::option::weighted(0.5, prop::collection::vec(any_name(index.max(1)), 0..3)),
        prop::bool::weighted(0.15),
        prop::option::weighted(0.35, prop::sample::select(vec!["x", "y"])),
        prop::option::weighted(0.8, prop::sample::select(vec!["a-service", "b-service"])),
        // Now and then a name further down the list, or of the step itself.
        prop::option::weighted(0.05, any_name(entries)),
    )
        .prop_map(move |(mut after, optional, choice, service, further)| {
            if let (Some(after), Some(further)) = (&mut after, further) {
                after.push(further);
            }
            Entry {
                step: STEPS[index].to_owned(),
                service: service.map(str::to_owned),
                after: after.filter(|_| index > 0),
                optional,
                choice: choice.map(str::to_owned),
            }
        })
}

fn any_limit(entries: usize) -> impl Strategy<Value = Limit> {
    let step = prop::sample::select(STEPS[..entries].to_vec());
    (step.clone(), 1_i64..20, prop::option::of(step)).prop_map(|(step, within, after)| Limit {
        step: step.to_owned(),
        within,
        after: after.map(str::to_owned),
    })
}

fn any_definition(valid_from: Option<i64>) -> impl Strategy<Value = Definition> {
    (1_usize..=STEPS.len())
        .prop_flat_map(move |entries| {
            let forward: Vec<_> = (0..entries).map(|index| any_entry(index, entries)).collect();
            let step = prop::sample::select(STEPS[..entries].to_vec()).prop_map(str::to_owned);
            (
                forward,
                prop::collection::btree_set(step.clone(), 1..3),
                prop::collection::btree_set(step, 0..3),
                prop::option::of(1_i64..30),
                prop::collection::vec(any_limit(entries), 0..4),
            )
        })
        .prop_map(
            move |(forward, completes_with, effects, whole, limits)| Definition {
                saga_type: GRAPH.to_owned(),
                valid_from,
                forward,
                completes_with: completes_with.into_iter().collect(),
                fails_with: vec!["FAILS".to_owned()],
                compensations: effects
                    .into_iter()
                    .map(|step| (step, vec!["UNDO".to_owned(), "UNDO_2".to_owned()]))
                    .collect(),
                whole,
                limits,
            },
        )
        .prop_filter("a definition with a circle or a choice of one", |definition| {
            SagaDefinition::from_yaml(&definition.yaml()).is_ok()
        })
}

/// One or two definitions of the type; the first may begin to be valid late.
fn any_definitions() -> impl Strategy<Value = Vec<Definition>> {
    let first = prop_oneof![3 => Just(None), 1 => (0_i64..4).prop_map(Some)];
    (first, prop::option::weighted(0.3, 4_i64..9)).prop_flat_map(|(first, second)| {
        let starts: Vec<Option<i64>> = std::iter::once(first).chain(second.map(Some)).collect();
        starts.into_iter().map(any_definition).collect::<Vec<_>>()
    })
}

fn library(definitions: &[Definition]) -> Definitions {
    let mut library = Definitions::none();
    for definition in definitions {
        library.insert(SagaDefinition::from_yaml(&definition.yaml()).unwrap());
    }
    library
}

fn any_event(id: usize) -> impl Strategy<Value = SagaEvent> {
    let step = prop_oneof![
        12 => prop::sample::select(STEPS.to_vec()),
        1 => prop::sample::select(vec!["FAILS", "UNDO", "UNDO_2", "NOT_IN_ANY_DEFINITION", "MANUAL_STATUS_OVERRIDE"]),
    ];
    let status = prop_oneof![
        6 => prop::sample::select(vec![SagaStatus::Started, SagaStatus::InProgress]),
        2 => Just(SagaStatus::Completed),
        1 => prop::sample::select(vec![SagaStatus::Failed, SagaStatus::Compensated]),
    ];
    let metadata = prop::sample::select(vec![
        "{}".to_owned(),
        r#"{"producerService":"a","traceId":"t1","parentSagaId":"parent-1"}"#.to_owned(),
        r#"{"producerService":"b","traceId":"t\n2","parentSagaId":"parent-2"}"#.to_owned(),
        r#"{"failureReason":"broken","reason":"looked at"}"#.to_owned(),
        r#"{"reason":"looked at","producerService":7,"parentSagaId":""}"#.to_owned(),
        format!(
            r#"{{"producerService":"{}","traceId":"{}"}}"#,
            "s".repeat(101),
            "t".repeat(100)
        ),
    ]);
    let saga_type = prop_oneof![20 => Just(GRAPH), 1 => Just("OTHER")];
    (
        step,
        status,
        metadata,
        saga_type,
        0_i64..12,
        prop::bool::weighted(0.05),
    )
        .prop_map(move |(step, status, metadata, saga_type, millis, other_order)| {
            let order = if other_order { "order-2" } else { "order-1" };
            SagaEvent::new(
                format!("evt-{id:02}").parse().unwrap(),
                "saga-1".parse().unwrap(),
                order.parse().unwrap(),
                SagaType::new(saga_type).unwrap(),
                Step::new(step).unwrap(),
                status,
                Timestamp::from_millis(millis).unwrap(),
            )
            .with_metadata(Metadata::parse(metadata).unwrap())
        })
}

fn any_events() -> impl Strategy<Value = Vec<SagaEvent>> {
    (1_usize..12).prop_flat_map(|count| (0..count).map(any_event).collect::<Vec<_>>())
}

/// As the reference writes it: without the summary, times in milliseconds.
fn plain(state: &SagaState) -> Value {
    let mut json = serde_json::to_value(state).unwrap();
    json.as_object_mut().unwrap().remove("summary");
    for key in ["startedAt", "updatedAt", "endedAt"] {
        in_millis(&mut json[key]);
    }
    for awaiting in json["awaiting"].as_array_mut().unwrap() {
        in_millis(&mut awaiting["since"]);
        in_millis(&mut awaiting["deadline"]);
    }
    json
}

fn in_millis(time: &mut Value) {
    if let Some(text) = time.as_str() {
        *time = text.parse::<Timestamp>().unwrap().as_millis().into();
    }
}

/// Folds distinct events at once, with what the saga waits behind.
fn at_once(events: &[SagaEvent], definitions: &Definitions) -> (SagaState, OpenWaits) {
    let events = events.iter().map(FoldEvent::from).collect();
    let fold = SagaFold::of(events, definitions).unwrap();
    fold.try_state_and_waits(definitions).unwrap()
}

/// Absorbs events one by one as a collector does, and folds all of them again when it must.
fn collect(events: &[SagaEvent], definitions: &Definitions) -> (SagaState, OpenWaits) {
    let mut stored: Vec<FoldEvent> = Vec::new();
    let mut kept: Option<SagaFold> = None;
    for event in events.iter().map(FoldEvent::from) {
        if stored
            .iter()
            .any(|known| known.position.event_id == event.position.event_id)
        {
            continue;
        }
        stored.push(event.clone());
        let absorbed = kept.take().and_then(|mut fold| {
            fold.absorb(&event, definitions).ok()?;
            Some(fold)
        });
        let fold = absorbed.or_else(|| SagaFold::of(stored.clone(), definitions));
        // What is kept goes through the database after every batch.
        let json = serde_json::to_string(&fold).unwrap();
        kept = serde_json::from_str(&json).unwrap();
    }
    kept.unwrap().try_state_and_waits(definitions).unwrap()
}

/// Four times the usual number of cases; `PROPTEST_CASES` multiplies it.
fn many() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases * 4,
        max_global_rejects: u32::MAX,
        max_local_rejects: u32::MAX,
        ..usual
    }
}

proptest! {
    #![proptest_config(many())]

    #[test]
    fn the_reference_agrees(definitions in any_definitions(), events in any_events()) {
        let state = fold::fold(&events, &library(&definitions)).unwrap();
        prop_assert_eq!(plain(&state), reference::state(&events, &definitions));
    }

    #[test]
    fn order_duplicates_and_splits_change_nothing(
        definitions in any_definitions(),
        (events, arrival) in any_events().prop_flat_map(|events| {
            let twice: Vec<SagaEvent> = events.iter().chain(&events[..events.len() / 2]).cloned().collect();
            (Just(events), Just(twice).prop_shuffle())
        })
    ) {
        let definitions = library(&definitions);
        let expected = at_once(&events, &definitions);
        prop_assert_eq!(&fold::fold(&arrival, &definitions).unwrap(), &expected.0);
        prop_assert_eq!(&collect(&arrival, &definitions), &expected);
    }

    #[test]
    fn a_list_without_the_keys_of_graphs_awaits_the_step_after_the_furthest_one_done(
        definition in any_definition(None),
        events in any_events(),
    ) {
        let mut line = definition;
        for entry in &mut line.forward {
            (entry.after, entry.choice, entry.optional) = (None, None, false);
        }
        let library = library(&[line.clone()]);
        let state = fold::fold(&events, &library).unwrap();
        prop_assume!(!state.current_status.is_terminal() && state.saga_type.as_str() == GRAPH);
        let completes = |step: &str| line.completes_with.iter().any(|name| name == step);
        let is_done = |entry: &Entry| events.iter().any(|event| {
            let is_done = !matches!(event.status, SagaStatus::Failed | SagaStatus::Compensated);
            event.step.as_str() == entry.step
                && is_done
                && (!completes(&entry.step) || event.status == SagaStatus::Completed)
        });
        let next = line.forward.iter().rposition(is_done).map_or(0, |furthest| furthest + 1);
        let next: Vec<&str> = line.forward.iter().skip(next).take(1).map(|entry| entry.step.as_str()).collect();
        let awaited: Vec<&str> = state.awaiting.iter().map(|awaiting| awaiting.step.as_str()).collect();
        prop_assert_eq!(awaited, next);
    }
}
