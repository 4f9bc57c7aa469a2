//! Webhooks of a file.

use super::{COMPLETE, complete, value_of};
use crate::command::Run;

const WEBHOOK: &str = "name: oncall, url: 'https://hooks.example/T0/topsecret', events: [failed, stuck], \
                       secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn with_webhook(webhook: &str) -> Run {
    Run::new().file(
        "saga-server.yml",
        &format!("{COMPLETE}webhooks:\n  - {{ {webhook} }}\n"),
    )
}

#[test]
fn webhooks_are_shown_without_address_and_secret() {
    let shown = value_of(&with_webhook(WEBHOOK), "--config saga-server.yml", "webhooks");
    assert_eq!(shown, "oncall:https://hooks.example/***:stuck,failed");
    assert_eq!(
        value_of(&complete(), "--config saga-server.yml", "webhooks"),
        "not set"
    );
}

#[test]
fn webhooks_that_cannot_be_used_are_refused_by_their_key() {
    for (change, words) in [
        (("events", "event"), "webhooks[0].event: unknown field `event`"),
        (
            ("failed", "lost"),
            "webhooks: entry 1: events: \"lost\" must be one of stuck, failed",
        ),
        (
            ("whsec_", "abc_"),
            "webhooks: entry 1: secret: must be whsec_ and",
        ),
        (("https://", "mailto:"), "webhooks: entry 1: url: must be http://"),
        (
            ("name: oncall", "name: On call"),
            "webhooks: entry 1: name: must be",
        ),
        (("name: oncall", "name: a, timeout: 5"), "webhooks[0].timeout"),
        (
            ("name: oncall", "name: a, timeout: 5min"),
            "webhooks: entry 1: timeout: must be from 1s",
        ),
        (
            ("name: oncall", "name: a, caFile: none.pem"),
            "webhooks: entry 1: caFile: none.pem",
        ),
    ] {
        let run = with_webhook(&WEBHOOK.replace(change.0, change.1));
        let done = run.run("config check --config saga-server.yml");
        done.is_refused(2, &[words]);
        assert!(
            !done.stderr.contains("topsecret") && !done.stderr.contains("MfKQ"),
            "{done:?}"
        );
    }
}
