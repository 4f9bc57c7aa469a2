//! Why a registry gave no id: whether to retry soon.

/// Why there is no id. It has been logged already.
#[cfg_attr(
    not(feature = "schema-registry"),
    expect(dead_code, reason = "without the feature no registry is requested")
)]
pub(crate) enum RegistryError {
    /// The registry does not respond, or fails: transient.
    Unavailable,
    /// It refuses, until an operator changes something.
    Refused,
}
