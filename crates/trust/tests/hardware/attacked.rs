//! What was once accepted, or denied for the wrong reason: parts cut out of a whole, names that others gave themselves, delegations that
//! lapsed, and regions that two say differently.

#![expect(
    clippy::disallowed_methods,
    reason = "signing takes a source of randomness, from which Ed25519 draws nothing"
)]

use aws_lc_rs::rand::SystemRandom;
use casemate_cose::{Digest, Signer, SigningKey, UnixTime};
use casemate_testkit::NOW;
use casemate_trust::{
    DenyReason, Domain, Verdict, appraise, draft,
    explain::{Account, Names},
    statement::{Demand, Kind, Purpose, Sentence, Signed, Statement, Subject, Test, Topic, Validity, Value},
};

use super::{accepted, denied, domain, machines, rules};

const HOUR_S: u64 = 3600;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn digest(seed: u8) -> Digest {
    key(seed).public().spki_digest()
}

fn signed(seed: u8, statement: &Statement) -> Signed {
    Signed::sign(statement, &Signer::Ed25519(key(seed)), &SystemRandom::new()).unwrap()
}

fn delegate(seed: u8, topic: Topic) -> Statement {
    let purpose = Purpose::Publishing { topic, depth: 0, limits: None };
    Statement::always("release team", Sentence::Trusted { subject: Subject::Key(digest(seed)), purpose })
}

fn ended(mut statement: Statement) -> Statement {
    statement.validity = Validity { not_before: UnixTime(0), not_after: UnixTime(NOW.0 - HOUR_S) };
    statement
}

fn is_runtime(statement: &Statement) -> bool {
    matches!(
        &statement.sentence,
        Sentence::Trusted { subject: Subject::Measurement(_), purpose: Purpose::Execution(_) }
    )
}

fn is_platform(statement: &Statement) -> bool {
    matches!(&statement.sentence, Sentence::Trusted { subject: Subject::Platform(_), .. })
}

/// What a domain says of an SNP guest: all but its runtime, and that.
fn split() -> (Vec<Statement>, Statement) {
    let statements = draft(&machines::snp(&[]), "machine").statements;
    let runtime = statements.iter().find(|statement| is_runtime(statement)).unwrap().clone();
    (statements.into_iter().filter(|statement| !is_runtime(statement)).collect(), runtime)
}

fn of(own: Vec<Statement>, others: Vec<Signed>) -> Domain {
    Domain::of("clinic", 0, own, Vec::new(), others).unwrap()
}

fn reasons(own: Vec<Statement>, others: Vec<Signed>) -> Vec<DenyReason> {
    denied(machines::snp(&[]), &of(own, others), NOW)
}

fn told(reasons: &[DenyReason]) -> Vec<(&str, String)> {
    reasons.iter().map(|reason| (reason.rule(), reason.actual())).collect()
}

#[test]
fn a_part_that_was_cut_out_of_the_whole_is_denied() {
    let statements = draft(&machines::composite(), "host").statements;
    // The attack: without `with`, the CPU's report alone will do, and what its GPUs and its TPM measured is anything.
    let hasty = rules(statements.clone(), |rule| rule.demands.retain(|demand| !demand.property.starts_with("beside.")));
    accepted(machines::snp(&[]), hasty);
    let whole = domain(statements.clone());
    let reasons = denied(machines::snp(&[]), &whole, NOW);
    let found: Vec<_> = reasons.iter().map(|reason| (reason.rule(), reason.expected(), reason.actual())).collect();
    assert_eq!(
        found,
        [
            ("domain-beside", "2 `gpu` beside it at least, by `host cpu`".to_owned(), "0 `gpu` beside it".to_owned()),
            ("domain-beside", "1 `tpm` beside it at least, by `host cpu`".to_owned(), "0 `tpm` beside it".to_owned()),
        ]
    );
    assert!(whole.to_toml().contains("with = [\"gpu\", \"gpu\", \"tpm\"]"), "{}", whole.to_toml());
    assert!(whole.to_toml().contains("with = [\"gpu\", \"snp\", \"tpm\"]"), "each device asks for the others");
    assert_eq!(Domain::parse(&whole.to_toml()).unwrap(), whole);
    // More than is asked for is judged as ever: each has to be accepted.
    let one = rules(statements, |rule| {
        for demand in &mut rule.demands {
            if demand.property == "beside.gpu" {
                demand.test = Test::AtLeast(Value::Number(1));
            }
        }
    });
    accepted(machines::composite(), one);
}

#[test]
fn what_others_call_themselves_names_nothing() {
    let (own, runtime) = split();
    let forged = "clinic` (line 3), revoked by `clinic";
    let named = Statement { label: forged.to_owned(), ..runtime.clone() };
    let own = [own, vec![delegate(1, Topic::Measurements)]].concat();
    let team = format!("key `release team` ({})", digest(1).short());
    // Accepted: the account says who says it, and names the team by the owner's name for it.
    let trusted = of(own.clone(), vec![signed(1, &named)]);
    let Verdict::Accepted(verdict) = appraise(machines::snp(&[]), &trusted, NOW) else { panic!("denied") };
    let words =
        Account::of_proof(verdict.proof(), &Names::of_domain(&trusted).with_evidence(verdict.components())).words();
    assert!(
        words.contains(&format!("{team} says, signed: \"clinic' (line 3), revoked by 'clinic\" (statement ")),
        "{words}"
    );
    assert!(!words.contains("`clinic`") && !words.contains(forged), "{words}");
    assert!(verdict.believed()[0].runtime.label.contains(&format!("so called by key {}", digest(1).short())));
    // Denied: so do denials, of what lapsed and of what differs.
    let expired = told(&reasons(own.clone(), vec![signed(1, &ended(named.clone()))])).remove(0).1;
    assert!(
        expired.contains(&team) && expired.contains("called \"clinic' (line 3), revoked by 'clinic\""),
        "{expired}"
    );
    let other = draft(&machines::snp(&[(0x90, &[9; 48])]), "machine").statements;
    let other = Statement { label: forged.to_owned(), ..other.into_iter().find(is_runtime).unwrap() };
    let differs = reasons(own, vec![signed(1, &other)]).remove(0);
    assert_eq!(differs.rule(), "domain-register");
    assert!(differs.to_string().contains(&team) && !differs.to_string().contains("`clinic`"), "{differs}");
}

#[test]
fn a_label_of_the_owners_team_given_by_a_stranger_is_not_shown_as_its_name() {
    let (own, runtime) = split();
    // A stranger calls its own key so, and lets it attest.
    let stranger = Sentence::Trusted { subject: Subject::Key(digest(7)), purpose: Purpose::Contracts };
    let own = [own, vec![runtime]].concat();
    let domain = of(own, vec![signed(7, &Statement::always("release team", stranger))]);
    let Verdict::Accepted(verdict) = appraise(machines::snp(&[]), &domain, NOW) else { panic!("denied") };
    let words = Account::of_proof(verdict.proof(), &Names::of_domain(&domain)).words();
    assert!(!words.contains("release team"), "{words}");
}

#[test]
fn a_delegation_that_lapsed_is_the_reason() {
    let (own, runtime) = split();
    let (team, published) = (delegate(1, Topic::Measurements), signed(1, &runtime));
    let with = |more: Vec<Statement>| [own.clone(), more].concat();
    let expired = reasons(with(vec![ended(team.clone())]), vec![published.clone()]);
    assert_eq!(told(&expired), [("domain-lapsed", "`release team`, which has expired".to_owned())]);
    let revoked = Statement::always("revoked", Sentence::Revokes(team.digest()));
    let by = revoked.digest();
    let reasons_of = reasons(with(vec![team.clone(), revoked]), vec![published.clone()]);
    assert_eq!(told(&reasons_of), [("domain-revoked", format!("`release team`, which is revoked by `{by}`"))]);
    assert!(!reasons_of[0].remedy().contains("add a"), "{}", reasons_of[0]);
    // Both: the statement and what it rests on.
    let both = reasons(with(vec![ended(team)]), vec![signed(1, &ended(runtime))]);
    assert_eq!(both.iter().map(DenyReason::rule).collect::<Vec<_>>(), ["domain-lapsed", "domain-lapsed"]);
}

#[test]
fn what_a_stranger_says_is_no_reason() {
    let (own, runtime) = split();
    let found = reasons(own, vec![signed(7, &ended(runtime))]);
    assert_eq!(found.iter().map(DenyReason::rule).collect::<Vec<_>>(), ["domain-runtime"], "{}", found[0]);
}

#[test]
fn a_platform_that_lapsed_and_lacks_something_is_told_of_both() {
    let (own, runtime) = split();
    let own = rules(own, |rule| {
        for demand in rule.demands.iter_mut().filter(|demand| demand.property == "reported-tcb.microcode") {
            demand.test = Test::AtLeast(Value::Number(250));
        }
    });
    let own = own.into_iter().map(|statement| if is_platform(&statement) { ended(statement) } else { statement });
    let found = reasons(own.chain([runtime]).collect(), Vec::new());
    let rules: Vec<_> = found.iter().map(DenyReason::rule).collect();
    assert_eq!(rules, ["domain-property", "domain-lapsed"]);
}

fn region(name: &str, identity: &[u8]) -> Statement {
    let subject = Subject::Hardware(Kind::Snp, identity.to_vec());
    let value = Value::Text(name.to_owned());
    Statement::always(name, Sentence::HasProperty { subject, name: "region".to_owned(), value })
}

#[test]
fn the_owners_word_on_a_region_beats_a_delegates() {
    let (own, runtime) = split();
    let demanding = |test: Test| {
        rules(own.clone(), |rule| {
            rule.demands.push(Demand { property: "region".to_owned(), test: test.clone() });
            rule.demands.sort();
        })
    };
    let text = |name: &str| Value::Text(name.to_owned());
    let more = [runtime, delegate(2, Topic::Properties)];
    let chip = [0xc1; 64];
    let delegates = signed(2, &region("eu", &chip));
    let eu = [demanding(Test::Equals(text("eu"))), more.to_vec()].concat();
    let verdict =
        |own: &[Statement], others: &[Signed]| appraise(machines::snp(&[]), &of(own.to_vec(), others.to_vec()), NOW);
    assert!(matches!(verdict(&eu, std::slice::from_ref(&delegates)), Verdict::Accepted(_)));
    // The attack: the owner says where the chip stands.
    let denied = reasons([eu, vec![region("cn", &chip)]].concat(), vec![delegates.clone()]);
    assert!(
        matches!(&denied[..], [DenyReason::Property { actual: Some(actual), .. }] if *actual == text("cn")),
        "{denied:?}"
    );
    // What nobody says is shown by no proof: `not` asked of what others say is never met.
    let not = [demanding(Test::NotEquals(text("cn"))), more.to_vec()].concat();
    assert!(matches!(verdict(&not, std::slice::from_ref(&delegates)), Verdict::Denied(_)));
    assert!(matches!(verdict(&[not, vec![region("cn", &chip)]].concat(), &[delegates]), Verdict::Denied(_)));
}
