//! The built command, as a person or a container runs it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod command;
mod compare;
mod config_docs;
mod configuration;
mod dead_letters;
mod definitions;
mod dev;
mod erasing;
mod fold;
mod help;
mod infer;
mod map;
mod mcp;
mod rebuilding;
mod running;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
