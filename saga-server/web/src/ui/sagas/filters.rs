//! The form of filters, and the filters in force.

use super::{LIST, value};
use crate::ui::query::{self, Chip, is_place};

/// The fields of the form: parameter, label, and what may be written there.
const FIELDS: [(&str, &str, &str); 14] = [
    ("orderId", "Order", ""),
    ("sagaType", "Type", ""),
    ("step", "Has step", ""),
    ("awaits", "Waiting for", ""),
    ("owner", "Owner", ""),
    ("owes", "Compensation pending for", ""),
    ("parentSagaId", "Part of saga", ""),
    ("failedStep", "Failed at", ""),
    ("failureReason", "Failure reason", ""),
    ("failureGroup", "Failure group", ""),
    ("producerService", "Service", ""),
    ("serviceVersion", "Service version", ""),
    ("minDuration", "Duration at least", "2.5s or 10m"),
    ("maxDuration", "Duration at most", "2.5s or 10m"),
];

pub(super) const STATUSES: [&str; 5] = ["STARTED", "IN_PROGRESS", "COMPLETED", "FAILED", "COMPENSATED"];

pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) hint: &'static str,
    pub(super) value: String,
}

pub(super) fn fields(given: &[(String, String)]) -> Vec<Field> {
    FIELDS
        .map(|(name, label, hint)| Field {
            name,
            label,
            hint,
            value: value(given, name).unwrap_or_default().to_owned(),
        })
        .into()
}

/// The filters in force, without the order.
pub(super) fn filtering(given: &[(String, String)]) -> Vec<(String, String)> {
    let filters = given
        .iter()
        .filter(|(name, _)| !is_place(name) && !matches!(name.as_str(), "sort" | "size"));
    filters.cloned().collect()
}

pub(super) fn has_field(name: &str) -> bool {
    name == "status" || FIELDS.iter().any(|(field, ..)| *field == name)
}

pub(super) fn chips(given: &[(String, String)]) -> Vec<Chip> {
    let chips = query::chips(LIST, given).into_iter();
    chips
        .map(|chip| {
            let (name, value) = called(&chip.name, &chip.value);
            Chip { name, value, ..chip }
        })
        .collect()
}

/// A filter in words.
pub(in crate::ui) fn called(name: &str, value: &str) -> (String, String) {
    let yes = value == "true";
    let (name, value) = match name {
        "stuck" => ("time limit", if yes { "overdue" } else { "not overdue" }),
        "owing" => ("compensation", if yes { "pending" } else { "none pending" }),
        "ended" => ("state", if yes { "ended" } else { "in progress" }),
        "failed" => ("outcome", if yes { "failed" } else { "not failed" }),
        "acknowledged" => (
            "acknowledged",
            if yes {
                "yes, and not worse since"
            } else {
                "no, or worse since"
            },
        ),
        "status" => ("status", value),
        "traceId" => ("trace", value),
        "anomaly" => ("anomaly", value),
        other => {
            let field = FIELDS.iter().find(|(field, ..)| *field == other);
            return match field {
                Some((_, label, _)) => (label.to_lowercase(), value.to_owned()),
                None => (other.to_owned(), value.to_owned()),
            };
        }
    };
    (name.to_owned(), value.to_owned())
}
