//! Who is calling, and what they may do; free of HTTP.
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
