//! What becomes of batches.

use saga_store::{ProducerQuery, StoreError};
use saga_types::{SagaStatus, Step, Timestamp, steps};

use super::{
    Database,
    events::{Random, at, created, event, folded, state_of, with},
};

pub(crate) async fn a_new_step_makes_a_saga(database: &impl Database) {
    let store = database.store().await;
    let events = vec![
        created("saga-1", "1", 0),
        event("saga-1", "2", steps::STOCK_RESERVED, SagaStatus::Completed, 10),
    ];
    let appended = store.append(events.clone().into()).await.unwrap();
    assert_eq!((appended.stored(), appended.duplicates), (2, 0));
    assert!(appended.conflicts.is_empty());
    let expected = folded(&events, "saga-1");
    assert_eq!(state_of(&*store, "saga-1").await, expected);
    assert_eq!(appended.changes.len(), 1);
    assert_eq!(appended.changes[0].previous_status, None);
    assert_eq!(Some(&appended.changes[0].state), expected.as_ref());
    assert_eq!(
        store.count_by_status().await.unwrap()[1],
        (SagaStatus::InProgress, 1)
    );
}

pub(crate) async fn an_empty_batch_changes_nothing(database: &impl Database) {
    let appended = database.store().await.append(Vec::new().into()).await.unwrap();
    assert_eq!(
        (appended.stored(), appended.duplicates, appended.changes.len()),
        (0, 0, 0)
    );
}

pub(crate) async fn a_repeated_event_changes_nothing(database: &impl Database) {
    let store = database.store().await;
    let events = vec![created("saga-1", "1", 0), created("saga-1", "1", 0)];
    let appended = store.append(events.clone().into()).await.unwrap();
    assert_eq!((appended.stored(), appended.duplicates), (1, 1));
    let before = store.saga("saga-1").await.unwrap();
    let appended = store.append(events.into()).await.unwrap();
    assert_eq!((appended.stored(), appended.duplicates), (0, 2));
    assert!(appended.conflicts.is_empty());
    assert!(appended.changes.is_empty());
    assert_eq!(store.saga("saga-1").await.unwrap(), before);

    let mixed = vec![
        created("saga-1", "1", 0),
        created("saga-1", "2", 5),
        created("saga-2", "1", 0),
    ];
    let appended = store.append(mixed.into()).await.unwrap();
    assert_eq!((appended.stored(), appended.duplicates), (2, 1));
    assert_eq!(appended.changes.len(), 2);
    assert_eq!(store.saga("saga-1").await.unwrap().unwrap().step_count, 2);
}

pub(crate) async fn numbers_that_differ_in_their_last_digit_are_other_content(database: &impl Database) {
    let store = database.store().await;
    let of = |number: &str| with(created("saga-1", "1", 0), &format!(r#"{{"n":{number}}}"#));
    for (kept, other) in [
        ("9007199254740993", "9007199254740992"),
        ("123456789012345678901234567890", "123456789012345678901234567891"),
    ] {
        let mut first = of(kept);
        first.event_id = kept.parse().unwrap();
        let mut second = of(other);
        second.event_id = first.event_id.clone();
        store.append(vec![first.clone()].into()).await.unwrap();
        let appended = store.append(vec![first, second].into()).await.unwrap();
        assert_eq!((appended.duplicates, appended.conflicts), (1, vec![1]), "{kept}");
    }
}

pub(crate) async fn a_known_id_with_other_content_is_a_conflict(database: &impl Database) {
    let store = database.store().await;
    let original = with(created("saga-1", "1", 0), r#"{"a":1}"#);
    // Within a batch the first one counts.
    let batch = vec![original.clone(), created("saga-1", "1", 0)];
    let appended = store.append(batch.into()).await.unwrap();
    assert_eq!(
        (appended.stored(), appended.duplicates, appended.conflicts),
        (1, 0, vec![1])
    );

    let mut others = vec![original.clone(); 8];
    others[0].event_timestamp = at(1);
    others[1].recorded_at = at(1);
    others[2].saga_type = saga_types::SagaType::REFUND;
    others[3].step = steps::ORDER_CONFIRMED;
    others[4].status = SagaStatus::InProgress;
    others[5].order_id = "another".parse().unwrap();
    others[6].metadata = None;
    others.push(created("saga-2", "1", 0));
    let appended = store.append(others.into()).await.unwrap();
    assert_eq!((appended.stored(), appended.duplicates), (1, 1));
    assert_eq!(appended.conflicts, vec![0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(state_of(&*store, "saga-1").await, folded(&[original], "saga-1"));
}

pub(crate) async fn each_copy_is_compared_with_what_is_stored(database: &impl Database) {
    let store = database.store().await;
    store
        .append(vec![created("saga-1", "1", 0)].into())
        .await
        .unwrap();
    let batch = vec![
        created("saga-1", "1", 7),
        created("saga-1", "1", 0),
        created("saga-1", "1", 7),
    ];
    let appended = store.append(batch.into()).await.unwrap();
    assert_eq!(
        (appended.stored(), appended.duplicates, appended.conflicts),
        (0, 1, vec![0, 2])
    );
}

pub(crate) async fn metadata_is_compared_by_meaning(database: &impl Database) {
    let store = database.store().await;
    let event = || created("saga-1", "1", 0);
    let stored = r#"{"b":[1.50,{"x":"\u00e9"}], "a":12e2, "big":1e300, "long":12345678901234567890123, "pi":3.141592653589793238}"#;
    store.append(vec![with(event(), stored)].into()).await.unwrap();
    let copies = vec![
        with(event(), stored),
        with(
            event(),
            r#"{"a":1200,"long":12345678901234567890123,"pi":3.141592653589793238,"big":1E+300,"b":[1.5,{"x":"é"}]}"#,
        ),
        with(
            event(),
            r#"{"a":1201,"long":12345678901234567890123,"pi":3.141592653589793238,"big":1E+300,"b":[1.5,{"x":"é"}]}"#,
        ),
    ];
    let appended = store.append(copies.into()).await.unwrap();
    assert_eq!(
        (appended.stored(), appended.duplicates, appended.conflicts),
        (0, 2, vec![2])
    );
}

/// Both databases may write a number in another way, but every copy must be the same to the last bit.
pub(crate) async fn metadata_is_compared_to_the_last_bit(database: &impl Database) {
    let store = database.store().await;
    let mut random = Random::seeded(1);
    let mut numbers = vec![f64::MAX, f64::MIN_POSITIVE, 5e-324, 0.1 + 0.2];
    numbers.extend((0..300).map(|_| {
        let exponent = i64::try_from(random.below(600)).unwrap() - 300;
        format!("{}.{}e{exponent}", random.below(10), random.below(1 << 48))
            .parse::<f64>()
            .unwrap()
    }));
    let written: Vec<String> = numbers.iter().map(|number| format!("{number:e}")).collect();
    let event = with(
        created("saga-1", "1", 0),
        &format!(r#"{{"n":[{}]}}"#, written.join(",")),
    );
    store.append(vec![event.clone()].into()).await.unwrap();
    assert_eq!(store.append(vec![event].into()).await.unwrap().duplicates, 1);
}

pub(crate) async fn the_order_of_arrival_does_not_matter(database: &impl Database) {
    let store = database.store().await;
    let mut events = vec![
        created("saga-1", "1", 0),
        event("saga-1", "2", steps::STOCK_RESERVED, SagaStatus::Completed, 10),
        event("saga-1", "3", steps::PAYMENT_COMPLETED, SagaStatus::Completed, 20),
        event("saga-1", "4", steps::ORDER_CONFIRMED, SagaStatus::Completed, 30),
    ];
    events.reverse();
    for event in &events {
        store.append(vec![event.clone()].into()).await.unwrap();
    }
    let state = state_of(&*store, "saga-1").await;
    assert_eq!(state, folded(&events, "saga-1"));
    assert_eq!(state.unwrap().current_status, SagaStatus::Completed);
}

pub(crate) async fn a_late_completion_between_failures_is_folded_anew(database: &impl Database) {
    let store = database.store().await;
    let failed = |id: &str, millis: i64, reason: &str| {
        let event = event("saga-1", id, steps::PAYMENT_FAILED, SagaStatus::Failed, millis);
        with(event, &format!(r#"{{"failureReason":"{reason}"}}"#))
    };
    let early = vec![
        created("saga-1", "1", 0),
        failed("2", 10, "first"),
        failed("3", 30, "second"),
        failed("4", 40, "third"),
    ];
    store.append(early.clone().into()).await.unwrap();
    // The batch also holds events that the kept fold can take, before and after the one that it cannot.
    let late = vec![
        event("saga-1", "5", steps::STOCK_RESERVED, SagaStatus::Completed, 5),
        event("saga-1", "6", steps::ORDER_CONFIRMED, SagaStatus::Completed, 20),
        failed("7", 50, "fourth"),
    ];
    let appended = store.append(late.clone().into()).await.unwrap();
    let state = state_of(&*store, "saga-1").await.unwrap();
    assert_eq!(state.failure_reason.as_deref(), Some("second"));
    assert_eq!(Some(&state), folded(&[early, late].concat(), "saga-1").as_ref());
    assert_eq!(appended.changes[0].state, state);
    assert_eq!(appended.changes[0].previous_status, Some(SagaStatus::Failed));
}

pub(crate) async fn a_compensation_is_measured_when_it_ends(database: &impl Database) {
    let store = database.store().await;
    let failed = vec![
        created("saga-1", "1", 0),
        event("saga-1", "2", steps::STOCK_RESERVED, SagaStatus::Completed, 100),
        event("saga-1", "3", steps::PAYMENT_FAILED, SagaStatus::Failed, 200),
    ];
    let appended = store.append(failed.into()).await.unwrap();
    assert_eq!(appended.changes[0].compensation_ms, None);
    let undone = event(
        "saga-1",
        "4",
        steps::STOCK_RELEASED,
        SagaStatus::Compensated,
        1700,
    );
    let appended = store.append(vec![undone].into()).await.unwrap();
    assert_eq!(appended.changes[0].state.current_status, SagaStatus::Compensated);
    assert_eq!(appended.changes[0].compensation_ms, Some(1500));
    let again = event(
        "saga-1",
        "5",
        steps::STOCK_RELEASED,
        SagaStatus::Compensated,
        1800,
    );
    let appended = store.append(vec![again].into()).await.unwrap();
    assert_eq!(appended.changes[0].compensation_ms, None);
}

pub(crate) async fn ids_that_begin_alike_do_not_mix(database: &impl Database) {
    let store = database.store().await;
    let ids = ["a", "a ", "a%", "a-", "a-1", "a-10", "aa", "A", "a_1", "ä"];
    let events: Vec<_> = ids
        .iter()
        .enumerate()
        .flat_map(|(index, id)| (0..=index).map(move |number| created(id, &format!("{number}"), 0)))
        .collect();
    store.append(events.clone().into()).await.unwrap();
    store.append(events.clone().into()).await.unwrap();
    for (index, id) in ids.into_iter().enumerate() {
        assert_eq!(state_of(&*store, id).await, folded(&events, id), "{id}");
        let page = store.steps(id, None, 100).await.unwrap().unwrap();
        assert_eq!(page.steps.len(), index + 1, "{id}");
    }
}

pub(crate) async fn names_may_have_100_characters_of_any_script(database: &impl Database) {
    let store = database.store().await;
    let long = "주".repeat(100);
    let astral = "🛒".repeat(100);
    for name in [&long, &astral] {
        let mut event = created(name, name, 0);
        event.order_id = name.parse().unwrap();
        event.step = Step::from_wire(name.as_str()).unwrap();
        event.saga_type = saga_types::SagaType::try_from(name.clone()).unwrap();
        let appended = store.append(vec![event.clone()].into()).await.unwrap();
        assert_eq!(appended.stored(), 1);
        assert_eq!(
            store.append(vec![event.clone()].into()).await.unwrap().duplicates,
            1
        );
        assert_eq!(state_of(&*store, name).await, folded(&[event], name));
    }
}

pub(crate) async fn metadata_may_be_as_large_as_allowed(database: &impl Database) {
    let store = database.store().await;
    let filling = |length: usize| "x".repeat(length);
    let long_texts = format!(
        r#"{{"producerService":"{}","traceId":"{}","failureReason":"{}","customerId":"{}"}}"#,
        filling(8000),
        filling(8000),
        filling(8000),
        filling(8000)
    );
    // Both grow beyond the limit when the database writes them in its own way.
    let long_numbers = format!(r#"{{"a":[{}]}}"#, vec!["1e300"; 5000].join(","));
    let many_keys = (0..2500)
        .map(|key| format!(r#""{key:08}":1"#))
        .collect::<Vec<_>>()
        .join(",");
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(63), "]".repeat(63));
    let texts = [long_texts, long_numbers, format!("{{{many_keys}}}"), deep];
    for (index, text) in texts.iter().enumerate() {
        let failed = event(
            "saga-1",
            &index.to_string(),
            steps::PAYMENT_FAILED,
            SagaStatus::Failed,
            0,
        );
        let event = with(failed, text);
        assert_eq!(
            store.append(vec![event.clone()].into()).await.unwrap().stored(),
            1
        );
        assert_eq!(store.append(vec![event].into()).await.unwrap().duplicates, 1);
    }
    let page = store.steps("saga-1", None, 10).await.unwrap().unwrap();
    let read: Vec<_> = page
        .steps
        .into_iter()
        .map(|step| step.metadata.unwrap())
        .collect();
    assert_eq!(read, texts.map(|text| saga_types::Metadata::parse(text).unwrap()));
}

pub(crate) async fn times_may_be_at_the_limits(database: &impl Database) {
    let store = database.store().await;
    let mut events = vec![created("saga-1", "1", 0), created("saga-1", "2", 0)];
    events[0].recorded_at = Timestamp::MIN;
    events[0].event_timestamp = Timestamp::MAX;
    events[1].recorded_at = Timestamp::MAX;
    store.append(events.clone().into()).await.unwrap();
    assert_eq!(store.append(events.clone().into()).await.unwrap().duplicates, 2);
    assert_eq!(state_of(&*store, "saga-1").await, folded(&events, "saga-1"));
    let page = store.steps("saga-1", None, 10).await.unwrap().unwrap();
    assert_eq!(page.steps[0].recorded_at, Timestamp::MIN);
    assert_eq!(page.steps[1].recorded_at, Timestamp::MAX);
}

pub(crate) async fn a_saga_may_have_100_000_events(database: &impl Database) {
    let store = database.store().await;
    for batch in 0..50_i64 {
        let numbers = batch * 2000..(batch + 1) * 2000;
        let events = numbers.map(|number| {
            event(
                "saga-1",
                &format!("{number:06}"),
                steps::PAYMENT_INITIALIZATION,
                SagaStatus::InProgress,
                number,
            )
        });
        let appended = store.append(events.collect()).await.unwrap();
        assert_eq!(appended.stored(), 2000);
    }
    let state = store.saga("saga-1").await.unwrap().unwrap();
    assert_eq!((state.step_count, state.updated_at), (100_000, at(99_999)));
    let after = saga_types::fold::Position {
        recorded_at: at(98_999),
        event_id: "098999".parse().unwrap(),
    };
    let page = store.steps("saga-1", Some(&after), 1000).await.unwrap().unwrap();
    assert_eq!((page.steps.len(), page.has_more), (1000, false));
}

pub(crate) async fn a_probe_writes_like_a_batch_and_leaves_nothing(database: &impl Database) {
    let store = database.store().await;
    for _ in 0..2 {
        store.probe_write().await.unwrap();
    }
    assert!(store.changed().take().is_none());
    assert!(
        store
            .count_by_status()
            .await
            .unwrap()
            .iter()
            .all(|(_, sagas)| *sagas == 0)
    );
    let all = ProducerQuery {
        service: None,
        after: None,
        size: 10,
        instances: 10,
    };
    let services = store.producers(&all).await.unwrap();
    assert!(services.services.is_empty());
    for away in ["saga_instance", "saga_steps"] {
        let rename = [
            format!("ALTER TABLE {away} RENAME TO away"),
            format!("ALTER TABLE away RENAME TO {away}"),
        ];
        database.execute(&rename[0]).await;
        let failure = store.probe_write().await.unwrap_err();
        assert!(matches!(failure, StoreError::Unavailable(_)), "{failure}");
        database.execute(&rename[1]).await;
        store.probe_write().await.unwrap();
    }
}
