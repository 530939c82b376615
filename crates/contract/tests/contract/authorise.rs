//! Whether a broker releases: the honest run, and each thing about it that is not as agreed.

use casemate_contract::{Decision, Floor, FullySigned, Manifest, Run, RunHistory, authorise, check_launcher};
use casemate_cose::{Digest, SigningKey, UnixTime};
use casemate_evidence::{Binding, Isolation, Lack, Role, software::Statement};

use crate::study::{
    AT, RUN, RUNTIME, accepted_by, allow, binding, broker_of, edited, keep_key, key, launcher_of, manifest_of,
    researcher, run_of, signed, signed_from, statement,
};

/// One session of a keep with a broker, before anyone decided.
struct Session {
    contract: FullySigned,
    run: Run,
    binding: Binding,
    statement: Statement,
    launcher: SigningKey,
    owner: &'static str,
    at: UnixTime,
}

fn session_under(contract: FullySigned) -> Session {
    let manifest = manifest_of(&contract);
    let binding = binding(&manifest, "clinic");
    let statement = statement(&manifest, &binding);
    let launcher = launcher_of("researcher");
    Session { run: run_of(&manifest), binding, statement, launcher, owner: "clinic", at: AT, contract }
}

fn decide(session: Session) -> Decision {
    let Session { contract, run, binding, mut statement, launcher, owner, at } = session;
    // The keep and the launcher state what was bound; only what the crime changes differs from the contract.
    statement.report_data = binding.report_data();
    statement.manifest = binding.manifest;
    authorise(&contract, &run, &accepted_by(&launcher, &statement, binding), &owner.parse().unwrap(), at)
}

fn rules(decision: Decision) -> Vec<&'static str> {
    match decision {
        Decision::Allow(_) => Vec::new(),
        Decision::Deny(reasons) => {
            for reason in &reasons {
                let text = reason.reason().to_string();
                assert!(text.contains(reason.rule()) && !reason.remedy().is_empty(), "{text}");
            }
            reasons.iter().map(casemate_contract::DenyReason::rule).collect()
        }
    }
}

#[test]
fn an_honest_run_is_allowed() {
    let contract = signed();
    for (owner, dataset) in [("clinic", "measurements"), ("registry", "diagnoses")] {
        let allow = allow(&contract, owner);
        assert_eq!(allow.datasets().iter().map(ToString::to_string).collect::<Vec<_>>(), [dataset]);
        let statement = allow.statement();
        assert_eq!((statement.run, statement.contract, statement.keep_key), (RUN, contract.digest(), keep_key()));
        assert_eq!(statement.manifest, manifest_of(&contract).digest());
        assert_eq!(statement.expires, AT.plus_s(300));
    }
}

/// One crime: its name, the rules that it breaks, and how it is committed.
type Crime = (&'static str, &'static [&'static str], fn(&mut Session));

const CRIMES: &[Crime] = &[
    ("evidence_of_a_broker", &["binding-role"], |s| s.binding.role = Role::Broker),
    ("evidence_for_another_key", &["binding-keep-key"], |s| s.binding.own_key = key(66).public().spki_digest()),
    ("session_of_another_key", &["binding-keep-key"], |s| s.run.keep_key = key(66).public().spki_digest()),
    ("session_with_another_broker", &["contract-broker-key"], |s| {
        s.binding.peer_key = broker_of("registry").public().spki_digest();
    }),
    ("another_owner's_broker", &["contract-broker-key"], |s| s.owner = "registry"),
    ("who_owns_nothing", &["contract-broker-key", "contract-owner"], |s| s.owner = "researcher"),
    ("nobody", &["contract-broker-key", "contract-owner"], |s| s.owner = "nobody"),
    ("another_manifest_measured", &["manifest-measured"], |s| s.binding.manifest = Digest::of(b"other")),
    ("another_program_measured", &["program-digest", "contract-cedar", "contract-cedar"], |s| {
        s.statement.program = Digest::of(b"SELECT *");
    }),
    ("launcher_of_another_party", &["contract-launcher", "contract-cedar", "contract-cedar"], |s| {
        s.launcher = launcher_of("clinic");
    }),
    ("launcher_of_nobody", &["contract-launcher", "contract-cedar", "contract-cedar"], |s| s.launcher = key(66)),
    ("launcher_with_the_runners_identity_key", &["contract-launcher", "contract-cedar", "contract-cedar"], |s| {
        s.launcher = researcher();
    }),
    ("launcher_with_the_owners_broker_key", &["contract-launcher", "contract-cedar", "contract-cedar"], |s| {
        s.launcher = broker_of("clinic");
    }),
    ("a_lack_not_accepted", &["contract-lack", "contract-cedar", "contract-cedar"], |s| {
        s.statement.lacks.insert(Lack::NetworkNamespace);
    }),
    ("two_lacks_not_accepted", &["contract-lack", "contract-lack", "contract-cedar", "contract-cedar"], |s| {
        s.statement.lacks.extend([Lack::NetworkNamespace, Lack::SecretKeys]);
    }),
    ("verdict_expired", &["verdict-expired"], |s| s.at = AT.plus_s(301)),
    ("contract_expired", &["verdict-expired", "contract-expired", "contract-cedar", "contract-cedar"], |s| {
        s.at = s.contract.contract().study().expires;
    }),
    ("run_decided_before", &["run-reused"], |s| s.run.history = RunHistory::Decided),
    ("dataset_revoked", &["dataset-revoked"], |s| {
        s.run.standing.revoked.insert("measurements".parse().unwrap());
    }),
    ("a_later_contract_accepted", &["contract-superseded"], |s| {
        s.run.standing.floor = Some(Floor { sequence: 2, contract: Digest::of(b"later") });
    }),
    ("another_contract_of_this_sequence", &["contract-forked"], |s| {
        s.run.standing.floor = Some(Floor { sequence: 1, contract: Digest::of(b"fork") });
    }),
    (
        "a_time_that_cedar_can't_hold",
        &["verdict-expired", "contract-expired", "contract-cedar-error", "contract-cedar-error"],
        |s| {
            s.at = UnixTime(u64::MAX);
        },
    ),
];

#[test]
fn refuses_each_crime_by_its_rules() {
    for (crime, expected, commit) in CRIMES {
        let mut session = session_under(signed());
        commit(&mut session);
        assert_eq!(rules(decide(session)), *expected, "{crime}");
    }
}

#[test]
fn the_honest_session_is_what_the_crimes_start_from() {
    assert!(rules(decide(session_under(signed()))).is_empty());
    let mut at_the_end = session_under(signed());
    at_the_end.at = AT.plus_s(300);
    assert!(rules(decide(at_the_end)).is_empty());
}

#[test]
fn refuses_the_manifest_of_another_contract() {
    let mut session = session_under(signed());
    let other = signed_from(&edited("max_rows = 10,", "max_rows = 11,"));
    session.contract = other;
    assert_eq!(rules(decide(session)), ["contract-digest"]);
}

#[test]
fn refuses_a_runner_that_only_another_contract_lets_run() {
    let mut session = session_under(signed());
    session.contract = signed_from(&edited("runners = [\"researcher\"]", "runners = [\"clinic\"]"));
    assert_eq!(rules(decide(session)), ["contract-digest", "contract-runner", "contract-cedar", "contract-cedar"]);
}

/// A contract that lets clinic and researcher run, each with a host of its own.
fn two_runners() -> FullySigned {
    signed_from(&edited("runners = [\"researcher\"]", "runners = [\"clinic\", \"researcher\"]"))
}

#[test]
fn each_runner_runs_on_its_own_host_alone() {
    for (runner, host, expected) in [
        ("researcher", "researcher", &[][..]),
        ("clinic", "clinic", &[]),
        ("researcher", "clinic", &["contract-launcher", "contract-cedar", "contract-cedar"]),
        ("clinic", "researcher", &["contract-launcher", "contract-cedar", "contract-cedar"]),
    ] {
        let contract = two_runners();
        let (computation, party) = ("by-diagnosis".parse().unwrap(), runner.parse().unwrap());
        let manifest = Manifest::derive(&contract, &computation, RUN, &party, Isolation::Process).unwrap();
        let mut session = session_under(contract);
        session.binding.manifest = manifest.digest();
        session.run.manifest = manifest;
        session.launcher = launcher_of(host);
        assert_eq!(rules(decide(session)), expected, "`{runner}` on the host of `{host}`");
    }
}

#[test]
fn a_runner_may_have_several_hosts() {
    let own = launcher_of("researcher").public().to_string();
    let contract = || signed_from(&edited(&format!("\"{own}\""), &format!("\"{own}\", \"{}\"", key(33).public())));
    for (launcher, is_named) in [(launcher_of("researcher"), true), (key(33), true), (key(34), false)] {
        let mut session = session_under(contract());
        session.launcher = launcher;
        assert_eq!(rules(decide(session)).is_empty(), is_named);
    }
}

#[test]
fn a_successor_with_another_launcher_refuses_the_old_one() {
    let (old, new) = (launcher_of("researcher").public().to_string(), key(33).public().to_string());
    let rotated = || signed_from(&edited(&old, &new));
    assert_eq!(rules(decide(session_under(rotated())))[0], "contract-launcher");
    let mut session = session_under(rotated());
    session.launcher = key(33);
    assert!(rules(decide(session)).is_empty());
}

#[test]
fn a_refused_launcher_is_told_whose_it_should_be() {
    let contract = signed();
    let (contract, researcher) = (contract.contract(), "researcher".parse().unwrap());
    let (own, other) = (launcher_of("researcher").public(), launcher_of("clinic").public());
    assert_eq!(check_launcher(contract, &researcher, own), Ok(()));
    let reason = check_launcher(contract, &researcher, other).unwrap_err();
    assert_eq!(reason.rule(), "contract-launcher");
    assert_eq!(reason.expected(), format!("a launcher of `researcher`: `{own}`"));
    assert_eq!(reason.actual(), format!("the launcher `{other}`"));
    assert!(reason.remedy().contains("`launchers`"), "{}", reason.remedy());
    // Who has none, or is no party, has no host that would do.
    for nobody in ["registry", "stranger"] {
        let reason = check_launcher(contract, &nobody.parse().unwrap(), own).unwrap_err();
        assert_eq!(reason.expected(), format!("a launcher of `{nobody}` in the contract"));
    }
}

#[test]
fn a_contract_for_hardware_alone_believes_no_launcher() {
    let launchers = format!("launchers = [\"{}\"]\n", launcher_of("researcher").public());
    let text = edited(&launchers, "").replace("[\"process\"]", "[\"snp\"]");
    let mut session = session_under(signed());
    session.contract = signed_from(&text);
    let cedar = session.contract.contract().cedar(&"clinic".parse().unwrap());
    assert!(cedar.contains("!(principal has launcher)"), "{cedar}");
    let expected = ["contract-digest", "contract-launcher", "contract-isolation", "contract-cedar", "contract-cedar"];
    assert_eq!(rules(decide(session)), expected);
}

#[test]
fn policies_tie_each_runner_to_its_launchers() {
    let contract = two_runners();
    for owner in ["clinic", "registry"] {
        let cedar = contract.contract().cedar(&owner.parse().unwrap());
        for party in ["clinic", "researcher"] {
            let key = launcher_of(party).public();
            let pair =
                format!("context.runner == Casemate::Party::\"{party}\" && [\"{key}\"].contains(principal.launcher)");
            assert!(cedar.contains(&pair), "{cedar}");
        }
        assert!(cedar.contains("else ![\"process\"].contains(principal.isolation)"), "{cedar}");
    }
}

#[test]
fn refuses_a_computation_that_only_another_contract_has() {
    let mut session = session_under(signed());
    session.contract = signed_from(&edited("[computations.by-diagnosis]", "[computations.by-grade]"));
    assert_eq!(rules(decide(session)), ["contract-computation"]);
}

#[test]
fn refuses_an_isolation_that_the_manifest_does_not_say() {
    let contract = signed_from(&edited("[\"process\"]", "[\"process\", \"vm\"]"));
    let (computation, runner) = ("by-diagnosis".parse().unwrap(), "researcher".parse().unwrap());
    let manifest = Manifest::derive(&contract, &computation, RUN, &runner, Isolation::Vm).unwrap();
    let mut session = session_under(contract);
    session.binding.manifest = manifest.digest();
    session.run.manifest = manifest;
    assert_eq!(rules(decide(session)), ["manifest-field"]);
}

#[test]
fn refuses_an_isolation_that_the_contract_does_not_accept() {
    let mut session = session_under(signed());
    session.contract = signed_from(&edited("[\"process\"]", "[\"vm\"]"));
    assert_eq!(rules(decide(session)), ["contract-digest", "contract-isolation", "contract-cedar", "contract-cedar"]);
}

#[test]
fn a_successor_must_supersede_what_was_accepted() {
    let first = signed();
    let supersedes = |digest: Digest| format!("sequence = 2\nsupersedes = \"{digest}\"");
    let floor = Some(Floor { sequence: 1, contract: first.digest() });
    let mut honest = session_under(signed_from(&edited("sequence = 1", &supersedes(first.digest()))));
    honest.run.standing.floor = floor;
    assert!(rules(decide(honest)).is_empty());
    let mut other = session_under(signed_from(&edited("sequence = 1", &supersedes(Digest::of(b"another first")))));
    other.run.standing.floor = floor;
    assert_eq!(rules(decide(other)), ["contract-supersedes"]);
}

#[test]
fn a_decision_never_outlives_the_contract() {
    let contract = signed_from(&edited("2027-01-31T00:00:00Z", "2027-01-15T08:01:00Z"));
    assert_eq!(contract.contract().study().expires, AT.plus_s(60));
    assert_eq!(allow(&contract, "clinic").statement().expires, AT.plus_s(59));
}

#[test]
fn every_owner_has_policies_of_its_own() {
    let contract = signed();
    for (owner, own, other) in [("clinic", "measurements", "diagnoses"), ("registry", "diagnoses", "measurements")] {
        let cedar = contract.contract().cedar(&owner.parse().unwrap());
        assert!(cedar.contains(&format!("resource == Casemate::Dataset::\"{own}\"")), "{cedar}");
        assert!(!cedar.contains(other), "{cedar}");
        assert!(cedar.contains(&contract.digest().to_string()));
    }
    assert!(!contract.contract().cedar(&"researcher".parse().unwrap()).contains("permit"));
    assert_ne!(RUNTIME, contract.digest());
}
