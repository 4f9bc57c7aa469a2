//! What is normal for sagas, and what changed: statistics, without I/O.
//!
//! Depends on `saga-types` alone; REST, pages, commands and `saga-proof` use it.
//!
//! | part | what |
//! | --- | --- |
//! | [`counts`] | exact tests of counts and shares, and p-values of many tests at once |
//! | [`differences`] | in what two groups of sagas differ |
//! | [`follow_up`] | which sagas of versions are compared: those that have had the time to end |
//! | [`infer`] | a definition that the events of a type give |
//! | [`sequential`] | whether a version fails more often than another one, looked at at any moment |
//! | [`simulation`] | simulated sagas, for tests and for `saga-proof` |
//! | [`trend`] | whether a group of failures is new, rising, steady, falling or back |
//!
//! Rule of thumb: every function here is pure, and says what its error is; those that decide something are tested against
//! simulated sagas between which nothing differs.

pub mod counts;
pub mod differences;
pub mod follow_up;
pub mod infer;
pub mod sequential;
pub mod simulation;
pub mod trend;
