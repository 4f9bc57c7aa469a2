//! Stores that cannot answer, and one to which others write at the worst moment.

mod broken;
mod interrupted;

pub(crate) use broken::{Broken, Trouble};
pub(crate) use interrupted::Interrupted;
