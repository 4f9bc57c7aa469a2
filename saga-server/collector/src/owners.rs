//! Whom to ask about a service or a saga type, from the configuration: for pages, answers, and the alerts, which read it from the
//! metrics.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// The team.
    pub team: String,
    /// Where it is asked, such as a channel of a chat.
    pub channel: Option<String>,
    /// The address of its runbook.
    pub runbook: Option<String>,
}

/// Contacts by the name of a service or of a saga type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owners(BTreeMap<String, Contact>);

impl Owners {
    /// That of the service, or else that of the saga type.
    #[must_use]
    pub fn of(&self, service: Option<&str>, saga_type: Option<&str>) -> Option<&Contact> {
        let names = [service, saga_type];
        names.into_iter().flatten().find_map(|name| self.0.get(name))
    }

    /// All of them by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Contact)> {
        self.0.iter().map(|(name, contact)| (name.as_str(), contact))
    }
}

impl FromIterator<(String, Contact)> for Owners {
    fn from_iter<I: IntoIterator<Item = (String, Contact)>>(contacts: I) -> Self {
        Self(contacts.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_goes_before_the_type_of_the_saga() {
        let contact = |team: &str| Contact {
            team: team.to_owned(),
            channel: None,
            runbook: None,
        };
        let named = |name: &str| (name.to_owned(), contact(name));
        let owners: Owners = ["pay", "ORDER"].map(named).into_iter().collect();
        let team = |service, saga_type| owners.of(service, saga_type).map(|contact| contact.team.as_str());
        assert_eq!(team(Some("pay"), Some("ORDER")), Some("pay"));
        assert_eq!(team(Some("stock"), Some("ORDER")), Some("ORDER"));
        assert_eq!(team(None, Some("REFUND")), None);
    }
}
