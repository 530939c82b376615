//! The framework's own files: four policies, their schema, a signed claim, a policy key's certificate, and evidence.

use std::{collections::BTreeMap, fs};

use casemate_cose::Digest;
use casemate_evidence::{Vendor, public_key, rfc3339};
use casemate_testkit::vectors;
use casemate_trust::{
    import::{
        ImportError, Signed,
        certifier::{key, policy, signed_claims},
    },
    statement::{Kind, Purpose, Sentence, Subject, Test, Value},
};

use crate::{any_genuine, attesters, demand, measurements, number, refusals, rules, stands};

/// The key that signed the framework's claim: a platform's.
const SIGNER: &str = "eb932a86b4fc9971fc8362b3fb62de1b0d53dbe9bf0e9520c4292a117daa7662";

#[test]
fn every_file_has_its_answer() {
    let Some(vectors) = vectors("the Certifier Framework's own files") else { return };
    let read = |file: &str| fs::read(vectors.join("policies/certifier").join(file)).unwrap();
    let roots = fs::read_to_string(vectors.join("snp/roots/ask_ark_milan.pem")).unwrap();
    let ark = roots.split_inclusive("-----END CERTIFICATE-----").nth(1).unwrap();
    let given = BTreeMap::from([("ark_cert.der".to_owned(), ark.as_bytes().to_vec())]);

    // The policies of two applications are the same: complete, but for the root that they name.
    for file in ["simple_app_under_sev-sev_policy.json", "simple_app_under_tpm-tpm_policy.json"] {
        let refused = refusals(policy(&read(file), &BTreeMap::new()));
        assert_eq!(refused, ["/claims/0/unaryClause/certSubject: `ark_cert.der`: names a file that was not given"]);
        let imported = policy(&read(file), &given).unwrap();
        stands(&imported);
        assert_eq!(attesters(&imported), [&Subject::Vendor(Vendor::Amd)]);
        let [measurement] = measurements(&imported)[..] else { panic!() };
        assert_eq!((measurement.kind, measurement.registers[0].value[..3].to_vec()), (Kind::Snp, vec![1, 2, 3]));
        let equal = |name: &str, value: Value| demand(name, Test::Equals(value));
        let expected = vec![
            equal("policy.debug", Value::Bool(false)),
            equal("policy.migrate-ma", Value::Bool(false)),
            equal("policy.smt", Value::Bool(false)),
            demand("policy.abi-min.major", Test::AtLeast(number(0))),
            demand("policy.abi-min.minor", Test::AtLeast(number(0))),
            demand("product", Test::OneOf(vec![Value::Text("Milan".to_owned())])),
            equal("reported-tcb.boot-loader", number(0x15)),
            equal("reported-tcb.tee", number(0x81)),
            equal("reported-tcb.snp", number(0)),
            equal("reported-tcb.microcode", number(0x30)),
        ];
        assert_eq!(rules(&imported), [&any_genuine(Kind::Snp, expected)], "Milan's root alone, Milan's layout");
    }

    // Templates that their user fills in.
    let refused = refusals(policy(&read("simple_app_under_gramine_sev-policy.json"), &given));
    assert_eq!(refused.len(), 3, "{refused:#?}");
    assert!(refused[0].starts_with("/claims/1/unaryClause/certSubject: `sgx.cert.der`: names a file"));
    assert!(refused[1].starts_with("/measurements/0: `<YOUR_SEV_VM_MEASUREMENT>`: is a template"));
    assert!(refused[2].starts_with("/measurements/1: `<YOUR_GRAMINE_APP_MEASUREMENT>`: is a template"));
    let refused = refusals(policy(&read("simple_app_under_oe-oe_policy.json"), &given));
    assert_eq!(refused, ["/measurements/0: ``: is empty: a template that nobody filled in"]);

    // The schema is none; nor is it sound: it has a field twice, of which readers take one or the other.
    let error = policy(&read("utilities-policy_schema.json"), &given).unwrap_err().to_string();
    assert!(error.contains("the field `oneOf` appears twice"), "{error}");

    let certificate = read("data-policy_cert_file.bin");
    // The certificate is a policy key, the attestation is an SGX quote: neither says anything.
    let error = signed_claims(&certificate, None).unwrap_err().to_string();
    assert!(error.contains("a certificate is given as policy key"), "{error}");
    let error = signed_claims(&read("certifier_service-attestation.bin"), None).unwrap_err().to_string();
    assert_eq!(error, "at signed claim, byte 0: evidence (an SGX or TDX quote), not a signed claim");
}

#[test]
fn a_platforms_claim_is_taken_from_whom_the_importer_names() {
    let Some(vectors) = vectors("the Certifier Framework's signed claim") else { return };
    let read = |file: &str| fs::read(vectors.join("policies/certifier").join(file)).unwrap();
    // One signed claim: a platform's key says that an attestation key is trusted, for a year.
    let claim = read("data-platform_attest_endorsement.bin");
    let certificate = read("data-policy_cert_file.bin");
    let signer = Digest::from_bytes(hex::decode(SIGNER).unwrap().try_into().unwrap());
    for other in [None, Some(key(&certificate).unwrap())] {
        let refused = refusals(signed_claims(&claim, other));
        let [refused] = refused.as_slice() else { panic!("{refused:?}") };
        assert!(refused.contains(&signer.to_string()) && refused.contains("to take its word for yours"), "{refused}");
    }
    let imported = signed_claims(&claim, Some(signer)).unwrap();
    stands(&imported);
    let [statement] = imported.statements.as_slice() else { panic!() };
    assert_eq!(imported.signed, Signed::By(signer));
    assert!(matches!(
        statement.sentence,
        Sentence::Trusted { subject: Subject::Key(_), purpose: Purpose::Attestation(None) }
    ));
    assert_eq!(statement.validity.not_before, rfc3339("2025-05-28T23:29:16Z").unwrap());
    assert_eq!(statement.validity.not_after, rfc3339("2026-06-07T23:29:16Z").unwrap());
    assert_eq!(key(&certificate), Ok(policy_digest(&certificate)));
    for place in [40, 200, 700] {
        let mut changed = claim.clone();
        changed[place] ^= 1;
        assert!(matches!(signed_claims(&changed, Some(signer)), Err(ImportError::Signature { .. })), "byte {place}");
    }
}

/// The key of a certificate in DER.
fn policy_digest(der: &[u8]) -> Digest {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der));
    Digest::of(&public_key(pem.as_bytes()).unwrap())
}
