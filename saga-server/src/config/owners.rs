//! Whom to ask about services and saga types, as it is written down, and as it is taken.

use std::{collections::BTreeMap, convert::Infallible, str::FromStr};

use saga_collector::owners::{Contact, Owners};
use serde::{Deserialize, Deserializer};

use super::{
    ConfigError,
    checks::{has_no_user, is_http},
};

const OWNERS: &str = "owners";

/// Each is a series of a metric.
const MOST: usize = 500;

/// The longest name, team and channel, in characters.
const MAX_CHARS: usize = 100;

/// Whom to ask about a service or a saga type; what is missing is empty, and refused as such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerSetting {
    /// The service or the saga type.
    pub name: String,
    /// Whom to ask about it.
    pub contact: ContactSetting,
}

/// Whom to ask.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ContactSetting {
    /// The team.
    pub team: String,
    /// Where it is asked.
    pub channel: Option<String>,
    /// The address of its runbook.
    pub runbook: Option<String>,
}

/// Never fails: what is wrong is found when the layers are resolved.
impl FromStr for OwnerSetting {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let (name, rest) = text.split_once('=').unwrap_or((text, ""));
        let mut parts = rest.splitn(3, ',').map(str::trim);
        let mut part = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
        Ok(Self {
            name: name.trim().to_owned(),
            contact: ContactSetting {
                team: part().unwrap_or_default(),
                channel: part(),
                runbook: part(),
            },
        })
    }
}

/// In a file it is a map.
pub(super) fn of_a_map<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<OwnerSetting>>, D::Error> {
    let map = BTreeMap::<String, ContactSetting>::deserialize(deserializer)?;
    let setting = |(name, contact)| OwnerSetting { name, contact };
    Ok(Some(map.into_iter().map(setting).collect()))
}

pub(super) fn resolve(settings: &[OwnerSetting]) -> Result<Owners, ConfigError> {
    let refused = |reason: String| ConfigError::value(OWNERS, reason);
    if settings.len() > MOST {
        return Err(refused(format!("must be at most {MOST} entries")));
    }
    let mut names = BTreeMap::new();
    for OwnerSetting { name, contact } in settings {
        check(name, contact).map_err(|reason| refused(format!("{name:?}: {reason}")))?;
        let taken = Contact {
            team: contact.team.clone(),
            channel: contact.channel.clone(),
            runbook: contact.runbook.clone(),
        };
        if names.insert(name.clone(), taken).is_some() {
            return Err(refused(format!("{name:?} is given more than once")));
        }
    }
    Ok(names.into_iter().collect())
}

fn check(name: &str, contact: &ContactSetting) -> Result<(), String> {
    let is_text = |text: &str| {
        (1..=MAX_CHARS).contains(&text.chars().count())
            && !text.chars().any(char::is_control)
            && text.trim() == text
    };
    let texts = [
        ("the name", Some(name)),
        ("the team", Some(contact.team.as_str())),
        ("the channel", contact.channel.as_deref()),
    ];
    for (what, text) in texts {
        if text.is_some_and(|text| !is_text(text)) {
            return Err(format!(
                "{what} must be 1 to {MAX_CHARS} characters without spaces around them"
            ));
        }
    }
    match &contact.runbook {
        Some(url) if !is_http(url) || !has_no_user(url) => {
            Err("the runbook must be http://HOST/PATH or https://HOST/PATH, without a user".to_owned())
        }
        _ => Ok(()),
    }
}

/// As the environment would set it.
pub(super) fn entry(owners: &Owners) -> Option<String> {
    let entry = |(name, contact): (&str, &Contact)| {
        let parts = [&contact.channel, &contact.runbook].map(|part| part.as_deref().unwrap_or_default());
        let whole = format!("{name}={},{}", contact.team, parts.join(","));
        whole.trim_end_matches(',').to_owned()
    };
    let entries: Vec<String> = owners.iter().map(entry).collect();
    (!entries.is_empty()).then(|| entries.join(";"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(texts: &[&str]) -> Result<Owners, ConfigError> {
        let settings: Vec<OwnerSetting> = texts.iter().filter_map(|text| text.parse().ok()).collect();
        resolve(&settings)
    }

    #[test]
    fn a_contact_is_a_team_and_perhaps_a_channel_and_a_runbook() {
        let texts = ["pay=Payments,#pay,https://wiki/pay?a=1,2", "ORDER = Shop"];
        let owners = resolved(&texts).unwrap();
        let pay = owners.of(Some("pay"), None).unwrap();
        assert_eq!(
            (pay.team.as_str(), pay.channel.as_deref()),
            ("Payments", Some("#pay"))
        );
        assert_eq!(pay.runbook.as_deref(), Some("https://wiki/pay?a=1,2"));
        assert_eq!(
            entry(&owners).unwrap(),
            "ORDER=Shop;pay=Payments,#pay,https://wiki/pay?a=1,2"
        );
        assert_eq!(entry(&Owners::default()), None);
    }

    #[test]
    fn what_names_nobody_is_refused() {
        let long = format!("pay={}", "x".repeat(101));
        for texts in [
            &["pay"][..],
            &["=Payments"],
            &["pay="],
            &[long.as_str()],
            &["pay=a,b,javascript:alert(1)"],
            &["pay=a,b,https://user:secret@x/"],
            &["pay=a", "pay=b"],
        ] {
            assert!(resolved(texts).is_err(), "{texts:?}");
        }
    }
}
