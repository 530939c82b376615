//! Proofs and denials as people read them: numbered sentences, or a picture of who said what and what followed.

mod layout;
mod names;
mod picture;
mod steps;

use std::fmt::Write as _;

use thiserror::Error;

pub use names::Names;

use crate::{Reason, printable::printable, proof::Proof};

/// Whether these bytes begin as a picture of an account does.
#[must_use]
pub fn is_picture(bytes: &[u8]) -> bool {
    picture::is_picture(bytes)
}

/// The most steps that are drawn: more are no picture.
pub const PICTURE_STEPS_MAX: usize = 400;

/// Why something was accepted or denied, step by step. Each step names the earlier ones that it follows from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    title: String,
    /// What a reader must not overlook.
    notes: Vec<String>,
    entries: Vec<Entry>,
}

/// One step.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Entry {
    part: Part,
    /// Who says it, or by what it follows.
    title: String,
    text: String,
    /// What of it is dangerous, each in a few words of Casemate's own: no label of others stands beside them.
    dangers: Vec<String>,
    /// The places of the steps that it follows from.
    because: Vec<usize>,
}

/// What a step is to the whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    Conclusion,
    Denied,
    Evidence,
    Follows,
    Other,
    Owner,
    Unmet,
}

impl Part {
    const ALL: [Self; 7] =
        [Self::Owner, Self::Other, Self::Evidence, Self::Follows, Self::Unmet, Self::Conclusion, Self::Denied];
}

/// There is no picture of it.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("{steps} steps are more than the {PICTURE_STEPS_MAX} that a picture shows")]
pub struct TooManySteps {
    /// How many there are.
    pub steps: usize,
}

impl Account {
    /// What a proof says. It is not checked here.
    #[must_use]
    pub fn of_proof(proof: &Proof, names: &Names) -> Self {
        steps::account(proof, names)
    }

    /// What is missing, the nearest miss first.
    #[must_use]
    pub fn of_denial(what: &str, unmet: &[Reason]) -> Self {
        let mut entries: Vec<Entry> = unmet
            .iter()
            .map(|reason| Entry {
                part: Part::Unmet,
                title: reason.rule.clone(),
                dangers: Vec::new(),
                text: format!("found {}, where {} is demanded; {}", reason.actual, reason.expected, reason.remedy),
                because: Vec::new(),
            })
            .collect();
        let because = (0..entries.len()).collect();
        let text = match entries.len() {
            0 => "nothing says why".to_owned(),
            1 => "one thing is missing".to_owned(),
            many => format!("{many} things are missing; the first is the nearest miss"),
        };
        entries.push(Entry { part: Part::Denied, title: "denied".to_owned(), text, dangers: Vec::new(), because });
        Self { title: format!("why {what} is denied"), notes: Vec::new(), entries }
    }

    /// The same with what a reader must not overlook: a picture shows it above all else. The account in words leaves it to
    /// [`Self::notes`].
    #[must_use]
    pub fn with_notes(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// What a reader must not overlook.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// In numbered sentences, one a line, without control characters.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = format!("{}\n", printable(&self.title));
        let width = self.entries.len().to_string().len();
        for (place, entry) in self.entries.iter().enumerate() {
            let because =
                if entry.because.is_empty() { String::new() } else { format!("from {}: ", list(&entry.because)) };
            let line = format!("{:>width$}. {}: {because}{}", place + 1, entry.title, entry.text);
            let _ = writeln!(words, "{}", printable(&line));
        }
        words
    }

    /// As an SVG picture: a whole document, the same bytes for the same account, with nothing in it that runs or is fetched.
    ///
    /// # Errors
    /// [`TooManySteps`].
    pub fn picture(&self) -> Result<String, TooManySteps> {
        if self.entries.len() > PICTURE_STEPS_MAX {
            return Err(TooManySteps { steps: self.entries.len() });
        }
        Ok(picture::picture(self))
    }
}

/// "1, 2 and 7".
fn list(places: &[usize]) -> String {
    let numbers: Vec<String> = places.iter().map(|place| (place + 1).to_string()).collect();
    match numbers.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use casemate_cose::{Digest, UnixTime};
    use casemate_evidence::Vendor;

    use super::*;
    use crate::{
        Domain,
        component::Component,
        proof::{Rule, Step},
        statement::{
            Demand, Identities, Kind, Measurement, PlatformRule, Purpose, Register, Sentence, Statement, Subject, Test,
            Value,
        },
    };

    const KEY: [u8; 32] = [7; 32];

    fn measurement() -> Subject {
        let register = Register { name: "measurement".to_owned(), value: vec![0x91; 48] };
        Subject::Measurement(Measurement { kind: Kind::Snp, registers: vec![register] })
    }

    fn platform() -> Subject {
        Subject::Platform(PlatformRule {
            kind: Kind::Snp,
            identities: Identities::AnyGenuineChip,
            demands: vec![Demand {
                property: "reported-tcb.microcode".to_owned(),
                test: Test::AtLeast(Value::Number(0xdb)),
            }],
            allow: BTreeSet::new(),
        })
    }

    fn trusted(subject: Subject, purpose: Purpose) -> Sentence {
        Sentence::Trusted { subject, purpose }
    }

    /// What an owner said, under this label.
    fn said(label: &str) -> [Statement; 3] {
        [
            Statement::always(label, trusted(measurement(), Purpose::Execution(None))),
            Statement::always(label, trusted(platform(), Purpose::Execution(None))),
            Statement::always(label, trusted(Subject::Vendor(Vendor::Amd), Purpose::Attestation(None))),
        ]
    }

    /// A proof that evidence of one component is trusted.
    fn proof(said: &[Statement; 3]) -> Proof {
        let leaf = |statement: &Statement| (Rule::Domain(statement.digest()), vec![], statement.sentence.clone());
        let [what, which, who] = said;
        let key = Subject::Key(Digest::from_bytes(KEY));
        let bound = Sentence::SpeaksFor { speaker: key.clone(), principal: Subject::Environment(0) };
        let steps = vec![
            leaf(what),
            leaf(which),
            leaf(who),
            (Rule::Vouch, vec![2], Sentence::IsEnvironment(0)),
            (Rule::PlatformMeets, vec![3, 1], Sentence::PlatformTrusted(0)),
            (Rule::Measured, vec![3, 0], Sentence::MeasurementTrusted(0)),
            (Rule::Compose, vec![4, 5], trusted(Subject::Environment(0), Purpose::Execution(None))),
            (Rule::Whole, vec![6], Sentence::EvidenceTrusted),
            (Rule::Bound, vec![], bound),
            (Rule::Authenticate, vec![7, 8], trusted(key, Purpose::KeyProvision)),
        ];
        let steps = steps.into_iter().map(|(rule, premises, conclusion)| Step { rule, premises, conclusion });
        Proof { at: UnixTime(1_780_000_000), steps: steps.collect() }
    }

    fn component() -> Component {
        Component {
            name: "cpu".to_owned(),
            kind: Kind::Snp,
            attester: Subject::Vendor(Vendor::Amd),
            identity: Some(vec![0xc0; 64]),
            properties: vec![],
            registers: vec![("measurement".to_owned(), vec![0x91; 48])],
            dangers: BTreeSet::new(),
        }
    }

    #[test]
    fn a_proof_in_words() {
        let said = said("Milan");
        let domain = Domain::of("clinic", 0, said.to_vec(), vec![], vec![]).unwrap();
        let names = Names::of_domain(&domain).with_evidence(&[component()]).checked();
        let words = Account::of_proof(&proof(&said), &names).words();
        let lines: Vec<&str> = words.lines().collect();
        assert_eq!(
            lines,
            [
                "why this holds at 2026-05-28T20:26:40Z under the domain of clinic",
                " 1. clinic says: `Milan`: what runs on `snp` with `measurement` 9191919191919191… may run what is secret",
                " 2. clinic says: `Milan`: any genuine `snp` platform with `reported-tcb.microcode` at least 0xdb may carry what is secret",
                " 3. clinic says: `Milan`: vendor `amd` may say what is genuine",
                " 4. the evidence says of `cpu`: a platform `snp` c0c0c0c0c0c0c0c0…, in the word of vendor `amd`; what runs has `measurement` 9191919191919191…",
                " 5. its attester is believed: from 3 and 4: `cpu` is genuine",
                " 6. it meets what is demanded: from 2 and 5: the platform of `cpu` is trusted",
                " 7. what runs is what is trusted: from 1 and 5: what runs on `cpu` is trusted",
                " 8. platform and what runs, both: from 6 and 7: `cpu` may run what is secret",
                " 9. all components are trusted: from 8: the evidence is trusted as a whole",
                "10. the evidence is bound to it: key 070707070707 speaks for `cpu`",
                "11. the evidence is bound to its key: from 9 and 10: key 070707070707 may be given keys",
            ]
        );
    }

    #[test]
    fn a_proof_alone_is_told_by_digests_and_believed_by_nobody() {
        let words = Account::of_proof(&proof(&said("Milan")), &Names::none()).words();
        assert!(
            words.starts_with("why this holds at 2026-05-28T20:26:40Z, if it does: nothing of it is checked here\n")
        );
        assert!(words.contains("1. the domain's owner says: what runs on `snp` with"), "{words}");
        assert!(words.contains("component 0 is genuine"), "{words}");
    }

    /// A domain that says none of it: that it holds is nobody's word, and each statement that is not there is named.
    #[test]
    fn under_a_domain_nothing_holds_that_was_not_checked() {
        let said = said("Milan");
        let other = Domain::of("bank", 0, vec![said[2].clone()], vec![], vec![]).unwrap();
        let words = Account::of_proof(&proof(&said), &Names::of_domain(&other)).words();
        let title = words.lines().next().unwrap();
        assert!(title.ends_with("under the domain of bank, if it does: nothing of it is checked here"), "{title}");
        let absent = format!("(the domain has no such statement: {})", said[0].digest());
        assert!(words.contains("1. another domain's owner says: ") && words.contains(&absent), "{words}");
        assert!(words.contains("3. bank says: ") && words.matches("has no such statement").count() == 2, "{words}");
    }

    #[test]
    fn premises_that_lead_nowhere_are_passed_over() {
        let mut wild = proof(&said("Milan"));
        for (step, premise) in wild.steps.iter_mut().zip([u32::MAX, 900, 2, 3, 4, 5, 6, 7, 8, 9]) {
            step.premises = vec![premise];
        }
        let account = Account::of_proof(&wild, &Names::none());
        assert!(
            account
                .entries
                .iter()
                .enumerate()
                .all(|(place, entry)| entry.because.iter().all(|because| *because < place))
        );
        account.picture().unwrap();
    }

    #[test]
    fn more_steps_than_a_picture_shows() {
        let mut long = proof(&said("Milan"));
        let last = long.steps.last().unwrap().clone();
        long.steps.resize(PICTURE_STEPS_MAX + 1, last);
        let account = Account::of_proof(&long, &Names::none());
        assert_eq!(account.picture(), Err(TooManySteps { steps: PICTURE_STEPS_MAX + 1 }));
        assert_eq!(account.words().lines().count(), PICTURE_STEPS_MAX + 2);
    }

    #[test]
    fn a_denial_in_words() {
        let unmet = [
            Reason::new("platform-property", "at least 0xdb", "microcode 0xd5", "update the host's firmware"),
            Reason::new("measurement", "one of 2", "9191…", "run another\u{202e} release"),
        ];
        let account = Account::of_denial("report.bin", &unmet);
        assert_eq!(
            account.words(),
            "why report.bin is denied\n\
             1. platform-property: found microcode 0xd5, where at least 0xdb is demanded; update the host's firmware\n\
             2. measurement: found 9191…, where one of 2 is demanded; run another\u{fffd} release\n\
             3. denied: from 1 and 2: 2 things are missing; the first is the nearest miss\n"
        );
        assert!(account.picture().unwrap().contains("so not"));
    }
}
