//! Lists as files: `.csv` and `.ndjson` of every list.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    dead_letters::letter,
    harness::{Api, completed, event, failed},
};

/// Every list, and where its records are in its answer.
const LISTS: [(&str, &str, &str); 8] = [
    ("/api/v1/sagas", "", "content"),
    ("/api/v1/attention", "", ""),
    (
        "/api/v1/failure-groups",
        "?fromDate=2025-10-09&toDate=2025-10-09",
        "groups",
    ),
    (
        "/api/v1/flow",
        "?sagaType=ORDER_CREATION&fromDate=2025-10-09&toDate=2025-10-09",
        "steps",
    ),
    ("/internal/v1/dlt", "", "content"),
    ("/internal/v1/dlt/groups", "", "groups"),
    ("/internal/v1/operations", "", "content"),
    ("/internal/v1/producers", "", "content"),
];

async fn filled() -> Api {
    let api = Api::new().await;
    api.record(completed("saga-1", 0)).await;
    api.record(failed("saga-2", 1_000)).await;
    api.record([event("saga-3", "ORDER_CREATED", "STARTED", 2_000)])
        .await;
    let reserved = [
        event("saga-4", "STOCK_RESERVED", "COMPLETED", 3_000),
        event("saga-4", "PAYMENT_FAILED", "FAILED", 3_100),
    ];
    api.record(reserved.map(|event| event.with(json!({"failureReason": "=1+1"}))))
        .await;
    let letters = (1..=3).map(|number| letter(b"no event", "UNKNOWN_FRAMING", number));
    api.store.keep_letters(letters.collect()).await.unwrap();
    let body = json!({"status": "COMPLETED", "reason": "@by hand"})
        .to_string()
        .into_bytes();
    let headers = [("content-type", "application/json")];
    let path = "/internal/v1/sagas/saga-3/status";
    api.request_with(Method::PATCH, path, &headers, body).await;
    api
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn every_list_is_a_file_with_the_records_of_its_pages() {
    let api = filled().await;
    for (path, query, field) in LISTS {
        let name = format!("{path}.ndjson");
        let file = api.get(&format!("{name}{query}")).await;
        assert_eq!(file.status.as_u16(), 200, "{name}: {}", file.text);
        assert_eq!(file.header("content-type"), "application/x-ndjson");
        assert!(
            file.header("content-disposition")
                .starts_with("attachment; filename=\""),
            "{name}"
        );
        let records = lines(&file.text);
        if field.is_empty() {
            let attention = api.json(path).await;
            let groups = attention["owing"]["groups"].as_array().unwrap();
            let of_kind = records.iter().filter(|record| record["kind"] == "OWING");
            assert_eq!(of_kind.count(), groups.len());
        } else {
            let listed = api.json(&format!("{path}{query}")).await;
            assert_eq!(json!(records), listed[field], "{name}");
        }
        let table = api.get(&format!("{path}.csv{query}")).await;
        assert_eq!(table.header("content-type"), "text/csv; charset=utf-8");
        let rows: Vec<&str> = table.text.split_terminator("\r\n").collect();
        assert_eq!(rows.len(), records.len() + 1, "{path}: {}", table.text);
        let columns = rows[0].split(',').count();
        for record in &records {
            for column in rows[0].split(',') {
                let column = column.trim_matches('"');
                let names = column.split('.').collect::<Vec<_>>();
                assert!(record.get(names[0]).is_some(), "{path}: {column} of {record}");
            }
        }
        assert!(columns > 3, "{path}");
        let cursor = api
            .refused(&format!(
                "{path}.csv{query}{}cursor=x",
                if query.is_empty() { "?" } else { "&" }
            ))
            .await;
        assert_eq!(cursor["cursor"], "is not known here");
    }
}

#[tokio::test]
async fn no_cell_is_a_formula_and_numbers_are_numbers() {
    let api = filled().await;
    let table = api
        .get("/api/v1/sagas.csv?failed=true&sort=startedAt,asc")
        .await
        .text;
    let rows: Vec<&str> = table.split_terminator("\r\n").collect();
    assert_eq!(rows.len(), 3, "{table}");
    assert!(
        rows[1].starts_with("\"saga-2\",\"ORDER_CREATION\",\"ORD-saga-2\",\"FAILED\",\"2025-10-09T"),
        "{table}"
    );
    assert!(
        rows[1].contains(",500,\"STOCK_RESERVATION_FAILED\",2,"),
        "{table}"
    );
    assert!(rows[2].contains(",\"'=1+1\","), "{table}");
    let log = api.get("/internal/v1/operations.csv").await.text;
    assert!(log.contains(",\"'@by hand\",\r\n"), "{log}");
}

#[tokio::test]
async fn a_file_has_every_saga_of_a_long_list_once() {
    let api = Api::new().await;
    let sagas = (0..1_203).map(|saga| event(&format!("saga-{saga}"), "ORDER_CREATED", "STARTED", saga % 7));
    api.record(sagas).await;
    for sort in ["startedAt,asc", "updatedAt,desc", "due,asc"] {
        let file = api.get(&format!("/api/v1/sagas.ndjson?sort={sort}")).await;
        let mut ids: Vec<String> = lines(&file.text)
            .iter()
            .map(|saga| saga["sagaId"].to_string())
            .collect();
        assert_eq!(ids.len(), 1_203, "{sort}");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 1_203, "{sort}");
    }
    let first = api.get("/api/v1/sagas.ndjson?sort=duration,desc").await;
    assert_eq!((first.status.as_u16(), first.text.as_str()), (200, ""));
}

#[tokio::test]
async fn hidden_values_are_in_no_file() {
    let api = Api::hiding(&["failureReason"]).await;
    api.record(failed("saga-1", 0)).await;
    for path in [
        "/api/v1/sagas.csv",
        "/api/v1/sagas.ndjson",
        "/api/v1/failure-groups.csv?fromDate=2025-10-09&toDate=2025-10-09",
    ] {
        let file = api.get(path).await;
        assert_eq!(file.status.as_u16(), 200, "{path}: {}", file.text);
        assert!(!file.text.contains("OUT_OF_STOCK"), "{path}: {}", file.text);
    }
}

#[tokio::test]
async fn every_list_page_has_links_to_its_files() {
    let api = filled().await;
    for (page, file) in [
        ("/sagas?status=FAILED&size=5", "/api/v1/sagas.csv?status=FAILED"),
        ("/sagas", "/api/v1/sagas.ndjson"),
        (
            "/dead-letters?reason=UNKNOWN_FRAMING",
            "/internal/v1/dlt.csv?reason=UNKNOWN_FRAMING",
        ),
        ("/dead-letters", "/internal/v1/dlt/groups.ndjson"),
        ("/operations", "/internal/v1/operations.csv"),
        (
            "/?fromDate=2025-10-09&toDate=2025-10-10",
            "/api/v1/failure-groups.csv?fromDate=",
        ),
        ("/", "/api/v1/attention.csv"),
        (
            "/flow?type=ORDER_CREATION&fromDate=2025-10-09&toDate=2025-10-10",
            "/api/v1/flow.csv?sagaType=ORDER_CREATION&#38;fromDate=",
        ),
    ] {
        let answer = api.request(Method::GET, page, &[("accept", "text/html")]).await;
        assert_eq!(answer.status.as_u16(), 200, "{page}");
        assert!(
            answer.text.contains(&format!("href=\"{file}")),
            "{page}: {file}: {}",
            answer.text
        );
    }
    let shell = api
        .request(Method::GET, "/sagas?status=FAILED", &[("accept", "text/html")])
        .await
        .text;
    assert!(shell.contains("/api/v1/sagas.ndjson?status=FAILED"), "{shell}");
}
