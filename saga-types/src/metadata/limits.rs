//! How large metadata may be.

/// The longest metadata, in bytes of JSON text: 32 KiB.
pub const MAX_METADATA_BYTES: usize = 32 * 1024;

/// The deepest nesting of metadata; the object itself is level 1.
pub const MAX_METADATA_DEPTH: usize = 64;
