//! The trackers of other environments, in the bar: the address of the page that is open, in each of them.
//!
//! Rule of thumb: a page is the same function of its address everywhere, so nothing is asked of the others.

use super::surroundings;
use crate::{Environment, PagesConfig};

/// The list of the bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Environments {
    /// This one.
    pub(super) name: String,
    /// Name and address of the page in each of the others.
    pub(super) others: Vec<(String, String)>,
}

impl Environments {
    /// None when no others are configured.
    pub(super) fn of_this_page() -> Option<Self> {
        surroundings::of_page(Self::of)
    }

    fn of(pages: &PagesConfig, address: &str) -> Option<Self> {
        let name = pages.environment.clone()?;
        let others = pages.environments.iter().filter(|other| other.name != name);
        let link = |Environment { name, url }: &Environment| (name.clone(), format!("{url}{address}"));
        Some(Self {
            others: others.map(link).collect(),
            name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_the_same_address_in_the_others() {
        let environment = |name: &str, url: &str| Environment {
            name: name.to_owned(),
            url: url.to_owned(),
        };
        let pages = PagesConfig {
            environments: vec![
                environment("production", "https://saga.example"),
                environment("staging", "https://staging.example/saga"),
            ],
            environment: Some("production".to_owned()),
            ..PagesConfig::default()
        };
        let list = Environments::of(&pages, "/sagas?status=FAILED").unwrap();
        assert_eq!(list.name, "production");
        assert_eq!(
            list.others,
            [(
                "staging".to_owned(),
                "https://staging.example/saga/sagas?status=FAILED".to_owned()
            )]
        );
        assert_eq!(Environments::of(&PagesConfig::default(), "/"), None);
        assert_eq!(Environments::of_this_page(), None);
    }
}
