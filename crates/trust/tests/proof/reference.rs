//! The rules once more, naively: everything that follows is found by applying every rule to everything until nothing new
//! comes. Shares types with the product, no code. Any single check can be switched off, to show what it is good for.

use std::collections::BTreeMap;

use casemate_cose::{Digest, UnixTime};
use casemate_trust::{
    proof::{Proof, Rule},
    statement::{Purpose, Said, Sentence, Speaker, Statements, Subject, Topic},
};

use crate::rig::id;

/// A check that is switched off.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Off {
    /// Nothing is.
    Nothing,
    /// Delegations end.
    Ends,
    /// Delegations begin.
    Begins,
    /// What is revoked counts no more.
    Revocations,
    /// Releases below their floor count no more.
    Floors,
    /// A key publishes about its topic alone.
    Topic,
    /// What is handed on is less deep.
    Depth,
    /// Words are relayed, and rights to publish inherited, by the root's word alone.
    ByRoot,
    /// A nested sentence needs a key that speaks for the next.
    Nesting,
    /// It was this key that said it.
    Speaker,
    /// Premises come before conclusions.
    Earlier,
    /// Conclusions are what the rule gives.
    Conclusion,
    /// Something rests on each step.
    Unused,
    /// No step is there twice.
    Twice,
    /// The proof is for this time.
    Time,
}

pub(crate) struct Reference<'s> {
    pub(crate) statements: &'s Statements,
    pub(crate) at: UnixTime,
    pub(crate) off: Off,
}

/// Sentences that hold, and whether by the root's word alone.
type Known = BTreeMap<Sentence, bool>;

impl Reference<'_> {
    /// Everything that follows, as far as it is finite.
    pub(crate) fn saturate(&self) -> Known {
        let standing = self.standing();
        self.close(|said| standing.contains(&said.digest()))
    }

    /// Digests of the statements that stand.
    pub(crate) fn standing(&self) -> Vec<Digest> {
        let begun = |said: &Said| self.off == Off::Begins || said.statement().validity.not_before <= self.at;
        let ended = |said: &Said| self.off != Off::Ends && said.statement().validity.not_after < self.at;
        let revokes = |sentence: &Sentence, target: &Said| *sentence == Sentence::Revokes(target.digest());
        let first = |target: &Said| {
            self.off != Off::Revocations
                && self.statements.said().iter().any(|by| {
                    begun(by)
                        && revokes(&by.statement().sentence, target)
                        && (by.speaker() == Speaker::Root || by.speaker() == target.speaker())
                })
        };
        // What has ended counts here.
        let known = self.close(|said| begun(said) && !first(said));
        let second = |target: &Said| {
            self.off != Off::Revocations
                && target.speaker() != Speaker::Root
                && known.contains_key(&Sentence::Revokes(target.digest()))
            // The root's own revocations are known, too, and were decided.
        };
        let known = self.close(|said| begun(said) && !first(said) && !second(said));
        let below = |said: &Said| match innermost(&said.statement().sentence) {
            Sentence::Trusted { purpose: Purpose::Execution(Some(release)), .. } if self.off != Off::Floors => {
                known.keys().any(|other| match other {
                    Sentence::Floor(floor) => floor.line == release.line && floor.version > release.version,
                    _ => false,
                })
            }
            _ => false,
        };
        self.statements
            .said()
            .iter()
            .filter(|said| begun(said) && !ended(said) && !first(said) && !second(said) && !below(said))
            .map(Said::digest)
            .collect()
    }

    /// Applies every rule to every pair until nothing new comes.
    fn close(&self, stands: impl Fn(&Said) -> bool) -> Known {
        let mut known = Known::new();
        let named = self.statements.said().iter().flat_map(|said| domains(&said.statement().sentence));
        for domain in named.chain((1..=4).map(id)) {
            let sentence = Sentence::SpeaksFor { speaker: Subject::Key(domain), principal: Subject::Domain(domain) };
            known.insert(sentence, true);
        }
        for said in self.statements.said() {
            if stands(said) {
                let sentence = said.statement().sentence.clone();
                match said.speaker() {
                    Speaker::Root => known.insert(sentence, true),
                    Speaker::Key(key) => known.insert(Sentence::Says { key, sentence: Box::new(sentence) }, false),
                };
            }
        }
        loop {
            let all: Vec<(Sentence, bool)> =
                known.iter().map(|(sentence, by_root)| (sentence.clone(), *by_root)).collect();
            let before = known.clone();
            // The first premise of every rule of two is one of these.
            let first =
                |known: &&(Sentence, bool)| matches!(known.0, Sentence::SpeaksFor { .. } | Sentence::Trusted { .. });
            for left in all.iter().filter(first) {
                for right in &all {
                    for rule in [Rule::Believe, Rule::Relay, Rule::Inherit, Rule::Transit] {
                        for (sentence, by_root) in self.apply(rule, left, right) {
                            *known.entry(sentence).or_insert(false) |= by_root;
                        }
                    }
                }
            }
            if known == before {
                return known;
            }
        }
    }

    /// What a rule makes of two premises.
    fn apply(&self, rule: Rule, left: &(Sentence, bool), right: &(Sentence, bool)) -> Vec<(Sentence, bool)> {
        let ((first, by_root), (second, also)) = (left, right);
        match (rule, first, second) {
            (
                Rule::Believe,
                Sentence::Trusted { subject: Subject::Key(may), purpose: Purpose::Publishing { topic: about, depth } },
                Sentence::Says { key, sentence },
            ) => {
                let of_topic = topic(sentence) == Some(*about) || self.off == Off::Topic && topic(sentence).is_some();
                let shallow = match &**sentence {
                    Sentence::Trusted { purpose: Purpose::Publishing { depth: handed, .. }, .. } => {
                        handed < depth || self.off == Off::Depth
                    }
                    _ => true,
                };
                let same = may == key || self.off == Off::Speaker;
                let inner = if self.off == Off::Nesting { innermost(sentence) } else { sentence };
                let of_topic = of_topic || self.off == Off::Nesting && topic(inner) == Some(*about);
                if same && of_topic && shallow { vec![(inner.clone(), false)] } else { vec![] }
            }
            (
                Rule::Relay,
                Sentence::SpeaksFor { speaker: Subject::Key(speaker), principal: Subject::Key(principal) },
                Sentence::Says { key, sentence },
            ) if speaker == key && (*by_root || self.off == Off::ByRoot) => {
                // Sentences would grow without end if what is relayed were itself counted as said by everyone.
                let mut made = vec![(Sentence::Says { key: *principal, sentence: sentence.clone() }, false)];
                if let Sentence::Says { key: inner, .. } = &**sentence
                    && inner == principal
                {
                    made.push(((**sentence).clone(), false));
                }
                made
            }
            (Rule::Inherit, Sentence::SpeaksFor { speaker, principal }, Sentence::Trusted { subject, purpose })
                if principal == subject =>
            {
                match purpose {
                    Purpose::Execution(_) => vec![],
                    Purpose::Publishing { .. } if !by_root && self.off != Off::ByRoot => vec![],
                    _ => vec![(Sentence::Trusted { subject: speaker.clone(), purpose: purpose.clone() }, false)],
                }
            }
            (
                Rule::Transit,
                Sentence::SpeaksFor { speaker, principal },
                Sentence::SpeaksFor { speaker: over, principal: last },
            ) if principal == over => {
                let sentence = Sentence::SpeaksFor { speaker: speaker.clone(), principal: last.clone() };
                vec![(sentence, *by_root && *also)]
            }
            _ => vec![],
        }
    }

    /// A checker for proofs about statements, with the same check switched off.
    pub(crate) fn accepts(&self, proof: &Proof, asked: UnixTime) -> bool {
        let standing = self.standing();
        let (mut proved, mut used) = (Vec::new(), vec![false; proof.steps.len()]);
        if proof.at != asked && self.off != Off::Time {
            return false;
        }
        let conclusions: Vec<(Sentence, bool)> =
            proof.steps.iter().map(|step| (step.conclusion.clone(), matches!(step.rule, Rule::Domain(_)))).collect();
        for (place, step) in proof.steps.iter().enumerate() {
            if self.off != Off::Twice && proof.steps[..place].contains(step) {
                return false;
            }
            let mut premises = Vec::new();
            for premise in &step.premises {
                let premise = *premise as usize;
                let from = if self.off == Off::Earlier { conclusions.get(premise) } else { proved.get(premise) };
                let Some(from) = from else { return false };
                premises.push(from.clone());
                used[premise] = true;
            }
            let stated = |digest: Digest| self.statements.find(digest).filter(|said| standing.contains(&said.digest()));
            let made = match (step.rule, premises.as_slice()) {
                (Rule::Domain(digest), []) => match stated(digest) {
                    Some(said) if said.speaker() == Speaker::Root => vec![(said.statement().sentence.clone(), true)],
                    _ => return false,
                },
                (Rule::Signed(digest), []) => match stated(digest).map(|said| (said, said.speaker())) {
                    Some((said, Speaker::Key(key))) => {
                        vec![(Sentence::Says { key, sentence: Box::new(said.statement().sentence.clone()) }, false)]
                    }
                    _ => return false,
                },
                (Rule::Policy, []) => vec![(step.conclusion.clone(), true)],
                (rule, [left, right]) => self.apply(rule, left, right),
                _ => return false,
            };
            match made.into_iter().find(|(sentence, _)| *sentence == step.conclusion) {
                Some(proof) => proved.push(proof),
                None if self.off == Off::Conclusion => proved.push((step.conclusion.clone(), false)),
                None => return false,
            }
        }
        let last = proof.steps.len().saturating_sub(1);
        !proof.steps.is_empty() && (self.off == Off::Unused || used[..last].iter().all(|used| *used))
    }
}

/// What is said in the end.
fn innermost(sentence: &Sentence) -> &Sentence {
    match sentence {
        Sentence::Says { sentence, .. } => innermost(sentence),
        other => other,
    }
}

fn domains(sentence: &Sentence) -> Vec<Digest> {
    let subjects = match innermost(sentence) {
        Sentence::SpeaksFor { speaker, principal } => vec![speaker, principal],
        Sentence::Trusted { subject, .. } => vec![subject],
        _ => vec![],
    };
    let domain = |subject: &Subject| if let Subject::Domain(digest) = subject { Some(*digest) } else { None };
    subjects.into_iter().filter_map(domain).collect()
}

fn topic(sentence: &Sentence) -> Option<Topic> {
    match sentence {
        Sentence::Trusted { purpose: Purpose::Publishing { topic, .. }, .. } => Some(*topic),
        Sentence::Trusted { subject: Subject::Measurement(_), purpose: Purpose::Execution(_) } | Sentence::Floor(_) => {
            Some(Topic::Measurements)
        }
        Sentence::Trusted { subject: Subject::Program(_), .. } => Some(Topic::Programs),
        Sentence::Trusted { subject: Subject::Platform(_), .. } => Some(Topic::Platforms),
        Sentence::Trusted { .. } | Sentence::SpeaksFor { .. } => Some(Topic::Keys),
        Sentence::HasProperty { .. } => Some(Topic::Properties),
        Sentence::Revokes(_) => Some(Topic::Revocations),
        _ => None,
    }
}
