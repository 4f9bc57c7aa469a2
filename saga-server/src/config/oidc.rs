//! Tokens that an OpenID Connect issuer signs.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use merge::Merge;
use reqwest::Url;
use serde::Deserialize;

use super::{
    ConfigError, Period,
    checks::{certificates_are_of_use, has_no_user, not_empty, period_within},
};
use saga_web::auth::oidc::{ClaimsConfig, OidcConfig, SagaTypesClaim};

const ISSUER: &str = "auth.oidc.issuer";
const AUDIENCE: &str = "auth.oidc.audience";
const JWKS_URI: &str = "auth.oidc.jwksUri";
const CA_FILE: &str = "auth.oidc.caFile";
const LEEWAY: &str = "auth.oidc.leeway";
const NAME_CLAIM: &str = "auth.oidc.nameClaim";
const ROLES_CLAIM: &str = "auth.oidc.rolesClaim";
const VIEWER_ROLE: &str = "auth.oidc.viewerRole";
const SAGA_TYPES_CLAIM: &str = "auth.oidc.sagaTypesClaim";
const SAGA_TYPES_REQUIRED: &str = "auth.oidc.sagaTypesRequired";
const OPERATOR_ROLE: &str = "auth.oidc.operatorRole";
const RECORDER_ROLE: &str = "auth.oidc.recorderRole";
const SERVICES_CLAIM: &str = "auth.oidc.servicesClaim";

/// The default names of claims and roles.
pub(super) const DEFAULT_CLAIMS: [&str; 5] = [
    "preferred_username",
    "roles",
    "saga-viewer",
    "saga-operator",
    "saga-recorder",
];

pub(super) const DEFAULT_LEEWAY: Duration = Duration::from_secs(60);

/// Keys under `auth.oidc`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Deserialize, Merge)]
#[merge(strategy = merge::option::overwrite_none)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OidcSettings {
    /// The OpenID Connect issuer whose tokens are taken, as they name it: https://HOST/PATH
    #[arg(
        id = "auth.oidc.issuer",
        long = "oidc-issuer",
        value_name = "URL",
        env = "SAGA_SERVER_AUTH_OIDC_ISSUER"
    )]
    pub issuer: Option<String>,

    /// Whom those tokens must be meant for (aud)
    #[arg(
        id = "auth.oidc.audience",
        long = "oidc-audience",
        value_name = "NAME",
        env = "SAGA_SERVER_AUTH_OIDC_AUDIENCE"
    )]
    pub audience: Option<String>,

    /// Where the issuer's keys are; it is asked when not given
    #[arg(
        id = "auth.oidc.jwksUri",
        long = "oidc-jwks-uri",
        value_name = "URL",
        env = "SAGA_SERVER_AUTH_OIDC_JWKS_URI"
    )]
    pub jwks_uri: Option<String>,

    /// The certificates (PEM) that vouch for the issuer; the system's when not given
    #[arg(
        id = "auth.oidc.caFile",
        long = "oidc-ca-file",
        value_name = "FILE",
        env = "SAGA_SERVER_AUTH_OIDC_CA_FILE"
    )]
    pub ca_file: Option<PathBuf>,

    /// How far the issuer's clock may be from this one; 0s to 5min
    #[arg(
        id = "auth.oidc.leeway",
        long = "oidc-leeway",
        value_name = "PERIOD",
        env = "SAGA_SERVER_AUTH_OIDC_LEEWAY"
    )]
    pub leeway: Option<Period>,

    /// The claim with the caller's name; sub where a token lacks it
    #[arg(
        id = "auth.oidc.nameClaim",
        long = "oidc-name-claim",
        value_name = "CLAIM",
        env = "SAGA_SERVER_AUTH_OIDC_NAME_CLAIM"
    )]
    pub name_claim: Option<String>,

    /// The claim with the caller's roles, such as realm_access.roles
    #[arg(
        id = "auth.oidc.rolesClaim",
        long = "oidc-roles-claim",
        value_name = "CLAIM",
        env = "SAGA_SERVER_AUTH_OIDC_ROLES_CLAIM"
    )]
    pub roles_claim: Option<String>,

    /// What the role of viewers is called there
    #[arg(
        id = "auth.oidc.viewerRole",
        long = "oidc-viewer-role",
        value_name = "ROLE",
        env = "SAGA_SERVER_AUTH_OIDC_VIEWER_ROLE"
    )]
    pub viewer_role: Option<String>,

    /// What the role of operators is called there
    #[arg(
        id = "auth.oidc.operatorRole",
        long = "oidc-operator-role",
        value_name = "ROLE",
        env = "SAGA_SERVER_AUTH_OIDC_OPERATOR_ROLE"
    )]
    pub operator_role: Option<String>,

    /// What the role of those is called there who record events
    #[arg(
        id = "auth.oidc.recorderRole",
        long = "oidc-recorder-role",
        value_name = "ROLE",
        env = "SAGA_SERVER_AUTH_OIDC_RECORDER_ROLE"
    )]
    pub recorder_role: Option<String>,

    /// The claim with the saga types that a token is for; without it every token is for all types
    #[arg(
        id = "auth.oidc.sagaTypesClaim",
        long = "oidc-saga-types-claim",
        value_name = "CLAIM",
        env = "SAGA_SERVER_AUTH_OIDC_SAGA_TYPES_CLAIM"
    )]
    pub saga_types_claim: Option<String>,

    /// Refuse tokens without that claim, which are for all types otherwise
    #[arg(
        id = "auth.oidc.sagaTypesRequired", long = "oidc-saga-types-required", value_name = "BOOL",
        env = "SAGA_SERVER_AUTH_OIDC_SAGA_TYPES_REQUIRED", num_args = 0..=1, require_equals = true, default_missing_value = "true"
    )]
    pub saga_types_required: Option<bool>,

    /// The claim with the services whose events a token may record; without it every token is for all services
    #[arg(
        id = "auth.oidc.servicesClaim",
        long = "oidc-services-claim",
        value_name = "CLAIM",
        env = "SAGA_SERVER_AUTH_OIDC_SERVICES_CLAIM"
    )]
    pub services_claim: Option<String>,
}

impl OidcSettings {
    /// `None` when nothing of it is configured.
    pub(super) fn resolve(&self) -> Result<Option<OidcConfig>, ConfigError> {
        if *self == Self::default() {
            return Ok(None);
        }
        let issuer = needed(ISSUER, self.issuer.as_deref())?;
        let jwks_uri = self
            .jwks_uri
            .as_deref()
            .map(|uri| safe(JWKS_URI, uri))
            .transpose()?;
        // Keys that are elsewhere are fetched with the same trust.
        let addresses = [Some(issuer.as_str()), jwks_uri.as_deref()].into_iter().flatten();
        let of_use = addresses.map(|url| certificates_are_of_use(url, self.ca_file.as_deref()));
        of_use
            .reduce(Result::or)
            .unwrap_or(Ok(()))
            .map_err(|reason| ConfigError::value(CA_FILE, reason))?;
        Ok(Some(OidcConfig {
            issuer: safe(ISSUER, &issuer)?,
            audience: needed(AUDIENCE, self.audience.as_deref())?,
            jwks_uri,
            ca_file: self.ca_file.clone(),
            leeway: period_within(
                LEEWAY,
                self.leeway.unwrap_or(Period(DEFAULT_LEEWAY)),
                Duration::ZERO..=Duration::from_secs(300),
            )?,
            claims: self.claims()?,
        }))
    }

    fn claims(&self) -> Result<ClaimsConfig, ConfigError> {
        let [name, roles, viewer, operator, recorder] = DEFAULT_CLAIMS;
        Ok(ClaimsConfig {
            name: not_empty(NAME_CLAIM, self.name_claim.as_deref().unwrap_or(name))?,
            roles: not_empty(ROLES_CLAIM, self.roles_claim.as_deref().unwrap_or(roles))?,
            viewer_role: not_empty(VIEWER_ROLE, self.viewer_role.as_deref().unwrap_or(viewer))?,
            operator_role: not_empty(OPERATOR_ROLE, self.operator_role.as_deref().unwrap_or(operator))?,
            recorder_role: not_empty(RECORDER_ROLE, self.recorder_role.as_deref().unwrap_or(recorder))?,
            saga_types: self.saga_types()?,
            services: self
                .services_claim
                .as_deref()
                .map(|claim| not_empty(SERVICES_CLAIM, claim))
                .transpose()?,
        })
    }

    fn saga_types(&self) -> Result<Option<SagaTypesClaim>, ConfigError> {
        let is_required = self.saga_types_required.unwrap_or(false);
        match &self.saga_types_claim {
            Some(claim) => Ok(Some(SagaTypesClaim {
                claim: not_empty(SAGA_TYPES_CLAIM, claim)?,
                is_required,
            })),
            None if is_required => Err(ConfigError::value(
                SAGA_TYPES_REQUIRED,
                "needs auth.oidc.sagaTypesClaim, the name of the claim",
            )),
            None => Ok(None),
        }
    }
}

fn needed(key: &'static str, value: Option<&str>) -> Result<String, ConfigError> {
    let value =
        value.ok_or_else(|| ConfigError::value(key, "is not set; the other keys of auth.oidc need it"))?;
    not_empty(key, value)
}

/// An attacker who can change the answer on its way can have their own keys trusted.
fn safe(key: &'static str, address: &str) -> Result<String, ConfigError> {
    let is_safe = Url::parse(address).is_ok_and(|url| match (url.scheme(), url.host_str()) {
        ("https", Some(_)) => true,
        ("http", Some(host)) => is_this_machine(host),
        _ => false,
    });
    match is_safe && has_no_user(address) {
        true => Ok(address.to_owned()),
        false => Err(ConfigError::value(
            key,
            "must be https://HOST/PATH without a user; http is for an issuer on this machine only (127.0.0.1)",
        )),
    }
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
