//! What holds for every URL: the form of errors, headers, limits, and a store that cannot answer.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use saga_web::Limits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{Api, eventually, hasty};

const EVERY_QUESTION: [&str; 5] = [
    "/api/v1/sagas",
    "/api/v1/sagas/saga-1",
    "/api/v1/sagas/saga-1?asOf=2025-10-09",
    "/api/v1/sagas/saga-1/steps",
    "/api/v1/sagas/statistics",
];

#[tokio::test]
async fn an_unknown_path_is_not_found() {
    let api = Api::new().await;
    for path in [
        "/nowhere",
        "/api/v1/sagas/",
        "/api/v1/saga",
        "/api/v2/sagas",
        "/api/v1/sagas/a/b/c",
        "/internal/x",
    ] {
        api.get(path).await.is_error(404, "NOT_FOUND", path);
    }
}

#[tokio::test]
async fn another_method_is_refused_with_those_that_are_possible() {
    let api = Api::new().await;
    for method in [
        Method::POST,
        Method::DELETE,
        Method::PUT,
        Method::PATCH,
        Method::OPTIONS,
    ] {
        let answer = api.request(method, "/api/v1/sagas/saga-1", &[]).await;
        answer.is_error(405, "METHOD_NOT_ALLOWED", "/api/v1/sagas/saga-1");
        assert_eq!(answer.header("allow"), "GET,HEAD");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let api = Api::new().await;
    let answer = api.request(Method::HEAD, "/api/v1/sagas", &[]).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
    let answer = api.request(Method::HEAD, "/api/v1/sagas/nobody", &[]).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (404, ""));
}

#[tokio::test]
async fn a_path_that_is_no_text_is_refused() {
    let api = Api::new().await;
    for path in [
        "/api/v1/sagas/%ff",
        "/api/v1/sagas/%zz",
        "/api/v1/sagas/a%2",
        "/%c3%28",
    ] {
        api.get(path).await.is_error(400, "BAD_REQUEST", path);
    }
}

#[tokio::test]
async fn a_query_has_a_longest_length() {
    let api = Api::new().await;
    let fits = format!(
        "/api/v1/sagas?traceId={}",
        "x".repeat(8 * 1024 - "traceId=".len())
    );
    assert_eq!(api.get(&fits).await.status.as_u16(), 200);
    let error = api
        .get(&format!("{fits}x"))
        .await
        .is_error(400, "BAD_REQUEST", "/api/v1/sagas");
    assert!(error["message"].as_str().unwrap().contains("8192"), "{error}");
}

#[tokio::test]
async fn every_answer_carries_the_headers_of_data() {
    let api = Api::new().await;
    for path in ["/api/v1/sagas", "/nowhere", "/health", "/metrics"] {
        let answer = api.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; frame-ancestors 'none'"
        );
    }
}

#[tokio::test]
async fn a_database_that_is_unavailable_means_try_again() {
    let api = Api::without_database().await;
    let answers = join_all(EVERY_QUESTION.map(|path| api.get(path))).await;
    for (path, answer) in EVERY_QUESTION.into_iter().zip(answers) {
        answer.is_error(503, "SERVICE_UNAVAILABLE", path.split('?').next().unwrap());
        assert_eq!(answer.header("retry-after"), "2");
        assert!(!answer.text.contains("hidden"), "{}", answer.text);
    }
}

#[tokio::test]
async fn bytes_that_are_no_request_end_in_an_error_and_not_the_server() {
    let api = Api::new().await;
    let bad: [&[u8]; 4] = [
        b"\0\xff\xfe\r\n\r\n",
        b"GET /api/v1/sagas/\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http:// HTTP/1.1\r\n\r\n",
        b"GET /api/v1/sagas?\" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ];
    for bytes in bad {
        let mut stream = tokio::net::TcpStream::connect(api.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(
            answer.starts_with(b"HTTP/1.1 4"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    assert_eq!(api.get("/health/liveness").await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_head_that_trickles_in_does_not_hold_a_connection() {
    let api = Api::new().await;
    let mut socket = tokio::net::TcpStream::connect(api.address).await.unwrap();
    let trickling = async {
        // Never an empty line, so the head never ends.
        for byte in "GET / HTTP/1.1\r\nX-Slow: "
            .bytes()
            .chain(std::iter::repeat(b'x'))
        {
            if socket.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let deadline = std::time::Duration::from_secs(120);
    tokio::time::timeout(deadline, trickling)
        .await
        .expect("the connection is given up");
}

#[tokio::test]
async fn a_connection_that_asks_nothing_is_closed() {
    let api = Api::limited(Limits {
        first_head_within: Duration::from_secs(1),
        head_within: Duration::from_secs(3600),
        ..hasty()
    })
    .await;
    let mut socket = TcpStream::connect(api.address).await.unwrap();
    let reading = async { socket.read(&mut [0]).await };
    let read = tokio::time::timeout(Duration::from_secs(120), reading).await;
    assert_eq!(read.expect("the connection is closed").unwrap_or(0), 0);
}

/// Nothing here may end by itself while the test runs.
fn two_places() -> Limits {
    Limits {
        connections: 2,
        reserved_connections: 1,
        first_head_within: Duration::from_secs(3600),
        head_within: Duration::from_secs(3600),
        taken_within: Duration::from_secs(3600),
    }
}

#[tokio::test]
async fn idle_connections_give_way_to_new_ones() {
    let api = Api::limited(two_places()).await;
    let mut idle = Vec::new();
    for _ in 0..5 {
        idle.push(TcpStream::connect(api.address).await.unwrap());
    }
    for _ in 0..5 {
        let answering = reqwest::get(format!("http://{}/api/v1/sagas", api.address));
        let answer = tokio::time::timeout(Duration::from_secs(120), answering).await;
        assert_eq!(answer.expect("it is answered").unwrap().status(), 200);
    }
}

#[tokio::test]
async fn when_all_connections_are_busy_health_is_answered_and_others_are_refused() {
    let api = Api::limited(two_places()).await;
    let mut busy = Vec::new();
    for _ in 0..2 {
        let stream = format!("http://{}/api/v1/sagas/stream", api.address);
        let mut response = reqwest::get(stream).await.unwrap();
        assert!(response.chunk().await.unwrap().is_some());
        busy.push(response);
    }
    for _ in 0..3 {
        for (path, status) in [
            ("/health/liveness", 200),
            ("/metrics", 200),
            ("/api/v1/sagas", 503),
        ] {
            let answer = reqwest::get(format!("http://{}{path}", api.address))
                .await
                .unwrap();
            assert_eq!(answer.status(), status, "{path}");
        }
    }
    drop(busy);
    eventually(async || {
        let answer = reqwest::get(format!("http://{}/api/v1/sagas", api.address)).await;
        answer.is_ok_and(|answer| answer.status() == 200)
    })
    .await;
}
