//! What an importer finds while it walks a document: refusals and notes, both bounded.

use std::collections::BTreeMap;

use casemate_evidence::Endorsement;

use super::{IMPORT_STATEMENTS_MAX, ImportError, Imported, REFUSALS_MAX, Refusal, Signed};
use crate::{
    component::fit,
    statement::{Sentence, Statement, Subject},
};

/// The longest text of others that is repeated in a refusal or note, in characters.
const QUOTED_CHARACTERS_MAX: usize = 160;

/// Why what another key says is not imported: only a signature of that key, over a statement as this program knows them, brings its
/// word into a domain.
pub(super) const HEARSAY: &str =
    "is another's word, which only its own signature brings into a domain: leave it out, or have that key sign it";

/// Gathers everything, so that a refusal names all of it.
#[derive(Debug, Default)]
pub(super) struct Findings {
    refusals: Vec<Refusal>,
    count: usize,
    notes: Vec<String>,
    statements: Vec<Statement>,
    numbers: BTreeMap<(String, Kind), usize>,
    pub(super) endorsements: Vec<Endorsement>,
}

impl Findings {
    /// Something can't be said.
    pub(super) fn refuse(&mut self, place: &str, what: impl AsRef<str>, why: impl Into<String>) {
        self.count = self.count.saturating_add(1);
        if self.refusals.len() < REFUSALS_MAX {
            self.refusals.push(Refusal { place: quoted(place), what: quoted(what.as_ref()), why: why.into() });
        }
    }

    /// A reader has to know something; said once.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if self.notes.len() < REFUSALS_MAX && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Something is said that always counts; the same twice is said once.
    pub(super) fn say(&mut self, label: impl Into<String>, sentence: Sentence) {
        self.state(Statement::always(label, sentence));
    }

    /// Something is said; the same twice is said once. Of several by one name, the later ones are numbered.
    pub(super) fn state(&mut self, mut statement: Statement) {
        let is_same = |said: &Statement| said.sentence == statement.sentence && said.validity == statement.validity;
        if self.statements.iter().any(is_same) {
            return;
        }
        let kind = Kind::of(&statement.sentence);
        let number = self.numbers.entry((statement.label.clone(), kind)).or_default();
        *number = number.saturating_add(1);
        if *number > 1 {
            statement.label = format!("{} {number}", statement.label);
        }
        self.state_by_name(statement);
    }

    /// Something is said by the name that the document gives it; the same twice is said once.
    pub(super) fn state_by_name(&mut self, statement: Statement) {
        if self.statements.contains(&statement) {
            return;
        }
        let misfit = fit::misfit(&statement.sentence);
        if let Some(misfit) = misfit {
            self.refuse("", &statement.label, format!("would be a statement that can never match: {misfit}"));
        } else if matches!(statement.sentence, Sentence::Says { .. }) {
            self.refuse("", &statement.label, HEARSAY);
        } else if let Err(error) = statement.check() {
            self.refuse("", &statement.label, format!("would be a statement that none may make: {error}"));
        } else if self.statements.len() < IMPORT_STATEMENTS_MAX {
            self.statements.push(statement);
        } else {
            let why = format!("more than {IMPORT_STATEMENTS_MAX} statements would follow");
            self.refuse("", statement.label, why);
        }
    }

    /// What is said so far.
    pub(super) fn said(&self) -> &[Statement] {
        &self.statements
    }

    pub(super) fn is_refused(&self) -> bool {
        self.count > 0
    }

    /// The import, or everything that stands against it.
    pub(super) fn finish(self, signed: Signed) -> Result<Imported, ImportError> {
        let Self { refusals, count, notes, statements, endorsements, .. } = self;
        if count > 0 {
            return Err(ImportError::Refused { refusals, count });
        }
        Ok(Imported { statements, endorsements, signed, notes })
    }
}

/// Kinds of statements that are entries of their own in a domain's text.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Kind {
    Attester,
    Measurement,
    Other,
    Platform,
}

impl Kind {
    const fn of(sentence: &Sentence) -> Self {
        match sentence {
            Sentence::Trusted { subject: Subject::Key(_) | Subject::Vendor(_), .. } => Self::Attester,
            Sentence::Trusted { subject: Subject::Measurement(_), .. } => Self::Measurement,
            Sentence::Trusted { subject: Subject::Platform(_), .. } => Self::Platform,
            _ => Self::Other,
        }
    }
}

/// Text of others, cut to what a line bears.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
