//! Denials because of limits and of things that are revoked, and what of a domain makes an acceptance end.

#![expect(
    clippy::disallowed_methods,
    reason = "signing takes a source of randomness, from which Ed25519 draws nothing"
)]

use aws_lc_rs::rand::SystemRandom;
use casemate_cose::{Digest, Signer, SigningKey, UnixTime};
use casemate_testkit::NOW;
use casemate_trust::{
    ACCEPTED_FOR_S, DenyReason, Domain, Verdict, appraise, draft,
    explain::{Account, Names},
    statement::{
        Kind, Limits, Measurement, Purpose, Register, Release, Sentence, Signed, Statement, Subject, Topic, Validity,
    },
};

use super::{denied, machines};

fn digest(seed: u8) -> Digest {
    SigningKey::from_seed(&[seed; 32]).public().spki_digest()
}

fn signed(seed: u8, statement: &Statement) -> Signed {
    Signed::sign(statement, &Signer::Ed25519(SigningKey::from_seed(&[seed; 32])), &SystemRandom::new()).unwrap()
}

fn delegate(seed: u8, topic: Topic, limits: Option<Limits>) -> Statement {
    let purpose = Purpose::Publishing { topic, depth: 0, limits: limits.map(Box::new) };
    Statement::always("release team", Sentence::Trusted { subject: Subject::Key(digest(seed)), purpose })
}

/// What a domain says of an SNP guest: all but what `is` says, and that, as version 3 of a line.
fn split(is: impl Fn(&Sentence) -> bool) -> (Vec<Statement>, Statement) {
    let mut statements = draft(&machines::snp(&[]), "machine").statements;
    let place = statements.iter().position(|statement| is(&statement.sentence)).unwrap();
    let taken = statements.remove(place);
    (statements, taken)
}

fn is_runtime(sentence: &Sentence) -> bool {
    matches!(sentence, Sentence::Trusted { subject: Subject::Measurement(_), .. })
}

fn is_platform(sentence: &Sentence) -> bool {
    matches!(sentence, Sentence::Trusted { subject: Subject::Platform(_), .. })
}

fn released(mut runtime: Statement, line: &str) -> Statement {
    if let Sentence::Trusted { purpose, .. } = &mut runtime.sentence {
        *purpose = Purpose::Execution(Some(Release { line: line.to_owned(), version: 3 }));
    }
    runtime
}

fn lines(names: &[&str]) -> Option<Limits> {
    Some(Limits { releases: Some(names.iter().map(|name| (*name).to_owned()).collect()), ..Limits::default() })
}

fn kinds(kinds: &[Kind]) -> Option<Limits> {
    Some(Limits { kinds: Some(kinds.to_vec()), ..Limits::default() })
}

fn of(own: Vec<Statement>, others: Vec<Signed>) -> Domain {
    Domain::of("clinic", 0, own, Vec::new(), others).unwrap()
}

#[track_caller]
fn only(domain: &Domain) -> DenyReason {
    let mut reasons = denied(machines::snp(&[]), domain, NOW);
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    reasons.remove(0)
}

fn expires(domain: &Domain) -> UnixTime {
    match appraise(machines::snp(&[]), domain, NOW) {
        Verdict::Accepted(accepted) => accepted.expires(),
        Verdict::Denied(reasons) => panic!("denied: {}", reasons[0]),
    }
}

#[test]
fn a_release_team_publishes_its_release_and_no_other() {
    let (own, runtime) = split(is_runtime);
    let domain = |limits, line| {
        of(
            [own.clone(), vec![delegate(1, Topic::Measurements, limits)]].concat(),
            vec![signed(1, &released(runtime.clone(), line))],
        )
    };
    for (limits, line) in [(None, "other"), (lines(&["casemate"]), "casemate"), (kinds(&[Kind::Snp]), "other")] {
        assert!(expires(&domain(limits, line)) > NOW);
    }
    let team = format!("key `release team` ({})", digest(1).short());
    for (limits, right) in [
        (lines(&["casemate"]), "measurements of release `casemate`"),
        (kinds(&[Kind::Sgx, Kind::Tdx]), "measurements of kind sgx, tdx"),
    ] {
        let reason = only(&domain(limits, "other"));
        assert_eq!(reason.rule(), "domain-delegate");
        let actual = reason.actual();
        assert!(
            actual.contains(&team)
                && actual.ends_with(&format!("says so of a release of `other`, but may publish only {right}")),
            "{actual}"
        );
        assert!(reason.remedy().contains("widen the limits"), "{}", reason.remedy());
    }
    // What is accepted says within which limits.
    let accepted = domain(lines(&["casemate"]), "casemate");
    let Verdict::Accepted(verdict) = appraise(machines::snp(&[]), &accepted, NOW) else { panic!("denied") };
    let account = Account::of_proof(verdict.proof(), &Names::of_domain(&accepted)).words();
    let right = "may publish measurements of release `casemate`";
    assert!(account.contains(right), "{account}");
    let account = Account::of_proof(verdict.proof(), &Names::of_domain(&accepted));
    let picture = account.picture().unwrap();
    assert!(picture.contains("measurements") && picture.contains("`casemate`"), "{picture}");
    // A stranger's word is none.
    let stranger = of(own, vec![signed(1, &released(runtime, "casemate"))]);
    assert_eq!(only(&stranger).rule(), "domain-runtime");
}

/// The key that says what would do may publish nothing: who let it had less to hand on than it did.
#[test]
fn who_hands_on_more_than_there_is_is_named() {
    let (own, runtime) = split(is_runtime);
    let hands_on = |to: u8, depth: u16, limits: Option<Limits>| {
        let purpose = Purpose::Publishing { topic: Topic::Measurements, depth, limits: limits.map(Box::new) };
        Statement::always("handed on", Sentence::Trusted { subject: Subject::Key(digest(to)), purpose })
    };
    let domain = |grants: &[(u8, Statement)]| {
        let mut signed_by: Vec<Signed> = grants.iter().map(|(by, grant)| signed(*by, grant)).collect();
        signed_by.push(signed(3, &released(runtime.clone(), "casemate")));
        of([own.clone(), vec![hands_on(1, 2, lines(&["casemate"]))]].concat(), signed_by)
    };
    let honest = [(1, hands_on(2, 1, lines(&["casemate"]))), (2, hands_on(3, 0, lines(&["casemate"])))];
    assert!(expires(&domain(&honest)) > NOW);
    for (crime, grants, by, may) in [
        ("without its limits", vec![(1, hands_on(3, 0, None))], 1, "lets another key publish measurements, but may"),
        (
            "beside its limits",
            vec![(1, hands_on(3, 0, lines(&["b", "casemate"])))],
            1,
            "of release `b`, `casemate`, but",
        ),
        (
            "as deep as it has it",
            vec![(1, hands_on(3, 2, lines(&["casemate"])))],
            1,
            "but may publish only measurements",
        ),
        (
            "two keys on",
            vec![honest[0].clone(), (2, hands_on(3, 0, None))],
            2,
            "lets another key publish measurements,",
        ),
        (
            "the first of two",
            vec![(1, hands_on(2, 1, None)), honest[1].clone()],
            1,
            "only measurements of release `casemate`",
        ),
    ] {
        let reason = only(&domain(&grants));
        assert_eq!(reason.rule(), "domain-delegate", "{crime}: {reason}");
        let actual = reason.actual();
        assert!(actual.contains(&digest(by).short()) && actual.contains(may), "{crime}: {actual}");
    }
    // Whom nobody let is a stranger as before, and what was handed on for other releases is no reason.
    for grants in [vec![], vec![(1, hands_on(3, 0, lines(&["b"])))]] {
        assert_eq!(only(&domain(&grants)).rule(), "domain-runtime");
    }
}

#[test]
fn a_line_that_looks_like_another_is_written_out() {
    let (own, runtime) = split(is_runtime);
    let team = delegate(1, Topic::Measurements, lines(&["casemate"]));
    let reason = only(&of([own, vec![team]].concat(), vec![signed(1, &released(runtime, "cas\u{435}mate"))]));
    assert_eq!(reason.rule(), "domain-delegate");
    let told = "letters of several scripts, Latin and Cyrillic: `cas\\u{435}mate`";
    assert!(reason.actual().contains(told), "{}", reason.actual());
}

#[test]
fn who_publishes_platforms_of_other_kinds_is_named() {
    let (own, platform) = split(is_platform);
    let limited = delegate(1, Topic::Platforms, kinds(&[Kind::Tdx]));
    let reason = only(&of([own, vec![limited]].concat(), vec![signed(1, &platform)]));
    assert_eq!(reason.rule(), "domain-delegate");
    assert!(reason.actual().ends_with("may publish only platforms of kind tdx"), "{}", reason.actual());
}

#[test]
fn what_runs_and_is_revoked_is_denied_by_that_reason() {
    let (own, runtime) = split(is_runtime);
    let Sentence::Trusted { subject: Subject::Measurement(measurement), .. } = &runtime.sentence else { panic!() };
    let one: Vec<Register> = measurement.registers.iter().take(1).cloned().collect();
    let more = Measurement { kind: measurement.kind, registers: measurement.registers.clone() };
    let fewer = Measurement { kind: measurement.kind, registers: one };
    let revoke = |measurement: &Measurement| {
        Statement::always("broken", Sentence::Distrusts(Subject::Measurement(measurement.clone())))
    };
    let team = [own, vec![delegate(1, Topic::Measurements, None)]].concat();
    for trusted in [&more, &fewer] {
        for revoked in [&more, &fewer] {
            let sentence =
                Sentence::Trusted { subject: Subject::Measurement(trusted.clone()), purpose: Purpose::Execution(None) };
            let said = signed(1, &Statement::always("casemate", sentence));
            assert!(expires(&of(team.clone(), vec![said.clone()])) > NOW);
            let reason = only(&of([team.clone(), vec![revoke(revoked)]].concat(), vec![said]));
            assert_eq!(reason.rule(), "domain-revoked", "{reason}");
            let by = revoke(revoked).digest().to_string();
            assert!(reason.actual().contains(&by), "{}", reason.actual());
        }
    }
}

#[test]
fn a_stranger_does_not_make_an_acceptance_end() {
    let statements = draft(&machines::snp(&[]), "machine").statements;
    let soon = Validity { not_before: UnixTime(0), not_after: NOW.plus_s(10) };
    let later = Validity { not_before: NOW.plus_s(20), not_after: UnixTime(u64::MAX) };
    let says = |seed, validity| {
        let (_, runtime) = split(is_runtime);
        signed(seed, &Statement { validity, ..runtime })
    };
    let whole = NOW.plus_s(ACCEPTED_FOR_S);
    assert_eq!(expires(&of(statements.clone(), vec![])), whole);
    assert_eq!(expires(&of(statements.clone(), vec![says(1, soon), says(2, later)])), whole);
    // Who may publish, may matter: what it says, and what it takes back.
    let with = |other| of([statements.clone(), vec![delegate(1, Topic::Measurements, None)]].concat(), vec![other]);
    assert_eq!(expires(&with(says(1, soon))), NOW.plus_s(10));
    assert_eq!(expires(&with(says(1, later))), NOW.plus_s(19));
    assert_eq!(expires(&with(says(2, later))), whole);
    let revokes = Statement { validity: later, ..Statement::always("", Sentence::Revokes(says(1, soon).digest())) };
    let both = of(
        [statements.clone(), vec![delegate(1, Topic::Measurements, None)]].concat(),
        vec![says(1, Validity::ALWAYS), signed(1, &revokes)],
    );
    assert_eq!(expires(&both), NOW.plus_s(19));
    // So may the owner, always.
    let own = Statement { validity: soon, ..delegate(3, Topic::Programs, None) };
    assert_eq!(expires(&of([statements, vec![own]].concat(), vec![])), NOW.plus_s(10));
}
