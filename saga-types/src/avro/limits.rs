//! How large a value may be.

/// The largest value that is decoded, in bytes. A valid event has less than 40 KiB; the rest is room for fields of
/// writers that we do not know yet.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;
