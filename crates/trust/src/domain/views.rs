//! What a person looks for in a domain: launchers, runtimes, isolation `process`. Statements are what counts.

use std::collections::BTreeSet;

use casemate_cose::{Digest, PublicKey, VerifyingKey};
use casemate_evidence::{Endorsements, Isolation, Lack};

use super::Domain;
use crate::statement::{
    Demand, Identities, Kind, Measurement, PlatformRule, Purpose, Register, Said, Sentence, Statement, Subject, Test,
};

/// What a launcher is trusted for. Who is trusted for attestation of hardware is no launcher.
const VOUCHING: Purpose = Purpose::Attestation(Some(Kind::Software));
/// The register of a keep by a launcher's word: SHA-256 of the runtime's binary.
pub(super) const RUNTIME: &str = "runtime";
/// What a keep by a launcher's word ran without.
pub(super) const LACKS: &str = "lacks";
/// The label of the rule that `[process]` writes.
pub(super) const PROCESS: &str = "process";

/// A host whose launcher the owner believes for isolation `process`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Launcher {
    /// The owner's name for it.
    pub name: String,
    /// The launcher's key.
    pub key: PublicKey,
}

/// A runtime that the owner believes to keep its promises.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Runtime {
    /// The owner's name for it.
    pub name: String,
    /// SHA-256 of the runtime's binary.
    pub digest: Digest,
}

/// How the owner accepts isolation `process`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Process {
    /// What a machine may fail to give.
    pub accept_lacks: BTreeSet<Lack>,
}

impl Launcher {
    pub(super) fn statement(&self) -> Statement {
        let subject = Subject::Key(self.key.spki_digest());
        Statement::always(&self.name, Sentence::Trusted { subject, purpose: VOUCHING })
    }
}

impl Runtime {
    pub(super) fn statement(&self) -> Statement {
        let register = Register { name: RUNTIME.to_owned(), value: self.digest.as_bytes().to_vec() };
        let subject = Subject::Measurement(Measurement { kind: Kind::Software, registers: vec![register] });
        Statement::always(&self.name, Sentence::Trusted { subject, purpose: Purpose::Execution(None) })
    }
}

impl Process {
    pub(super) fn rule(&self) -> PlatformRule {
        let accepted = self.accept_lacks.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        let lacks = Demand { property: LACKS.to_owned(), test: Test::SubsetOf(accepted.into_iter().collect()) };
        let (identities, allow) = (Identities::AnyGenuineChip, BTreeSet::new());
        PlatformRule { kind: Kind::Software, identities, demands: vec![lacks], allow }
    }

    pub(super) fn statement(&self) -> Statement {
        let sentence = Sentence::Trusted { subject: Subject::Platform(self.rule()), purpose: Purpose::Execution(None) };
        Statement::always(PROCESS, sentence)
    }

    /// The table `[process]` that this rule was written by, if one can have.
    pub(super) fn of(rule: &PlatformRule) -> Option<Self> {
        let accepted = rule.demands.iter().find_map(|demand| match &demand.test {
            Test::SubsetOf(names) if rule.kind == Kind::Software && demand.property == LACKS => Some(names),
            _ => None,
        })?;
        Some(Self { accept_lacks: accepted.iter().map(|name| name.parse()).collect::<Result<_, _>>().ok()? })
    }
}

impl Domain {
    /// The launchers that the owner's own statements name, ordered by key. Whether each counts depends on the time.
    #[must_use]
    pub fn launchers(&self) -> Vec<Launcher> {
        let trusted = self.own().map(Said::statement).filter_map(|statement| match &statement.sentence {
            Sentence::Trusted { subject: Subject::Key(digest), purpose: VOUCHING } => {
                Some((statement, self.key(digest)?))
            }
            _ => None,
        });
        let launcher = |(statement, key): (&Statement, &VerifyingKey)| match key {
            VerifyingKey::Ed25519(key) => Some(Launcher { name: statement.label.clone(), key: *key }),
            _ => None,
        };
        let mut launchers: Vec<_> = trusted.filter_map(launcher).collect();
        launchers.sort_by(|a, b| (a.key, &a.name).cmp(&(b.key, &b.name)));
        launchers
    }

    /// The runtimes for isolation `process` that the owner's own statements name, ordered by digest.
    #[must_use]
    pub fn runtimes(&self) -> Vec<Runtime> {
        let runtime = |statement: &Statement| {
            let Sentence::Trusted { subject: Subject::Measurement(measurement), .. } = &statement.sentence else {
                return None;
            };
            let [Register { name, value }] = measurement.registers.as_slice() else { return None };
            let digest = <[u8; 32]>::try_from(value.as_slice()).ok().filter(|_| name == RUNTIME)?;
            let of_process = measurement.kind == Kind::Software;
            of_process.then(|| Runtime { name: statement.label.clone(), digest: Digest::from_bytes(digest) })
        };
        let mut runtimes: Vec<_> = self.own().map(Said::statement).filter_map(runtime).collect();
        runtimes.sort_by(|a, b| (a.digest, &a.name).cmp(&(b.digest, &b.name)));
        runtimes
    }

    /// How isolation `process` is accepted, if it is.
    #[must_use]
    pub fn process(&self) -> Option<Process> {
        self.own().map(Said::statement).find_map(|statement| match &statement.sentence {
            Sentence::Trusted { subject: Subject::Platform(rule), .. } => Process::of(rule),
            _ => None,
        })
    }

    /// The isolations by a launcher's word that are accepted. What hardware is accepted, rules for platforms say.
    #[must_use]
    pub fn accepted_isolations(&self) -> Vec<Isolation> {
        self.process().iter().map(|_| Isolation::Process).collect()
    }

    /// The lacks that are accepted, in order of their names.
    #[must_use]
    pub fn accepted_lacks(&self) -> Vec<Lack> {
        self.process().into_iter().flat_map(|process| process.accept_lacks).collect()
    }

    /// Whether this lack is accepted.
    #[must_use]
    pub fn accepts_lack(&self, lack: Lack) -> bool {
        self.process().is_some_and(|process| process.accept_lacks.contains(&lack))
    }

    /// The endorsements to authenticate `software` evidence with: this domain's launchers.
    #[must_use]
    pub fn endorsements(&self) -> Endorsements {
        Endorsements::of_launchers(self.launchers().into_iter().map(|launcher| launcher.key))
    }
}
