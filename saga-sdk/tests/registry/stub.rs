//! A registry whose behavior a test sets, faults included.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::ring, pki_types::PrivatePkcs8KeyDer};

/// How it responds to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behavior {
    CloseConnection,
    /// RegistryRefusal nothing for longer than anybody waits.
    Sleep,
    Status(u16, &'static str),
    /// Sends without end.
    Flood,
    Know(u32),
}

pub(crate) const UNKNOWN: Behavior =
    Behavior::Status(404, r#"{"error_code":40403,"message":"Schema not found"}"#);
pub(crate) const NOT_A_REGISTRY: Behavior = Behavior::Status(200, "<html>welcome</html>");

#[derive(Clone)]
pub(crate) struct Stub {
    pub(crate) url: String,
    inside: Arc<Mutex<Inside>>,
}

struct Inside {
    behavior: Behavior,
    /// The head of each request.
    requests: Vec<String>,
}

impl Stub {
    pub(crate) fn new(behavior: Behavior) -> Self {
        Self::speaking("http", behavior, answer::<TcpStream>)
    }

    /// One that speaks TLS, with the certificate that it shows.
    pub(crate) fn with_tls(behavior: Behavior) -> (Self, String) {
        let key = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let private = PrivatePkcs8KeyDer::from(key.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![key.cert.der().clone()], private.into())
            .unwrap();
        let config = Arc::new(config);
        let stub = Self::speaking("https", behavior, move |connection, inside| {
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
        behavior: Behavior,
        answers: impl Fn(TcpStream, &Mutex<Inside>) -> std::io::Result<()> + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stub = Self {
            url: format!("{scheme}://{}", listener.local_addr().unwrap()),
            inside: Arc::new(Mutex::new(Inside {
                behavior,
                requests: Vec::new(),
            })),
        };
        let inside = Arc::clone(&stub.inside);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (inside, answers) = (Arc::clone(&inside), answers.clone());
                // The client may have closed the connection by now.
                thread::spawn(move || answers(connection.unwrap(), &inside));
            }
        });
        stub
    }

    pub(crate) fn set_behavior(&self, behavior: Behavior) {
        self.inside.lock().unwrap().behavior = behavior;
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.inside.lock().unwrap().requests.clone()
    }
}

fn answer<C: Read + Write>(mut connection: C, inside: &Mutex<Inside>) -> std::io::Result<()> {
    let head = read_request(&mut connection)?;
    let behavior = {
        let mut inside = inside.lock().unwrap();
        inside.requests.push(head);
        inside.behavior
    };
    let (status, body) = match behavior {
        Behavior::CloseConnection => return Ok(()),
        Behavior::Sleep => {
            thread::sleep(Duration::from_secs(60));
            return Ok(());
        }
        Behavior::Flood => {
            connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            loop {
                connection.write_all(&[b' '; 4096])?;
            }
        }
        Behavior::Status(status, body) => (status, body.to_owned()),
        Behavior::Know(id) => (200, format!(r#"{{"subject":"s","version":1,"id":{id}}}"#)),
    };
    let length = body.len();
    write!(
        connection,
        "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

/// Reads all of it, for an answer that comes too early would end the connection.
fn read_request(connection: &mut impl Read) -> std::io::Result<String> {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = connection.read(&mut buffer)?;
        read.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(count > 0, "a request without an end");
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
