//! `GET /metrics` and `/actuator/prometheus`: for Prometheus.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
};

use saga_collector::metrics::Metrics;
use saga_gateway::Gateway;

const OPEN_METRICS: &str = "application/openmetrics-text";

/// What the collector counts
///
/// OpenMetrics for those who ask for it, as Prometheus does; else Prometheus' own older text.
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "health",
    responses((status = 200, description = "All metrics", content(
        (String = "text/plain"), (String = "application/openmetrics-text"),
    )))
)]
pub(super) async fn page(
    State(metrics): State<Arc<Metrics>>,
    State(gateway): State<Arc<Gateway>>,
    asked: HeaderMap,
) -> (HeaderMap, String) {
    // Read here, since a request may end anywhere, also by its caller going away.
    metrics.gateway.set_buffered(gateway.buffered_bytes());
    let accepted = asked
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .unwrap_or_default();
    let text = metrics.render();
    if accepted.contains(OPEN_METRICS) {
        (
            content_type("application/openmetrics-text; version=1.0.0; charset=utf-8"),
            text,
        )
    } else {
        (
            content_type("text/plain; version=0.0.4; charset=utf-8"),
            as_older_text(&text),
        )
    }
}

/// The same as `/metrics`
#[utoipa::path(
    get, path = "/actuator/prometheus", operation_id = "prometheus", tag = "health",
    responses((status = 200, description = "All metrics", content(
        (String = "text/plain"), (String = "application/openmetrics-text"),
    )))
)]
pub(super) async fn actuator_page(
    metrics: State<Arc<Metrics>>,
    gateway: State<Arc<Gateway>>,
    asked: HeaderMap,
) -> (HeaderMap, String) {
    page(metrics, gateway, asked).await
}

fn content_type(text: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(text))])
}

/// The older text names a counter as its samples are named, with `_total`, and has no end mark.
fn as_older_text(open_metrics: &str) -> String {
    let counters: Vec<&str> = open_metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let mut text = String::with_capacity(open_metrics.len() + 32 * counters.len());
    for line in open_metrics.lines().filter(|line| *line != "# EOF") {
        text.push_str(&with_suffix(line, &counters));
        text.push('\n');
    }
    text
}

fn with_suffix(line: &str, counters: &[&str]) -> String {
    let mut words = line.splitn(4, ' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some("#"), Some(keyword), Some(name), Some(rest)) if counters.contains(&name) => {
            format!("# {keyword} {name}_total {rest}")
        }
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_named_as_their_samples() {
        let text = as_older_text(
            "# HELP a Things.\n# TYPE a counter\na_total 1\n# HELP b B.\n# TYPE b gauge\nb 2\n# EOF\n",
        );
        assert_eq!(
            text,
            "# HELP a_total Things.\n# TYPE a_total counter\na_total 1\n# HELP b B.\n# TYPE b gauge\nb 2\n"
        );
    }
}
