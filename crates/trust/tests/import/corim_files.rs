//! Every CoRIM of Veraison: the eleven of its library, the eight of its PSA scheme.

use std::{fs, path::Path};

use casemate_cose::{Digest, VerifyingKey};
use casemate_evidence::{Endorsement, KeyOwner, public_key};
use casemate_testkit::vectors;
use casemate_trust::{
    import::{
        ImportError, Imported,
        corim::{Signer, import},
    },
    statement::{Identities, Kind, Subject, Test, Value},
};

use crate::{attesters, demand, measurements, number, one_refusal, refusals, rules};

fn read(vectors: &Path, file: &str) -> Vec<u8> {
    fs::read(vectors.join(file)).unwrap()
}

#[test]
fn a_whole_psa_document_is_imported() {
    let Some(vectors) = vectors("Veraison's PSA CoRIM") else { return };
    let document = read(&vectors, "psa/corim-corim-psa-valid.cbor");
    let imported = import(&document, None).unwrap();
    crate::stands(&imported);
    // Whoever names a signer relies on one, and this document has none.
    let key: VerifyingKey = casemate_testkit::key(7).public().into();
    let unsigned = import(&document, Some(&Signer::Key(key)));
    assert_eq!(unsigned, Err(ImportError::Unsigned { key: key.spki_digest() }));
    let [measurement] = measurements(&imported)[..] else { panic!() };
    assert_eq!(measurement.kind, Kind::Psa);
    let names: Vec<&str> = measurement.registers.iter().map(|register| register.name.as_str()).collect();
    assert_eq!(names, ["software0.measurement", "software1.measurement", "software2.measurement"]);
    assert!(hex::encode(&measurement.registers[0].value).starts_with("87428fc522803d31"));
    let [rule] = rules(&imported)[..] else { panic!() };
    let equal = |name: &str, value: Value| demand(name, Test::Equals(value));
    for expected in [
        equal("implementation-id", Value::Bytes(b"acme-implementation-id-000000001".to_vec())),
        equal("software-count", number(3)),
        equal("software0.type", Value::Text("BL".to_owned())),
        equal("software2.type", Value::Text("ARoT".to_owned())),
        equal(
            "software1.signer",
            Value::Bytes(hex::decode("5378796307535df3ec8d8b15a2e2dc5641419c3d3060cfe32238c0fa973f7aa3").unwrap()),
        ),
    ] {
        assert!(rule.demands.contains(&expected), "{expected:?}");
    }
    let Identities::Listed(devices) = &rule.identities else { panic!() };
    assert_eq!(devices.len(), 2);
    let keys: Vec<Digest> = imported
        .endorsements
        .iter()
        .map(|endorsement| match endorsement {
            Endorsement::Key { owner: KeyOwner::Psa, id, spki }
                if devices.iter().any(|device| **device == *id.as_slice()) =>
            {
                Digest::of(spki)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        attesters(&imported),
        keys.iter().map(|key| Subject::Key(*key)).collect::<Vec<_>>().iter().collect::<Vec<_>>()
    );
    assert!(imported.notes.iter().any(|note| note.starts_with("`RoadRunner` is the maker's name")));
}

#[test]
fn every_bad_psa_document_is_refused_for_what_it_is_named_after() {
    let Some(vectors) = vectors("Veraison's bad PSA CoRIMs") else { return };
    let environment = "tags[0]/triples/attest-key-triples[0]/environment";
    let reference = "tags[0]/triples/reference-triples[0]";
    let bad = |name: &str| import(&read(&vectors, &format!("psa/corim-corim-psa-bad-{name}.cbor")), None);
    one_refusal("class", bad("class"), &format!("{environment}/class/class-id"), "no implementation id");
    one_refusal("instance", bad("instance"), &format!("{environment}/instance"), "no instance id");
    one_refusal("no instance", bad("ta-no-instance"), &format!("{environment}/instance"), "is missing");
    one_refusal("certificate", bad("ta-cert"), "tags[0]/triples/attest-key-triples[0]/keys", "a certificate");
    one_refusal("instance", bad("refval-instance"), &format!("{reference}/environment/instance"), "names one device");
    let refused = refusals(bad("refval-mkey"));
    assert!(
        refused.iter().any(|line| line.starts_with(&format!("{reference}/measurements[1]/mval/../mkey: `6`"))),
        "{refused:#?}"
    );
    let refused = refusals(bad("refval-mval"));
    assert_eq!(refused.len(), 2, "{refused:#?}");
    assert!(refused[0].contains("/mval/svn: ") && refused[0].contains("no counterpart"));
    assert!(refused[1].contains("/mval/digests: ") && refused[1].contains("is missing"));
}

#[test]
fn documents_of_no_profile_are_refused_environment_by_environment() {
    let Some(vectors) = vectors("Veraison's general CoRIMs") else { return };
    let no_profile = "no known profile says how it appears in evidence";
    for (file, environments, others) in [
        ("corim-1", 1, &[][..]),
        ("corim-2", 3, &["tags[0]/triples/endorsed-triples"]),
        (
            "corim-design-cd",
            4,
            &[
                "tags[0]/triples/endorsed-triples",
                "tags[0]/linked-tags",
                "dependent-rims",
                "profile: `6086480186f84d010f06`",
            ],
        ),
        ("corim-firmware-cd", 2, &["tags[0]/triples/endorsed-triples", "profile: `6086480186f84d010f06`"]),
        ("corim-roles", 1, &[]),
        ("unsigned-good-corim", 1, &[]),
        (
            "unsigned-corim-with-extensions",
            1,
            &["-1: `foo`", "tags[0]/entities[0]/-1: `123 Fake Street`", "profile: `http://example.com/test-profile`"],
        ),
        (
            "unsigned-example-corim",
            1,
            &[
                "-1: `foo`",
                "tags[0]/entities[0]/-1: `123 Fake Street`",
                "profile: `http://example.com/example-profile`",
            ],
        ),
    ] {
        let refused = refusals(import(&read(&vectors, &format!("corim/{file}.cbor")), None));
        let found = refused.iter().filter(|line| line.contains(no_profile)).count();
        assert_eq!(found, environments, "{file}: {refused:#?}");
        for start in others {
            assert!(refused.iter().any(|line| line.starts_with(start)), "{file}: {start}: {refused:#?}");
        }
        assert_eq!(refused.len(), environments + others.len(), "{file}: {refused:#?}");
    }
    let refused = refusals(import(&read(&vectors, "corim/corim-1.cbor"), None));
    assert!(refused[0].contains("vendor ACME Inc., model ACME RoadRunner, layer 1"), "{refused:?}");
}

#[test]
fn signatures_are_looked_at_before_anything_else() {
    let Some(vectors) = vectors("Veraison's signed CoRIMs") else { return };
    // The key of Veraison's tests, in its PSA scheme's folder without its private half.
    let mut jwk: serde_json::Value = serde_json::from_slice(&read(&vectors, "psa/token-ec.p256.jwk")).unwrap();
    jwk.as_object_mut().unwrap().remove("d");
    let own = VerifyingKey::from_spki(&public_key(jwk.to_string().as_bytes()).unwrap()).unwrap();
    let other: VerifyingKey = casemate_testkit::key(7).public().into();
    for (file, refused) in [("signed-good-corim", 1), ("signed-corim-with-extensions", 4), ("signed-example-corim", 4)]
    {
        let bytes = read(&vectors, &format!("corim/{file}.cbor"));
        assert_eq!(import(&bytes, None), Err(ImportError::Unverified), "{file}");
        assert_eq!(
            import(&bytes, Some(&Signer::Key(other))),
            Err(ImportError::Signature { key: other.spki_digest() }),
            "{file}"
        );
        // Its signature holds; what it says is of no profile, as in the unsigned one.
        let verified = refusals(import(&bytes, Some(&Signer::Key(own))));
        assert_eq!(verified.len(), refused, "{file}: {verified:#?}");
        let unverified = refusals(import(&bytes, Some(&Signer::DangerouslyUnverified)));
        assert_eq!(unverified, verified, "{file}");
        for place in (20..bytes.len()).step_by(37) {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let result: Result<Imported, _> = import(&changed, Some(&Signer::Key(own)));
            assert!(
                matches!(result, Err(ImportError::Signature { .. } | ImportError::Malformed { .. })),
                "{file}, byte {place}"
            );
        }
    }
}
