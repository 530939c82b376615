//! Crimes on chains and lists: each is one change to a chain root → CA → leaf that is otherwise accepted.

use std::sync::LazyLock;

use casemate_cose::UnixTime;
use casemate_testkit::{
    DAY_S, NOW, der,
    pki::{Algorithm, Authority, Key},
};

use super::{Anchor, Certificate, Chain, ChainFlaw, CrlRule, Lists, Vendor, chain::VerifiedChain};

static ROOT: LazyLock<Authority> = LazyLock::new(|| Authority::new("Root", Algorithm::RsaPssSha384));
/// Another root that has the same name.
static IMPOSTOR: LazyLock<Authority> = LazyLock::new(|| Authority::new("Root", Algorithm::RsaPssSha384));
static CA: LazyLock<Authority> = LazyLock::new(|| Authority::new("CA", Algorithm::P256));
static LEAF: LazyLock<Authority> = LazyLock::new(|| Authority::new("Leaf", Algorithm::P384));
static RSA: LazyLock<Key> = LazyLock::new(|| Key::new(Algorithm::RsaPkcs1Sha256));

const BASIC_CONSTRAINTS: &str = "2.5.29.19";
const KEY_USAGE: &str = "2.5.29.15";

/// A certificate or a list before it is signed: the fields in their order, DER each.
#[derive(Clone)]
struct Draft {
    fields: Vec<Vec<u8>>,
    extensions: Vec<Vec<u8>>,
    outer: Vec<u8>,
    signer: &'static Key,
}

/// Places among the fields of a certificate.
const VERSION: usize = 0;
const SERIAL: usize = 1;
const INNER: usize = 2;
const ISSUER: usize = 3;
const VALIDITY: usize = 4;
const SPKI: usize = 6;
/// Places among the fields of a list.
const LIST_VERSION: usize = 0;
const LIST_ISSUER: usize = 2;
const THIS_UPDATE: usize = 3;
const NEXT_UPDATE: usize = 4;
const REVOKED: usize = 5;

impl Draft {
    fn certificate(subject: &'static Authority, serial: u64, issuer: &'static Authority, ca: Option<u64>) -> Self {
        let fields = vec![
            der::context(0, &der::integer(2)),
            der::integer(serial),
            issuer.key.signature_algorithm(),
            name(&issuer.name),
            validity(NOW.0 - DAY_S, NOW.0 + DAY_S),
            name(&subject.name),
            subject.key.spki(),
        ];
        let extensions = ca.map_or_else(Vec::new, |length| {
            let constraints = der::sequence(&[der::yes(), der::integer(length)]);
            vec![extension(BASIC_CONSTRAINTS, true, &constraints), extension(KEY_USAGE, true, &[3, 2, 1, 0x06])]
        });
        Self { fields, extensions, outer: issuer.key.signature_algorithm(), signer: &issuer.key }
    }

    fn list(issuer: &'static Authority, serials: &[u64]) -> Self {
        let entries: Vec<_> = serials.iter().map(|serial| entry(*serial, &[])).collect();
        let algorithm = issuer.key.signature_algorithm();
        let fields = vec![
            der::integer(1),
            algorithm.clone(),
            name(&issuer.name),
            der::time(NOW.0 - 60),
            der::time(NOW.0 + 60),
            if entries.is_empty() { Vec::new() } else { der::sequence(&entries) },
        ];
        Self { fields, extensions: Vec::new(), outer: algorithm, signer: &issuer.key }
    }

    /// Names this algorithm inside and outside.
    fn algorithm(&mut self, algorithm: Vec<u8>) {
        let inner = if self.fields.len() == 7 { INNER } else { 1 };
        self.fields[inner] = algorithm.clone();
        self.outer = algorithm;
    }

    fn replace(&mut self, oid: &str, with: Vec<u8>) {
        let named = der::oid(oid);
        self.extensions.retain(|extension| !extension.windows(named.len()).any(|window| window == named));
        self.extensions.push(with);
    }

    fn issue(&self) -> Vec<u8> {
        let mut fields = self.fields.clone();
        if !self.extensions.is_empty() {
            let tag = if self.fields.len() == 7 { 3 } else { 0 };
            fields.push(der::context(tag, &der::sequence(&self.extensions)));
        }
        let tbs = der::sequence(&fields);
        let signature = der::bits(&self.signer.sign(&tbs));
        der::sequence(&[tbs, self.outer.clone(), signature])
    }
}

fn name(common: &str) -> Vec<u8> {
    der::sequence(&[der::set(&der::sequence(&[der::oid("2.5.4.3"), der::element(0x0c, common.as_bytes())]))])
}

fn validity(from: u64, to: u64) -> Vec<u8> {
    der::sequence(&[der::time(from), der::time(to)])
}

fn extension(oid: &str, is_critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if is_critical { der::yes() } else { Vec::new() };
    der::sequence(&[der::oid(oid), critical, der::octets(value)])
}

fn entry(serial: u64, extensions: &[Vec<u8>]) -> Vec<u8> {
    let extensions = if extensions.is_empty() { Vec::new() } else { der::sequence(extensions) };
    der::sequence(&[der::integer(serial), der::time(NOW.0 - 60), extensions])
}

/// RSASSA-PSS with these parameters: hash, the mask's hash, what follows.
fn pss(hash: &str, mask_hash: &str, rest: &[Vec<u8>]) -> Vec<u8> {
    let named = |name: &str| der::sequence(&[der::oid(name), vec![5, 0]]);
    let mask = der::sequence(&[der::oid("1.2.840.113549.1.1.8"), named(mask_hash)]);
    let parameters = [der::context(0, &named(hash)), der::context(1, &mask), rest.concat()];
    der::sequence(&[der::oid("1.2.840.113549.1.1.10"), der::sequence(&parameters)])
}

const SHA256: &str = "2.16.840.1.101.3.4.2.1";
const SHA384: &str = "2.16.840.1.101.3.4.2.2";

fn salt(length: u64) -> Vec<u8> {
    der::context(2, &der::integer(length))
}

/// A chain and what it is verified against.
#[derive(Clone)]
struct Case {
    leaf: Draft,
    ca: Draft,
    lists: Vec<Draft>,
    anchors: Vec<Anchor>,
    /// Changes the bytes of the certificates, leaf first.
    bytes: fn(&mut Vec<Vec<u8>>),
    /// Changes the bytes of the lists.
    list_bytes: fn(&mut Vec<Vec<u8>>),
    rule: CrlRule,
    at: u64,
}

fn anchor(root: &Authority) -> Anchor {
    Anchor::of_certificate(Vendor::Dice, &root.root()).unwrap()
}

impl Case {
    fn honest() -> Self {
        Self {
            leaf: Draft::certificate(&LEAF, 0x80, &CA, None),
            ca: Draft::certificate(&CA, 2, &ROOT, Some(0)),
            lists: vec![Draft::list(&ROOT, &[7]), Draft::list(&CA, &[])],
            anchors: vec![anchor(&ROOT)],
            bytes: |_| {},
            list_bytes: |_| {},
            rule: CrlRule::Required,
            at: NOW.0,
        }
    }

    fn judge(&self) -> Result<VerifiedChain, ChainFlaw> {
        let mut certificates = vec![self.leaf.issue(), self.ca.issue()];
        (self.bytes)(&mut certificates);
        let mut lists: Vec<_> = self.lists.iter().map(Draft::issue).collect();
        (self.list_bytes)(&mut lists);
        let parsed = certificates.iter().map(|bytes| Certificate::parse(bytes)).collect::<Result<Vec<_>, _>>()?;
        let anchors: Vec<_> = self.anchors.iter().collect();
        let crls = Lists::of(lists.iter().map(Vec::as_slice));
        let chain = Chain { anchors: &anchors, crls: &crls, crl_rule: self.rule, critical: &[], at: UnixTime(self.at) };
        chain.verify(&parsed)
    }
}

#[test]
fn honest_chains_are_accepted() {
    type Change = (&'static str, fn(&mut Case));
    let verified = Case::honest().judge().unwrap();
    assert!(verified.is_revocation_checked);
    assert_eq!((verified.root.as_str(), verified.support.used.len()), ("Root", 4));
    let kinds: Vec<_> = verified.support.used.iter().map(|used| (used.kind, used.name.as_str())).collect();
    assert_eq!(kinds, [("certificate", "CA"), ("crl", "Root"), ("certificate", "Leaf"), ("crl", "CA")]);
    assert_eq!(verified.support.window.not_after, UnixTime(NOW.0 + 60));

    let changes: [Change; 12] = [
        ("root_at_the_end", |c| c.bytes = |b| b.push(ROOT.root())),
        ("two_anchors_of_one_name", |c| c.anchors = vec![anchor(&IMPOSTOR), anchor(&ROOT)]),
        ("no_lists_where_none_are_asked_for", |c| (c.lists.clear(), c.rule = CrlRule::IfGiven).1),
        ("first_second_of_the_leaf", |c| c.leaf.fields[VALIDITY] = validity(NOW.0, NOW.0 + 9)),
        ("last_second_of_the_leaf", |c| c.leaf.fields[VALIDITY] = validity(NOW.0 - 9, NOW.0)),
        ("first_second_of_the_list", |c| c.lists[1].fields[THIS_UPDATE] = der::time(NOW.0)),
        ("last_second_of_the_list", |c| c.lists[1].fields[NEXT_UPDATE] = der::time(NOW.0)),
        ("unknown_extension", |c| c.leaf.extensions.push(extension("1.2.3", false, &[1]))),
        ("critical_extension_of_entries_known", |c| {
            c.lists[1].extensions.push(extension("2.5.29.20", true, &der::integer(1)))
        }),
        ("trailer_field_spelled_out", |c| {
            c.ca.algorithm(pss(SHA384, SHA384, &[salt(48), der::context(3, &der::integer(1))]))
        }),
        ("list_of_somebody_else_too", |c| c.lists.push(Draft::list(&LEAF, &[0x80]))),
        ("issuers_serial_on_the_other_list", |c| c.lists[1] = Draft::list(&CA, &[2])),
    ];
    for (change, make) in changes {
        let mut case = Case::honest();
        make(&mut case);
        if let Err(flaw) = case.judge() {
            panic!("`{change}`: {flaw}");
        }
    }
}

type Crime = (&'static str, fn(&mut Case), &'static str, &'static str);

/// `kind` is the flaw's variant, `says` a part of its message.
fn assert_all_refused(crimes: &[Crime]) {
    assert!(Case::honest().judge().is_ok());
    for (crime, commit, kind, says) in crimes {
        let mut case = Case::honest();
        commit(&mut case);
        match case.judge() {
            Ok(_) => panic!("`{crime}` was accepted"),
            Err(flaw) => {
                assert!(format!("{flaw:?}").starts_with(kind), "`{crime}`: {flaw:?}");
                assert!(flaw.to_string().contains(says), "`{crime}`: {flaw}");
            }
        }
    }
}

#[test]
fn crimes_on_names_authority_and_dates() {
    assert_all_refused(&[
        ("no_certificate", |c| c.bytes = Vec::clear, "Empty", ""),
        ("nine_certificates", |c| c.bytes = |b| (0..7).for_each(|_| b.push(b[1].clone())), "TooLong", "9 certificates"),
        ("leaf_names_the_root", |c| c.leaf.fields[ISSUER] = name("Root"), "Name", "names `Root`"),
        ("ca_names_another_root", |c| c.ca.fields[ISSUER] = name("Other"), "Anchor", "`Other` is no pinned root"),
        ("no_anchor", |c| c.anchors.clear(), "Anchor", "`Root` is no pinned root"),
        ("anchor_of_the_same_name", |c| c.anchors = vec![anchor(&IMPOSTOR)], "Signature", "`CA`"),
        ("two_anchors_neither_of_which_signed", |c| c.anchors = vec![anchor(&IMPOSTOR); 2], "Signature", "`CA`"),
        ("root_of_the_same_name_at_the_end", |c| c.bytes = |b| b.push(IMPOSTOR.root()), "Signature", "`Root`"),
        ("ca_left_out", |c| c.bytes = |b| drop(b.remove(1)), "Anchor", "`CA` is no pinned root"),
        ("order_reversed", |c| c.bytes = |b| b.reverse(), "Anchor", "`CA` is no pinned root"),
        ("ca_without_basic_constraints", |c| drop(c.ca.extensions.remove(0)), "NotCa", "`CA`"),
        (
            "ca_false",
            |c| c.ca.replace(BASIC_CONSTRAINTS, extension(BASIC_CONSTRAINTS, true, &der::sequence(&[]))),
            "NotCa",
            "`CA`",
        ),
        (
            "path_length_exceeded",
            |c| {
                c.bytes = |b| {
                    let below = Draft::certificate(&LEAF, 9, &LEAF, None);
                    b[0] = Draft::certificate(&LEAF, 0x80, &CA, Some(0)).issue();
                    b.insert(0, below.issue());
                }
            },
            "NotCa",
            "`CA`",
        ),
        (
            "key_may_not_sign_certificates",
            |c| c.ca.replace(KEY_USAGE, extension(KEY_USAGE, true, &[3, 2, 1, 0x02])),
            "NotCa",
            "`CA`",
        ),
        (
            "key_usage_empty",
            |c| c.ca.replace(KEY_USAGE, extension(KEY_USAGE, true, &[3, 1, 0])),
            "Malformed",
            "`keyUsage`",
        ),
        (
            "leaf_critical_extension",
            |c| c.leaf.extensions.push(extension("1.2.3", true, &[])),
            "CriticalExtension",
            "`Leaf`",
        ),
        (
            "ca_critical_extension",
            |c| c.ca.extensions.push(extension("2.5.29.30", true, &[])),
            "CriticalExtension",
            "`CA`",
        ),
        ("leaf_expired_a_second_ago", |c| c.leaf.fields[VALIDITY] = validity(0, NOW.0 - 1), "Expired", "`Leaf`"),
        (
            "leaf_valid_in_a_second",
            |c| c.leaf.fields[VALIDITY] = validity(NOW.0 + 1, NOW.0 + 9),
            "NotYetValid",
            "`Leaf`",
        ),
        ("ca_expired_a_second_ago", |c| c.ca.fields[VALIDITY] = validity(0, NOW.0 - 1), "Expired", "`CA`"),
        ("ca_valid_in_a_second", |c| c.ca.fields[VALIDITY] = validity(NOW.0 + 1, NOW.0 + 9), "NotYetValid", "`CA`"),
    ]);
}

const ON_BYTES: &[Crime] = &[
    ("version_1", |c| c.leaf.fields[VERSION].clear(), "Malformed", "`version`"),
    ("version_2", |c| c.leaf.fields[VERSION] = der::context(0, &der::integer(1)), "Malformed", "`version`"),
    ("version_and_a_byte", |c| c.leaf.fields[VERSION] = der::context(0, &[2, 1, 2, 0]), "Malformed", "`version`"),
    ("serial_not_shortest", |c| c.leaf.fields[SERIAL] = vec![2, 2, 0, 1], "Malformed", "`serialNumber`"),
    (
        "extension_twice",
        |c| c.leaf.extensions = vec![extension("1.2.3", false, &[1]); 2],
        "Malformed",
        "each extension once",
    ),
    (
        "forty_nine_extensions",
        |c| {
            c.leaf.extensions = (0..49).map(|n| extension(&format!("1.2.{n}"), false, &[])).collect();
        },
        "Malformed",
        "at most 48",
    ),
    (
        "time_with_an_offset",
        |c| {
            let time = der::element(0x18, b"20261122015456+0000");
            c.leaf.fields[VALIDITY] = der::sequence(&[time.clone(), time]);
        },
        "Malformed",
        "`notBefore`",
    ),
    ("trailing_byte", |c| c.bytes = |b| b[0].push(0), "Malformed", "follow `certificate`"),
    ("cut_after_100_bytes", |c| c.bytes = |b| drop(b[0].split_off(100)), "Malformed", "`certificate`"),
    (
        "indefinite_length",
        |c| {
            c.bytes = |b| {
                b[0].splice(1..4, [0x80]);
                b[0].extend([0, 0]);
            }
        },
        "Malformed",
        "definite length",
    ),
    (
        "length_not_shortest",
        |c| {
            c.bytes = |b| {
                let length = [b[0][2], b[0][3]];
                b[0].splice(1..4, [0x83, 0, length[0], length[1]]);
            }
        },
        "Malformed",
        "shortest form",
    ),
    (
        "longer_than_16_kib",
        |c| c.leaf.extensions.push(extension("1.2.3", false, &[0; 16 << 10])),
        "Malformed",
        "at most 16384",
    ),
    (
        "signature_changed",
        |c| {
            c.bytes = |b| {
                let end = b[0].len() - 1;
                b[0][end] ^= 1;
            }
        },
        "Signature",
        "`Leaf`",
    ),
    (
        "subject_key_changed",
        |c| {
            c.bytes = |b| {
                let place = b[0].windows(2).position(|pair| pair == [0, 4]).unwrap();
                b[0][place + 40] ^= 1;
            }
        },
        "Signature",
        "`Leaf`",
    ),
    (
        "curve_unknown",
        |c| {
            c.leaf.fields[SPKI] = der::sequence(&[
                der::sequence(&[der::oid("1.2.840.10045.2.1"), der::oid("1.3.132.0.10")]),
                der::bits(&[4; 65]),
            ])
        },
        "Malformed",
        "`namedCurve`",
    ),
];

#[test]
fn crimes_on_bytes() {
    assert_all_refused(ON_BYTES);
}

#[test]
fn crimes_on_algorithms() {
    assert_all_refused(&[
        (
            "other_algorithm_outside",
            |c| c.leaf.outer = LEAF.key.signature_algorithm(),
            "Malformed",
            "the same inside and outside",
        ),
        (
            "other_algorithm_inside",
            |c| c.leaf.fields[INNER] = LEAF.key.signature_algorithm(),
            "Malformed",
            "the same inside and outside",
        ),
        ("rsa_algorithm_of_an_ec_key", |c| c.leaf.algorithm(RSA.signature_algorithm()), "Signature", "`Leaf`"),
        ("ec_algorithm_of_an_rsa_key", |c| c.ca.algorithm(CA.key.signature_algorithm()), "Signature", "`CA`"),
        ("pkcs1_algorithm_of_a_pss_signature", |c| c.ca.algorithm(RSA.signature_algorithm()), "Signature", "`CA`"),
        (
            "ecdsa_with_sha1",
            |c| c.leaf.algorithm(der::sequence(&[der::oid("1.2.840.10045.4.1")])),
            "Malformed",
            "known here",
        ),
        (
            "ecdsa_with_null",
            |c| c.leaf.algorithm(der::sequence(&[der::oid("1.2.840.10045.4.3.2"), vec![5, 0]])),
            "Malformed",
            "signatureAlgorithm",
        ),
        (
            "pkcs1_without_null",
            |c| c.ca.algorithm(der::sequence(&[der::oid("1.2.840.113549.1.1.11")])),
            "Malformed",
            "signatureAlgorithm",
        ),
        ("pss_salt_of_32", |c| c.ca.algorithm(pss(SHA384, SHA384, &[salt(32)])), "Malformed", "RSASSA-PSS"),
        (
            "pss_salt_and_a_byte",
            |c| c.ca.algorithm(pss(SHA384, SHA384, &[der::context(2, &[2, 1, 48, 0])])),
            "Malformed",
            "saltLength",
        ),
        ("pss_salt_left_out", |c| c.ca.algorithm(pss(SHA384, SHA384, &[])), "Malformed", "RSASSA-PSS"),
        ("pss_other_mask_hash", |c| c.ca.algorithm(pss(SHA384, SHA256, &[salt(48)])), "Malformed", "RSASSA-PSS"),
        ("pss_other_hash", |c| c.ca.algorithm(pss(SHA256, SHA256, &[salt(32)])), "Signature", "`CA`"),
        (
            "pss_trailer_2",
            |c| c.ca.algorithm(pss(SHA384, SHA384, &[salt(48), der::context(3, &der::integer(2))])),
            "Malformed",
            "trailer 1",
        ),
        (
            "pss_without_parameters",
            |c| c.ca.algorithm(der::sequence(&[der::oid("1.2.840.113549.1.1.10")])),
            "Malformed",
            "RSASSA-PSS",
        ),
    ]);
}

const ON_LISTS: &[Crime] = &[
    ("no_list_of_the_ca", |c| drop(c.lists.remove(1)), "CrlMissing", "`CA`"),
    ("no_list_of_the_root", |c| drop(c.lists.remove(0)), "CrlMissing", "`Root`"),
    ("list_names_another_issuer", |c| c.lists[1].fields[LIST_ISSUER] = name("Other"), "CrlMissing", "`CA`"),
    ("leaf_revoked", |c| c.lists[1] = Draft::list(&CA, &[5, 0x80]), "Revoked", "`Leaf` was revoked by `CA`"),
    ("ca_revoked", |c| c.lists[0] = Draft::list(&ROOT, &[2]), "Revoked", "`CA` was revoked by `Root`"),
    (
        "leaf_on_hold",
        |c| c.lists[1].fields[REVOKED] = der::sequence(&[entry(0x80, &[extension("2.5.29.21", false, &[10, 1, 6])])]),
        "Revoked",
        "`Leaf`",
    ),
    ("revoked_by_the_second_list", |c| c.lists.push(Draft::list(&CA, &[0x80])), "Revoked", "`Leaf`"),
    ("outdated_a_second_ago", |c| c.lists[1].fields[NEXT_UPDATE] = der::time(NOW.0 - 1), "CrlOutdated", "`CA`"),
    ("of_the_next_second", |c| c.lists[1].fields[THIS_UPDATE] = der::time(NOW.0 + 1), "CrlOutdated", "`CA`"),
    (
        "outdated_where_none_is_asked_for",
        |c| {
            c.rule = CrlRule::IfGiven;
            c.lists[1].fields[NEXT_UPDATE] = der::time(NOW.0 - 1);
        },
        "CrlOutdated",
        "`CA`",
    ),
    ("without_next_update", |c| c.lists[1].fields[NEXT_UPDATE].clear(), "Malformed", "`nextUpdate`"),
    ("version_3", |c| c.lists[1].fields[LIST_VERSION] = der::integer(2), "Malformed", "`version`"),
    ("signed_by_another_key", |c| c.lists[0].signer = &IMPOSTOR.key, "CrlSignature", "`Root`"),
    (
        "signed_by_the_root_for_the_ca",
        |c| {
            (c.lists[1].signer, c.lists[1].outer, c.lists[1].fields[1]) =
                (&ROOT.key, ROOT.key.signature_algorithm(), ROOT.key.signature_algorithm())
        },
        "CrlSignature",
        "`CA`",
    ),
    (
        "ca_may_not_sign_lists",
        |c| c.ca.replace(KEY_USAGE, extension(KEY_USAGE, true, &[3, 2, 1, 0x04])),
        "CrlSignature",
        "`CA`",
    ),
    (
        "a_delta",
        |c| c.lists[1].extensions.push(extension("2.5.29.27", true, &der::integer(1))),
        "Malformed",
        "no critical extension",
    ),
    (
        "of_some_reasons_only",
        |c| c.lists[1].extensions.push(extension("2.5.29.28", true, &der::sequence(&[]))),
        "Malformed",
        "no critical extension",
    ),
    (
        "entry_of_another_issuer",
        |c| c.lists[1].fields[REVOKED] = der::sequence(&[entry(9, &[extension("2.5.29.29", true, &[])])]),
        "Malformed",
        "no critical extension",
    ),
    (
        "entry_without_a_date",
        |c| c.lists[1].fields[REVOKED] = der::sequence(&[der::sequence(&[der::integer(9)])]),
        "Malformed",
        "`revocationDate`",
    ),
    (
        "other_algorithm_outside_of_a_list",
        |c| c.lists[1].outer = LEAF.key.signature_algorithm(),
        "Malformed",
        "the same inside and outside",
    ),
    ("trailing_byte_after_a_list", |c| c.list_bytes = |b| b[1].push(0), "Malformed", "certificateList"),
    (
        "indefinite_list",
        |c| {
            c.list_bytes = |b| {
                b[1].splice(1..3, [0x80]);
                b[1].extend([0, 0]);
            }
        },
        "Malformed",
        "definite length",
    ),
    ("list_is_rubbish", |c| c.list_bytes = |b| b.push(vec![0x30]), "Malformed", "certificateList"),
];

#[test]
fn crimes_on_lists() {
    assert_all_refused(ON_LISTS);
}

#[test]
fn every_flipped_bit_of_a_certificate_or_list_is_refused() {
    let case = Case::honest();
    let honest = [case.leaf.issue(), case.ca.issue(), case.lists[0].issue(), case.lists[1].issue()];
    let anchor = anchor(&ROOT);
    let judge = |parts: &[Vec<u8>; 4]| -> Result<VerifiedChain, ChainFlaw> {
        let certificates = [Certificate::parse(&parts[0])?, Certificate::parse(&parts[1])?];
        let crls = Lists::of([parts[2].as_slice(), parts[3].as_slice()]);
        let chain = Chain { anchors: &[&anchor], crls: &crls, crl_rule: CrlRule::Required, critical: &[], at: NOW };
        chain.verify(&certificates)
    };
    assert!(judge(&honest).is_ok());
    for part in 0..honest.len() {
        for bit in (part % 5..honest[part].len() * 8).step_by(5) {
            let mut parts = honest.clone();
            parts[part][bit / 8] ^= 1 << (bit % 8);
            assert!(judge(&parts).is_err(), "part {part} bit {bit}");
        }
    }
}
