//! What must be known of an issuer and its tokens.

use std::{path::PathBuf, time::Duration};

/// An issuer, and what its tokens must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcConfig {
    /// The issuer's address, to the letter as its tokens name it.
    pub issuer: String,
    /// Whom its tokens must be meant for.
    pub audience: String,
    /// Where its keys are; found by asking the issuer when not given.
    pub jwks_uri: Option<String>,
    /// The certificates that vouch for it; none for the system's.
    pub ca_file: Option<PathBuf>,
    /// How far its clock may be from ours.
    pub leeway: Duration,
    /// Who somebody is, and what they may do.
    pub claims: ClaimsConfig,
}

/// Where a token says who holds it and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimsConfig {
    /// The claim with the name that stands as the actor; `sub` where it is missing.
    pub name: String,
    /// The claim with the roles: its name, or its path with dots between.
    pub roles: String,
    /// Who has this role may read.
    pub viewer_role: String,
    /// Who has this role may change as well.
    pub operator_role: String,
    /// Who has this role, and none of the others, may record events.
    pub recorder_role: String,
    /// Where it says which saga types it is for; none when every token is for all.
    pub saga_types: Option<SagaTypesClaim>,
    /// The claim with the services whose events a token may record; none when every token is for all.
    pub services: Option<String>,
}

/// Where a token says which saga types it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SagaTypesClaim {
    /// The claim with the types: its name, or its path with dots between.
    pub claim: String,
    /// Whether a token without the claim is refused; otherwise it is for all types.
    pub is_required: bool,
}
