//! The built command, as a person or a container runs it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod acknowledging;
mod asked;
mod command;
mod compare;
mod completions;
mod config_docs;
mod configuration;
mod contexts;
mod dead_letters;
mod definitions;
mod dev;
mod erasing;
mod fold;
mod getting;
mod help;
mod infer;
mod map;
mod mcp;
mod migrating;
mod rebuilding;
mod remote_letters;
mod running;
mod searching;
#[path = "../support/mod.rs"]
mod support;
mod tailing;
mod tokens;
mod unused;
mod upgrade_docs;
mod webhooks;
