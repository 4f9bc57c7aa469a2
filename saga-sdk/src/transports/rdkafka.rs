//! The headers of a Kafka record.
//!
//! Any producer may write any bytes as a header's name, and rdkafka's own iterator panics at one that is not UTF-8.

use std::{ffi::CStr, ptr, slice};

use rdkafka::message::{BorrowedMessage, Header, OwnedHeaders};
use rdkafka_sys::{self as sys, rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR as DONE};

use super::{SagaHeaders, WithSaga};
use crate::Saga;

impl WithSaga for OwnedHeaders {
    fn with_saga(self, saga: &Saga) -> Self {
        let with = |headers: Self, (key, value): (_, String)| {
            let value = Some(value.as_str());
            headers.insert(Header { key, value })
        };
        saga.headers().into_iter().fold(self, with)
    }
}

impl SagaHeaders for BorrowedMessage<'_> {
    fn saga_headers(&self) -> Vec<(&str, &[u8])> {
        let text = |(name, value)| Some((str::from_utf8(name).ok()?, value));
        all(self).into_iter().filter_map(text).collect()
    }
}

/// Names and values, in their order; a header without a value has an empty one.
#[expect(
    unsafe_code,
    reason = "librdkafka's C interface is the only one that gives bytes"
)]
fn all<'a>(message: &'a BorrowedMessage<'_>) -> Vec<(&'a [u8], &'a [u8])> {
    let (mut headers, mut read) = (ptr::null_mut(), Vec::new());
    // SAFETY: the message is borrowed for as long as what is read from it, and owns its headers; names end with a zero,
    // and values have the size that is given with them.
    unsafe {
        if sys::rd_kafka_message_headers(message.ptr(), &raw mut headers) != DONE {
            return read;
        }
        let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
        while sys::rd_kafka_header_get_all(headers, read.len(), &raw mut name, &raw mut value, &raw mut size)
            == DONE
        {
            let bytes = match value.is_null() {
                true => &[][..],
                false => slice::from_raw_parts(value.cast(), size),
            };
            read.push((CStr::from_ptr(name).to_bytes(), bytes));
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use rdkafka::{
        ClientConfig,
        consumer::{BaseConsumer, Consumer as _},
        mocking::MockCluster,
        producer::{BaseProducer, BaseRecord, Producer as _},
    };

    use super::*;
    use crate::{SagaTrackerClient, SagaType, test_client::Enabled};

    #[expect(
        unsafe_code,
        reason = "rdkafka takes names as texts only, other clients do not"
    )]
    fn not_utf8() -> String {
        // SAFETY: only its bytes are read, by librdkafka.
        unsafe { String::from_utf8_unchecked(b"caf\xe9".to_vec()) }
    }

    #[test]
    fn a_record_carries_the_saga_whatever_else_it_carries() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("events", 1, 1).unwrap();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers());
        let producer: BaseProducer = config.create().unwrap();
        let tracker: Arc<dyn SagaTrackerClient> = Arc::new(Enabled);
        let saga = tracker.order("order-1").saga(SagaType::ORDER_CREATION, "사가 1");
        let odd = not_utf8();
        let header = |key, value| Header { key, value };
        let headers = OwnedHeaders::new()
            .insert(header(odd.as_str(), Some("1")))
            .insert(header("empty", None))
            .with_saga(&saga);
        let record = BaseRecord::to("events").key("").payload("{}").headers(headers);
        producer.send(record).map_err(|(error, _)| error).unwrap();
        producer.flush(Duration::from_secs(60)).unwrap();

        config
            .set("group.id", "test")
            .set("auto.offset.reset", "earliest");
        let consumer: BaseConsumer = config.create().unwrap();
        consumer.subscribe(&["events"]).unwrap();
        // A rebalance ends a poll without a record.
        let message = std::iter::from_fn(|| Some(consumer.poll(Duration::from_secs(20)))).flatten();
        let message = message.map(Result::unwrap).next().unwrap();
        let headers = message.saga_headers();
        assert_eq!(headers[0], ("empty", &b""[..]));
        assert_eq!(tracker.resume(headers).unwrap().context(), saga.context());
    }
}
