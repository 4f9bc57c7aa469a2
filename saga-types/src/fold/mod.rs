//! From a set of events to the state of the saga.
