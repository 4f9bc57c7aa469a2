//! A disabled tracker costs no memory: record calls allocate nothing.
#![expect(unsafe_code, reason = "an allocator that counts")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    pin::pin,
    task::{Context, Poll, Waker},
};

use saga_sdk::{Recording, SagaConfig, SagaType, Timestamp, steps};

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
    let before = ALLOCATIONS.get();
    let saga = tracker.saga(SagaType::ORDER_CREATION, "saga-1", 4711);
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
            .record(),
    );
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

fn ready(recording: Recording) {
    let polled = pin!(recording).poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(polled, Poll::Ready(Ok(())));
}
