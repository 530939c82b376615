//! What goes to the terminal: lines for people on standard output, or one JSON object; progress on standard error.

use std::io::{IsTerminal as _, Write as _};

use serde_json::Value;

/// Where a verb prints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    json: bool,
}

impl Screen {
    /// A screen that prints JSON, or text.
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether one JSON object is wanted.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// A line for people. Nothing under `--json`.
    pub(crate) fn line(self, text: impl AsRef<str>) {
        if !self.json {
            print_or_stop(text.as_ref());
        }
    }

    /// The verb's one JSON object. Nothing without `--json`.
    pub(crate) fn object(self, value: &Value) {
        if self.json {
            print_or_stop(&value.to_string());
        }
    }

    /// A step of long work, on standard error so that standard output stays parseable.
    pub(crate) fn step(self, text: impl AsRef<str>) {
        if !self.json {
            let _ = writeln!(std::io::stderr(), "{}", text.as_ref());
        }
    }

    /// A progress bar on standard error where that is a terminal, hidden otherwise.
    pub(crate) fn bar(self, length: u64, what: &str) -> indicatif::ProgressBar {
        if self.json || !std::io::stderr().is_terminal() {
            return indicatif::ProgressBar::hidden();
        }
        let bar = indicatif::ProgressBar::new(length);
        if let Ok(style) = indicatif::ProgressStyle::with_template("{msg} {wide_bar} {percent}% {eta}") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar
    }
}

/// A closed pipe (`casemate … | head`) ends the program quietly, as other tools do.
fn print_or_stop(text: &str) {
    if writeln!(std::io::stdout(), "{text}").is_err() {
        std::process::exit(0);
    }
}
