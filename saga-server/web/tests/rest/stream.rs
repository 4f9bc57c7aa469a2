//! `GET /api/v1/sagas/stream`.

use std::{net::SocketAddr, time::Duration};

use futures_util::future::join_all;
use jsonwebtoken::get_current_timestamp;
use reqwest::Response;
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::{
    harness::{Api, completed, event, failed},
    issuer::{Key, TestIssuer},
};

const TIMEOUT: Duration = Duration::from_secs(120);

/// One client that reads.
struct Client {
    response: Response,
    read: Vec<u8>,
}

impl Client {
    /// Connected: what is recorded from now on is sent to it.
    async fn of(api: &Api, query: &str) -> Self {
        Self::with(api, query, &[]).await
    }

    async fn with(api: &Api, query: &str, headers: &[(&str, &str)]) -> Self {
        let mut request = api
            .client
            .get(format!("http://{}/api/v1/sagas/stream{query}", api.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut client = Self {
            response,
            read: Vec::new(),
        };
        assert_eq!(client.frame().await.unwrap(), "retry: 2000\n: connected");
        client
    }

    /// What comes next; none at the end.
    async fn frame(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.windows(2).position(|bytes| bytes == b"\n\n") {
                let frame = self.read.drain(..end + 2).take(end).collect();
                return Some(String::from_utf8(frame).unwrap());
            }
            let chunk = timeout(TIMEOUT, self.response.chunk())
                .await
                .expect("something comes");
            // A chunk may end inside a character.
            self.read.extend_from_slice(&chunk.unwrap()?);
        }
    }

    /// The next event and its data.
    async fn event(&mut self) -> (String, Value) {
        loop {
            let frame = self.frame().await.unwrap();
            let field = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name));
            if let (Some(event), Some(data)) = (field("event: "), field("data: ")) {
                return (event.to_owned(), serde_json::from_str(data).unwrap());
            }
        }
    }

    /// The next saga.
    async fn saga(&mut self) -> Value {
        let (event, data) = self.event().await;
        assert_eq!(event, "saga", "{data}");
        data
    }
}

#[tokio::test]
async fn a_changed_saga_is_sent_as_the_answer_for_one_saga_has_it() {
    let api = Api::new().await;
    let mut client = Client::of(&api, "").await;
    api.record(completed("saga-1", 0)).await;
    let reported = client.saga().await;
    assert_eq!(reported, api.json_alone("/api/v1/sagas/saga-1").await);
    api.record([event("saga-1", "ORDER_CANCELLED", "FAILED", 9000)])
        .await;
    assert_eq!(client.saga().await["currentStatus"], "FAILED");
}

#[tokio::test]
async fn each_client_sees_what_its_filters_let_through() {
    let api = Api::new().await;
    let queries = [
        "?sagaId=last",
        "?orderId=ORD-last",
        "?status=FAILED",
        "?producerService=product-service&sagaType=ORDER_CREATION",
        "?anomaly=UNKNOWN_STEP",
        "?failed=true",
        "?ended=true&sagaId=last",
        "?q=type:ORDER_CREATION+failed",
    ];
    let mut clients = Vec::new();
    for query in queries {
        clients.push(Client::of(&api, query).await);
    }
    api.record(completed("first", 0)).await;
    let mut last = failed("last", 0);
    last.push(event("last", "SOMETHING_ELSE", "IN_PROGRESS", 1));
    api.record(last).await;
    for (client, query) in clients.iter_mut().zip(queries) {
        assert_eq!(client.saga().await["sagaId"], "last", "{query}");
    }
}

#[tokio::test]
async fn clients_of_before_are_asked_to_load_again() {
    let api = Api::new().await;
    let mut client = Client::with(&api, "", &[("Last-Event-ID", "7")]).await;
    let (event, data) = client.event().await;
    assert_eq!((event.as_str(), &data["reason"]), ("reset", &json!("RESUMED")));
    api.record(completed("saga-1", 0)).await;
    assert_eq!(client.saga().await["sagaId"], "saga-1");
}

#[tokio::test]
async fn changes_too_many_to_send_one_by_one_are_a_reset() {
    let api = Api::new().await;
    let mut client = Client::of(&api, "").await;
    api.record((0..1_500).flat_map(|saga| completed(&format!("saga-{saga}"), 0)))
        .await;
    let (event, data) = client.event().await;
    assert_eq!((event.as_str(), &data["reason"]), ("reset", &json!("MANY")));
    api.record(completed("later", 0)).await;
    assert_eq!(client.saga().await["sagaId"], "later");
}

#[tokio::test]
async fn what_nobody_is_shown_is_not_mentioned_either() {
    let api = Api::hiding(&["failureReason"]).await;
    let mut client = Client::of(&api, "").await;
    api.record(failed("saga-1", 0)).await;
    let reported = client.saga().await;
    assert_eq!(reported["currentStatus"], "FAILED");
    assert!(!reported.to_string().contains("OUT_OF_STOCK"), "{reported}");
}

#[tokio::test]
async fn only_who_may_read_may_look_on_and_filters_are_checked() {
    let api = Api::with_tokens().await;
    let path = "/api/v1/sagas/stream";
    api.get(path).await.is_error(401, "UNAUTHORIZED", path);
    Client::with(&api, "", &[("Authorization", "Bearer board's")]).await;
    let api = Api::new().await;
    let details = api.refused("/api/v1/sagas/stream?status=LOST&step=X").await;
    assert!(
        details["status"].is_string() && details["step"].is_string(),
        "{details}"
    );
    let details = api.refused("/api/v1/sagas/stream?q=failed+step:X").await;
    assert_eq!(details["q"], "holds the token step:X: is not known here");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_clients_all_see_a_change_and_end_with_the_collector() {
    let api = Api::new().await;
    let mut clients = join_all((0..200).map(|_| Client::of(&api, ""))).await;
    assert_eq!(api.live.clients(), 200);
    let metrics = api.get("/metrics").await.text;
    assert!(metrics.contains("saga_tracker_stream_clients 200\n"));
    api.record(completed("saga-1", 0)).await;
    let reported = join_all(clients.iter_mut().map(Client::saga)).await;
    assert!(reported.iter().all(|saga| saga["sagaId"] == "saga-1"));

    api.stop.cancel();
    for ended in join_all(clients.iter_mut().map(Client::frame)).await {
        assert_eq!(ended, None);
    }
    timeout(TIMEOUT, api.serving)
        .await
        .expect("nothing holds it up")
        .unwrap();
}

/// A client that asked and does not read, with room for little.
async fn idle_client(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let request = "GET /api/v1/sagas/stream HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_is_dropped_and_holds_up_nobody() {
    const SAGAS: usize = 900;
    let api = Api::new().await;
    let idle = idle_client(api.address).await;
    let mut client = Client::of(&api, "").await;
    while api.live.clients() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // More than the system takes on its own account for a connection.
    let reason = "x".repeat(8_000);
    for round in 0..3 {
        let sagas = (0..SAGAS).map(|saga| {
            let saga_id = format!("saga-{round}-{saga}");
            event(&saga_id, "PAYMENT_FAILED", "FAILED", 0).with(json!({"failureReason": reason}))
        });
        api.record(sagas).await;
        for _ in 0..SAGAS {
            client.saga().await;
        }
    }
    let dropped = async {
        while api.live.clients() > 1 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(TIMEOUT, dropped)
        .await
        .expect("the connection is given up");
    drop(idle);
}

#[tokio::test]
async fn a_stream_ends_when_the_token_expires() {
    let key = Key::elliptic("1");
    let issuer = TestIssuer::showing(&[&key]).await;
    let api = Api::open_to(issuer.access()).await;
    let mut claims = issuer.claims();
    claims["exp"] = json!(get_current_timestamp() + 3);
    let bearer = format!("Bearer {}", key.sign(&claims));
    let mut client = Client::with(&api, "", &[("authorization", &bearer)]).await;
    while client.frame().await.is_some() {}
}

#[tokio::test]
async fn a_caller_is_sent_sagas_of_the_types_that_their_token_is_for() {
    let key = Key::elliptic("1");
    let issuer = TestIssuer::showing(&[&key]).await;
    let api = Api::open_to(issuer.access()).await;
    let mut claims = issuer.claims();
    claims["saga_types"] = json!(["REFUND", "STORE_REGISTRATION"]);
    let bearer = format!("Bearer {}", key.sign(&claims));
    let bound = [("authorization", bearer.as_str())];
    let queries = [
        "",
        "?sagaType=ORDER_CREATION",
        "?sagaId=hidden",
        "?orderId=shared",
    ];
    let mut clients = Vec::new();
    for query in queries {
        clients.push(Client::with(&api, query, &bound).await);
    }
    let board = [("authorization", "Bearer board's")];
    let mut all = Client::with(&api, "", &board).await;
    let begun = |saga: &str| event(saga, "ORDER_CREATED", "STARTED", 0).of_order("shared");
    api.record([begun("hidden")]).await;
    assert_eq!(all.saga().await["sagaId"], "hidden");
    api.record([begun("shown").of_type("REFUND")]).await;
    assert_eq!(all.saga().await["sagaId"], "shown");
    // What was sent to all clients before came to these first, too, if it came at all.
    for client in [0, 3] {
        assert_eq!(
            clients[client].saga().await["sagaId"],
            "shown",
            "{}",
            queries[client]
        );
    }
    // A first event that comes late takes the saga away from them.
    let earlier = event("shown", "ORDER_CREATED", "STARTED", -1);
    api.record([earlier]).await;
    assert_eq!(all.saga().await["sagaType"], "ORDER_CREATION");
    api.record([begun("last").of_type("STORE_REGISTRATION")]).await;
    for client in [0, 3] {
        assert_eq!(
            clients[client].saga().await["sagaId"],
            "last",
            "{}",
            queries[client]
        );
    }
}
