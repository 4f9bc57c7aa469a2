//! A forward step and what comes before it.

use std::fmt;

use crate::Step;

/// A step to success.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForwardStep {
    /// The step.
    pub step: Step,
    /// The service that owns it, such as `product-service`.
    pub service: Option<String>,
    /// What comes at once before it, all of it; where the file does not say, what it follows by its place in the list.
    pub after: Vec<Predecessor>,
    /// It may be left out, and is never awaited.
    pub optional: bool,
    /// Steps of the same choice are alternatives: when one is done, the others are not awaited.
    pub choice: Option<String>,
}

/// What comes before a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predecessor {
    /// A forward step.
    Step(Step),
    /// Any member of a choice.
    Choice(String),
}

impl fmt::Display for Predecessor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(step) => step.fmt(formatter),
            Self::Choice(choice) => choice.fmt(formatter),
        }
    }
}
