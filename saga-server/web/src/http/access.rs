//! Which path needs which role. What is not named here needs an operator, so a new route is closed until it is named.
//!
//! Routes match the path as it is written, without decoding it, and so does this table.

use axum::{
    extract::{MatchedPath, Request},
    http::Method,
};

use crate::auth::Role;

/// What a caller needs for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requirement {
    /// Nothing: orchestrators and Prometheus ask this, a browser needs it to sign in, or it is the same for everybody.
    Open,
    /// A role.
    Role(Role),
    /// A role and rights to all saga types: what it shows is counted over all of them.
    AllTypes(Role),
    /// The same once rights are bound to saga types, and nothing before.
    OpenUnlessBound,
}

/// Paths that are the same for everybody, by their first segment.
const OPEN: [&str; 7] = [
    "health",
    "actuator",
    "api-docs",
    "swagger-ui",
    "assets",
    "sign-in",
    "sign-out",
];

/// Pages, by their first segment, with the role to read them. Their forms need an operator.
const PAGES: [(&str, Role); 10] = [
    ("", Role::Viewer),
    ("sagas", Role::Viewer),
    ("flow", Role::Viewer),
    ("differences", Role::Viewer),
    ("dead-letters", Role::Operator),
    ("operations", Role::Operator),
    ("acknowledgements", Role::Operator),
    ("services", Role::Viewer),
    ("search", Role::Viewer),
    ("views", Role::Viewer),
];

/// Paths that show numbers of all saga types together.
const ALL_TYPES: [&str; 4] = [
    "/services",
    "/internal/v1/producers",
    "/internal/v1/producers.csv",
    "/internal/v1/producers.ndjson",
];

/// Paths of metrics.
const METRICS: [&str; 2] = ["/metrics", "/actuator/prometheus"];

/// Interfaces for programs, by their first segment. What `mcp` asks is checked once more, call by call.
const INTERFACES: [(&str, Role); 3] = [
    ("api", Role::Viewer),
    ("internal", Role::Operator),
    (MCP, Role::Viewer),
];

/// The path of questions of language models.
const MCP: &str = "mcp";

/// Paths that take events.
const RECORDING: [&str; 3] = ["/api/v1/events", OTLP[0], OTLP[1]];

/// Those of them that are of OTLP.
const OTLP: [&str; 2] = ["/v1/traces", "/v1/logs"];

/// Paths where dead letters are tried, beside the forms of their pages.
const TRYING_LETTERS: [&str; 3] = [
    "/internal/v1/sagas/replay",
    "/internal/v1/jobs/preview",
    "/operations/jobs/preview",
];

/// What a request needs.
pub(crate) fn needed(request: &Request) -> Requirement {
    let (method, path) = (request.method(), request.uri().path());
    named(method, path).unwrap_or_else(|| {
        // A path without a route tells nothing; one that has a route and is not named may tell anything.
        Requirement::Role(match request.extensions().get::<MatchedPath>() {
            Some(_) => Role::Operator,
            None => Role::Viewer,
        })
    })
}

/// What the table says of a path.
pub(crate) fn named(method: &Method, path: &str) -> Option<Requirement> {
    let first = first_segment(path);
    if METRICS.contains(&path) {
        return Some(Requirement::OpenUnlessBound);
    }
    if records(path) {
        return Some(Requirement::Role(Role::Recorder));
    }
    if OPEN.contains(&first) {
        return Some(Requirement::Open);
    }
    let role = match page(path) {
        Some(_) if !is_read(method) => Some(Role::Operator),
        Some(role) => Some(role),
        None => find(&INTERFACES, first),
    };
    role.map(match needs_all_types(path) {
        true => Requirement::AllTypes,
        false => Requirement::Role,
    })
}

/// The role to read a page; none when the path is no page's.
pub(crate) fn page(path: &str) -> Option<Role> {
    match first_segment(path) {
        "" if path != "/" => None,
        first => find(&PAGES, first),
    }
}

/// Whether a path takes events.
pub(crate) fn records(path: &str) -> bool {
    RECORDING.contains(&path)
}

/// Whether the answer to a request may wait for another system longer than others: for the broker, or, when dead letters are tried,
/// for a database that recovers from one of them.
pub(crate) fn may_wait(method: &Method, path: &str) -> bool {
    let tries_letters = TRYING_LETTERS.contains(&path) || first_segment(path) == "dead-letters";
    records(path) || (!is_read(method) && tries_letters)
}

/// Whether a path is of OTLP, whose errors have a form of their own.
pub(crate) fn is_otlp(path: &str) -> bool {
    OTLP.contains(&path)
}

/// Whether a path shows numbers of all saga types together.
pub(crate) fn needs_all_types(path: &str) -> bool {
    ALL_TYPES.contains(&path)
}

/// Whether a path is of a list as a file, to which pages have links.
pub(crate) fn is_file(path: &str) -> bool {
    path.ends_with(".csv") || path.ends_with(".ndjson")
}

/// Whether orchestrators or Prometheus ask for a path; they are answered however many others ask.
pub(crate) fn is_probe(path: &str) -> bool {
    matches!(first_segment(path), "health" | "actuator" | "metrics")
}

/// Whether forms are sent to a path.
pub(crate) fn takes_forms(path: &str) -> bool {
    matches!(path, "/sign-in" | "/sign-out") || page(path).is_some()
}

/// Whether questions of language models are sent to a path.
pub(crate) fn takes_questions(path: &str) -> bool {
    first_segment(path) == MCP
}

/// Whether a method only reads.
pub(crate) fn is_read(method: &Method) -> bool {
    [Method::GET, Method::HEAD].contains(method)
}

fn first_segment(path: &str) -> &str {
    path.split('/').nth(1).unwrap_or(path)
}

fn find(table: &[(&str, Role)], first: &str) -> Option<Role> {
    table
        .iter()
        .find_map(|(name, role)| (*name == first).then_some(*role))
}
