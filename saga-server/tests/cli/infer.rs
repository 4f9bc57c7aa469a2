//! `definitions infer`, on a database that no collector has open.

use saga_store::StoreOptions;
use saga_types::{
    SagaEvent, SagaStatus, SagaType, Step, Timestamp,
    definition::{Definitions, SagaDefinition},
};

use crate::command::Run;

const DATABASE: &str = "--database-url sqlite:sagas.db";

fn event(saga: i64, step: &str, status: SagaStatus, after: i64) -> SagaEvent {
    SagaEvent::new(
        format!("{saga}-{step}").parse().unwrap(),
        format!("saga-{saga}").parse().unwrap(),
        "order-1".parse().unwrap(),
        SagaType::new("LOYALTY_SIGN_UP").unwrap(),
        Step::new(step.to_owned()).unwrap(),
        status,
        Timestamp::from_millis(1_700_000_000_000 + saga * 86_400_000 + after).unwrap(),
    )
}

/// A sign-up a day.
fn with_sagas(count: i64) -> Run {
    let run = Run::new();
    assert_eq!(run.run(&format!("migrate {DATABASE}")).code, 0);
    let url = format!("sqlite:{}", run.folder().join("sagas.db").display());
    let options = StoreOptions {
        definitions: std::sync::Arc::new(Definitions::built_in()),
        max_connections: 2,
    };
    let events = (0..count).flat_map(|saga| {
        [
            event(saga, "MEMBER_CREATED", SagaStatus::Started, 0),
            event(saga, "CARD_PRINTED", SagaStatus::InProgress, 900),
            event(saga, "POINTS_GRANTED", SagaStatus::Completed, 1_500),
        ]
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = saga_store::connect(&url, options).await.unwrap();
        store.append(events.collect()).await.unwrap();
    });
    run
}

#[test]
fn the_file_that_is_printed_is_a_definition() {
    let run = with_sagas(40);
    let done = run.run(&format!("definitions infer LOYALTY_SIGN_UP {DATABASE}"));
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
    let definition = SagaDefinition::from_yaml(&done.stdout).unwrap();
    let steps: Vec<&str> = definition
        .forward
        .iter()
        .map(|forward| forward.step.as_str())
        .collect();
    assert_eq!(
        steps,
        ["MEMBER_CREATED", "CARD_PRINTED", "POINTS_GRANTED"],
        "{}",
        done.stdout
    );
    assert!(
        done.stdout.contains("# Inferred from 40 sagas"),
        "{}",
        done.stdout
    );
}

#[test]
fn too_few_sagas_and_wrong_times_are_said() {
    let run = with_sagas(40);
    let done = run.run(&format!(
        "definitions infer LOYALTY_SIGN_UP --from 2023-11-20 --to 2023-11-24 {DATABASE}"
    ));
    assert_eq!(done.code, 1, "{done:?}");
    assert!(
        done.stderr.contains("5 sagas of LOYALTY_SIGN_UP were read"),
        "{done:?}"
    );
    let done = run.run(&format!(
        "definitions infer LOYALTY_SIGN_UP --from yesterday {DATABASE}"
    ));
    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.stderr.contains("yesterday"), "{done:?}");
}
