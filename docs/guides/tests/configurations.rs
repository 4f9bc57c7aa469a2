//! Every configuration of a service that a document shows is one that `saga-sdk` takes.

use std::{fs, path::Path};

use saga_sdk::SagaConfig;

const FOLDERS: [&str; 3] = ["", "docs", "saga-sdk"];

#[test]
fn keys_below_platform_saga_are_understood() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = 0;
    for folder in FOLDERS {
        for file in fs::read_dir(root.join(folder)).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for block in configurations(&text) {
                found += 1;
                if let Err(error) = SagaConfig::from_yaml(&block) {
                    panic!("{}: {error}\n{block}", path.display());
                }
            }
        }
    }
    assert!(found > 0, "no document shows a configuration any more");
}

/// The blocks of YAML with such keys.
fn configurations(text: &str) -> Vec<String> {
    let blocks = text.split("\n```yaml\n").skip(1);
    blocks
        .filter_map(|rest| rest.split_once("\n```"))
        .map(|(block, _)| block.to_owned())
        .filter(|block| block.lines().any(|line| line == "platform:"))
        .collect()
}
