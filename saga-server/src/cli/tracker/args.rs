//! Which tracker is asked, and with which token.

use std::env;

use clap::Args;
use reqwest::Url;
use saga_collector::secret::Secret;

use super::{
    Tracker,
    contexts::{Context, Contexts},
};
use crate::cli::CliError;

const DEFAULT_URL: &str = "http://127.0.0.1:8086";

/// The options of every command that asks a running tracker.
#[derive(Debug, Args)]
#[command(next_help_heading = "The tracker that is asked")]
pub(in crate::cli) struct TrackerArgs {
    /// Its address [env: SAGA_TRACKER_URL] [default: that of the context, or http://127.0.0.1:8086]
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// A token, if it asks for one [env: SAGA_TRACKER_TOKEN] [default: that of the context]
    #[arg(long, value_name = "TOKEN")]
    token: Option<Secret>,

    /// The context with its address and token, in saga-tracker/contexts.yml of the folder of configurations
    /// ($XDG_CONFIG_HOME, or ~/.config) [env: SAGA_TRACKER_CONTEXT] [default: current of the file]
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    context: Option<String>,
}

/// What flags, or variables, say.
#[derive(Debug, Default)]
struct Given {
    url: Option<String>,
    token: Option<Secret>,
    context: Option<String>,
}

/// Where to ask.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    url: String,
    token: Option<Secret>,
}

impl TrackerArgs {
    /// Whether flags say which tracker is asked.
    pub(in crate::cli) const fn is_named_by_flags(&self) -> bool {
        self.url.is_some() || self.context.is_some()
    }

    /// Whether variables say it.
    pub(in crate::cli) fn is_named_by_variables(&self) -> bool {
        let given = Given::of_environment();
        given.url.is_some() || given.context.is_some()
    }

    /// Whether a flag gives a token.
    pub(in crate::cli) const fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// The tracker, not yet called.
    pub(in crate::cli) fn connect(self) -> Result<Tracker, CliError> {
        let flags = Given {
            url: self.url,
            token: self.token,
            context: self.context,
        };
        let Target { url, token } = target(flags, Given::of_environment(), Contexts::find)?;
        Tracker::new(address(&url)?, token)
    }
}

impl Given {
    /// A variable without a value is not set, as workflows leave it.
    fn of_environment() -> Self {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            url: variable("SAGA_TRACKER_URL"),
            token: variable("SAGA_TRACKER_TOKEN").map(Secret::new),
            context: variable("SAGA_TRACKER_CONTEXT"),
        }
    }
}

/// Flags weigh more than variables, and these more than the file. The file is read only when its word counts.
fn target(
    flags: Given,
    variables: Given,
    contexts: impl FnOnce() -> Result<Contexts, CliError>,
) -> Result<Target, CliError> {
    let of_context = |context: Context, tokens: [Option<Secret>; 3]| Target {
        url: context.url,
        token: first(tokens),
    };
    if let Some(url) = flags.url {
        let token = first([flags.token, variables.token]);
        return Ok(Target { url, token });
    }
    if let Some(name) = flags.context {
        let mut context = contexts()?.named(&name)?;
        // Beside an address of its own it is a token for that one.
        let of_variable = variables.token.filter(|_| variables.url.is_none());
        let tokens = [flags.token, context.token()?, of_variable];
        return Ok(of_context(context, tokens));
    }
    if let Some(url) = variables.url {
        let token = first([flags.token, variables.token]);
        return Ok(Target { url, token });
    }
    let contexts = contexts()?;
    let context = match variables.context {
        Some(name) => Some(contexts.named(&name)?),
        None => contexts.current()?,
    };
    let tokens = [flags.token, variables.token];
    match context {
        Some(mut context) => {
            let [flag, variable] = tokens;
            let own = match flag.is_some() || variable.is_some() {
                true => None,
                false => context.token()?,
            };
            Ok(of_context(context, [flag, variable, own]))
        }
        None => Ok(Target {
            url: DEFAULT_URL.to_owned(),
            token: first(tokens),
        }),
    }
}

fn first<const COUNT: usize>(tokens: [Option<Secret>; COUNT]) -> Option<Secret> {
    tokens.into_iter().flatten().next()
}

fn address(text: &str) -> Result<Url, CliError> {
    let wrong = |reason: &str| CliError::usage(format_args!("the address of the tracker (--url) {reason}"));
    let is_http = |url: &Url| ["http", "https"].contains(&url.scheme());
    let url = Url::parse(text).ok().filter(is_http);
    let url = url.ok_or_else(|| wrong("must be an address such as http://127.0.0.1:8086"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must hold no user name and no password; give --token"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must end with the host, the port or a path"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "current: a\ncontexts:\n  a: { url: http://a, token: of-a }\n  b: { url: http://b }\n";

    fn given(text: &str) -> Given {
        let mut given = Given::default();
        for (name, value) in text.split_whitespace().filter_map(|part| part.split_once('=')) {
            match name {
                "url" => given.url = Some(value.to_owned()),
                "token" => given.token = Some(Secret::new(value)),
                _ => given.context = Some(value.to_owned()),
            }
        }
        given
    }

    fn chosen(flags: &str, variables: &str, file: &str) -> (String, String) {
        let contexts = || Contexts::parse(file).map_err(CliError::usage);
        let target = target(given(flags), given(variables), contexts).unwrap();
        let token = target.token.map(|token| token.expose().to_owned());
        (target.url, token.unwrap_or_default())
    }

    #[test]
    fn flags_weigh_more_than_variables_and_these_more_than_the_file() {
        for (flags, variables, url, token) in [
            ("", "", "http://a", "of-a"),
            ("", "token=v", "http://a", "v"),
            ("", "context=b token=v", "http://b", "v"),
            ("", "url=http://v token=v context=b", "http://v", "v"),
            ("context=a", "token=v", "http://a", "of-a"),
            ("context=b", "token=v", "http://b", "v"),
            ("context=a token=f", "token=v", "http://a", "f"),
            ("url=http://f", "token=v", "http://f", "v"),
            ("url=http://f token=f", "url=http://v context=a", "http://f", "f"),
        ] {
            let expected = (url.to_owned(), token.to_owned());
            assert_eq!(chosen(flags, variables, FILE), expected, "{flags} | {variables}");
        }
        assert_eq!(chosen("", "", ""), (DEFAULT_URL.to_owned(), String::new()));
    }

    #[test]
    fn a_token_is_sent_to_no_address_that_it_was_not_given_for() {
        for (flags, variables, url) in [
            ("url=http://f", "", "http://f"),
            ("url=http://f", "context=a", "http://f"),
            ("", "url=http://v", "http://v"),
            ("context=b", "url=http://v token=v", "http://b"),
        ] {
            let expected = (url.to_owned(), String::new());
            assert_eq!(chosen(flags, variables, FILE), expected, "{flags} | {variables}");
        }
    }

    #[test]
    fn an_address_is_http_without_a_password() {
        for good in ["http://127.0.0.1:8086", "https://tracker.example/sagas/"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in [
            "tracker",
            "ftp://x",
            "http://",
            "http://u:p@x",
            "http://u@x",
            "http://x/?a=b",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
