//! Collectors that notice each other.

use std::time::Duration;

use saga_store::CollectorSettings;

use super::Database;

const LONG: Duration = Duration::from_secs(600);

fn settings(definitions: &str) -> CollectorSettings {
    CollectorSettings {
        definitions: definitions.to_owned(),
        redaction: "cardNumber".to_owned(),
        tables: 7,
    }
}

pub(crate) async fn each_is_given_the_settings_of_the_others_while_they_run(database: &impl Database) {
    let store = database.store().await;
    let announce = async |collector: &str, definitions: &str, period| {
        store
            .announce_collector(collector, &settings(definitions), period)
            .await
            .unwrap()
    };
    assert_eq!(announce("a", "1", LONG).await, []);
    assert_eq!(announce("b", "1", LONG).await, [settings("1")]);
    // It was given others, and says so under the same name.
    assert_eq!(announce("b", "2", LONG).await, [settings("1")]);
    assert_eq!(announce("a", "1", LONG).await, [settings("2")]);
    store.withdraw_collector("b").await.unwrap();
    assert_eq!(announce("a", "1", LONG).await, []);
}

pub(crate) async fn one_that_was_killed_is_forgotten(database: &impl Database) {
    let store = database.store().await;
    store
        .announce_collector("killed", &settings("2"), Duration::ZERO)
        .await
        .unwrap();
    let others = async || store.announce_collector("a", &settings("1"), LONG).await.unwrap();
    while !others().await.is_empty() {}
    assert!(store.tables() > 0);
}
