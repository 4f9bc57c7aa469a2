//! A tracker that commands ask: `dev` in a process of its own, with sagas in it; and one that only plays back answers.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Shutdown, TcpListener, TcpStream},
    process::{Child, ChildStdout, Command, Stdio},
    thread::JoinHandle,
};

use saga_types::SagaEvent;
use saga_web::auth::TokenHash;

use crate::{
    command::{Done, Run},
    support::{
        dev::Dev,
        events::{Recorded, saga},
    },
};

pub(crate) struct Asked {
    pub(crate) dev: Dev,
    pub(crate) run: Run,
    _folder: tempfile::TempDir,
}

impl Asked {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// A viewer, a recorder and an operator have tokens of these names.
    pub(crate) fn start_with_tokens() -> Self {
        let entry = |name: &str| format!("{name}:{name}:{}", TokenHash::of(name).to_hex());
        let entries = ["viewer", "recorder", "operator"].map(entry).join(";");
        Self::start_with(&[("SAGA_SERVER_AUTH_TOKENS", &entries)])
    }

    fn start_with(variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dev = Dev::start_with(folder.path(), &[], variables, Stdio::inherit());
        let run = Run::new().variable("SAGA_TRACKER_URL", dev.text("url"));
        Self {
            dev,
            run,
            _folder: folder,
        }
    }

    /// Records a saga, and waits until it is stored.
    pub(crate) async fn record(&self, saga_id: &str, recorded: &[Recorded]) {
        self.record_events(&saga(saga_id, recorded)).await;
    }

    /// Sends events, which are stored later.
    pub(crate) fn send(&self, events: &[SagaEvent]) {
        let producer = self.dev.producer();
        events.iter().for_each(|event| producer.send(event));
        producer.flush();
    }

    /// Events of one saga.
    pub(crate) async fn record_events(&self, events: &[SagaEvent]) {
        self.send(events);
        let steps = u64::try_from(events.len()).unwrap();
        let id = events[0].saga_id.as_str();
        let id: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        self.dev.rest().saga_with_steps(&id, steps).await;
    }

    /// Each argument as it is.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        let output = self.run.command("").args(arguments).output().unwrap();
        Done {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A command that goes on, and the lines that it prints.
pub(crate) struct Going {
    pub(crate) child: Child,
    /// None once they are not read any more.
    lines: Option<BufReader<ChildStdout>>,
}

impl Going {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = child.stdout.take().map(BufReader::new);
        Self { child, lines }
    }

    /// The next line that holds a text.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        let mut lines = self.lines.as_mut().unwrap().lines().map(Result::unwrap);
        let found = lines.find(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("no line with {text}"))
    }

    /// Reads no more.
    pub(crate) fn close(&mut self) {
        self.lines = None;
    }

    /// Sends a signal; the exit code.
    pub(crate) fn signalled(mut self, signal: &str) -> Option<i32> {
        let id = self.child.id().to_string();
        Command::new("kill").args([signal, &id]).status().unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        // A failed test must not leave it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Plays back one answer for each connection; the requests.
pub(crate) fn playing_back(answers: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let answer = |text: String| {
            let (mut stream, _) = listener.accept().unwrap();
            let request = head_of_request(&stream);
            stream.write_all(text.as_bytes()).unwrap();
            // A connection that is closed before its request was read to the end loses the answer.
            stream.shutdown(Shutdown::Write).unwrap();
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
            request
        };
        answers.into_iter().map(answer).collect()
    });
    (url, asked)
}

fn head_of_request(stream: &TcpStream) -> String {
    let lines = BufReader::new(stream).lines().map(Result::unwrap);
    let lines: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    lines.join("\n")
}

/// An answer with a body.
pub(crate) fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}
