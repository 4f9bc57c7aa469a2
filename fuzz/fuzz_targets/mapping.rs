//! A mapping and a document, with a line of three dashes between: no text panics or takes long, a mapping that is refused names a
//! line, and the same document gives the same event.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saga_gateway::mapping::{Input, Mapped, Mapping};

fuzz_target!(|text: &str| {
    let (yaml, document) = text.split_once("\n---\n").unwrap_or((text, "{}"));
    let mapping = match Mapping::from_yaml("fuzz", yaml) {
        Ok(mapping) => mapping,
        Err(error) => {
            assert!(error.line >= 1 && !error.reason.is_empty());
            return;
        }
    };
    let input = Input {
        event: document,
        ..Input::default()
    };
    let mapped = mapping.apply(&input);
    assert_eq!(mapped, mapping.apply(&input));
    if let Mapped::Refused(reason) = mapped {
        assert!(!reason.is_empty());
    }
    let _ = mapping.apply_cloud_event(document);
});
