//! REST over real sockets, on a SQLite database of its own for each test. The modules mirror the URLs.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod actuator;
mod answers;
mod attention;
mod auth;
mod dead_letters;
mod dismissal;
mod docs;
mod edge;
mod erasure;
mod expected;
mod family;
mod figures;
mod flow;
mod forms;
mod freshness;
mod harness;
mod interrupted;
mod issuer;
mod oidc;
mod operations;
mod pages;
mod paths;
mod producers;
mod redaction;
mod saga;
mod saga_page;
mod sagas;
mod scopes;
mod signing_in;
mod statistics;
mod status;
mod steps;
mod stream;
