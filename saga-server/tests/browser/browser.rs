//! Chromium by its driver: one of its own for each test, ended with it.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fantoccini::{
    Client, ClientBuilder, Locator, elements::Element, error::CmdError, key::Key,
    wd::WebDriverCompatibleCommand,
};
use http::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

use crate::viewports::DESKTOP;

/// How long anything may take before a test gives up on it.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

const ARGUMENTS: [&str; 10] = [
    "--headless=new",
    // They would take some of the width.
    "--hide-scrollbars",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

pub(crate) struct Browser {
    client: Client,
    /// Ends the browser with it.
    _driver: Driver,
}

/// Where the browser is, or how to get it.
pub(crate) fn part(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set. Run: scripts/parts run browser -- cargo test -p saga-server --test browser")
    })
}

impl Browser {
    pub(crate) async fn open() -> Self {
        let mut driver = Driver::start();
        let capabilities = json!({
            "goog:chromeOptions": {"binary": part("SAGA_TEST_CHROMIUM"), "args": ARGUMENTS},
            "goog:loggingPrefs": {"browser": "ALL"},
            // However busy the machine is: axe-core takes long on large pages.
            "timeouts": {"script": 600_000, "pageLoad": 600_000},
        });
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{}", driver.port))
            .await
            .unwrap();
        driver.session = client.session_id().await.unwrap();
        let browser = Self {
            client,
            _driver: driver,
        };
        browser.set_viewport(DESKTOP[0]).await;
        browser
    }

    pub(crate) async fn goto(&self, address: &str) {
        self.client.goto(address).await.unwrap();
    }

    pub(crate) async fn address(&self) -> Url {
        self.client.current_url().await.unwrap()
    }

    /// The path and query of the page that is shown.
    pub(crate) async fn path(&self) -> String {
        let address = self.address().await;
        match address.query() {
            Some(query) => format!("{}?{query}", address.path()),
            None => address.path().to_owned(),
        }
    }

    /// The visible text of the page.
    pub(crate) async fn text(&self) -> String {
        self.find("body").await.text().await.unwrap()
    }

    /// The first element that a CSS selector matches, waited for.
    pub(crate) async fn find(&self, selector: &str) -> Element {
        let found = self
            .client
            .wait()
            .at_most(TIMEOUT)
            .for_element(Locator::Css(selector));
        found
            .await
            .unwrap_or_else(|error| panic!("{selector} is not on the page: {error}"))
    }

    /// Presses the mouse where an element is. The driver would refuse what is in a folded part of the page, although that is
    /// shown on a wide screen.
    pub(crate) async fn click_on(&self, selector: &str) {
        self.find(selector).await;
        let place = format!(
            "const element = document.querySelector({});
             element.scrollIntoView({{block: 'center', behavior: 'instant'}});
             const box = element.getBoundingClientRect();
             return [box.x + box.width / 2, box.y + box.height / 2];",
            Value::from(selector)
        );
        let place = self.run(&place).await;
        for kind in ["mousePressed", "mouseReleased"] {
            let event =
                json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.command("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Whether a CSS selector matches anything now.
    pub(crate) async fn has(&self, selector: &str) -> bool {
        !self
            .client
            .find_all(Locator::Css(selector))
            .await
            .unwrap()
            .is_empty()
    }

    /// Waits until the page shows a text.
    pub(crate) async fn shows(&self, words: &str) {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            // While a page is being replaced there is nothing to read.
            let text = match self.client.find(Locator::Css("body")).await {
                Ok(body) => body.text().await.unwrap_or_default(),
                Err(_) => String::new(),
            };
            if text.contains(words) {
                return;
            }
            assert!(Instant::now() < deadline, "{words:?} is not in {text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What a script within the page gives.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// What a script hands to the function that is its last argument.
    pub(crate) async fn run_async(&self, script: &str) -> Value {
        self.client.execute_async(script, Vec::new()).await.unwrap()
    }

    /// Presses a key where the keyboard is.
    pub(crate) async fn press(&self, key: Key) {
        self.type_text(&char::from(key).to_string()).await;
    }

    /// Types where the keyboard is.
    pub(crate) async fn type_text(&self, text: &str) {
        let focused = self.client.active_element().await.unwrap();
        focused.send_keys(text).await.unwrap();
    }

    /// Goes from one element to the next by the tab key until the keyboard is at one that a selector matches.
    pub(crate) async fn tab_to(&self, selector: &str) {
        let is_there = format!(
            "return document.activeElement.matches({});",
            Value::from(selector)
        );
        for _ in 0..200 {
            self.press(Key::Tab).await;
            if self.run(&is_there).await == true {
                return;
            }
        }
        panic!(
            "{selector} cannot be reached by keyboard on {}",
            self.address().await
        );
    }

    /// What the browser complained of since it was asked last.
    pub(crate) async fn complaints(&self) -> Vec<Complaint> {
        let log = self.issue("se/log", json!({"type": "browser"})).await;
        let entries = log.as_array().unwrap();
        let severe = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        severe
            .map(|entry| Complaint {
                source: entry["source"].as_str().unwrap_or_default().to_owned(),
                message: entry["message"].as_str().unwrap_or_default().to_owned(),
            })
            .collect()
    }

    /// A command of the browser's own protocol.
    pub(crate) async fn command(&self, name: &str, parameters: Value) -> Value {
        self.issue("goog/cdp/execute", json!({"cmd": name, "params": parameters}))
            .await
    }

    async fn issue(&self, path: &'static str, body: Value) -> Value {
        let answer: Result<Value, CmdError> = self.client.issue_cmd(Own { path, body }).await;
        answer.unwrap()
    }
}

/// Something that the browser wrote to its console as an error.
#[derive(Debug)]
pub(crate) struct Complaint {
    pub(crate) source: String,
    pub(crate) message: String,
}

/// A command that only this driver has.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

struct Driver {
    child: Child,
    port: u16,
    /// The browser that it drives.
    session: Option<String>,
}

impl Driver {
    fn start() -> Self {
        let mut child = Command::new(part("SAGA_TEST_CHROMEDRIVER"))
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let port = said.lines().map_while(Result::ok).find_map(|line| {
            line.split("started successfully on port ")
                .nth(1)?
                .trim_end_matches('.')
                .parse()
                .ok()
        });
        Self {
            child,
            port: port.expect("the driver says its port"),
            session: None,
        }
    }

    /// Without a runtime, since a test that failed has none to wait with any more.
    fn end_session(&self, session: &str) -> io::Result<()> {
        let mut driver = TcpStream::connect(("127.0.0.1", self.port))?;
        driver.set_read_timeout(Some(TIMEOUT))?;
        write!(
            driver,
            "DELETE /session/{session} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n",
            self.port
        )?;
        // It answers when the browser has ended.
        driver.read(&mut [0; 64]).map(drop)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // A driver that is ended, even when asked to, may leave its browser behind.
        if let Some(session) = &self.session
            && let Err(error) = self.end_session(session)
        {
            eprintln!("a browser may be left: {error}");
        }
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}
