//! Trace and span id of the current span, with the real SDKs of OpenTelemetry and `tracing-opentelemetry`.
#![cfg(all(feature = "kafka", feature = "opentelemetry"))]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use opentelemetry::{
    Context,
    trace::{
        SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, Tracer as _,
        TracerProvider as _,
    },
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use saga_sdk::{
    Saga, SagaConfig, SagaContext, SagaEvent, SagaStatus, SagaType, StepRecord, TraceContext, steps,
};

fn event() -> (SagaEvent, Option<TraceContext>) {
    let saga = SagaContext {
        saga_type: SagaType::ORDER_CREATION,
        saga_id: "saga-1".parse().unwrap(),
        order_id: "order-1".parse().unwrap(),
    };
    let trace = TraceContext::current();
    let record = StepRecord::new(saga, steps::ORDER_CREATED, SagaStatus::Started);
    (record.into_event("order-service", trace.as_ref()).unwrap(), trace)
}

fn entry(event: &SagaEvent, key: &str) -> Option<String> {
    let value = event
        .metadata
        .as_ref()
        .unwrap()
        .to_object()
        .get(key)?
        .as_str()?
        .to_owned();
    Some(value)
}

#[test]
fn without_a_span_there_is_no_trace() {
    let (event, trace) = event();
    assert_eq!(trace, None);
    assert_eq!((entry(&event, "traceId"), entry(&event, "spanId")), (None, None));
}

#[test]
fn the_span_of_the_opentelemetry_context_is_taken() {
    let provider = SdkTracerProvider::builder().build();
    let span = provider.tracer("test").start("place order");
    let context = Context::current_with_span(span);
    let expected = context.span().span_context().clone();
    let _attached = context.attach();
    let (event, trace) = event();
    assert_eq!(entry(&event, "traceId"), Some(expected.trace_id().to_string()));
    assert_eq!(entry(&event, "spanId"), Some(expected.span_id().to_string()));
    let traceparent = format!("00-{}-{}-01", expected.trace_id(), expected.span_id());
    assert_eq!(trace.unwrap().traceparent(), traceparent, "sampled");
}

#[test]
fn an_event_of_an_unsampled_trace_stays_unsampled_when_it_is_sent_again() {
    let remote = SpanContext::new(
        TraceId::from(7),
        SpanId::from(9),
        TraceFlags::default(),
        true,
        TraceState::default(),
    );
    let _attached = Context::new().with_remote_span_context(remote).attach();
    let (event, trace) = event();
    assert_eq!(entry(&event, "traceFlags").as_deref(), Some("00"));
    assert_eq!(TraceContext::of_event(&event), trace);
}

#[test]
fn an_event_of_a_sampled_trace_names_no_flags() {
    let provider = SdkTracerProvider::builder().build();
    let context = Context::current_with_span(provider.tracer("test").start("place order"));
    let _attached = context.attach();
    let (event, trace) = event();
    assert_eq!(entry(&event, "traceFlags"), None);
    assert_eq!(TraceContext::of_event(&event), trace);
}

thread_local! {
    static FAILS_ON_DROP: std::cell::RefCell<Option<FailsOnDrop>> = const { std::cell::RefCell::new(None) };
}

/// Records a failed step when its thread ends.
struct FailsOnDrop(Saga);

impl Drop for FailsOnDrop {
    fn drop(&mut self) {
        drop(self.0.failed(steps::PAYMENT_FAILED, "the thread ended").record());
    }
}

/// A panic in such a destructor aborts the process, and so this test.
#[test]
fn a_thread_local_destructor_can_record() {
    let config = SagaConfig::default()
        .enabled(true)
        .bootstrap_servers("127.0.0.1:1")
        .service_name("order-service");
    let tracker = saga_sdk::connect(&config).unwrap();
    for records_before in [false, true] {
        let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
        let thread = std::thread::spawn(move || {
            FAILS_ON_DROP.set(Some(FailsOnDrop(saga.clone())));
            let provider = SdkTracerProvider::builder().build();
            let context = Context::current_with_span(provider.tracer("test").start("place order"));
            let _attached = context.attach();
            if records_before {
                drop(saga.start(steps::ORDER_CREATED).record());
            }
        });
        thread.join().unwrap();
    }
    assert_eq!(tracker.stats().recorded, 3);
}

/// The context is being taken apart when its value's destructor asks for the current one.
#[test]
fn a_value_of_the_opentelemetry_context_can_record_in_its_destructor() {
    let config = SagaConfig::default()
        .enabled(true)
        .bootstrap_servers("127.0.0.1:1")
        .service_name("order-service");
    let tracker = saga_sdk::connect(&config).unwrap();
    let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "saga-1");
    let attached = Context::current_with_value(FailsOnDrop(saga)).attach();
    drop(attached);
    assert_eq!(tracker.stats().recorded, 1);
}

#[test]
fn the_trace_state_of_a_remote_parent_is_passed_on() {
    let state = TraceState::from_key_value([("vendor", "value")]).unwrap();
    let remote = SpanContext::new(
        TraceId::from(7),
        SpanId::from(9),
        TraceFlags::default(),
        true,
        state,
    );
    let _attached = Context::new().with_remote_span_context(remote).attach();
    let trace = TraceContext::current().unwrap();
    assert_eq!(trace.tracestate(), Some("vendor=value"));
    assert!(
        trace.traceparent().ends_with("-0000000000000009-00"),
        "{}",
        trace.traceparent()
    );
}

#[cfg(feature = "tracing-opentelemetry")]
mod tracing_spans {
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn the_current_tracing_span_is_taken() {
        let provider = SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let outer = tracing::info_span!("place order");
            let _outer = outer.enter();
            let inner = tracing::info_span!("reserve stock");
            let _inner = inner.enter();
            let (event, _) = event();
            let expected = inner.context().span().span_context().clone();
            assert_eq!(entry(&event, "traceId"), Some(expected.trace_id().to_string()));
            assert_eq!(entry(&event, "spanId"), Some(expected.span_id().to_string()));
            assert_eq!(
                outer.context().span().span_context().trace_id(),
                expected.trace_id()
            );
        });
    }

    fn remote() -> Context {
        let span = SpanContext::new(
            TraceId::from(7),
            SpanId::from(9),
            TraceFlags::SAMPLED,
            true,
            TraceState::default(),
        );
        Context::new().with_remote_span_context(span)
    }

    /// Asking a span for its context fixes its trace, so recording outside of it must not ask.
    #[test]
    fn a_parent_that_is_set_before_the_span_is_entered_counts_though_something_was_recorded_before() {
        let provider = SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("reserve stock");
            let (before, _) = event();
            assert_eq!(entry(&before, "traceId"), None);
            span.set_parent(remote()).unwrap();
            let _entered = span.enter();
            let (after, _) = event();
            assert_eq!(entry(&after, "traceId"), Some(TraceId::from(7).to_string()));
        });
    }

    #[test]
    fn without_the_layer_the_opentelemetry_context_counts() {
        tracing::subscriber::with_default(tracing_subscriber::registry(), || {
            let _entered = tracing::info_span!("not exported").entered();
            assert_eq!(TraceContext::current(), None);
            let provider = SdkTracerProvider::builder().build();
            let context = Context::current_with_span(provider.tracer("test").start("place order"));
            let _attached = context.attach();
            assert!(TraceContext::current().is_some());
        });
    }
}
