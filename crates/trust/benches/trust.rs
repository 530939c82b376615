//! What an appraisal costs once a domain of 10,000 statements is loaded, beside one signature check and beside Rego.
//!
//! One SEV-SNP report of a vendor of our own; a domain that a draft of it begins and 10,000 reference values fill. Sides:
//! - `appraise`: components, search, proof, checker; [`check`] alone; authentication is not in it.
//! - `signature`: ECDSA P-384 over the report by aws-lc-rs, bare, its key parsed before.
//! - `regorus`: a Rego policy of the same demands on the same claims, the reference values as data: looked up in an object, as Rego does it
//!   fastest, and searched in a list, as shipped policies do it. Engine, policy, data and input are ready before.
//!
//! All sides run in turn, and the fastest tenth of each side's batches counts, so that what else the machine does falls away.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_docs_in_private_items,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a bench reads the clock, and one that cannot measure has nothing better to do than to stop and say where"
)]

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    hint::black_box,
    time::{Duration, Instant},
};

use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED, ParsedPublicKey};
use casemate_cose::Digest;
use casemate_evidence::{
    Anchor, Authenticated, Cache, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Format, Vendor,
    authenticate_cached,
};
use casemate_testkit::{
    NOW, figure,
    pki::Key,
    vendor::amd::{Amd, Line, Report, guid, table},
};
use casemate_trust::{
    Domain, Verdict, appraise,
    component::{Component, components},
    draft,
    proof::{Effective, Facts, Proof, check},
    statement::{Kind, Measurement, Purpose, Register, Sentence, Statement, Subject, Test, Value},
};
use regorus::Engine;
use serde_json::json;

const STATEMENTS: usize = 10_000;
const ROUNDS: usize = 100;
const BATCH: Duration = Duration::from_millis(2);
/// Authentic evidence is used up by appraisal: so much is made before each batch.
const PREPARED: usize = 50;

fn main() {
    let amd = Amd::new(Line::Milan);
    let report = Report::of(amd.line);
    let (vcek, ask) = (amd.vcek(&report).issue(&amd.ask), amd.ark.issue(&amd.ask_certificate()));
    let bytes = [report.sign(&amd.vcek), table(&[(guid::VCEK, &vcek), (guid::ASK, &ask)])].concat();
    let signed = Signed::of(&bytes, &amd.vcek);
    let input = Input {
        evidence: Evidence::new(Format::Snp, bytes),
        endorsements: Endorsements::default()
            .with(Endorsement::Anchor(Anchor::of_certificate(Vendor::Amd, &amd.ark.root()).unwrap())),
        cache: Cache::default(),
    };
    let statements = statements(&input.authentic());
    let component = components(input.authentic().claims()).remove(0);
    let rego = Rego::of(&component, &statements);
    let domain = load(statements);
    measure(&input, &domain, &component, &signed, &rego);
}

struct Input {
    evidence: Evidence,
    endorsements: Endorsements,
    cache: Cache,
}

impl Input {
    fn authentic(&self) -> Authenticated<DangerouslyUnbound> {
        authenticate_cached(&self.evidence, &self.endorsements, &DangerouslyUnbound, NOW, &self.cache)
            .expect("authentic")
    }
}

/// What a draft says, and reference values of other releases up to the number that is measured.
fn statements(authentic: &Authenticated<DangerouslyUnbound>) -> Vec<Statement> {
    let mut statements = draft(authentic, "measured").statements;
    for number in statements.len()..STATEMENTS {
        let digest = Digest::of(&number.to_be_bytes());
        let value = [digest.as_bytes().as_slice(), &digest.as_bytes()[..16]].concat();
        let registers = vec![Register { name: "measurement".to_owned(), value }];
        let subject = Subject::Measurement(Measurement { kind: Kind::Snp, registers });
        let sentence = Sentence::Trusted { subject, purpose: Purpose::Execution(None) };
        statements.push(Statement::always(format!("release {number}"), sentence));
    }
    statements
}

/// The domain, loaded from its compiled form; and what loading takes.
fn load(statements: Vec<Statement>) -> Domain {
    let domain = Domain::of("bench", 0, statements, Vec::new(), Vec::new()).unwrap();
    let (compiled, text) = (domain.to_bytes(), domain.to_toml());
    let best = |work: &dyn Fn()| (0..5).map(|_| once_ms(work)).fold(f64::INFINITY, f64::min);
    figure("load_compiled_ms", best(&|| drop(black_box(Domain::from_bytes(&compiled).unwrap()))));
    figure("load_text_ms", best(&|| drop(black_box(Domain::parse(&text).unwrap()))));
    figure("load_effective_ms", best(&|| drop(black_box(Effective::of(domain.statements(), NOW).unwrap()))));
    let loaded = Domain::from_bytes(&compiled).unwrap();
    loaded.effective(NOW).unwrap();
    loaded
}

fn measure(input: &Input, domain: &Domain, component: &Component, signed: &Signed, rego: &Rego) {
    let proof = accepted(input.authentic(), domain);
    let effective = domain.effective(NOW).unwrap();
    let facts = Facts { components: std::slice::from_ref(component), key: None };
    check(&proof, effective.standing(), facts, NOW).unwrap();
    let mut sides: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let (mut by_object, mut by_list) = (rego.engine(rego.by_object()), rego.engine(rego.by_list()));
    for _ in 0..ROUNDS {
        let mut took = |name, us| sides.entry(name).or_default().push(us);
        let prepared: Vec<_> = (0..PREPARED).map(|_| input.authentic()).collect();
        took("appraise_us", each_us(prepared, |authentic| drop(black_box(accepted(authentic, domain)))));
        took("check_us", time_us(|| drop(black_box(check(&proof, effective.standing(), facts, NOW).unwrap().clone()))));
        took("signature_us", time_us(|| signed.verify()));
        took("regorus_us", time_us(|| rego.allows(&mut by_object)));
        took("regorus_list_us", time_us(|| rego.allows(&mut by_list)));
    }
    let fastest = |name: &str| {
        let mut batches = sides[name].clone();
        batches.sort_by(f64::total_cmp);
        batches[batches.len() / 10]
    };
    for name in sides.keys() {
        figure(name, fastest(name));
    }
    figure("appraise_signature_time_ratio", fastest("appraise_us") / fastest("signature_us"));
    figure("appraise_regorus_time_ratio", fastest("appraise_us") / fastest("regorus_us"));
    figure("proof_steps", f64::from(u32::try_from(proof.steps.len()).unwrap()));
}

fn accepted(authentic: Authenticated<DangerouslyUnbound>, domain: &Domain) -> Proof {
    match appraise(authentic, domain, NOW) {
        Verdict::Accepted(accepted) => accepted.proof().clone(),
        Verdict::Denied(reasons) => panic!("denied: {reasons:?}"),
    }
}

/// The report's own signature.
struct Signed {
    key: ParsedPublicKey,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Signed {
    fn of(report: &[u8], key: &Key) -> Self {
        let scalar = |place: usize| report[place..place + 48].iter().rev().copied().collect::<Vec<u8>>();
        let signature = [scalar(0x2a0), scalar(0x2a0 + 72)].concat();
        let key = ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, key.public()).expect("a P-384 key");
        let signed = Self { key, message: report[..0x2a0].to_vec(), signature };
        signed.verify();
        signed
    }

    fn verify(&self) {
        self.key.verify_sig(&self.message, &self.signature).expect("a genuine signature");
    }
}

/// The same policy in Rego.
struct Rego {
    input: regorus::Value,
    references: Vec<String>,
    demands: String,
}

impl Rego {
    fn of(component: &Component, statements: &[Statement]) -> Self {
        let properties: BTreeMap<&str, serde_json::Value> =
            component.properties.iter().map(|(name, value)| (name.as_ref(), of_value(value))).collect();
        let dangers: Vec<String> = component.dangers.iter().map(ToString::to_string).collect();
        let input = json!({
            "kind": component.kind.to_string(), "attester": "amd", "properties": properties, "dangers": dangers,
            "identity": component.identity.as_ref().map(hex::encode), "measurement": hex::encode(component.register("measurement").unwrap()),
        });
        let mut references = Vec::new();
        let mut demands = String::new();
        for statement in statements {
            let Sentence::Trusted { subject, .. } = &statement.sentence else { continue };
            match subject {
                Subject::Measurement(measurement) => {
                    let launch = measurement.registers.iter().find(|register| register.name == "measurement").unwrap();
                    references.push(hex::encode(&launch.value));
                }
                Subject::Platform(rule) => {
                    for demand in &rule.demands {
                        let left = format!("input.properties[{:?}]", demand.property);
                        writeln!(demands, "    {}", of_test(&left, &demand.test)).unwrap();
                    }
                }
                _ => {}
            }
        }
        // The one that is met stands where a search finds it on average.
        references.rotate_left(STATEMENTS / 2);
        Self { input: regorus::Value::from_json_str(&input.to_string()).unwrap(), references, demands }
    }

    fn by_object(&self) -> (String, serde_json::Value) {
        let known: BTreeMap<&str, bool> = self.references.iter().map(|value| (value.as_str(), true)).collect();
        (self.policy("data.references[input.measurement]"), json!({ "references": known }))
    }

    fn by_list(&self) -> (String, serde_json::Value) {
        (self.policy("input.measurement in data.references"), json!({ "references": self.references }))
    }

    fn policy(&self, known: &str) -> String {
        format!(
            "package bench\nimport rego.v1\ndefault allow := false\nallow if {{\n    input.kind == \"snp\"\n    input.attester == \"amd\"\n    \
             count(input.dangers) == 0\n    {known}\n{}}}\n",
            self.demands
        )
    }

    fn engine(&self, (policy, data): (String, serde_json::Value)) -> Engine {
        let mut engine = Engine::new();
        engine.add_policy("bench.rego".to_owned(), policy.clone()).unwrap_or_else(|error| panic!("{error}\n{policy}"));
        engine.add_data_json(&data.to_string()).unwrap();
        self.allows(&mut engine);
        engine
    }

    fn allows(&self, engine: &mut Engine) {
        engine.set_input(self.input.clone());
        let allow = engine.eval_rule("data.bench.allow".to_owned()).unwrap();
        assert_eq!(black_box(allow), regorus::Value::Bool(true), "the Rego policy accepts what the domain accepts");
    }
}

fn of_value(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(value) => json!(value),
        Value::Bytes(bytes) => json!(hex::encode(bytes)),
        Value::Number(number) => json!(number),
        Value::Set(names) => json!(names),
        Value::Text(text) => json!(text),
        Value::Time(time) => json!(time.0),
    }
}

fn of_test(left: &str, test: &Test) -> String {
    match test {
        Test::AtLeast(value) => format!("{left} >= {}", of_value(value)),
        Test::AtMost(value) => format!("{left} <= {}", of_value(value)),
        Test::Equals(value) => format!("{left} == {}", of_value(value)),
        Test::NotEquals(value) => format!("{left} != {}", of_value(value)),
        Test::OneOf(values) => format!("{left} in {}", json!(values.iter().map(of_value).collect::<Vec<_>>())),
        Test::SubsetOf(names) => format!("every name in {left} {{ name in {} }}", json!(names)),
    }
}

fn once_ms(work: &dyn Fn()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64() * 1e3
}

/// Microseconds of one call, over a batch of them.
fn time_us(mut work: impl FnMut()) -> f64 {
    let started = Instant::now();
    let mut calls = 0_u32;
    while started.elapsed() < BATCH {
        work();
        calls += 1;
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
}

/// The same of work that uses up what was prepared.
fn each_us<T>(prepared: Vec<T>, mut work: impl FnMut(T)) -> f64 {
    let calls = f64::from(u32::try_from(prepared.len()).unwrap());
    let started = Instant::now();
    prepared.into_iter().for_each(&mut work);
    started.elapsed().as_secs_f64() * 1e6 / calls
}
