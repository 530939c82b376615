//! Delegation: a release team signs what may run, a clinic lets it, until a day or until somebody revokes it.

use std::fs;

use casemate_cose::UnixTime;
use casemate_testkit::{Folder, NOW};
use serde_json::Value;

use super::{World, casemate, printed};
use crate::party::{Answer, Party};

/// The next day, at which the certificates still hold.
const LATER: UnixTime = UnixTime(NOW.0 + 80_000);

/// The day of a time, as `domain.toml` has it.
fn day(time: UnixTime) -> String {
    time.to_string().chars().take(10).collect()
}

/// A clinic whose domain names no measurement and lets a release team publish them.
struct Delegated {
    world: World,
    team: Party,
}

impl Delegated {
    fn new(name: &str, until: &str) -> Self {
        let world = World::new(name);
        let team = Party::new(world.path(), "team");
        let key = team.expect(&["init", "--name", "team"])["identity"].as_str().unwrap().to_owned();
        let text = world.text("domain.toml");
        let start = text.find("[[runtime]]").unwrap();
        let end = text[start + 1..].find("\n[").map_or(text.len(), |end| start + 2 + end);
        let runtime = format!("{}\nuntil = {until}\n", text[start..end].trim_end());
        team.write("runtime.toml", runtime);
        let delegate = format!(
            "\n[[delegate]]\nname = \"release team\"\nkey = \"{key}\"\nmay_publish = [\"measurements\"]\nuntil = 2030-01-01\n"
        );
        let text = format!("{}{}{delegate}", &text[..start], &text[end..]);
        world.folder.write("domain.toml", text).unwrap();
        Self { world, team }
    }

    /// What the team signs and the clinic takes over: the statement's digest.
    fn publish(&self) -> String {
        let said = self.team.expect(&["domain", "say", "runtime.toml", "--out", "runtime.statement"]);
        let digest = said["statements"][0]["digest"].as_str().unwrap().to_owned();
        let import = ["domain", "import", "statement", "team/runtime.statement", "--into", "domain.toml"];
        let imported = casemate(self.world.path(), &import);
        assert_eq!((imported.code, &imported.json["warnings"]), (Some(0), &serde_json::json!([])), "{imported:?}");
        assert_eq!(imported.json["statement"]["digest"], digest.as_str());
        digest
    }

    fn appraise_at(&self, at: UnixTime) -> Answer {
        let at = at.0.to_string();
        let mut args = vec!["appraise", "report.bin", "--domain", "domain.toml", "--dangerously-unbound"];
        args.extend(["--endorsements", "certificates", "--trust-root", "amd=root.der", "--at", &at]);
        casemate(self.world.path(), &args)
    }
}

#[test]
fn what_a_release_team_signs_counts_until_its_end() {
    assert_ne!(day(NOW), day(LATER));
    let clinic = Delegated::new("said-until", &day(NOW));
    clinic.appraise_at(NOW).refused(&["domain-runtime"]);
    let digest = clinic.publish();
    let accepted = clinic.appraise_at(NOW);
    assert_eq!(accepted.code, Some(0), "{accepted:?}");
    assert!(super::account(&accepted.json).contains("believed, since it may publish that"), "{accepted:?}");
    let ended = clinic.appraise_at(LATER);
    ended.refused(&["domain-lapsed"]);
    assert!(ended.json["reasons"][0]["actual"].to_string().contains("expired"), "{ended:?}");
    // Twice is once too often.
    let again = ["domain", "import", "statement", "team/runtime.statement", "--into", "domain.toml"];
    casemate(clinic.world.path(), &again).fails(2, &["holds the statement", &digest]);
    // Its digest is told where somebody wants to revoke it.
    let shown = casemate(clinic.world.path(), &["domain", "show", "domain.toml"]);
    let statements = shown.json["statements"].as_array().unwrap();
    assert!(statements.iter().any(|said| said["digest"] == digest.as_str() && said["speaker"] != "owner"), "{shown:?}");
    let (_, said, _) = printed(clinic.world.path(), &["domain", "show", "domain.toml", "--digests"]);
    assert!(said.contains(&digest), "{said}");
    let (_, said, _) = printed(clinic.world.path(), &["domain", "show", "domain.toml"]);
    assert!(!said.contains(&digest), "{said}");
    let explained = casemate(clinic.world.path(), &["explain", "team/runtime.statement"]);
    assert_eq!((explained.code, explained.text("kind")), (Some(0), "signed statement".to_owned()), "{explained:?}");
}

#[test]
fn what_was_revoked_counts_no_more() {
    let clinic = Delegated::new("said-revoked", "2030-01-01");
    let digest = clinic.publish();
    assert_eq!(clinic.appraise_at(NOW).code, Some(0));
    // By the owner.
    let text = clinic.world.text("domain.toml");
    clinic.world.folder.write("domain.toml", format!("{text}\n[[revoke]]\nstatement = \"{digest}\"\n")).unwrap();
    clinic.appraise_at(NOW).refused(&["domain-revoked"]);
    // By the team itself.
    clinic.world.folder.write("domain.toml", &text).unwrap();
    assert_eq!(clinic.appraise_at(NOW).code, Some(0));
    clinic.team.write("revoke.toml", format!("[[revoke]]\nstatement = \"{digest}\"\n"));
    clinic.team.expect(&["domain", "say", "revoke.toml", "--out", "revoke.statement"]);
    let import = ["domain", "import", "statement", "team/revoke.statement", "--into", "domain.toml"];
    assert_eq!(casemate(clinic.world.path(), &import).code, Some(0));
    clinic.appraise_at(NOW).refused(&["domain-revoked"]);
}

#[test]
fn what_can_not_be_said_is_not_signed() {
    let clinic = Delegated::new("said-wrong", "2030-01-01");
    for (text, part) in [
        ("[domain]\nowner = \"team\"\n", "domain"),
        ("", "says nothing"),
        ("[[runtime]]\nname = \"r\"\nsurprise = 1\n", "surprise"),
    ] {
        clinic.team.write("wrong.toml", text);
        let answer = clinic.team.call(&["domain", "say", "wrong.toml", "--out", "wrong.statement"]);
        answer.fails(2, &[part]);
        assert!(!clinic.team.join("wrong.statement").exists());
    }
    clinic.team.expect(&["domain", "say", "runtime.toml", "--out", "runtime.statement"]);
    let mut forged = fs::read(clinic.team.join("runtime.statement")).unwrap();
    *forged.last_mut().unwrap() ^= 1;
    clinic.world.folder.write("forged.statement", forged).unwrap();
    let import = ["domain", "import", "statement", "forged.statement", "--into", "domain.toml"];
    casemate(clinic.world.path(), &import).fails(2, &["is no signed statement"]);

    // A stranger's word counts for nothing, and that is told.
    let stranger = Party::new(clinic.world.path(), "stranger");
    stranger.expect(&["init", "--name", "stranger"]);
    stranger.write("runtime.toml", fs::read(clinic.team.join("runtime.toml")).unwrap());
    stranger.expect(&["domain", "say", "runtime.toml", "--out", "runtime.statement"]);
    let import = ["domain", "import", "statement", "stranger/runtime.statement", "--into", "domain.toml"];
    let imported = casemate(clinic.world.path(), &import);
    assert!(imported.json["warnings"].to_string().contains("no `[[delegate]]` names it"), "{imported:?}");
    assert_ne!(imported.json["digest"], Value::Null);
    assert_eq!(clinic.appraise_at(NOW).code, Some(1));
}

/// A domain of which nobody can compute what follows: more revoked measurements against more runtimes than are compared.
fn entangled() -> String {
    let value = "00".repeat(48);
    let registers = |of: u32| -> Vec<String> {
        (0..16).filter(|place| of & (1 << place) != 0).map(|place| format!("pcr{place} = \"{value}\"")).collect()
    };
    let revoked = (0..1_u32 << 14).filter(|of| (2..=4).contains(&of.count_ones())).map(|of| of | 1 << 15);
    let revoked: Vec<String> =
        revoked.map(|of| format!("[[revoke]]\nnitro = {{ {} }}\n", registers(of).join(", "))).collect();
    let all = registers((1 << 14) - 1).join(", ");
    let runtimes = (0..(1 << 22) / revoked.len() + 1)
        .map(|place| format!("[[runtime]]\nname = \"r{place}\"\nnitro = {{ {all}, pcr14 = \"{place:096x}\" }}\n"));
    let head = "[domain]\nowner = \"clinic\"\n\n[[platform]]\nname = \"p\"\nkind = \"nitro\"\n";
    format!("{head}{}{}", revoked.concat(), runtimes.collect::<String>())
}

#[test]
fn an_import_that_fails_writes_nothing() {
    let folder = Folder::new("said-entangled");
    let team = Party::new(folder.path(), "team");
    team.expect(&["init", "--name", "team"]);
    team.write("floor.toml", "[[floor]]\nrelease = \"guest\"\nversion = 2\n");
    team.expect(&["domain", "say", "floor.toml", "--out", "floor.statement"]);
    let before = entangled();
    folder.write("domain.toml", &before).unwrap();
    let import = ["domain", "import", "statement", "team/floor.statement", "--into", "domain.toml"];
    casemate(folder.path(), &import).fails(2, &["too entangled", "nothing was written"]);
    assert!(fs::read_to_string(folder.join("domain.toml")).unwrap() == before, "it was written");
}

/// Two statements make two files: one that may not be written, and neither is.
#[test]
fn all_statements_are_written_or_none() {
    let folder = Folder::new("said-numbered");
    let team = Party::new(folder.path(), "team");
    team.expect(&["init", "--name", "team"]);
    let two = "[[floor]]\nrelease = \"guest\"\nversion = 2\n[[floor]]\nrelease = \"loader\"\nversion = 3\n";
    team.write("floors.toml", two);
    team.write("floor.toml", two.split_inclusive("= 2\n").next().unwrap());
    team.write("s.2", "notes of a person");
    let say = |file: &str| team.call(&["domain", "say", file, "--out", "s"]);
    say("floors.toml").fails(2, &["`s.2` exists and is no signed statement"]);
    assert!(!team.join("s").exists());
    fs::remove_file(team.join("s.2")).unwrap();
    let said = team.expect(&["domain", "say", "floors.toml", "--out", "s"]);
    assert_eq!((&said["statements"][0]["path"], &said["statements"][1]["path"]), (&"s".into(), &"s.2".into()));
    let told = team.people(&["domain", "say", "floor.toml", "--out", "s"]).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("note: `s.2` is there from before"), "{told}");
}
