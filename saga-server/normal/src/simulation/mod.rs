//! Simulated sagas, for tests and for `saga-proof normal`.
//!
//! | part | what |
//! | --- | --- |
//! | `sagas` | sagas as a definition says, with noise |
//! | `versions` | sagas of two versions, of which some fail |

mod sagas;
mod versions;

pub use sagas::{Noise, sagas, same_definition};
pub use versions::{EverCalled, Rates, looked_at_every_minute, looked_at_to_the_end};
