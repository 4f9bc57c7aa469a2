//! `docs/configuration.md` against the code.

use std::fmt::Write;

use saga_server::config::{Key, defaults, keys};

const DOCUMENT: &str = include_str!("../../../docs/configuration.md");
const HEAD: &str = "| key | variable | flag | default | meaning |\n| --- | --- | --- | --- | --- |\n";

/// The table as it must stand in the document.
fn table() -> String {
    let defaults = defaults();
    let mut table = HEAD.to_owned();
    for key in keys() {
        let default = &defaults[key.path.as_str()];
        let meaning = key.meaning.replace('|', "\\|");
        writeln!(
            table,
            "| `{}` | `{}` | `{}` | {default} | {meaning} |",
            key.path, key.variable, key.flag
        )
        .unwrap();
    }
    table
}

#[test]
fn the_document_holds_every_key_as_the_code_has_it() {
    // An empty line before and after, so that there are no other rows.
    let table = format!("\n\n{}\n", table());
    assert!(
        DOCUMENT.contains(&table),
        "docs/configuration.md must hold this table and no other keys:{table}"
    );
}

#[test]
fn every_key_has_one_name_in_each_layer() {
    for key in keys() {
        assert!(
            !key.variable.is_empty() && key.flag.len() > 2 && !key.meaning.is_empty(),
            "{key:?}"
        );
    }
    let names: [fn(&Key) -> String; 3] = [
        |key| key.path.clone(),
        |key| key.variable.clone(),
        |key| key.flag.clone(),
    ];
    for name in names {
        let mut names: Vec<_> = keys().iter().map(name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), keys().len());
    }
}

#[test]
fn the_example_file_of_the_document_is_accepted() {
    let example = DOCUMENT
        .split("```yaml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("saga-server.yml");
    std::fs::write(&file, example).unwrap();
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_saga-server"))
        .args(["config", "check", "--config"])
        .arg(&file)
        .env_clear()
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
