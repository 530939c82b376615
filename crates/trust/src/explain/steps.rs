//! A proof as an account: one step of the account for each of the proof, and one for each component of the evidence.

use casemate_cose::Digest;

use super::{Account, Entry, Part, names::Names};
use crate::{
    proof::{Proof, Rule, Step},
    statement::{Sentence, Subject},
};

/// The account of a proof. It says what the proof says: whether that is so, [`check`](crate::proof::check) says.
pub(super) fn account(proof: &Proof, names: &Names) -> Account {
    let mut entries: Vec<Entry> = Vec::new();
    // Where each step of the proof went.
    let mut places: Vec<usize> = Vec::new();
    let mut told = vec![None; names.components().len()];
    for (number, step) in proof.steps.iter().enumerate() {
        let premises = step.premises.iter().filter_map(|premise| usize::try_from(*premise).ok());
        let mut because: Vec<usize> = premises.filter_map(|premise| places.get(premise).copied()).collect();
        if let Some(place) = evidence(step, names, &mut told, &mut entries) {
            because.push(place);
        }
        because.sort_unstable();
        because.dedup();
        let (part, title) = heading(step, names);
        let part = if number + 1 == proof.steps.len() { Part::Conclusion } else { part };
        let text = text(step, names);
        places.push(entries.len());
        entries.push(Entry { part, title, text, dangers: admitted(&step.conclusion), because });
    }
    let under = if names.is_of_domain() { format!(" under the domain of {}", names.owner()) } else { String::new() };
    let doubt = if names.is_checked() { "" } else { ", if it does: nothing of it is checked here" };
    let title = format!("why this holds at {}{under}{doubt}", proof.at);
    let mut notes = Vec::new();
    if names.components().is_empty() {
        notes.push("the evidence was not given: nothing here says what it shows, or for whom it was made".to_owned());
    }
    if !names.is_checked() {
        notes.push("nothing of this proof is checked here".to_owned());
    }
    Account { title, notes, entries }
}

/// What a rule for platforms admits that is refused otherwise.
fn admitted(said: &Sentence) -> Vec<String> {
    match said {
        Sentence::Says { sentence, .. } => admitted(sentence),
        Sentence::Trusted { subject: Subject::Platform(rule), .. } => {
            rule.allow.iter().map(|allowance| format!("allowing `{allowance}`")).collect()
        }
        _ => Vec::new(),
    }
}

/// What the evidence says where a step rests on it: the component that it is about, told once.
fn evidence(step: &Step, names: &Names, told: &mut [Option<usize>], entries: &mut Vec<Entry>) -> Option<usize> {
    let (Rule::Vouch, Sentence::IsEnvironment(place)) = (step.rule, &step.conclusion) else { return None };
    let part = names.components().get(usize::from(*place))?;
    let slot = told.get_mut(usize::from(*place))?;
    if slot.is_none() {
        *slot = Some(entries.len());
        entries.push(Entry {
            part: Part::Evidence,
            title: format!("the evidence says of `{}`", part.name),
            text: part.says.clone(),
            dangers: part.dangers.clone(),
            because: Vec::new(),
        });
    }
    *slot
}

/// Who says a step, or by what it follows.
fn heading(step: &Step, names: &Names) -> (Part, String) {
    match &step.rule {
        Rule::Domain(digest) => {
            let line = names.line(digest).map(|line| format!(", line {line}")).unwrap_or_default();
            (Part::Owner, format!("{} says{line}", owner(digest, names)))
        }
        Rule::Signed(_) => match &step.conclusion {
            Sentence::Says { key, .. } => (Part::Other, format!("{} says, signed", names.key(*key))),
            _ => (Part::Other, "somebody says, signed".to_owned()),
        },
        Rule::Bound => (Part::Evidence, step.rule.words().to_owned()),
        rule => (Part::Follows, rule.words().to_owned()),
    }
}

/// Who says what the domain says: not this one, where it has no such statement.
fn owner<'n>(statement: &Digest, names: &'n Names) -> &'n str {
    if names.is_of_domain() && !names.knows(statement) { "another domain's owner" } else { names.owner() }
}

fn text(step: &Step, names: &Names) -> String {
    let (digest, said) = match (&step.rule, &step.conclusion) {
        (Rule::Domain(digest), said) => (Some(digest), said),
        (Rule::Signed(digest), Sentence::Says { sentence, .. }) => (Some(digest), &**sentence),
        (_, said) => (None, said),
    };
    let words = names.sentence(said);
    let label = digest.and_then(|digest| names.label(digest)).filter(|label| !words.contains(label.as_str()));
    let label = label.map(|label| format!("{label}: ")).unwrap_or_default();
    let absent = digest.filter(|digest| names.is_of_domain() && !names.knows(digest));
    let absent = absent.map(|digest| format!(" (the domain has no such statement: {digest})")).unwrap_or_default();
    let end = digest.and_then(|digest| names.until(digest)).map(|until| format!(", until {until}")).unwrap_or_default();
    format!("{label}{words}{end}{absent}")
}
