//! A range of dates as callers write it.

use saga_types::Timestamp;
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type, schema::AnyOfBuilder},
};

use super::query_string::{Params, from_start, to_end};

/// A range of dates, both ends inclusive; an end that is not given is open.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DateRange {
    /// Started at this time or later.
    #[param(rename = "fromDate", value_type = Option<Moment>)]
    pub(crate) from: Option<Timestamp>,
    /// Started at this time or earlier.
    #[param(rename = "toDate", value_type = Option<Moment>)]
    pub(crate) to: Option<Timestamp>,
}

/// A time as callers write it.
pub(crate) struct Moment;

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        let text = |format| {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .format(Some(SchemaFormat::KnownFormat(format)))
        };
        let either = AnyOfBuilder::new()
            .item(text(KnownFormat::DateTime))
            .item(text(KnownFormat::Date))
            .description(Some(
                "RFC 3339, or a date, which stands for its first or its last millisecond (UTC)",
            ))
            .examples(["2026-11-22T08:26:40.000Z", "2026-11-22"]);
        Schema::AnyOf(either.build()).into()
    }
}

impl ToSchema for Moment {}

impl DateRange {
    /// Takes `fromDate` and `toDate`.
    pub(crate) fn take(params: &mut Params) -> Self {
        let from = params.parsed("fromDate", from_start);
        let to = params.parsed("toDate", to_end);
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            params.refuse("fromDate", "must not be after toDate");
        }
        Self { from, to }
    }
}
