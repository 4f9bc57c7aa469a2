//! What is no event by itself becomes one by a mapping: a file for each source, with conditions and values in CEL.
//!
//! | part | what |
//! | --- | --- |
//! | `file` | a file as it is written |
//! | `expression` | an expression, checked when it is read, and bounded when it runs |
//! | `no_value` | why an expression has no value, in words that may stand anywhere |
//! | `input` | a JSON document as expressions see it |
//! | `apply`, `making` | the first rule that takes a document, and the event that it makes |
//! | `load` | a folder of files |
//!
//! Rule of thumb: everything that can be wrong with a mapping itself is found when it is read, with file, line and column.

mod apply;
mod expression;
mod file;
mod input;
mod load;
mod making;
mod no_value;

pub use apply::{Mapped, Mapping};
pub use file::MappingError;
pub use input::Input;
pub use load::{MappingLoadError, Mappings, load};
