//! The questions of a caller.
//!
//! | part | what |
//! | --- | --- |
//! | `saga` | questions about one saga, and about sagas by their ids |
//! | `figures` | lists, counts, samples and what is late |
//! | `operator` | dead letters, operations, jobs and acknowledgements |

mod figures;
mod operator;
mod saga;

use std::{ops::Deref, sync::Arc};

use axum::{extract::FromRequestParts, http::request::Parts};
use saga_collector::owners::Contact;
use saga_store::{ProducerPage, ProducerQuery, Scope, Usual};
use saga_types::{SagaType, Step, definition::Definitions};

use crate::{
    auth::Caller,
    http::{ApiError, guard::CalledBy},
    state::AppState,
};

/// The state as one caller may see it. Only a request of a known caller has one.
#[derive(Clone)]
pub(crate) struct Reader {
    state: AppState,
    caller: Caller,
    definitions: Arc<Definitions>,
}

impl FromRequestParts<AppState> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let CalledBy(caller) = CalledBy::from_request_parts(parts, state).await?;
        let definitions = state.sources.store.definitions().get();
        Ok(Self {
            state: state.clone(),
            definitions: match &caller.scope {
                Scope::All => definitions,
                scope => Arc::new(definitions.only(|saga_type| scope.has(saga_type))),
            },
            caller,
        })
    }
}

/// Nothing in the state leads to the data.
impl Deref for Reader {
    type Target = AppState;

    fn deref(&self) -> &AppState {
        &self.state
    }
}

impl Reader {
    /// The types that the caller may see.
    pub(crate) fn scope(&self) -> &Scope {
        &self.caller.scope
    }

    /// Who asks.
    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What is usual, from memory. It is asked about sagas that the caller was shown, by their type.
    pub(crate) fn usual(&self) -> Arc<Usual> {
        self.sources.store.usual().get()
    }

    /// Who records events. Services record events of any type, and what is known of them has none.
    pub(crate) async fn producers(&self, query: &ProducerQuery) -> Result<ProducerPage, ApiError> {
        if !self.scope().is_all() {
            return Err(ApiError::needs_all_types(&self.caller.name));
        }
        Ok(self.ask("producers", self.sources.store.producers(query)).await?)
    }

    /// The definitions that were in force when the request came.
    pub(crate) fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// The service that owns a step by the definition, and whom to ask: about the service, or else about the saga type.
    pub(crate) fn responsible(&self, saga_type: &SagaType, step: &Step) -> (Option<String>, Option<Contact>) {
        let owner = self.definitions.owner(saga_type, step);
        let contact = self.pages.owners.of(owner, Some(saga_type.as_str()));
        (owner.map(str::to_owned), contact.cloned())
    }
}
