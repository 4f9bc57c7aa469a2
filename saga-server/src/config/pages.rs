//! What the pages link to.

use std::{convert::Infallible, str::FromStr};

use clap::Args;
use merge::Merge;
use reqwest::Url;
use serde::Deserialize;

use saga_web::{Environment, PagesConfig, TRACE_ID};

use super::{
    ConfigError,
    checks::{has_no_user, is_http},
};

/// Keys under `pages`.
#[derive(Debug, Clone, Default, Args, Deserialize, Merge)]
#[merge(strategy = merge::option::overwrite_none)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PagesSettings {
    /// The address of a trace, with {traceId} in place of its id
    #[arg(
        id = "pages.traceUrl",
        long = "pages-trace-url",
        value_name = "URL",
        env = "SAGA_SERVER_PAGES_TRACE_URL"
    )]
    pub trace_url: Option<String>,

    /// Where people find the pages, for the links of alerts: http://HOST or https://HOST, with a path if it has one
    #[arg(
        id = "pages.externalUrl",
        long = "pages-external-url",
        value_name = "URL",
        env = "SAGA_SERVER_PAGES_EXTERNAL_URL"
    )]
    pub external_url: Option<String>,

    /// Trackers of all environments, this one among them, for the list in the bar: NAME=URL, several with semicolons between; a list in the file
    #[arg(
        id = "pages.environments",
        long = "pages-environment-url",
        value_name = "NAME=URL",
        env = "SAGA_SERVER_PAGES_ENVIRONMENTS",
        value_delimiter = ';'
    )]
    pub environments: Option<Vec<EnvironmentSetting>>,

    /// Which of pages.environments this tracker is, by its name
    #[arg(
        id = "pages.environment",
        long = "pages-environment",
        value_name = "NAME",
        env = "SAGA_SERVER_PAGES_ENVIRONMENT"
    )]
    pub environment: Option<String>,
}

/// An environment as it is written down; what is missing is empty, and refused as such.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnvironmentSetting {
    /// As people call it.
    pub name: String,
    /// The address of its pages.
    pub url: String,
}

/// Never fails: what is wrong is found when the layers are resolved.
impl FromStr for EnvironmentSetting {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let (name, url) = text.split_once('=').unwrap_or((text, ""));
        Ok(Self {
            name: name.trim().to_owned(),
            url: url.trim().to_owned(),
        })
    }
}

const ENVIRONMENTS: &str = "pages.environments";
const ENVIRONMENT: &str = "pages.environment";

/// The most environments, and the longest name of one in characters: they are a list in the bar.
const MOST: usize = 20;
const NAME_CHARS: usize = 40;

impl EnvironmentSetting {
    fn checked(&self) -> Result<Environment, String> {
        let name = self.name.trim();
        let chars = name.chars().count();
        if !(1..=NAME_CHARS).contains(&chars) || name.chars().any(char::is_control) {
            return Err(format!(
                "its name must be 1 to {NAME_CHARS} characters without control characters"
            ));
        }
        let url = self.url.trim();
        let is_plain = !url.contains(['?', '#']);
        if !(is_http(url) && has_no_user(url) && is_plain) {
            return Err(
                "its url must be http://HOST/PATH or https://HOST/PATH without a user, ? and #".to_owned(),
            );
        }
        Ok(Environment {
            name: name.to_owned(),
            url: url.trim_end_matches('/').to_owned(),
        })
    }
}

impl PagesSettings {
    pub(super) fn resolve(&self) -> Result<PagesConfig, ConfigError> {
        if self.trace_url.as_deref().is_some_and(|url| !is_trace_url(url)) {
            let reason = "must be http://HOST/PATH or https://HOST/PATH with {traceId} after the host, and without a user";
            return Err(ConfigError::value("pages.traceUrl", reason));
        }
        let (environments, environment) = self.environments()?;
        let external_url = self.external_url.as_deref();
        if external_url.is_some_and(|url| !is_base(url)) {
            let reason =
                "must be http://HOST or https://HOST, with a path if it has one, without a user, ? and #";
            return Err(ConfigError::value("pages.externalUrl", reason));
        }
        Ok(PagesConfig {
            trace_url: self.trace_url.clone(),
            external_url: external_url.map(|url| url.trim_end_matches('/').to_owned()),
            environments,
            environment,
            ..PagesConfig::default()
        })
    }

    fn environments(&self) -> Result<(Vec<Environment>, Option<String>), ConfigError> {
        let given = self.environments.as_deref().unwrap_or_default();
        if given.len() > MOST {
            return Err(ConfigError::value(
                ENVIRONMENTS,
                format!("must have at most {MOST} entries"),
            ));
        }
        let mut environments: Vec<Environment> = Vec::new();
        for (place, setting) in (1..).zip(given) {
            let wrong = |reason: String| ConfigError::value(ENVIRONMENTS, format!("entry {place}: {reason}"));
            let environment = setting.checked().map_err(wrong)?;
            if environments.iter().any(|other| other.name == environment.name) {
                return Err(wrong(format!("the name {:?} is given twice", environment.name)));
            }
            environments.push(environment);
        }
        let this = self.environment.as_deref().map(str::trim);
        match this {
            None if environments.is_empty() => Ok((environments, None)),
            None => Err(ConfigError::value(
                ENVIRONMENT,
                "is not set; it must be one of the names in pages.environments",
            )),
            Some(this) if environments.iter().any(|other| other.name == this) => {
                Ok((environments, Some(this.to_owned())))
            }
            Some(this) => Err(ConfigError::value(
                ENVIRONMENT,
                format!("{this:?} must be one of the names in pages.environments"),
            )),
        }
    }
}

/// Paths are appended to it.
fn is_base(url: &str) -> bool {
    is_http(url) && has_no_user(url) && !url.contains(['?', '#', '"', '\\', ' '])
}

/// An id comes from the topic, so it must not decide which host a link leads to.
fn is_trace_url(url: &str) -> bool {
    let of_id = |id: &str| Url::parse(&url.replace(TRACE_ID, id)).map(|url| url.origin());
    let is_after_host = matches!((of_id("0"), of_id("1")), (Ok(one), Ok(other)) if one == other);
    url.contains(TRACE_ID) && is_after_host && is_http(url) && has_no_user(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(url: &str) -> Result<PagesConfig, ConfigError> {
        let trace_url = Some(url.to_owned());
        let settings = PagesSettings {
            trace_url,
            ..PagesSettings::default()
        };
        settings.resolve()
    }

    #[test]
    fn links_begin_with_the_address_of_the_pages() {
        let resolved = |url: &str| {
            let settings = PagesSettings {
                external_url: Some(url.to_owned()),
                ..PagesSettings::default()
            };
            settings
                .resolve()
                .map(|pages| pages.external_url.unwrap_or_default())
        };
        assert_eq!(
            resolved("https://sagas.example/x/").unwrap(),
            "https://sagas.example/x"
        );
        for url in [
            "sagas.example",
            "ftp://x",
            "https://u:p@x",
            "https://x/?a=1",
            "https://x/#a",
            "",
        ] {
            assert!(resolved(url).is_err(), "{url}");
        }
    }

    #[test]
    fn an_address_has_the_id_in_its_place() {
        let pages = resolved("https://traces.example/?q={traceId}&x={traceId}").unwrap();
        assert_eq!(
            pages.trace_url("4bf9").as_deref(),
            Some("https://traces.example/?q=4bf9&x=4bf9")
        );
        assert_eq!(PagesConfig::default().trace_url("4bf9"), None);
    }

    fn environments(list: &str, this: Option<&str>) -> Result<PagesConfig, String> {
        let entries = list.split(';').filter(|entry| !entry.is_empty());
        let settings = PagesSettings {
            environments: Some(entries.map(|entry| entry.parse().unwrap()).collect()),
            environment: this.map(str::to_owned),
            ..PagesSettings::default()
        };
        settings.resolve().map_err(|error| error.to_string())
    }

    #[test]
    fn environments_are_named_with_this_one_among_them() {
        let pages = environments(
            "production=https://saga.example/;staging=http://staging:8086/saga/",
            Some("staging"),
        )
        .unwrap();
        let urls: Vec<&str> = pages.environments.iter().map(|one| one.url.as_str()).collect();
        assert_eq!(urls, ["https://saga.example", "http://staging:8086/saga"]);
        assert_eq!(pages.environment.as_deref(), Some("staging"));
        assert_eq!(environments("", None).unwrap(), PagesConfig::default());
    }

    #[test]
    fn environments_that_lead_nowhere_are_refused() {
        for (list, this, said) in [
            ("a=https://a.example", None, "pages.environment"),
            ("a=https://a.example", Some("b"), "pages.environment"),
            ("", Some("a"), "pages.environment"),
            ("a=https://a.example;a=https://b.example", Some("a"), "entry 2"),
            ("a=javascript:alert(1)", Some("a"), "entry 1"),
            ("a=https://user:secret@a.example", Some("a"), "entry 1"),
            ("a=https://a.example/?x=1", Some("a"), "entry 1"),
            ("a", Some("a"), "entry 1"),
            ("=https://a.example", Some(""), "entry 1"),
        ] {
            let error = environments(list, this).unwrap_err();
            assert!(error.contains(said), "{list}: {error}");
        }
        let many: String = (0..21)
            .map(|number| format!("{number}=https://a.example;"))
            .collect();
        assert!(environments(&many, Some("1")).is_err());
    }

    #[test]
    fn what_leads_to_no_trace_is_refused() {
        for url in [
            "https://traces.example/",
            "javascript:alert({traceId})",
            "//x/{traceId}",
            "https://{traceId}/",
            "https://{traceId}.example/{traceId}",
            "https://traces.example:{traceId}/{traceId}",
            "https://user:secret@traces.example/{traceId}",
            "{traceId}",
            "",
        ] {
            assert!(resolved(url).is_err(), "{url}");
        }
    }
}
