//! What is done twice, or with several of a kind: runs into one folder, hosts of one domain.

use std::fs;

use crate::{
    party::{Party, rules},
    strangers::eve,
    study::Study,
};

#[test]
fn a_run_replaces_no_earlier_ones_result() {
    let study = Study::signed("run-again");
    let researcher = &study.researcher;
    let _brokers = study.brokers();
    let run = |out: &[&str]| researcher.call(&[&["run", "study.contract", "--data", "."][..], out].concat());
    let first = run(&["--out", "results"]);
    assert_eq!(first.code, Some(0), "{first:?}");
    let kept =
        ["results/researcher.result", "results/run.receipt"].map(|path| fs::read(researcher.join(path)).unwrap());
    let second = run(&["--out", "results"]);
    second.fails(2, &["`results` holds what an earlier run left", "another folder with --out"]);
    assert!(rules(&second.json).is_empty());
    let after =
        ["results/researcher.result", "results/run.receipt"].map(|path| fs::read(researcher.join(path)).unwrap());
    assert_eq!(kept, after);
    // Either file alone keeps another run out.
    for file in ["researcher.result", "run.receipt"] {
        fs::create_dir(researcher.join("half")).unwrap();
        researcher.write(&format!("half/{file}"), "of an earlier run");
        run(&["--out", "half"]).fails(2, &["`half` holds"]);
        fs::remove_dir_all(researcher.join("half")).unwrap();
    }
    // Without --out each has a folder of its own; with other things in it, a folder is as good as an empty one.
    let own = [run(&[]), run(&[])].map(|answer| {
        assert_eq!(answer.code, Some(0), "{answer:?}");
        answer.text("receipt")
    });
    assert_ne!(own[0], own[1]);
    fs::create_dir(researcher.join("notes")).unwrap();
    researcher.write("notes/thesis.txt", "years of work");
    assert_eq!(run(&["--out", "notes"]).code, Some(0));
    assert!(researcher.join("notes/run.receipt").exists() && researcher.join("notes/thesis.txt").exists());
}

#[test]
fn a_domain_of_several_hosts() {
    let study = Study::sealed("hosts");
    let clinic = &study.clinic;
    let eve = eve(&study, "eve");
    fs::remove_file(clinic.join("state/domain.toml")).unwrap();
    let launcher = |party: &Party| party.expect(&["key", "card"])["launcher"].as_str().unwrap().to_owned();
    clinic.call(&["domain", "init", "--host", "../eve.card", "--host", "../eve.card"]).fails(2, &[]);
    clinic.call(&["domain", "init", "--host", "../eve.card", "--host", "gone.card"]).fails(2, &["gone.card"]);
    assert!(!clinic.join("state/domain.toml").exists(), "half of what was named is nothing");
    clinic.expect(&["domain", "init", "--host", "../researcher.card", "--host", "../eve.card"]);
    let text = fs::read_to_string(clinic.join("state/domain.toml")).unwrap();
    for party in [&study.researcher, &eve] {
        assert!(text.contains(&launcher(party)), "{text}");
    }
    assert!(text.contains("host of researcher") && text.contains("host of eve"), "{text}");
    assert!(clinic.call(&["domain", "init"]).code == Some(2), "nobody is believed by default");
}
