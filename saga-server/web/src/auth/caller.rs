//! Who is calling, once it is known.

use saga_store::{Actor, Scope, Way};
use saga_types::{MAX_NAME_CHARS, SagaEvent, Timestamp};

use super::{Role, Services};

/// The name of callers of whom nothing is known.
pub const ANONYMOUS: &str = "anonymous";

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name of their token, or [`ANONYMOUS`]; stands as the actor in what they change.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Which saga types they may see and change.
    pub scope: Scope,
    /// Whose events they may record.
    pub services: Services,
    /// When their token ends; none when it does not.
    pub expires: Option<Timestamp>,
    /// By which way they call.
    pub way: Way,
    /// From which address, as far as it is known.
    pub address: Option<String>,
}

impl Caller {
    /// The holder of a token.
    #[must_use]
    pub fn of_token(name: String, role: Role, scope: Scope, expires: Option<Timestamp>) -> Self {
        Self {
            name,
            role,
            scope,
            services: Services::All,
            expires,
            way: Way::Rest,
            address: None,
        }
    }

    /// The same caller, who may record the events of these services only.
    #[must_use]
    pub fn for_services(mut self, services: Services) -> Self {
        self.services = services;
        self
    }

    /// Whether they may record an event.
    ///
    /// # Errors
    ///
    /// Why they may not, in words.
    pub fn may_record(&self, event: &SagaEvent) -> Result<(), String> {
        if !self.scope.has(&event.saga_type) {
            let saga_type = &event.saga_type;
            return Err(format!(
                "the token {:?} is not for the saga type {saga_type}",
                self.name
            ));
        }
        let service = event
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.producer_service());
        match (self.services.has(service), service) {
            (true, _) => Ok(()),
            (false, Some(service)) => Err(format!(
                "the token {:?} is not for the service {service:?}",
                self.name
            )),
            (false, None) => Err(format!(
                "the token {:?} is for some services only, and the event does not name one (metadata.producerService)",
                self.name
            )),
        }
    }

    /// As the log of operations names them.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor {
            name: self.name.clone(),
            role: Some(self.role.as_str().to_owned()),
            way: self.way,
            address: self.address.clone(),
        }
    }

    /// A caller of whom nothing is known.
    #[must_use]
    pub fn anonymous(role: Role) -> Self {
        Self::of_token(ANONYMOUS.to_owned(), role, Scope::All, None)
    }
}

/// Checks the name of a token; it will stand in the history of sagas.
///
/// # Errors
///
/// What it must be, in words.
pub fn check_name(name: &str) -> Result<(), String> {
    let is_allowed = |character: char| !character.is_control() && !":;".contains(character);
    let is_name = (1..=MAX_NAME_CHARS).contains(&name.chars().count())
        && name.chars().all(is_allowed)
        && name.trim() == name;
    if !is_name {
        return Err(format!(
            "its name must be 1 to {MAX_NAME_CHARS} characters without : and ; and spaces around it"
        ));
    }
    if name == ANONYMOUS {
        return Err(format!(
            "its name must not be {ANONYMOUS}, as callers without a token are called"
        ));
    }
    Ok(())
}
