//! Dead letters of the shop, and their replay by keyboard alone.

use fantoccini::key::Key;
use saga_store::{Letter, NewLetter, Origin};
use saga_types::{
    SagaEvent, SagaStatus, Timestamp,
    avro::{self, Framing, SchemaVersion},
};
use serde_json::json;

use crate::{
    browser::Browser,
    shop::Shop,
    viewports::{DESKTOP, PHONE},
};

const MINUTE: i64 = 60_000;

impl Shop {
    /// Letters of several reasons. The first one holds what undoes `order-owing`.
    pub(crate) async fn dead_letter(&self) {
        let released = self
            .order("order-owing")
            .step(
                "product",
                "STOCK_RELEASED",
                "COMPENSATED",
                9 * MINUTE,
                json!({"warehouse": "Incheon 2"}),
            )
            .events;
        let mut letters = vec![
            self.letter(
                1,
                "REFUSED_BY_DATABASE",
                "the disk is full",
                &encoded(&released[0]),
            ),
            self.letter(
                2,
                "CONFLICTING_EVENT",
                "event 0199 of saga order-7000 is already known with other content",
                b"",
            ),
            self.letter(
                3,
                "org.springframework.kafka.listener.ListenerExecutionFailedException",
                "Listener threw an exception",
                b"{\"sagaId\": \"order-7\", \"note\": \"not Avro\"}",
            ),
        ];
        for number in 4..9 {
            let value = [
                &[0, 0, 0, 0, 42][..],
                b"\x48order-6998\x00\xff\xfe some bytes of a schema that nobody knows",
            ]
            .concat();
            letters.push(self.letter(
                number,
                "UNKNOWN_SCHEMA_ID",
                "the schema registry does not know the schema id 42",
                &value,
            ));
        }
        let whole = encoded(&released[0]);
        letters.push(self.letter(
            9,
            "TRUNCATED",
            "the bytes end within recordedAt",
            &whole[..whole.len() - 3],
        ));
        self.store.keep_letters(letters).await.unwrap();
    }

    fn letter(&self, number: u8, reason: &str, message: &str, value: &[u8]) -> NewLetter {
        let offset = i64::from(number);
        let since = Timestamp::from_millis(Timestamp::now().as_millis() - offset * 3 * MINUTE).unwrap();
        NewLetter {
            identity: [number; 32],
            letter: Letter {
                topic: "c4ang.saga.tracker.dlt".to_owned(),
                partition: 0,
                offset,
                dead_since: since,
                origin: Origin {
                    topic: Some("c4ang.saga.tracker".to_owned()),
                    partition: Some(2),
                    offset: Some(48_000 + offset),
                    time: Some(since),
                    group: Some("saga-tracker-service".to_owned()),
                },
                reason: reason.to_owned(),
                message: message.to_owned(),
                saga_type: None,
                saga_id: Some("order-owing".to_owned()),
                event_id: None,
                producer: Some("product-service".to_owned()),
                key: Some(b"order-owing".to_vec()),
                value: Some(value.to_vec()),
                value_bytes: value.len() as u64,
                headers: vec![
                    ("saga-producer".to_owned(), Some(b"product-service".to_vec())),
                    (
                        "kafka_dlt-original-offset".to_owned(),
                        Some(offset.to_be_bytes().to_vec()),
                    ),
                ],
            },
        }
    }

    async fn status(&self, saga_id: &str) -> SagaStatus {
        self.store.saga(saga_id).await.unwrap().unwrap().current_status
    }
}

fn encoded(event: &SagaEvent) -> Vec<u8> {
    avro::encode(event, SchemaVersion::V2, Framing::SingleObject).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_tried_and_then_replayed_by_keyboard_alone() {
    let shop = Shop::open().await;
    let browser = Browser::open().await;
    let mut wrong = Vec::new();

    browser.goto(&shop.at("/dead-letters")).await;
    browser
        .tab_to("button[aria-label='Preview replay of REFUSED_BY_DATABASE']")
        .await;
    browser.press(Key::Enter).await;
    browser
        .shows("The dead letter could be replayed. Nothing was changed.")
        .await;
    let seen = browser.find("main table").await.text().await.unwrap();
    assert!(seen.contains("Failed") && seen.contains("Compensated"), "{seen}");
    assert_eq!(shop.status("order-owing").await, SagaStatus::Failed);
    for viewport in DESKTOP.into_iter().chain(PHONE) {
        browser.set_viewport(viewport).await;
        wrong.extend(browser.look("dead-letters-dry-run", viewport).await);
    }

    browser.tab_to("button[value=replay]").await;
    browser.press(Key::Enter).await;
    browser.shows("The dead letter is in the store now").await;
    assert_eq!(shop.status("order-owing").await, SagaStatus::Compensated);
    wrong.extend(browser.look("dead-letters-replayed", DESKTOP[0]).await);

    browser.goto(&shop.at("/dead-letters?state=REPLAYED")).await;
    browser.shows("by anonymous").await;
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    shop.close().await;
}
