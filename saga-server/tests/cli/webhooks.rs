//! `webhooks`: an example that is sent, and what waits.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use crate::command::Run;

fn configured(port: u16) -> Run {
    let file = format!(
        "database: {{ url: 'sqlite:sagas.db' }}\nkafka: {{ bootstrapServers: 'k:1' }}\n\
         pages: {{ externalUrl: 'https://sagas.example' }}\n\
         webhooks:\n  - name: oncall\n    url: http://127.0.0.1:{port}/hook\n    secretFile: key\n    events: [failed]\n"
    );
    Run::new()
        .file("saga-server.yml", &file)
        .file("key", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
}

/// Answers one request with a status; gives the port, and then the request.
pub(super) fn answering(status: &'static str) -> (u16, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answered = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut part = [0; 4096];
        while !request.ends_with(b"}}") {
            let read = stream.read(&mut part).unwrap();
            request.extend_from_slice(&part[..read]);
        }
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        String::from_utf8(request).unwrap()
    });
    (port, answered)
}

#[test]
fn an_example_is_sent_and_what_the_receiver_says_is_shown() {
    let (port, answered) = answering("204 No Content");
    let run = configured(port);
    let done = run.run("webhooks test oncall --config saga-server.yml");
    assert_eq!(done.code, 0, "{done:?}");
    assert!(
        done.stdout.starts_with("webhook oncall received msg_"),
        "{done:?}"
    );
    let request = answered.join().unwrap();
    for part in [
        "webhook-signature: v1,",
        "webhook-id: msg_",
        r#""type":"saga.failed""#,
        r#""link":"https://sagas.example/sagas/example-saga""#,
    ] {
        assert!(request.contains(part), "{part}: {request}");
    }
    let (port, answered) = answering("503 Service Unavailable");
    let done = configured(port).run("webhooks test oncall --config saga-server.yml");
    done.is_refused(1, &["webhook oncall: answered 503"]);
    answered.join().unwrap();
}

#[test]
fn an_unknown_webhook_is_refused_with_those_that_are_known() {
    let done = configured(1).run("webhooks test other --config saga-server.yml");
    done.is_refused(2, &["no webhook is called \"other\"; configured: oncall"]);
}

#[test]
fn what_waits_is_listed_and_not_sent() {
    let run = configured(1);
    assert_eq!(run.run("migrate --config saga-server.yml").code, 0);
    let done = run.run("webhooks pending oncall --config saga-server.yml");
    assert_eq!((done.code, done.stdout.as_str()), (0, "0 pending\n"), "{done:?}");
}
