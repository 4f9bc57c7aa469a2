//! Who may call: tokens as they are written down, and as they are taken.

use std::{collections::BTreeSet, convert::Infallible, net::SocketAddr, str::FromStr};

use clap::Args;
use merge::Merge;
use serde::Deserialize;

use super::{ConfigError, OidcSettings};
use saga_collector::secret::Secret;
use saga_store::Scope;
use saga_types::SagaType;
use saga_web::auth::{
    Access, MAX_SERVICES, MAX_TYPES, Role, Services, Token, TokenHash, check_name,
    oidc::{Issuer, OidcConfig},
};

const TOKENS: &str = "auth.tokens";

/// Keys under `auth`.
#[derive(Debug, Clone, Default, Args, Deserialize, Merge)]
#[merge(strategy = merge::option::overwrite_none)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AuthSettings {
    /// Who may call: NAME:ROLE:SHA256, or NAME:ROLE:SHA256:TYPE,TYPE for some saga types only, with :SERVICE,SERVICE behind it for the events of some services only; several with semicolons between; a list in the file
    #[arg(
        id = "auth.tokens",
        long = "auth-token",
        value_name = "NAME:ROLE:SHA256[:TYPES[:SERVICES]]",
        env = "SAGA_SERVER_AUTH_TOKENS",
        value_delimiter = ';'
    )]
    pub tokens: Option<Vec<TokenSetting>>,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "clap would take the text for the description of the command"
    )]
    #[merge(strategy = Merge::merge)]
    pub oidc: OidcSettings,
}

/// A token as it is written down; what is missing is empty, and refused as such.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TokenSetting {
    /// Who holds it.
    pub name: String,
    /// `viewer`, `operator` or `recorder`.
    pub role: String,
    /// The token's SHA-256, in hex.
    pub sha256: Secret,
    /// The saga types that its holder may see and change; all when not given.
    pub saga_types: Option<Vec<String>>,
    /// The services whose events its holder may record; all when not given.
    pub services: Option<Vec<String>>,
}

/// Never fails: an error of clap would show the text. What is wrong is found when the layers are resolved.
impl FromStr for TokenSetting {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let mut parts = text.splitn(5, ':').map(str::trim);
        let mut part = || parts.next().unwrap_or_default();
        let (name, role, sha256) = (part().to_owned(), part().to_owned(), Secret::new(part()));
        let names = |names: &str| names.split(',').map(|name| name.trim().to_owned()).collect();
        let (types, services) = (parts.next(), parts.next());
        Ok(Self {
            name,
            role,
            sha256,
            // Types are left empty by those who only name services.
            saga_types: types
                .filter(|types| !types.is_empty() || services.is_none())
                .map(names),
            services: services.map(names),
        })
    }
}

impl AuthSettings {
    /// The accepted tokens; by default none.
    pub(super) fn tokens(&self) -> Result<Vec<Token>, ConfigError> {
        let Some(settings) = &self.tokens else {
            return Ok(Vec::new());
        };
        // An empty list asks for authentication, so it must not turn it off.
        if settings.is_empty() {
            return Err(ConfigError::value(TOKENS, "must hold a token when it is given"));
        }
        let mut tokens = Vec::with_capacity(settings.len());
        for (place, setting) in (1..).zip(settings) {
            let token = setting
                .checked(&tokens)
                .map_err(|reason| ConfigError::value(TOKENS, format!("entry {place}: {reason}")))?;
            tokens.push(token);
        }
        Ok(tokens)
    }
}

impl TokenSetting {
    /// Reasons show nothing of the entry: in a mistaken one the token itself may stand anywhere.
    fn checked(&self, others: &[Token]) -> Result<Token, String> {
        check_name(&self.name)?;
        let role: Role = self.role.parse().map_err(|error| format!("its role {error}"))?;
        let hash = TokenHash::from_hex(self.sha256.expose())
            .ok_or_else(|| "its sha256 must be the token's SHA-256 as 64 hex digits".to_owned())?;
        if others.iter().any(|other| other.name == self.name) {
            return Err("its name stands in another entry too".to_owned());
        }
        if others.iter().any(|other| other.hash.matches(&hash)) {
            return Err("its sha256 stands in another entry too".to_owned());
        }
        let scope = self.scope()?;
        Ok(Token {
            name: self.name.clone(),
            role,
            scope,
            services: self.services(role)?,
            hash,
        })
    }

    /// As with types. A viewer records nothing, so names of services there are a mistake.
    fn services(&self, role: Role) -> Result<Services, String> {
        let Some(names) = &self.services else {
            return Ok(Services::All);
        };
        if !role.may(Role::Recorder) {
            return Err(format!(
                "its services are for a role that records events, and {role} does not"
            ));
        }
        if !(1..=MAX_SERVICES).contains(&names.len()) {
            return Err(format!(
                "its services must hold 1 to {MAX_SERVICES} names; without services it is for all"
            ));
        }
        match (1..).zip(names).find(|(_, name)| !saga_types::is_name(name)) {
            Some((place, _)) => Err(format!(
                "its service {place} must be 1 to 100 characters, none of control"
            )),
            None => Ok(Services::of(names.iter().cloned())),
        }
    }

    /// A list that holds no type, or a wrong one, must not pass for rights to all types, nor for rights to none.
    fn scope(&self) -> Result<Scope, String> {
        let Some(names) = &self.saga_types else {
            return Ok(Scope::All);
        };
        if !(1..=MAX_TYPES).contains(&names.len()) {
            return Err(format!(
                "its sagaTypes must hold 1 to {MAX_TYPES} saga types; without sagaTypes it is for all"
            ));
        }
        let mut types = BTreeSet::new();
        for (place, name) in (1..).zip(names) {
            let saga_type = SagaType::new(name)
                .map_err(|_| format!("its saga type {place} must be a name in UPPER_SNAKE_CASE"))?;
            if !types.insert(saga_type) {
                return Err(format!("its saga type {place} is named before"));
            }
        }
        Ok(Scope::of(types))
    }
}

/// Checks an entry as [`AuthSettings::tokens`] will.
pub(crate) fn check_token(entry: &str) -> Result<(), String> {
    let Ok(setting) = entry.parse::<TokenSetting>();
    setting.checked(&[]).map(drop)
}

/// Who may call, given where they can call from.
pub(super) fn access(
    tokens: Vec<Token>,
    oidc: Option<OidcConfig>,
    listen: SocketAddr,
    allow_unauthenticated: bool,
) -> Result<Access, ConfigError> {
    if let Some(oidc) = oidc {
        let issuer = Issuer::new(oidc)
            .map_err(|error| ConfigError::value("auth.oidc.caFile", error.to_string()))?
            .into();
        return Ok(Access::Issued { issuer, tokens });
    }
    let is_this_machine = listen.ip().to_canonical().is_loopback();
    match (tokens.is_empty(), allow_unauthenticated, is_this_machine) {
        (false, ..) => Ok(Access::Tokens(tokens)),
        // Configured explicitly that others may call, perhaps through a proxy on this machine.
        (true, true, _) => Ok(Access::Anybody),
        (true, false, true) => Ok(Access::ThisMachine),
        (true, false, false) => {
            let reason = format!(
                "{listen} can be reached by other machines, and no caller is asked for a token: listen on 127.0.0.1, \
                 configure tokens (auth.tokens or auth.oidc), or say that everybody may read with --allow-unauthenticated \
                 (allowUnauthenticated: true)"
            );
            Err(ConfigError::value("listen", reason))
        }
    }
}
