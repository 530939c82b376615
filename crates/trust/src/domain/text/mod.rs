//! `domain.toml`: what a person writes.
//!
//! 1. The text is TOML, of a length and of as many values as are read.
//! 2. Each entry has known words, each of its type, and says one or more statements. (`entries`, `platform`, `require`)
//! 3. No name is given twice, nothing contradicts itself.
//! 4. No entry is there that can never count. (`useful`)

mod date;
mod entries;
mod platform;
mod require;
mod table;
mod toml_words;
mod useful;
mod words;
mod write;

use std::{collections::BTreeMap, ops::Range};

use casemate_cose::{Digest, VerifyingKey};
use toml::de::DeTable;

use super::{DOMAIN_BYTES_MAX, Domain, DomainError, VALUES_MAX, check, rights};
use crate::statement::{Signed, Statement};

pub(super) use table::meant;
pub(super) use write::write;

/// What was read so far.
#[derive(Default)]
struct Draft {
    said: Vec<Placed>,
    keys: Vec<VerifyingKey>,
    signed: Vec<(Signed, Range<usize>)>,
    /// By where a platform's entry starts.
    demanded: BTreeMap<usize, Vec<Demanded>>,
}

/// Where the text demands something of a property.
struct Demanded {
    property: String,
    place: Range<usize>,
}

/// A statement and where the text says it.
struct Placed {
    statement: Statement,
    /// Which entry says it: `launcher`.
    word: &'static str,
    /// The head of the entry.
    head: Range<usize>,
    /// What is marked when it is wrong.
    mark: Range<usize>,
}

pub(super) fn parse(text: &str) -> Result<Domain, DomainError> {
    // 1
    check_size(text)?;
    let file = DeTable::parse(text)
        .map_err(|error| DomainError::Syntax { message: error.message().to_owned(), span: error.span() })?;
    // 2, 3
    let file = table::Table::of_file(&file, entries::WORDS)?;
    let (owner, sequence) = entries::head(&file)?;
    let mut draft = Draft::default();
    entries::read(&file, &mut draft)?;
    for placed in &draft.said {
        check::statement(&placed.statement).map_err(|error| error.at(Some(placed.mark.clone())))?;
    }
    rights::check(draft.said.iter().map(|placed| (&placed.statement, Some(placed.mark.clone()))))?;
    // 4
    useful::check(&draft, sequence)?;
    draft.domain(owner, sequence, text)
}

/// The statements of a text that is no domain: entries alone. Whether they can count, whoever believes their speaker has to see.
pub(super) fn statements(text: &str) -> Result<Vec<Statement>, DomainError> {
    // 1
    check_size(text)?;
    let file = DeTable::parse(text)
        .map_err(|error| DomainError::Syntax { message: error.message().to_owned(), span: error.span() })?;
    // 2, 3
    let words: Vec<&str> = entries::WORDS.iter().copied().filter(|word| !["domain", "signed"].contains(word)).collect();
    let file = table::Table::of_file(&file, &words)?;
    let mut draft = Draft::default();
    entries::read(&file, &mut draft)?;
    for placed in &draft.said {
        check::statement(&placed.statement).map_err(|error| error.at(Some(placed.mark.clone())))?;
    }
    Ok(draft.said.into_iter().map(|placed| placed.statement).collect())
}

/// A value in memory is many times as long as its shortest text: they are counted first, by what stands before or between them, also
/// where a text or comment has it.
fn check_size(text: &str) -> Result<(), DomainError> {
    if text.len() > DOMAIN_BYTES_MAX {
        return Err(DomainError::TooLong { actual: text.len() });
    }
    let actual = text.bytes().filter(|byte| b",.=[{".contains(byte)).count();
    if actual > VALUES_MAX { Err(DomainError::TooMany { actual, max: VALUES_MAX }) } else { Ok(()) }
}

impl Draft {
    fn domain(self, owner: String, sequence: u64, text: &str) -> Result<Domain, DomainError> {
        let breaks: Vec<usize> = text.match_indices('\n').map(|(place, _)| place).collect();
        let line = |span: &Range<usize>| breaks.partition_point(|place| *place < span.start).saturating_add(1);
        let mut lines: BTreeMap<Digest, usize> = BTreeMap::new();
        let mut demand_lines = BTreeMap::new();
        let mut statements = Vec::with_capacity(self.said.len());
        for placed in self.said {
            let digest = placed.statement.digest();
            if ["platform", "process"].contains(&placed.word) {
                let own = self.demanded.get(&placed.head.start).into_iter().flatten();
                demand_lines.extend(own.map(|own| ((digest, own.property.clone()), line(&own.place))));
            }
            if lines.insert(digest, line(&placed.head)).is_some() {
                return Err(DomainError::Twice { actual: placed.statement.label, span: Some(placed.mark) });
            }
            statements.push(placed.statement);
        }
        let mut signed = Vec::with_capacity(self.signed.len());
        for (statement, span) in self.signed {
            if lines.insert(statement.digest(), line(&span)).is_some() {
                return Err(DomainError::Twice { actual: statement.digest().to_string(), span: Some(span) });
            }
            signed.push(statement);
        }
        let mut domain = Domain::of(owner, sequence, statements, self.keys, signed)?;
        domain.lines = lines;
        domain.demand_lines = demand_lines;
        Ok(domain)
    }
}
