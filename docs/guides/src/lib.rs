//! The Rust in the documents, as tests: each block is compiled, and run where it has something to run.
//!
//! A document that shows Rust is named here; `scripts/check-docs` misses one that is not. What else the documents show is
//! run by that script.

macro_rules! shown_in {
    ($($name:ident = $document:literal,)+) => {
        $(
            #[cfg(doctest)]
            #[doc = include_str!($document)]
            pub mod $name {}
        )+
    };
}

shown_in! {
    metadata = "../../../docs/metadata.md",
    step_naming = "../../../docs/step-naming.md",
    sdk_guide = "../../../docs/sdk-guide.md",
    readme = "../../../README.md",
    saga_sdk = "../../../saga-sdk/README.md",
    saga_sdk_testkit = "../../../saga-sdk-testkit/README.md",
    saga_types = "../../../saga-types/README.md",
}
