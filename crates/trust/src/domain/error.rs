//! What is wrong with a domain, where, and what to do.

use std::{borrow::Cow, ops::Range};

use casemate_cose::CborError;
use thiserror::Error;

use super::{DOMAIN_BYTES_MAX, NAME_BYTES_MAX};

/// The most characters of what was found that an error shows.
const SHOWN_MAX: usize = 200;

/// What is wrong with a domain. Spans are byte ranges of the text that was parsed; a compiled domain has none.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum DomainError {
    /// The compiled bytes are not a domain's.
    #[error("not a compiled domain: {0}")]
    Compiled(#[from] CborError),
    /// Two things are said of which both can't be meant.
    #[error("{what}")]
    Contradiction {
        /// What contradicts what.
        what: String,
        /// What to do.
        remedy: String,
        /// Where the second of them is.
        span: Option<Range<usize>>,
    },
    /// A digest is not written as one.
    #[error("`{}` is not `sha256:` followed by 64 lower-case hex digits", brief(actual))]
    Digest {
        /// The text found.
        actual: String,
        /// Where.
        span: Option<Range<usize>>,
    },
    /// A key is not written as one.
    #[error("`{}` is not {expected}", brief(actual))]
    Key {
        /// How a key is written here.
        expected: &'static str,
        /// The text found.
        actual: String,
        /// Where.
        span: Option<Range<usize>>,
    },
    /// A word that an entry needs is not there.
    #[error("{table} has no `{word}`")]
    Missing {
        /// The entry: `[[runtime]]`.
        table: Cow<'static, str>,
        /// The word.
        word: String,
        /// Where the entry is.
        span: Option<Range<usize>>,
    },
    /// A name is empty, too long, or has spaces around it or characters in it that a screen would act on.
    #[error("`{}` is no name of 1 to {NAME_BYTES_MAX} bytes of printable text", brief(actual))]
    Name {
        /// The name found.
        actual: String,
        /// Where.
        span: Option<Range<usize>>,
    },
    /// An entry is there that can never count.
    #[error("{what}")]
    Never {
        /// Why it can't.
        what: String,
        /// What to do.
        remedy: String,
        /// Where the entry is.
        span: Option<Range<usize>>,
    },
    /// The compiled bytes list something in another order than the one that counts.
    #[error("the compiled domain is not in order")]
    Order,
    /// A domain would take the place of one that it may not replace.
    #[error("{what}")]
    Rollback {
        /// Why it may not.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// A signed domain is not one of this policy key.
    #[error("not a domain signed by its policy key: {why}")]
    Seal {
        /// What is wrong with it.
        why: String,
    },
    /// A signed statement of somebody else is not one.
    #[error("not a signed statement: {why}")]
    Signed {
        /// What is wrong with it.
        why: String,
        /// Where.
        span: Option<Range<usize>>,
    },
    /// What an entry says is no statement that can count for anything.
    #[error("`{}` says what no statement can: {why}", brief(label))]
    Statement {
        /// The statement's label.
        label: String,
        /// What is wrong with it.
        why: String,
        /// Where.
        span: Option<Range<usize>>,
    },
    /// The text is not TOML.
    #[error("{message}")]
    Syntax {
        /// What the reader of TOML says.
        message: String,
        /// Where.
        span: Option<Range<usize>>,
    },
    /// The text is too long to be read.
    #[error("{actual} bytes where at most {DOMAIN_BYTES_MAX} are read")]
    TooLong {
        /// Bytes given.
        actual: usize,
    },
    /// There are too many entries, or too many values in one.
    #[error("{actual} entries where at most {max} are read")]
    TooMany {
        /// Entries given.
        actual: usize,
        /// Entries read at most.
        max: usize,
    },
    /// A name, key, digest or value appears twice.
    #[error("`{}` appears twice", brief(actual))]
    Twice {
        /// What appears twice.
        actual: String,
        /// Where, the second time.
        span: Option<Range<usize>>,
    },
    /// A word, or the name of something, that nobody knows.
    #[error("`{}` is no {what}", brief(actual))]
    Unknown {
        /// What it was to name: `word of [[runtime]]`, `kind of platform`, `property of snp`.
        what: String,
        /// The word found.
        actual: String,
        /// Those that are known, the most alike first where there are many.
        known: String,
        /// Where.
        span: Option<Range<usize>>,
    },
    /// A value has another type than its word asks for, or is out of its range.
    #[error("`{word}` is {expected}, and this is {actual}")]
    Value {
        /// The word whose value it is.
        word: String,
        /// What it should be.
        expected: String,
        /// What it is.
        actual: String,
        /// Where.
        span: Option<Range<usize>>,
    },
    /// The compiled domain has another version.
    #[error("the compiled domain has version {actual}, this Casemate reads version {expected}")]
    Version {
        /// The version found.
        actual: u64,
        /// The version that is read.
        expected: u64,
    },
}

impl DomainError {
    /// The byte range of the text that the error is about.
    #[must_use]
    pub fn span(&self) -> Option<Range<usize>> {
        match self {
            Self::Contradiction { span, .. }
            | Self::Digest { span, .. }
            | Self::Key { span, .. }
            | Self::Missing { span, .. }
            | Self::Name { span, .. }
            | Self::Never { span, .. }
            | Self::Signed { span, .. }
            | Self::Statement { span, .. }
            | Self::Syntax { span, .. }
            | Self::Twice { span, .. }
            | Self::Unknown { span, .. }
            | Self::Value { span, .. } => span.clone(),
            Self::Compiled(_)
            | Self::Order
            | Self::Rollback { .. }
            | Self::Seal { .. }
            | Self::TooLong { .. }
            | Self::TooMany { .. }
            | Self::Version { .. } => None,
        }
    }

    /// What to do.
    #[must_use]
    pub fn help(&self) -> Cow<'static, str> {
        match self {
            Self::Compiled(_) | Self::Order => "compile the domain again from its domain.toml".into(),
            Self::Contradiction { remedy, .. } | Self::Never { remedy, .. } | Self::Rollback { remedy, .. } => {
                remedy.clone().into()
            }
            Self::Digest { .. } => "copy it whole from what the runner sent, and compare it with the release's".into(),
            Self::Key { .. } => "copy it whole from what its holder sent".into(),
            Self::Missing { word, .. } => format!("add `{word} = …`").into(),
            Self::Name { .. } => "give it a short name that a person recognises".into(),
            Self::Seal { .. } => {
                "ask the domain's owner for it, and compare the key with that of the owner's card".into()
            }
            Self::Signed { .. } => "ask its signer for it again, and copy it whole".into(),
            Self::Statement { .. } => "say it in the words of docs/formats/domain.md".into(),
            Self::Syntax { .. } => "quote texts, close brackets and quotes, and write each word once".into(),
            Self::TooLong { .. } | Self::TooMany { .. } => "remove entries that are no longer used".into(),
            Self::Twice { .. } => "remove one of the two".into(),
            Self::Unknown { actual, known, .. } => match super::text::meant(actual, known) {
                Some(name) => format!("did you mean `{name}`? known are: {known}").into(),
                None => format!("known are: {known}").into(),
            },
            Self::Value { expected, .. } => format!("write {expected}").into(),
            Self::Version { actual, expected } if actual < expected => {
                "compile it again from its domain.toml with this Casemate".into()
            }
            Self::Version { .. } => "update the older Casemate".into(),
        }
    }

    /// The same error, about this place if it was about none.
    #[must_use]
    pub(super) fn at(mut self, place: Option<Range<usize>>) -> Self {
        if let Self::Contradiction { span, .. }
        | Self::Name { span, .. }
        | Self::Never { span, .. }
        | Self::Signed { span, .. }
        | Self::Statement { span, .. }
        | Self::Twice { span, .. }
        | Self::Unknown { span, .. }
        | Self::Value { span, .. } = &mut self
        {
            *span = span.take().or(place);
        }
        self
    }
}

/// The beginning of what was found, as one line of ASCII, and how long it is if that is not all.
fn brief(found: &str) -> String {
    let shown: String = found.chars().take(SHOWN_MAX).flat_map(char::escape_default).collect();
    if found.chars().nth(SHOWN_MAX).is_none() { shown } else { format!("{shown}… ({} bytes)", found.len()) }
}
