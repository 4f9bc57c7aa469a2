//! How large a value may be.

/// The largest value that is decoded, in bytes. A valid event has less than 40 KiB; the rest is room for fields of
/// writers that we do not know yet.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;

/// How many types may stand within each other; an optional type is two. A level takes some 10 KB of the stack in a debug build.
#[cfg(feature = "resolution")]
pub(super) const MOST_DEPTH: usize = 64;

/// How many types a schema may have, a primitive one counted as often as it is named. The most that is known of is the change of a
/// row with a thousand columns.
#[cfg(feature = "resolution")]
pub(super) const MOST_TYPES: usize = 10_000;

/// How long names, namespaces and symbols of a schema may be. The library repeats a namespace with each name within it, and a field's
/// name or a symbol with each value.
#[cfg(feature = "resolution")]
pub(super) const MOST_NAME_BYTES: usize = 512;

/// How much memory the library may take while it parses a schema, about.
#[cfg(feature = "resolution")]
pub(super) const MOST_PARSED_BYTES: usize = 16 * 1024 * 1024;
