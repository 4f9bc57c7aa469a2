//! Saved views: one name each, a bounded number, and an entry of the log with every change.

use saga_store::{
    Actor, OperationFilter, OperationKind, OperationQuery, SavedView, Scope, Store, ViewChange, ViewOrder,
    ViewOutcome, Way,
};
use saga_types::SagaType;

use super::{Database, events::at};

fn order(name: &str, change: ViewChange) -> ViewOrder {
    ViewOrder {
        scope: Scope::All,
        name: name.to_owned(),
        change,
        at: at(50),
        actor: Actor {
            name: "dana".to_owned(),
            role: Some("operator".to_owned()),
            way: Way::Page,
            address: None,
        },
    }
}

pub(super) fn save(name: &str, saga_type: Option<SagaType>) -> ViewOrder {
    let query = "status=FAILED".to_owned();
    order(name, ViewChange::Save { query, saga_type })
}

pub(super) async fn names(store: &dyn Store, scope: &Scope) -> Vec<String> {
    let views = store.views(scope).await.unwrap().into_iter();
    views.map(|view| view.name).collect()
}

async fn log(store: &dyn Store) -> Vec<(String, Option<String>, Option<String>)> {
    let query = OperationQuery {
        filter: OperationFilter {
            kind: Some(OperationKind::SavedView),
            ..OperationFilter::default()
        },
        after: None,
        size: 200,
    };
    let page = store.operations(&query).await.unwrap();
    let entries = page.operations.into_iter().map(|stored| stored.operation);
    entries
        .map(|entry| (entry.result, entry.saga_type, entry.detail))
        .collect()
}

pub(crate) async fn a_view_is_saved_renamed_and_removed_with_an_entry_of_the_log_each(
    database: &impl Database,
) {
    let store = database.store().await;
    let change = async |order: ViewOrder| store.change_view(&order).await.unwrap();
    assert_eq!(
        change(save("환불 실패", Some(SagaType::REFUND))).await,
        ViewOutcome::Done
    );
    assert_eq!(change(save("환불 실패", None)).await, ViewOutcome::Taken);
    let views = store.views(&Scope::All).await.unwrap();
    let expected = SavedView {
        name: "환불 실패".to_owned(),
        query: "status=FAILED".to_owned(),
        saga_type: Some(SagaType::REFUND),
        changed_at: at(50),
        changed_by: "dana".to_owned(),
    };
    assert_eq!(views, [expected]);
    assert_eq!(change(save("a", None)).await, ViewOutcome::Done);
    let rename = |name: &str, new: &str| order(name, ViewChange::Rename(new.to_owned()));
    assert_eq!(change(rename("a", "환불 실패")).await, ViewOutcome::Taken);
    assert_eq!(change(rename("b", "c")).await, ViewOutcome::Unknown);
    assert_eq!(change(rename("a", "b")).await, ViewOutcome::Done);
    assert_eq!(names(&*store, &Scope::All).await, ["b", "환불 실패"]);
    assert_eq!(change(order("a", ViewChange::Remove)).await, ViewOutcome::Unknown);
    assert_eq!(
        change(order("환불 실패", ViewChange::Remove)).await,
        ViewOutcome::Done
    );
    assert_eq!(names(&*store, &Scope::All).await, ["b"]);
    let entry = |result: &str, saga_type: Option<&str>, detail: &str| {
        (
            result.to_owned(),
            saga_type.map(str::to_owned),
            Some(detail.to_owned()),
        )
    };
    assert_eq!(
        log(&*store).await,
        [
            entry("REMOVED", Some("REFUND"), "환불 실패"),
            entry("RENAMED", None, "a is now b"),
            entry("SAVED", None, "a: status=FAILED"),
            entry("SAVED", Some("REFUND"), "환불 실패: status=FAILED"),
        ]
    );
}

pub(crate) async fn views_are_as_many_as_allowed_also_of_operators_at_once(database: &impl Database) {
    let store = database.store().await;
    for number in 0..SavedView::MOST - 3 {
        let saved = store
            .change_view(&save(&format!("view-{number}"), None))
            .await
            .unwrap();
        assert_eq!(saved, ViewOutcome::Done);
    }
    let at_once = (0..8).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            store
                .change_view(&save(&format!("last-{number}"), None))
                .await
                .unwrap()
        })
    });
    let mut done = 0;
    for saving in at_once.collect::<Vec<_>>() {
        match saving.await.unwrap() {
            ViewOutcome::Done => done += 1,
            other => assert_eq!(other, ViewOutcome::TooMany),
        }
    }
    assert_eq!(done, 3);
    assert_eq!(names(&*store, &Scope::All).await.len(), SavedView::MOST as usize);
    assert_eq!(log(&*store).await.len(), SavedView::MOST as usize);
}

pub(crate) async fn a_view_is_there_for_those_who_may_see_its_type(database: &impl Database) {
    let store = database.store().await;
    for (name, saga_type) in [
        ("refunds", Some(SagaType::REFUND)),
        ("orders", Some(SagaType::ORDER_CREATION)),
        ("all", None),
    ] {
        store.change_view(&save(name, saga_type)).await.unwrap();
    }
    let refunds = Scope::of([SagaType::REFUND]);
    assert_eq!(names(&*store, &Scope::All).await, ["all", "orders", "refunds"]);
    assert_eq!(names(&*store, &refunds).await, ["refunds"]);
    for (name, outcome) in [
        ("orders", ViewOutcome::Unknown),
        ("all", ViewOutcome::Unknown),
        ("refunds", ViewOutcome::Done),
    ] {
        let remove = ViewOrder {
            scope: refunds.clone(),
            ..order(name, ViewChange::Remove)
        };
        assert_eq!(store.change_view(&remove).await.unwrap(), outcome, "{name}");
    }
    assert_eq!(names(&*store, &Scope::All).await, ["all", "orders"]);
}
