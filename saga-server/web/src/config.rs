//! What the pages know of their surroundings.

use saga_collector::owners::Owners;

/// Where the id of a trace stands in an address.
pub const TRACE_ID: &str = "{traceId}";

/// What the pages know of their surroundings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PagesConfig {
    /// The address of a trace, with [`TRACE_ID`] in it.
    pub trace_url: Option<String>,
    /// Where people find the pages, without a slash at its end.
    pub external_url: Option<String>,
    /// Whom to ask about services and saga types.
    pub owners: Owners,
    /// Trackers of other environments beside this one; none when this is the only one.
    pub environments: Vec<Environment>,
    /// Which of them this one is, by its name.
    pub environment: Option<String>,
}

/// A tracker of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// As people call it.
    pub name: String,
    /// The address of its pages, without a slash at the end.
    pub url: String,
}

impl PagesConfig {
    /// The address of a trace, by its id as it stands in an address; none when it is not configured.
    #[must_use]
    pub fn trace_url(&self, encoded_trace_id: &str) -> Option<String> {
        let pattern = self.trace_url.as_ref()?;
        Some(pattern.replace(TRACE_ID, encoded_trace_id))
    }

    /// The pattern as it is written in the configuration.
    #[must_use]
    pub fn trace_url_pattern(&self) -> Option<&str> {
        self.trace_url.as_deref()
    }
}
