//! Files that are missing, damaged, or of another version.

use std::path::Path;

use super::*;
use crate::archive::{
    ArchiveError, Manifest, files::decode, manifest::LAYOUT, parquet_write::LAYOUT_KEY, tables,
};

async fn one_batch() -> (Harness, Manifest) {
    let harness = Harness::of_three_days(1).await;
    harness.archive_all().await;
    let manifest = harness.archive.manifests().await.unwrap().remove(0);
    (harness, manifest)
}

fn change(path: &Path, change: impl FnOnce(String) -> String) {
    let text = std::fs::read_to_string(path).unwrap();
    std::fs::write(path, change(text)).unwrap();
}

#[tokio::test]
async fn an_index_that_is_damaged_is_said_to_be_and_made_again() {
    let harness = Harness::of_three_days(2).await;
    harness.archive_all().await;
    let path = harness.index_of_day(0);
    let whole = std::fs::read(&path).unwrap();
    let other_version = String::from_utf8(whole.clone())
        .unwrap()
        .replace("\"version\":1", "\"version\":2");
    let no_filter = String::from_utf8(whole.clone())
        .unwrap()
        .replace("\"bloom\":\"", "\"bloom\":\"A");
    let damaged: [&[u8]; 6] = [
        b"",
        b"null",
        b"{\"version\":1}",
        &whole[..whole.len() / 2],
        other_version.as_bytes(),
        no_filter.as_bytes(),
    ];
    for damaged in damaged {
        std::fs::write(&path, damaged).unwrap();
        let lookup = Lookup::new(harness.archive.clone());
        let error = lookup.saga(&id(0), None).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Index(_)), "{error:?}");
        assert!(error.to_string().contains("saga-server archive index"), "{error}");
        let manifest = &harness.archive.manifests().await.unwrap()[0];
        assert!(
            lookup
                .saga(&id(0), Some(&manifest.folder))
                .await
                .unwrap()
                .is_some(),
            "the marker of a removed saga names its folder"
        );
        let indexed = index(&harness.archive).await.unwrap();
        assert_eq!((indexed.added, indexed.batches, indexed.sagas), (1, 3, 6));
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        harness.assert_all_found(6).await;
    }
}

/// As in the moment between a batch and its index, and in a copy that was made of the days alone.
#[tokio::test]
async fn without_an_index_a_few_batches_are_read_and_many_are_an_error() {
    let harness = Harness::of_three_days(2).await;
    harness.archive_all().await;
    std::fs::remove_file(harness.index_of_day(0)).unwrap();
    let lookup = Lookup::new(harness.archive.clone());
    for saga in 0..6 {
        assert!(lookup.saga(&id(saga), None).await.unwrap().is_some(), "{saga}");
        let (of_order, is_all) = lookup
            .of_order(&format!("ORD-{}", id(saga)), 20, |_| true)
            .await
            .unwrap();
        assert_eq!((of_order.len(), is_all), (1, true), "{saga}");
    }
    for saga in 0..33 {
        harness.append(failed(&format!("later-{saga}"), 5_000)).await;
    }
    harness.archive_all().await;
    assert!(harness.index_of_day(0).exists());
    std::fs::remove_dir_all(harness.path().join("index")).unwrap();
    let error = lookup.saga(&id(0), None).await.unwrap_err().to_string();
    assert!(
        error.contains("day=2023-11-14 has 10 batches and no index"),
        "{error}"
    );
    assert!(error.contains("saga-server archive index"), "{error}");
    let indexed = index(&harness.archive).await.unwrap();
    assert_eq!((indexed.added, indexed.sagas), (12, 39));
    assert!(lookup.saga("later-7", None).await.unwrap().is_some());
}

#[tokio::test]
async fn a_batch_rewrites_the_index_of_its_day_alone() {
    let harness = Harness::of_three_days(3).await;
    harness.archive_all().await;
    let of_day = |day| {
        let path = harness.index_of_day(day);
        (
            std::fs::metadata(&path).unwrap().modified().unwrap(),
            std::fs::read(&path).unwrap(),
        )
    };
    let before: Vec<_> = (0..3).map(of_day).collect();
    harness.append(failed("later", 2 * DAY_MS + 9_000)).await;
    harness.archive_all().await;
    let after: Vec<_> = (0..3).map(of_day).collect();
    assert_eq!(before[..2], after[..2]);
    assert!(before[2].1.len() < after[2].1.len());
}

/// All entries in one file, as a version of before wrote them.
fn write_index_of_all_days(harness: &Harness) -> std::path::PathBuf {
    let mut batches = Vec::new();
    for day in 0..3 {
        let text = std::fs::read(harness.index_of_day(day)).unwrap();
        let index: serde_json::Value = serde_json::from_slice(&text).unwrap();
        batches.extend(index["batches"].as_array().unwrap().clone());
    }
    let path = harness.path().join("index.json");
    let all = serde_json::json!({"version": 1, "batches": batches});
    std::fs::write(&path, all.to_string()).unwrap();
    path
}

#[tokio::test]
async fn the_index_of_all_days_counts_until_each_day_has_its_own() {
    let harness = Harness::of_three_days(40).await;
    harness.archive_all().await;
    let of_all_days = write_index_of_all_days(&harness);
    std::fs::remove_dir_all(harness.path().join("index")).unwrap();
    // Ten batches of each day: more than are opened without an index.
    let lookup = Lookup::new(harness.archive.clone());
    for saga in 0..120 {
        assert!(lookup.saga(&id(saga), None).await.unwrap().is_some(), "{saga}");
    }
    assert_eq!(lookup.saga("saga-9999", None).await.unwrap(), None);
    // A batch of a day makes the index of that day, with what the file of all days has of it.
    harness.append(failed("later", DAY_MS + 9_000)).await;
    for changes in [0, 1, 1, 1, usize::MAX] {
        harness.archive.faults.after(changes);
        let ended = harness.try_to_archive().await;
        harness.archive.faults.after(usize::MAX);
        assert!(ended.is_ok() || of_all_days.exists());
        for saga in 0..120 {
            assert!(lookup.saga(&id(saga), None).await.unwrap().is_some(), "{saga}");
        }
    }
    assert!(!of_all_days.exists());
    assert!(lookup.saga("later", None).await.unwrap().is_some());
    let indexed = index(&harness.archive).await.unwrap();
    assert_eq!((indexed.added, indexed.dropped, indexed.sagas), (0, 0, 121));
}

#[tokio::test]
async fn an_index_of_all_days_that_is_damaged_is_no_reason_to_stop() {
    let harness = Harness::of_three_days(1).await;
    harness.archive_all().await;
    let of_all_days = write_index_of_all_days(&harness);
    std::fs::write(&of_all_days, "{").unwrap();
    std::fs::remove_dir_all(harness.path().join("index")).unwrap();
    let lookup = Lookup::new(harness.archive.clone());
    assert!(lookup.saga(&id(0), None).await.unwrap().is_some());
    assert_eq!(index(&harness.archive).await.unwrap().added, 3);
    assert!(!of_all_days.exists());
    harness.assert_all_found(3).await;
}

/// A new volume has `lost+found`, and a bucket may have what others put there: an archive without a batch is empty all the same.
#[tokio::test]
async fn what_others_keep_beside_the_batches_is_no_part_of_the_archive() {
    let harness = Harness::of_three_days(1).await;
    for folder in ["lost+found", "reports/2026/11", ".snapshot"] {
        std::fs::create_dir_all(harness.path().join(folder)).unwrap();
    }
    std::fs::write(harness.path().join("reports/2026/11/manifest.json"), "not ours").unwrap();
    let lookup = Lookup::new(harness.archive.clone());
    assert_eq!(lookup.saga(&id(0), None).await.unwrap(), None);
    assert_eq!(
        lookup.of_order("ORD-1", 20, |_| true).await.unwrap(),
        (Vec::new(), true)
    );
    let error = lookup.saga(&id(0), Some("day=2026-11-01/a/b")).await.unwrap_err();
    assert!(error.to_string().contains("is this its folder"), "{error}");
    harness.archive_all().await;
    harness.assert_all_found(3).await;
}

/// Of what is deleted the manifest goes first, so that what is left when that is ended counts for nothing.
#[tokio::test]
async fn a_batch_that_is_half_deleted_does_not_count() {
    for changes in 0..3 {
        let (harness, manifest) = one_batch().await;
        harness.archive.faults.after(changes);
        harness.archive.delete_all(&manifest.folder).await.unwrap_err();
        harness.archive.faults.after(usize::MAX);
        let left = harness.archive.manifests().await.unwrap();
        assert_eq!(left.len(), if changes == 0 { 3 } else { 2 }, "{changes}");
        let found = Lookup::new(harness.archive.clone())
            .saga(&id(0), None)
            .await
            .unwrap();
        assert_eq!(found.is_some(), changes == 0, "{changes}");
    }
}

#[tokio::test]
async fn batches_that_others_deleted_or_copied_are_noticed() {
    let (harness, manifest) = one_batch().await;
    let day = harness.path().join(manifest.folder.split('/').next().unwrap());
    let elsewhere = harness.folder.path().join("elsewhere");
    std::fs::rename(&day, &elsewhere).unwrap();
    let lookup = Lookup::new(harness.archive.clone());
    assert_eq!(
        lookup.saga(&id(0), None).await.unwrap(),
        None,
        "an entry of a batch that is gone"
    );
    assert_eq!(index(&harness.archive).await.unwrap().dropped, 1);
    assert_eq!(lookup.saga(&id(0), None).await.unwrap(), None);
    std::fs::rename(&elsewhere, &day).unwrap();
    assert_eq!(index(&harness.archive).await.unwrap().added, 1);
    assert!(lookup.saga(&id(0), None).await.unwrap().is_some());
}

#[tokio::test]
async fn a_batch_that_cannot_be_read_keeps_no_other_from_the_index() {
    let (harness, manifest) = one_batch().await;
    let file = harness.path().join(manifest.path(&manifest.sagas));
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, "nothing").unwrap();
    std::fs::remove_file(harness.index_of_day(0)).unwrap();
    let indexed = index(&harness.archive).await.unwrap();
    assert_eq!((indexed.batches, indexed.unreadable.len()), (2, 1));
    assert!(indexed.unreadable[0].contains("sagas.parquet"), "{indexed:?}");
    let lookup = Lookup::new(harness.archive.clone());
    assert!(lookup.saga(&id(1), None).await.unwrap().is_some());
    let of_order = format!("ORD-{}", id(0));
    let unknown = lookup.of_order(&of_order, 20, |_| true).await.unwrap();
    assert_eq!(unknown, (Vec::new(), false), "nobody knows what is in it");
    std::fs::write(&file, whole).unwrap();
    assert_eq!(index(&harness.archive).await.unwrap().added, 1);
    let (found, is_all) = lookup.of_order(&of_order, 20, |_| true).await.unwrap();
    assert_eq!((found.len(), is_all), (1, true));
}

#[tokio::test]
async fn missing_and_changed_files_are_errors() {
    let (harness, manifest) = one_batch().await;
    for file in [&manifest.sagas, &manifest.steps] {
        let path = harness.path().join(manifest.path(file));
        let whole = std::fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        let cut = &whole[..whole.len() - 9];
        let all_damaged: [Option<&[u8]>; 4] = [None, Some(cut), Some(flipped.as_slice()), Some(&[])];
        for damaged in all_damaged {
            match damaged {
                Some(bytes) => std::fs::write(&path, bytes).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            let lookup = Lookup::new(harness.archive.clone());
            let asking = async {
                let saga = lookup.saga(&id(0), None).await?.unwrap();
                lookup.steps(&saga, None, 10).await
            };
            let error = asking.await.unwrap_err();
            assert!(
                matches!(&error, ArchiveError::File { file: named, .. } if named.contains(&file.name)),
                "{error:?}"
            );
        }
        std::fs::write(&path, whole).unwrap();
    }
    harness.assert_all_found(3).await;
}

#[tokio::test]
async fn a_file_that_was_replaced_is_read_anew() {
    let (harness, manifest) = one_batch().await;
    let lookup = Lookup::new(harness.archive.clone());
    let saga = lookup.saga(&id(0), None).await.unwrap().unwrap();
    for _ in 0..2 {
        assert_eq!(lookup.steps(&saga, None, 10).await.unwrap().steps.len(), 2);
        for file in [&manifest.sagas, &manifest.steps] {
            let path = harness.path().join(manifest.path(file));
            let bytes = std::fs::read(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, bytes).unwrap();
        }
    }
    assert_eq!(lookup.saga(&id(0), None).await.unwrap(), Some(saga));
}

#[tokio::test]
async fn a_later_layout_is_refused_with_the_way_on() {
    let (harness, manifest) = one_batch().await;
    let path = harness.path().join(&manifest.folder).join(Manifest::FILE_NAME);
    let before = std::fs::read_to_string(&path).unwrap();
    let later = LAYOUT + 1;
    change(&path, |text| {
        text.replace(&format!("\"layout\": {LAYOUT}"), &format!("\"layout\": {later}"))
    });
    let lookup = Lookup::new(harness.archive.clone());
    let error = lookup.saga(&id(0), None).await.unwrap_err().to_string();
    assert!(
        error.contains(&format!("layout {later}")) && error.contains("use a newer one"),
        "{error}"
    );
    let error = harness.archive.manifests().await.unwrap_err().to_string();
    assert!(error.contains("use a newer one"), "{error}");
    std::fs::write(&path, before).unwrap();

    let file = std::fs::read(harness.path().join(manifest.path(&manifest.steps))).unwrap();
    let text = |layout| [LAYOUT_KEY.as_bytes(), b"\x18\x01", format!("{layout}").as_bytes()].concat();
    let (said, later) = (text(LAYOUT), text(later));
    let at = file.windows(said.len()).position(|part| part == said).unwrap();
    let mut changed = file;
    changed[at..at + later.len()].copy_from_slice(&later);
    let error = tables::read_steps(changed.into()).err().unwrap().to_string();
    assert!(error.contains("use a newer one"), "{error}");
}

/// Whatever a byte of it says, a file is read or refused.
#[tokio::test]
async fn no_byte_of_a_file_ends_the_process() {
    let (harness, manifest) = one_batch().await;
    for file in [&manifest.sagas, &manifest.steps] {
        let whole = std::fs::read(harness.path().join(manifest.path(file))).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0xff;
            let is_steps = file.name == manifest.steps.name;
            let reading = decode(file.name.clone(), move || match is_steps {
                true => tables::read_steps(changed.into())?.try_for_each(|row| row.map(drop)),
                false => tables::read_sagas(changed.into())?.try_for_each(|row| row.map(drop)),
            });
            if let Err(error) = reading.await {
                assert!(matches!(error, ArchiveError::File { .. }), "{at}: {error:?}");
            }
        }
    }
}
