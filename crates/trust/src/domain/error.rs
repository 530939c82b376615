//! What is wrong with a domain, and where.

use std::ops::Range;

use casemate_cose::CborError;
use thiserror::Error;

use super::{DOMAIN_BYTES_MAX, NAME_BYTES_MAX};

/// What is wrong with a domain. Spans are byte ranges of the text that was parsed; a compiled domain has none.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum DomainError {
    /// The compiled bytes are not a domain's.
    #[error("not a compiled domain: {0}")]
    Compiled(#[from] CborError),
    /// A digest is not written as one.
    #[error("`{}` is not `sha256:` followed by 64 lower-case hex digits", actual.escape_default())]
    Digest {
        /// The text found.
        actual: String,
        /// Where.
        span: Option<Range<usize>>,
    },
    /// A key is not written as one.
    #[error("`{}` is not `ed25519:` followed by 64 lower-case hex digits", actual.escape_default())]
    Key {
        /// The text found.
        actual: String,
        /// Where.
        span: Option<Range<usize>>,
    },
    /// A lack has an unknown name.
    #[error("`{}` is no lack known here", actual.escape_default())]
    Lack {
        /// The name found.
        actual: String,
        /// Where.
        span: Option<Range<usize>>,
    },
    /// A name is empty, too long, or has spaces around it or characters in it that a screen would act on.
    #[error("`{}` is no name of 1 to {NAME_BYTES_MAX} bytes of printable text", actual.escape_default())]
    Name {
        /// The name found.
        actual: String,
        /// Where.
        span: Option<Range<usize>>,
    },
    /// The compiled bytes list something in another order than the one that counts.
    #[error("the compiled domain is not in order")]
    Order,
    /// The text is not TOML, lacks something, or has an unknown word.
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
    /// There are too many launchers or runtimes.
    #[error("{actual} entries where at most {max} are read")]
    TooMany {
        /// Entries given.
        actual: usize,
        /// Entries read at most.
        max: usize,
    },
    /// A name, key, digest or lack appears twice.
    #[error("`{}` appears twice", actual.escape_default())]
    Twice {
        /// What appears twice.
        actual: String,
        /// Where, the second time.
        span: Option<Range<usize>>,
    },
    /// A launcher is named, but isolation `process` is not accepted, so that the entry can never count.
    #[error("a launcher counts only with a table `[process]`, and there is none")]
    Unused {
        /// Where the launcher is.
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
            Self::Digest { span, .. }
            | Self::Key { span, .. }
            | Self::Lack { span, .. }
            | Self::Name { span, .. }
            | Self::Syntax { span, .. }
            | Self::Twice { span, .. }
            | Self::Unused { span } => span.clone(),
            Self::Compiled(_) | Self::Order | Self::TooLong { .. } | Self::TooMany { .. } | Self::Version { .. } => {
                None
            }
        }
    }

    /// What to do.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Compiled(_) | Self::Order => "compile the domain again from its domain.toml",
            Self::Digest { .. } => "copy it whole from what the runner sent, and compare it with the release's",
            Self::Key { .. } => "copy it whole from what the host's operator sent",
            Self::Lack { .. } => {
                "known are: empty-root, ipc-namespace, mount-namespace, network-namespace, no-new-privileges, \
                 pid-namespace, resource-limits, secret-keys, secret-plaintext, undumpable, user-namespace"
            }
            Self::Name { .. } => "give it a short name that a person recognises",
            Self::Syntax { .. } => {
                "the words are `[domain]` with `owner`, `[[launcher]]` with `name` and `key`, `[[runtime]]` with `name` \
                 and `digest`, `[process]` with `accept_lacks`"
            }
            Self::TooLong { .. } | Self::TooMany { .. } => "remove entries that are no longer used",
            Self::Twice { .. } => "remove one of the two",
            Self::Unused { .. } => "add `[process]`, or remove the launcher",
            Self::Version { .. } => "update the older Casemate",
        }
    }
}
