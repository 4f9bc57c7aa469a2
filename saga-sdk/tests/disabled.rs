//! A disabled tracker allocates nothing for a record call, and passes sagas on.
#![expect(unsafe_code, reason = "an allocator that counts")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use saga_sdk::{Recording, SagaConfig, SagaType, Timestamp, headers, steps};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_record_call_allocates_nothing() {
    let tracker = saga_sdk::connect(&SagaConfig::default()).unwrap();
    let customer = "C-17".to_owned();
    let saga = tracker.order(4711).saga(SagaType::ORDER_CREATION, "saga-1");
    let before = ALLOCATIONS.get();
    ready(
        saga.start(steps::ORDER_CREATED)
            .with("customerId", &customer)
            .with("items", [1, 2])
            .record(),
    );
    ready(
        saga.failed("PAYMENT_FAILED", "card declined")
            .at(Timestamp::MIN)
            .event_id("evt-1")
            .duration(Duration::from_secs(1))
            .trace("no trace", 7, true)
            .record(),
    );
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[test]
fn a_saga_that_was_resumed_goes_on_to_the_next_service() {
    let tracker = saga_sdk::connect(&SagaConfig::default()).unwrap();
    let received = [
        (headers::SAGA_ID, "saga%201".to_owned()),
        (headers::SAGA_TYPE, "ORDER_CREATION".to_owned()),
        (headers::ORDER_ID, "order-1".to_owned()),
        (headers::PARENT_SAGA_ID, "saga-0".to_owned()),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00".to_owned(),
        ),
        ("tracestate", "vendor=value".to_owned()),
    ];
    let saga = tracker.resume(received.clone()).unwrap();
    assert!(!saga.is_enabled());
    assert_eq!(saga.headers(), received);

    let child = saga.child(SagaType::REFUND, "saga-2");
    assert_eq!(child.parent().unwrap(), "saga 1");
    assert_eq!(child.context().unwrap().order_id, "order-1");
}

#[test]
fn a_saga_that_begins_here_goes_on_and_headers_without_one_are_not_refused() {
    let tracker = saga_sdk::connect(&SagaConfig::default()).unwrap();
    let begun = tracker.order(4711).saga(SagaType::ORDER_CREATION, "saga-1");
    assert_eq!(begun.headers().len(), 3);
    let none = tracker.resume([("accept", "*/*")]).unwrap();
    assert_eq!((none.context(), none.headers()), (None, Vec::new()));
    ready(none.start(steps::ORDER_CREATED).record());
}

fn ready(recording: Recording) {
    let polled = pin!(recording).poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(polled, Poll::Ready(Ok(())));
}
