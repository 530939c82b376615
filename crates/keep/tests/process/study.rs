//! A whole study between the real launcher, the real keep and brokers that misbehave in one way each.

use casemate_keep::ResultFile;
use casemate_launch::{Dataset, Outcome, Spec};
use casemate_query::to_csv;

use crate::{
    launcher::run,
    owners::{Crime, Study},
};
use casemate_contract::{Output, ResultBody, RunBundle};
use casemate_cose::Digest;

/// How a launcher commits its crime.
struct Commit(fn(&Study, &mut Spec));

/// The rule by which the run is refused, and whose refusal it is.
fn refused(spec: Spec) -> (String, Option<String>) {
    match run(spec) {
        Ok(Outcome::Refused { owner, reasons, .. }) => (reasons[0].rule.clone(), owner),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_result_leaves_for_its_recipient_with_its_proofs() {
    let study = Study::new();
    let Outcome::Done { results, bundle, .. } = run(study.spec([Crime::None, Crime::None])).unwrap() else {
        panic!("refused")
    };
    assert_eq!(results.iter().map(|result| result.party.as_str()).collect::<Vec<_>>(), ["researcher"]);
    let mut content = Vec::new();
    casemate_seal::blob::open(results[0].file.as_slice(), &mut content, &study.recipient_secret()).unwrap();
    let file = ResultFile::from_bytes(&content).unwrap();
    assert_eq!(file.bundle, bundle);
    let bundle = RunBundle::from_bytes(&bundle).unwrap();
    let body = ResultBody::verify(&file.result, &bundle.keep_key).unwrap();
    // 40 patients; every second one is ill; the measurement is the patient's number.
    let Output::Table(table) = &body.output else { panic!("no table") };
    assert_eq!(to_csv(table).unwrap(), "diagnosis,patients,mean\nhealthy,20,19.0\nill,20,20.0\n");
    assert_eq!(bundle.brokers.len(), 2);
    assert!(body.gates.iter().all(|gate| gate.passed));
    assert_eq!(study.released(), 2);
}

#[test]
fn one_brokers_crime_ends_the_run_for_all() {
    for (crime, rule, owner, released) in [
        (Crime::AnotherKey, "broker-key", Some("registry"), 0),
        (Crime::RefuseToDecide, "test-refusal", Some("registry"), 0),
        (Crime::HangUp, "broker-connection", Some("registry"), 0),
        (Crime::ChallengeOfAnotherOwner, "broker-challenge", Some("registry"), 0),
        (Crime::ClockBehind, "broker-clocks", None, 0),
        (Crime::DecisionOfAnotherRun, "peer-differs", None, 0),
        (Crime::NoKey, "broker-keys", Some("registry"), 1),
        (Crime::KeyOfAnothersDataset, "broker-keys", Some("registry"), 2),
        (Crime::WrongKey, "sealed-file", None, 2),
        (Crime::RefuseToPermit, "test-refusal", Some("registry"), 2),
        (Crime::PermitOfAnotherResult, "permit", Some("registry"), 2),
        (Crime::PermitOfOtherMemory, "permit", Some("registry"), 2),
    ] {
        let study = Study::new();
        let (actual, whose) = refused(study.spec([Crime::None, crime]));
        let rule_is_it = actual == rule || (crime == Crime::WrongKey && actual.contains("seal"));
        assert!(rule_is_it && whose.as_deref() == owner, "{crime:?}: {actual} by {whose:?}");
        assert!(study.released() <= released, "{crime:?}: {} brokers released", study.released());
    }
}

#[test]
fn a_launcher_that_hands_over_something_else_is_refused_before_any_broker_is_asked() {
    let crimes: [(&str, &str, Commit); 7] = [
        ("the query changed by one byte", "program-digest", Commit(|_, spec| spec.program[0] ^= 1)),
        ("a signature removed", "contract-signatures", Commit(|study, spec| spec.contract = study.unsigned())),
        (
            "a manifest of another run",
            "manifest-field",
            Commit(|_, spec| {
                let program = Digest::of(&spec.program);
                let at = spec.manifest.windows(32).position(|window| window == program.as_bytes()).unwrap();
                spec.manifest[at] ^= 1;
            }),
        ),
        ("bytes that are no manifest", "manifest-readable", Commit(|_, spec| spec.manifest.push(0))),
        ("a file too few", "keep-handed-over", Commit(|_, spec| drop(spec.datasets.pop()))),
        (
            "a socket under another name",
            "keep-handed-over",
            Commit(|_, spec| spec.brokers[1].owner = "stranger".into()),
        ),
        (
            "the files swapped",
            "sealed-file",
            Commit(|_, spec| {
                let names: Vec<String> = spec.datasets.iter().rev().map(|dataset| dataset.name.clone()).collect();
                let files = std::mem::take(&mut spec.datasets).into_iter().map(|dataset| dataset.file);
                spec.datasets = files.zip(names).map(|(file, name)| Dataset { name, file }).collect();
            }),
        ),
    ];
    for (crime, rule, commit) in crimes {
        let study = Study::new();
        let mut spec = study.spec([Crime::None, Crime::None]);
        commit.0(&study, &mut spec);
        let (actual, owner) = refused(spec);
        assert_eq!((actual.as_str(), owner), (rule, None), "{crime}");
        assert_eq!(study.released(), 0, "{crime}");
    }
}
