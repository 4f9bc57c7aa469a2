//! A range of dates as callers write it: relative to now, or between two times. REST and pages read it here.

use saga_types::Timestamp;
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

use super::query_string::{Length, Params, from_start, to_end};

/// A range of dates, both ends inclusive; an end that is not given is open.
#[derive(Debug, Clone, Copy, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DateRange {
    /// Started at this time or later.
    #[param(rename = "fromDate", value_type = Option<Moment>)]
    pub(crate) from: Option<Timestamp>,
    /// Started at this time or earlier.
    #[param(rename = "toDate", value_type = Option<Moment>)]
    pub(crate) to: Option<Timestamp>,
}

/// The same, or a length of time that ends now.
#[derive(Debug, Clone, Copy, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RelativeRange {
    /// Started within the last minutes, hours or days; instead of fromDate and toDate.
    #[param(rename = "period", inline, value_type = Option<LengthOfTime>)]
    pub(crate) length: Option<Length>,
}

/// A time as callers write it.
pub(crate) struct Moment;

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        // One text: clients that are made from a choice of two formats send neither.
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::Custom("moment".to_owned())))
            .description(Some(
                "RFC 3339, or a date, which stands for its first or its last millisecond (UTC)",
            ))
            .examples(["2026-11-22T08:26:40.000Z", "2026-11-22"]);
        Schema::Object(text.build()).into()
    }
}

impl ToSchema for Moment {}

/// A length of time as callers write it.
pub(crate) struct LengthOfTime;

impl PartialSchema for LengthOfTime {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(Length::PATTERN))
            .description(Some(
                "A number of minutes (m), hours (h) or days (d), such as 15m, 24h or 7d",
            ));
        Schema::Object(text.build()).into()
    }
}

impl ToSchema for LengthOfTime {}

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

impl RelativeRange {
    /// Takes `period`.
    pub(crate) fn take(params: &mut Params) -> Self {
        let length = params.parsed("period", Length::read);
        Self { length }
    }

    /// Takes `fromDate` and `toDate`, unless it is relative. What is relative ends now, so it has no end that would leave out
    /// what comes while it is being read.
    pub(crate) fn or_dates(self, params: &mut Params, now: Timestamp) -> DateRange {
        let dates = DateRange::take(params);
        match self.length {
            None => dates,
            Some(_) if dates.from.is_some() || dates.to.is_some() => {
                params.refuse("period", "cannot be used together with fromDate or toDate");
                dates
            }
            Some(length) => DateRange {
                from: Some(now.saturating_sub(length.duration())),
                to: None,
            },
        }
    }
}
