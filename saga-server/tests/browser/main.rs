//! The pages in a real browser: Chromium without a window, on a whole tracker with what a shop leaves in it.
//!
//! To add a page, add a line to the table in `screenshots`; every page of it is opened on a desktop and on a phone, in light
//! and in dark, and fails on what the browser complains of, on what is hard to use (axe-core), and on what is wider than
//! the phone. With `SAGA_TEST_SCREENSHOTS=FOLDER` each is photographed.
//!
//! Run by `scripts/parts run browser -- cargo test -p saga-server --test browser`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod browser;
mod deploys;
mod flows;
#[expect(dead_code, unused_imports, reason = "what programs ask is tested elsewhere")]
#[path = "../../web/tests/rest/harness/mod.rs"]
mod harness;
mod hostile;
#[path = "../../web/tests/rest/interrupted.rs"]
mod interrupted;
mod keyboard_journeys;
mod letters;
mod operator_tasks;
mod parcels;
mod producers;
mod screenshots;
mod shop;
mod signing_in;
mod viewports;
mod waterfalls;
