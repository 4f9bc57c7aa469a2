//! Somebody takes care of something: until it is over, and never hiding what became worse.

mod worse;

use std::sync::Arc;

use saga_store::{
    AcknowledgeOrder, Acknowledged, Acknowledgement, AcknowledgementQuery, Actor, Disposal, DisposalOrder,
    Judged, Late, LetterFilter, LetterQuery, OperationKind, SagaQuery, Scope, Store, Subject, Subjects, Way,
    WithdrawOrder, Withdrawn,
};
use saga_types::{SagaEvent, SagaStatus, SagaType, steps};

use super::{
    Database,
    dead_letters::letter,
    events::{at, created, event},
    operations::log,
};

pub(crate) use self::worse::{
    a_group_is_worse_with_a_quarter_more_and_over_without_failures, a_saga_that_becomes_worse_is_shown_again,
    a_saga_that_owes_more_or_becomes_late_is_worse,
};

const MINUTE: i64 = 60_000;

/// Everything is judged at this time, at which sagas that began at 0 are late.
const NOW: i64 = 15 * MINUTE;

fn judged(now: i64) -> Judged {
    Judged {
        now: at(now),
        late_before: at(now),
    }
}

fn actor(name: &str) -> Actor {
    Actor {
        name: name.to_owned(),
        role: Some("operator".to_owned()),
        way: Way::Page,
        address: None,
    }
}

pub(super) fn saga(id: &str) -> Subject {
    Subject::Saga(id.parse().unwrap())
}

fn group(name: &str, saga_type: Option<SagaType>) -> Subject {
    Subject::FailureGroup {
        name: name.to_owned(),
        saga_type,
    }
}

fn order(subject: Subject) -> AcknowledgeOrder {
    AcknowledgeOrder {
        subject,
        scope: Scope::All,
        judged: judged(NOW),
        until: at(NOW + 60 * MINUTE),
        assignee: "dana".to_owned(),
        note: "asked the shop, 주문".to_owned(),
        replaces: None,
        actor: actor("kim"),
    }
}

pub(super) async fn acknowledge(store: &dyn Store, subject: Subject) -> Acknowledgement {
    match store.acknowledge(&order(subject)).await.unwrap() {
        Acknowledged::Done(done) => done,
        other => panic!("{other:?}"),
    }
}

fn withdraw_order(subject: Subject, id: Option<i64>) -> WithdrawOrder {
    WithdrawOrder {
        subject,
        scope: Scope::All,
        judged: judged(NOW),
        id,
        actor: actor("lee"),
    }
}

async fn in_force_at(store: &dyn Store, now: i64, scope: Scope) -> Vec<Acknowledgement> {
    let query = AcknowledgementQuery {
        scope,
        judged: judged(now),
        of: Subjects::All,
        before: None,
        size: 100,
    };
    store.acknowledgements(&query).await.unwrap().acknowledgements
}

pub(super) async fn in_force(store: &dyn Store) -> Vec<Acknowledgement> {
    in_force_at(store, NOW, Scope::All).await
}

/// Whether the one that is in force became worse; none when none is.
async fn is_worse(store: &dyn Store) -> Option<bool> {
    in_force(store).await.first().map(|found| found.is_worse)
}

/// The ids that a search finds, and how many it counts.
async fn found(store: &dyn Store, is_acknowledged: bool) -> (Vec<String>, u64) {
    let query = SagaQuery {
        acknowledged: Some((is_acknowledged, judged(NOW))),
        ..SagaQuery::newest(100)
    };
    let page = store.search(&query).await.unwrap();
    let mut ids: Vec<String> = page.sagas.iter().map(|saga| saga.saga_id.to_string()).collect();
    ids.sort();
    (ids, page.total.count)
}

fn failing(saga_id: &str, millis: i64) -> Vec<SagaEvent> {
    vec![
        created(saga_id, "1", millis),
        event(
            saga_id,
            "2",
            steps::STOCK_RESERVATION_FAILED,
            SagaStatus::Failed,
            millis + 1,
        ),
    ]
}

const GROUP: &str = "STOCK_RESERVATION_FAILED: no reason given";

async fn with(database: &impl Database, events: Vec<SagaEvent>) -> Arc<dyn Store> {
    let store = database.store().await;
    store.append(events.into()).await.unwrap();
    store
}

pub(crate) async fn an_acknowledgement_says_who_and_until_when_and_is_logged(database: &impl Database) {
    let store = with(
        database,
        vec![created("late", "1", 0), created("young", "1", NOW - 1)],
    )
    .await;
    let done = acknowledge(&*store, saga("late")).await;
    assert_eq!((done.by.as_str(), done.assignee.as_str()), ("kim", "dana"));
    assert_eq!(
        (done.at, done.until, done.is_worse),
        (at(NOW), at(NOW + 60 * MINUTE), false)
    );
    assert_eq!(in_force(&*store).await, [done]);
    let entries = log(&*store, OperationKind::Acknowledgement).await;
    assert_eq!(entries.len(), 1);
    assert_eq!(
        (entries[0].saga_id.as_deref(), entries[0].saga_type.as_deref()),
        (Some("late"), Some("ORDER_CREATION"))
    );
    let detail = entries[0].detail.as_deref().unwrap();
    assert!(
        detail.starts_with("dana until 2023-") && detail.ends_with(": asked the shop, 주문"),
        "{detail}"
    );

    assert_eq!(found(&*store, true).await, (vec!["late".to_owned()], 1));
    assert_eq!(found(&*store, false).await, (vec!["young".to_owned()], 1));
    let late = async |acknowledged| {
        let (scope, now) = (Scope::All, at(NOW));
        let sagas = store
            .late_sagas(Late::Stuck, now, 10, &scope, acknowledged)
            .await
            .unwrap();
        let groups = store
            .late_groups(Late::Stuck, now, &scope, acknowledged)
            .await
            .unwrap();
        (sagas.total.count, groups.len())
    };
    assert_eq!(late(None).await, (1, 1));
    assert_eq!(late(Some((true, judged(NOW)))).await, (1, 1));
    assert_eq!(late(Some((false, judged(NOW)))).await, (0, 0));
    // Alerts count what is late, acknowledged or not.
    assert_eq!(store.count_late(Late::Stuck, at(NOW)).await.unwrap().len(), 1);
}

pub(crate) async fn an_acknowledgement_ends_with_its_time_and_with_the_saga(database: &impl Database) {
    let store = with(database, vec![created("late", "1", 0)]).await;
    acknowledge(&*store, saga("late")).await;
    assert!(
        in_force_at(&*store, NOW + 60 * MINUTE, Scope::All)
            .await
            .is_empty(),
        "its time is over"
    );
    let reserved = event("late", "2", steps::STOCK_RESERVED, SagaStatus::InProgress, NOW);
    store.append(vec![reserved].into()).await.unwrap();
    assert_eq!(is_worse(&*store).await, None, "it has gone on");
    assert_eq!(found(&*store, false).await.1, 1);

    acknowledge(&*store, saga("late")).await;
    let done = event(
        "late",
        "3",
        steps::ORDER_CONFIRMED,
        SagaStatus::Completed,
        NOW + 1,
    );
    store.append(vec![done].into()).await.unwrap();
    assert_eq!(is_worse(&*store).await, None, "it is complete");
    let again = store.acknowledge(&order(saga("late"))).await.unwrap();
    assert_eq!(again, Acknowledged::Over);
    assert_eq!(
        store.acknowledge(&order(saga("nobody"))).await.unwrap(),
        Acknowledged::Missing
    );
    assert_eq!(log(&*store, OperationKind::Acknowledgement).await.len(), 2);
    let removed = store
        .remove_acknowledgements(at(NOW + 60 * MINUTE + 1), 10)
        .await
        .unwrap();
    assert_eq!(removed, 1);
}

pub(crate) async fn a_letter_is_nobodys_once_it_was_replayed_or_dismissed(database: &impl Database) {
    let store = database.store().await;
    store.keep_letters(vec![letter(1), letter(2)]).await.unwrap();
    let letters = async |acknowledged| {
        let query = LetterQuery {
            filter: LetterFilter {
                acknowledged: Some((acknowledged, at(NOW))),
                ..LetterFilter::default()
            },
            after: None,
            size: 10,
        };
        let page = store.letters(&query).await.unwrap();
        page.letters.iter().map(|letter| letter.id).collect::<Vec<_>>()
    };
    let all = letters(false).await;
    let (newer, older) = (all[0], all[1]);
    acknowledge(&*store, Subject::Letter(older)).await;
    assert_eq!(
        (letters(true).await, letters(false).await),
        (vec![older], vec![newer])
    );
    let dispose = async |disposal| {
        let order = DisposalOrder {
            disposal,
            at: at(NOW),
            actor: actor("kim"),
            note: Some("why".to_owned()),
        };
        store.dispose(&LetterFilter::default(), &order, 10).await.unwrap()
    };
    dispose(Disposal::Dismiss).await;
    assert!(in_force(&*store).await.is_empty());
    let refused = store.acknowledge(&order(Subject::Letter(older))).await.unwrap();
    assert_eq!(refused, Acknowledged::Over);
    dispose(Disposal::Restore).await;
    assert!(
        in_force(&*store).await.is_empty(),
        "one that is restored is nobody's"
    );
    let entries = log(&*store, OperationKind::Acknowledgement).await;
    assert_eq!((entries.len(), entries[0].letter_id), (1, Some(older)));
}

pub(crate) async fn of_operators_at_once_one_acknowledges(database: &impl Database) {
    let store = with(database, vec![created("a", "1", 0)]).await;
    let attempt = async || store.acknowledge(&order(saga("a"))).await.unwrap();
    let outcomes: [Acknowledged; 3] = tokio::join!(attempt(), attempt(), attempt()).into();
    let done = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Acknowledged::Done(_)));
    let taken = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Acknowledged::Taken(Some(_))));
    assert_eq!((done.count(), taken.count()), (1, 2), "{outcomes:?}");
    assert_eq!(log(&*store, OperationKind::Acknowledgement).await.len(), 1);

    // A replacement names the acknowledgement that it replaces.
    let seen = in_force(&*store).await[0].id;
    let replacing = AcknowledgeOrder {
        replaces: Some(seen),
        ..order(saga("a"))
    };
    let attempt = async || store.acknowledge(&replacing).await.unwrap();
    let outcomes: [Acknowledged; 2] = tokio::join!(attempt(), attempt()).into();
    let done = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Acknowledged::Done(_)));
    assert_eq!(done.count(), 1, "{outcomes:?}");
    let now = in_force(&*store).await[0].id;
    assert_ne!(now, seen);
    let stale = store
        .withdraw_acknowledgement(&withdraw_order(saga("a"), Some(seen)))
        .await;
    assert!(matches!(stale.unwrap(), Withdrawn::Changed(other) if other.id == now));
    let taken_back = store
        .withdraw_acknowledgement(&withdraw_order(saga("a"), Some(now)))
        .await;
    assert!(matches!(taken_back.unwrap(), Withdrawn::Done(_)));
    let none = store
        .withdraw_acknowledgement(&withdraw_order(saga("a"), None))
        .await;
    assert_eq!(none.unwrap(), Withdrawn::Missing);
    let entries = log(&*store, OperationKind::Withdrawal).await;
    assert_eq!((entries.len(), entries[0].actor.name.as_str()), (1, "lee"));
}

pub(crate) async fn acknowledgements_are_of_the_scope(database: &impl Database) {
    let mut events = failing("own", 0);
    events.extend(failing("other", 1).into_iter().map(|mut event| {
        event.saga_type = SagaType::REFUND;
        event
    }));
    let store = with(database, events).await;
    let own = Scope::of([SagaType::ORDER_CREATION]);
    let try_it = async |subject: Subject, scope: &Scope| {
        let order = AcknowledgeOrder {
            scope: scope.clone(),
            ..order(subject)
        };
        matches!(store.acknowledge(&order).await.unwrap(), Acknowledged::Done(_))
    };
    let groups = [None, Some(SagaType::REFUND), Some(SagaType::ORDER_CREATION)].map(|one| group(GROUP, one));
    for hidden in [saga("other"), groups[0].clone(), groups[1].clone()] {
        assert!(!try_it(hidden.clone(), &own).await, "{hidden:?}");
        assert!(try_it(hidden, &Scope::All).await);
    }
    assert!(try_it(saga("own"), &own).await && try_it(groups[2].clone(), &own).await);
    store.keep_letters(vec![letter(1)]).await.unwrap();
    assert_eq!(in_force(&*store).await.len(), 5);
    let seen: Vec<Subject> = in_force_at(&*store, NOW, own.clone())
        .await
        .into_iter()
        .map(|found| found.subject)
        .collect();
    assert_eq!(seen, [groups[2].clone(), saga("own")]);
    let hidden = WithdrawOrder {
        scope: own,
        ..withdraw_order(saga("other"), None)
    };
    assert_eq!(
        store.withdraw_acknowledgement(&hidden).await.unwrap(),
        Withdrawn::Missing
    );
}
