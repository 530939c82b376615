//! The Certifier Framework's signed claims, made here with keys of our own, and crimes against policies and claims.

use std::collections::BTreeMap;

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_SHA384, RsaKeyPair},
};
use casemate_cose::Digest;
use casemate_evidence::rfc3339;
use casemate_testkit::pki::{Algorithm, Key};
use casemate_trust::{
    import::{
        ImportError, Signed,
        certifier::{self, policy, signed_claims},
    },
    statement::{Kind, Purpose, Sentence, Subject, Test, Value},
};

use crate::{demand, measurements, number, one_refusal, refusals, rules, stands};

pub(super) fn bytes(field: u8, value: &[u8]) -> Vec<u8> {
    let mut length = value.len();
    let mut out = vec![field << 3 | 2];
    while length >= 0x80 {
        out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).unwrap());
    [out, value.to_vec()].concat()
}

fn varint(field: u8, value: u8) -> Vec<u8> {
    vec![field << 3, value]
}

/// Modulus and exponent of an `RSAPublicKey` of 2048 or 4096 bits.
fn components(public: &[u8]) -> (Vec<u8>, Vec<u8>) {
    // 30 82 …, 02 82 … 00, modulus, 02 03 01 00 01
    (public[9..public.len() - 5].to_vec(), vec![1, 0, 1])
}

fn rsa_key(bits: usize, public: &[u8]) -> Vec<u8> {
    let (modulus, exponent) = components(public);
    let rsa = [bytes(1, &modulus), bytes(2, &exponent)].concat();
    [bytes(1, b"key"), bytes(2, format!("rsa-{bits}-public").as_bytes()), bytes(3, b"vse-key"), bytes(4, &rsa)].concat()
}

/// A key message, and how it signs.
#[expect(clippy::type_complexity, reason = "a function in a field")]
struct Signer {
    message: Vec<u8>,
    digest: Digest,
    algorithm: &'static str,
    sign: Box<dyn Fn(&[u8]) -> Vec<u8>>,
}

fn rsa() -> Signer {
    let key = Key::new(Algorithm::RsaPkcs1Sha256);
    let (message, digest) = (rsa_key(2048, &key.public()), Digest::of(&key.spki()));
    Signer { message, digest, algorithm: "rsa-2048-sha256-pkcs-sign", sign: Box::new(move |bytes| key.sign(bytes)) }
}

fn ecc(key: Key, bits: usize, algorithm: &'static str) -> Signer {
    let public = key.public();
    let (x, y) = public[1..].split_at(bits / 8);
    let ecc = bytes(6, &[bytes(1, x), bytes(2, y)].concat());
    let message = [bytes(2, format!("ecc-{bits}-public").as_bytes()), bytes(3, b"vse-key"), bytes(5, &ecc)].concat();
    let digest = Digest::of(&key.spki());
    Signer { message, digest, algorithm, sign: Box::new(move |bytes| key.sign(bytes)) }
}

fn rsa_4096() -> Signer {
    let pair = RsaKeyPair::generate(KeySize::Rsa4096).unwrap();
    let public = pair.public_key().as_ref().to_vec();
    let message = rsa_key(4096, &public);
    let spki = casemate_testkit::der::sequence(&[
        casemate_testkit::der::sequence(&[casemate_testkit::der::oid("1.2.840.113549.1.1.1"), vec![5, 0]]),
        casemate_testkit::der::bits(&public),
    ]);
    let sign = move |bytes: &[u8]| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA384, &SystemRandom::new(), bytes, &mut signature).unwrap();
        signature
    };
    Signer { message, digest: Digest::of(&spki), algorithm: "rsa-4096-sha384-pkcs-sign", sign: Box::new(sign) }
}

fn key_entity(key: &Signer) -> Vec<u8> {
    [bytes(1, b"key"), bytes(2, &key.message)].concat()
}

fn clause(subject: &[u8], verb: &str) -> Vec<u8> {
    [bytes(1, subject), bytes(2, verb.as_bytes())].concat()
}

fn says(key: &Signer, inner: &[u8]) -> Vec<u8> {
    [clause(&key_entity(key), "says"), bytes(4, inner)].concat()
}

fn claim(clause: &[u8]) -> Vec<u8> {
    claim_within(clause, "2026-01-01T00:00:00.00000Z", "2027-01-01T00:00:00.00000Z")
}

fn claim_within(clause: &[u8], not_before: &str, not_after: &str) -> Vec<u8> {
    [
        bytes(1, b"vse-clause"),
        bytes(2, b""),
        bytes(3, not_before.as_bytes()),
        bytes(4, not_after.as_bytes()),
        bytes(5, clause),
    ]
    .concat()
}

fn signed(claim: &[u8], key: &Signer) -> Vec<u8> {
    let signature = (key.sign)(claim);
    [bytes(1, claim), bytes(2, &key.message), bytes(3, key.algorithm.as_bytes()), bytes(4, &signature)].concat()
}

fn property(name: &str, value: &str) -> Vec<u8> {
    [bytes(1, name.as_bytes()), bytes(2, b"string"), bytes(3, b"="), bytes(4, value.as_bytes())].concat()
}

fn platform(properties: &[Vec<u8>]) -> Vec<u8> {
    let props: Vec<u8> = properties.iter().flat_map(|property| bytes(1, property)).collect();
    let platform = [bytes(1, b"amd-sev-snp"), bytes(3, &props), varint(4, 0)].concat();
    [bytes(1, b"platform"), bytes(4, &platform)].concat()
}

fn measurement(size: usize) -> Vec<u8> {
    [bytes(1, b"measurement"), bytes(3, &vec![7; size])].concat()
}

#[test]
fn every_algorithm_is_verified_over_the_received_bytes() {
    let attested = rsa();
    let p384 = || ecc(Key::new(Algorithm::P384), 384, "ecc-384-sha384-pkcs-sign");
    for signer in [rsa(), rsa_4096(), p384(), ecc(Key::new(Algorithm::P256), 256, "ecc-256-sha256-pkcs-sign")] {
        let said = clause(&key_entity(&attested), "is-trusted-for-attestation");
        let object = signed(&claim(&says(&signer, &said)), &signer);
        let imported = signed_claims(&object, Some(signer.digest)).unwrap();
        stands(&imported);
        assert_eq!(imported.signed, Signed::By(signer.digest));
        let [statement] = imported.statements.as_slice() else { panic!() };
        let inner = Sentence::Trusted { subject: Subject::Key(attested.digest), purpose: Purpose::Attestation(None) };
        assert_eq!(statement.sentence, inner);
        // Nobody's word is taken but that of the key that is named.
        for stranger in [None, Some(attested.digest)] {
            let refused = refusals(signed_claims(&object, stranger));
            let [refused] = refused.as_slice() else { panic!("{refused:?}") };
            assert!(refused.contains(&signer.digest.to_string()) && refused.contains("name this key as the signer"));
        }
        assert_eq!(statement.validity.not_before, rfc3339("2026-01-01T00:00:00Z").unwrap());
        assert_eq!(statement.validity.not_after, rfc3339("2027-01-01T00:00:00Z").unwrap());
        // Every byte that was signed counts, and the signature is this key's alone.
        for place in (2..claim(&says(&signer, &said)).len()).step_by(7) {
            let mut changed = object.clone();
            changed[place + 3] ^= 1;
            assert!(signed_claims(&changed, Some(signer.digest)).is_err(), "byte {place}");
        }
        let other = p384();
        let forged = [
            bytes(1, &claim(&says(&signer, &said))),
            bytes(2, &signer.message),
            bytes(3, signer.algorithm.as_bytes()),
            bytes(4, &(other.sign)(&claim(&says(&signer, &said)))),
        ]
        .concat();
        assert_eq!(signed_claims(&forged, None).unwrap_err(), ImportError::Signature { key: signer.digest });
    }
}

#[test]
fn what_the_policy_key_signs_is_the_roots() {
    let (policy_key, attested) = (rsa(), rsa());
    let sequence = [
        signed(
            &claim(&says(
                &policy_key,
                &clause(&platform(&[property("debug", "no"), property("smt", "yes")]), "has-trusted-platform-property"),
            )),
            &policy_key,
        ),
        signed(&claim(&says(&policy_key, &clause(&measurement(48), "is-trusted"))), &policy_key),
        signed(&claim(&clause(&key_entity(&attested), "is-trusted-for-key-provision")), &policy_key),
        signed(
            &claim(&says(
                &policy_key,
                &[clause(&key_entity(&attested), "speaks-for"), bytes(3, &key_entity(&policy_key))].concat(),
            )),
            &policy_key,
        ),
    ]
    .iter()
    .flat_map(|object| bytes(1, object))
    .collect::<Vec<u8>>();
    let pem = {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        // The key that signs, as a certificate authority would hand it out.
        let der = casemate_testkit::der::sequence(&[
            casemate_testkit::der::sequence(&[casemate_testkit::der::oid("1.2.840.113549.1.1.1"), vec![5, 0]]),
            casemate_testkit::der::bits(&public_of(&policy_key)),
        ]);
        assert_eq!(Digest::of(&der), policy_key.digest);
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
    };
    assert_eq!(certifier::key(pem.as_bytes()), Ok(policy_key.digest));
    let imported = signed_claims(&sequence, Some(policy_key.digest)).unwrap();
    stands(&imported);
    assert!(imported.statements.iter().all(|statement| !matches!(statement.sentence, Sentence::Says { .. })));
    assert_eq!(imported.statements.len(), 4);
    assert_eq!(measurements(&imported)[0].kind, Kind::Snp);
    let demands = &rules(&imported)[0].demands;
    assert_eq!(
        demands,
        &[
            demand("policy.debug", Test::Equals(Value::Bool(false))),
            demand("policy.smt", Test::Equals(Value::Bool(true)))
        ]
    );
    // The same, when another key is named: each is refused by the key that signed it.
    let others = refusals(signed_claims(&sequence, Some(attested.digest)));
    assert_eq!(others.len(), 4, "{others:#?}");
    assert!(others.iter().all(|line| line.contains(&policy_key.digest.to_string())), "{others:#?}");
    let two =
        [bytes(1, &signed(&claim(&clause(&key_entity(&attested), "is-trusted-for-attestation")), &attested)), sequence]
            .concat();
    one_refusal(
        "two signers",
        signed_claims(&two, Some(policy_key.digest)),
        "claims[0]",
        "name this key as the signer",
    );
}

fn public_of(key: &Signer) -> Vec<u8> {
    let (modulus, exponent) = {
        let message = &key.message;
        let at = message.windows(3).position(|window| window == [0x0a, 0x80, 0x02]).unwrap() + 3;
        (message[at..at + 256].to_vec(), vec![1, 0, 1])
    };
    let integer = |bytes: &[u8], sign: &[u8]| casemate_testkit::der::element(2, &[sign, bytes].concat());
    casemate_testkit::der::sequence(&[integer(&modulus, &[0]), integer(&exponent, &[])])
}

#[test]
fn claims_crimes() {
    let (signer, other) = (rsa(), rsa());
    let trusted = |key: &Signer, verb: &str| clause(&key_entity(key), verb);
    let import = |clause: &[u8]| signed_claims(&signed(&claim(&says(&signer, clause)), &signer), Some(signer.digest));
    for (crime, clause, start, why) in [
        (
            "trusted in everything",
            trusted(&other, "is-trusted"),
            "signed claim/claim/clause/clause/verb",
            "everything it will ever say",
        ),
        (
            "unknown verb",
            trusted(&other, "is-trusted-for-lunch"),
            "signed claim/claim/clause/clause/verb",
            "nothing that can be said of a key",
        ),
        (
            "environment",
            clause(&[bytes(1, b"environment"), bytes(5, b"")].concat(), "is-environment"),
            "signed claim/claim/clause/clause/verb",
            "for evidence alone",
        ),
        (
            "speaks for a measurement",
            [trusted(&other, "speaks-for"), bytes(3, &measurement(48))].concat(),
            "signed claim/claim/clause/clause/verb",
            "what only evidence ties",
        ),
        (
            "measurement of no platform",
            clause(&measurement(48), "is-trusted"),
            "signed claim/claim/clause/clause/subject",
            "none is named",
        ),
        (
            "debug admitted",
            clause(&platform(&[property("debug", "yes")]), "has-trusted-platform-property"),
            "signed claim/claim/clause/clause/subject/platform_ent/props[0]",
            "not imported",
        ),
        (
            "what another says",
            says(&other, &trusted(&other, "is-trusted-for-attestation")),
            "signed claim/claim/clause/clause/subject",
            "is another's word",
        ),
    ] {
        one_refusal(crime, import(&clause), start, why);
    }
    let stolen = signed(&claim(&says(&other, &trusted(&other, "is-trusted-for-attestation"))), &signer);
    one_refusal(
        "another's word",
        signed_claims(&stolen, Some(signer.digest)),
        "signed claim",
        "under the signature of another",
    );
}

#[test]
fn claims_that_are_none() {
    let (signer, other) = (rsa(), rsa());
    let honest = clause(&key_entity(&other), "is-trusted-for-attestation");
    let seal = |claim: &[u8]| signed(claim, &signer);
    let private = bytes(3, &[1; 8]);
    let (modulus, _) = components(&public_of(&signer));
    let with_private = [
        bytes(2, b"rsa-2048-public"),
        bytes(3, b"vse-key"),
        bytes(4, &[bytes(1, &modulus), bytes(2, &[1, 0, 1]), private].concat()),
    ]
    .concat();
    let renamed = |kind: &[u8]| {
        [bytes(2, kind), bytes(3, b"vse-key"), bytes(4, &[bytes(1, &modulus), bytes(2, &[1, 0, 1])].concat())].concat()
    };
    let under = |key: &[u8], algorithm: &str| {
        let claim = claim(&honest);
        [bytes(1, &claim), bytes(2, key), bytes(3, algorithm.as_bytes()), bytes(4, &(signer.sign)(&claim))].concat()
    };
    let deep = (0..9).fold(honest.clone(), |inner, _| says(&signer, &inner));
    for (crime, object, why) in [
        ("private key", under(&with_private, signer.algorithm), "private key lies in this file"),
        ("private type", under(&renamed(b"rsa-2048-private"), signer.algorithm), "private key lies in this file"),
        ("type of another length", under(&renamed(b"rsa-4096-public"), signer.algorithm), "is not of 4096 bits"),
        ("weak type", under(&renamed(b"rsa-1024-public"), signer.algorithm), "no kind of key known"),
        ("algorithm of another key", under(&signer.message, "ecc-384-sha384-pkcs-sign"), "does not verify"),
        ("algorithm of another hash", under(&signer.message, "rsa-4096-sha384-pkcs-sign"), "does not verify"),
        ("no algorithm", under(&signer.message, ""), "does not verify"),
        (
            "certificate within",
            under(&[signer.message.clone(), bytes(7, b"x")].concat(), signer.algorithm),
            "limits the key or repeats it",
        ),
        ("another format", seal(&[bytes(1, b"json"), bytes(5, &honest)].concat()), "is not `vse-clause`"),
        (
            "no clause",
            seal(
                &[bytes(1, b"vse-clause"), bytes(3, b"2026-01-01T00:00:00.0Z"), bytes(4, b"2027-01-01T00:00:00.0Z")]
                    .concat(),
            ),
            "serialized_claim: is missing",
        ),
        ("no time", seal(&claim_within(&honest, "", "2027-01-01T00:00:00.0Z")), "is no time like"),
        (
            "local time",
            seal(&claim_within(&honest, "2026-01-01T00:00:00", "2027-01-01T00:00:00.0Z")),
            "is no time like",
        ),
        (
            "ended before it began",
            seal(&claim_within(&honest, "2027-01-01T00:00:00.0Z", "2026-01-01T00:00:00.0Z")),
            "ends before it begins",
        ),
        ("unknown field", seal(&[claim(&honest), bytes(6, b"x")].concat()), "field 6 is not known"),
        ("field twice", seal(&[claim(&honest), bytes(5, &honest)].concat()), "appears twice"),
        ("deep", seal(&claim(&deep)), "clauses deeper than 8"),
        (
            "two subjects in one",
            seal(&claim(&clause(&[key_entity(&other), bytes(3, &[7; 48])].concat(), "is-trusted"))),
            "and nothing else",
        ),
        ("entity of no type", seal(&claim(&clause(&bytes(2, &other.message), "is-trusted"))), "no type known"),
        ("trailing byte", [seal(&claim(&honest)), vec![0x0a]].concat(), "cut off"),
        ("nothing", Vec::new(), "there is none"),
        ("a certificate", vec![0x30, 0x82, 0x03, 0x0f], "given as policy key"),
    ] {
        let error = signed_claims(&object, Some(signer.digest)).unwrap_err().to_string();
        assert!(error.contains(why), "{crime}: {error}");
    }
}

#[test]
fn claims_that_are_cut_and_times_between_seconds() {
    let (signer, other) = (rsa(), rsa());
    let honest = clause(&key_entity(&other), "is-trusted-for-attestation");
    let seal = |claim: &[u8]| signed(claim, &signer);
    let object = seal(&claim(&honest));
    let no_key = certifier::key(b"no key").unwrap_err().to_string();
    assert!(no_key.contains("neither a certificate nor a public key"), "{no_key}");
    for length in (0..object.len()).step_by(11) {
        assert!(signed_claims(&object[..length], Some(signer.digest)).is_err());
    }
    // A fraction of a second is inside, never outside.
    let within = seal(&claim_within(&honest, "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:09.5Z"));
    let within = signed_claims(&within, Some(signer.digest)).unwrap();
    let validity = within.statements[0].validity;
    assert_eq!(validity.not_after.0 - validity.not_before.0, 8);
}

/// A policy with one platform, one measurement and these claims.
fn json(props: &str, measurement: &str, claims: &str) -> String {
    format!(
        r#"{{"policyKey":"policy_key_file.bin","platforms":[{{"type":"amd-sev-snp","props":[{props}]}}],
            "measurements":["{measurement}"],"claims":[{claims}]}}"#
    )
}

fn prop(name: &str, kind: &str, comparator: &str, value: &str) -> String {
    format!(r#"{{"name":"{name}","type":"{kind}","comparator":"{comparator}","value":"{value}"}}"#)
}

#[test]
fn policy_crimes() {
    let launch = "01".repeat(48);
    let props = |prop: String| json(&prop, &launch, "");
    let claims = |claim: &str| json("", &launch, claim);
    let says = |clause: &str| claims(&format!(r#"{{"keySubject":"policy_key_file.bin","verb":"says",{clause}}}"#));
    let unary = |subject: &str, verb: &str| says(&format!(r#""unaryClause":{{{subject},"verb":"{verb}"}}"#));
    let (first, clause) = ("/platforms/0/props/0", "/claims/0/unaryClause");
    for (crime, policy_text, start, why) in [
        ("debug admitted", props(prop("debug", "string", "eq", "yes")), first, "not imported"),
        ("migration admitted", props(prop("migrate", "string", "eq", "yes")), first, "not imported"),
        ("neither yes nor no", props(prop("smt", "string", "eq", "maybe")), first, "neither `yes` nor `no`"),
        ("ordered text", props(prop("smt", "string", "ge", "no")), first, "neither `yes` nor `no`"),
        ("unknown property", props(prop("colour", "string", "eq", "red")), first, "no property that one here"),
        ("TCB as one number", props(prop("tcb-version", "int", "ge", "0x1")), first, "hides behind a higher one"),
        ("TCB of no layout", props(prop("tcb-version", "int", "eq", "0x0000ff0000000000")), first, "no TCB version of the product lines"),
        ("unknown comparator", props(prop("api-major", "int", "le", "1")), first, "no comparison of numbers"),
        ("no number", props(prop("api-major", "int", "ge", "one")), "/platforms/0/props/0/value", "no whole number"),
        ("number beyond 64 bits", props(prop("api-major", "int", "ge", "0x10000000000000000")), "/platforms/0/props/0/value", "no whole number"),
        ("unknown type", props(prop("api-major", "float", "ge", "1")), "/platforms/0/props/0/type", "no type known"),
        ("property twice", props([prop("smt", "string", "eq", "no"), prop("smt", "string", "eq", "yes")].join(",")), "/platforms/0/props/1", "there twice"),
        ("measurement of another length", json("", "0102", ""), "/measurements/0", "is of no platform"),
        ("measurement not in hexadecimal", json("", "xyz", ""), "/measurements/0", "no measurement in hexadecimal"),
        ("another file", unary(r#""certSubject":"ark_cert.der""#, "is-trusted-for-attestation"), &format!("{clause}/certSubject"), "was not given"),
        ("trusted in everything", unary(r#""keySubject":"k""#, "is-trusted"), &format!("{clause}/verb"), "everything it will ever say"),
        ("environment", unary(r#""environmentSubject":"e""#, "is-environment"), &format!("{clause}/environmentSubject"), "another format"),
        ("two subjects", unary(r#""keySubject":"k","certSubject":"c""#, "is-trusted-for-attestation"), clause, "exactly one of"),
        ("no clause", claims(r#"{"keySubject":"policy_key_file.bin","verb":"says"}"#), "/claims/0", "exactly one of"),
        ("another signs", claims(r#"{"keySubject":"policy_key_file.bin","verb":"says","signingKey":"k","unaryClause":{"measurementSubject":"LAUNCH","verb":"is-trusted"}}"#).replace("LAUNCH", &launch), "/claims/0/signingKey", "policy key's place"),
        ("another says, unknown", claims(r#"{"keySubject":"k","verb":"says","unaryClause":{"measurementSubject":"LAUNCH","verb":"is-trusted"}}"#).replace("LAUNCH", &launch), "/claims/0/keySubject", "was not given"),
        ("no policy key", format!(r#"{{"measurements":["{launch}"]}}"#), "/policyKey", "is missing"),
        ("unknown field", r#"{"policyKey":"p","measurements":[],"trust":"all"}"#.to_owned(), "/trust", "no field of a policy"),
        ("unknown platform", r#"{"policyKey":"p","measurements":[],"platforms":[{"type":"arm-cca","props":[]}]}"#.to_owned(), "/platforms/0/type", "no type of platform"),
        ("no measurements", r#"{"policyKey":"p"}"#.to_owned(), "/measurements", "is missing"),
    ] {
        one_refusal(crime, policy(policy_text.as_bytes(), &BTreeMap::new()), start, why);
    }
    let private =
        [bytes(2, b"rsa-2048-private"), bytes(4, &[bytes(1, &[0x80; 256]), bytes(3, &[1])].concat())].concat();
    let files = BTreeMap::from([("k".to_owned(), private), ("junk".to_owned(), b"junk".to_vec())]);
    let trusted = |name: &str| unary(&format!(r#""keySubject":"{name}""#), "is-trusted-for-authentication");
    one_refusal(
        "private key given",
        policy(trusted("k").as_bytes(), &files),
        &format!("{clause}/keySubject"),
        "private key lies in this file",
    );
    one_refusal(
        "file of nothing",
        policy(trusted("junk").as_bytes(), &files),
        &format!("{clause}/keySubject"),
        "neither certificate nor public key",
    );
}

#[test]
fn keys_and_nested_claims_of_policies() {
    let (first, second) = (rsa(), rsa());
    let files = BTreeMap::from([("a".to_owned(), first.message.clone()), ("b".to_owned(), second.message.clone())]);
    let launch = "01".repeat(48);
    let claims = r#"
        {"keySubject":"policy_key_file.bin","verb":"says","simpleClause":{"keySubject":"a","verb":"speaks-for","keyObject":"b"}},
        {"keySubject":"policy_key_file.bin","verb":"says","indirectClause":{"keySubject":"a","verb":"says",
            "unaryClause":{"keySubject":"b","verb":"is-trusted-for-attestation"}}},
        {"keySubject":"a","verb":"says","unaryClause":{"measurementSubject":"LAUNCH","verb":"is-trusted"}}"#;
    let text = json("", &launch, &claims.replace("LAUNCH", &"02".repeat(48)));
    let [a, b] = [first.digest, second.digest];
    let refused = refusals(policy(text.as_bytes(), &files));
    let [nested, other] = refused.as_slice() else { panic!("{refused:#?}") };
    assert!(nested.starts_with("/claims/2/indirectClause/keySubject") || nested.contains("indirectClause"), "{nested}");
    for line in [nested, other] {
        assert!(line.contains(&a.to_string()) && line.contains("is another's word"), "{line}");
    }
    let own = claims.split("},").next().unwrap().to_owned() + "}";
    let imported = policy(json("", &launch, &own).as_bytes(), &files).unwrap();
    stands(&imported);
    let speaks = Sentence::SpeaksFor { speaker: Subject::Key(a), principal: Subject::Key(b) };
    assert!(imported.statements.iter().any(|statement| statement.sentence == speaks));
}

#[test]
fn a_tcb_version_is_read_by_the_layout_of_each_product_line() {
    let launch = "01".repeat(48);
    let text = json(&prop("tcb-version", "int", "eq", "0xdb18000000000004"), &launch, "");
    let imported = policy(text.as_bytes(), &BTreeMap::new()).unwrap();
    let [older] = rules(&imported)[..] else { panic!("byte 6 is reserved with Turin") };
    let equal = |name: &str, level| demand(&format!("reported-tcb.{name}"), Test::Equals(number(level)));
    for expected in [equal("boot-loader", 4), equal("tee", 0), equal("snp", 24), equal("microcode", 0xdb)] {
        assert!(older.demands.contains(&expected), "{expected:?}");
    }
    let both = json(&prop("tcb-version", "int", "eq", "0x3000000000000201"), &launch, "");
    let imported = policy(both.as_bytes(), &BTreeMap::new()).unwrap();
    let [older, turin] = rules(&imported)[..] else { panic!() };
    assert!(older.demands.contains(&equal("boot-loader", 1)) && older.demands.contains(&equal("tee", 2)));
    assert!(turin.demands.contains(&equal("fmc", 1)) && turin.demands.contains(&equal("boot-loader", 2)));
    let refused = refusals(policy(
        json(&prop("tcb-version", "int", "eq", "0x0100000000000000"), "00", "").as_bytes(),
        &BTreeMap::new(),
    ));
    assert_eq!(refused.len(), 1, "the measurement alone: {refused:?}");
}
