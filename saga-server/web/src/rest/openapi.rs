//! The description of the API (OpenAPI 3.1), and what all endpoints have in common in it.
//!
//! Rule of thumb: a handler's `#[utoipa::path]` says what is its own. What follows from the path, or holds for every answer,
//! is added here, so that it can neither be forgotten nor differ between endpoints.
//!
//! Generators make clients of it. Two types of one name become one without a word, so the second needs `schema(as = ...)`; a choice
//! between an object and a list does not compile in Java, and one of two formats cannot be sent; a variant with fields needs a title.

use std::collections::BTreeSet;

use axum::http::Method;
use serde::Serialize;
use serde_json::Value;
use utoipa::{
    OpenApi,
    openapi::{
        Components, Content, HeaderBuilder, ObjectBuilder, PathItem, Ref, RefOr, Response, ResponseBuilder,
        Schema, Type,
        path::{Operation, Parameter},
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

use super::{files::AttentionGroup, saga_filters::MetadataFilter};
use crate::auth::Role;
use crate::http::{
    ErrorCode,
    access::{self, Requirement},
    date_range::Moment,
    error::ErrorBody,
    otlp_status::StatusBody,
};

const BEARER: &str = "bearer";
const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

/// What stands above all endpoints.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Saga Tracker",
        description = "Where each saga is, what it waits for and what went wrong.\n\n\
            Times are in UTC, in whole milliseconds. Every field of an answer is always there; what is not known is null. \
            A parameter or field that is not known is refused. Every error has the same form, but for the paths of \
            OTLP, which have that of OTLP.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/", description = "The collector that serves this document")),
    tags(
        (name = "sagas", description = "Sagas and their steps. Needs the role viewer."),
        (name = "events", description = "Events of services. Needs the role recorder."),
        (name = "operation", description = "What operators do. Needs the role operator."),
        (name = "health", description = "For orchestrators and Prometheus. Open to everybody; metrics need a token for all saga types once rights are bound to saga types."),
    ),
    // What no body refers to.
    components(schemas(ErrorBody, StatusBody, Moment, MetadataFilter, AttentionGroup))
)]
pub(super) struct BaseDocument;

/// Adds what the endpoints have in common.
pub(super) fn complete(mut api: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    give_filters(&mut api);
    let asked = asked_schemas(&mut api);
    let components = api.components.get_or_insert_default();
    add_bearer(components);
    require_fields(components, &asked);
    for (code, description) in SHARED_ERRORS {
        components
            .responses
            .insert(name(code), error(code, description).into());
    }
    for (path, item) in &mut api.paths.paths {
        for operation in operations(item) {
            describe(path, operation);
        }
    }
    api
}

const SHARED_ERRORS: [(ErrorCode, &str); 7] = [
    (
        ErrorCode::BadRequest,
        "The request is wrong; the details name the parameters or fields.",
    ),
    (ErrorCode::Unauthorized, "The caller is not known."),
    (
        ErrorCode::Forbidden,
        "The caller does not have the role that this needs.",
    ),
    (ErrorCode::PayloadTooLarge, "The body is too long."),
    (
        ErrorCode::MisdirectedRequest,
        "Without tokens only direct calls to localhost or 127.0.0.1 are answered.",
    ),
    (
        ErrorCode::InternalError,
        "A bug in the collector; its log says which.",
    ),
    (
        ErrorCode::ServiceUnavailable,
        "The database is unavailable, or took too long. Try again later.",
    ),
];

/// A file has the filters of its list, and no places in it.
fn give_filters(api: &mut utoipa::openapi::OpenApi) {
    const PLACES: [&str; 3] = ["page", "size", "cursor"];
    let is_filter = |parameter: &&RefOr<Parameter>| match parameter {
        RefOr::T(parameter) => !PLACES.contains(&parameter.name.as_str()),
        RefOr::Ref(_) => true,
    };
    let lists: Vec<(String, Option<Vec<RefOr<Parameter>>>)> = api
        .paths
        .paths
        .iter()
        .map(|(path, item)| {
            let get = item.get.as_ref();
            (path.clone(), get.and_then(|get| get.parameters.clone()))
        })
        .collect();
    for (path, item) in &mut api.paths.paths {
        let list = path.strip_suffix(".csv").or_else(|| path.strip_suffix(".ndjson"));
        let found = lists.iter().find(|(other, _)| Some(other.as_str()) == list);
        if let (Some(get), Some((_, Some(parameters)))) = (&mut item.get, found) {
            get.parameters = Some(parameters.iter().filter(is_filter).cloned().collect());
        }
    }
}

fn describe(path: &str, operation: &mut Operation) {
    let mut errors = vec![
        ErrorCode::BadRequest,
        ErrorCode::InternalError,
        ErrorCode::ServiceUnavailable,
    ];
    let requirement = |role: Role| SecurityRequirement::new(BEARER, [role.to_string()]);
    match access::named(&Method::GET, path) {
        Some(Requirement::Role(role) | Requirement::AllTypes(role)) => {
            errors.extend([
                ErrorCode::Unauthorized,
                ErrorCode::Forbidden,
                ErrorCode::MisdirectedRequest,
            ]);
            operation.security = Some(vec![requirement(role)]);
        }
        Some(Requirement::OpenUnlessBound) => {
            errors.extend([ErrorCode::Unauthorized, ErrorCode::Forbidden]);
            operation.security = Some(vec![SecurityRequirement::default(), requirement(Role::Viewer)]);
        }
        Some(Requirement::Open) | None => {}
    }
    if operation.request_body.is_some() {
        errors.push(ErrorCode::PayloadTooLarge);
    }
    distinguish(path, operation);
    if access::is_otlp(path) {
        give_statuses(operation, &errors);
    }
    give_form(operation);
    for code in errors {
        let status = code.status().as_str().to_owned();
        let shared = Ref::from_response_name(name(code));
        operation
            .responses
            .responses
            .entry(status)
            .or_insert(shared.into());
    }
}

/// Endpoints that are there twice share a handler, but ids are unique.
fn distinguish(path: &str, operation: &mut Operation) {
    if path.starts_with("/actuator/")
        && let Some(id) = &mut operation.operation_id
    {
        let (first, rest) = id.split_at(1);
        *id = format!("actuator{}{rest}", first.to_uppercase());
    }
}

/// Errors that a handler names have the one form, unless it says otherwise.
fn give_form(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
            && response.content.is_empty()
        {
            response.content.insert(JSON.to_owned(), error_content().into());
        }
    }
}

/// On the paths of OTLP errors have the form that exporters read, in either encoding.
fn give_statuses(operation: &mut Operation, errors: &[ErrorCode]) {
    let responses = &mut operation.responses.responses;
    for code in errors {
        let shared = SHARED_ERRORS.iter().find(|(shared, _)| shared == code);
        let description = shared.map_or("", |(_, description)| description);
        responses
            .entry(code.status().as_str().to_owned())
            .or_insert_with(|| ResponseBuilder::new().description(description).build().into());
    }
    for (status, response) in responses {
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
        {
            for (media_type, schema) in [(JSON, "RpcStatus"), (PROTOBUF, "Protobuf")] {
                let content = Content::new(Some(Ref::from_schema_name(schema)));
                response.content.insert(media_type.to_owned(), content.into());
            }
        }
    }
}

fn error(code: ErrorCode, description: &str) -> Response {
    let response = ResponseBuilder::new()
        .description(description)
        .content(JSON, error_content());
    match code.header() {
        Some((name, value)) => {
            let text = ObjectBuilder::new().schema_type(Type::String).build();
            let header = HeaderBuilder::new()
                .schema(Some(text))
                .example(Some(Value::from(value)))
                .build();
            response.header(name.as_str(), header)
        }
        None => response,
    }
    .build()
}

fn error_content() -> Content {
    Content::new(Some(Ref::from_schema_name("Error")))
}

fn name(code: ErrorCode) -> String {
    format!("{code:?}")
}

fn add_bearer(components: &mut Components) {
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.description = Some("A token of `auth.tokens`; `saga-server token` makes one.".to_owned());
    components
        .security_schemes
        .insert(BEARER.to_owned(), SecurityScheme::Http(bearer).into());
}

/// The warnings and sources of health, the results beside an error and the rejected items of an export are there only when there are any.
const MAY_BE_ABSENT: [&str; 4] = ["warnings", "sources", "results", "partialSuccess"];

/// Every other field of an answer is always there. Only what callers send may leave out what can be null.
fn require_fields(components: &mut Components, asked: &BTreeSet<String>) {
    for (name, schema) in &mut components.schemas {
        if !asked.contains(name) {
            require_all(schema);
        }
    }
}

fn require_all(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            let names = object.properties.keys().cloned();
            object.required = names
                .filter(|name| !MAY_BE_ABSENT.contains(&name.as_str()))
                .collect();
        }
        RefOr::T(Schema::AllOf(parts)) => parts.items.iter_mut().for_each(require_all),
        _ => {}
    }
}

/// The schemas of bodies that callers send, and those that these are made of.
fn asked_schemas(api: &mut utoipa::openapi::OpenApi) -> BTreeSet<String> {
    let schemas = api
        .components
        .as_ref()
        .map(|components| json(&components.schemas));
    let schemas = schemas.unwrap_or_default();
    let bodies = api.paths.paths.values_mut().flat_map(operations);
    let mut open: Vec<String> = bodies
        .flat_map(|operation| named_in(&json(&operation.request_body)))
        .collect();
    let mut found = BTreeSet::new();
    while let Some(name) = open.pop() {
        open.extend(named_in(&schemas[&name]));
        found.insert(name);
    }
    found
}

fn json(part: &impl Serialize) -> Value {
    // Parts of a document can always be written.
    serde_json::to_value(part).unwrap_or_default()
}

/// The schemas that a part of the document refers to.
fn named_in(part: &Value) -> Vec<String> {
    let text = part.to_string();
    let names = text.split("\"#/components/schemas/").skip(1);
    names
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.patch,
        &mut item.delete,
    ]
    .into_iter()
    .flatten()
}
