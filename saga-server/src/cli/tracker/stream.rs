//! Server-sent events, as a client reads them.

use std::time::Duration;

use reqwest::Response;
use saga_collector::http_client;
use tokio::time::timeout;

/// A tracker sends something every 15 s.
const SILENCE: Duration = Duration::from_secs(60);

/// The longest event that is read, in bytes; those of a tracker are much shorter.
const LONGEST: usize = 1024 * 1024;

/// One event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Event {
    pub(in crate::cli) name: String,
    pub(in crate::cli) data: String,
}

/// The events of an answer.
pub(in crate::cli) struct Events {
    response: Response,
    frames: Frames,
}

impl Events {
    pub(super) fn of(response: Response) -> Self {
        let frames = Frames::default();
        Self { response, frames }
    }

    /// The next event, or why none comes any more.
    pub(in crate::cli) async fn next(&mut self) -> Result<Event, String> {
        loop {
            if let Some(event) = self.frames.next()? {
                return Ok(event);
            }
            let chunk = timeout(SILENCE, self.response.chunk()).await;
            match chunk.map_err(|_| "nothing came for a minute")? {
                Ok(Some(chunk)) => self.frames.read.extend_from_slice(&chunk),
                Ok(None) => return Err("the tracker ended the stream".to_owned()),
                Err(error) => return Err(http_client::failure(error)),
            }
        }
    }
}

/// What was read and is no whole line yet, and the event that its lines make.
#[derive(Default)]
struct Frames {
    read: Vec<u8>,
    event: Event,
}

impl Frames {
    fn next(&mut self) -> Result<Option<Event>, String> {
        while let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.read.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            match line.trim_end_matches(['\n', '\r']) {
                "" if self.event.data.is_empty() => self.event = Event::default(),
                "" => return Ok(Some(std::mem::take(&mut self.event))),
                line => self.take(line),
            }
        }
        match self.read.len() + self.event.data.len() {
            0..LONGEST => Ok(None),
            _ => Err(format!("an event has more than {LONGEST} bytes")),
        }
    }

    fn take(&mut self, line: &str) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" if self.event.data.is_empty() => value.clone_into(&mut self.event.data),
            "data" => self.event.data.extend(["\n", value]),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(chunks: &[&str]) -> Vec<(String, String)> {
        let mut frames = Frames::default();
        let mut events = Vec::new();
        for chunk in chunks {
            frames.read.extend_from_slice(chunk.as_bytes());
            while let Some(event) = frames.next().unwrap() {
                events.push((event.name, event.data));
            }
        }
        events
    }

    #[test]
    fn events_are_read_however_they_are_cut() {
        let text = "retry: 2000\n: connected\n\nid: 1\nevent: saga\ndata: {\"a\":1}\n\nevent: reset\r\ndata:b\r\ndata: c\r\n\r\n";
        let expected = [
            ("saga".to_owned(), "{\"a\":1}".to_owned()),
            ("reset".to_owned(), "b\nc".to_owned()),
        ];
        assert_eq!(events(&[text]), expected);
        let single: Vec<String> = text.chars().map(String::from).collect();
        let single: Vec<&str> = single.iter().map(String::as_str).collect();
        assert_eq!(events(&single), expected);
    }

    #[test]
    fn an_event_without_end_is_given_up() {
        let mut frames = Frames {
            read: vec![b'x'; LONGEST],
            event: Event::default(),
        };
        assert!(frames.next().is_err());
    }
}
