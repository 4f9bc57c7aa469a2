//! Every route of the collector: REST, pages, `/mcp` and what every request passes through. Only this file knows all of them.

use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    http::{
        body, compress, guard,
        listen::{self, Limits},
        middleware,
    },
    mcp, rest,
    state::{AppState, GatewayState},
    ui,
};

/// Answers on a listener until `stop`; requests that were begun by then are still answered.
pub async fn serve(listener: TcpListener, state: AppState, limits: Limits, stop: CancellationToken) {
    listen::serve(listener, router(state), limits, stop).await;
}

/// The same for a gateway that runs alone.
pub async fn serve_gateway(
    listener: TcpListener,
    state: GatewayState,
    limits: Limits,
    stop: CancellationToken,
) {
    listen::serve(listener, gateway_router(state), limits, stop).await;
}

/// Every route of the collector.
pub fn router(state: AppState) -> Router {
    rest::declare_outcomes(&state.metrics);
    let pages = ui::routes()
        .into_iter()
        .fold(Router::new(), |router, (path, page)| router.route(path, page));
    let (endpoints, document) = rest::endpoints().split_for_parts();
    let endpoints = endpoints.layer(Extension(rest::ApiDocument::of(document)));
    let questions = mcp::route(answering(endpoints.clone(), state.clone()), state.pages.clone());
    let routes = endpoints
        .merge(rest::viewer())
        .merge(pages)
        .route(mcp::PATH, questions);
    answering(routes, state)
}

/// These routes, with what every request passes.
fn answering(routes: Router<AppState>, state: AppState) -> Router {
    routes
        .fallback(middleware::no_such_route)
        .method_not_allowed_fallback(middleware::method_not_allowed)
        .layer(DefaultBodyLimit::max(body::LIMIT))
        .layer(from_fn_with_state(state.access.clone(), guard::check))
        // In the task that answers, and once more for the pages of errors.
        .layer(from_fn_with_state(state.clone(), ui::know_surroundings))
        .layer(from_fn(middleware::limit))
        .layer(from_fn(ui::error_pages))
        .layer(from_fn_with_state(state.clone(), ui::know_surroundings))
        .layer(from_fn_with_state(
            state.metrics.clone(),
            middleware::observe_request,
        ))
        .layer(compress::layer())
        .with_state(state)
}

/// The routes of a gateway that runs alone: where events are taken, health and metrics.
pub fn gateway_router(state: GatewayState) -> Router {
    rest::declare_outcomes(&state.metrics);
    let (endpoints, _) = rest::gateway_endpoints().split_for_parts();
    endpoints
        .fallback(middleware::no_such_route)
        .method_not_allowed_fallback(middleware::method_not_allowed)
        .layer(from_fn_with_state(state.access.clone(), guard::check))
        .layer(from_fn(middleware::limit))
        .layer(from_fn_with_state(
            state.metrics.clone(),
            middleware::observe_request,
        ))
        .layer(compress::layer())
        .with_state(state)
}

/// The path of every route, with placeholders in braces.
#[must_use]
pub fn paths() -> Vec<String> {
    let endpoints = rest::endpoints().into_openapi().paths.paths.into_keys();
    let pages = ui::routes().into_iter().map(|(path, _)| path.to_owned());
    endpoints
        .chain(rest::VIEWER_PATHS.map(str::to_owned))
        .chain(pages)
        .chain([mcp::PATH.to_owned()])
        .collect()
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::paths;
    use crate::http::access;

    #[test]
    fn every_route_is_named_in_the_table_of_access() {
        for path in paths() {
            assert!(
                access::named(&Method::GET, &path).is_some(),
                "{path} is not named"
            );
        }
    }
}
