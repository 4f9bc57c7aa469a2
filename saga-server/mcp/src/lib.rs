//! Questions about sagas for language models: a server of the Model Context Protocol whose tools ask the REST interface.
//!
//! `saga-web` mounts it at `/mcp`, `saga-server mcp` runs it on standard input and output. It depends on neither, and on no store: a
//! tool sees what REST answers to its caller's token, so that roles, rights and redaction are decided in one place. All tools only
//! read: [`Ask`] has no other call than `GET`.
//!
//! The parts, in the order in which a question meets them:
//!
//! | part | what |
//! | --- | --- |
//! | [`http`], [`stdio`] | the two ways in |
//! | `server` | what the protocol asks of a server: its tools, and calls of them |
//! | `tools` | one file for each group of tools: arguments, calls of REST, and what of the answer is shown |
//! | [`ask`] | how REST is asked, and its refusals in words |
//! | `reply` | an answer short enough for a model |
//! | `recorded` | texts of events, marked as data |
//!
//! Rule of thumb: what services recorded stands only in the JSON of an answer. Descriptions, notes and advice are constant, but for
//! numbers and cursors.

pub mod ask;
pub mod http;
mod recorded;
mod reply;
mod server;
pub mod stdio;
mod tools;

pub use ask::{Answered, Ask};
pub use server::SagaTools;
pub use tools::names;
