//! `rebuild`, on a file that a collector has written.

use saga_store::StoreOptions;
use saga_types::{SagaEvent, SagaStatus, SagaType, Timestamp, definition::Definitions};
use serde_json::{Value, json};

use crate::command::{Done, Run};

const REBUILD: &str = "rebuild --database-url sqlite:sagas.db";

/// With it, a loan is over only when the money is lent.
const LOAN: &str = "\
sagaType: LOAN_APPROVAL
startsWith: [LOAN_ASKED]
forward:
  - {step: LOAN_ASKED, service: bank}
  - {step: MONEY_LENT, service: bank}
completesWith: [MONEY_LENT]
";

/// A loan of two steps and another one of one, stored by the built-in definitions.
fn with_loans() -> Run {
    let run = Run::new();
    std::fs::create_dir(run.folder().join("definitions")).unwrap();
    let run = run.file("definitions/loan.yml", LOAN);
    let url = format!("sqlite:{}", run.folder().join("sagas.db").display());
    let step = |saga_id: &str, event_id: &str, step: &str, status, millis: i64| {
        SagaEvent::new(
            event_id.parse().unwrap(),
            saga_id.parse().unwrap(),
            "order".parse().unwrap(),
            SagaType::new("LOAN_APPROVAL").unwrap(),
            step.parse().unwrap(),
            status,
            Timestamp::from_millis(1_700_000_000_000 + millis).unwrap(),
        )
    };
    let events = vec![
        step("loan-1", "1", "LOAN_ASKED", SagaStatus::Started, 0),
        step("loan-1", "2", "LOAN_CHECKED", SagaStatus::Completed, 500),
        step("loan-2", "1", "LOAN_ASKED", SagaStatus::Started, 0),
    ];
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let options = StoreOptions {
            definitions: Definitions::built_in().into(),
            max_connections: 2,
        };
        let store = saga_store::connect(&url, options).await.unwrap();
        store.migrate().await.unwrap();
        store.append(events.into()).await.unwrap();
    });
    run
}

fn objects(done: &Done) -> Vec<Value> {
    let lines = done.stdout.lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_is_kept_as_the_steps_say_needs_no_rebuild() {
    let run = with_loans();
    for command in [format!("{REBUILD} --dry-run"), REBUILD.to_owned()] {
        let done = run.run(&command);
        assert_eq!(done.code, 0, "{done:?}");
        assert!(done.stdout.starts_with("2 sagas, 0 differed"), "{done:?}");
    }
}

#[test]
fn a_dry_run_tells_what_a_definition_would_change_and_changes_nothing() {
    let run = with_loans();
    let tried = format!("{REBUILD} --dry-run --definitions definitions");
    for _ in 0..2 {
        let done = run.run(&tried);
        assert_eq!(done.code, 3, "{done:?}");
        let groups = "\
            LOAN_APPROVAL: COMPLETED → IN_PROGRESS, 1 saga, other anomalies, awaitedServices, awaitedSteps, durationMs, endedAt; such as loan-1\n\
            LOAN_APPROVAL: same status, 1 saga, other awaitedServices, awaitedSteps; such as loan-2\n";
        assert!(done.stdout.starts_with(groups), "{done:?}");
        let listed = run.run(&format!("{tried} --list"));
        for line in [
            r#"loan-1: anomalies [] -> ["UNKNOWN_STEP"]"#,
            r#"currentStatus "COMPLETED" -> "IN_PROGRESS""#,
        ] {
            assert!(listed.stdout.contains(line), "{listed:?}");
        }
        assert!(listed.stdout.contains(groups), "{listed:?}");
    }
    let objects = objects(&run.run(&format!("{tried} --json")));
    assert_eq!(
        (&objects[0]["sagaId"], &objects[0]["changes"]["currentStatus"]),
        (
            &json!("loan-1"),
            &json!({"before": "COMPLETED", "after": "IN_PROGRESS"})
        )
    );
    let sums = objects.last().unwrap();
    assert_eq!(
        (
            &sums["sagas"],
            &sums["differing"],
            &sums["wrongCounts"],
            &sums["dryRun"]
        ),
        (&json!(2), &json!(2), &json!(0), &json!(true))
    );
    assert_eq!(
        sums["groups"][0]["currentStatus"],
        json!({"before": "COMPLETED", "after": "IN_PROGRESS"})
    );
    assert_eq!(run.run(&format!("{REBUILD} --dry-run")).code, 0);
}

#[test]
fn a_rebuild_puts_the_definition_in_force() {
    let run = with_loans();
    let rebuilt = run.run(&format!("{REBUILD} --definitions definitions"));
    assert_eq!(rebuilt.code, 0, "{rebuilt:?}");
    assert!(rebuilt.stdout.contains("2 sagas, 2 differed"), "{rebuilt:?}");
    let again = run.run(&format!("{REBUILD} --definitions definitions --dry-run"));
    assert_eq!(again.code, 0, "{again:?}");
}

#[test]
fn a_rebuild_needs_a_database_with_tables_and_definitions_that_are_there() {
    let without_tables = Run::new().run(REBUILD);
    assert_eq!(
        (without_tables.code, without_tables.stdout.as_str()),
        (1, ""),
        "{without_tables:?}"
    );
    Run::new().run("rebuild").is_refused(2, &["database.url"]);
    Run::new()
        .run(&format!("{REBUILD} --definitions nowhere"))
        .is_refused(2, &["definitionsDir", "nowhere"]);
}
