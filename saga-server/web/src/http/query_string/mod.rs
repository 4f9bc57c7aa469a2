//! What callers write behind the question mark: parameters, times, lengths of time, tokens and cursors.
//!
//! | part | what |
//! | --- | --- |
//! | `params` | parameters by name, each taken once |
//! | `times`, `length` | times, dates and lengths of time |
//! | `tokens` | the filters of the list of sagas in one line of text |
//! | `cursors` | where the next page begins |
//!
//! Rule of thumb: nothing here needs the rest of the server, so that the fuzz target `query` can compile this folder alone.

mod cursors;
mod length;
mod params;
mod times;
pub(crate) mod tokens;

pub(crate) use cursors::{
    CursorValue, ErasureCursor, JobsCursor, LettersCursor, OperationsCursor, ProducersCursor, SagasCursor,
    StepsCursor,
};
pub(crate) use length::Length;
pub(crate) use params::{BadParameters, Params, is_well_encoded, of_pairs};
pub(crate) use times::{from_start, to_end};
