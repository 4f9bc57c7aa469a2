//! Authentication and authorization: checked before any handler runs.
//!
//! Rule of thumb: the path alone decides which role is needed, by the table in `access`.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderName, Uri, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    ApiError,
    access::{self, Requirement, needed},
    same_site, session,
};
use crate::auth::{Access, Caller, Role, oidc::Refusal};
use saga_store::Way;

/// Lets those through who may, with their [`Caller`] beside the request, and beside the response for those who make a
/// page of an error.
pub(crate) async fn check(State(access): State<Arc<Access>>, mut request: Request, next: Next) -> Response {
    if let Err(error) = same_site::check(&request) {
        return error.into_response();
    }
    let (needed, needs_all_types) = match needed(&request) {
        Requirement::Open => return next.run(request).await,
        Requirement::OpenUnlessBound if !access.is_bound() => return next.run(request).await,
        Requirement::OpenUnlessBound => (Role::Viewer, true),
        Requirement::AllTypes(role) => (role, true),
        Requirement::Role(role) => (role, false),
    };
    let called = Called::of(&request);
    let caller = match caller(&access, &called).await {
        Ok(caller) => Caller {
            way: called.way,
            address: called.address,
            ..caller
        },
        Err(error) => return error.into_response(),
    };
    let mut response = match allow(&access, &caller, needed, needs_all_types) {
        Ok(()) => {
            request.extensions_mut().insert(caller.clone());
            next.run(request).await
        }
        Err(error) => error.into_response(),
    };
    response.extensions_mut().insert(caller);
    response
}

/// For handlers that write down who did it.
pub(crate) struct CalledBy(pub(crate) Caller);

impl<S: Sync> FromRequestParts<S> for CalledBy {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Caller>().cloned();
        // A route that is not guarded must fail for every caller.
        caller.map(Self).ok_or_else(ApiError::internal)
    }
}

/// Who is calling a path that is open to everybody; none when they do not say, or are not known.
pub(crate) fn known_caller<'a>(
    access: &'a Access,
    request: &Request,
) -> impl Future<Output = Option<Caller>> + use<'a> {
    let called = Called::of(request);
    async move { caller(access, &called).await.ok() }
}

/// From which address the connection of a request was opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What a request says of who sent it.
struct Called {
    token: Option<String>,
    is_of_this_machine: bool,
    way: Way,
    address: Option<String>,
}

impl Called {
    fn of(request: &Request) -> Self {
        let given = bearer(request.headers()).map(str::to_owned);
        let kept = || {
            is_for_pages(request)
                .then(|| session::token(request.headers()))
                .flatten()
        };
        Self {
            token: given.or_else(kept),
            is_of_this_machine: comes_from_this_machine(request),
            way: match access::page(request.uri().path()) {
                Some(_) => Way::Page,
                None => Way::Rest,
            },
            address: address(request),
        }
    }
}

/// The longest list of addresses that is taken from a proxy, in characters.
const MAX_FORWARDED_CHARS: usize = 200;

/// Where the connection comes from, and for whom a proxy says that it asks. Only the first is certain.
fn address(request: &Request) -> Option<String> {
    let Peer(peer) = request.extensions().get::<Peer>()?;
    let peer = peer.to_canonical();
    let forwarded = request.headers().get("x-forwarded-for");
    let forwarded = forwarded.and_then(|value| value.to_str().ok());
    Some(match forwarded {
        Some(given) => {
            let given: String = given.chars().take(MAX_FORWARDED_CHARS).collect();
            format!("{peer} (forwarded for {given})")
        }
        None => peer.to_string(),
    })
}

/// A browser's cookie counts for pages, for what their scripts read, and for files that they have links to.
fn is_for_pages(request: &Request) -> bool {
    let path = request.uri().path();
    let is_linked = path.starts_with("/api/") || path.starts_with("/internal/") && access::is_file(path);
    access::page(path).is_some() || access::is_read(request.method()) && is_linked
}

async fn caller(access: &Access, called: &Called) -> Result<Caller, ApiError> {
    match access {
        Access::Tokens(_) | Access::Issued { .. } => {
            let token = called
                .token
                .as_ref()
                .ok_or_else(|| ApiError::unauthorized("send a token: Authorization: Bearer TOKEN"))?;
            Ok(access.holder(token).await?)
        }
        Access::ThisMachine if called.is_of_this_machine => Ok(Caller::anonymous(Role::Operator)),
        Access::ThisMachine => Err(ApiError::misdirected()),
        Access::Anybody => Ok(Caller::anonymous(Role::Viewer)),
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::Untrue(_) => Self::unauthorized(message),
            Refusal::NoRole(_) | Refusal::NoTypes(_) => Self::forbidden(message),
            Refusal::Unchecked => Self::unavailable(message),
        }
    }
}

fn allow(access: &Access, caller: &Caller, needed: Role, needs_all_types: bool) -> Result<(), ApiError> {
    if caller.role.may(needed) {
        return match needs_all_types && !caller.scope.is_all() {
            true => Err(ApiError::needs_all_types(&caller.name)),
            false => Ok(()),
        };
    }
    let why = match access {
        Access::Tokens(_) | Access::Issued { .. } => {
            format!("the token {:?} has the role {}", caller.name, caller.role)
        }
        Access::ThisMachine | Access::Anybody => {
            "no call has it without a token; configure tokens (auth.tokens)".to_owned()
        }
    };
    Err(ApiError::forbidden(format!(
        "this needs the role {needed}: {why}"
    )))
}

/// The token of the one header that may hold it.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (given.next(), given.next()) else {
        return None;
    };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Headers that a proxy adds when it passes on what others ask.
const PROXY_HEADERS: [&str; 2] = ["forwarded", "via"];

/// Beginnings of others: what was asked of the proxy.
const PROXY_BEGINNINGS: [&str; 5] = ["x-forwarded", "x-original-", "x-rewrite-", "x-envoy-", "cf-"];

/// Ends of others: for whom it asks. Each proxy has a name of its own for this.
const PROXY_ENDS: [&str; 3] = ["-ip", "clientip", "-address"];

/// A page of some website can make its own name stand for 127.0.0.1 (DNS rebinding), and a proxy can pass on calls of
/// others. The first shows in the name that was called, wherever it is said, the second mostly in a header. A program
/// that sends neither header nor name is on this machine.
fn comes_from_this_machine(request: &Request) -> bool {
    let headers = request.headers();
    let hosts = headers.get_all(header::HOST).iter();
    let mut called = hosts
        .map(|host| host.to_str().unwrap_or_default())
        .chain(request.uri().authority().map(|authority| authority.as_str()));
    called.all(is_this_machine) && !headers.keys().any(is_of_a_proxy)
}

fn is_of_a_proxy(name: &HeaderName) -> bool {
    let name = name.as_str();
    PROXY_HEADERS.contains(&name)
        || PROXY_BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
        || PROXY_ENDS.iter().any(|end| name.ends_with(end))
}

fn is_this_machine(called: &str) -> bool {
    if called.contains('@') {
        return false;
    }
    let Some(host) = called
        .parse::<Uri>()
        .ok()
        .and_then(|uri| uri.host().map(str::to_owned))
    else {
        return false;
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.to_canonical().is_loopback())
}
