//! The rules once more, naively: everything that follows is found by applying every rule to everything until nothing new
//! comes. Shares types with the product, no code. Any single check can be switched off, to show what it is good for.

use std::collections::BTreeMap;

use casemate_cose::{Digest, UnixTime};
use casemate_trust::{
    proof::{Proof, Rule},
    statement::{Kind, Limits, Measurement, Purpose, Said, Sentence, Speaker, Statements, Subject, Topic, Value},
};

use crate::{
    rig::id,
    seen::{Seen, is_of_evidence},
};

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
    /// Who trusts what is revoked, and what revoked keys say, counts no more.
    Things,
    /// Releases below their floor count no more.
    Floors,
    /// A key publishes about its topic alone.
    Topic,
    /// What is handed on is less deep.
    Depth,
    /// What is said, and what is handed on, lies within limits.
    Limits,
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
        let revokes = |sentence: &Sentence, target: &Said| {
            *sentence == Sentence::Revokes(target.digest()) || (self.off != Off::Things && is_gone(sentence, target))
        };
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
                && known.keys().any(|sentence| revokes(sentence, target))
            // The root's own revocations are known, too, and were decided.
        };
        let known = self.close(|said| begun(said) && !first(said) && !second(said));
        let below = |said: &Said| match innermost(&said.statement().sentence) {
            Sentence::Trusted { purpose: Purpose::Execution(Some(release)), .. } if self.off != Off::Floors => {
                self.statements.said().iter().any(|by| match innermost(&by.statement().sentence) {
                    Sentence::Floor(floor) if floor.line == release.line && floor.version > release.version => {
                        let left = |said: &Said| begun(said) && !first(said) && !second(said);
                        left(by) && (by.speaker() == Speaker::Root || self.floors(by, said, &known, &left))
                    }
                    _ => false,
                })
            }
            _ => false,
        };
        let left: Vec<&Said> = self
            .statements
            .said()
            .iter()
            .filter(|said| begun(said) && !ended(said) && !first(said) && !second(said) && !below(said))
            .collect();
        // What the owner says of a property, nobody else says otherwise.
        let of_owner = |said: &Said, is_same: &dyn Fn(&Value, &Value) -> bool| {
            let Sentence::HasProperty { subject, name, value } = innermost(&said.statement().sentence) else {
                return false;
            };
            left.iter().filter(|by| by.speaker() == Speaker::Root).any(|by| match &by.statement().sentence {
                Sentence::HasProperty { subject: of, name: called, value: own } => {
                    of == subject && called == name && is_same(own, value)
                }
                _ => false,
            })
        };
        let overruled = |said: &Said| {
            said.speaker() != Speaker::Root && of_owner(said, &|_, _| true) && !of_owner(said, &|own, said| own == said)
        };
        left.iter().filter(|said| !overruled(said)).map(|said| said.digest()).collect()
    }

    /// The measurements that are revoked, and whether by the root.
    pub(crate) fn gone(&self) -> Vec<(Measurement, bool)> {
        let begun = |said: &Said| said.statement().validity.not_before <= self.at;
        let of_root = |by: &&Said| begun(by) && by.speaker() == Speaker::Root;
        let own: Vec<&Sentence> =
            self.statements.said().iter().filter(of_root).map(|by| &by.statement().sentence).collect();
        let is_revoked = |said: &Said| {
            let gone = |by: &&Sentence| **by == Sentence::Revokes(said.digest()) || is_gone(by, said);
            own.iter().any(gone)
                || self
                    .statements
                    .said()
                    .iter()
                    .any(|by| begun(by) && by.speaker() == said.speaker() && gone(&&by.statement().sentence))
        };
        let known = self.close(|said| begun(said) && !is_revoked(said));
        let measurement = |sentence: &Sentence| match sentence {
            Sentence::Distrusts(Subject::Measurement(measurement)) => Some(measurement.clone()),
            _ => None,
        };
        let others = known.iter().filter(|(sentence, by_root)| !**by_root && !own.contains(sentence));
        let others = others.filter_map(|(sentence, _)| Some((measurement(sentence)?, false)));
        own.iter().filter_map(|sentence| Some((measurement(sentence)?, true))).chain(others).collect()
    }

    /// Whether a key's floor is for another key's release: it begins while the key may publish, and the release is its own, or of one
    /// that has its right of it, and not of the root.
    fn floors(&self, by: &Said, release: &Said, known: &Known, left: &dyn Fn(&Said) -> bool) -> bool {
        let begins = by.statement().validity.not_before;
        let may = |known: &Known, key: Digest, what: &Sentence| {
            let least = if let Some((_, depth, _)) = publishing(what) { depth + 1 } else { 0 };
            known.keys().any(|sentence| {
                publishing(sentence).is_some_and(|(subject, depth, limits)| {
                    *subject == Subject::Key(key) && depth >= least && self.lets(limits, what)
                })
            })
        };
        let released = innermost(&release.statement().sentence);
        let says = |known: &Known, said: &Said| {
            let (key, sentence) = (last(said)?, innermost(&said.statement().sentence).clone());
            known.contains_key(&Sentence::Says { key, sentence: Box::new(sentence) }).then_some(key)
        };
        let (Some(key), Some(publisher)) = (says(known, by), says(known, release)) else { return false };
        let speaks = |from: &Subject, to: &Subject| {
            let sentence = Sentence::SpeaksFor { speaker: from.clone(), principal: to.clone() };
            known.get(&sentence) == Some(&true)
        };
        let (mut handed, mut of_root) = (vec![Subject::Key(key)], Vec::new());
        let grants: Vec<(Option<Digest>, &Sentence, Subject)> = self
            .statements
            .said()
            .iter()
            .filter(|said| left(said))
            .filter_map(|said| {
                let sentence = innermost(&said.statement().sentence);
                let (subject, _, limits) = publishing(sentence)?;
                let key = if said.speaker() == Speaker::Root { None } else { Some(says(known, said)?) };
                self.lets(limits, released).then(|| (key, sentence, subject.clone()))
            })
            .collect();
        let subjects: Vec<Subject> = known
            .keys()
            .filter_map(|sentence| match sentence {
                Sentence::SpeaksFor { speaker, .. } => Some(speaker.clone()),
                _ => None,
            })
            .chain(grants.iter().map(|(.., subject)| subject.clone()))
            .collect();
        for (_, _, subject) in grants.iter().filter(|(key, ..)| key.is_none()) {
            of_root.push(subject.clone());
            of_root.extend(subjects.iter().filter(|from| speaks(from, subject)).cloned());
        }
        loop {
            let before = handed.len();
            for (key, grant, subject) in &grants {
                let believed = key.is_some_and(|key| handed.contains(&Subject::Key(key)) && may(known, key, grant));
                if believed && !of_root.contains(subject) && !handed.contains(subject) {
                    handed.push(subject.clone());
                }
            }
            for from in &subjects {
                let is_handed = handed.iter().any(|to| !of_root.contains(to) && speaks(from, to));
                if is_handed && !of_root.contains(from) && !handed.contains(from) {
                    handed.push(from.clone());
                }
            }
            if handed.len() == before {
                break;
            }
        }
        if !handed.contains(&Subject::Key(publisher)) {
            return false;
        }
        let then =
            self.close(|said| left(said) && (said.digest() == by.digest() || said.statement().validity.holds(begins)));
        says(&then, by).is_some() && may(&then, key, innermost(&by.statement().sentence))
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
                Sentence::Trusted {
                    subject: Subject::Key(may),
                    purpose: Purpose::Publishing { topic: about, depth, limits },
                },
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
                let within = self.lets(limits.as_deref(), inner);
                if same && of_topic && shallow && within { vec![(inner.clone(), false)] } else { vec![] }
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

    /// Whether a right of these limits is one to say this.
    fn lets(&self, limits: Option<&Limits>, sentence: &Sentence) -> bool {
        let Some(limits) = limits.filter(|_| self.off != Off::Limits) else { return true };
        if let Sentence::Trusted { purpose: Purpose::Publishing { limits: handed, .. }, .. } = sentence {
            return handed.as_ref().is_some_and(|handed| narrows(handed, limits));
        }
        let lies = |what, limit: Option<Vec<String>>| {
            let named = named(sentence, what);
            limit.is_none_or(|limit| !named.is_empty() && named.iter().all(|name| limit.contains(name)))
        };
        let kinds = limits.kinds.as_ref().map(|kinds| kinds.iter().map(Kind::to_string).collect());
        lies("kind", kinds) && lies("name", limits.properties.clone()) && lies("line", limits.releases.clone())
    }

    /// A checker for proofs about statements, with the same check switched off.
    pub(crate) fn accepts(&self, proof: &Proof, asked: UnixTime) -> bool {
        self.accepts_of(&Seen::NOTHING, &self.standing(), proof, asked)
    }

    /// The same for proofs about evidence, too; `standing` are the statements that stand.
    pub(crate) fn accepts_of(&self, seen: &Seen<'_>, standing: &[Digest], proof: &Proof, asked: UnixTime) -> bool {
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
                (rule, all) if is_of_evidence(rule) => {
                    let sentences: Vec<&Sentence> = all.iter().map(|(sentence, _)| sentence).collect();
                    let place = match (rule, sentences.as_slice()) {
                        (Rule::Measured, [Sentence::IsEnvironment(place), _]) => Some(*place),
                        (Rule::Authenticate, [_, _, _]) => Some(0),
                        _ => None,
                    };
                    let by_root = all.last().is_some_and(|(_, by_root)| *by_root);
                    if self.off != Off::Things && place.is_some_and(|place| seen.refuses(place, by_root)) {
                        return false;
                    }
                    seen.makes(rule, &sentences).into_iter().map(|sentence| (sentence, false)).collect()
                }
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

/// Whether a revocation of a thing is one of what this statement says.
fn is_gone(revocation: &Sentence, target: &Said) -> bool {
    let Sentence::Distrusts(thing) = revocation else { return false };
    let sentence = innermost(&target.statement().sentence);
    let of_key = |key: &Digest| {
        let trusted = [Subject::Key(*key), Subject::Domain(*key)];
        let mut speakers = Vec::new();
        if let Speaker::Key(speaker) = target.speaker() {
            speakers.push(speaker);
        }
        let mut said = &target.statement().sentence;
        while let Sentence::Says { key, sentence } = said {
            speakers.push(*key);
            said = sentence;
        }
        match sentence {
            Sentence::Trusted { subject, .. } | Sentence::SpeaksFor { speaker: subject, .. } => {
                trusted.contains(subject)
            }
            _ => false,
        }
        .max(speakers.contains(key))
    };
    match (thing, sentence) {
        (Subject::Key(key), _) => of_key(key),
        (Subject::Program(_), Sentence::Trusted { subject, .. }) => subject == thing,
        (Subject::Measurement(gone), Sentence::Trusted { subject: Subject::Measurement(trusted), .. }) => {
            gone.kind == trusted.kind && gone.registers.iter().all(|one| trusted.registers.contains(one))
        }
        _ => false,
    }
}

/// What a sentence names of what limits may be about. Attestation of no kind in particular is of a kind that no limit has.
fn named(sentence: &Sentence, what: &str) -> Vec<String> {
    let mut named = Vec::new();
    if let Sentence::HasProperty { subject, name, .. } = sentence {
        named.push(("name", name.clone()));
        if let Subject::Hardware(kind, _) = subject {
            named.push(("kind", kind.to_string()));
        }
    }
    if let Sentence::Floor(release) = sentence {
        named.push(("line", release.line.clone()));
    }
    if let Sentence::Trusted { subject, purpose } = sentence {
        match subject {
            Subject::Measurement(measurement) => named.push(("kind", measurement.kind.to_string())),
            Subject::Platform(rule) => named.push(("kind", rule.kind.to_string())),
            _ => {}
        }
        match purpose {
            Purpose::Attestation(kind) => named.push(("kind", kind.map_or("any".to_owned(), |kind| kind.to_string()))),
            Purpose::Execution(Some(release)) => named.push(("line", release.line.clone())),
            _ => {}
        }
    }
    named.into_iter().filter(|(of, _)| *of == what).map(|(_, name)| name).collect()
}

/// Whether limits lie within others.
pub(crate) fn narrows(inner: &Limits, outer: &Limits) -> bool {
    fn within<T: PartialEq>(inner: &Option<Vec<T>>, outer: &Option<Vec<T>>) -> bool {
        match (inner, outer) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(inner), Some(outer)) => inner.iter().all(|name| outer.contains(name)),
        }
    }
    within(&inner.kinds, &outer.kinds)
        && within(&inner.properties, &outer.properties)
        && within(&inner.releases, &outer.releases)
}

/// Whom a sentence lets publish measurements, how deep, and within which limits.
fn publishing(sentence: &Sentence) -> Option<(&Subject, u16, Option<&Limits>)> {
    match sentence {
        Sentence::Trusted { subject, purpose: Purpose::Publishing { topic: Topic::Measurements, depth, limits } } => {
            Some((subject, *depth, limits.as_deref()))
        }
        _ => None,
    }
}

/// The key that says it in the end.
fn last(said: &Said) -> Option<Digest> {
    let Speaker::Key(mut key) = said.speaker() else { return None };
    let mut sentence = &said.statement().sentence;
    while let Sentence::Says { key: next, sentence: inner } = sentence {
        (key, sentence) = (*next, inner);
    }
    Some(key)
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
        Sentence::Distrusts(_) | Sentence::Revokes(_) => Some(Topic::Revocations),
        _ => None,
    }
}
