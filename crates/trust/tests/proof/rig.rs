//! Small domains in few words. Keys are numbers; key 0 is nobody's.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::rand::SystemRandom;
use casemate_cose::{Digest, Signer, SigningKey, UnixTime};
use casemate_trust::{
    proof::{Effective, Facts, Proof, ProofError, check},
    statement::{
        Kind, Limits, Measurement, Purpose, Register, Release, Sentence, Signed, Statement, Statements, Subject, Topic,
        Validity, Value,
    },
};

use crate::reference::narrows;

/// When the tests take place.
pub(crate) const NOW: UnixTime = UnixTime(1_000);

#[derive(Clone, Debug, Default)]
pub(crate) struct Rig {
    pub(crate) root: Vec<Statement>,
    pub(crate) signed: Vec<Signed>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The root says something, for ever.
    pub(crate) fn root(self, sentence: Sentence) -> Self {
        self.root_in(sentence, Validity::ALWAYS)
    }

    pub(crate) fn root_in(mut self, sentence: Sentence, validity: Validity) -> Self {
        self.root.push(Statement { label: String::new(), sentence, validity });
        self
    }

    /// A key says something, for ever.
    pub(crate) fn says(self, key: u8, sentence: Sentence) -> Self {
        self.says_in(key, sentence, Validity::ALWAYS)
    }

    pub(crate) fn says_in(mut self, key: u8, sentence: Sentence, validity: Validity) -> Self {
        self.signed.push(signed(key, sentence, validity));
        self
    }

    pub(crate) fn statements(&self) -> Arc<Statements> {
        Arc::new(Statements::new(self.root.clone(), &self.signed).unwrap())
    }

    pub(crate) fn effective(&self) -> Effective {
        Effective::of(&self.statements(), NOW).unwrap()
    }

    /// The proof of the goal, which the checker accepted once more, outside the prover.
    pub(crate) fn prove(&self, goal: &Sentence) -> Option<Proof> {
        let effective = self.effective();
        let proof = effective.prove(goal, NOW).unwrap()?;
        let proved = check(&proof, effective.standing(), Facts::NONE, NOW).unwrap();
        assert!(covers(proved, goal), "{proved} is not {goal}");
        Some(proof)
    }

    pub(crate) fn proves(&self, goal: &Sentence) -> bool {
        self.prove(goal).is_some()
    }

    pub(crate) fn check(&self, proof: &Proof) -> Result<Sentence, ProofError> {
        check(proof, self.effective().standing(), Facts::NONE, NOW).cloned()
    }
}

/// Whether a proved sentence is the goal, or more.
pub(crate) fn covers(proved: &Sentence, goal: &Sentence) -> bool {
    match (proved, goal) {
        (
            Sentence::Trusted { subject, purpose: Purpose::Publishing { topic, depth, limits } },
            Sentence::Trusted {
                subject: whom,
                purpose: Purpose::Publishing { topic: what, depth: least, limits: inner },
            },
        ) => {
            let within = match (inner, limits) {
                (_, None) => true,
                (None, Some(_)) => false,
                (Some(inner), Some(limits)) => narrows(inner, limits),
            };
            subject == whom && topic == what && depth >= least && within
        }
        (
            Sentence::Trusted { subject, purpose: Purpose::Execution(_) },
            Sentence::Trusted { subject: what, purpose: Purpose::Execution(None) },
        ) => subject == what,
        (
            Sentence::Trusted { subject, purpose: Purpose::Attestation(None) },
            Sentence::Trusted { subject: what, purpose: Purpose::Attestation(Some(kind)) },
        ) => subject == what && *kind != Kind::Software,
        _ => proved == goal,
    }
}

pub(crate) fn signer(key: u8) -> Signer {
    SigningKey::from_seed(&[key; 32]).into()
}

pub(crate) fn id(key: u8) -> Digest {
    static IDS: LazyLock<Vec<Digest>> =
        LazyLock::new(|| (0..=u8::MAX).map(|key| signer(key).public().spki_digest()).collect());
    IDS[usize::from(key)]
}

pub(crate) fn subject(key: u8) -> Subject {
    Subject::Key(id(key))
}

pub(crate) fn signed(key: u8, sentence: Sentence, validity: Validity) -> Signed {
    let statement = Statement { label: String::new(), sentence, validity };
    Signed::sign(&statement, &signer(key), &SystemRandom::new()).unwrap()
}

pub(crate) fn until(last: u64) -> Validity {
    Validity { not_before: UnixTime(0), not_after: UnixTime(last) }
}

pub(crate) fn from(first: u64) -> Validity {
    Validity { not_before: UnixTime(first), not_after: UnixTime(u64::MAX) }
}

pub(crate) fn trusted(key: u8, purpose: Purpose) -> Sentence {
    Sentence::Trusted { subject: subject(key), purpose }
}

pub(crate) fn publishes(key: u8, topic: Topic, depth: u16) -> Sentence {
    trusted(key, Purpose::Publishing { topic, depth, limits: None })
}

/// A right within limits.
pub(crate) fn publishes_within(key: u8, topic: Topic, depth: u16, limits: Limits) -> Sentence {
    trusted(key, Purpose::Publishing { topic, depth, limits: Some(Box::new(limits)) })
}

/// Limits to these lines of releases.
pub(crate) fn lines(names: &[&str]) -> Limits {
    Limits { releases: Some(names.iter().map(|name| (*name).to_owned()).collect()), ..Limits::default() }
}

/// Limits to these kinds of platform.
pub(crate) fn kinds(kinds: &[Kind]) -> Limits {
    Limits { kinds: Some(kinds.to_vec()), ..Limits::default() }
}

/// Limits to properties of these names.
pub(crate) fn properties(names: &[&str]) -> Limits {
    Limits { properties: Some(names.iter().map(|name| (*name).to_owned()).collect()), ..Limits::default() }
}

pub(crate) fn speaks(speaker: u8, principal: u8) -> Sentence {
    Sentence::SpeaksFor { speaker: subject(speaker), principal: subject(principal) }
}

/// "K says S", as a sentence.
pub(crate) fn said(key: u8, sentence: Sentence) -> Sentence {
    Sentence::Says { key: id(key), sentence: Box::new(sentence) }
}

pub(crate) fn measurement(value: u8) -> Sentence {
    Sentence::Trusted { subject: Subject::Measurement(registers(value)), purpose: Purpose::Execution(None) }
}

pub(crate) fn released(value: u8, version: u64) -> Sentence {
    let release = Release { line: "runtime".into(), version };
    Sentence::Trusted { subject: Subject::Measurement(registers(value)), purpose: Purpose::Execution(Some(release)) }
}

pub(crate) fn registers(value: u8) -> Measurement {
    Measurement { kind: Kind::Software, registers: vec![Register { name: "runtime".into(), value: vec![value] }] }
}

pub(crate) fn floor(version: u64) -> Sentence {
    Sentence::Floor(Release { line: "runtime".into(), version })
}

pub(crate) fn region(key: u8, name: &str) -> Sentence {
    Sentence::HasProperty { subject: subject(key), name: "region".into(), value: Value::Text(name.into()) }
}
