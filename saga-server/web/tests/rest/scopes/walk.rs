//! Every route that reads, asked by every kind of caller.

use std::collections::BTreeMap;

use super::{
    marked::{HIDDEN, Marked, OWN, UNKNOWN, callers},
    requests::{ELSEWHERE, is_of, reads},
};
use crate::harness::Answer;

/// How often the word is in the answer, whatever its case.
pub(super) fn count(answer: &Answer, word: &str) -> usize {
    let headers = answer
        .headers
        .iter()
        .map(|(_, value)| value.to_str().unwrap_or_default());
    let all = headers
        .chain([answer.text.as_str()])
        .collect::<Vec<_>>()
        .join("\n");
    all.to_lowercase().matches(word).count()
}

/// What is the same in two answers that differ in a word, in numbers and in times only.
pub(super) fn shape(answer: &Answer) -> String {
    let location = answer.header("location");
    let mut text = format!("{} {location}\n{}", answer.status, answer.text);
    for word in [OWN, HIDDEN, UNKNOWN] {
        text = text.replace(word, "WORD").replace(&word.to_uppercase(), "WORD");
    }
    let mut shape = String::new();
    for character in text.chars() {
        match character {
            '0'..='9' if shape.ends_with('0') => {}
            '0'..='9' => shape.push('0'),
            other => shape.push(other),
        }
    }
    shape
}

#[tokio::test]
async fn no_answer_holds_anything_of_a_type_that_its_caller_may_not_see() {
    let marked = Marked::new().await;
    let mut reads = reads();
    for route in saga_web::router::paths() {
        let is_walked = reads.iter().any(|template| is_of(template, &route));
        assert!(
            is_walked || ELSEWHERE.contains(&route.as_str()),
            "{route} is not walked"
        );
    }
    // Places in lists that are those of sagas and letters of the other type.
    for list in ["/api/v1/sagas", "/internal/v1/dlt", "/internal/v1/operations"] {
        let first = marked.get("all-operator", &format!("{list}?size=1")).await;
        assert!(count(&first, HIDDEN) > 0, "{}", first.text);
        let cursor = first.json()["nextCursor"].as_str().unwrap().to_owned();
        reads.push(format!("{list}?cursor={cursor}"));
    }
    let steps = marked
        .get("all-viewer", "/api/v1/sagas/hiddenmark-failed/steps?limit=1")
        .await;
    let cursor = steps.json()["nextCursor"].as_str().unwrap().to_owned();
    reads.push(format!("/api/v1/sagas/@-failed/steps?cursor={cursor}"));

    let (mut requests, mut unexpected) = (0, Vec::new());
    for (caller, _, _, allowed) in callers() {
        let mut seen = BTreeMap::from([(OWN, 0), (HIDDEN, 0)]);
        for template in &reads {
            let own = marked.filled(template, OWN);
            let answer = marked.get(caller, &own).await;
            requests += 1;
            // Health says so when a part does not work, as Kafka here.
            assert_ne!(answer.status.as_u16(), 500, "{own}: {}", answer.text);
            for (word, times) in &mut seen {
                // Every answer names the path that was asked for.
                let is_asked = own.to_lowercase().contains(word);
                *times += usize::from(!is_asked && count(&answer, word) > 0);
                if !allowed.contains(word) && !is_asked && count(&answer, word) > 0 {
                    unexpected.push(format!("{caller} {own}: {word}"));
                }
            }
            // What may not be seen is answered as what is not there.
            for word in [OWN, HIDDEN].into_iter().filter(|word| !allowed.contains(word)) {
                let (asked, nowhere) = (marked.filled(template, word), marked.filled(template, UNKNOWN));
                if asked == nowhere {
                    continue;
                }
                let (answer, other) = (
                    marked.get(caller, &asked).await,
                    marked.get(caller, &nowhere).await,
                );
                requests += 2;
                if !nowhere.to_lowercase().contains(word) && count(&other, word) > 0 {
                    unexpected.push(format!("{caller} {nowhere}: {word}"));
                }
                if shape(&answer) != shape(&other) {
                    unexpected.push(format!(
                        "{caller} {asked}:\n{}\n{}",
                        shape(&answer),
                        shape(&other)
                    ));
                }
            }
        }
        for (word, times) in seen {
            let is_seen = times > 10;
            assert_eq!(
                is_seen,
                allowed.contains(&word),
                "{caller} was shown {word} {times} times"
            );
        }
    }
    println!("{requests} requests, unexpected: {}", unexpected.len());
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n\n"));
}
