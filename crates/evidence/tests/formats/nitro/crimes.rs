//! Crimes against the envelope, the fields and the binding of documents of an AWS of our own.

use casemate_cose::Digest;
use casemate_evidence::{
    AllowDebug, Authenticated, Binding, Bound, DangerouslyUnbound, Evidence, Expectation, Format, Refusal, Role,
    Stated, authenticate, nitro,
};
use casemate_testkit::{
    NOW,
    cbor::{self, Map},
    cose::header,
    vendor::aws::{Aws, Document, pcr},
};

use super::{Crime, endorsements, refused};
use crate::{assert_accepted, assert_refused, unbound};

/// The order of P-384's group.
const P384_ORDER: &str =
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973";

const ENVELOPES_CRIMES: &[Crime<Document>] = &[
    ("es256_for_es384", |_, document| document.envelope.protected = header(-7), "nitro-algorithm", "ES256"),
    ("es512_for_es384", |_, document| document.envelope.protected = header(-36), "nitro-algorithm", "ES512"),
    ("eddsa_for_es384", |_, document| document.envelope.protected = header(-8), "nitro-algorithm", "EdDSA"),
    ("rs256_for_es384", |_, document| document.envelope.protected = header(-257), "nitro-algorithm", "-257"),
    ("no_algorithm", |_, document| document.envelope.protected = Vec::new(), "nitro-algorithm", "none"),
    (
        "algorithm_by_name",
        |_, document| document.envelope.protected = Map::of_numbers(&[(1, cbor::text("ES384"))]).encode(),
        "nitro-algorithm",
        "6545533338",
    ),
    (
        "algorithm_unprotected",
        |_, document| {
            document.envelope.unprotected = std::mem::take(&mut document.envelope.protected);
        },
        "nitro-algorithm",
        "none",
    ),
    ("algorithm_in_both_headers", |_, document| document.envelope.unprotected = header(-7), "nitro-header", "`1`"),
    (
        "kid_beside_the_algorithm",
        |_, document| {
            document.envelope.unprotected = Map::of_numbers(&[(4, cbor::bytes(b"key"))]).encode();
        },
        "nitro-header",
        "`4`",
    ),
    (
        "critical_header",
        |_, document| {
            let crit = cbor::array(&[cbor::number(1)]);
            document.envelope.protected = Map::of_numbers(&[(1, cbor::number(-35)), (2, crit)]).encode();
        },
        "nitro-header",
        "`2`",
    ),
    (
        "algorithm_twice",
        |_, document| {
            let mut map = Map::of_numbers(&[(1, cbor::number(-35))]);
            map.push(&cbor::number(1), cbor::number(-35));
            document.envelope.protected = map.encode();
        },
        "nitro-envelope",
        "each key once",
    ),
    (
        "protected_header_with_a_trailing_byte",
        |_, document| document.envelope.protected.push(0),
        "nitro-envelope",
        "follow",
    ),
    ("payload_detached", |_, document| document.envelope.payload = Some(cbor::null()), "nitro-detached", "no payload"),
    (
        "payload_a_text",
        |_, document| document.envelope.payload = Some(cbor::text("document")),
        "nitro-envelope",
        "byte string",
    ),
    ("tag_of_mac0", |_, document| document.envelope.tag = Some(17), "nitro-envelope", "COSE_Mac0"),
    ("tag_of_cwt", |_, document| document.envelope.tag = Some(61), "nitro-envelope", "tag 18"),
    ("signature_empty", |_, document| document.envelope.signature = Some(Vec::new()), "nitro-signature", ""),
    ("signature_of_ones", |_, document| document.envelope.signature = Some(vec![1; 96]), "nitro-signature", ""),
];

#[test]
fn envelopes() {
    let aws = Aws::new();
    let half = |half: &str, is_r| {
        let half = hex::decode(half).unwrap();
        let one = [vec![0; 47], vec![1]].concat();
        if is_r { [half, one].concat() } else { [one, half].concat() }
    };
    let zero = "00".repeat(48);
    for (crime, commit, rule, word) in ENVELOPES_CRIMES {
        let mut document = aws.document();
        commit(&aws, &mut document);
        refused(crime, &aws.sign(&document), &endorsements(&aws), (rule, word));
    }
    let document = aws.document();
    let honest = aws.key.sign_fixed(&document.envelope.to_be_signed(&document.payload()));
    let mut elsewhere = document.clone();
    elsewhere.set("nonce", cbor::bytes(b"other"));
    let signatures = [
        ("signature_r_zero", half(&zero, true)),
        ("signature_s_zero", half(&zero, false)),
        ("signature_r_order", half(P384_ORDER, true)),
        ("signature_s_order", half(P384_ORDER, false)),
        ("signature_a_byte_short", honest[..95].to_vec()),
        ("signature_a_byte_long", [honest.as_slice(), &[0]].concat()),
        ("signature_halves_swapped", [&honest[48..], &honest[..48]].concat()),
        ("signature_in_der", aws.key.sign(&document.envelope.to_be_signed(&document.payload()))),
        ("signature_of_the_bare_payload", aws.key.sign_fixed(&document.payload())),
        ("signature_of_another_document", aws.key.sign_fixed(&document.envelope.to_be_signed(&elsewhere.payload()))),
        (
            "signature_by_the_instance",
            aws.instance.key.sign_fixed(&document.envelope.to_be_signed(&document.payload())),
        ),
    ];
    for (crime, signature) in signatures {
        let mut document = document.clone();
        document.envelope.signature = Some(signature);
        refused(crime, &aws.sign(&document), &endorsements(&aws), ("nitro-signature", "does not verify"));
    }
    let bytes = aws.sign(&document);
    refused(
        "document_with_a_trailing_byte",
        &[bytes.as_slice(), &[0]].concat(),
        &endorsements(&aws),
        ("nitro-envelope", "follow"),
    );
    refused(
        "document_beyond_its_bound",
        &[bytes, vec![0; nitro::DOCUMENT_BYTES_MAX]].concat(),
        &endorsements(&aws),
        ("nitro-envelope", "at most"),
    );
}

fn pcrs_with(key: Vec<u8>, value: Vec<u8>) -> Map {
    let mut map = Map::of_numbers(&(0..16).map(|number| (number, cbor::bytes(&pcr(number)))).collect::<Vec<_>>());
    map.set(&key, value);
    map
}

const DOCUMENTS_CRIMES: &[Crime<Document>] = &[
    ("module_id_missing", |_, document| document.remove("module_id"), "nitro-missing", "module_id"),
    ("module_id_empty", |_, document| document.set("module_id", cbor::text("")), "nitro-layout", "module_id"),
    ("module_id_null", |_, document| document.set("module_id", cbor::null()), "nitro-layout", "module_id"),
    (
        "module_id_endless",
        |_, document| document.set("module_id", cbor::text(&"i".repeat(257))),
        "nitro-layout",
        "module_id",
    ),
    ("digest_missing", |_, document| document.remove("digest"), "nitro-missing", "digest"),
    ("digest_sha256", |_, document| document.set("digest", cbor::text("SHA256")), "nitro-layout", "SHA256"),
    ("timestamp_missing", |_, document| document.remove("timestamp"), "nitro-missing", "timestamp"),
    ("timestamp_zero", |_, document| document.set("timestamp", cbor::number(0)), "nitro-layout", "timestamp"),
    ("timestamp_negative", |_, document| document.set("timestamp", cbor::number(-1)), "nitro-layout", "timestamp"),
    ("timestamp_a_text", |_, document| document.set("timestamp", cbor::text("now")), "nitro-layout", "timestamp"),
    (
        "timestamp_not_shortest",
        |_, document| document.set("timestamp", vec![0x1b, 0, 0, 0, 0, 0, 0, 0, 1]),
        "nitro-layout",
        "shortest",
    ),
    (
        "timestamp_301_s_ahead",
        |_, document| document.set("timestamp", cbor::head(0, (NOW.0 + 301) * 1000)),
        "nitro-future",
        "",
    ),
    ("pcrs_missing", |_, document| document.remove("pcrs"), "nitro-missing", "pcrs"),
    ("pcrs_empty", |_, document| document.set("pcrs", Map::default().encode()), "nitro-missing", "pcrs 0, 1 and 2"),
    (
        "pcr0_missing",
        |_, document| {
            let mut pcrs = pcrs_with(cbor::number(0), cbor::null());
            pcrs.remove(&cbor::number(0));
            document.set("pcrs", pcrs.encode());
        },
        "nitro-missing",
        "pcrs 0, 1 and 2",
    ),
    (
        "pcr_of_47_bytes",
        |_, document| document.set("pcrs", pcrs_with(cbor::number(3), cbor::bytes(&[7; 47])).encode()),
        "nitro-layout",
        "47 bytes",
    ),
    (
        "pcr_of_no_bytes",
        |_, document| document.set("pcrs", pcrs_with(cbor::number(3), cbor::bytes(&[])).encode()),
        "nitro-layout",
        "0 bytes",
    ),
    (
        "pcr_32",
        |_, document| document.set("pcrs", pcrs_with(cbor::number(32), cbor::bytes(&[7; 48])).encode()),
        "nitro-layout",
        "registers 0 to 31",
    ),
    (
        "pcr_minus_one",
        |_, document| document.set("pcrs", pcrs_with(cbor::number(-1), cbor::bytes(&[7; 48])).encode()),
        "nitro-layout",
        "registers 0 to 31",
    ),
    (
        "pcr_by_name",
        |_, document| document.set("pcrs", pcrs_with(cbor::text("0"), cbor::bytes(&[7; 48])).encode()),
        "nitro-layout",
        "registers 0 to 31",
    ),
    (
        "pcr_twice",
        |_, document| {
            let mut pcrs = pcrs_with(cbor::number(0), cbor::bytes(&pcr(0)));
            pcrs.push(&cbor::number(0), cbor::bytes(&pcr(0)));
            document.set("pcrs", pcrs.encode());
        },
        "nitro-layout",
        "each key once",
    ),
    (
        "pcrs_of_indefinite_length",
        |_, document| {
            document.set("pcrs", pcrs_with(cbor::number(0), cbor::bytes(&pcr(0))).encode_indefinite());
        },
        "nitro-layout",
        "definite length",
    ),
    ("certificate_missing", |_, document| document.remove("certificate"), "nitro-missing", "certificate"),
    ("certificate_empty", |_, document| document.set("certificate", cbor::bytes(&[])), "nitro-layout", "certificate"),
    (
        "certificate_of_1025_bytes",
        |_, document| document.set("certificate", cbor::bytes(&[0x30; 1025])),
        "nitro-layout",
        "1025",
    ),
    ("certificate_no_der", |_, document| document.set("certificate", cbor::bytes(&[0x30; 64])), "nitro-leaf", ""),
    ("cabundle_missing", |_, document| document.remove("cabundle"), "nitro-missing", "cabundle"),
    ("cabundle_empty", |_, document| document.set("cabundle", cbor::array(&[])), "nitro-root", "nothing"),
    (
        "cabundle_of_nine",
        |_, document| document.set("cabundle", cbor::array(&vec![cbor::bytes(&[1]); 9])),
        "nitro-layout",
        "cabundle",
    ),
    (
        "cabundle_of_indefinite_length",
        |_, document| document.set("cabundle", vec![0x9f, 0xff]),
        "nitro-layout",
        "definite length",
    ),
    ("public_key_empty", |_, document| document.set("public_key", cbor::bytes(&[])), "nitro-layout", "public_key"),
    (
        "public_key_of_1025_bytes",
        |_, document| document.set("public_key", cbor::bytes(&[1; 1025])),
        "nitro-layout",
        "1025",
    ),
    ("user_data_of_513_bytes", |_, document| document.set("user_data", cbor::bytes(&[1; 513])), "nitro-layout", "513"),
    (
        "user_data_in_chunks",
        |_, document| document.set("user_data", vec![0x5f, 0x41, 1, 0xff]),
        "nitro-layout",
        "definite length",
    ),
    ("nonce_of_513_bytes", |_, document| document.set("nonce", cbor::bytes(&[1; 513])), "nitro-layout", "513"),
    ("nonce_a_text", |_, document| document.set("nonce", cbor::text("nonce")), "nitro-layout", "nonce"),
    ("unknown_field", |_, document| document.set("pcr", cbor::null()), "nitro-unknown-field", "`pcr`"),
    (
        "number_for_a_field",
        |_, document| document.map.push(&cbor::number(1), cbor::null()),
        "nitro-unknown-field",
        "`1`",
    ),
    (
        "nonce_twice",
        |_, document| document.map.push(&cbor::text("nonce"), cbor::bytes(b"nonce")),
        "nitro-layout",
        "each key once",
    ),
    ("payload_with_a_trailing_byte", |_, document| document.trailing = vec![0], "nitro-layout", "follow"),
    (
        "payload_an_array",
        |_, document| (document.map, document.trailing, document.is_indefinite) = (Map::default(), vec![0x80], false),
        "nitro-layout",
        "",
    ),
    (
        "payload_without_its_break",
        |_, document| {
            let open = document.map.encode_indefinite();
            document.envelope.payload = Some(cbor::bytes(&open[..open.len() - 1]));
        },
        "nitro-layout",
        "",
    ),
];

#[test]
fn documents() {
    let aws = Aws::new();
    for (crime, commit, rule, word) in DOCUMENTS_CRIMES {
        let mut document = aws.document();
        commit(&aws, &mut document);
        refused(crime, &aws.sign(&document), &endorsements(&aws), (rule, word));
    }
    let mut at_the_bound = aws.document();
    at_the_bound.set("timestamp", cbor::head(0, (NOW.0 + 300) * 1000));
    assert_accepted(
        "timestamp_300_s_ahead",
        unbound(Format::Nitro, &aws.sign(&at_the_bound), &endorsements(&aws), NOW),
    );
}

fn judge<B: Expectation>(document: &Document, aws: &Aws, expectation: &B) -> Result<Authenticated<B>, Refusal> {
    authenticate(&Evidence::new(Format::Nitro, aws.sign(document)), &endorsements(aws), expectation, NOW)
}

#[test]
fn bindings() {
    let aws = Aws::new();
    let digest = Digest::of(b"manifest");
    let binding = Binding {
        role: Role::Keep,
        nonce: [1; 32],
        manifest: digest,
        exporter: [2; 32],
        own_key: Digest::of(b"own"),
        peer_key: Digest::of(b"peer"),
    };
    let bound = Bound::new(binding.clone());
    let with = |user_data: &[u8], pcr16: &[u8; 48]| {
        let mut document = aws.document();
        document.set("user_data", cbor::bytes(user_data));
        document.set("pcrs", pcrs_with(cbor::number(16), cbor::bytes(pcr16)).encode());
        document
    };
    let (data, register) = (binding.report_data(), nitro::manifest_pcr(&digest));
    assert_accepted("bound", judge(&with(&data, &register), &aws, &bound));
    let mut off = data;
    off[0] ^= 1;
    assert_refused("binding_a_bit_off", judge(&with(&off, &register), &aws, &bound), "evidence-binding");
    assert_refused("binding_cut", judge(&with(&data[..63], &register), &aws, &bound), "evidence-binding");
    let other = nitro::manifest_pcr(&Digest::of(b"other"));
    assert_refused("another_manifest", judge(&with(&data, &other), &aws, &bound), "evidence-manifest");
    assert_refused(
        "manifest_not_locked",
        judge(
            &{
                let mut document = aws.document();
                document.set("user_data", cbor::bytes(&data));
                document
            },
            &aws,
            &bound,
        ),
        "evidence-manifest",
    );
    let mut in_the_nonce = with(&data, &register);
    in_the_nonce.set("nonce", cbor::bytes(&data));
    in_the_nonce.set("user_data", cbor::bytes(&[0; 64]));
    assert_refused("binding_in_the_nonce_beside_user_data", judge(&in_the_nonce, &aws, &bound), "evidence-binding");

    let mut nonce_only = aws.document();
    nonce_only.set("user_data", cbor::null());
    assert_accepted("nonce", judge(&nonce_only, &aws, &Stated::new(b"nonce".to_vec())));
    assert_refused("nonce_a_byte_off", judge(&nonce_only, &aws, &Stated::new(b"noncf".to_vec())), "evidence-binding");
    assert_refused("nonce_a_byte_short", judge(&nonce_only, &aws, &Stated::new(b"nonc".to_vec())), "evidence-binding");
    assert_refused(
        "nonce_a_byte_long",
        judge(&nonce_only, &aws, &Stated::new(b"nonce\0".to_vec())),
        "evidence-binding",
    );
}

#[test]
fn debug() {
    let aws = Aws::new();
    for number in 0..3 {
        let mut document = aws.document();
        document.set("pcrs", pcrs_with(cbor::number(number), cbor::bytes(&[0; 48])).encode());
        assert_refused(&format!("pcr{number}_of_zeros"), judge(&document, &aws, &DangerouslyUnbound), "evidence-debug");
        assert!(judge(&document, &aws, &AllowDebug::new(DangerouslyUnbound)).unwrap().claims().debug);
    }
    let mut document = aws.document();
    document.set("pcrs", pcrs_with(cbor::number(3), cbor::bytes(&[0; 48])).encode());
    assert_accepted("pcr3_of_zeros", judge(&document, &aws, &DangerouslyUnbound));
}

/// A document has two fields for whoever asked: both are compared where both are expected.
#[test]
fn nonce_and_user_data_are_two() {
    let aws = Aws::new();
    let (user_data, nonce) = (vec![0x5a; 64], b"nonce".to_vec());
    let judge = |document: &Document, stated: &Stated| {
        authenticate(&Evidence::new(Format::Nitro, aws.sign(document)), &endorsements(&aws), stated, NOW)
    };
    let both = aws.document();
    let (mut nonce_only, mut user_data_only) = (both.clone(), both.clone());
    nonce_only.remove("user_data");
    user_data_only.remove("nonce");
    let of = |data: &[u8], nonce: &[u8]| Stated::new(data.to_vec()).and_nonce(nonce.to_vec());
    assert_accepted("both", judge(&both, &of(&user_data, &nonce)));
    assert_accepted("nonce_beside_user_data", judge(&both, &Stated::nonce(nonce.clone())));
    assert_accepted("user_data_beside_a_nonce", judge(&both, &Stated::new(user_data.clone())));
    assert_accepted("nonce_alone", judge(&nonce_only, &Stated::nonce(nonce.clone())));
    let mut off = user_data.clone();
    off[63] ^= 1;
    for (crime, document, stated) in [
        ("nonce_a_byte_off", &both, of(&user_data, b"noncf")),
        ("user_data_a_bit_off", &both, of(&off, &nonce)),
        ("swapped", &both, of(&nonce, &user_data)),
        ("nonce_missing", &user_data_only, of(&user_data, &nonce)),
        ("user_data_missing", &nonce_only, of(&user_data, &nonce)),
        ("nonce_stands_in_for_user_data", &nonce_only, of(&nonce, &nonce)),
        ("user_data_stands_in_for_the_nonce", &user_data_only, Stated::nonce(user_data.clone())),
        ("nonce_longer", &both, Stated::nonce(b"nonce\0".to_vec())),
        ("nonce_empty", &user_data_only, Stated::nonce(Vec::new())),
    ] {
        assert_refused(crime, judge(document, &stated), "evidence-binding");
    }
}
