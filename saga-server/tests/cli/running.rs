//! Commands that talk to others: a database, a broker, a running collector.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::command::Run;

const TIMEOUT: Duration = Duration::from_secs(60);

/// Waits for what must come in the end.
fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + TIMEOUT;
    while Instant::now() < deadline {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("no {what} within {TIMEOUT:?}");
}

fn ended(mut child: Child) -> i32 {
    eventually("end", || child.try_wait().unwrap()).code().unwrap()
}

fn terminate(child: &Child) {
    let terminated = std::process::Command::new("kill")
        .arg(child.id().to_string())
        .status()
        .unwrap();
    assert!(terminated.success());
}

fn info(file: &Path) -> Value {
    let text = eventually("info file", || std::fs::read_to_string(file).ok());
    serde_json::from_str(&text).unwrap()
}

#[test]
fn migrate_makes_the_tables_and_does_nothing_the_second_time() {
    let run = Run::new();
    for _ in 0..2 {
        let done = run.run("migrate --database-url sqlite:sagas.db");
        assert_eq!(
            (done.code, done.stdout.as_str()),
            (0, "the database is at the newest version\n"),
            "{done:?}"
        );
    }
    assert!(run.folder().join("sagas.db").is_file());
}

#[test]
fn a_database_that_cannot_be_reached_is_exit_code_1() {
    let done =
        Run::new().run("migrate --database-url postgres://u:topsecret@127.0.0.1:1/x --log-level error");
    assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{done:?}");
    assert!(
        done.stderr.contains("not available") && !done.stderr.contains("topsecret"),
        "{done:?}"
    );
}

#[test]
fn healthcheck_of_nobody_is_exit_code_1() {
    Run::new()
        .run("healthcheck --listen 127.0.0.1:1")
        .is_refused(1, &["no answer from 127.0.0.1:1"]);
}

#[test]
fn dev_runs_until_it_is_stopped() {
    let run = Run::new();
    let mut command = run.command("dev --listen 127.0.0.1:0 --info-file info.json --data-dir data");
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let info = info(&run.folder().join("info.json"));
    for key in ["url", "bootstrapServers", "topic", "dltTopic", "database"] {
        assert!(
            info[key].as_str().is_some_and(|value| !value.is_empty()),
            "{key} in {info}"
        );
    }
    let address = info["url"].as_str().unwrap().strip_prefix("http://").unwrap();
    let healthy = run.run(&format!("healthcheck --listen {address}"));
    assert_eq!(healthy.code, 0, "{healthy:?}");
    assert!(healthy.stdout.contains(r#""status":"UP""#), "{healthy:?}");
    terminate(&child);
    assert_eq!(ended(child), 0);
}

/// A log that takes no more lines blocks each thread that writes one.
#[cfg(unix)]
#[test]
fn a_shutdown_that_hangs_is_ended_after_its_timeout() {
    let run = Run::new();
    assert_eq!(run.run("migrate --database-url sqlite:sagas.db").code, 0);
    let (log, mut filler) = std::io::pipe().unwrap();
    let child = run
        .command("serve --listen 127.0.0.1:0 --database-url sqlite:sagas.db --shutdown-timeout 1s")
        .env("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
        .stdout(Stdio::null())
        .stderr(filler.try_clone().unwrap())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(log);
    let started = log
        .by_ref()
        .lines()
        .map(Result::unwrap)
        .any(|line| line.contains("started"));
    assert!(started);
    let filled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&filled);
    std::thread::spawn(move || {
        while filler.write_all(b"\n").is_ok() {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    // A writer that was only not given a processor for a moment goes on soon.
    let mut last = (0, Instant::now());
    eventually("full pipe", || {
        let now = filled.load(Ordering::Relaxed);
        if now != last.0 {
            last = (now, Instant::now());
        }
        (now > 0 && last.1.elapsed() > Duration::from_secs(1)).then_some(())
    });
    terminate(&child);
    assert_eq!(ended(child), 1);
    drop(log);
}
