//! What trust decides by, as strangers send it: statements, proofs, domains, and other projects' policies. What is read says the same
//! when it is written; no proof is accepted whose conclusion does not follow.

use std::{collections::BTreeMap, sync::LazyLock};

use casemate_cose::{Digest, Kind as Object, Signer, UnixTime, VerifyingKey, sign_keyed};
use casemate_evidence::Vendor;
use casemate_testkit::{NOW, key};
use casemate_trust::{
    Domain, DomainError,
    component::Component,
    import::{self, Imported},
    proof::{Effective, Facts, Grounds, Proof, Rule, Step, check},
    statement::{
        Demand, Identities, Kind, Limits, Measurement, PlatformRule, Purpose, Register, Release, Sentence, Signed,
        Statement, Subject, Test, Topic, Validity, Value,
    },
};

use crate::seeds::Seed;

/// A statement of an owner's, or an object that others signed.
pub fn statement(bytes: &[u8]) -> bool {
    let signed = Signed::verify(bytes).map(|signed| {
        assert_eq!(signed.object(), bytes);
        shown(signed.statement());
    });
    let own = Statement::from_bytes(bytes).map(|own| {
        assert_eq!(own.to_bytes(), bytes, "a statement has one encoding");
        shown(&own);
    });
    signed.is_ok() || own.is_ok()
}

/// What somebody signs as a statement.
pub fn signed_statement(payload: &[u8]) -> bool {
    let random = aws_lc_rs::rand::SystemRandom::new();
    let object = sign_keyed(Object::Statement, payload, &signer(1), &random).expect("a key signs whatever it is given");
    let Ok(signed) = Signed::verify(&object) else { return false };
    assert_eq!(signed.digest(), Digest::of(payload));
    assert_eq!(signed.speaker(), id(1));
    shown(signed.statement());
    true
}

/// A proof as received, against a domain and evidence: nothing is accepted but what follows from them.
pub fn proof(bytes: &[u8]) -> bool {
    let Ok(proof) = Proof::from_bytes(bytes) else { return false };
    assert_eq!(proof.to_bytes(), bytes, "a proof has one encoding");
    judged(&proof)
}

/// A proof whose steps are drawn from the rules, statements and sentences that the domain and the evidence have: each step is a rule,
/// the conclusion and the number of premises, then the premises.
pub fn proof_steps(bytes: &[u8]) -> bool {
    let case = &*CASE;
    let (mut steps, mut rest) = (Vec::new(), bytes);
    while let [rule, conclusion, count, after @ ..] = rest {
        let (premises, after) = after.split_at_checked(usize::from(count % 8)).unwrap_or((after, &[]));
        steps.push(Step {
            rule: case.rules[usize::from(*rule) % case.rules.len()],
            premises: premises.iter().map(|premise| u32::from(*premise)).collect(),
            conclusion: case.sentences[usize::from(*conclusion) % case.sentences.len()].clone(),
        });
        rest = after;
    }
    judged(&Proof { at: NOW, steps })
}

/// A text of `domain.toml`: what is read from it is what is read from its compiled form, and from the text written of that.
pub fn domain(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(domain) = Domain::parse(text) else { return false };
    assert_eq!(Domain::from_bytes(&domain.to_bytes()).as_ref(), Ok(&domain));
    assert_eq!(Domain::parse(&domain.to_toml()).as_ref(), Ok(&domain), "{}", domain.to_toml());
    true
}

/// A compiled domain: it has one encoding, and its text says the same unless some entry can never count.
pub fn domain_compiled(bytes: &[u8]) -> bool {
    let Ok(domain) = Domain::from_bytes(bytes) else { return false };
    assert_eq!(domain.to_bytes(), bytes);
    match Domain::parse(&domain.to_toml()) {
        Ok(read) => assert_eq!(read, domain),
        Err(DomainError::Never { .. } | DomainError::Contradiction { .. }) => {}
        Err(error) => panic!("{error}\n{}", domain.to_toml()),
    }
    let _effective = domain.effective(NOW);
    true
}

/// A release policy of Azure's.
pub fn import_azure_release(bytes: &[u8]) -> bool {
    imported(import::azure_release::import(bytes).ok())
}

/// A policy of the Certifier Framework's, in JSON or signed claims, whoever signed them.
pub fn import_certifier(bytes: &[u8]) -> bool {
    let files = BTreeMap::from([("policy_key.pem".to_owned(), key(1).public().spki())]);
    imported(import::certifier::policy(bytes, &files).ok())
        | imported(import::certifier::signed_claims(bytes, None).ok())
}

/// A manifest of reference values, its signature not looked at.
pub fn import_corim(bytes: &[u8]) -> bool {
    imported(import::corim::import(bytes, None).ok())
        | imported(import::corim::import(bytes, Some(&import::corim::Signer::DangerouslyUnverified)).ok())
}

/// Reference values of Trustee's.
pub fn import_rvps(bytes: &[u8]) -> bool {
    imported(import::rvps::import(bytes, NOW).ok())
}

/// Whatever an importer yields can be said, and admits nothing that is dangerous.
fn imported(imported: Option<Imported>) -> bool {
    let Some(imported) = imported else { return false };
    for statement in &imported.statements {
        statement.check().expect("what is imported can be said");
        if let Sentence::Trusted { subject: Subject::Platform(rule), .. } = &statement.sentence {
            assert!(rule.allow.is_empty(), "no import adds an allowance");
        }
    }
    true
}

/// What people are shown moves no cursor.
fn shown(statement: &Statement) {
    assert!(!statement.to_string().chars().any(char::is_control));
}

fn signer(number: u8) -> Signer {
    key(number).into()
}

fn id(number: u8) -> Digest {
    key(number).public().spki_digest()
}

/// A domain, evidence that it accepts, and all that proofs about them can be made of.
struct Case {
    domain: Domain,
    components: Vec<Component>,
    rules: Vec<Rule>,
    sentences: Vec<Sentence>,
}

static CASE: LazyLock<Case> = LazyLock::new(Case::new);

const CHIP: [u8; 3] = [0xc0, 0xff, 0xee];

fn trusted(subject: Subject, purpose: Purpose) -> Sentence {
    Sentence::Trusted { subject, purpose }
}

fn key_subject(number: u8) -> Subject {
    Subject::Key(id(number))
}

fn publishes(number: u8, topic: Topic, depth: u16) -> Sentence {
    trusted(key_subject(number), Purpose::Publishing { topic, depth, limits: None })
}

/// The right to publish measurements of these lines of releases.
fn limited(number: u8, depth: u16, lines: &[&str]) -> Sentence {
    let releases = Some(lines.iter().map(|line| (*line).to_owned()).collect());
    let limits = Some(Box::new(Limits { releases, ..Limits::default() }));
    trusted(key_subject(number), Purpose::Publishing { topic: Topic::Measurements, depth, limits })
}

/// A measurement of another line.
fn elsewhere() -> Sentence {
    let registers = vec![Register { name: "measurement".to_owned(), value: vec![8; 48] }];
    let release = Release { line: "other".to_owned(), version: 1 };
    trusted(Subject::Measurement(Measurement { kind: Kind::Snp, registers }), Purpose::Execution(Some(release)))
}

fn runs(version: u64) -> Sentence {
    let registers = vec![Register { name: "measurement".to_owned(), value: vec![7; 48] }];
    let release = Release { line: "runtime".to_owned(), version };
    trusted(Subject::Measurement(Measurement { kind: Kind::Snp, registers }), Purpose::Execution(Some(release)))
}

fn speaks(speaker: u8, principal: u8) -> Sentence {
    Sentence::SpeaksFor { speaker: key_subject(speaker), principal: key_subject(principal) }
}

fn stands_in(region: &str) -> Sentence {
    let subject = Subject::Hardware(Kind::Snp, CHIP.to_vec());
    Sentence::HasProperty { subject, name: "region".to_owned(), value: Value::Text(region.to_owned()) }
}

fn carries(region: &str, least: u64) -> Sentence {
    let demand = |property: &str, test| Demand { property: property.to_owned(), test };
    let demands = vec![
        demand("level", Test::AtLeast(Value::Number(least))),
        demand("region", Test::Equals(Value::Text(region.to_owned()))),
    ];
    let (kind, identities) = (Kind::Snp, Identities::Listed([CHIP.to_vec().into()].into()));
    let rule = PlatformRule { kind, identities, demands, allow: [].into() };
    trusted(Subject::Platform(rule), Purpose::Execution(None))
}

/// The key to which the evidence is bound.
const BOUND: u8 = 9;

impl Case {
    fn new() -> Self {
        let own = [
            trusted(Subject::Vendor(Vendor::Amd), Purpose::Attestation(None)),
            trusted(key_subject(6), Purpose::Contracts),
            limited(1, 1, &["other", "runtime"]),
            publishes(2, Topic::Properties, 0),
            publishes(5, Topic::Keys, 0),
            speaks(3, 1),
            speaks(4, 3),
            speaks(7, 6),
            carries("EU", 3),
            carries("US", 9),
            Sentence::Distrusts(key_subject(12)),
        ];
        let said = [
            (1, runs(2)),
            (1, limited(8, 0, &["runtime"])),
            (2, stands_in("EU")),
            // What doesn't count: of another topic, too deep, of nobody, by who only speaks for others by a stranger's word.
            (2, runs(3)),
            (8, publishes(2, Topic::Measurements, 0)),
            (10, stands_in("US")),
            (5, speaks(10, 2)),
            // Beyond its limits.
            (8, elsewhere()),
            (1, publishes(11, Topic::Measurements, 0)),
        ];
        let own: Vec<Statement> = own.into_iter().map(|sentence| Statement::always("own", sentence)).collect();
        let random = aws_lc_rs::rand::SystemRandom::new();
        let signed = |number, sentence: &Sentence, validity| {
            let statement = Statement { label: String::new(), sentence: sentence.clone(), validity };
            Signed::sign(&statement, &signer(number), &random).expect("a statement")
        };
        let mut others: Vec<Signed> =
            said.iter().map(|(number, sentence)| signed(*number, sentence, Validity::ALWAYS)).collect();
        let ended = Validity { not_before: UnixTime(0), not_after: UnixTime(NOW.0 - 1) };
        others.push(signed(2, &stands_in("US"), ended));
        let keys: Vec<VerifyingKey> = (1..=10).map(|number| signer(number).public()).collect();
        let domain = Domain::of("clinic", 0, own.clone(), keys, others.clone()).expect("a domain");
        let mut rules: Vec<Rule> = own.iter().map(|own| Rule::Domain(own.digest())).collect();
        rules.extend(others.iter().map(|signed| Rule::Signed(signed.digest())));
        rules.extend(Rule::WITHOUT_DIGEST);
        let sentences = Self::sentences(own, &said);
        let component = Component {
            name: "cpu".to_owned(),
            kind: Kind::Snp,
            attester: Subject::Vendor(Vendor::Amd),
            identity: Some(CHIP.to_vec()),
            properties: vec![("level".into(), Value::Number(5))],
            registers: vec![("measurement".to_owned(), vec![7; 48])],
            dangers: [].into(),
        };
        let case = Self { domain, components: vec![component], rules, sentences };
        for proof in case.honest() {
            assert!(check(&proof, case.effective().standing(), case.facts(), NOW).is_ok(), "what the targets stand on");
        }
        case
    }

    /// What is said, and much that may or may not follow.
    fn sentences(own: Vec<Statement>, said: &[(u8, Sentence)]) -> Vec<Sentence> {
        let mut sentences: Vec<Sentence> = own.into_iter().map(|own| own.sentence).collect();
        for (number, sentence) in said {
            sentences.push(sentence.clone());
            sentences.extend(
                [*number, 1, 3].map(|key| Sentence::Says { key: id(key), sentence: Box::new(sentence.clone()) }),
            );
        }
        sentences.push(stands_in("US"));
        sentences.extend([3, 4].map(|key| limited(key, 1, &["other", "runtime"])));
        sentences.push(publishes(4, Topic::Measurements, 1));
        sentences.extend([(4, 1), (10, 1), (2, 1)].map(|(speaker, principal)| speaks(speaker, principal)));
        sentences.extend([6, 7, BOUND, 10].map(|key| trusted(key_subject(key), Purpose::Contracts)));
        sentences.push(Sentence::SpeaksFor { speaker: key_subject(1), principal: Subject::Domain(id(1)) });
        sentences.extend(Self::of_evidence());
        sentences.extend([Sentence::IsEnvironment(1), Sentence::PlatformTrusted(1), Sentence::MeasurementTrusted(1)]);
        sentences.push(trusted(key_subject(BOUND), Purpose::Attestation(None)));
        sentences.push(trusted(key_subject(1), Purpose::KeyProvision));
        sentences
    }

    /// All that evidence adds to what follows.
    fn of_evidence() -> Vec<Sentence> {
        let speaks = Sentence::SpeaksFor { speaker: key_subject(BOUND), principal: Subject::Environment(0) };
        let mut all = vec![speaks, Sentence::IsEnvironment(0), Sentence::PlatformTrusted(0)];
        all.extend([Sentence::MeasurementTrusted(0), Sentence::EvidenceTrusted]);
        all.push(trusted(Subject::Environment(0), Purpose::Execution(None)));
        all.push(trusted(key_subject(BOUND), Purpose::Authentication));
        all.push(trusted(key_subject(BOUND), Purpose::KeyProvision));
        all
    }

    fn facts(&self) -> Facts<'_> {
        Facts { components: &self.components, key: Some(id(BOUND)) }
    }

    fn effective(&self) -> std::sync::Arc<Effective> {
        self.domain.effective(NOW).expect("a small domain")
    }

    /// A proof of every sentence that has one.
    fn honest(&self) -> Vec<Proof> {
        let effective = self.effective();
        let component = &self.components[0];
        let hardware = Subject::Hardware(component.kind, CHIP.to_vec());
        let rules: Vec<_> = effective.platform_rules(Kind::Snp).map(|(fact, _)| fact).collect();
        let grounds = rules.into_iter().map(|platform| Grounds {
            attester: effective
                .is_trusted(&component.attester, &Purpose::Attestation(Some(component.kind)))
                .expect("trusted"),
            measurement: effective.measurements(component.kind, &component.registers).first().expect("measured").0,
            platform,
            properties: effective.properties(&hardware).map(|(fact, ..)| fact).collect(),
        });
        let grounds: Vec<Grounds> = grounds.collect();
        let goals = Self::of_evidence();
        let of_evidence = goals.iter().flat_map(|goal| {
            grounds
                .iter()
                .filter_map(|one| effective.prove_evidence(goal, std::slice::from_ref(one), self.facts(), NOW).ok())
        });
        let of_evidence: Vec<Proof> = of_evidence.collect();
        assert_eq!(of_evidence.len(), 3, "of the evidence, and of its key for two purposes");
        let stated = self.sentences.iter().filter_map(|goal| effective.prove(goal, NOW).expect("a small domain"));
        of_evidence.into_iter().chain(stated).collect()
    }
}

/// Whether a proof is accepted; then, its conclusion follows.
fn judged(proof: &Proof) -> bool {
    let (case, effective) = (&*CASE, CASE.effective());
    let Ok(conclusion) = check(proof, effective.standing(), case.facts(), NOW) else { return false };
    let follows =
        Case::of_evidence().contains(conclusion) || effective.prove(conclusion, NOW).is_ok_and(|proof| proof.is_some());
    assert!(follows, "accepted: {conclusion}");
    true
}

/// The bytes of [`proof_steps`] that make a proof; `None` where a part of it has no number.
fn steps_of(proof: &Proof) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for step in &proof.steps {
        let rule = CASE.rules.iter().position(|rule| *rule == step.rule)?;
        let conclusion = CASE.sentences.iter().position(|sentence| *sentence == step.conclusion)?;
        bytes.extend([rule, conclusion, step.premises.len()].map(|number| u8::try_from(number).unwrap_or(u8::MAX)));
        bytes.extend(step.premises.iter().map(|premise| u8::try_from(*premise).unwrap_or(u8::MAX)));
    }
    Some(bytes)
}

/// Seeds of these targets, each honest.
pub(crate) fn seeds() -> Vec<Seed> {
    let case = &*CASE;
    let mut seeds = Vec::new();
    for (place, own) in case.domain.own().enumerate() {
        seeds.push(Seed::new("statement", format!("own-{place}"), own.statement().to_bytes()));
    }
    for (place, signed) in case.domain.signed().iter().enumerate() {
        seeds.push(Seed::new("statement", format!("signed-{place}"), signed.object()));
    }
    let of_key: Vec<&Signed> = case.domain.signed().iter().filter(|signed| signed.speaker() == id(1)).collect();
    for (place, signed) in of_key.into_iter().enumerate() {
        let payload = casemate_cose::verify_keyed(Object::Statement, signed.object()).expect("signed");
        seeds.push(Seed::new("signed_statement", format!("own-{place}"), payload.payload()));
    }
    for (place, proof) in case.honest().iter().enumerate() {
        seeds.push(Seed::new("proof", format!("own-{place}"), proof.to_bytes()));
        seeds.extend(steps_of(proof).map(|bytes| Seed::new("proof_steps", format!("own-{place}"), bytes)));
    }
    seeds.push(Seed::new("domain_compiled", "own", case.domain.to_bytes()));
    seeds.push(Seed::new("domain", "own", casemate_testkit::domain::full() + MORE_WORDS));
    let documents = [
        ("import_azure_release", AZURE_RELEASE.as_bytes()),
        ("import_certifier", CERTIFIER.as_bytes()),
        ("import_rvps", RVPS.as_bytes()),
    ];
    seeds.extend(documents.map(|(target, bytes)| Seed::new(target, "own", bytes)));
    seeds
}

/// What the example has no place for.
const MORE_WORDS: &str = r#"
[[platform]]
name = "bounded"
kind = "snp"
any_genuine_chip = true
from = 2026-01-01
[platform.require]
"reported-tcb.microcode" = { at_least = 0xdb, at_most = 0xff }

[[delegate]]
name = "of one kind"
key = "sha256:abababababababababababababababababababababababababababababababab"
may_publish = ["measurements"]
kinds = ["snp"]

[[revoke]]
name = "a broken guest"
snp = { measurement = "bb0211111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111" }
"#;

const AZURE_RELEASE: &str = r#"{"version":"1.0.0","anyOf":[{"authority":"https://sharedeus2.eus2.attest.azure.net","allOf":[
{"claim":"x-ms-sgx-mrsigner","equals":"9fa48b1629bd246a1de3d38fb7df97f6554cd65d6b3b72e85b86848ae6b578ba"},
{"claim":"x-ms-sgx-svn","greaterOrEquals":3},{"claim":"x-ms-sgx-product-id","equals":"4639"},
{"claim":"x-ms-sgx-is-debuggable","equals":"false"}]}]}"#;

const CERTIFIER: &str = r#"{"policyKey":"policy_key.pem","platforms":[{"type":"amd-sev-snp","props":[
{"name":"debug","type":"string","comparator":"=","value":"no"},
{"name":"api-major","type":"int","comparator":"=","value":"0"}]}],
"measurements":["070707070707070707070707070707070707070707070707070707070707070707070707070707070707070707070707"]}"#;

const RVPS: &str = r#"{"snp_bootloader":[3,4],"snp_microcode":[209],"snp_snp_svn":[22],"snp_tee_svn":[0],"snp_launch_measurement":[
"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]}"#;
