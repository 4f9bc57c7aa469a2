//! Where a configuration came from, for the line that a client logs at its start.

/// Files, profiles and variables that were read, and what in them looks like a mistake.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    pub(crate) files: Vec<String>,
    pub(crate) profiles: Vec<String>,
    pub(crate) variables: Vec<&'static str>,
    pub(crate) notes: Vec<String>,
}

/// Two configurations with the same values are the same, wherever they came from.
impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origin {}
