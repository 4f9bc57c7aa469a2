//! What a topic's name stands for: the id that the broker gave the topic when it was made. A topic that is deleted and made again
//! under the same name has another one.
//!
//! librdkafka asks brokers for it (`DescribeTopics`), but rdkafka does not wrap that, nor a way to read the metadata of committed
//! offsets that does not panic on what others wrote there.
//!
//! Rule of thumb: every pointer is owned by a value of one of the two functions here, which destroys it before the function ends.

#![expect(unsafe_code, reason = "rdkafka does not wrap these functions of librdkafka")]

use std::{
    ffi::{CString, c_char, c_int},
    ptr::{self, NonNull},
    slice,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rdkafka::{
    ClientContext, TopicPartitionList, client::Client, error::KafkaError, types::RDKafkaErrorCode,
};
use rdkafka_sys::{self as native, RDKafkaRespErr};

/// What the broker says of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Described {
    /// It does not exist.
    Missing,
    /// It exists, and the broker is too old to give ids (before Kafka 2.8).
    WithoutId,
    /// It exists, with this id, as Kafka's tools show it.
    WithId(String),
}

/// Asks this broker by the client's own connections, and waits for the answer. Without a broker librdkafka asks the controller, which
/// not everything that speaks Kafka's protocol names.
pub(super) fn describe<C: ClientContext>(
    client: &Client<C>,
    broker: i32,
    topic: &str,
    within: Duration,
) -> Result<Described, KafkaError> {
    let name = CString::new(topic)?;
    let wait = c_int::try_from(within.as_millis()).unwrap_or(c_int::MAX);
    let failed = |code| KafkaError::AdminOp(RDKafkaErrorCode::from(code));
    let no_answer = || failed(RDKafkaRespErr::RD_KAFKA_RESP_ERR__TIMED_OUT);
    // The client outlives everything that is made of it here, since it is borrowed for the whole call.
    let handle = client.native_ptr();
    // SAFETY: the handle is valid, and each value is destroyed by the function that librdkafka has for it. A request that is not
    // answered in time goes on inside the client, which drops an answer to a queue that is gone.
    let (queue, options) = unsafe {
        let describe = native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let options = native::rd_kafka_AdminOptions_new(handle, describe);
        (
            Owned::new(native::rd_kafka_queue_new(handle), native::rd_kafka_queue_destroy),
            Owned::new(options, native::rd_kafka_AdminOptions_destroy),
        )
    };
    let (queue, options) = (queue.ok_or_else(no_answer)?, options.ok_or_else(no_answer)?);
    let mut names = [name.as_ptr()];
    let mut reason = [0 as c_char; 256];
    // SAFETY: names and reason are as long as is said, and librdkafka copies the names here and in the request.
    let topics = unsafe {
        for (set, value) in [
            (
                native::rd_kafka_AdminOptions_set_request_timeout as SetOption,
                wait,
            ),
            (native::rd_kafka_AdminOptions_set_broker, broker),
        ] {
            let refused = set(options.pointer(), value, reason.as_mut_ptr(), reason.len());
            if refused != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                return Err(failed(refused));
            }
        }
        let topics = native::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        Owned::new(topics, native::rd_kafka_TopicCollection_destroy)
    };
    let topics = topics.ok_or_else(no_answer)?;
    // SAFETY: all of them are valid until the end of this function. The queue is new, so that nothing but the answer comes on it.
    let event = unsafe {
        native::rd_kafka_DescribeTopics(handle, topics.pointer(), options.pointer(), queue.pointer());
        let event = native::rd_kafka_queue_poll(queue.pointer(), wait);
        Owned::new(event, native::rd_kafka_event_destroy)
    };
    let event = event.ok_or_else(no_answer)?;
    // SAFETY: what the event holds lives as long as it does, and all of it is copied before the event is destroyed.
    unsafe { described(event.pointer()) }.map_err(failed)
}

/// # Safety
///
/// The event must be valid.
unsafe fn described(event: *mut native::rd_kafka_event_t) -> Result<Described, RDKafkaRespErr> {
    const NO_ERROR: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
    // SAFETY: each function takes what the one before gave: parts of the event, none of them null where it is used.
    unsafe {
        let error = native::rd_kafka_event_error(event);
        if error != NO_ERROR {
            return Err(error);
        }
        let result = native::rd_kafka_event_DescribeTopics_result(event);
        let mut count = 0;
        let topics = match result.is_null() {
            false => native::rd_kafka_DescribeTopics_result_topics(result, &raw mut count),
            true => ptr::null_mut(),
        };
        if topics.is_null() || count != 1 || (*topics).is_null() {
            return Err(RDKafkaRespErr::RD_KAFKA_RESP_ERR__BAD_MSG);
        }
        let topic = *topics;
        let error = native::rd_kafka_TopicDescription_error(topic);
        let error = match error.is_null() {
            false => native::rd_kafka_error_code(error),
            true => NO_ERROR,
        };
        match error {
            NO_ERROR => {}
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART => return Ok(Described::Missing),
            other => return Err(other),
        }
        let id = native::rd_kafka_TopicDescription_topic_id(topic);
        let bits = (
            native::rd_kafka_Uuid_most_significant_bits(id),
            native::rd_kafka_Uuid_least_significant_bits(id),
        );
        Ok(of_bits(bits))
    }
}

fn of_bits((most, least): (i64, i64)) -> Described {
    if (most, least) == (0, 0) {
        return Described::WithoutId;
    }
    let bytes = [most.to_be_bytes(), least.to_be_bytes()].concat();
    Described::WithId(URL_SAFE_NO_PAD.encode(bytes))
}

/// The partitions of a list, each with the metadata that was committed with its offset, as the bytes that it is.
pub(super) fn committed_metadata(list: &TopicPartitionList) -> Vec<(i32, Vec<u8>)> {
    // SAFETY: the list lives for the whole call, and librdkafka keeps as many elements as it says, and of each as many bytes.
    let elements = unsafe {
        let list = &*list.ptr();
        let count = usize::try_from(list.cnt).unwrap_or_default();
        match list.elems.is_null() {
            false => slice::from_raw_parts(list.elems, count),
            true => &[],
        }
    };
    let partitions = elements.iter().map(|element| {
        let metadata = match element.metadata.is_null() {
            // SAFETY: as above.
            false => {
                unsafe { slice::from_raw_parts(element.metadata.cast(), element.metadata_size) }.to_vec()
            }
            true => Vec::new(),
        };
        (element.partition, metadata)
    });
    partitions.collect()
}

/// Sets an option of a request; the reason of a refusal is written to the text, of this length at most.
type SetOption =
    unsafe extern "C" fn(*mut native::rd_kafka_AdminOptions_t, c_int, *mut c_char, usize) -> RDKafkaRespErr;

/// A value of librdkafka that is destroyed at the end.
struct Owned<T> {
    value: NonNull<T>,
    destroy: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    /// None of null.
    ///
    /// # Safety
    ///
    /// Nothing else may destroy it, and `destroy` must be what its kind is destroyed by.
    unsafe fn new(value: *mut T, destroy: unsafe extern "C" fn(*mut T)) -> Option<Self> {
        let value = NonNull::new(value)?;
        Some(Self { value, destroy })
    }

    fn pointer(&self) -> *mut T {
        self.value.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: promised to `new`.
        unsafe { (self.destroy)(self.value.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::Offset;

    use super::*;

    #[test]
    fn an_id_is_written_as_kafkas_tools_write_it_and_zero_is_none() {
        let id = of_bits((0x0123_4567_89ab_cdef, -1));
        assert_eq!(id, Described::WithId("ASNFZ4mrze___________w".to_owned()));
        assert_eq!(of_bits((0, 0)), Described::WithoutId);
    }

    #[test]
    fn metadata_of_a_commit_is_read_whatever_it_is() {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset("sagas", 0, Offset::Offset(7)).unwrap();
        list.add_partition("sagas", 1).set_metadata("of others");
        let read = committed_metadata(&list);
        assert_eq!(read, [(0, Vec::new()), (1, b"of others".to_vec())]);
        assert_eq!(committed_metadata(&TopicPartitionList::new()), []);
    }
}
