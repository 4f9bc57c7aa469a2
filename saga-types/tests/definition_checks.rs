//! What is wrong or odd in definitions is named with its file, its line and what to do.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, fs, path::PathBuf};

use saga_types::{
    SagaType,
    definition::{Definitions, LoadErrorKind, SagaDefinition},
};
use serde_json::Value;

/// Lines 1 to 14.
const GOOD: &str = "\
sagaType: FULFILMENT
startsWith: [ORDERED]
forward:
  - { step: ORDERED }
  - { step: RESERVED, after: [ORDERED] }
  - { step: CHECKED, after: [ORDERED] }
  - { step: CARD, choice: payment, after: [RESERVED, CHECKED] }
  - { step: INVOICE, choice: payment }
  - { step: SENT }
completesWith: [SENT]
limits:
  whole: 1h
  steps:
    - { step: SENT, within: 10min, after: RESERVED }
";

fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(GOOD.to_owned(), |text, (find, replace)| {
        assert!(text.contains(find), "the test's own text: {find}");
        text.replacen(find, replace, 1)
    })
}

fn errors(changes: &[(&str, &str)]) -> Vec<(u64, String)> {
    let report = SagaDefinition::check_yaml(&changed(changes));
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    let errors = report.result.unwrap_err();
    assert!(errors.iter().all(|error| !error.hint.is_empty()));
    errors
        .into_iter()
        .map(|error| (error.line, error.reason))
        .collect()
}

fn warnings(changes: &[(&str, &str)]) -> Vec<(u64, String)> {
    let report = SagaDefinition::check_yaml(&changed(changes));
    assert!(report.result.is_ok(), "{:?}", report.result);
    assert!(report.warnings.iter().all(|warning| !warning.hint.is_empty()));
    let warnings = report.warnings.into_iter();
    warnings.map(|warning| (warning.line, warning.reason)).collect()
}

#[test]
fn a_good_definition_has_neither_errors_nor_warnings() {
    assert_eq!(warnings(&[]), []);
    for definition in Definitions::built_in().iter() {
        assert!(definition.path().is_straight_line(), "{}", definition.saga_type);
    }
    assert!(!SagaDefinition::from_yaml(GOOD).unwrap().path().is_straight_line());
}

#[test]
fn steps_that_come_before_each_other_are_refused_with_the_circle() {
    assert_eq!(
        errors(&[(
            "step: RESERVED, after: [ORDERED]",
            "step: RESERVED, after: [SENT]"
        )]),
        [(
            5,
            "these steps come before each other: RESERVED -> CARD -> SENT -> RESERVED".to_owned()
        )]
    );
    assert_eq!(
        errors(&[("after: [RESERVED, CHECKED]", "after: [payment]")]),
        [(7, "these steps come before each other: CARD -> CARD".to_owned())]
    );
}

#[test]
fn unknown_names_are_refused_wherever_they_are() {
    for (find, replace, line, reason) in [
        (
            "after: [RESERVED, CHECKED]",
            "after: [RESERVED, CHEKED]",
            7,
            "CHEKED is neither a step under forward nor a choice",
        ),
        (
            "startsWith: [ORDERED]",
            "startsWith: [ORDER]",
            2,
            "ORDER is not one of the steps under forward",
        ),
        (
            "completesWith: [SENT]",
            "completesWith: [DONE]",
            10,
            "DONE is not one of the steps under forward",
        ),
        (
            "after: RESERVED }",
            "after: RESERVD }",
            14,
            "RESERVD is not one of the steps under forward",
        ),
        (
            "step: SENT, within",
            "step: payment, within",
            14,
            "the name is not UPPER_SNAKE_CASE: \"payment\"",
        ),
        (
            "completesWith: [SENT]",
            "completesWith: []",
            1,
            "completesWith names no step",
        ),
    ] {
        assert_eq!(errors(&[(find, replace)]), [(line, reason.to_owned())]);
    }
    let compensation = "completesWith: [SENT]\ncompensations:\n  - { step: PACKED, by: [UNPACKED] }";
    assert_eq!(
        errors(&[("completesWith: [SENT]", compensation)]),
        [(12, "PACKED is not one of the steps under forward".to_owned())]
    );
}

#[test]
fn a_choice_needs_two_members_and_a_name_of_its_own() {
    assert_eq!(
        errors(&[("INVOICE, choice: payment", "INVOICE")]),
        [(7, "the choice payment has one member only".to_owned())]
    );
    assert_eq!(
        errors(&[
            ("CARD, choice: payment", "CARD, choice: SENT"),
            ("INVOICE, choice: payment", "INVOICE, choice: SENT")
        ])[0],
        (7, "SENT is the name of a step and of a choice".to_owned())
    );
}

#[test]
fn all_errors_of_a_file_are_said_at_once_in_the_order_of_their_lines() {
    let found = errors(&[
        ("startsWith: [ORDERED]", "startsWith: [ORDER]"),
        ("INVOICE, choice: payment", "ORDERED"),
        ("after: RESERVED }", "after: RESERVD }"),
    ]);
    let lines: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 7, 8, 14], "{found:?}");
}

#[test]
fn what_can_never_count_is_a_warning() {
    for (changes, line, words) in [
        (
            &[("step: CHECKED, after: [ORDERED]", "step: CHECKED, after: []")][..],
            6,
            "no step of startsWith comes before CHECKED",
        ),
        (
            &[("after: [RESERVED, CHECKED]", "after: [RESERVED]")],
            6,
            "no completing step comes after CHECKED",
        ),
        (
            &[("step: SENT }", "step: SENT, optional: true }")],
            9,
            "SENT completes the saga and is optional",
        ),
        (
            &[(
                "step: SENT }",
                "step: BILLED, after: [INVOICE] }\n  - { step: SENT, after: [payment, BILLED] }",
            )],
            9,
            "BILLED follows INVOICE and not its alternatives",
        ),
        (
            &[(
                "INVOICE, choice: payment",
                "INVOICE, choice: payment, after: [CARD]",
            )],
            7,
            "CARD and INVOICE are alternatives, and one comes before the other",
        ),
        (
            &[("step: SENT, within", "step: ORDERED, within")],
            14,
            "the limit of ORDERED begins when RESERVED is done",
        ),
        (
            &[("within: 10min", "within: 61min")],
            14,
            "the limit of SENT is longer than that of the whole saga, 1h",
        ),
    ] {
        let found = warnings(changes);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].0 == line && found[0].1.starts_with(words), "{found:?}");
    }
}

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn with(name: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("saga-definitions-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        for (file, text) in files {
            fs::write(path.join(file), text).unwrap();
        }
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn valid_from(moment: &str) -> String {
    format!("validFrom: {moment}\n{GOOD}")
}

#[test]
fn a_folder_with_anything_wrong_is_refused_whole_and_everything_is_said() {
    let cycle = GOOD.replace("CHECKED, after: [ORDERED]", "CHECKED, after: [CHECKED]");
    let other = GOOD
        .replace("FULFILMENT", "OTHER")
        .replace("within: 10min", "within: 2h");
    let files = [
        ("a.yml", GOOD),
        ("b.yaml", &cycle),
        ("c.yml", GOOD),
        ("d.yml", "sagaType: ["),
        ("e.yml", &other),
        ("f.txt", "no definition"),
    ];
    let folder = Folder::with("refused", &files);
    let mut definitions = Definitions::none();
    let report = definitions.check_dir(&folder.0);
    let errors: Vec<String> = report
        .result
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    let ends = [
        "b.yaml: line 6: ",
        "c.yml: line 1: defines FULFILMENT, as does ",
        "d.yml: line ",
    ];
    assert_eq!(errors.len(), ends.len(), "{errors:?}");
    for (error, words) in errors.iter().zip(ends) {
        assert!(error.contains(words), "{error}");
    }
    let warnings: Vec<String> = report.warnings.iter().map(ToString::to_string).collect();
    assert!(
        warnings.len() == 1 && warnings[0].contains("e.yml: line 14: the limit of SENT"),
        "{warnings:?}"
    );
    assert!(definitions.load_dir(&folder.0).is_err());
    assert_eq!(definitions, Definitions::none(), "nothing of it is in force");
}

#[test]
fn a_type_may_have_several_definitions_that_begin_at_different_times() {
    let (later, latest) = (valid_from("2026-12-01"), valid_from("2026-12-01T09:00:00+09:00"));
    let folder = Folder::with("overlap", &[("a.yml", &later), ("b.yml", &latest)]);
    let report = Definitions::none().check_dir(&folder.0);
    let errors = report.result.unwrap_err();
    assert!(
        matches!(errors[0].kind, LoadErrorKind::Twice { line: 2, .. }),
        "{errors:?}"
    );
    assert!(
        errors[0].to_string().contains("from 2026-12-01T00:00:00.000Z on"),
        "{errors:?}"
    );

    let folder = Folder::with("versions", &[("a.yml", GOOD), ("b.yml", &later)]);
    let mut definitions = Definitions::built_in();
    definitions.load_dir(&folder.0).unwrap();
    let fulfilment = SagaType::new("FULFILMENT").unwrap();
    let starts: Vec<_> = definitions
        .of_type(&fulfilment)
        .map(|definition| definition.valid_from)
        .collect();
    let december = "2026-12-01T00:00:00Z".parse().unwrap();
    assert_eq!(starts, [None, Some(december)]);
    assert_eq!(
        definitions.in_force(&fulfilment, december).unwrap().valid_from,
        Some(december)
    );
    assert!(definitions.check_dir(&folder.0).warnings.is_empty());
}

#[test]
fn a_type_without_a_definition_for_its_first_sagas_is_a_warning() {
    let folder = Folder::with("gap", &[("a.yml", &valid_from("2026-12-01"))]);
    let report = Definitions::none().check_dir(&folder.0);
    assert!(report.result.is_ok());
    let warning = &report.warnings[0].warning;
    assert_eq!(
        (warning.line, warning.reason.as_str()),
        (
            2,
            "FULFILMENT has no definition for sagas that started before 2026-12-01T00:00:00.000Z"
        )
    );
}

#[test]
fn a_time_that_is_none_is_refused_with_its_line() {
    let report = SagaDefinition::check_yaml(&valid_from("soon"));
    let error = &report.result.unwrap_err()[0];
    assert_eq!(error.line, 1);
    assert!(
        error.reason.contains("\"soon\" is not an RFC 3339 time"),
        "{error}"
    );
}

#[test]
fn what_the_parser_refuses_is_said_for_those_who_write_files_and_not_for_who_calls_it() {
    let twice = format!("{GOOD}---\n{GOOD}");
    let key_twice = format!("{GOOD}\nsagaType: OTHER\n");
    for (yaml, reason) in [
        ("", "unexpected end of file"),
        (
            twice.as_str(),
            "only single YAML document expected but multiple found",
        ),
        (
            key_twice.as_str(),
            "duplicate mapping key `sagaType` is not allowed here",
        ),
        ("sagaType: ~", "null is not allowed here"),
    ] {
        let errors = SagaDefinition::check_yaml(yaml).result.unwrap_err();
        assert_eq!(errors[0].reason, reason);
    }
}

/// The keys that the parser names when it meets one that it does not know.
fn keys_of(yaml: &str) -> BTreeSet<String> {
    let error = SagaDefinition::from_yaml(yaml).unwrap_err();
    let (_, known) = error.reason.split_once("expected one of ").unwrap();
    let names = known.split(", ").map(|name| name.trim_matches('`').to_owned());
    names.collect()
}

fn keys_in(schema: &Value, pointer: &str) -> BTreeSet<String> {
    let object = schema.pointer(pointer).unwrap();
    assert_eq!(object["additionalProperties"], false, "{pointer}");
    object["properties"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect()
}

#[test]
fn the_json_schema_has_the_keys_that_the_parser_takes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/definition.schema.json");
    // Absent only where the crate was unpacked on its own.
    let Ok(text) = fs::read_to_string(path) else {
        return;
    };
    let schema: Value = serde_json::from_str(&text).unwrap();
    for (pointer, yaml) in [
        ("", "other: 1".to_owned()),
        (
            "/properties/forward/items",
            changed(&[("step: ORDERED", "other: 1, step: ORDERED")]),
        ),
        (
            "/properties/compensations/items",
            changed(&[("limits:", "compensations: [{ other: 1 }]\nlimits:")]),
        ),
        ("/properties/limits", changed(&[("whole: 1h", "other: 1h")])),
        (
            "/properties/limits/properties/steps/items",
            changed(&[("within: 10min", "other: 1")]),
        ),
    ] {
        assert_eq!(keys_in(&schema, pointer), keys_of(&yaml), "{pointer}");
    }
}
