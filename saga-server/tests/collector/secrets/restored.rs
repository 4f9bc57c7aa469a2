//! The archive: its Parquet holds metadata as it came, and a database and `dev` that were made of it hide it again.

use tempfile::TempDir;

use super::{
    Search, Secrets,
    ways_out::{Operator, command, pages, rest},
};
use crate::support::{dev::Dev, eventually};

/// Archives everything, restores it, and opens that with `dev`.
pub(super) async fn archive_and_dev(
    settings: &[(&'static str, String)],
    archive: &TempDir,
    token: &str,
    secrets: &Secrets,
    search: &mut Search,
) {
    let mut settings = settings.to_vec();
    settings.extend([
        ("SAGA_SERVER_RETENTION_AFTER", "1h".to_owned()),
        ("SAGA_SERVER_RETENTION_UNFINISHED_AFTER", "1h".to_owned()),
    ]);
    let restored = tempfile::tempdir().unwrap();
    let to = restored.path().display().to_string();
    tokio::task::block_in_place(|| {
        for words in [
            &["archive", "run"][..],
            &["archive", "list"],
            &["archive", "restore", "--to", &to],
        ] {
            let printed = command(&settings, words);
            search.look(
                secrets,
                &format!("saga-server {} {}", words[0], words[1]),
                &printed,
            );
        }
    });
    let manifests = files(archive.path(), "manifest.json");
    assert!(!manifests.is_empty(), "something was archived");
    for (path, bytes) in manifests {
        search.look(secrets, "manifest of the archive", &path);
        search.look(
            secrets,
            "manifest of the archive",
            &String::from_utf8_lossy(&bytes),
        );
    }
    let info = tempfile::tempdir().unwrap();
    let log = tempfile::NamedTempFile::new().unwrap();
    // What `dev` and the collector have in common.
    let shared = settings.iter().filter(|(name, _)| {
        name.contains("REDACTION") || name.contains("AUTH_TOKENS") || name.contains("LOG_")
    });
    let variables: Vec<(&str, &str)> = shared.map(|(name, value)| (*name, value.as_str())).collect();
    let dev = tokio::task::block_in_place(|| {
        Dev::start_with(
            info.path(),
            &["--data-dir", &to],
            &variables,
            log.reopen().unwrap().into(),
        )
    });
    let operator = Operator {
        base: dev.text("url").to_owned(),
        token: token.to_owned(),
        client: saga_collector::http_client::plain_client(),
    };
    eventually("dev shows what was restored", async || {
        operator.get("/api/v1/sagas/hidden-0").await.0 == 200
    })
    .await;
    let mut within = Search::default();
    rest(&operator, secrets, &mut within).await;
    pages(&operator, secrets, &mut within).await;
    search.add("dev", within);
    search.look(secrets, "what dev prints", &dev.interrupt());
    let lines = std::fs::read_to_string(log.path()).unwrap();
    search.look(secrets, "log of dev at trace", &lines);
}

/// Files of a name below a folder, with their content.
fn files(folder: &std::path::Path, name: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, name));
        } else if path.ends_with(name) {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}
