//! How the types that are written as texts look in an OpenAPI document. Objects and closed sets derive it where they are
//! defined.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, Object, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

use crate::{EventId, MAX_NAME_CHARS, OrderId, SagaId, SagaType, Step, Timestamp};

/// What holds for every name, as a pattern that means the same in all dialects of regular expressions.
const NO_CONTROL_CHARACTERS: &str = r"^[^\x00-\x1f\x7f-\x9f]+$";

macro_rules! schema {
    ($type:ident, $schema:expr) => {
        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                Schema::Object($schema).into()
            }
        }

        impl ToSchema for $type {}
    };
}

schema!(
    EventId,
    name("Names one event.", "018f3c5e-7d2a-7c3b-9c1d-0a1b2c3d4e5f")
);
schema!(SagaId, name("Names one saga.", "saga-1"));
schema!(
    OrderId,
    name("The business key that a saga is about.", "ORD-1001")
);
schema!(
    SagaType,
    name(
        "The kind of a saga; an open set.",
        SagaType::ORDER_CREATION.as_str()
    )
);
schema!(
    Step,
    name("What happened in a saga; an open set.", "STOCK_RESERVED")
);
schema!(Timestamp, timestamp());

fn name(description: &str, example: &str) -> Object {
    text(description, example)
        .min_length(Some(1))
        .max_length(Some(MAX_NAME_CHARS))
        .pattern(Some(NO_CONTROL_CHARACTERS))
        .build()
}

fn timestamp() -> Object {
    text(
        "A moment in UTC, in whole milliseconds.",
        "2026-11-22T08:26:40.000Z",
    )
    .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
    .build()
}

fn text(description: &str, example: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .examples([example])
}
