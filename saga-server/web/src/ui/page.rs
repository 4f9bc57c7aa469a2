//! A page: what all of them have around their content, and how they are sent.

use askama::Template;
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use saga_types::{SagaStatus, Timestamp};

use super::{assets, environments::Environments, humanize::number, surroundings};
use crate::{
    auth::{Caller, Role},
    http::{ApiError, access},
};
use saga_collector::freshness::Freshness;

/// Nothing from elsewhere, no script or style within the page, never inside a frame.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// The sections of the bar. A new one needs a line here and one in [`Section::BAR`]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Sagas,
    Flow,
    DeadLetters,
    Services,
    Operations,
    /// A page of none of them.
    Elsewhere,
}

impl Section {
    /// Those with a page of their own, in their order: path and name. Who may open them is in `http::access`.
    const BAR: &[(Self, &str, &str)] = &[
        (Self::Overview, "/", "Overview"),
        (Self::Sagas, "/sagas", "Sagas"),
        (Self::Flow, "/flow", "Flow"),
        (Self::DeadLetters, "/dead-letters", "Dead letters"),
        (Self::Services, "/services", "Services"),
        (Self::Operations, "/operations", "Operations"),
    ];
}

/// What is around the content of every page.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) title: String,
    /// What needs action on the page, before the title of the tab.
    pub(super) count: Option<String>,
    section: Section,
    /// What was searched for, if anything.
    pub(super) search: String,
    /// How far behind the tracker is, in words, and whether it is not.
    pub(super) freshness: Option<(String, bool)>,
    /// When the page was made.
    pub(super) made: Timestamp,
    /// Who is signed in; none without authentication.
    pub(super) caller: Option<String>,
    pub(super) role: Role,
    /// Whether the caller may see all saga types.
    sees_all_types: bool,
    /// Before signing in, so without links.
    pub(super) is_bare: bool,
    /// Other trackers, with this page in each of them.
    pub(super) environments: Option<Environments>,
    /// What of the stream of sagas would change this page, as a query.
    pub(super) live: Option<String>,
}

impl Frame {
    pub(super) fn new(
        section: Section,
        title: impl Into<String>,
        caller: &Caller,
        freshness: Option<&Freshness>,
    ) -> Self {
        Self {
            title: title.into(),
            count: None,
            section,
            search: String::new(),
            made: Timestamp::now(),
            freshness: freshness.map(|freshness| (freshness.summary.clone(), freshness.up_to_date)),
            caller: (caller.name != crate::auth::ANONYMOUS).then(|| caller.name.clone()),
            role: caller.role,
            sees_all_types: caller.scope.is_all(),
            is_bare: false,
            environments: Environments::of_this_page(),
            live: None,
        }
    }

    /// With word of what changes meanwhile: of the sagas that match the query of `/api/v1/sagas/stream`.
    pub(super) fn with_live(self, query: String) -> Self {
        Self {
            live: Some(query),
            ..self
        }
    }

    /// With so much that needs action on the page.
    pub(super) fn with_count(self, count: Option<String>) -> Self {
        Self { count, ..self }
    }

    /// How many dead letters wait, for a section; a caller for some types only is not shown those of others.
    pub(super) fn badge(&self, path: &str) -> Option<String> {
        let letters = surroundings::letters_waiting();
        (path == "/dead-letters" && letters > 0 && self.sees_all_types).then(|| number(letters))
    }

    /// Without anything that leads to other pages.
    pub(super) fn without_bar(self) -> Self {
        Self {
            is_bare: true,
            ..self
        }
    }

    /// The time of day at which it was made.
    pub(super) fn made_at(&self) -> String {
        let exact = self.made.to_string();
        exact
            .get(11..19)
            .map_or(exact.clone(), |time| format!("{time} UTC"))
    }

    /// The sections that the caller may open: path, name, and whether it is this one.
    pub(super) fn links(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        let (current, role, sees_all) = (self.section, self.role, self.sees_all_types);
        Section::BAR
            .iter()
            .filter(move |(_, path, _)| sees_all || !access::needs_all_types(path))
            .filter(move |(_, path, _)| access::page(path).is_some_and(|needed| role.may(needed)))
            .map(move |(section, path, name)| (*path, *name, *section == current))
    }

    pub(super) fn style(&self) -> &'static str {
        assets::style_path()
    }

    pub(super) fn script(&self) -> &'static str {
        assets::script_path()
    }
}

/// How a status is shown: never by colour alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Badge {
    pub(super) class: &'static str,
    pub(super) sign: &'static str,
    pub(super) name: &'static str,
}

impl From<SagaStatus> for Badge {
    fn from(status: SagaStatus) -> Self {
        let (class, sign, name) = match status {
            SagaStatus::Started => ("started", "○", "Started"),
            SagaStatus::InProgress => ("in-progress", "◐", "In progress"),
            SagaStatus::Completed => ("completed", "✓", "Completed"),
            SagaStatus::Failed => ("failed", "✕", "Failed"),
            SagaStatus::Compensated => ("compensated", "↺", "Compensated"),
        };
        Self { class, sign, name }
    }
}

/// A finished page.
pub(super) struct Page<T>(pub(super) T);

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(html) => sent(StatusCode::OK, html),
            Err(error) => {
                tracing::error!(%error, "a page could not be made");
                ApiError::internal().into_response()
            }
        }
    }
}

/// Sends HTML with the headers of a page.
pub(super) fn sent(status: StatusCode, html: String) -> Response {
    let headers: [(HeaderName, HeaderValue); 3] = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        // A page of elsewhere must not get a saga's id by a link.
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    ];
    (status, headers, html).into_response()
}
