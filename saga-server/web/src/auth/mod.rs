//! Who is calling, and what they may do; free of HTTP.
//!
//! | part | what |
//! | --- | --- |
//! | `access` | from a token, or the lack of one, to a caller |
//! | `caller`, `role`, `services` | who is calling, what they may do, and whose events they may record |
//! | `token` | tokens of the configuration, known by their hash |
//! | `oidc` | tokens that an issuer signs |
//!
//! Rule of thumb: when it is not certain who is calling, they may do less, never more.

mod access;
mod caller;
pub mod oidc;
mod role;
mod services;
mod token;

pub use access::{Access, MAX_TYPES, Token};
pub use caller::{ANONYMOUS, Caller, check_name};
pub use role::{Role, UnknownRole};
pub use services::{MAX_SERVICES, Services};
pub use token::{NoRandomness, TokenHash, fresh_token};
