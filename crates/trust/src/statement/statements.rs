//! All statements of a domain, each once, in one order.

use casemate_cose::Digest;

use super::{Sentence, Signed, Statement, StatementError, interned::Interned};

/// The most statements of one domain, the root's and those of others together.
pub const STATEMENTS_MAX: usize = 16_384;

/// All statements of a domain: the root's own and those that others signed. Their order is that of their digests, whatever
/// order they came in; what comes twice counts once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statements {
    said: Vec<Said>,
    interned: Interned,
}

/// One statement and who says it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Said {
    digest: Digest,
    speaker: Speaker,
    statement: Statement,
}

/// Who says something.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Speaker {
    /// A key, by the SHA-256 of its `SubjectPublicKeyInfo`.
    Key(Digest),
    /// The domain itself: believed in everything.
    Root,
}

impl Statements {
    /// The root's statements and those of others.
    ///
    /// # Errors
    /// [`StatementError`]: more than [`STATEMENTS_MAX`], more names of limits than are read, a statement that says what can't be said, or one of the root that says
    /// what another says: that takes the other's signature.
    pub fn new(root: Vec<Statement>, signed: &[Signed]) -> Result<Self, StatementError> {
        let actual = root.len().saturating_add(signed.len());
        if actual > STATEMENTS_MAX {
            return Err(StatementError::TooMany { what: "statements", actual, max: STATEMENTS_MAX });
        }
        let mut said = Vec::with_capacity(actual);
        for statement in root {
            statement.check()?;
            if matches!(statement.sentence, Sentence::Says { .. }) {
                return Err(StatementError::Hearsay);
            }
            said.push(Said { digest: statement.digest(), speaker: Speaker::Root, statement });
        }
        for signed in signed {
            said.push(Said {
                digest: signed.digest(),
                speaker: Speaker::Key(signed.speaker()),
                statement: signed.statement().clone(),
            });
        }
        said.sort_by_key(|said| said.digest);
        said.dedup_by_key(|said| said.digest);
        said.shrink_to_fit();
        let interned = Interned::of(&said)?;
        Ok(Self { said, interned })
    }

    /// All of them, ascending by digest.
    #[must_use]
    pub fn said(&self) -> &[Said] {
        &self.said
    }

    /// The statement of this digest.
    #[must_use]
    pub fn find(&self, digest: Digest) -> Option<&Said> {
        self.place(digest).and_then(|place| self.said.get(place))
    }

    /// The limits of the rights that they hand on.
    pub(crate) const fn interned(&self) -> &Interned {
        &self.interned
    }

    /// The place of the statement of this digest.
    pub(crate) fn place(&self, digest: Digest) -> Option<usize> {
        self.said.binary_search_by_key(&digest, |said| said.digest).ok()
    }
}

impl Said {
    /// Names the statement in proofs, revocations and denials.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Who says it.
    #[must_use]
    pub const fn speaker(&self) -> Speaker {
        self.speaker
    }

    /// What is said, and when it counts.
    #[must_use]
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }
}
