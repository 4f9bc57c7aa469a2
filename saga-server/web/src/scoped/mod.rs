//! What a handler reaches of the data: the saga types that its caller may see, and nothing else.
//!
//! The store, the dead letters and the stream of changes are private to this folder. A handler takes a `Reader`, which is made
//! of the caller, and which passes the caller's scope on with every question.
//!
//! Rule of thumb: a question of the store gets a method here before a handler can ask it, and each method narrows it to the
//! scope; what has no type is refused to callers who may not see all types.
//!
//! | part | what |
//! | --- | --- |
//! | `sources` | what is read and changed, opaque to handlers |
//! | `reader`, `no_saga` | questions, and why a saga is not shown |
//! | `archived`, `shown` | one saga wherever it is: in the database, or in the archive |
//! | `lists` | questions about lists: to their end, by a text, with a name |
//! | `changes` | sagas as they change |
//! | `words`, `gather` | what filters can ask for |
//! | `writer` | changes, for `operations` alone |

mod archived;
mod changes;
mod gather;
mod lists;
mod no_saga;
mod reader;
mod shown;
mod sources;
mod words;
mod writer;

pub(crate) use changes::{ScopedChanges, Seen};
pub(crate) use no_saga::NoSaga;
pub(crate) use reader::Reader;
pub(crate) use shown::{InArchive, Shown};
pub use sources::Sources;
pub(crate) use words::Words;
