//! What the pages link to.

use clap::Args;
use merge::Merge;
use reqwest::Url;
use serde::Deserialize;

use saga_web::{PagesConfig, TRACE_ID};

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
}

impl PagesSettings {
    pub(super) fn resolve(&self) -> Result<PagesConfig, ConfigError> {
        if self.trace_url.as_deref().is_some_and(|url| !is_trace_url(url)) {
            let reason = "must be http://HOST/PATH or https://HOST/PATH with {traceId} after the host, and without a user";
            return Err(ConfigError::value("pages.traceUrl", reason));
        }
        let external_url = self.external_url.as_deref();
        if external_url.is_some_and(|url| !is_base(url)) {
            let reason =
                "must be http://HOST or https://HOST, with a path if it has one, without a user, ? and #";
            return Err(ConfigError::value("pages.externalUrl", reason));
        }
        Ok(PagesConfig {
            trace_url: self.trace_url.clone(),
            external_url: external_url.map(|url| url.trim_end_matches('/').to_owned()),
            ..PagesConfig::default()
        })
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
