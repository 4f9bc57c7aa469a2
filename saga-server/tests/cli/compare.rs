//! `compare`: exit codes for roll-outs.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread::JoinHandle,
};

use crate::command::Run;

/// Answers so many questions; what was asked.
fn answering(answers: &'static [(&'static str, &'static str)]) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let ask = |(status, body): &(&str, &str)| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4_096];
            let length = stream.read(&mut request).unwrap();
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all((head + body).as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        };
        answers.iter().map(ask).collect()
    });
    (url, asked)
}

const ASKED: &str = "compare --service payment-service --baseline 2.7.0 --candidate 2.8.0 --url";

#[test]
fn the_exit_code_is_the_verdict() {
    for (body, code, said) in [
        (
            r#"{"verdict":"NOT_WORSE","summary":"It is not worse.","types":[]}"#,
            0,
            "",
        ),
        (
            r#"{"verdict":"WORSE","summary":"It is worse.","types":[]}"#,
            3,
            "the candidate is worse",
        ),
        (
            r#"{"verdict":"NOT_YET_KNOWN","summary":"Too few.","types":[]}"#,
            4,
            "not yet known",
        ),
        // As trackers of before answer.
        (
            r#"{"verdict":"WORSE","summary":"It is worse."}"#,
            3,
            "the candidate is worse",
        ),
        (r#"{"verdict":1}"#, 1, "answered something else than a comparison"),
    ] {
        let answers = Box::leak(Box::new([("200 OK", body)]));
        let (url, asked) = answering(answers);
        let done = Run::new().run(&format!(
            "{ASKED} {url} --token secret --margin 0.01 --saga-type ORDER_CREATION"
        ));
        assert_eq!(done.code, code, "{done:?}");
        assert!(done.stderr.contains(said), "{done:?}");
        let request = asked.join().unwrap().remove(0);
        let line = "GET /api/v1/compare?service=payment-service&baseline=2.7.0&candidate=2.8.0&sagaType=ORDER_CREATION&margin=0.01 ";
        assert!(request.starts_with(line), "{request}");
        assert!(request.contains("authorization: Bearer secret"), "{request}");
    }
}

#[test]
fn the_answer_is_printed_in_words_or_as_it_is() {
    let body = r#"{"verdict":"NOT_WORSE","summary":"It is not worse.","difference":0.0,"types":[{"sagaType":"REFUND","baseline":{"sagas":1,"completed":1,"failed":0,"compensated":0},"candidate":{"sagas":2,"completed":2,"failed":0,"compensated":0},"failures":[],"transitions":[]}]}"#;
    let table = "\nREFUND                2.7.0  2.8.0\nsagas                 1      2\ncompleted             1      2\n\
        failed                0      0\nof these compensated  0      0\n";
    for (flag, printed) in [
        ("", format!("It is not worse.\n{table}")),
        ("--json", format!("{body}\n")),
    ] {
        let answers = Box::leak(Box::new([("200 OK", body)]));
        let (url, _asked) = answering(answers);
        let done = Run::new().run(&format!("{ASKED} {url} {flag}"));
        assert_eq!((done.code, done.stdout), (0, printed));
    }
}

#[test]
fn a_question_that_is_wrong_and_a_collector_that_is_unavailable_differ() {
    let body = r#"{"error":"BAD_REQUEST","message":"bad","details":{"candidate":"must be another version"}}"#;
    let answers = Box::leak(Box::new([("400 Bad Request", body)]));
    let (url, _asked) = answering(answers);
    let done = Run::new().run(&format!("{ASKED} {url}"));
    assert_eq!(done.code, 2, "{done:?}");
    assert!(
        done.stderr.contains("candidate must be another version"),
        "{done:?}"
    );
    let done = Run::new().run(&format!("{ASKED} http://127.0.0.1:1"));
    assert_eq!(done.code, 1, "{done:?}");
    assert!(
        done.stderr.contains("no answer from http://127.0.0.1:1"),
        "{done:?}"
    );
}
