//! The trackers of other environments, in the bar: the address of the page that is open, in each of them.
//!
//! Rule of thumb: a page is the same function of its address everywhere, so nothing is asked of the others.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};

use crate::{Environment, PagesConfig, state::AppState};

tokio::task_local! {
    /// What the page that is being made is called by.
    static HERE: Here;
}

struct Here {
    pages: Arc<PagesConfig>,
    /// Path and query.
    address: String,
}

/// The list of the bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Environments {
    /// This one.
    pub(super) name: String,
    /// Name and address of the page in each of the others.
    pub(super) others: Vec<(String, String)>,
}

/// Lets every page that is made for the request know its own address.
pub(crate) async fn know_address(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if state.pages.environments.is_empty() {
        return next.run(request).await;
    }
    // The answer to a form has no address of its own.
    let address = match *request.method() {
        Method::GET => request
            .uri()
            .path_and_query()
            .map_or("/", |address| address.as_str()),
        _ => "/",
    };
    let here = Here {
        address: address.to_owned(),
        pages: state.pages.clone(),
    };
    HERE.scope(here, next.run(request)).await
}

impl Environments {
    /// None when no others are configured.
    pub(super) fn of_this_page() -> Option<Self> {
        HERE.try_with(|here| Self::of(&here.pages, &here.address))
            .ok()
            .flatten()
    }

    fn of(pages: &PagesConfig, address: &str) -> Option<Self> {
        let name = pages.environment.clone()?;
        let others = pages.environments.iter().filter(|other| other.name != name);
        let link = |Environment { name, url }: &Environment| (name.clone(), format!("{url}{address}"));
        Some(Self {
            others: others.map(link).collect(),
            name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_the_same_address_in_the_others() {
        let environment = |name: &str, url: &str| Environment {
            name: name.to_owned(),
            url: url.to_owned(),
        };
        let pages = PagesConfig {
            environments: vec![
                environment("production", "https://saga.example"),
                environment("staging", "https://staging.example/saga"),
            ],
            environment: Some("production".to_owned()),
            ..PagesConfig::default()
        };
        let list = Environments::of(&pages, "/sagas?status=FAILED").unwrap();
        assert_eq!(list.name, "production");
        assert_eq!(
            list.others,
            [(
                "staging".to_owned(),
                "https://staging.example/saga/sagas?status=FAILED".to_owned()
            )]
        );
        assert_eq!(Environments::of(&PagesConfig::default(), "/"), None);
        assert_eq!(Environments::of_this_page(), None);
    }
}
