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
    component::components,
    domain::{Launcher, Process, Runtime},
    proof::{Facts, Proof, ProofError, check},
    shows,
    statement::{Purpose, Sentence},
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
        libraries: Digest::from_bytes([10; 32]),
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

/// A right proof of something else: the checker takes it, and of the evidence, which the domain denies, it shows nothing.
#[test]
fn a_proof_of_something_else_shows_nothing_of_the_evidence() {
    let other = Statement { runtime: Digest::from_bytes([0xee; 32]), ..statement() };
    let domain = domain();
    denied(appraise(evidence(&other), &domain, AT));
    let effective = domain.effective(AT).unwrap();
    for said in domain.own() {
        let proof = effective.prove(&said.statement().sentence, AT).unwrap().unwrap();
        let evidence = evidence(&other);
        let components = components(evidence.claims());
        let facts = Facts { components: &components, key: Some(binding().own_key) };
        check(&proof, effective.standing(), facts, AT).unwrap();
        let refused = shows(&proof, &evidence, &domain, AT).unwrap_err();
        assert!(matches!(refused, ProofError::Goal { .. }), "{refused}");
    }
}

#[test]
fn a_proof_shows_what_appraisal_does_of_that_evidence_at_that_time() {
    let domain = domain();
    let honest = accepted(appraise(evidence(&statement()), &domain, AT)).proof().clone();
    shows(&honest, &evidence(&statement()), &domain, AT).unwrap();
    let refused = |proof: &Proof, at| shows(proof, &evidence(&statement()), &domain, at).unwrap_err();
    assert!(matches!(refused(&honest, AT.plus_s(1)), ProofError::Time { .. }));

    // Dated anew, every step still follows; the evidence is too old.
    let late = AT.plus_s(840);
    let dated = Proof { at: late, ..honest.clone() };
    let bound = evidence(&statement());
    let components = components(bound.claims());
    let facts = Facts { components: &components, key: Some(binding().own_key) };
    check(&dated, domain.effective(late).unwrap().standing(), facts, late).unwrap();
    assert_eq!(refused(&dated, late), ProofError::Stale { at: late, actual: AT });
    assert_eq!(refused(&dated, AT), ProofError::Time { expected: AT, actual: late });

    // The proof of a key's evidence is none of evidence that is bound to no key, nor the other way round.
    let loose = || authentic(&statement(), &launcher(), &DangerouslyUnbound);
    assert!(matches!(shows(&honest, &loose(), &domain, AT), Err(ProofError::Goal { .. })));
    let whole = accepted(appraise(loose(), &domain, AT)).proof().clone();
    shows(&whole, &loose(), &domain, AT).unwrap();
    assert_eq!(whole.steps.last().unwrap().conclusion, Sentence::EvidenceTrusted);
    assert!(matches!(refused(&whole, AT), ProofError::Goal { .. }));
    let empty = Proof { at: AT, steps: vec![] };
    assert_eq!(refused(&empty, AT), ProofError::Empty);
}

#[test]
fn refusals_of_the_checker_read_as_accounts_do() {
    let domain = domain();
    let mut proof = accepted(appraise(evidence(&statement()), &domain, AT)).proof().clone();
    let place = proof.steps.iter().position(|step| step.rule == casemate_trust::proof::Rule::PlatformMeets).unwrap();
    proof.steps[place].premises.pop();
    let words = shows(&proof, &evidence(&statement()), &domain, AT).unwrap_err().to_string();
    let expected = format!("step {} of the proof (it meets what is demanded) does not follow: ", place + 1);
    assert!(words.starts_with(&expected), "{words}");
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

/// Nothing that is in force for a second less than a verdict: it ends with what it rests on, whatever that is.
#[test]
fn an_acceptance_ends_with_the_first_statement_that_does() {
    let begins = |at: UnixTime, text: &str| format!("from = {at}\n{text}");
    let ends = |at: UnixTime| format!("until = {at}\n");
    let whole = domain().to_toml();
    let with = |head: &str, line: &str| Domain::parse(&whole.replacen(head, &format!("{head}\n{line}"), 1)).unwrap();
    for head in ["[[launcher]]", "[[runtime]]", "[process]"] {
        for left in [0, 1, ACCEPTED_FOR_S - 1, ACCEPTED_FOR_S, ACCEPTED_FOR_S + 1] {
            let domain = with(head, &ends(AT.plus_s(left)));
            let expires = accepted(appraise(evidence(&statement()), &domain, AT)).expires();
            assert_eq!(expires, AT.plus_s(left.min(ACCEPTED_FOR_S)), "{head} {left}");
        }
        denied(appraise(evidence(&statement()), &with(head, &ends(UnixTime(AT.0 - 1))), AT));
    }
    // A revocation that begins is an end, too.
    let launcher = domain().own().find(|said| said.statement().label == "researcher's host").unwrap().digest();
    let revoked = begins(AT.plus_s(7), &format!("statement = \"{launcher}\"\n"));
    let revoked = Domain::parse(&format!("{whole}\n[[revoke]]\n{revoked}")).unwrap();
    assert_eq!(accepted(appraise(evidence(&statement()), &revoked, AT)).expires(), AT.plus_s(6));
    denied(appraise(evidence(&statement()), &revoked, AT.plus_s(7)));
}

/// A device's key that the owner believes about Keystone enclaves signs software evidence: nobody's launcher.
#[test]
fn a_key_that_attests_hardware_is_no_launcher() {
    let key = launcher().public();
    let digest = key.spki_digest();
    let hash = "aa".repeat(64);
    let text = |trust: &str| {
        format!(
            "[domain]\nowner = \"clinic\"\n[process]\naccept_lacks = [\"secret-plaintext\"]\n[[runtime]]\nname = \"k\"\n\
             digest = \"{}\"\nkeystone = {{ enclave-hash = \"{hash}\" }}\n[[platform]]\nname = \"device\"\nkind = \"keystone\"\n\
             any_genuine_chip = true\nattesters = [\"{trust}\"]\n",
            Digest::from_bytes([6; 32])
        )
    };
    let launching = format!("{}[[launcher]]\nname = \"host\"\nkey = \"{key}\"\n", text(&digest.to_string()));
    let launching = Domain::parse(&launching).unwrap();
    assert_eq!(launching.launchers().len(), 1);
    let _ = accepted(appraise(evidence(&statement()), &launching, AT));
    let any =
        format!("[[key]]\nname = \"any\"\nkey = \"{key}\"\ntrusted_for = [\"attestation\", \"attestation:snp\"]\n");
    for text in [text(&key.to_string()), text(&digest.to_string()) + &any] {
        let device = Domain::parse(&text).unwrap();
        assert!(device.key(&digest).is_some(), "it is known in full");
        assert!(device.launchers().is_empty() && device.endorsements().launchers().next().is_none());
        let reasons = denied(appraise(evidence(&statement()), &device, AT));
        assert!(matches!(&reasons[..], [DenyReason::Launcher { .. }]), "{reasons:?}");
        assert_eq!(Domain::parse(&device.to_toml()).unwrap(), device);
        // The checker finds so itself: the honest proof, with another's word for the launcher's.
        let honest = accepted(appraise(evidence(&statement()), &launching, AT)).proof().clone();
        let vouched = honest.steps.iter().position(|step| step.rule == casemate_trust::proof::Rule::Vouch).unwrap();
        let said = device.own().find(|said| {
            matches!(&said.statement().sentence, Sentence::Trusted { purpose: Purpose::Attestation(_), .. })
        });
        let (said, mut forged) = (said.unwrap(), honest.clone());
        let trust = usize::try_from(honest.steps[vouched].premises[0]).unwrap();
        forged.steps[trust].rule = casemate_trust::proof::Rule::Domain(said.digest());
        forged.steps[trust].conclusion = said.statement().sentence.clone();
        let error = shows(&forged, &evidence(&statement()), &device, AT).unwrap_err().to_string();
        assert!(error.contains("trusts nobody for attestation of this kind"), "{error}");
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
