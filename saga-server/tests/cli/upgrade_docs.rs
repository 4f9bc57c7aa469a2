//! `docs/operations.md` against the migrations.

use std::{fs, path::PathBuf};

const DOCUMENT: &str = include_str!("../../../docs/operations.md");

fn folder(of: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("store/migrations")
        .join(of)
}

/// The numbers and statements of the migrations, comments left out.
fn migrations(of: &str) -> Vec<(String, String)> {
    let files = fs::read_dir(folder(of)).unwrap().map(|entry| entry.unwrap());
    let mut migrations: Vec<(String, String)> = files
        .map(|file| {
            let name = file.file_name().into_string().unwrap();
            let text = fs::read_to_string(file.path()).unwrap();
            let lines = text.lines().filter(|line| !line.trim_start().starts_with("--"));
            (name, lines.map(|line| format!("{line}\n")).collect())
        })
        .collect();
    migrations.sort();
    migrations
}

/// Whether it changes what is there already.
fn does_more_than_add(sql: &str) -> bool {
    let changes = [
        "DROP ",
        "RENAME ",
        "ALTER COLUMN ",
        "RESET (",
        "CREATE OR REPLACE ",
    ];
    let is_change = |line: &str| line.starts_with("UPDATE ") || line.starts_with("DELETE ");
    changes.iter().any(|change| sql.contains(change)) || sql.lines().any(is_change)
}

#[test]
fn the_document_names_exactly_the_migrations_that_do_more_than_add() {
    let table = DOCUMENT.split("### What migrations change").nth(1).unwrap();
    let rows = table.lines().skip_while(|line| !line.starts_with("| `"));
    let rows = rows.take_while(|line| line.starts_with("| `"));
    let mut named: Vec<String> = rows
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(|first| first.split('`').skip(1).step_by(2).map(str::to_owned))
        .collect();
    named.sort();
    let found: Vec<String> = migrations("postgres")
        .into_iter()
        .filter(|(_, sql)| does_more_than_add(sql))
        .map(|(name, _)| name[..4].to_owned())
        .collect();
    assert_eq!(named, found);
}

#[test]
fn migrations_of_sqlite_that_do_more_than_add_have_one_of_postgresql() {
    let of_postgres: Vec<String> = migrations("postgres")
        .into_iter()
        .filter(|(_, sql)| does_more_than_add(sql))
        .map(|(name, _)| name[5..].to_owned())
        .collect();
    // There it is a part of the one about what is owed.
    let parts = |name: &str| {
        if name == "watching.sql" {
            "owed_since.sql".to_owned()
        } else {
            name.to_owned()
        }
    };
    for (name, sql) in migrations("sqlite") {
        if does_more_than_add(&sql) {
            assert!(of_postgres.contains(&parts(&name[5..])), "{name}");
        }
    }
}
