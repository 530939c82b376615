//! Whether a broker releases: the honest run, and each thing about it that is not as agreed.

use casemate_contract::{Decision, Floor, FullySigned, Manifest, Run, RunHistory, authorise};
use casemate_cose::{Digest, UnixTime};
use casemate_evidence::{Binding, Isolation, Lack, Role, software::Statement};

use crate::study::{
    AT, RUN, RUNTIME, accepted, allow, binding, broker_of, edited, keep_key, key, manifest_of, run_of, signed,
    signed_from, statement,
};

/// One session of a keep with a broker, before anyone decided.
struct Session {
    contract: FullySigned,
    run: Run,
    binding: Binding,
    statement: Statement,
    owner: &'static str,
    at: UnixTime,
}

fn session_under(contract: FullySigned) -> Session {
    let manifest = manifest_of(&contract);
    let binding = binding(&manifest, "clinic");
    let statement = statement(&manifest, &binding);
    Session { run: run_of(&manifest), binding, statement, owner: "clinic", at: AT, contract }
}

fn decide(session: Session) -> Decision {
    let Session { contract, run, binding, mut statement, owner, at } = session;
    // The keep and the launcher state what was bound; only what the crime changes differs from the contract.
    statement.report_data = binding.report_data();
    statement.manifest = binding.manifest;
    authorise(&contract, &run, &accepted(&statement, binding), &owner.parse().unwrap(), at)
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
