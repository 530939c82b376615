//! What goes to the terminal: lines for people on standard output, or one JSON object; progress on standard error.

use std::io::{ErrorKind, IsTerminal as _, Write as _};

use serde_json::Value;

/// Where a verb prints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    json: bool,
    unread: Unread,
}

/// What becomes of a verb whose standard output takes nothing.
#[derive(Clone, Copy, Debug)]
enum Unread {
    GoOn,
    Stop,
}

/// The exit code of a failure of this machine.
const MACHINE: i32 = 3;

impl Screen {
    /// A screen that prints JSON, or text.
    pub(crate) const fn new(json: bool) -> Self {
        Self { json, unread: Unread::Stop }
    }

    /// A screen for work that goes on whoever reads of it: what standard output doesn't take, standard error gets.
    pub(crate) const fn of_service(self) -> Self {
        Self { unread: Unread::GoOn, ..self }
    }

    /// Whether one JSON object is wanted.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// A line for people. Nothing under `--json`.
    pub(crate) fn line(self, text: impl AsRef<str>) {
        if !self.json {
            self.print(text.as_ref());
        }
    }

    /// The verb's one JSON object. Nothing without `--json`.
    pub(crate) fn object(self, value: &Value) {
        if self.json {
            self.print(&value.to_string());
        }
    }

    fn print(self, text: &str) {
        match (writeln!(std::io::stdout(), "{text}"), self.unread) {
            (Ok(()), _) => {}
            (Err(_), Unread::GoOn) => drop(writeln!(std::io::stderr(), "{text}")),
            (Err(error), Unread::Stop) => stop(&error),
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

/// Whether a character steers a terminal, hides, or turns the direction of reading (CVE-2021-42574): what others wrote is shown without.
pub(crate) fn steers(character: char) -> bool {
    let hides = matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    hides || character.is_control() && !matches!(character, '\n' | '\t')
}

/// Text with others' words in it, in which everything that [`steers`] is escaped: `\u{202e}`.
pub(crate) fn plain(text: &str) -> String {
    let shown = |character: char| {
        if steers(character) { character.escape_unicode().to_string() } else { character.into() }
    };
    text.chars().map(shown).collect()
}

/// The same of a file of which places are marked: every byte stays where it is.
pub(crate) fn plain_in_place(text: &str) -> String {
    let shown = |character: char| match character.len_utf8() {
        _ if !steers(character) => character.to_string(),
        3 => '\u{fffd}'.to_string(),
        bytes => "?".repeat(bytes),
    };
    text.replace("\r\n", " \n").chars().map(shown).collect()
}

/// A closed pipe (`casemate … | head`) ends the program quietly, as other tools do. Anything else is a failure.
fn stop(error: &std::io::Error) -> ! {
    if error.kind() == ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    let _ = writeln!(
        std::io::stderr(),
        "cannot write to standard output: {error}\n  help: what the verb did is done; only its report is lost"
    );
    std::process::exit(MACHINE)
}
