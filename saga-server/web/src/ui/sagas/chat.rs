//! A list of sagas as a message for a chat: how many there are, the first ones with what happened, and the address.

use crate::rest::SagasPage;

/// How many sagas a message names.
const NAMED: usize = 5;

/// The message; `total` says how many there are, and `tokens` which.
pub(super) fn chat(found: &SagasPage, total: &str, tokens: &str, address: &str) -> String {
    let mut lines = vec![match tokens {
        "" => total.to_owned(),
        tokens => format!("{total}: {tokens}"),
    }];
    let named = found.content.iter().take(NAMED);
    lines.extend(named.map(|listed| format!("{}: {}", listed.saga.order_id, listed.saga.summary)));
    if found.page.total_elements > NAMED as u64 {
        lines.push("…".to_owned());
    }
    lines.push(address.to_owned());
    lines.join("\n")
}
