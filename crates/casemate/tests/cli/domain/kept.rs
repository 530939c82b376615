//! Evidence that real brokers judged: what another domain would say of it, and the proof by which it was believed.

use std::fs;

use serde_json::{Value, json};

use crate::{party::Party, study::Study};

/// A domain of the clinic's with one text for another.
fn changed(clinic: &Party, from: &str, to: &str) -> String {
    let text = fs::read_to_string(clinic.join("state/domain.toml")).unwrap();
    assert!(text.contains(from), "`{from}` is not in:\n{text}");
    clinic.write("changed.toml", text.replacen(from, to, 1))
}

#[test]
fn what_the_broker_saw_is_judged_under_another_domain_and_proved_under_its_own() {
    let study = Study::signed("domain-kept");
    let clinic = &study.clinic;
    let before = clinic.expect(&["domain", "diff", "state/domain.toml", "state/domain.toml"]);
    assert_eq!(before["judged"], json!([]), "nothing was seen");
    let brokers = study.brokers();
    assert_eq!(study.run().code, Some(0));
    // A keep that the clinic does not accept: its domain names another runtime.
    let honest = fs::read_to_string(clinic.join("state/domain.toml")).unwrap();
    let digest = honest.split("digest = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let other = format!("sha256:{}", "42".repeat(32));
    clinic.write("state/domain.toml", honest.replace(&digest, &other));
    study.run().refused(&["domain-runtime"]);
    clinic.write("state/domain.toml", &honest);
    drop(brokers);

    let stricter = changed(clinic, &digest, &other);
    let answer = clinic.expect(&["domain", "diff", "state/domain.toml", &stricter]);
    assert_eq!(answer["changed"], 2, "{answer:#}");
    let verdicts = |place: usize| {
        let judged = &answer["judged"][place];
        let word = |what: &Value| what["verdict"].as_str().unwrap().to_owned();
        (word(&judged["broker"]), word(&judged["old"]), word(&judged["new"]), judged["broker"]["state"].clone())
    };
    // The newest first: what was denied then would have been accepted by the domain of now.
    let words = |words: [&str; 3], state: Value| (words[0].to_owned(), words[1].to_owned(), words[2].to_owned(), state);
    assert_eq!(verdicts(0), words(["denied", "accepted", "denied"], Value::Null), "{answer:#}");
    assert_eq!(verdicts(1), words(["accepted", "accepted", "denied"], json!("permitted")), "{answer:#}");
    let accepted = &answer["judged"][1];
    assert_eq!(accepted["new"]["reasons"][0]["rule"], "domain-runtime");
    assert_eq!(accepted["broker"]["endorsements"], "software");
    let run = accepted["broker"]["run"].as_str().unwrap().to_owned();
    let mut people = clinic.people(&["domain", "diff", "state/domain.toml", &stricter]);
    let said = String::from_utf8(people.output().unwrap().stdout).unwrap();
    for part in [
        "2 of 2 pieces of evidence would be judged differently",
        &format!("run {run} of cohort, contract "),
        "and which is permitted: accepted, then denied",
    ] {
        assert!(said.contains(part), "`{part}` is not in {said}");
    }
    // Of what was denied there is no proof, and no success.
    let denied = answer["judged"][0]["broker"]["run"].as_str().unwrap();
    let answer = clinic.call(&["proof", "kept", denied]);
    assert_eq!((answer.code, &answer.json["kept"][0]["holds"]), (Some(1), &json!(false)), "{answer:?}");
    proved(&study, accepted, &stricter);
    damaged(clinic, accepted, &stricter);
}

/// One bit of what was kept is another: it is named, and not taken for evidence of which nothing changes.
fn damaged(clinic: &Party, accepted: &Value, stricter: &str) {
    let digest = accepted["evidence"].as_str().unwrap();
    let short = digest.split(':').nth(1).unwrap().get(..12).unwrap();
    let evidence = fs::read(clinic.join(&format!("proofs/{short}.evidence"))).unwrap();
    let mut database = fs::read(clinic.join("state/state.db")).unwrap();
    let part = &evidence[evidence.len() - 32..];
    let found = database.windows(part.len()).position(|bytes| bytes == part).unwrap();
    database[found + 31] ^= 1;
    clinic.write("state/state.db", database);
    let answer = clinic.call(&["domain", "diff", "state/domain.toml", stricter]);
    assert_eq!(
        (answer.code, &answer.json["changed"], &answer.json["unjudged"]),
        (Some(1), &json!(1), &json!(0)),
        "{answer:?}"
    );
    assert_eq!(answer.json["damaged"][0]["evidence"], digest);
    assert_eq!(answer.json["damaged"][0]["run"], accepted["broker"]["run"]);
}

/// The proof by which the clinic's broker believed the keep of `accepted`.
fn proved(study: &Study, accepted: &Value, stricter: &str) {
    let (clinic, run) = (&study.clinic, accepted["broker"]["run"].as_str().unwrap());
    let proved = clinic.expect(&["proof", "kept", run, "--out", "proofs"]);
    assert_eq!(
        (&proved["kept"][0]["holds"], proved["kept"].as_array().unwrap().len()),
        (&json!(true), 1),
        "{proved:#}"
    );
    let file = |place: usize| proved["kept"][0]["written"][place].as_str().unwrap().to_owned();
    let evidence = fs::read(clinic.join(&file(0))).unwrap();
    assert_eq!(casemate_cose::Digest::of(&evidence).to_string(), accepted["evidence"].as_str().unwrap());
    assert_eq!(clinic.expect(&["domain", "show", &file(3)])["digest"], accepted["broker"]["domain"]);
    // Anybody checks it, with what was written out and nothing of the broker's; who has no part in the study, too.
    let at = accepted["at"].to_string();
    let stranger = Party::new(study.folder.path(), "stranger");
    let [evidence, proof, session, domain] = [0, 1, 2, 3].map(|place| clinic.join(&file(place)).display().to_string());
    let check = |more: &[&str]| {
        let args = ["proof", "check", &proof, "--evidence", &evidence, "--domain", &domain, "--at", &at];
        stranger.call(&[&args, more].concat())
    };
    let checked = check(&["--session", &session]);
    assert_eq!((checked.code, &checked.json["holds"]), (Some(0), &json!(true)), "{checked:?}");
    // Of another session, key or nonce it is not, and without one nobody can say for whom the evidence was made.
    let text = fs::read_to_string(&session).unwrap();
    for (word, with) in [("nonce", "\"42"), ("exporter", "\"42"), ("keep", "\"sha256:42"), ("broker", "\"sha256:42")] {
        let line = text.lines().find(|line| line.starts_with(word)).unwrap();
        let (name, value) = line.split_once(" = ").unwrap();
        let other = format!("{name} = {with}{}", &value[with.len()..]);
        assert_ne!(line, other);
        stranger.write("other.session", text.replace(line, &other));
        check(&["--session", "other.session"]).refused(&["evidence-binding"]);
    }
    stranger.write("other.session", "nonce = \"00\"\n");
    check(&["--session", "other.session"]).fails(2, &["is no session"]);
    let refused = check(&["--dangerously-unbound"]);
    refused.refused(&["proof-check"]);
    assert!(refused.json["reasons"][0]["remedy"].as_str().unwrap().contains("--session"), "{refused:?}");
    assert_eq!(check(&["--session", &session, "--dangerously-unbound"]).code, Some(2));
    assert_eq!(check(&[]).code, Some(2));
    clinic.call(&["proof", "kept", run, "--domain", stricter]).fails(2, &["the broker went by the domain"]);
    clinic.call(&["proof", "kept", &"00".repeat(16)]).fails(2, &["nothing is kept of the run"]);
    // Its runner has a broker's record of nothing.
    study.researcher.call(&["proof", "kept", run]).fails(2, &["nothing is kept of the run"]);
}
