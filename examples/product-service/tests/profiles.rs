//! Where the tracker is on, as the files beside this say.

use std::path::Path;

use saga_sdk::{ConfigLoader, SagaConfig};

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

fn loader() -> ConfigLoader {
    ConfigLoader::new().folder(FOLDER).variables::<&str, &str>([])
}

#[test]
fn the_tracker_is_off_locally_and_on_elsewhere() {
    let is_enabled = |config: SagaConfig| config.is_enabled();
    assert!(!is_enabled(loader().load().unwrap()));
    for profile in ["dev", "staging", "prod"] {
        assert!(is_enabled(loader().profile(profile).load().unwrap()), "{profile}");
    }
}

#[test]
fn the_service_names_itself_as_the_definition_of_the_saga_does() {
    let config = shop::load::<product_service::Settings>(Path::new(FOLDER)).unwrap();
    assert_eq!(
        config.platform.saga.service_name.as_deref(),
        Some("product-service")
    );
    assert_eq!(config.kafka.group, "product-service");
}
