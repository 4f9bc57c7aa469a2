//! What is odd about a saga, in words.

use saga_types::fold::{Anomaly, SagaState};

/// Its anomalies with what they mean.
pub(super) fn explained(saga: &SagaState) -> Vec<(&'static str, &'static str)> {
    let anomalies = saga.anomalies.iter();
    anomalies
        .map(|anomaly| (anomaly.as_str(), meaning(*anomaly)))
        .collect()
}

fn meaning(anomaly: Anomaly) -> &'static str {
    match anomaly {
        Anomaly::EventAfterCompletion => {
            "The saga was completed, and yet something was recorded after that. Look at the last events: a late retry is \
             harmless, a service that still works on the order is not."
        }
        Anomaly::OrderIdMismatch => {
            "Events of this saga name different orders. A service probably records with the wrong saga id; the saga is \
             shown under the order of its first event and found under each."
        }
        Anomaly::OverrideFromTopic => {
            "The status was overridden by an event that came by the topic. No operator of this tracker did that: the log of \
             operations has no entry of it. Ask the service that recorded it."
        }
        Anomaly::SagaTypeMismatch => {
            "Events of this saga name different types. The first event's type counts."
        }
        Anomaly::UnknownStep => {
            "A step is not named by the definition of this saga type: a misspelt step, or a definition that is behind the \
             services."
        }
        _ => "The events disagree, or are unexpected.",
    }
}
