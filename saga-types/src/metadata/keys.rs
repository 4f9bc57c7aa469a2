//! Documented keys. Others are allowed and kept.

/// Added by the SDK: the service that recorded the step.
pub const PRODUCER_SERVICE: &str = "producerService";
/// Added by the SDK: when the service built the event, RFC 3339.
pub const PRODUCER_TIMESTAMP: &str = "producerTimestamp";
/// Added by the SDK when a span is active: its trace, 32 lower-case hex digits.
pub const TRACE_ID: &str = "traceId";
/// Added by the SDK when a span is active: the span, 16 lower-case hex digits.
pub const SPAN_ID: &str = "spanId";
/// Why a step failed.
pub const FAILURE_REASON: &str = "failureReason";
/// How long the work of this step took, in milliseconds.
pub const DURATION_MS: &str = "durationMs";
/// The version of the service that recorded the step.
pub const SERVICE_VERSION: &str = "serviceVersion";
/// The saga that this one is a part of.
pub const PARENT_SAGA_ID: &str = "parentSagaId";
/// The order's amount.
pub const ORDER_AMOUNT: &str = "orderAmount";
/// How the order is paid.
pub const PAYMENT_METHOD: &str = "paymentMethod";
/// How often the step was tried before.
pub const RETRY_COUNT: &str = "retryCount";
/// Who ordered.
pub const CUSTOMER_ID: &str = "customerId";
/// How many items were ordered.
pub const ITEM_COUNT: &str = "itemCount";
/// Of a status set by hand: who did it.
pub const ACTOR: &str = "actor";
/// Of a status set by hand: why.
pub const REASON: &str = "reason";
/// Of a status set by an operator: by which way. Only the tracker writes it; an override of the topic that has it is refused.
pub const CORRECTED_VIA: &str = "correctedVia";
/// When a person's data was erased from the metadata of the step, RFC 3339. Only the tracker writes it, and by itself it has no
/// effect: what counts is what the tracker's database says of the step.
pub const METADATA_ERASED_AT: &str = "metadataErasedAt";
