//! Whether a result leaves: after release, with every gate passed, while the contract holds.

use std::collections::BTreeSet;

use casemate_contract::{
    DenyReason, Floor, GateOutcome, GateRule, PermitDecision, PermitRequest, RunRecord, Standing, authorise_permit,
};
use casemate_cose::{Digest, UnixTime};

use crate::study::{AT, RUN, allow, edited, keep_key, passed, signed, signed_from};

/// One request to the clinic's broker.
struct Case {
    request: PermitRequest,
    record: RunRecord,
    at: UnixTime,
}

fn honest() -> Case {
    Case {
        request: PermitRequest { result: Digest::of(b"result"), gates: passed(signed().contract()), ordinary_bytes: 0 },
        record: RunRecord {
            released: BTreeSet::from(["measurements".parse().unwrap()]),
            permitted: None,
            standing: Standing::default(),
        },
        at: AT.plus_s(60),
    }
}

fn decide(case: &Case) -> PermitDecision {
    let contract = signed();
    authorise_permit(&contract, &allow(&contract, "clinic"), &case.request, &case.record, case.at)
}

fn rules(decision: PermitDecision) -> Vec<&'static str> {
    match decision {
        PermitDecision::Permit(_) => Vec::new(),
        PermitDecision::Deny(reasons) => reasons.iter().map(DenyReason::rule).collect(),
    }
}

#[test]
fn an_honest_result_leaves() {
    let PermitDecision::Permit(permit) = decide(&honest()) else { panic!("refused") };
    let statement = permit.statement();
    assert_eq!((statement.run, statement.result, statement.keep_key), (RUN, Digest::of(b"result"), keep_key()));
    assert_eq!(statement.owner.as_str(), "clinic");
    assert_eq!((statement.gates.len(), statement.ordinary_bytes), (8, 0));
    let mut partly = honest();
    partly.request.ordinary_bytes = 16 << 20;
    let PermitDecision::Permit(permit) = decide(&partly) else {
        panic!("refused what evidence names and the contract accepts")
    };
    assert_eq!(permit.statement().ordinary_bytes, 16 << 20);
    let mut again = honest();
    again.record.permitted = Some(Digest::of(b"result"));
    assert!(rules(decide(&again)).is_empty());
}

/// One crime: its name, the rules that it breaks, and how it is committed.
type Crime = (&'static str, &'static [&'static str], fn(&mut Case));

const CRIMES: &[Crime] = &[
    ("before_release", &["permit-before-release"], |c| c.record.released.clear()),
    ("another_dataset_released", &["permit-before-release"], |c| {
        c.record.released = BTreeSet::from(["diagnoses".parse().unwrap()]);
    }),
    ("revoked_meanwhile", &["dataset-revoked"], |c| {
        c.record.standing.revoked.insert("measurements".parse().unwrap());
    }),
    ("superseded_meanwhile", &["contract-superseded"], |c| {
        c.record.standing.floor = Some(Floor { sequence: 2, contract: Digest::of(b"later") });
    }),
    ("expired_meanwhile", &["contract-expired", "contract-cedar", "contract-cedar"], |c| {
        c.at = UnixTime(1_801_353_600)
    }),
    ("a_second_result", &["permit-repeated"], |c| c.record.permitted = Some(Digest::of(b"first"))),
    ("no_gates", &["gate-missing", "gate-missing", "gate-missing", "gate-missing"], |c| c.request.gates.clear()),
    ("a_gate_left_out", &["gate-missing"], |c| {
        let gate = GateRule::MinEntities(10).to_string();
        c.request.gates.retain(|outcome| outcome.gate != gate);
    }),
    ("a_gate_of_another_dataset", &["gate-missing", "gate-missing", "gate-missing", "gate-missing"], |c| {
        c.request.gates.retain(|outcome| outcome.dataset.as_str() == "diagnoses");
    }),
    ("a_gate_not_passed", &["gate-failed"], |c| c.request.gates[0].passed = false),
    ("another's_gate_not_passed", &["gate-failed"], |c| {
        let rule = GateRule::MinEntities(5);
        c.request.gates.push(GateOutcome::failed("diagnoses".parse().unwrap(), rule));
    }),
    ("a_lower_threshold", &["gate-missing"], |c| {
        for outcome in &mut c.request.gates {
            outcome.gate = outcome.gate.replace("at least 10", "at least 2");
        }
    }),
    ("failed_and_passed", &["gate-failed"], |c| {
        let rule = GateRule::MinEntities(10);
        c.request.gates.push(GateOutcome::failed("measurements".parse().unwrap(), rule));
    }),
];

#[test]
fn refuses_each_crime_by_its_rules() {
    for (crime, expected, commit) in CRIMES {
        let mut case = honest();
        commit(&mut case);
        assert_eq!(rules(decide(&case)), *expected, "{crime}");
    }
}

#[test]
fn a_refusal_carries_no_value_of_the_data() {
    let mut case = honest();
    case.request.gates[1].passed = false;
    let PermitDecision::Deny(reasons) = decide(&case) else { panic!("permitted") };
    let reason = reasons[0].reason();
    assert_eq!(reason.expected, "a result with at least 5 distinct entities behind every row");
    assert_eq!(reason.actual, "a result that the gate of `diagnoses` does not pass");
}

#[test]
fn refuses_leave_that_was_given_under_another_contract() {
    let other = signed_from(&edited("max_rows = 10,", "max_rows = 11,"));
    let case = honest();
    let decision = authorise_permit(&signed(), &allow(&other, "clinic"), &case.request, &case.record, case.at);
    assert_eq!(rules(decision), ["contract-digest"]);
}
