//! Headers of a record as the bytes that they are.
//!
//! rdkafka takes names for UTF-8 and panics where they are not, so they are read from librdkafka itself.

use std::{ffi::CStr, ptr, slice};

use rdkafka::message::BorrowedMessage;
use rdkafka_sys::{RDKafkaRespErr, rd_kafka_header_get_all, rd_kafka_message_headers};

/// Calls `each` with every name and value. Gives whether these are the whole headers, and can be written again as they are: not
/// with a name that is not UTF-8 or holds NUL, nor where that cannot be determined.
#[expect(unsafe_code, reason = "rdkafka has no safe way that does not panic")]
pub(super) fn read(message: &BorrowedMessage<'_>, mut each: impl FnMut(&[u8], Option<&[u8]>)) -> bool {
    let mut headers = ptr::null_mut();
    // SAFETY: the message lives for the whole call, and owns its headers.
    let error = unsafe { rd_kafka_message_headers(message.ptr(), &raw mut headers) };
    if error != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
        return true;
    }
    let mut is_whole = true;
    for index in 0.. {
        let (mut name, mut value, mut length) = (ptr::null(), ptr::null(), 0);
        // SAFETY: the headers are those of the message.
        let error = unsafe {
            rd_kafka_header_get_all(headers, index, &raw mut name, &raw mut value, &raw mut length)
        };
        if error != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            break;
        }
        // SAFETY: librdkafka ends names with NUL, and a value that is there has this length.
        let (name, value) = unsafe {
            let value = value.cast::<u8>();
            let value = (!value.is_null()).then(|| slice::from_raw_parts(value, length));
            (CStr::from_ptr(name).to_bytes(), value)
        };
        // A value stands right behind the NUL after its name. Elsewhere the name may go on behind a NUL of its own.
        let is_plain = value.is_some_and(|value| value.as_ptr() == name.as_ptr_range().end.wrapping_add(1));
        is_whole &= is_plain && str::from_utf8(name).is_ok();
        each(name, value);
    }
    is_whole
}
