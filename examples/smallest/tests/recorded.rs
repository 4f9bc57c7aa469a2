//! What the README promises: the program, as a process of its own, records into a tracker, which answers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::Path, process::Command, time::Duration};

use saga_server::{
    config::{Secret, Settings},
    dev::{self, DevOptions},
};
use serde_json::Value;
use tokio::sync::oneshot;

/// Waits for the file that the tracker writes when it is ready.
async fn info(path: &Path) -> Value {
    for _ in 0..1_000 {
        if let Ok(text) = std::fs::read(path) {
            return serde_json::from_slice(&text).unwrap();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the tracker did not get ready");
}

fn record(ending: &str, bootstrap_servers: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_smallest"))
        .arg(ending)
        .env("PLATFORM_SAGA_ENABLED", "true")
        .env("PLATFORM_SAGA_BOOTSTRAP_SERVERS", bootstrap_servers)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Asks until nothing is missing any more.
async fn answer(url: &str, steps: u64) -> Value {
    let mut last = Value::Null;
    for _ in 0..200 {
        last = reqwest::get(url).await.unwrap().json().await.unwrap();
        if last["stepCount"] == steps {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{url} answers {last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_ending_is_answered_by_the_tracker() {
    let folder = tempfile::tempdir().unwrap();
    let info_file = folder.path().join("info.json");
    let options = DevOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        data_dir: Some(folder.path().to_owned()),
        info_file: Some(info_file.clone()),
        demo: false,
    };
    let mut settings = Settings::default();
    settings.database.url = Some(Secret::new("sqlite:chosen-by-dev"));
    settings.kafka.bootstrap_servers = Some("chosen-by-dev:1".to_owned());
    let (stop, stopped) = oneshot::channel::<()>();
    let tracker = tokio::spawn(dev::run(options, settings.resolve().unwrap(), async {
        let _ = stopped.await;
    }));
    let info = info(&info_file).await;

    for (ending, status, steps) in [
        ("success", "COMPLETED", 6),
        ("out-of-stock", "FAILED", 4),
        ("compensated", "COMPENSATED", 7),
    ] {
        let bootstrap_servers = info["bootstrapServers"].as_str().unwrap().to_owned();
        let saga_id = tokio::task::spawn_blocking(move || record(ending, &bootstrap_servers))
            .await
            .unwrap();
        let saga = answer(
            &format!("{}/api/v1/sagas/{saga_id}", info["url"].as_str().unwrap()),
            steps,
        )
        .await;
        assert_eq!(saga["currentStatus"], status, "{saga}");
    }
    stop.send(()).unwrap();
    tracker.await.unwrap().unwrap();
}

#[test]
fn without_being_told_to_it_records_nothing_and_says_so() {
    let output = Command::new(env!("CARGO_BIN_EXE_smallest")).output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("PLATFORM_SAGA_ENABLED=true"));
}
