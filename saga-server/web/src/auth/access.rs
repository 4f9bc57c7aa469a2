//! From a token, or the lack of one, to a caller.

use std::sync::Arc;

use saga_store::Scope;

use super::{
    Caller, Role, Services, TokenHash,
    oidc::{Issuer, Refusal},
};

/// So many saga types may the rights of one token be bound to.
pub const MAX_TYPES: usize = 100;

/// One token that is taken.
#[derive(Debug, Clone)]
pub struct Token {
    /// Who holds it.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// Which saga types its holder may see and change.
    pub scope: Scope,
    /// Whose events its holder may record.
    pub services: Services,
    /// What is known of it.
    pub hash: TokenHash,
}

/// Who may call.
#[derive(Debug, Clone)]
pub enum Access {
    /// The holders of these tokens.
    Tokens(Vec<Token>),
    /// Those to whom an issuer gave a token, and the holders of these.
    Issued {
        /// Signs tokens.
        issuer: Arc<Issuer>,
        /// Tokens that no issuer signed.
        tokens: Vec<Token>,
    },
    /// This machine alone can call, so everybody is an operator.
    ThisMachine,
    /// Others can call and are not known, so everybody may read and no more.
    Anybody,
}

impl Access {
    /// Whether the rights of some callers are bound to saga types, or may be.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        let (Self::Tokens(tokens) | Self::Issued { tokens, .. }) = self else {
            return false;
        };
        let is_by_claim = matches!(self, Self::Issued { issuer, .. } if issuer.binds_to_types());
        is_by_claim || tokens.iter().any(|token| !token.scope.is_all())
    }

    /// The holder of a token.
    ///
    /// # Errors
    ///
    /// [`Refusal`] with what callers may know.
    pub async fn holder(&self, token: &str) -> Result<Caller, Refusal> {
        let known = self.known_holder(token);
        match (known, self) {
            (Some(caller), _) => Ok(caller),
            (None, Self::Issued { issuer, .. }) => issuer.holder(token).await,
            (None, _) => Err(Refusal::Untrue("the token is not known here")),
        }
    }

    fn known_holder(&self, token: &str) -> Option<Caller> {
        let (Self::Tokens(tokens) | Self::Issued { tokens, .. }) = self else {
            return None;
        };
        let hash = TokenHash::of(token);
        // Goes through all of them, so that the time does not tell which one matched.
        let found = tokens
            .iter()
            .fold(None, |found, token| match token.hash.matches(&hash) {
                true => Some(token),
                false => found,
            });
        found.map(|token| {
            Caller::of_token(token.name.clone(), token.role, token.scope.clone(), None)
                .for_services(token.services.clone())
        })
    }
}
