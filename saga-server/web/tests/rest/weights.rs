//! How large the pages are on the wire, with usual names and with names as long as they may be.

use saga_types::Timestamp;
use serde_json::json;

use crate::{
    dead_letters::letter,
    harness::{Api, Event, event},
};

/// What a page may have, compressed.
const MOST: usize = 50_000;

/// The same when names are as long as they may be and hardly shrink.
const MOST_OF_LONG_NAMES: usize = 100_000;

type Name = fn(u32) -> String;

fn usual(number: u32) -> String {
    format!("NAME_OF_NUMBER_{number}")
}

/// A name of 100 characters that hardly shrinks when it is compressed.
fn long(number: u32) -> String {
    let mut state = u64::from(number) + 1;
    let mut character = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let place = u32::try_from((state >> 33) % 11_000).unwrap_or_default();
        char::from_u32(0xac00 + place).unwrap_or('가')
    };
    (0..100).map(|_| character()).collect()
}

/// The same of letters that types may have.
fn type_name(name: Name, number: u32) -> String {
    let letter =
        |character: char| char::from(b'A' + u8::try_from(u32::from(character) % 26).unwrap_or_default());
    name(number).chars().map(letter).collect()
}

/// A saga of 40 steps by 12 services, all with long names, that started so many minutes ago.
fn saga(name: Name, number: u32) -> Vec<Event> {
    let began = Timestamp::now().as_millis() - crate::harness::BEGIN - 1_800_000;
    let saga_id = format!("saga-{number}");
    let saga_type = type_name(name, 1_000 + number % 60);
    (0..40)
        .map(|step| {
            let status = match step {
                0 => "STARTED",
                39 => "FAILED",
                _ => "IN_PROGRESS",
            };
            let metadata = json!({
                "producerService": name(2_000 + step % 12),
                "serviceVersion": format!("2.{step}"),
                "failureReason": name(3_000 + number % 20),
            });
            let place = i64::from(number) * 100 + i64::from(step) * 10;
            event(&saga_id, &name(4_000 + step), status, began + place)
                .of_type(&saga_type)
                .with(metadata)
        })
        .collect()
}

#[tokio::test]
async fn every_page_is_small_on_the_wire() {
    pages_have_at_most(usual, MOST).await;
}

#[tokio::test]
async fn pages_are_bounded_whatever_names_there_are() {
    pages_have_at_most(long, MOST_OF_LONG_NAMES).await;
}

async fn pages_have_at_most(name: Name, most: usize) {
    let api = Api::new().await;
    for numbers in (0..240).collect::<Vec<u32>>().chunks(20) {
        let events = numbers.iter().flat_map(|number| saga(name, *number));
        api.record(events).await;
    }
    let letters = (0..100).map(|number| {
        let mut letter = letter(b"\xc3\x01nonsense", "TRUNCATED", number);
        letter.letter.message = name(5_000 + u32::from(number));
        letter
    });
    api.store.keep_letters(letters.collect()).await.unwrap();
    let of_type = type_name(name, 1_000);
    let mut heavy = Vec::new();
    for path in [
        "/".to_owned(),
        "/?period=7d".to_owned(),
        "/sagas".to_owned(),
        "/sagas/saga-1".to_owned(),
        "/flow".to_owned(),
        format!("/flow?type={of_type}"),
        format!("/flow?type={of_type}&view=map"),
        "/differences?a.status=FAILED&b.period=7d&rest=true".to_owned(),
        "/dead-letters".to_owned(),
        "/dead-letters/1".to_owned(),
        "/operations".to_owned(),
        "/services".to_owned(),
    ] {
        let asked = api.client.get(format!("http://{}{path}", api.address));
        let asked = asked
            .header("accept", "text/html")
            .header("accept-encoding", "gzip");
        let answer = asked.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        assert_eq!(answer.headers()["content-encoding"], "gzip", "{path}");
        let bytes = answer.bytes().await.unwrap().len();
        println!("{bytes:>7} bytes  {}", path.chars().take(40).collect::<String>());
        if bytes > most {
            heavy.push((path, bytes));
        }
    }
    assert!(heavy.is_empty(), "{heavy:?}");
}
