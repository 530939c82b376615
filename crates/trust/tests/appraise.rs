//! Appraisal: one honest case is accepted; each change to evidence or domain is denied, with every unmet condition.

#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests are as free as tests")]

use casemate_cose::{Digest, SigningKey, UnixTime};
use casemate_evidence::{
    AllowDebug, Authenticated, Binding, Bound, DangerouslyUnbound, Endorsements, Expectation, Isolation, Lack, Role,
    authenticate,
    software::{Statement, sign},
};
use casemate_trust::{
    ACCEPTED_FOR_S, Accepted, DenyReason, Domain, Reason, Verdict, appraise,
    domain::{Launcher, Process, Runtime},
};

const AT: UnixTime = UnixTime(1_800_000_000);

fn launcher() -> SigningKey {
    SigningKey::from_seed(&[9; 32])
}

fn binding() -> Binding {
    Binding {
        role: Role::Keep,
        nonce: [1; 32],
        manifest: Digest::from_bytes([2; 32]),
        exporter: [3; 32],
        own_key: Digest::from_bytes([4; 32]),
        peer_key: Digest::from_bytes([5; 32]),
    }
}

fn statement() -> Statement {
    Statement {
        isolation: Isolation::Process,
        runtime: Digest::from_bytes([6; 32]),
        program: Digest::from_bytes([7; 32]),
        manifest: Digest::from_bytes([2; 32]),
        report_data: binding().report_data(),
        lacks: [Lack::SecretPlaintext].into(),
        secret_bytes: 4096,
        debug: false,
        at: AT,
    }
}

/// Whoever signed, and whenever: authentication is not what is tested here.
fn authentic<B: Expectation>(statement: &Statement, key: &SigningKey, expectation: &B) -> Authenticated<B> {
    let endorsements = Endorsements::of_launchers([key.public()]);
    authenticate(&sign(statement, key), &endorsements, expectation, statement.at).unwrap()
}

fn evidence(statement: &Statement) -> Authenticated<Bound> {
    authentic(statement, &launcher(), &Bound::new(binding()))
}

fn launchers() -> Vec<Launcher> {
    vec![Launcher { name: "researcher's host".to_owned(), key: launcher().public() }]
}

fn runtimes() -> Vec<Runtime> {
    vec![Runtime { name: "casemate 0.1.0".to_owned(), digest: Digest::from_bytes([6; 32]) }]
}

fn process() -> Option<Process> {
    Some(Process { accept_lacks: [Lack::SecretPlaintext].into() })
}

fn domain() -> Domain {
    Domain::new("clinic", launchers(), runtimes(), process()).unwrap()
}

fn accepted<B: std::fmt::Debug>(verdict: Verdict<B>) -> Accepted<B> {
    match verdict {
        Verdict::Accepted(accepted) => accepted,
        Verdict::Denied(reasons) => panic!("denied: {reasons:?}"),
    }
}

fn denied<B: std::fmt::Debug>(verdict: Verdict<B>) -> Vec<DenyReason> {
    match verdict {
        Verdict::Accepted(accepted) => panic!("accepted: {accepted:?}"),
        Verdict::Denied(reasons) => reasons,
    }
}

#[test]
fn accepts_what_the_domain_names_and_says_for_what_and_until_when() {
    let statement = statement();
    let accepted = accepted(appraise(evidence(&statement), &domain(), AT.plus_s(10)));
    assert_eq!(accepted.binding().binding(), &binding());
    assert_eq!(accepted.keep().unwrap().runtime, statement.runtime);
    assert_eq!(accepted.domain_digest(), domain().digest());
    assert_eq!(accepted.evidence_digest(), sign(&statement, &launcher()).digest());
    assert_eq!(accepted.expires(), AT.plus_s(10 + ACCEPTED_FOR_S));
}

#[test]
fn each_entry_that_the_domain_drops_denies_with_its_reason_alone() {
    let crimes = [
        ("launcher", Domain::new("clinic", vec![], runtimes(), process())),
        ("runtime", Domain::new("clinic", launchers(), vec![], process())),
        ("lack", Domain::new("clinic", launchers(), runtimes(), Some(Process::default()))),
    ];
    for (crime, domain) in crimes {
        let reasons = denied(appraise(evidence(&statement()), &domain.unwrap(), AT));
        let rules: Vec<_> = reasons.iter().map(DenyReason::rule).collect();
        assert_eq!(rules, [format!("domain-{crime}")]);
        assert!(reasons[0].expected().contains("the domain accepts none"), "{}", reasons[0].reason());
    }
}

#[test]
fn each_claim_that_the_domain_does_not_name_is_denied_by_name() {
    let other = Digest::from_bytes([0xee; 32]);
    let reasons = denied(appraise(evidence(&Statement { runtime: other, ..statement() }), &domain(), AT));
    assert_eq!(reasons, [DenyReason::Runtime { actual: other, accepted: runtimes() }]);

    let stranger = SigningKey::from_seed(&[8; 32]);
    let reasons = denied(appraise(authentic(&statement(), &stranger, &Bound::new(binding())), &domain(), AT));
    assert_eq!(reasons, [DenyReason::Launcher { actual: stranger.public(), accepted: launchers() }]);

    for lack in Lack::ALL.iter().copied().filter(|lack| *lack != Lack::SecretPlaintext) {
        let lacking = Statement { lacks: [lack, Lack::SecretPlaintext].into(), ..statement() };
        let reasons = denied(appraise(evidence(&lacking), &domain(), AT));
        assert_eq!(reasons, [DenyReason::Lack { actual: lack, accepted: vec![Lack::SecretPlaintext] }]);
    }
}

#[test]
fn an_empty_domain_denies_everything_by_every_condition() {
    let nothing = Domain::new("clinic", vec![], vec![], None).unwrap();
    let rules: Vec<_> = denied(appraise(evidence(&statement()), &nothing, AT)).iter().map(DenyReason::rule).collect();
    assert_eq!(rules, ["domain-lack", "domain-runtime", "domain-launcher", "domain-isolation"]);
    let lackless = Statement { lacks: [].into(), ..statement() };
    let rules: Vec<_> = denied(appraise(evidence(&lackless), &nothing, AT)).iter().map(DenyReason::rule).collect();
    assert_eq!(rules, ["domain-runtime", "domain-launcher", "domain-isolation"]);
}

#[test]
fn all_unmet_conditions_are_listed_nearest_miss_first() {
    let worst = Statement {
        runtime: Digest::from_bytes([0xee; 32]),
        lacks: [Lack::UserNamespace, Lack::EmptyRoot, Lack::SecretPlaintext].into(),
        debug: true,
        ..statement()
    };
    let stranger = SigningKey::from_seed(&[8; 32]);
    let expectation = AllowDebug::new(Bound::new(binding()));
    let nothing = Domain::new("clinic", vec![], vec![], None).unwrap();
    let late = AT.plus_s(ACCEPTED_FOR_S + 1);
    let verdict = || denied(appraise(authentic(&worst, &stranger, &expectation), &nothing, late));
    let rules: Vec<_> = verdict().iter().map(DenyReason::rule).collect();
    assert_eq!(
        rules,
        [
            "domain-lack",
            "domain-lack",
            "domain-lack",
            "domain-time",
            "domain-runtime",
            "domain-launcher",
            "domain-isolation",
            "domain-debug",
        ]
    );
    assert_eq!(verdict(), verdict());
}

#[test]
fn evidence_that_waited_a_second_too_long_is_denied() {
    for (at, fresh) in [
        (AT.plus_s(ACCEPTED_FOR_S), true),
        (AT.plus_s(ACCEPTED_FOR_S + 1), false),
        (UnixTime(AT.0 - ACCEPTED_FOR_S), true),
        (UnixTime(AT.0 - ACCEPTED_FOR_S - 1), false),
    ] {
        let verdict = appraise(evidence(&statement()), &domain(), at);
        if fresh {
            assert_eq!(accepted(verdict).expires(), at.plus_s(ACCEPTED_FOR_S));
        } else {
            assert_eq!(denied(verdict), [DenyReason::Time { at, actual: AT }]);
        }
    }
}

#[test]
fn debug_is_denied_even_where_the_type_admitted_it() {
    let debug = Statement { debug: true, ..statement() };
    let evidence = authentic(&debug, &launcher(), &AllowDebug::new(DangerouslyUnbound));
    assert_eq!(denied(appraise(evidence, &domain(), AT)), [DenyReason::Debug]);
}

#[test]
fn a_lack_the_owner_accepts_does_not_stand_for_another() {
    let all_but = |lack| Lack::ALL.iter().copied().filter(move |other| *other != lack).collect();
    for lack in Lack::ALL.iter().copied() {
        let domain =
            Domain::new("clinic", launchers(), runtimes(), Some(Process { accept_lacks: all_but(lack) })).unwrap();
        let reasons = denied(appraise(evidence(&Statement { lacks: [lack].into(), ..statement() }), &domain, AT));
        assert!(matches!(&reasons[..], [DenyReason::Lack { actual, .. }] if *actual == lack));
    }
}

#[test]
fn every_reason_travels_and_says_what_to_do() {
    let nothing = Domain::new("clinic", vec![], vec![], None).unwrap();
    for denial in denied(appraise(evidence(&statement()), &nothing, AT)) {
        let reason = Reason::from(&denial);
        assert_eq!(casemate_cose::decode::<Reason>(&casemate_cose::encode(&reason), 4096), Ok(reason.clone()));
        let line = reason.to_string();
        for part in [&reason.rule, &reason.expected, &reason.actual, &reason.remedy] {
            assert!(!part.is_empty() && line.contains(part.as_str()), "{line}");
        }
    }
}

#[test]
fn a_lack_is_denied_with_the_word_that_would_admit_it() {
    let lacking = Statement { lacks: [Lack::PidNamespace].into(), ..statement() };
    let reasons = denied(appraise(evidence(&lacking), &domain(), AT));
    assert!(reasons[0].remedy().contains("add \"pid-namespace\" to `accept_lacks` under `[process]`"));
    assert!(reasons[0].actual().contains(Lack::PidNamespace.explain().means));
}

#[test]
fn a_hostile_reason_can_not_write_to_the_terminal() {
    let reason = Reason::new("rule\u{1b}[2J", "a\nb", "\u{202e}desrever", "\u{200b}\u{9b}31m");
    let line = reason.to_string();
    assert!(!line.contains(['\u{1b}', '\n', '\u{202e}', '\u{200b}', '\u{9b}']), "{line:?}");
    assert_eq!(
        Reason::new("é", "„x“", "\u{65e5}\u{672c}", "…").to_string(),
        "é: expected „x“, found \u{65e5}\u{672c}; remedy: …"
    );
}

#[test]
fn a_refusal_becomes_a_reason_word_for_word() {
    let outcome = authenticate(&sign(&statement(), &launcher()), &Endorsements::default(), &Bound::new(binding()), AT);
    let refusal = outcome.unwrap_err();
    let reason = Reason::from(&refusal);
    assert_eq!(reason, Reason::new("software-launcher", refusal.expected(), refusal.actual(), refusal.remedy()));
    assert_eq!(reason.actual, launcher().public().to_string());
}
