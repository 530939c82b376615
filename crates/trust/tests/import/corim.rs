//! CoRIMs made here: PSA documents signed by keys of our own, and crimes against every part of one.

use casemate_cose::{Digest, UnixTime, VerifyingKey};
use casemate_testkit::{
    cbor::{self, Map},
    cose::Envelope,
    pki::{Algorithm, Key},
};
use casemate_trust::{
    import::{
        ImportError, Imported, Signed,
        corim::{Signer, import},
    },
    statement::{Identities, Test, Value},
};

use crate::{demand, measurements, one_refusal, refusals, rules};

const PROFILE: &str = "tag:arm.com,2025:psa#1.0.0";
const SOFTWARE: &str = "psa.software-component";

/// A document of a PSA device, each part open to a crime.
#[derive(Clone)]
pub(super) struct Document {
    pub(super) corim: Map,
    pub(super) comid: Map,
    pub(super) triples: Map,
    pub(super) reference: Vec<Vec<u8>>,
    pub(super) keys: Vec<Vec<u8>>,
}

fn numbers(entries: &[(i64, Vec<u8>)]) -> Vec<u8> {
    Map::of_numbers(entries).encode()
}

fn class(id: &[u8]) -> (i64, Vec<u8>) {
    (0, numbers(&[(0, cbor::tag(560, &cbor::bytes(id)))]))
}

pub(super) fn digests(byte: u8) -> (i64, Vec<u8>) {
    (2, cbor::array(&[cbor::array(&[cbor::number(1), cbor::bytes(&[byte; 32])])]))
}

fn signer(byte: u8) -> (i64, Vec<u8>) {
    (13, cbor::array(&[cbor::tag(560, &cbor::bytes(&[byte; 32]))]))
}

fn name(name: &str) -> (i64, Vec<u8>) {
    (11, cbor::text(name))
}

fn software(values: &[(i64, Vec<u8>)]) -> Vec<u8> {
    numbers(&[(0, cbor::text(SOFTWARE)), (1, numbers(values))])
}

fn reference(environment: &[(i64, Vec<u8>)], measurements: &[Vec<u8>]) -> Vec<u8> {
    cbor::array(&[numbers(environment), cbor::array(measurements)])
}

fn pem(key: &Key) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let text = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(key.spki()));
    cbor::tag(554, &cbor::text(&text))
}

fn device(byte: u8, key: &Key) -> Vec<u8> {
    let ueid = [&[1], [byte; 32].as_slice()].concat();
    let environment = numbers(&[class(&[9; 32]), (1, cbor::tag(550, &cbor::bytes(&ueid)))]);
    cbor::array(&[environment, cbor::array(&[pem(key)])])
}

impl Document {
    pub(super) fn psa() -> Self {
        let own = [software(&[digests(1), name("BL"), signer(5)]), software(&[digests(2), name("PRoT"), signer(5)])];
        Self {
            corim: Map::of_numbers(&[(0, cbor::text("a document")), (3, cbor::tag(32, &cbor::text(PROFILE)))]),
            comid: Map::of_numbers(&[(1, numbers(&[(0, cbor::bytes(&[3; 16]))]))]),
            triples: Map::of_numbers(&[]),
            reference: vec![reference(&[class(&[9; 32])], &own)],
            keys: vec![device(7, &Key::new(Algorithm::P256))],
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let (mut corim, mut comid, mut triples) = (self.corim.clone(), self.comid.clone(), self.triples.clone());
        if !self.reference.is_empty() {
            triples.push(&cbor::number(0), cbor::array(&self.reference));
        }
        if !self.keys.is_empty() {
            triples.push(&cbor::number(3), cbor::array(&self.keys));
        }
        comid.push(&cbor::number(4), triples.encode());
        corim.push(&cbor::number(1), cbor::array(&[cbor::tag(506, &cbor::bytes(&comid.encode()))]));
        cbor::tag(501, &corim.encode())
    }

    fn import(&self) -> Result<Imported, ImportError> {
        import(&self.encode(), None)
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }
}

/// An envelope with a CoRIM's headers.
fn envelope(algorithm: Algorithm, more: &[(i64, Vec<u8>)]) -> Envelope {
    let alg = casemate_testkit::cose::number(algorithm);
    let headers = [&[(1, cbor::number(alg)), (3, cbor::text("application/rim+cbor"))], more].concat();
    Envelope { protected: numbers(&headers), ..Envelope::of(algorithm) }
}

fn verifying(key: &Key) -> Signer {
    Signer::Key(VerifyingKey::from_spki(&key.spki()).unwrap())
}

#[test]
fn a_document_signed_by_each_kind_of_key() {
    let document = Document::psa().encode();
    let time = |seconds: u64| cbor::tag(1, &cbor::number(i64::try_from(seconds).unwrap()));
    let meta = numbers(&[
        (0, numbers(&[(0, cbor::text("ACME"))])),
        (1, numbers(&[(0, time(1_700_000_000)), (1, time(1_900_000_000))])),
    ]);
    for algorithm in [Algorithm::Ed25519, Algorithm::P256, Algorithm::P384] {
        let key = Key::new(algorithm);
        let signed = envelope(algorithm, &[(8, cbor::bytes(&meta))]).seal(&document, &key);
        for bytes in [signed.clone(), cbor::tag(500, &cbor::tag(502, &signed))] {
            let imported = import(&bytes, Some(&verifying(&key))).unwrap();
            assert_eq!(imported.signed, Signed::By(Digest::of(&key.spki())));
            let validity = imported.statements[0].validity;
            assert_eq!((validity.not_before, validity.not_after), (UnixTime(1_700_000_000), UnixTime(1_900_000_000)));
        }
        let unverified = import(&signed, Some(&Signer::DangerouslyUnverified)).unwrap();
        assert_eq!(unverified.signed, Signed::DangerouslyUnverified);
        assert!(unverified.notes.iter().any(|note| note.contains("nobody looked at the signature")));
        assert_eq!(import(&signed, None), Err(ImportError::Unverified));
        let other = Key::new(algorithm);
        assert!(matches!(import(&signed, Some(&verifying(&other))), Err(ImportError::Signature { .. })));
        // The same signature under the name of another algorithm.
        for named in [-7, -8, -35, -37, -257, -36] {
            let crime = Envelope {
                protected: numbers(&[(1, cbor::number(named)), (3, cbor::text("application/rim+cbor"))]),
                ..Envelope::of(algorithm)
            };
            let is_own = named == casemate_testkit::cose::number(algorithm);
            let result = import(&crime.seal(&document, &key), Some(&verifying(&key)));
            assert_eq!(result.is_ok(), is_own, "{algorithm:?} as {named}");
        }
    }
}

#[test]
fn crimes_against_the_signed_form() {
    let (document, key) = (Document::psa().encode(), Key::new(Algorithm::P256));
    let own = || envelope(Algorithm::P256, &[]);
    let seal = |envelope: Envelope| import(&envelope.seal(&document, &key), Some(&verifying(&key)));
    one_refusal(
        "unprotected header",
        seal(Envelope { unprotected: numbers(&[(4, cbor::bytes(b"1"))]), ..own() }),
        "unprotected",
        "nobody signed",
    );
    one_refusal(
        "unknown header",
        seal(envelope(Algorithm::P256, &[(33, cbor::bytes(b"x"))])),
        "protected/33",
        "extension",
    );
    one_refusal(
        "critical header",
        seal(envelope(Algorithm::P256, &[(2, cbor::array(&[cbor::number(7)]))])),
        "protected/2",
        "extension",
    );
    let typed = |text: &str| Envelope { protected: numbers(&[(1, cbor::number(-7)), (3, cbor::text(text))]), ..own() };
    one_refusal("another content", seal(typed("application/eat+cwt")), "protected/content-type", "not a CoRIM's");
    for (crime, result, why) in [
        ("detached", seal(Envelope { payload: Some(cbor::null()), ..own() }), "detached payload"),
        (
            "payload swapped",
            seal(Envelope { payload: Some(cbor::bytes(&Document::psa().encode())), ..own() }),
            "does not verify",
        ),
        ("signature of zeros", seal(Envelope { signature: Some(vec![0; 64]), ..own() }), "does not verify"),
        ("signature cut", seal(Envelope { signature: Some(vec![1; 63]), ..own() }), "does not verify"),
        ("no signature", seal(Envelope { signature: Some(Vec::new()), ..own() }), "does not verify"),
        ("no algorithm", seal(Envelope { protected: numbers(&[]), ..own() }), "no algorithm"),
        ("untagged", seal(Envelope { tag: None, ..own() }), "neither tag 501 nor tag 18"),
        ("COSE_Mac0", seal(Envelope { tag: Some(17), ..own() }), "neither tag 501 nor tag 18"),
    ] {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(why), "{crime}: {error}");
    }
    let inner = own().seal(&own().seal(&document, &key), &key);
    assert!(import(&inner, Some(&verifying(&key))).unwrap_err().to_string().contains("not tag 501"));
}

#[test]
fn alternatives_of_a_component_and_what_is_not_one() {
    let honest = Document::psa();
    assert_eq!(measurements(&honest.import().unwrap()).len(), 1);
    let two = honest.with(|own| {
        own.reference.push(reference(&[class(&[9; 32])], &[software(&[digests(3), name("BL"), signer(5)])]))
    });
    let imported = two.import().unwrap();
    let seen: Vec<u8> = measurements(&imported).iter().map(|own| own.registers[0].value[0]).collect();
    assert_eq!((seen, rules(&imported).len()), (vec![1, 3], 1));
    let versioned = numbers(&[(0, cbor::text("3.4.2")), (1, cbor::number(16384))]);
    let version = honest.with(|own| {
        own.reference =
            vec![reference(&[class(&[9; 32])], &[software(&[(0, versioned), digests(1), name("BL"), signer(5)])])]
    });
    let rule = rules(&version.import().unwrap())[0].clone();
    assert!(rule.demands.contains(&demand("software0.version", Test::Equals(Value::Text("3.4.2".to_owned())))));
    let tied = honest.with(|own| {
        own.reference.push(reference(&[class(&[9; 32])], &[software(&[digests(3), name("BL"), signer(6)])]))
    });
    one_refusal("another signer", tied.import(), "reference-triples: `BL`", "alternatives of several signers");
    let classes = honest.with(|own| {
        own.reference.push(reference(&[class(&[8; 32])], &[software(&[digests(3), name("BL"), signer(5)])]))
    });
    one_refusal("another class", classes.import(), "reference-triples: `2 classes`", "several implementations");
    let nobody = honest.with(|own| own.keys.clear());
    let imported = nobody.import().unwrap();
    assert_eq!(rules(&imported)[0].identities, Identities::AnyGenuineChip);
    assert!(imported.notes.iter().any(|note| note.contains("any device of that implementation")));
    let keys = honest.with(|own| own.reference.clear()).import().unwrap();
    assert!(rules(&keys).is_empty() && keys.endorsements.len() == 1);
}

#[test]
fn crimes_against_envelope_and_triples() {
    let honest = Document::psa();
    let one = |values: &[(i64, Vec<u8>)]| {
        honest.with(|own| own.reference = vec![reference(&[class(&[9; 32])], &[software(values)])])
    };
    let corim = |key: i64, value: Vec<u8>| honest.with(|own| own.corim.push(&cbor::number(key), value));
    let comid = |key: i64, value: Vec<u8>| honest.with(|own| own.comid.push(&cbor::number(key), value));
    let triples = |key: i64| honest.with(|own| own.triples.push(&cbor::number(key), cbor::array(&[cbor::array(&[])])));
    let time = |seconds: i64| cbor::tag(1, &cbor::number(seconds));
    let mval = "tags[0]/triples/reference-triples[0]/measurements[0]/mval";
    for (crime, document, start, why) in [
        ("extension of the map", corim(-1, cbor::text("foo")), "-1", "extension"),
        ("dependency", corim(2, cbor::array(&[numbers(&[])])), "dependent-rims", "depends on other documents"),
        (
            "validity without end",
            corim(4, numbers(&[(0, time(9)), (1, time(8))])),
            "rim-validity",
            "ends before it begins",
        ),
        ("validity of no time", corim(4, numbers(&[(1, cbor::text("soon"))])), "rim-validity/not-after", "no time"),
        ("linked", comid(3, cbor::array(&[numbers(&[])])), "tags[0]/linked-tags", "supplements or replaces"),
        ("extension of the module", comid(-7, cbor::number(1)), "tags[0]/-7", "extension"),
        ("endorsed values", triples(1), "tags[0]/triples/endorsed-triples", "no evidence to hold it against"),
        ("identity keys", triples(2), "tags[0]/triples/identity-triples", "without attesting"),
        ("dependencies", triples(4), "tags[0]/triples/dependency-triples", "on which other part"),
        ("membership", triples(5), "tags[0]/triples/membership-triples", "belong together"),
        ("files", triples(6), "tags[0]/triples/coswid-triples", "lists of installed files"),
        ("conditional endorsement", triples(10), "tags[0]/triples/conditional-endorsement-triples", "no evidence"),
        ("unknown triples", triples(12), "tags[0]/triples/12", "extension"),
        ("no digest", one(&[name("BL"), signer(5)]), &format!("{mval}/digests"), "is missing"),
        ("no name", one(&[digests(1), signer(5)]), &format!("{mval}/name"), "is missing"),
        ("no signer", one(&[digests(1), name("BL")]), &format!("{mval}/cryptokeys"), "is missing"),
        (
            "security version",
            one(&[(1, cbor::tag(553, &cbor::number(3))), digests(1), name("BL"), signer(5)]),
            &format!("{mval}/svn"),
            "no counterpart",
        ),
        (
            "flags",
            one(&[digests(1), (3, numbers(&[(3, vec![0xf5])])), name("BL"), signer(5)]),
            &format!("{mval}/flags"),
            "no counterpart",
        ),
        (
            "raw value and mask",
            one(&[digests(1), (4, cbor::tag(560, &cbor::bytes(&[1]))), name("BL"), signer(5)]),
            &format!("{mval}/raw-value"),
            "no counterpart",
        ),
        (
            "extension of a measurement",
            one(&[(-1, cbor::number(3)), digests(1), name("BL"), signer(5)]),
            &format!("{mval}/-1"),
            "extension",
        ),
    ] {
        let result = document.import();
        one_refusal(crime, result, start, why);
    }
}

#[test]
fn crimes_against_measurements() {
    let honest = Document::psa();
    let one = |values: &[(i64, Vec<u8>)]| {
        honest.with(|own| own.reference = vec![reference(&[class(&[9; 32])], &[software(values)])])
    };
    let mval = "tags[0]/triples/reference-triples[0]/measurements[0]/mval";
    for (crime, document, start, why) in [
        (
            "two digests",
            one(&[
                (
                    2,
                    cbor::array(&[
                        cbor::array(&[cbor::number(1), cbor::bytes(&[1; 32])]),
                        cbor::array(&[cbor::number(7), cbor::bytes(&[1; 48])]),
                    ]),
                ),
                name("BL"),
                signer(5),
            ]),
            &format!("{mval}/digests"),
            "exactly one digest",
        ),
        (
            "digest of another length",
            one(&[(2, cbor::array(&[cbor::array(&[cbor::number(7), cbor::bytes(&[1; 32])])])), name("BL"), signer(5)]),
            &format!("{mval}/digests"),
            "no digest by",
        ),
        (
            "weak digest",
            one(&[
                (2, cbor::array(&[cbor::array(&[cbor::text("sha-1"), cbor::bytes(&[1; 20])])])),
                name("BL"),
                signer(5),
            ]),
            &format!("{mval}/digests"),
            "no digest by",
        ),
    ] {
        let result = document.import();
        one_refusal(crime, result, start, why);
    }
}

#[test]
fn crimes_against_digests_classes_and_keys() {
    let honest = Document::psa();
    let (key, other) = (Key::new(Algorithm::P256), Key::new(Algorithm::P256));
    let keyed = |keys: &[Vec<u8>]| {
        honest.with(|own| {
            let ueid = [&[1], [7; 32].as_slice()].concat();
            let environment = numbers(&[class(&[9; 32]), (1, cbor::tag(550, &cbor::bytes(&ueid)))]);
            own.keys = vec![cbor::array(&[environment, cbor::array(keys)])];
        })
    };
    let keys = "tags[0]/triples/attest-key-triples[0]";
    for (crime, document, start, why) in [
        (
            "measurement by another",
            honest.with(|own| {
                own.reference = vec![reference(
                    &[class(&[9; 32])],
                    &[numbers(&[
                        (0, cbor::text(SOFTWARE)),
                        (1, numbers(&[digests(1), name("BL"), signer(5)])),
                        (2, cbor::array(&[])),
                    ])],
                )]
            }),
            "tags[0]/triples/reference-triples[0]/measurements[0]/authorized-by",
            "limits who",
        ),
        (
            "class of another length",
            honest.with(|own| {
                own.keys.clear();
                own.reference = vec![reference(&[class(&[9; 31])], &[software(&[digests(1), name("BL"), signer(5)])])];
            }),
            "tags[0]/triples/reference-triples[0]/environment/class/class-id",
            "no implementation id",
        ),
        ("two keys", keyed(&[pem(&key), pem(&other)]), &format!("{keys}/keys"), "exactly one attestation key"),
        (
            "thumbprint",
            keyed(&[cbor::tag(557, &cbor::bytes(&[1; 32]))]),
            &format!("{keys}/keys"),
            "a digest, not a key",
        ),
        (
            "key of no PEM",
            keyed(&[cbor::tag(554, &cbor::text("ssh-ed25519 AAAA"))]),
            &format!("{keys}/keys"),
            "a public key as PEM",
        ),
        (
            "private key",
            keyed(&[cbor::tag(554, &cbor::text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))]),
            &format!("{keys}/keys"),
            "a public key as PEM",
        ),
    ] {
        let result = document.import();
        one_refusal(crime, result, start, why);
    }
}

#[test]
fn crimes_against_private_and_limited_keys() {
    let honest = Document::psa();
    let key = Key::new(Algorithm::P256);
    let keys = "tags[0]/triples/attest-key-triples[0]";
    for (crime, document, start, why) in [
        (
            "conditions",
            honest.with(|own| {
                own.keys = vec![cbor::array(&[
                    numbers(&[class(&[9; 32]), (1, cbor::tag(550, &cbor::bytes(&[1; 33])))]),
                    cbor::array(&[pem(&key)]),
                    numbers(&[(0, cbor::number(1))]),
                ])]
            }),
            &format!("{keys}/conditions"),
            "limits a key",
        ),
        ("no triple", honest.with(|own| own.keys = vec![cbor::array(&[])]), &keys.to_owned(), "is no triple"),
    ] {
        let result = document.import();
        one_refusal(crime, result, start, why);
    }
}

#[test]
fn crimes_against_the_encoding() {
    let honest = Document::psa();
    let bytes = honest.encode();
    let other_profile =
        honest.with(|own| own.corim.set(&cbor::number(3), cbor::tag(32, &cbor::text("http://arm.com/psa/iot/1"))));
    let refused = refusals(other_profile.import());
    assert!(refused[0].starts_with("profile: `http://arm.com/psa/iot/1`") && refused.len() == 3, "{refused:#?}");
    let swid = {
        let mut corim = honest.corim.clone();
        corim.push(&cbor::number(1), cbor::array(&[cbor::tag(505, &cbor::bytes(&[0xa0]))]));
        cbor::tag(501, &corim.encode())
    };
    one_refusal("CoSWID", import(&swid, None), "tags[0]", "lists installed files");
    for (crime, bytes, why) in [
        (
            "key twice",
            honest.with(|own| own.corim.push(&cbor::number(0), cbor::text("again"))).encode(),
            "appears twice",
        ),
        (
            "key twice, long form",
            {
                let mut map = vec![0xa2, 0x00, 0x61, b'a', 0x18, 0x00, 0x61];
                map.push(b'b');
                cbor::tag(501, &map)
            },
            "appears twice",
        ),
        ("indefinite map", cbor::tag(501, &honest.corim.encode_indefinite()), "indefinite length"),
        ("trailing byte", [bytes.clone(), vec![0]].concat(), "bytes follow"),
        ("cut", bytes[..bytes.len() - 1].to_vec(), "end of input"),
        ("another tag", cbor::tag(503, &[0xa0]), "neither tag 501 nor tag 18"),
        ("untagged", vec![0xa0], "neither tag 501 nor tag 18"),
        ("deep", [vec![0xd9, 0x01, 0xf5], vec![0x81; 200], vec![0x00]].concat(), "deeper than 48"),
        ("tags nested", [vec![0xc1; 200], vec![0x00]].concat(), "deeper than 48"),
        ("huge array", vec![0xd9, 0x01, 0xf5, 0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "end of input"),
        (
            "module not in bytes",
            {
                let mut corim = honest.corim.clone();
                corim.push(&cbor::number(1), cbor::array(&[cbor::tag(506, &[0xa0])]));
                cbor::tag(501, &corim.encode())
            },
            "not of a byte string",
        ),
        ("nothing", Vec::new(), "end of input"),
        ("too long", vec![0; (1 << 20) + 1], "1048577 bytes where at most"),
    ] {
        let error = import(&bytes, None).unwrap_err().to_string();
        assert!(error.contains(why), "{crime}: {error}");
    }
}
