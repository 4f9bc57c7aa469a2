//! The expected path on the page of a saga, where it forks, joins and has a choice.

use crate::{
    harness::{Api, event},
    pages::{page, text},
};

/// Picking and booking at once, the carrier by choice, wrapping if wanted.
pub(crate) const PARCEL: &str = "
sagaType: PARCEL
startsWith: [ORDERED]
forward:
  - { step: ORDERED, service: shop }
  - { step: PICKED, service: warehouse, after: [ORDERED] }
  - { step: WRAPPED, service: warehouse, after: [PICKED], optional: true }
  - { step: COURIER_BOOKED, service: carrier, choice: carrier, after: [ORDERED] }
  - { step: POST_BOOKED, service: carrier, choice: carrier }
  - { step: SENT, service: shop, after: [WRAPPED, carrier] }
completesWith: [SENT]
limits:
  steps:
    - { step: PICKED, within: 1min }
    - { step: COURIER_BOOKED, within: 100000h }
    - { step: POST_BOOKED, within: 100000h }
";

/// The boxes of the path, level by level.
fn levels(page: &str) -> Vec<String> {
    let path = page.split(r#"<ol class="levels">"#).nth(1).unwrap();
    let path = path.split("</ol>").next().unwrap();
    path.split("<li>\n<ul")
        .skip(1)
        .flat_map(|level| level.split(r#"<li class="fork">"#))
        .map(text)
        .collect()
}

#[tokio::test]
async fn the_path_is_drawn_by_levels_with_branches_beside_each_other() {
    let api = Api::defined_by(&[PARCEL]).await;
    api.record([event("saga-1", "ORDERED", "STARTED", 0).of_type("PARCEL")])
        .await;
    let page = page(&api, "/sagas/saga-1").await;
    let said = text(&page);
    for what in [
        // Alone in its level.
        "✓ ORDERED done · shop ! PICKED overdue · warehouse",
        "either … COURIER_BOOKED waiting · carrier or … POST_BOOKED waiting · carrier",
        "○ WRAPPED not started · warehouse · optional after PICKED",
        "○ SENT not started · shop after WRAPPED and carrier",
    ] {
        assert!(said.contains(what), "{what:?} in {said}");
    }
    assert_eq!(page.matches(r#"<li class="fork">"#).count(), 1, "{page}");
    assert_eq!(page.matches(r#"<ul class="path either">"#).count(), 1, "{page}");
    assert_eq!(levels(&page).len(), 4, "{:?}", levels(&page));
    assert!(!page.contains("style="), "{page}");
}

#[tokio::test]
async fn an_alternative_that_was_not_chosen_and_an_optional_step_that_was_left_out_are_skipped() {
    let api = Api::defined_by(&[PARCEL]).await;
    let steps = [
        ("ORDERED", "STARTED"),
        ("PICKED", "COMPLETED"),
        ("POST_BOOKED", "COMPLETED"),
        ("SENT", "COMPLETED"),
    ];
    let events = steps.iter().zip(0..);
    api.record(events.map(|((step, status), place)| event("saga-1", step, status, place).of_type("PARCEL")))
        .await;
    let said = text(&page(&api, "/sagas/saga-1").await);
    for what in [
        "either – COURIER_BOOKED skipped · carrier or ✓ POST_BOOKED done · carrier",
        "– WRAPPED skipped · warehouse · optional",
        "✓ SENT done · shop",
    ] {
        assert!(said.contains(what), "{what:?} in {said}");
    }
}
