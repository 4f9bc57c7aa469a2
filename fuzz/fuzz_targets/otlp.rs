//! A request of OTLP behind a byte that says what it is: no bytes panic or take long, a span that is refused says why, and the same
//! request gives the same events.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use saga_gateway::{
    mapping::{Mapped, Mapping},
    otlp::{self, Encoding, Signal},
};

static MAPPING: LazyLock<Mapping> = LazyLock::new(|| {
    let yaml = "
defaults:
  sagaId: attributes['app.order']
  orderId: attributes['app.order']
  sagaType: ORDER_CREATION
rules:
  - when: event.name == 'reserve' && resource['service.name'] != 'other'
    step: STOCK_RESERVED
    status: COMPLETED
    metadata: { route: \"attributes['http.route']\", body: event.body, events: event.events.size() }
";
    Mapping::from_yaml("traces", yaml).expect("the mapping is right")
});

fn steps(body: &[u8], encoding: Encoding, signal: Signal, mapping: Option<&Mapping>) -> Option<Vec<Mapped>> {
    let mut steps = Vec::new();
    let read = otlp::read(body, encoding, signal, &mut |item| {
        if let Ok(item) = item {
            steps.push(item.apply(mapping));
        }
    });
    match read {
        Ok(()) => Some(steps),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            None
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, body)) = bytes.split_first() else {
        return;
    };
    let encoding = match kind & 1 {
        0 => Encoding::Json,
        _ => Encoding::Protobuf,
    };
    let signal = match kind & 2 {
        0 => Signal::Traces,
        _ => Signal::Logs,
    };
    for mapping in [None, Some(&*MAPPING)] {
        let first = steps(body, encoding, signal, mapping);
        assert_eq!(first, steps(body, encoding, signal, mapping));
        for step in first.into_iter().flatten() {
            match step {
                Mapped::Event(event) => assert!(event.metadata.is_some()),
                Mapped::Refused(reason) => assert!(!reason.is_empty()),
                Mapped::Ignored => {}
            }
        }
    }
});
