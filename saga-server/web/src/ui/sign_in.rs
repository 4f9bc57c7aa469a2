//! `/sign-in` and `/sign-out`, and the same form in place of a page that needs a role.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};

use super::{
    form::Form,
    page::{Frame, Section, sent},
    page_request::PageRequest,
};
use crate::{
    auth::{Access, Caller, Role},
    http::{ApiError, ErrorCode, query_string::Params, session},
    state::AppState,
};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    frame: Frame,
    /// Why somebody is not let in; none before they tried.
    refused: Option<String>,
    /// Where they wanted to go.
    to: String,
    /// They followed a link from another site, with which the browser sends no cookies: the page is requested again,
    /// from here.
    asks_again: bool,
}

pub(super) async fn page(State(state): State<AppState>, mut params: Params) -> Result<Response, ApiError> {
    let to = own_path(&params.trimmed("to"));
    params.finish()?;
    if !asks_who_calls(&state.access) {
        return Ok(Redirect::to(&to).into_response());
    }
    Ok(form(StatusCode::OK, None, to, false))
}

/// Takes a token, and goes where somebody wanted to go.
pub(super) async fn sign_in(
    State(state): State<AppState>,
    headers: HeaderMap,
    Form(mut fields): Form,
) -> Result<Response, ApiError> {
    let token = fields.trimmed("token");
    let to = own_path(&fields.trimmed("to"));
    fields.finish()?;
    if !asks_who_calls(&state.access) {
        return Ok(Redirect::to(&to).into_response());
    }
    if token.is_empty() {
        return Ok(form(
            StatusCode::BAD_REQUEST,
            Some("the token is missing".to_owned()),
            to,
            false,
        ));
    }
    if token.len() > session::MAX_TOKEN_BYTES {
        return Ok(form(
            StatusCode::BAD_REQUEST,
            Some("the token is too long".to_owned()),
            to,
            false,
        ));
    }
    match state.access.holder(&token).await {
        Ok(caller) => {
            tracing::info!(actor = caller.name, role = caller.role.as_str(), "signed in");
            Ok(with_token(Some(&token), &headers, &to))
        }
        Err(refusal) => {
            let error = ApiError::from(refusal);
            Ok(form(
                error.code().status(),
                Some(error.message().to_owned()),
                to,
                false,
            ))
        }
    }
}

pub(super) async fn sign_out(headers: HeaderMap) -> Response {
    with_token(None, &headers, "/sign-in")
}

/// The form in place of a page that needs somebody.
pub(super) fn instead(error: &ApiError, asked: &PageRequest) -> Response {
    // Who brought nothing along was not refused.
    let refused = asked.has_token.then(|| error.message().to_owned());
    let asks_again = asked.is_from_elsewhere && !asked.has_token;
    form(error.code().status(), refused, own_path(&asked.path), asks_again)
}

/// The sign-in page that leads back to this one; none without authentication.
pub(super) fn path(caller: &Caller, asked: &PageRequest) -> Option<String> {
    let to = super::links::encoded(&asked.path);
    (asked.has_token || caller.name != crate::auth::ANONYMOUS).then(|| format!("/sign-in?to={to}"))
}

fn form(status: StatusCode, refused: Option<String>, to: String, asks_again: bool) -> Response {
    let page = SignIn {
        frame: Frame::new(
            Section::Elsewhere,
            "Sign in",
            &Caller::anonymous(Role::Viewer),
            None,
        )
        .without_bar(),
        refused,
        to,
        asks_again,
    };
    match page.render() {
        Ok(html) => sent(status, html),
        Err(_) => ErrorCode::InternalError.status().into_response(),
    }
}

fn asks_who_calls(access: &Access) -> bool {
    matches!(access, Access::Tokens(_) | Access::Issued { .. })
}

fn with_token(token: Option<&str>, headers: &HeaderMap, to: &str) -> Response {
    let mut response = Redirect::to(to).into_response();
    for cookie in session::cookies(token, is_encrypted(headers)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Whether the browser speaks TLS, to a proxy before us. It says so itself where the page came from.
fn is_encrypted(headers: &HeaderMap) -> bool {
    let says = |name: &str, what: &str| {
        let values = headers.get_all(name).iter();
        let mut texts = values.filter_map(|value: &HeaderValue| value.to_str().ok());
        texts.any(|text| text.to_ascii_lowercase().contains(what))
    };
    says("origin", "https://") || says("x-forwarded-proto", "https") || says("forwarded", "proto=https")
}

/// A path of ours, as it was asked for; anything else leads to the beginning, and never to elsewhere.
fn own_path(to: &str) -> String {
    let is_ours = to.starts_with('/')
        && !to.starts_with("//")
        && !to.contains('\\')
        && to.chars().all(|character| character.is_ascii_graphic());
    if is_ours { to.to_owned() } else { "/".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for ours in ["/", "/sagas?status=FAILED&q=%2F%2Fx", "/sagas/%EC%A3%BC"] {
            assert_eq!(own_path(ours), ours);
        }
        for other in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "\\\\x",
            "/\t/evil",
            "/주",
            "javascript:x",
        ] {
            assert_eq!(own_path(other), "/", "{other:?}");
        }
    }
}
