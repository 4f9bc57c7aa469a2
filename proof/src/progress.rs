//! What a run says while it works: a line that moves on a terminal, and a line every few seconds elsewhere.

use std::{
    fmt::Display,
    sync::Mutex,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// The progress of a run, shared by its tasks and threads.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    begun: Instant,
    last_line: Mutex<Option<Instant>>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let style = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}");
        let bar =
            ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self {
            bar,
            begun: Instant::now(),
            last_line: Mutex::new(None),
        }
    }

    /// Something happened that should stay on the screen.
    pub(crate) fn show(&self, what: impl Display) {
        let line = format!("{:6.1} s  {what}", self.begun.elapsed().as_secs_f64());
        if self.bar.is_hidden() {
            eprintln!("{line}");
        } else {
            self.bar.println(line);
        }
    }

    /// How far the work is; may be called often.
    pub(crate) fn update(&self, how_far: impl Display) {
        if !self.bar.is_hidden() {
            self.bar.set_message(how_far.to_string());
            return;
        }
        let is_due = {
            let mut last = self
                .last_line
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            let is_due = last.is_none_or(|last| last.elapsed() >= BETWEEN_LINES);
            if is_due {
                *last = Some(Instant::now());
            }
            is_due
        };
        if is_due {
            self.show(how_far);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
