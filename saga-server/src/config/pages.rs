//! What the pages are told of their surroundings.

use clap::Args;
use merge::Merge;
use serde::Deserialize;

use saga_web::{PagesConfig, TRACE_ID};

use super::{ConfigError, checks::is_http};

/// Keys under `pages`.
#[derive(Debug, Clone, Default, Args, Deserialize, Merge)]
#[merge(strategy = merge::option::overwrite_none)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PagesSettings {
    /// Where a trace can be looked at, with {traceId} in place of its id
    #[arg(
        id = "pages.traceUrl",
        long = "pages-trace-url",
        value_name = "URL",
        env = "SAGA_SERVER_PAGES_TRACE_URL"
    )]
    pub trace_url: Option<String>,
}

impl PagesSettings {
    pub(super) fn resolve(&self) -> Result<PagesConfig, ConfigError> {
        let is_usable = |url: &String| is_http(&url.replace(TRACE_ID, "0")) && url.contains(TRACE_ID);
        if self.trace_url.as_ref().is_some_and(|url| !is_usable(url)) {
            let reason = "must be http://HOST/PATH or https://HOST/PATH with {traceId} in it";
            return Err(ConfigError::value("pages.traceUrl", reason));
        }
        Ok(PagesConfig {
            trace_url: self.trace_url.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(url: &str) -> Result<PagesConfig, ConfigError> {
        let trace_url = Some(url.to_owned());
        PagesSettings { trace_url }.resolve()
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
            "{traceId}",
            "",
        ] {
            assert!(resolved(url).is_err(), "{url}");
        }
    }
}
