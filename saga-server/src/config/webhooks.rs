//! Webhooks, as they are written down, and as they are taken.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use saga_collector::{
    http_client::{Trust, client_without_redirects},
    secret::Secret,
    webhooks::{SigningKeys, WebhookConfig, event_name},
};
use saga_store::{NoticeKind, Scope};
use saga_types::SagaType;
use serde::Deserialize;

use super::{
    ConfigError, Period,
    checks::{certificates_are_of_use, has_no_user, is_http},
};

const WEBHOOKS: &str = "webhooks";

/// Each has deliveries of its own in the database and series of metrics.
const MOST: usize = 20;

/// The most saga types of one.
const MOST_TYPES: usize = 100;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// A webhook as it is written down; what is missing is empty, and refused as such.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WebhookSetting {
    /// Names it in metrics, logs and the database.
    pub name: String,
    /// Where it is sent to.
    pub url: Secret,
    /// The certificates (PEM) that vouch for an https address.
    pub ca_file: Option<PathBuf>,
    /// The key that signs what is sent, or several, with white space between them.
    pub secret: Option<Secret>,
    /// A file that holds the key, or several.
    pub secret_file: Option<PathBuf>,
    /// What is sent: `stuck`, `failed` or `compensationOverdue`.
    pub events: Vec<String>,
    /// Of which saga types; all when not given.
    pub saga_types: Option<Vec<String>>,
    /// How long an answer may take.
    pub timeout: Option<Period>,
}

pub(super) fn resolve(settings: &[WebhookSetting]) -> Result<Vec<WebhookConfig>, ConfigError> {
    if settings.len() > MOST {
        let reason = format!("must be at most {MOST} entries");
        return Err(ConfigError::value(WEBHOOKS, reason));
    }
    let mut webhooks: Vec<WebhookConfig> = Vec::with_capacity(settings.len());
    for (place, setting) in (1..).zip(settings) {
        let refused = |reason| ConfigError::value(WEBHOOKS, format!("entry {place}: {reason}"));
        let webhook = setting.checked().map_err(refused)?;
        if webhooks.iter().any(|other| other.name == webhook.name) {
            return Err(refused("name: stands in another entry too".to_owned()));
        }
        webhooks.push(webhook);
    }
    Ok(webhooks)
}

impl WebhookSetting {
    /// Reasons begin with the key, and show neither address nor secret.
    fn checked(&self) -> Result<WebhookConfig, String> {
        let url = self.url()?;
        certificates_are_of_use(url.expose(), self.ca_file.as_deref())
            .map_err(|reason| format!("caFile: {reason}"))?;
        let trust = Trust::for_url(url.expose(), self.ca_file.as_deref());
        client_without_redirects(trust).map_err(|error| format!("caFile: {error}"))?;
        Ok(WebhookConfig {
            name: self.name()?,
            url,
            ca_file: self.ca_file.clone(),
            keys: self.keys()?,
            kinds: self.kinds()?,
            scope: self.scope()?,
            timeout: self.timeout()?,
        })
    }

    fn name(&self) -> Result<String, String> {
        let is_plain = |character: char| {
            character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-'
        };
        if (1..=50).contains(&self.name.len()) && self.name.chars().all(is_plain) {
            return Ok(self.name.clone());
        }
        Err("name: must be 1 to 50 small letters, digits and hyphens".to_owned())
    }

    fn url(&self) -> Result<Secret, String> {
        let url = self.url.expose();
        if is_http(url) && has_no_user(url) {
            return Ok(self.url.clone());
        }
        Err("url: must be http://HOST/PATH or https://HOST/PATH, without a user".to_owned())
    }

    fn keys(&self) -> Result<SigningKeys, String> {
        match (&self.secret, &self.secret_file) {
            (Some(secret), None) => {
                SigningKeys::read(secret.expose()).map_err(|error| format!("secret: {error}"))
            }
            (None, Some(file)) => {
                let place = file.display();
                let text = std::fs::read_to_string(file)
                    .map_err(|error| format!("secretFile: {place}: cannot be read: {error}"))?;
                SigningKeys::read(&text).map_err(|error| format!("secretFile: {place}: {error}"))
            }
            _ => Err("secret: must be given, or secretFile, and not both".to_owned()),
        }
    }

    fn kinds(&self) -> Result<Vec<NoticeKind>, String> {
        let kind = |name: &String| {
            let found = NoticeKind::ALL.into_iter().find(|kind| event_name(*kind) == name);
            found.ok_or_else(|| {
                let names = NoticeKind::ALL.map(event_name).join(", ");
                format!("events: {name:?} must be one of {names}")
            })
        };
        let kinds: BTreeSet<NoticeKind> = self.events.iter().map(kind).collect::<Result<_, String>>()?;
        match kinds.is_empty() {
            true => Err("events: must name what is sent".to_owned()),
            false => Ok(kinds.into_iter().collect()),
        }
    }

    /// A list without a type would be sent nothing.
    fn scope(&self) -> Result<Scope, String> {
        let Some(names) = &self.saga_types else {
            return Ok(Scope::All);
        };
        if !(1..=MOST_TYPES).contains(&names.len()) {
            return Err(format!(
                "sagaTypes: must hold 1 to {MOST_TYPES} saga types; without sagaTypes it is for all"
            ));
        }
        let saga_type = |name: &String| {
            SagaType::new(name).map_err(|_| format!("sagaTypes: {name:?} must be a name in UPPER_SNAKE_CASE"))
        };
        let types: Vec<SagaType> = names.iter().map(saga_type).collect::<Result<_, String>>()?;
        Ok(Scope::of(types))
    }

    fn timeout(&self) -> Result<Duration, String> {
        let timeout = self.timeout.map_or(DEFAULT_TIMEOUT, |period| period.0);
        if (Duration::from_secs(1)..=Duration::from_secs(30)).contains(&timeout) {
            return Ok(timeout);
        }
        Err("timeout: must be from 1s to 30s".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn setting() -> WebhookSetting {
        WebhookSetting {
            name: "oncall".to_owned(),
            url: Secret::new("http://hooks.example/T0/topsecret"),
            secret: Some(Secret::new(SECRET)),
            events: vec!["failed".to_owned(), "stuck".to_owned()],
            saga_types: Some(vec!["ORDER_CREATION".to_owned()]),
            ..WebhookSetting::default()
        }
    }

    #[test]
    fn a_webhook_is_shown_without_what_is_secret() {
        let webhooks = resolve(&[setting()]).unwrap();
        assert_eq!(
            webhooks[0].to_string(),
            "oncall:http://hooks.example/***:stuck,failed:ORDER_CREATION"
        );
        let debug = format!("{webhooks:?}");
        assert!(!debug.contains("topsecret") && !debug.contains("MfKQ"), "{debug}");
    }

    #[test]
    fn the_keys_may_stand_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let both = format!("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n{SECRET}\n");
        std::fs::write(&file, &both).unwrap();
        let setting = WebhookSetting {
            secret: None,
            secret_file: Some(file),
            ..setting()
        };
        let keys = SigningKeys::read(&both).unwrap();
        assert_eq!(resolve(&[setting]).unwrap()[0].keys, keys);
    }

    /// A change, and how the reason begins.
    type Wrong = (fn(&mut WebhookSetting), &'static str);

    #[test]
    fn what_cannot_be_used_is_refused_by_its_key_and_not_shown() {
        let wrong: [Wrong; 12] = [
            (|hook| hook.name.clear(), "name:"),
            (|hook| hook.name = "On Call".to_owned(), "name:"),
            (|hook| hook.url = Secret::new("ftp://topsecret"), "url:"),
            (|hook| hook.url = Secret::new("http://u:topsecret@x/"), "url:"),
            (|hook| hook.secret = None, "secret:"),
            (|hook| hook.secret = Some(Secret::new("topsecret")), "secret:"),
            (|hook| hook.secret_file = Some("/x".into()), "secret:"),
            (|hook| hook.events.clear(), "events:"),
            (|hook| hook.events = vec!["done".to_owned()], "events: \"done\""),
            (|hook| hook.saga_types = Some(Vec::new()), "sagaTypes:"),
            (
                |hook| hook.saga_types = Some(vec!["a b".to_owned()]),
                "sagaTypes:",
            ),
            (
                |hook| hook.timeout = Some(Period(Duration::from_secs(31))),
                "timeout:",
            ),
        ];
        for (change, begin) in wrong {
            let mut setting = setting();
            change(&mut setting);
            let error = resolve(&[setting]).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("webhooks: entry 1: {begin}")),
                "{error}"
            );
            assert!(!error.contains("topsecret"), "{error}");
        }
        let error = resolve(&[setting(), setting()]).unwrap_err().to_string();
        assert_eq!(error, "webhooks: entry 2: name: stands in another entry too");
        assert!(resolve(&vec![setting(); MOST + 1]).is_err());
    }
}
