//! Two verbs at once on one state folder: one stands still within its work, at the worst step, while the other runs.

use std::sync::{Arc, Mutex};

use casemate_testkit::Folder;

use super::trace::{Traced, Whose, can_trace};
use crate::party::{Answer, Party};

const TABLE: &str = "id,age\n1,50\n2,60\n";

fn party(folder: &Folder) -> Party {
    let party = Party::new(folder.path(), "clinic");
    party.expect(&["init", "--name", "clinic", "--address", "127.0.0.1:7701"]);
    party.write("ages.csv", TABLE);
    party.expect(&["dataset", "seal", "ages.csv", "--entity", "id"]);
    party
}

/// Runs `verb`, and `other` while it stands before its first step that begins with `what`. Its exit code, the other's answer.
fn at_once(party: &Party, verb: &[&str], what: &str, other: &[&str]) -> (Option<i32>, Answer) {
    let calm = Traced::start(party.command(verb), Whose::Own, None).wait();
    assert_eq!(calm.code, Some(0), "{calm:?}");
    let place = calm.steps.iter().find(|step| step.what.starts_with(what)).expect(what).clone();
    let answer = Arc::new(Mutex::new(None));
    let (told, other) = (Arc::clone(&answer), party.command(other));
    let meanwhile = move || *told.lock().unwrap() = Some(Answer::of(other));
    let end = Traced::paused(party.command(verb), place, meanwhile).wait();
    assert!(end.is_hit);
    (end.code, answer.lock().unwrap().take().unwrap())
}

/// All that was sealed opens.
fn opens(party: &Party) {
    for dataset in party.expect(&["dataset", "list"])["datasets"].as_array().unwrap() {
        let name = dataset["name"].as_str().unwrap();
        if dataset["standing"] == "current" {
            party.expect(&["dataset", "open", name, "--out", &format!("{name}.opened")]);
        }
    }
}

#[test]
fn what_is_sealed_within_a_rotation_is_not_lost() {
    if !can_trace("a seal within a rotation of keys") {
        return;
    }
    let folder = Folder::new("together-rotate");
    let party = party(&folder);
    party.write("later.csv", TABLE);
    let seal = ["dataset", "seal", "later.csv", "--entity", "id"];
    let (rotated, other) = at_once(&party, &["key", "rotate"], "link to state/keys.age.next", &seal);
    assert_eq!(rotated, Some(0));
    opens(&party);
    other.fails(3, &["another `casemate key` uses this state folder, pid", "wait"]);
}

#[test]
fn what_is_sealed_around_a_rotation_is_not_lost() {
    if !can_trace("a rotation of keys within a seal") {
        return;
    }
    let folder = Folder::new("together-seal");
    let party = party(&folder);
    let seal = ["dataset", "seal", "ages.csv", "--entity", "id"];
    let (sealed, other) = at_once(&party, &seal, "write datasets/", &["key", "rotate"]);
    assert_eq!(sealed, Some(0));
    opens(&party);
    other.fails(3, &["another `casemate key` uses this state folder", "wait until no other `casemate` works"]);
}
