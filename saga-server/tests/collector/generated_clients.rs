//! Clients that generators make of the API's description, built and run against a collector: the description is true for them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::{
    openapi::{TOKEN, assert_content, guarded_collector, kept, python},
    other_languages::{class_path, java_tool, java_with, python_program},
    support::{Harness, part},
};

const DESCRIPTION: &str = "../docs/openapi.json";

/// An empty folder for a client.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

async fn output(mut command: Command) -> Output {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    output.await.unwrap()
}

/// A generator leaves out with a warning what it does not understand. That may be a media type of its own kind, as lines and protobuf
/// are, and no schema.
fn assert_all_understood(output: &Output) {
    assert_content(output);
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines().filter(|line| !line.is_empty());
    while let Some(line) = lines.next() {
        if line.starts_with("WARNING") {
            let reason = lines.next().unwrap_or_default();
            let is_media_type = reason.contains("nsupported content") && reason.contains("application/x-");
            assert!(is_media_type, "{line}\n{reason}\n{text}");
        }
    }
}

/// Against a collector with a record that is no event.
async fn run(mut program: Command) {
    let harness = Harness::new().await;
    let server = guarded_collector(&harness).await;
    let producer = harness.producer();
    producer.send_raw(Some(b"saga-0"), b"no event");
    producer.flush();
    program.arg(server.rest.base()).arg(TOKEN);
    assert_content(&output(program).await);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_python_client_records_asks_and_corrects() {
    let folder = folder("python-client");
    let mut generator = python();
    generator
        .args([
            "-m",
            "openapi_python_client",
            "generate",
            "--meta",
            "none",
            "--path",
        ])
        .arg(kept(DESCRIPTION))
        .arg("--config")
        .arg(kept("tests/python/generator.yml"))
        .arg("--output-path")
        .arg(folder.join("saga_tracker"));
    assert_all_understood(&output(generator).await);
    let mut program = python_program("python/generated_client.py");
    program
        .env("PYTHONPATH", &folder)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    run(program).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_java_client_records_asks_and_corrects() {
    let folder = folder("java-client");
    let mut generator = java_tool("java");
    generator
        .args(["-XX:TieredStopAtLevel=1", "-jar"])
        .arg(part(
            "SAGA_TEST_OPENAPI_GENERATOR",
            "the jar of openapi-generator",
        ))
        .args(["generate", "--config"])
        .arg(kept("tests/java/generator/client.yml"))
        .arg("--input-spec")
        .arg(kept(DESCRIPTION))
        .arg("--output")
        .arg(&folder);
    assert_content(&output(generator).await);

    let classes = folder.join("classes");
    let mut compiler = java_tool("javac");
    compiler
        .args(["-encoding", "UTF-8", "-proc:none", "-cp", &class_path(), "-d"])
        .arg(&classes)
        .args(sources(&folder.join("src/main/java")))
        .arg(kept("tests/java/GeneratedClient.java"));
    assert_content(&output(compiler).await);
    let mut program = java_with(&format!("{}:{}", classes.display(), class_path()));
    program.arg("GeneratedClient");
    run(program).await;
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    found.collect()
}
