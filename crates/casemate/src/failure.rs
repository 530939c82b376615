//! How a verb fails: refused, not understood, or this machine's fault. Each prints what, why and what to do.

use std::{fmt, io, path::Path};

use casemate_trust::Reason;
use miette::{Diagnostic, LabeledSpan, NamedSource, Severity, SourceCode};

use crate::{
    excerpt,
    screen::{plain, plain_in_place},
};

/// What every verb returns.
pub(crate) type Outcome = Result<(), Failure>;

/// Why a verb did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
    help: Option<String>,
    reasons: Vec<Reason>,
    marks: Option<Box<Marks>>,
    is_in_object: bool,
}

#[derive(Debug)]
struct Marks {
    source: NamedSource<String>,
    /// In what is shown.
    shown: Vec<LabeledSpan>,
    /// In the file.
    labels: Vec<LabeledSpan>,
}

/// Whose fault it is; decides the exit code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// A check said no. Exit code 1.
    Refused,
    /// The input cannot be understood. Exit code 2.
    Input,
    /// The file system, the network or the kernel failed. Exit code 3.
    Machine,
}

impl Failure {
    /// A refusal with all its reasons. Every failure may repeat what others wrote: nothing of it steers the terminal.
    pub(crate) fn refused(message: impl Into<String>, reasons: Vec<Reason>) -> Self {
        let plain_reason = |Reason { rule, expected, actual, remedy }| {
            Reason::new(plain(&rule), plain(&expected), plain(&actual), plain(&remedy))
        };
        let (message, reasons) = (plain(&message.into()), reasons.into_iter().map(plain_reason).collect());
        Self { kind: Kind::Refused, message, help: None, reasons, marks: None, is_in_object: false }
    }

    /// Input that is wrong.
    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self { kind: Kind::Input, reasons: Vec::new(), ..Self::refused(message, Vec::new()) }
    }

    /// A failure of this machine.
    pub(crate) fn machine(message: impl Into<String>) -> Self {
        Self { kind: Kind::Machine, ..Self::input(message) }
    }

    /// An I/O error on `path` while doing `what`.
    pub(crate) fn io(what: &str, path: &Path, error: &io::Error) -> Self {
        let help = match error.kind() {
            io::ErrorKind::NotFound => Some("check the path"),
            io::ErrorKind::PermissionDenied => Some("check the owner and the mode of the file and its folder"),
            io::ErrorKind::StorageFull => Some("free some space and run it again; nothing was left half-written"),
            io::ErrorKind::ReadOnlyFilesystem => Some("choose a folder that can be written"),
            io::ErrorKind::AlreadyExists => Some("choose another name, or move the file away"),
            _ => None,
        };
        let failure = Self::machine(format!("cannot {what} `{}`: {error}", path.display()));
        match help {
            Some(help) => failure.help(help),
            None => failure,
        }
    }

    /// An I/O error on reading `path`, which the caller named: where no such file is, the input is wrong, not the machine.
    pub(crate) fn reading(path: &Path, error: &io::Error) -> Self {
        let failure = Self::io("read", path, error);
        match error.kind() {
            io::ErrorKind::IsADirectory => Self { kind: Kind::Input, ..failure.help("name a file in it") },
            io::ErrorKind::NotADirectory | io::ErrorKind::NotFound => Self { kind: Kind::Input, ..failure },
            _ => failure,
        }
    }

    /// Whether it is the input that is wrong.
    pub(crate) const fn is_of_input(&self) -> bool {
        matches!(self.kind, Kind::Input)
    }

    /// Whether a check said no.
    pub(crate) const fn is_refusal(&self) -> bool {
        matches!(self.kind, Kind::Refused)
    }

    /// The same failure, of which the verb's own object under `--json` has told already: only the exit code is left.
    pub(crate) fn in_object(mut self) -> Self {
        self.is_in_object = true;
        self
    }

    /// Whether the verb's own object has told of it.
    pub(crate) const fn is_in_object(&self) -> bool {
        self.is_in_object
    }

    /// The same failure under another message.
    pub(crate) fn renamed(mut self, message: impl Into<String>) -> Self {
        self.message = plain(&message.into());
        self
    }

    /// Adds what to do about it.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(plain(&help.into()));
        self
    }

    /// Marks places in a source file, each with what is wrong there.
    pub(crate) fn marked(mut self, file: &Path, text: &str, labels: Vec<(std::ops::Range<usize>, String)>) -> Self {
        let spans: Vec<_> = labels.iter().map(|(span, _)| span.clone()).collect();
        let (excerpt, places) = excerpt::of(text, &spans);
        let label = |(span, text): (std::ops::Range<usize>, &String)| {
            LabeledSpan::new_with_span(Some(plain(text)), (span.start, span.len()))
        };
        let texts = || labels.iter().map(|(_, text)| text);
        self.marks = Some(Box::new(Marks {
            source: NamedSource::new(plain(&file.display().to_string()), plain_in_place(&excerpt)),
            shown: places.into_iter().zip(texts()).map(label).collect(),
            labels: spans.into_iter().zip(texts()).map(label).collect(),
        }));
        self
    }

    /// The exit code: 1 refused, 2 not understood, 3 this machine.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Refused => 1,
            Kind::Input => 2,
            Kind::Machine => 3,
        }
    }

    /// The failure as one JSON object.
    pub(crate) fn json(&self) -> serde_json::Value {
        let kind = match self.kind {
            Kind::Refused => "refused",
            Kind::Input => "input",
            Kind::Machine => "machine",
        };
        let marks = self.marks.as_ref().map(|marks| {
            let label = |label: &LabeledSpan| serde_json::json!({"offset": label.offset(), "length": label.len(), "text": label.label()});
            marks.labels.iter().map(label).collect::<Vec<_>>()
        });
        serde_json::json!({
            "error": kind, "message": self.message, "help": self.help, "marks": marks,
            "reasons": self.reasons.iter().map(reason_json).collect::<Vec<_>>(),
        })
    }
}

/// One reason as JSON.
pub(crate) fn reason_json(reason: &Reason) -> serde_json::Value {
    serde_json::json!({
        "rule": reason.rule, "expected": reason.expected, "actual": reason.actual, "remedy": reason.remedy,
    })
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for reason in &self.reasons {
            write!(f, "\n  rule      {}\n  expected  {}\n  actual    {}", reason.rule, reason.expected, reason.actual)?;
            write!(f, "\n  remedy    {}", reason.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

impl Diagnostic for Failure {
    fn severity(&self) -> Option<Severity> {
        Some(Severity::Error)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.marks.as_ref().map(|marks| &marks.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.marks.as_ref().map(|marks| Box::new(marks.shown.iter().cloned()) as Box<dyn Iterator<Item = _>>)
    }
}
