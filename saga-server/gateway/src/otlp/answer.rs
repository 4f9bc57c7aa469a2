//! What exporters are answered: that all is taken, or how many are not and why; and errors as `google.rpc.Status`.

use opentelemetry_proto::tonic::collector::{
    logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse},
    trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse},
};
use prost::Message;
use serde_json::json;

use super::{Encoding, Exported, Signal};
use crate::{
    document::cut,
    results::{Outcome, Verdict},
};

/// An error as OTLP has it: `google.rpc.Status`, without details.
#[derive(Clone, PartialEq, Message)]
pub struct Status {
    /// The kind: a code of `google.rpc.Code`.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// For people.
    #[prost(string, tag = "2")]
    pub message: String,
}

impl Status {
    /// The body of an answer.
    #[must_use]
    pub fn body(&self, encoding: Encoding) -> Vec<u8> {
        match encoding {
            Encoding::Protobuf => self.encode_to_vec(),
            Encoding::Json => json!({"code": self.code, "message": self.message})
                .to_string()
                .into(),
        }
    }
}

impl Exported {
    /// How all of them are together. Those that are wrong keep no other back, so that a request of which none is right is
    /// taken, too, and the answer says so.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let has = |outcome: Outcome| self.counts.contains_key(&outcome);
        if has(Outcome::NotSent) || has(Outcome::Unknown) {
            Verdict::Unavailable
        } else if has(Outcome::Busy) {
            Verdict::Busy
        } else if has(Outcome::Forbidden) && !has(Outcome::Accepted) && !has(Outcome::Refused) {
            Verdict::AllForbidden
        } else {
            Verdict::Done
        }
    }

    /// How many are not taken; sending them again changes nothing.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        let of = |outcome: &Outcome| self.counts.get(outcome).copied().unwrap_or_default();
        [Outcome::Refused, Outcome::Forbidden].iter().map(of).sum()
    }

    /// Why some are not taken.
    #[must_use]
    pub fn message(&self) -> String {
        let noun = self.signal.noun();
        let reasons: Vec<String> = self
            .reasons
            .iter()
            .map(|reason| format!("a {noun}: {reason}"))
            .collect();
        cut(&reasons.join("; "))
    }

    /// The body of the answer when they are taken.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        match (self.encoding, self.signal) {
            (Encoding::Json, _) => self.json(),
            (Encoding::Protobuf, Signal::Traces) => self.of_traces().encode_to_vec(),
            (Encoding::Protobuf, Signal::Logs) => self.of_logs().encode_to_vec(),
        }
    }

    fn of_traces(&self) -> ExportTraceServiceResponse {
        ExportTraceServiceResponse {
            partial_success: (self.rejected() > 0).then(|| ExportTracePartialSuccess {
                rejected_spans: self.rejected_signed(),
                error_message: self.message(),
            }),
        }
    }

    fn of_logs(&self) -> ExportLogsServiceResponse {
        ExportLogsServiceResponse {
            partial_success: (self.rejected() > 0).then(|| ExportLogsPartialSuccess {
                rejected_log_records: self.rejected_signed(),
                error_message: self.message(),
            }),
        }
    }

    /// Whole numbers of 64 bits are texts there.
    fn json(&self) -> Vec<u8> {
        let rejected = match self.signal {
            Signal::Traces => "rejectedSpans",
            Signal::Logs => "rejectedLogRecords",
        };
        let answer = match self.rejected() {
            0 => json!({}),
            count => json!({
                "partialSuccess": {rejected: count.to_string(), "errorMessage": self.message()},
            }),
        };
        answer.to_string().into()
    }

    fn rejected_signed(&self) -> i64 {
        i64::try_from(self.rejected()).unwrap_or(i64::MAX)
    }
}
