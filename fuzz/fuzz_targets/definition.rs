//! A file of definitions: no text panics or takes long, and what is refused names a line of the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saga_types::definition::SagaDefinition;

fuzz_target!(|yaml: &str| {
    match SagaDefinition::from_yaml(yaml) {
        Ok(definition) => assert!(!definition.saga_type.as_str().is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
