//! A domain: whom one owner believes, for what, until when. [docs/formats/domain.md]
//!
//! A person writes `domain.toml`; each of its lines is a [`Statement`] of the owner's, and what counts is the compiled form,
//! deterministic CBOR in one order, whose digest every verdict carries. What the domain does not name is not accepted; an
//! empty list accepts nothing.

mod check;
mod compiled;
mod diff;
mod error;
mod program;
mod rights;
mod sealed;
mod signer;
mod text;
mod unmatched;
mod views;
mod warning;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use casemate_cose::{Digest, UnixTime, VerifyingKey};

pub use diff::Change;
pub use error::DomainError;
pub use sealed::{PROGRAMS, SIGNERS};
pub use views::{Launcher, Process, Runtime};
pub use warning::Warning;

use crate::{
    printable::hides_or_moves,
    proof::{Effective, ProofError},
    statement::{STATEMENTS_MAX, Said, Signed, Speaker, Statement, Statements},
};

/// The longest `domain.toml` and the longest compiled domain that are read: 12 MiB, which fits ten thousand signed statements.
pub const DOMAIN_BYTES_MAX: usize = 12 << 20;

/// The most values of a `domain.toml`: tables, keys and members of lists, as far as characters show before it is read.
pub const VALUES_MAX: usize = 1 << 19;

/// The most statements of one domain, its owner's and those of others together.
pub const ENTRIES_MAX: usize = STATEMENTS_MAX;

/// The longest name of an owner, launcher, runtime or of whatever else a statement is about.
pub const NAME_BYTES_MAX: usize = 128;

/// Whom one owner believes: statements of the owner's own, which are believed, and signed ones of others, which count where the
/// owner's say so.
#[derive(Clone, Debug)]
pub struct Domain {
    owner: String,
    sequence: u64,
    /// Keys that the owner's statements name, ascending by digest.
    keys: BTreeMap<Digest, VerifyingKey>,
    statements: Arc<Statements>,
    /// The statements of others as received, ascending by digest.
    signed: Arc<[Signed]>,
    digest: OnceLock<Digest>,
    /// The line of the text on which the entry of each statement starts.
    lines: BTreeMap<Digest, usize>,
    /// The line of the text on which a statement about platforms demands something of a property.
    demand_lines: BTreeMap<(Digest, String), usize>,
    /// What followed when it was asked last. What follows depends on the time alone, so that no outcome depends on this.
    effective: Arc<Mutex<Option<Arc<Effective>>>>,
}

impl PartialEq for Domain {
    /// Where in a text a statement was is no part of a domain.
    fn eq(&self, other: &Self) -> bool {
        (&self.owner, self.sequence, &self.keys, &self.statements, &self.signed)
            == (&other.owner, other.sequence, &other.keys, &other.statements, &other.signed)
    }
}

impl Eq for Domain {}

impl Domain {
    /// A domain of launchers and runtimes for isolation `process`; `None` for `process` accepts no keep of that isolation.
    /// Order does not matter.
    ///
    /// # Errors
    /// [`DomainError`]: a name that is empty, too long or not printable; a name, key or digest twice; too many entries;
    /// launchers that no accepted isolation uses.
    pub fn new(
        owner: impl Into<String>,
        launchers: Vec<Launcher>,
        runtimes: Vec<Runtime>,
        process: Option<Process>,
    ) -> Result<Self, DomainError> {
        let owner = owner.into();
        check_parts(&owner, &launchers, &runtimes, process.as_ref())?;
        let keys = launchers.iter().map(|launcher| launcher.key.into()).collect();
        let mut statements: Vec<_> = launchers.iter().map(Launcher::statement).collect();
        statements.extend(runtimes.iter().map(Runtime::statement));
        statements.extend(process.iter().map(Process::statement));
        Self::of(owner, 0, statements, keys, Vec::new())
    }

    /// A domain of these statements of its owner's and of others. `keys` are those that the owner's statements name and that are
    /// known in full; others are left out. Order does not matter.
    ///
    /// # Errors
    /// [`DomainError`]: a name that is empty, too long or not printable; a statement that says what none can; too many.
    pub fn of(
        owner: impl Into<String>,
        sequence: u64,
        statements: Vec<Statement>,
        keys: Vec<VerifyingKey>,
        mut signed: Vec<Signed>,
    ) -> Result<Self, DomainError> {
        let owner = owner.into();
        check_name(&owner)?;
        check::sequence(sequence)?;
        let actual = statements.len().saturating_add(signed.len());
        if actual > ENTRIES_MAX {
            return Err(DomainError::TooMany { actual, max: ENTRIES_MAX });
        }
        for statement in &statements {
            check::statement(statement)?;
        }
        rights::check(statements.iter().map(|statement| (statement, None)))?;
        let named: BTreeSet<Digest> = statements.iter().flat_map(check::keys_of).collect();
        let keys =
            keys.into_iter().map(|key| (key.spki_digest(), key)).filter(|(digest, _)| named.contains(digest)).collect();
        signed.sort_by(|a, b| (a.digest(), a.object()).cmp(&(b.digest(), b.object())));
        signed.dedup_by_key(|signed| signed.digest());
        let unsaid =
            |error: crate::statement::StatementError| DomainError::Signed { why: error.to_string(), span: None };
        let statements = Arc::new(Statements::new(statements, &signed).map_err(unsaid)?);
        let (signed, digest, lines, effective) = (signed.into(), OnceLock::new(), BTreeMap::new(), Arc::default());
        let demand_lines = BTreeMap::new();
        Ok(Self { owner, sequence, keys, statements, signed, digest, lines, demand_lines, effective })
    }

    /// Reads `domain.toml`.
    ///
    /// # Errors
    /// [`DomainError`], with the place in `text`; unknown words are errors.
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        text::parse(text)
    }

    /// Reads what somebody else is to sign: the entries of a `domain.toml` without `[domain]` and `[[signed]]`, of which each says one or
    /// more statements. Whether they can count depends on the domain that believes their speaker.
    ///
    /// # Errors
    /// As [`Domain::parse`].
    pub fn statements_of(text: &str) -> Result<Vec<Statement>, DomainError> {
        text::statements(text)
    }

    /// Writes the domain as `domain.toml`; [`Domain::parse`] reads the same domain from it.
    #[must_use]
    pub fn to_toml(&self) -> String {
        text::write(self)
    }

    /// The compiled form: deterministic CBOR, the same for every order in which the file names its entries.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        compiled::write(self)
    }

    /// Reads the compiled form.
    ///
    /// # Errors
    /// [`DomainError`]: as [`Domain::of`], and whatever is not exactly what [`Domain::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DomainError> {
        compiled::parse(bytes)
    }

    /// SHA-256 of the compiled form: verdicts, decisions and receipts name the domain by it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| Digest::of(&self.to_bytes()))
    }

    /// The party whose domain this is.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The sequence number: of two domains of one owner the higher replaces the lower.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// All statements, the owner's and those of others.
    #[must_use]
    pub const fn statements(&self) -> &Arc<Statements> {
        &self.statements
    }

    /// What the owner says: the statements of the root, ascending by digest.
    pub fn own(&self) -> impl Iterator<Item = &Said> {
        self.statements.said().iter().filter(|said| said.speaker() == Speaker::Root)
    }

    /// What others signed, ascending by digest.
    #[must_use]
    pub fn signed(&self) -> &[Signed] {
        &self.signed
    }

    /// The keys that the owner's statements name and that are known in full, ascending by digest.
    pub fn keys(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.values()
    }

    /// The key of this digest, where the domain knows it in full.
    #[must_use]
    pub fn key(&self, digest: &Digest) -> Option<&VerifyingKey> {
        self.keys.get(digest)
    }

    /// All that follows at this time. It is computed once for the window of time around `at` in which no statement begins or
    /// ends.
    ///
    /// # Errors
    /// [`ProofError`]: the statements are too entangled.
    pub fn effective(&self, at: UnixTime) -> Result<Arc<Effective>, ProofError> {
        let mut last = self.effective.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| last.standing().window().holds(at)) {
            return Ok(Arc::clone(last));
        }
        let effective = Arc::new(Effective::of(&self.statements, at)?);
        *last = Some(Arc::clone(&effective));
        Ok(effective)
    }

    /// The line of `domain.toml`, from 1, where the entry of the statement of this digest starts; `None` where the domain was
    /// not read from text.
    #[must_use]
    pub fn line_of(&self, statement: &Digest) -> Option<usize> {
        self.lines.get(statement).copied()
    }

    /// The line of `domain.toml`, from 1, where the statement of this digest demands something of a platform's property; that of
    /// its entry where no line is known.
    #[must_use]
    pub fn line_of_demand(&self, statement: &Digest, property: &str) -> Option<usize> {
        let line = self.demand_lines.get(&(*statement, property.to_owned())).copied();
        line.or_else(|| self.line_of(statement))
    }
}

fn check_parts(
    owner: &str,
    launchers: &[Launcher],
    runtimes: &[Runtime],
    process: Option<&Process>,
) -> Result<(), DomainError> {
    let entries = launchers.len().max(runtimes.len());
    if entries > ENTRIES_MAX {
        return Err(DomainError::TooMany { actual: entries, max: ENTRIES_MAX });
    }
    check_name(owner)?;
    for name in launchers.iter().map(|l| &l.name).chain(runtimes.iter().map(|r| &r.name)) {
        check_name(name)?;
    }
    check_once(launchers.iter().map(|launcher| launcher.key.to_string()))?;
    check_once(launchers.iter().map(|launcher| launcher.name.clone()))?;
    check_once(runtimes.iter().map(|runtime| runtime.digest.to_string()))?;
    check_once(runtimes.iter().map(|runtime| runtime.name.clone()))?;
    if process.is_none() && !launchers.is_empty() {
        return Err(check::launcher_without_process(None));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), DomainError> {
    let printable = !name.chars().any(hides_or_moves) && name.trim() == name && !name.is_empty();
    if printable && name.len() <= NAME_BYTES_MAX {
        Ok(())
    } else {
        Err(DomainError::Name { actual: name.to_owned(), span: None })
    }
}

fn check_once(values: impl Iterator<Item = String>) -> Result<(), DomainError> {
    let mut seen = BTreeSet::new();
    for value in values {
        if let Some(actual) = seen.replace(value) {
            return Err(DomainError::Twice { actual, span: None });
        }
    }
    Ok(())
}
