//! A registry that does what it is told, also what a registry should not do.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::ring, pki_types::PrivatePkcs8KeyDer};

/// What it does with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    HangUp,
    /// Says nothing for longer than anybody waits.
    Sleep,
    Status(u16, &'static str),
    /// Sends without end.
    Flood,
    Know(u32),
}

pub(crate) const UNKNOWN: Does = Does::Status(404, r#"{"error_code":40403,"message":"Schema not found"}"#);
pub(crate) const NONSENSE: Does = Does::Status(200, "<html>welcome</html>");

#[derive(Clone)]
pub(crate) struct Stub {
    pub(crate) url: String,
    inside: Arc<Mutex<Inside>>,
}

struct Inside {
    does: Does,
    /// The head of each question.
    questions: Vec<String>,
}

impl Stub {
    pub(crate) fn new(does: Does) -> Self {
        Self::speaking("http", does, answer::<TcpStream>)
    }

    /// One that speaks TLS, with the certificate that it shows.
    pub(crate) fn with_tls(does: Does) -> (Self, String) {
        let key = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let private = PrivatePkcs8KeyDer::from(key.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![key.cert.der().clone()], private.into())
            .unwrap();
        let config = Arc::new(config);
        let stub = Self::speaking("https", does, move |connection, inside| {
            let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut connection = StreamOwned::new(tls, connection);
            answer(&mut connection, inside)?;
            connection.conn.send_close_notify();
            connection.flush()
        });
        (stub, key.cert.pem())
    }

    fn speaking(
        scheme: &str,
        does: Does,
        answers: impl Fn(TcpStream, &Mutex<Inside>) -> std::io::Result<()> + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stub = Self {
            url: format!("{scheme}://{}", listener.local_addr().unwrap()),
            inside: Arc::new(Mutex::new(Inside {
                does,
                questions: Vec::new(),
            })),
        };
        let inside = Arc::clone(&stub.inside);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (inside, answers) = (Arc::clone(&inside), answers.clone());
                // Whoever asks may be gone by now, which is not this test's matter.
                thread::spawn(move || answers(connection.unwrap(), &inside));
            }
        });
        stub
    }

    pub(crate) fn does(&self, does: Does) {
        self.inside.lock().unwrap().does = does;
    }

    pub(crate) fn questions(&self) -> Vec<String> {
        self.inside.lock().unwrap().questions.clone()
    }
}

fn answer<C: Read + Write>(mut connection: C, inside: &Mutex<Inside>) -> std::io::Result<()> {
    let head = read_question(&mut connection)?;
    let does = {
        let mut inside = inside.lock().unwrap();
        inside.questions.push(head);
        inside.does
    };
    let (status, body) = match does {
        Does::HangUp => return Ok(()),
        Does::Sleep => {
            thread::sleep(Duration::from_secs(60));
            return Ok(());
        }
        Does::Flood => {
            connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            loop {
                connection.write_all(&[b' '; 4096])?;
            }
        }
        Does::Status(status, body) => (status, body.to_owned()),
        Does::Know(id) => (200, format!(r#"{{"subject":"s","version":1,"id":{id}}}"#)),
    };
    let length = body.len();
    write!(
        connection,
        "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// Reads all of it, for an answer that comes too early would end the connection.
fn read_question(connection: &mut impl Read) -> std::io::Result<String> {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = connection.read(&mut buffer)?;
        read.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(count > 0, "a question without an end");
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if count == 0 || body.len() >= length.unwrap_or(0) {
            return Ok(head.to_owned());
        }
    }
}
