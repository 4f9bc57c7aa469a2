//! Whose events a caller may record.

use std::{collections::BTreeSet, sync::Arc};

/// So many services may the rights of one token be bound to.
pub const MAX_SERVICES: usize = 100;

/// Whose events a caller may record: by the name that an event gives as `producerService`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Services {
    /// Those of all services, and those that name none.
    #[default]
    All,
    /// Those of these services.
    Named(Arc<BTreeSet<String>>),
}

impl Services {
    /// Those of these services.
    pub fn of(names: impl IntoIterator<Item = String>) -> Self {
        Self::Named(Arc::new(names.into_iter().collect()))
    }

    /// Their names; none for all.
    pub fn names(&self) -> Option<impl Iterator<Item = &str>> {
        match self {
            Self::All => None,
            Self::Named(names) => Some(names.iter().map(String::as_str)),
        }
    }

    /// Whether it is one of them; an event may name none.
    #[must_use]
    pub fn has(&self, service: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => service.is_some_and(|service| names.contains(service)),
        }
    }
}
