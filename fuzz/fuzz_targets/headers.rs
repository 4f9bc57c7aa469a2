//! Headers of HTTP or Kafka from anybody, one `name:value` in each line: none panics, and a saga that is found in them is
//! found again in the headers that take it on.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use saga_sdk::SagaTrackerClient;

static CLIENT: LazyLock<std::sync::Arc<dyn SagaTrackerClient>> =
    LazyLock::new(|| std::sync::Arc::new(saga_sdk_testkit::Recorder::new("fuzz")));

fuzz_target!(|bytes: &[u8]| {
    let headers = bytes.split(|byte| *byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = String::from_utf8_lossy(&line[..colon]).into_owned();
        Some((name, line[colon + 1..].to_vec()))
    });
    let Ok(saga) = CLIENT.resume(headers) else { return };
    let again = CLIENT.resume(saga.headers()).expect("our own headers are good");
    assert_eq!(again.context(), saga.context());
    assert_eq!(again.headers(), saga.headers());
});
