//! Crimes against the certificates of documents of an AWS of our own.

use casemate_cose::UnixTime;
use casemate_evidence::{Anchor, Endorsement, Endorsements, Format, Vendor};
use casemate_testkit::{
    NOW, cbor,
    cose::header,
    der,
    pki::{Algorithm, Certificate, Key},
    vendor::aws::{Aws, Certificates},
};

use super::{Crime, endorsements, refused};
use crate::{assert_accepted, assert_refused, unbound};

/// Each certificate of a document, by its name.
const EACH: [(&str, fn(&mut Certificates) -> &mut Certificate); 5] = [
    ("root", |certificates| &mut certificates.root),
    ("region", |certificates| &mut certificates.region),
    ("zone", |certificates| &mut certificates.zone),
    ("instance", |certificates| &mut certificates.instance),
    ("leaf", |certificates| &mut certificates.leaf),
];

#[test]
fn dates() {
    let aws = Aws::new();
    let judge = |certificates: &Certificates, at: u64| {
        unbound(Format::Nitro, &aws.sign(&aws.document_of(certificates)), &endorsements(&aws), UnixTime(at))
    };
    for (name, pick) in EACH {
        let rule = if name == "leaf" { "nitro-leaf" } else { "nitro-chain" };
        let mut certificates = aws.certificates();
        pick(&mut certificates).not_after = NOW.0 + 60;
        assert_accepted(name, judge(&certificates, NOW.0 + 60));
        assert_refused(&format!("{name}_expired_by_a_second"), judge(&certificates, NOW.0 + 61), rule);
        pick(&mut certificates).not_after = NOW.0 - 1;
        assert_refused(&format!("{name}_expired_before_the_document"), judge(&certificates, NOW.0 - 1), "nitro-time");
        let mut certificates = aws.certificates();
        pick(&mut certificates).not_before = NOW.0;
        assert_accepted(name, judge(&certificates, NOW.0));
        assert_refused(&format!("{name}_valid_a_second_later"), judge(&certificates, NOW.0 - 1), rule);
        pick(&mut certificates).not_before = NOW.0 + 1;
        assert_refused(&format!("{name}_younger_than_the_document"), judge(&certificates, NOW.0 + 1), "nitro-time");
    }
}

const CERTIFICATES_CRIMES: &[Crime<Certificates>] = &[
    (
        "leaf_is_a_ca",
        |_, certificates| {
            certificates.leaf.ca = Some(0);
            certificates.leaf.extensions.clear();
        },
        "nitro-usage",
        "enclave",
    ),
    (
        "leaf_for_certificates",
        |_, certificates| certificates.leaf.extensions[0].2 = der::element(3, &[2, 0x04]),
        "nitro-usage",
        "enclave",
    ),
    (
        "leaf_with_an_unknown_critical_extension",
        |_, certificates| {
            certificates.leaf.extensions.push(("1.2.3.4".to_owned(), true, vec![5, 0]));
        },
        "nitro-leaf",
        "critical extension",
    ),
    (
        "zone_with_an_unknown_critical_extension",
        |_, certificates| {
            certificates.zone.extensions.push(("1.2.3.4".to_owned(), true, vec![5, 0]));
        },
        "nitro-chain",
        "critical extension",
    ),
    (
        "instance_is_no_ca",
        |_, certificates| certificates.instance.ca = None,
        "nitro-chain",
        "no certification authority",
    ),
    ("region_is_no_ca", |_, certificates| certificates.region.ca = None, "nitro-chain", "no certification authority"),
    (
        "region_for_one_ca_below",
        |_, certificates| certificates.region.ca = Some(1),
        "nitro-chain",
        "no certification authority",
    ),
    (
        "zone_for_no_ca_below",
        |_, certificates| certificates.zone.ca = Some(0),
        "nitro-chain",
        "no certification authority",
    ),
    (
        "zone_of_another_name",
        |_, certificates| certificates.zone.subject = "zone".to_owned(),
        "nitro-chain",
        "as its issuer",
    ),
    (
        "instance_of_another_name",
        |_, certificates| certificates.instance.subject = "instance".to_owned(),
        "nitro-leaf",
        "as its issuer",
    ),
    (
        "instance_with_the_zones_key",
        |aws, certificates| certificates.instance.spki = aws.zone.key.spki(),
        "nitro-leaf",
        "signature of certificate `enclave",
    ),
    (
        "leaf_with_the_instances_key",
        |aws, certificates| certificates.leaf.spki = aws.instance.key.spki(),
        "nitro-signature",
        "enclave",
    ),
];

#[test]
fn certificates() {
    let (aws, other) = (Aws::new(), Aws::new());
    for (crime, commit, rule, word) in CERTIFICATES_CRIMES {
        let mut certificates = aws.certificates();
        commit(&aws, &mut certificates);
        refused(crime, &aws.sign(&aws.document_of(&certificates)), &endorsements(&aws), (rule, word));
    }
    let certificates = aws.certificates();
    let [root, region, zone, instance]: [Vec<u8>; 4] = aws.bundle(&certificates).try_into().unwrap();
    let [their_root, their_region, _, _]: [Vec<u8>; 4] = other.bundle(&other.certificates()).try_into().unwrap();
    let zone_by_another = other.region.issue(&certificates.zone);
    let bundles = [
        ("root_missing", vec![&region, &zone, &instance], "nitro-root", "region"),
        ("root_of_another_aws", vec![&their_root, &region, &zone, &instance], "nitro-root", "aws.nitro-enclaves"),
        ("root_last", vec![&instance, &zone, &region, &root], "nitro-root", "instance"),
        ("root_twice", vec![&root, &root, &region, &zone, &instance], "nitro-cabundle", ""),
        ("root_at_both_ends", vec![&root, &region, &zone, &instance, &root], "nitro-cabundle", ""),
        ("root_alone", vec![&root], "nitro-cabundle", ""),
        ("region_missing", vec![&root, &zone, &instance], "nitro-chain", "no pinned root"),
        ("zone_missing", vec![&root, &region, &instance], "nitro-chain", "as its issuer"),
        ("instance_missing", vec![&root, &region, &zone], "nitro-leaf", "as its issuer"),
        ("region_and_zone_swapped", vec![&root, &zone, &region, &instance], "nitro-chain", "no pinned root"),
        ("zone_twice", vec![&root, &region, &zone, &zone, &instance], "nitro-chain", "as its issuer"),
        (
            "region_of_another_aws",
            vec![&root, &their_region, &zone, &instance],
            "nitro-chain",
            "signature of certificate `region",
        ),
        (
            "zone_by_another_region",
            vec![&root, &region, &zone_by_another, &instance],
            "nitro-chain",
            "signature of certificate `zone",
        ),
    ];
    for (crime, bundle, rule, word) in bundles {
        let mut document = aws.document();
        document.set("cabundle", cbor::array(&bundle.iter().map(|bytes| cbor::bytes(bytes)).collect::<Vec<_>>()));
        refused(crime, &aws.sign(&document), &endorsements(&aws), (rule, word));
    }
    let mut document = aws.document();
    document.set("certificate", cbor::bytes(&other.instance.issue(&aws.certificates().leaf)));
    refused(
        "leaf_by_another_instance",
        &aws.sign(&document),
        &endorsements(&aws),
        ("nitro-leaf", "signature of certificate `enclave"),
    );
    refused("document_of_another_aws", &other.sign(&other.document()), &endorsements(&aws), ("nitro-root", ""));
    let amd = Anchor::of_certificate(Vendor::Amd, &aws.root.root()).unwrap();
    let theirs = Endorsements::default().with(Endorsement::Anchor(amd));
    refused("root_of_another_vendor", &aws.sign(&aws.document()), &theirs, ("nitro-root", ""));
}

#[test]
fn keys_of_other_kinds() {
    let aws = Aws::new();
    let small = Key::new(Algorithm::P256);
    let certificates = Certificates { leaf: aws.leaf_of(&small), ..aws.certificates() };
    let mut document = aws.document_of(&certificates);
    refused("es384_by_a_p256_key", &document.seal(&small), &endorsements(&aws), ("nitro-signature", "enclave"));
    document.envelope.protected = header(-7);
    refused("es256_by_a_p256_key", &document.seal(&small), &endorsements(&aws), ("nitro-algorithm", "ES256"));
}

#[test]
fn revocation() {
    let (aws, other) = (Aws::new(), Aws::new());
    let bytes = aws.sign(&aws.document());
    let refused_with = |crime: &str, crl: Vec<u8>, word: &str| {
        let rule = if crime == "leaf_revoked" { "nitro-leaf" } else { "nitro-chain" };
        refused(crime, &bytes, &endorsements(&aws).with(Endorsement::Crl(crl)), (rule, word));
    };
    refused_with("region_revoked", aws.root.crl_now(&[9, 2]), "`region.aws.nitro-enclaves` was revoked");
    refused_with("zone_revoked", aws.region.crl_now(&[3]), "`zone.region.aws.nitro-enclaves` was revoked");
    refused_with("instance_revoked", aws.zone.crl_now(&[4]), "was revoked");
    refused_with("leaf_revoked", aws.instance.crl_now(&[5]), "`enclave.instance.zone.region.aws` was revoked");
    for (name, issuer, theirs) in [("zone", &aws.zone, &other.zone), ("instance", &aws.instance, &other.instance)] {
        refused_with(&format!("{name}_list_outdated_by_a_second"), issuer.crl(&[], NOW.0 - 60, NOW.0 - 1), "not at");
        refused_with(&format!("{name}_list_a_second_early"), issuer.crl(&[], NOW.0 + 1, NOW.0 + 60), "not at");
        refused_with(&format!("{name}_list_by_another"), theirs.crl_now(&[]), "not signed by it");
    }
    refused_with("list_no_der", vec![0x30, 1, 0], "");
}
