//! What pages send: a status set by hand, a replay of dead letters. What a browser makes of it is seen in a browser.

use reqwest::{Method, StatusCode};
use saga_store::{LetterFilter, LetterQuery, LetterState, NewLetter};
use saga_types::{
    SagaEvent, SagaStatus,
    avro::{self, Framing, SchemaVersion},
    definition::Definitions,
    fold,
};
use serde_json::json;

use crate::{
    dead_letters,
    harness::{Answer, Api, Event, compensated, completed, event, failed},
    pages::open,
};

const LETTERS: &str = "/dead-letters";

/// Sends a form as a page does.
pub(crate) async fn send(api: &Api, path: &str, form: &str) -> Answer {
    let origin = format!("http://{}", api.address);
    let headers = [
        ("accept", "text/html"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", origin.as_str()),
    ];
    api.request_with(Method::POST, path, &headers, form.as_bytes().to_vec())
        .await
}

async fn status(api: &Api, saga_id: &str) -> SagaStatus {
    api.store.saga(saga_id).await.unwrap().unwrap().current_status
}

fn letter(value: &[u8], reason: &str, number: u8) -> NewLetter {
    let mut new = dead_letters::letter(value, reason, number);
    new.letter.origin.partition = Some(1);
    new.letter.origin.offset = Some(7);
    new.letter.message = "<b>why</b>".to_owned();
    new.letter.key = None;
    new.letter.headers = vec![("<i>name</i>".to_owned(), None)];
    new
}

fn holding(event: &Event, number: u8) -> NewLetter {
    let value = avro::encode(&event.0, SchemaVersion::V2, Framing::SingleObject).unwrap();
    letter(&value, "REFUSED_BY_DATABASE", number)
}

async fn waiting(api: &Api) -> Vec<i64> {
    let query = LetterQuery {
        filter: LetterFilter {
            state: Some(LetterState::Waiting),
            ..LetterFilter::default()
        },
        after: None,
        size: 100,
    };
    let page = api.store.letters(&query).await.unwrap();
    page.letters.iter().map(|letter| letter.id).collect()
}

#[tokio::test]
async fn a_status_is_corrected_with_a_reason_and_then_the_saga_is_shown() {
    let api = Api::new().await;
    api.record(failed("saga-1", 0)).await;
    let page = send(
        &api,
        "/sagas/saga-1",
        "status=COMPENSATED&reason=given+back+by+hand",
    )
    .await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(
        page.text.contains("manual: anonymous") && page.text.contains("given back by hand"),
        "{}",
        page.text
    );
    assert_eq!(status(&api, "saga-1").await, SagaStatus::Compensated);
}

#[tokio::test]
async fn an_impossible_correction_is_explained_with_a_way_back() {
    let api = Api::new().await;
    api.record(failed("saga-1", 0)).await;
    for (form, status, words) in [
        ("status=FAILED&reason=x", 409, "is FAILED already"),
        ("status=COMPENSATED", 400, "reason is missing"),
        ("status=COMPENSATED&reason=+", 400, "reason must say why"),
        ("status=LOST&reason=x", 400, "status must be one of"),
        (
            "status=COMPENSATED&reason=x&force=true",
            400,
            "force is not known here",
        ),
    ] {
        let page = send(&api, "/sagas/saga-1", form).await;
        assert_eq!(page.status.as_u16(), status, "{form}");
        assert!(
            page.text.contains(words) && page.text.contains(r#"<a href="/sagas/saga-1">Back"#),
            "{form}: {}",
            page.text
        );
    }
    assert_eq!(status(&api, "saga-1").await, SagaStatus::Failed);
    assert_eq!(
        send(&api, "/sagas/nobody", "status=FAILED&reason=x").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn the_events_of_a_saga_can_be_folded_again_from_what_its_page_gives() {
    let api = Api::new().await;
    api.record(compensated("saga-1", 0)).await;
    api.record((0..2_500).map(|number| {
        event("saga-1", "STOCK_RELEASED", "COMPENSATED", 5_000 + number).with(json!({"retryCount": number}))
    }))
    .await;
    api.record([event("saga-1", "GIFT_WRAPPED", "IN_PROGRESS", 100).of_order("ORD-other")])
        .await;
    let answer = api.get("/sagas/saga-1/events.json").await;
    let events: Vec<SagaEvent> = serde_json::from_str(&answer.text).unwrap();
    let folded = fold::fold(&events, &Definitions::built_in());
    let stored = api.store.saga("saga-1").await.unwrap();
    assert_eq!(folded, stored.map(|saga| saga.state));
    assert_eq!(
        api.get("/sagas/nobody/events.json").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn what_is_hidden_elsewhere_is_hidden_in_the_events_too() {
    let api = Api::hiding(&["card"]).await;
    api.record([event("saga-1", "ORDER_CREATED", "STARTED", 0).with(json!({"card": "4711", "note": "x"}))])
        .await;
    let page = open(&api, "/sagas/saga-1").await.text;
    let events = api.get("/sagas/saga-1/events.json").await.text;
    for answer in [page, events] {
        assert!(answer.contains("***") && !answer.contains("4711"), "{answer}");
    }
}

#[tokio::test]
async fn a_saga_says_which_of_its_events_could_not_be_processed() {
    let api = Api::new().await;
    let created = event("saga-1", "ORDER_CREATED", "STARTED", 0);
    let reserved = event("saga-1", "STOCK_RESERVED", "COMPLETED", 900);
    api.record([created]).await;
    assert!(
        !open(&api, "/sagas/saga-1")
            .await
            .text
            .contains("could not be processed")
    );
    api.store.keep_letters(vec![holding(&reserved, 1)]).await.unwrap();
    let page = open(&api, "/sagas/saga-1").await.text;
    let link = "<a href=\"/dead-letters?sagaId=saga-1&#38;state=WAITING\">1 event of this saga could not be processed</a>";
    assert!(page.contains(link), "{page}");
    let listed = open(&api, "/dead-letters?sagaId=saga-1&state=WAITING").await.text;
    assert!(listed.contains("1 not replayed"), "{listed}");
}

#[tokio::test]
async fn reasons_come_first_and_letters_are_decoded_or_in_hex() {
    let api = Api::new().await;
    let created = event("saga-1", "ORDER_CREATED", "STARTED", 0).with(json!({"orderAmount": 100}));
    let letters = vec![
        letter(b"\xc3\x01nonsense", "TRUNCATED", 1),
        holding(&created, 2),
        letter(b"", "TRUNCATED", 3),
    ];
    api.store.keep_letters(letters).await.unwrap();
    let list = open(&api, LETTERS).await.text;
    for said in [
        "3 not replayed, 0 replayed",
        "/dead-letters?cause=",
        "&#38;state=WAITING\"><code>TRUNCATED</code>",
        "events, partition 1, offset 7",
    ] {
        assert!(list.contains(said), "{said} in {list}");
    }
    assert!(!list.contains("<b>") && list.contains("&#60;b&#62;why"), "{list}");
    let decoded = open(&api, "/dead-letters/2").await.text;
    assert!(
        decoded.contains("orderAmount") && decoded.contains("ORDER_CREATED"),
        "{decoded}"
    );
    let hex = open(&api, "/dead-letters/1").await.text;
    assert!(
        hex.contains("c3 01 6e 6f 6e") && hex.contains("It cannot be decoded today"),
        "{hex}"
    );
    for missing in ["/dead-letters/99", "/dead-letters/x"] {
        assert_eq!(open(&api, missing).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_saga_that_is_known_by_dead_letters_alone_is_found_as_these() {
    let api = Api::with_tokens().await;
    api.store
        .keep_letters(vec![letter(b"x", "TRUNCATED", 1)])
        .await
        .unwrap();
    let search = async |token: &str| {
        let header = format!("Bearer {token}");
        let headers = [("accept", "text/html"), ("authorization", header.as_str())];
        api.request(Method::GET, "/search?q=saga-1", &headers).await.text
    };
    assert!(search("dana's").await.contains("TRUNCATED"));
    // Dead letters are for operators.
    assert!(search("board's").await.contains("Nothing found"));
}

#[tokio::test]
async fn a_form_is_a_dry_run_unless_it_says_otherwise_and_then_replays_what_was_shown() {
    let api = Api::new().await;
    api.record(failed("saga-1", 0)).await;
    let released = event("saga-1", "STOCK_RELEASED", "COMPENSATED", 900);
    api.store
        .keep_letters(vec![holding(&released, 1), letter(b"x", "TRUNCATED", 2)])
        .await
        .unwrap();

    let tried = send(&api, LETTERS, "").await.text;
    assert!(
        tried.contains("1 of 2 dead letters could be replayed, 1 would fail. Nothing was changed."),
        "{tried}"
    );
    assert!(tried.contains(r#"name="ids" value="1""#), "{tried}");
    assert_eq!(
        (waiting(&api).await, status(&api, "saga-1").await),
        (vec![2, 1], SagaStatus::Failed)
    );

    let done = send(&api, LETTERS, "ids=1&mode=replay").await.text;
    assert!(done.contains("The dead letter is in the store now."), "{done}");
    assert_eq!(
        (waiting(&api).await, status(&api, "saga-1").await),
        (vec![2], SagaStatus::Compensated)
    );
    let again = send(&api, LETTERS, "ids=1&mode=replay").await.text;
    assert!(again.contains("replayed before"), "{again}");
    let list = open(&api, "/dead-letters?state=REPLAYED").await.text;
    assert!(list.contains("by <bdi>anonymous</bdi>"), "{list}");
}

#[tokio::test]
async fn one_letter_or_a_group_or_a_filter_is_replayed() {
    let api = Api::new().await;
    let letters = (1..=4).map(|number| {
        let events = completed(&format!("saga-{number}"), 0);
        let mut letter = holding(&events[0], number);
        letter.letter.reason = if number < 3 { "A" } else { "B" }.to_owned();
        letter.letter.saga_id = Some(format!("saga-{number}"));
        letter
    });
    api.store.keep_letters(letters.collect()).await.unwrap();
    send(&api, "/dead-letters/4", "mode=replay").await;
    assert_eq!(waiting(&api).await, [3, 2, 1]);
    send(&api, LETTERS, "mode=replay&sagaId=saga-3").await;
    assert_eq!(waiting(&api).await, [2, 1]);
    send(&api, LETTERS, "mode=replay&reason=A").await;
    assert_eq!(waiting(&api).await, [0_i64; 0]);
    for form in ["ids=1;2", "reason=", "nonsense=1", "state=LOST"] {
        assert_eq!(
            send(&api, LETTERS, form).await.status,
            StatusCode::BAD_REQUEST,
            "{form}"
        );
    }
}

#[tokio::test]
async fn dead_letters_are_for_operators() {
    let api = Api::with_tokens().await;
    let headers = [("accept", "text/html"), ("authorization", "Bearer board's")];
    for path in [LETTERS, "/dead-letters/1"] {
        let answer = api.request(Method::GET, path, &headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    let overview = api.request(Method::GET, "/", &headers).await;
    assert!(
        !overview.text.contains("/dead-letters\""),
        "the bar leads nowhere that is closed: {}",
        overview.text
    );
}
