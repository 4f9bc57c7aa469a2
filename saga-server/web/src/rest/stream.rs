//! `GET /api/v1/sagas/stream`: sagas as they change, as server-sent events.
//!
//! Nothing is kept for a client that is away or too slow: it gets a `reset` and loads again what it shows.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use prometheus_client::metrics::gauge::Gauge;
use saga_types::{
    OrderId, SagaId, SagaStatus, SagaType, Timestamp,
    fold::{Anomaly, SagaState},
};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::saga_filters::{anomaly, name, saga_type};
use crate::{
    auth::Caller,
    http::{
        ApiError,
        guard::CalledBy,
        params::{status, yes_or_no},
        query_string::Params,
    },
    scoped::{Reader, ScopedChanges, Seen},
    streams::{SHARE, Share},
};
use saga_collector::live::Reset;

/// Proxies and clients give up a connection on which nothing comes for long.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// After this a client has to come again, and to show once more who it is.
const LONGEST: Duration = Duration::from_secs(3600);

/// How long a client should wait until it comes again.
const OPENING: Bytes = Bytes::from_static(b"retry: 2000\n: connected\n\n");

const STILL_HERE: Bytes = Bytes::from_static(b": still here\n\n");

/// Which sagas a client wants to see. A saga that changes so that it no longer matches is not sent.
#[derive(Debug, Default)]
struct Filter {
    saga_id: Option<SagaId>,
    order_id: Option<OrderId>,
    saga_type: Option<SagaType>,
    status: Option<SagaStatus>,
    ended: Option<bool>,
    failed: Option<bool>,
    producer_service: Option<String>,
    anomaly: Option<Anomaly>,
}

impl Filter {
    fn take(mut params: Params) -> Result<Self, ApiError> {
        params.expand_tokens(Timestamp::now());
        let filter = Self {
            saga_id: params.parsed("sagaId", |text| name(SagaId::new(text))),
            order_id: params.parsed("orderId", |text| name(OrderId::new(text))),
            saga_type: params.parsed("sagaType", saga_type),
            status: params.parsed("status", status),
            ended: params.parsed("ended", yes_or_no),
            failed: params.parsed("failed", yes_or_no),
            producer_service: params.text("producerService"),
            anomaly: params.parsed("anomaly", anomaly),
        };
        params.finish()?;
        Ok(filter)
    }

    fn matches(&self, saga: &SagaState) -> bool {
        let is = |wanted: Option<bool>| wanted.unwrap_or(true);
        is(self.saga_id.as_ref().map(|wanted| *wanted == saga.saga_id))
            && is(self.order_id.as_ref().map(|wanted| *wanted == saga.order_id))
            && is(self.saga_type.as_ref().map(|wanted| *wanted == saga.saga_type))
            && is(self.status.map(|wanted| wanted == saga.current_status))
            && is(self
                .ended
                .map(|wanted| wanted == saga.current_status.is_terminal()))
            && is(self.failed.map(|wanted| wanted == has_failed(saga)))
            && is(self.anomaly.map(|wanted| saga.anomalies.contains(&wanted)))
            && is(self
                .producer_service
                .as_ref()
                .map(|wanted| saga.services.contains(wanted)))
    }
}

fn has_failed(saga: &SagaState) -> bool {
    matches!(saga.current_status, SagaStatus::Failed | SagaStatus::Compensated)
}

/// Sagas as they change, as server-sent events
///
/// An event `saga` holds a saga as it is now; an event `reset` says that changes were left out, so that the client must
/// load again what it shows. Nothing is kept for clients that are away: `Last-Event-ID` leads to a `reset`.
#[utoipa::path(
    get, path = "/api/v1/sagas/stream", operation_id = "stream", tag = "sagas",
    params(
        ("q" = Option<String>, Query, min_length = 1, max_length = 2000, format = "tokens", description = "The filters below in one line, such as type:REFUND failed; together with parameters they add up"),
        ("sagaId" = Option<SagaId>, Query, description = "Is this saga"),
        ("orderId" = Option<OrderId>, Query, description = "Is about this business key"),
        ("sagaType" = Option<SagaType>, Query, description = "Has this type"),
        ("status" = Option<SagaStatus>, Query, description = "Is in this status now"),
        ("ended" = Option<bool>, Query, description = "Has ended (COMPLETED, FAILED or COMPENSATED), or has not"),
        ("failed" = Option<bool>, Query, description = "Has failed (FAILED or COMPENSATED), or has not"),
        ("producerService" = Option<String>, Query, min_length = 1, description = "Has a step of this service"),
        ("anomaly" = Option<Anomaly>, Query, description = "Has this anomaly"),
    ),
    responses((status = 200, description = "Events without end", content((String = "text/event-stream"))))
)]
pub(super) async fn changes(
    reader: Reader,
    CalledBy(caller): CalledBy,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let filter = Filter::take(params)?;
    let share = reader.streams.enter(&caller).ok_or_else(|| {
        ApiError::unavailable(format!(
            "{:?} has {SHARE} streams open here already; close some",
            caller.name
        ))
    })?;
    let changes = reader.changes().ok_or_else(|| {
        ApiError::unavailable("too many clients look on at this collector already; try again later")
    })?;
    let was_here = headers.contains_key("last-event-id");
    let view = View {
        stop: changes.stop(),
        changes,
        _counted: Counted::at(&reader.metrics.requests.stream_clients),
        _share: share,
        filter,
        opening: was_here
            .then(|| Reset::Resumed.frame())
            .into_iter()
            .chain([OPENING])
            .collect(),
        ends: Instant::now() + longest(&caller, Timestamp::now()),
    };
    let frames = stream::unfold(view, async |mut view| {
        let frame = view.next().await?;
        Some((Ok::<_, std::convert::Infallible>(frame), view))
    });
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream"),
        ),
        // Some proxies would gather what is sent.
        (
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        ),
    ];
    Ok((headers, Body::from_stream(frames)).into_response())
}

/// Until the token of a caller expires, or for [`LONGEST`].
fn longest(caller: &Caller, now: Timestamp) -> Duration {
    let left = caller.expires.map(|expires| expires.millis_since(now).max(0));
    let left = left.map(|millis| Duration::from_millis(millis.cast_unsigned()));
    left.map_or(LONGEST, |left| left.min(LONGEST))
}

/// What one client sees.
struct View {
    changes: ScopedChanges,
    /// Cancelled when the collector ends.
    stop: CancellationToken,
    filter: Filter,
    _counted: Counted,
    _share: Share,
    /// What is sent first, the last entry before the others.
    opening: Vec<Bytes>,
    ends: Instant,
}

/// Counts a client for as long as it is there.
struct Counted(Gauge);

impl Counted {
    fn at(clients: &Gauge) -> Self {
        clients.inc();
        Self(clients.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl View {
    /// What to send next; none at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(frame) = self.opening.pop() {
            return Some(frame);
        }
        let heartbeat = Instant::now() + HEARTBEAT;
        tokio::select! {
            seen = self.changes.next(|saga| self.filter.matches(saga)) => match seen? {
                Seen::Frame(frame) => Some(frame),
                Seen::Reset(reset) => Some(reset.frame()),
            },
            () = sleep_until(heartbeat) => Some(STILL_HERE),
            () = sleep_until(self.ends) => None,
            () = self.stop.cancelled() => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Role;

    #[test]
    fn a_stream_ends_with_the_token_and_after_an_hour_at_most() {
        let now = Timestamp::now();
        let after = |millis: i64| Timestamp::from_millis(now.as_millis() + millis).ok();
        for (expires, seconds) in [
            (None, 3600),
            (after(60_000), 60),
            (after(7_200_000), 3600),
            (after(-60_000), 0),
        ] {
            let caller = Caller {
                expires,
                ..Caller::anonymous(Role::Viewer)
            };
            assert_eq!(longest(&caller, now), Duration::from_secs(seconds));
        }
    }
}
