//! `dice` evidence: synthetic only, no recorded chain with a known root is public.

use std::sync::LazyLock;

use casemate_cose::UnixTime;
use casemate_evidence::{
    AllowDebug, Anchor, Authenticated, Cache, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Format,
    Platform, Refusal, Stated, Vendor, authenticate, authenticate_cached,
    dice::{Claims, SIGNATURE_LABEL},
};
use casemate_testkit::{
    DAY_S, NOW, der,
    pki::{Algorithm, Authority, Certificate, Key},
    vendor::dice::{Device, FLAGS, bytes, fmc_infos, frame, fwid, oid, tcb_info, ueid},
};

static DEVICE: LazyLock<Device> = LazyLock::new(Device::default);
/// A device of another maker, whose authorities have the same names.
static OTHER: LazyLock<Device> = LazyLock::new(Device::default);
static RSA: LazyLock<Key> = LazyLock::new(|| Key::new(Algorithm::RsaPkcs1Sha256));

/// A chain and what it is judged by.
struct Case {
    /// RT, FMC, LDevID, IDevID.
    certificates: [Certificate; 4],
    issuers: [&'static Authority; 4],
    /// Changes the certificates' bytes, leaf first.
    chain: fn(&mut Vec<Vec<u8>>),
    signer: Option<&'static Key>,
    report_data: Vec<u8>,
    bytes: fn(&mut Vec<u8>),
    anchor: Anchor,
    crls: Vec<Vec<u8>>,
    nonce: Vec<u8>,
    at: UnixTime,
}

impl Case {
    fn honest() -> Self {
        Self {
            certificates: DEVICE.certificates(),
            issuers: [&DEVICE.fmc, &DEVICE.ldevid, &DEVICE.idevid, &DEVICE.root],
            chain: |_| {},
            signer: Some(&DEVICE.rt.key),
            report_data: vec![7; 64],
            bytes: |_| {},
            anchor: Anchor::of_certificate(Vendor::Dice, &DEVICE.root.root()).unwrap(),
            crls: Vec::new(),
            nonce: vec![7; 64],
            at: NOW,
        }
    }

    fn evidence(&self) -> Evidence {
        let pairs = self.issuers.iter().zip(&self.certificates);
        let mut chain: Vec<_> = pairs.map(|(issuer, certificate)| issuer.issue(certificate)).collect();
        (self.chain)(&mut chain);
        let chain = chain.concat();
        let mut bytes = self.signer.map_or_else(|| chain.clone(), |key| frame(&chain, &self.report_data, key));
        (self.bytes)(&mut bytes);
        Evidence::new(Format::Dice, bytes)
    }

    fn endorsements(&self) -> Endorsements {
        let anchor = Endorsement::Anchor(self.anchor.clone());
        Endorsements::default().with(anchor).with_all(self.crls.iter().cloned().map(Endorsement::Crl))
    }

    fn judge(&self) -> Result<Authenticated<Stated>, Refusal> {
        authenticate(&self.evidence(), &self.endorsements(), &Stated::new(self.nonce.clone()), self.at)
    }

    /// Replaces the value of an extension of the certificate at `place`.
    fn extend(&mut self, place: usize, name: &str, value: Vec<u8>) {
        let extensions = &mut self.certificates[place].extensions;
        extensions.retain(|(other, ..)| other != name);
        extensions.push((name.to_owned(), false, value));
    }
}

fn claims(platform: &Platform) -> &Claims {
    let Platform::Dice(claims) = platform else { panic!("the claims are of `dice`") };
    claims
}

#[test]
fn an_honest_chain_is_authentic() {
    let authentic = Case::honest().judge().unwrap();
    let own = claims(&authentic.claims().platform);
    let subjects: Vec<_> = own.layers.iter().map(|layer| layer.subject.as_str()).collect();
    assert_eq!(subjects, ["IDevID", "LDevID", "FMC", "RT"]);
    assert!(own.layers.iter().all(|layer| layer.ueid.as_deref() == Some(&[1; 17])));
    let measured: Vec<_> = own.layers.iter().map(|layer| layer.tcb_infos.len()).collect();
    assert_eq!((measured.as_slice(), own.is_signed, own.revocation_checked), ([0, 0, 2, 1].as_slice(), true, false));
    let (device, rt) = (&own.layers[2].tcb_infos[0], &own.layers[3].tcb_infos[0]);
    assert_eq!((device.svn, device.tci_type.as_deref()), (Some(0x105), Some(b"DEVICE_INFO".as_slice())));
    assert_eq!(device.flags.unwrap().names().collect::<Vec<_>>(), ["fixed-width"]);
    assert_eq!((rt.fwids.len(), rt.fwids[0].digest.as_slice()), (1, [0x27; 48].as_slice()));
    assert_eq!(
        (authentic.claims().isolation, authentic.claims().manifest, authentic.claims().debug),
        (None, None, false)
    );
    let facts = authentic.claims().facts();
    let row = |name: &str| facts.rows().iter().find(|fact| fact.name == name).map(|fact| fact.value.clone());
    assert_eq!(row("layer-3.tcb-0.fwid"), Some(format!("sha384:{}", "27".repeat(48))));
    assert_eq!(authentic.support().used.len(), 4);
    assert_eq!(SIGNATURE_LABEL, "casemate/dice/1");
}

#[test]
fn a_chain_alone_states_nothing() {
    let case = Case { signer: None, nonce: vec![], ..Case::honest() };
    assert!(!claims(&case.judge().unwrap().claims().platform).is_signed);
    crate::assert_refused("unsigned", Case { signer: None, ..Case::honest() }.judge(), "evidence-binding");
    // The root's own certificate may end the chain.
    let with_root = Case { chain: |chain| chain.push(DEVICE.root.root()), ..Case::honest() };
    assert_eq!(claims(&with_root.judge().unwrap().claims().platform).layers.len(), 4);
}

#[test]
fn other_shapes_of_measurements_are_read() {
    let register =
        der::sequence(&[der::element(0x80, b"PCR0"), der::element(0x81, &[0]), der::element(0xa2, &fwid(&[9; 48]))]);
    let mut case = Case::honest();
    let all = tcb_info(&[
        (0x80, b"ACME"),
        (0x81, b"Model 1"),
        (0x82, b"1.2.3"),
        (0x83, &[0]),
        (0x84, &[2]),
        (0x85, &[3]),
        (0xa6, &[fwid(&[1; 48]), fwid(&[2; 48])].concat()),
        (0x87, &[0, 0]),
        (0x88, b"info"),
        (0x89, b"type"),
        (0x8a, &[3, 0xf8]),
        (0xab, &register),
    ]);
    case.extend(0, oid::TCB_INFO, all);
    case.extend(0, oid::UEID, ueid(b"label of a context"));
    case.extend(0, oid::EXTENDED_KEY_USAGE, der::sequence(&[der::oid(oid::KP_ATTEST_LOC)]));
    case.extend(1, oid::EXTENDED_KEY_USAGE, der::sequence(&[der::oid(oid::KP_ECA)]));
    let authentic = case.judge().unwrap();
    let info = &claims(&authentic.claims().platform).layers[3].tcb_infos[0];
    assert_eq!(
        (info.vendor.as_deref(), info.model.as_deref(), info.version.as_deref()),
        (Some("ACME"), Some("Model 1"), Some("1.2.3"))
    );
    assert_eq!((info.svn, info.layer, info.index, info.fwids.len()), (Some(0), Some(2), Some(3), 2));
    assert_eq!(
        (info.integrity_registers[0].name.as_deref(), info.integrity_registers[0].digests.len()),
        (Some("PCR0"), 1)
    );
}

#[test]
fn leaf_keys_of_other_kinds_sign() {
    for algorithm in [Algorithm::P256, Algorithm::Ed25519] {
        let key: &'static Key = Box::leak(Box::new(Key::new(algorithm)));
        let mut case = Case { signer: Some(key), ..Case::honest() };
        case.certificates[0].spki = key.spki();
        assert!(case.judge().is_ok(), "{algorithm:?}");
    }
}

#[test]
fn lists_of_all_issuers_are_said() {
    let authorities = [&DEVICE.root, &DEVICE.idevid, &DEVICE.ldevid, &DEVICE.fmc];
    let case = Case { crls: authorities.map(|authority| authority.crl_now(&[])).to_vec(), ..Case::honest() };
    assert!(claims(&case.judge().unwrap().claims().platform).revocation_checked);
}

#[test]
fn unsafe_layers_are_debug() {
    for (flag, name) in [(0x80, "not-configured"), (0x40, "not-secure"), (0x20, "recovery"), (0x10, "debug")] {
        let mut case = Case::honest();
        case.extend(1, oid::MULTI_TCB_INFO, fmc_infos([flag, 0, 0, 1]));
        crate::assert_refused(name, case.judge(), "evidence-debug");
        let allow = AllowDebug::new(Stated::new(case.nonce.clone()));
        assert!(authenticate(&case.evidence(), &case.endorsements(), &allow, NOW).unwrap().claims().debug);
    }
    let mut case = Case::honest();
    case.extend(1, oid::MULTI_TCB_INFO, fmc_infos([0x0f, 0x80, 0, 1]));
    assert!(case.judge().is_ok(), "flags that open nothing");
}

type Crime = (&'static str, fn(&mut Case), &'static str, &'static str);

fn assert_all_refused(crimes: &[Crime]) {
    assert!(Case::honest().judge().is_ok());
    for (crime, commit, rule, says) in crimes {
        let mut case = Case::honest();
        commit(&mut case);
        match case.judge() {
            Ok(_) => panic!("`{crime}` was accepted"),
            Err(refusal) => {
                assert_eq!(refusal.rule(), *rule, "`{crime}`: {refusal}");
                assert!(refusal.to_string().contains(says), "`{crime}`: {refusal}");
            }
        }
    }
}

const ON_BYTES: &[Crime] = &[
    ("empty", |c| c.bytes = Vec::clear, "dice-layout", "`certificate`"),
    ("trailing_byte_after_the_frame", |c| c.bytes = |b| b.push(0), "dice-layout", "1 bytes follow"),
    ("cut_by_a_byte", |c| c.bytes = |b| b.truncate(b.len() - 1), "dice-layout", "`signature`"),
    ("trailing_byte_after_the_chain", |c| c.chain = |chain| chain.push(vec![0]), "dice-layout", "`certificate`"),
    (
        "ten_certificates",
        |c| c.chain = |chain| (0..6).for_each(|_| chain.push(chain[3].clone())),
        "dice-layout",
        "at most 9",
    ),
    (
        "report_data_as_text",
        |c| {
            c.bytes = |b| {
                let place = b.len() - 98 - 66;
                b[place] = 0x78;
            }
        },
        "dice-layout",
        "`report data`",
    ),
    (
        "indefinite_array",
        |c| {
            c.bytes = |b| {
                b[0] = 0x9f;
                b.push(0xff);
            }
        },
        "dice-layout",
        "",
    ),
    (
        "array_of_four",
        |c| {
            c.bytes = |b| {
                b[0] = 0x84;
                b.push(0xf6);
            }
        },
        "dice-layout",
        "",
    ),
    (
        "length_not_shortest",
        |c| {
            c.bytes = |b| {
                let place = b.len() - 98;
                b.splice(place..place + 2, [0x59, 0, 96]);
            }
        },
        "dice-layout",
        "shortest",
    ),
    ("report_data_of_1025_bytes", |c| c.report_data = vec![7; 1025], "dice-layout", "at most 1024"),
    (
        "r_zero",
        |c| {
            c.bytes = |b| {
                let n = b.len();
                b[n - 96..n - 48].fill(0);
            }
        },
        "dice-signature",
        "",
    ),
    (
        "s_zero",
        |c| {
            c.bytes = |b| {
                let n = b.len();
                b[n - 48..].fill(0);
            }
        },
        "dice-signature",
        "",
    ),
    (
        "signature_in_der",
        |c| {
            c.bytes = |b| {
                let place = b.len() - 98;
                b.truncate(place);
                b.extend(bytes(&DEVICE.rt.key.sign(b"casemate/dice/1")));
            }
        },
        "dice-signature",
        "",
    ),
    ("signed_by_the_fmc", |c| c.signer = Some(&DEVICE.fmc.key), "dice-signature", ""),
    (
        "signed_without_the_label",
        |c| {
            c.bytes = |b| {
                let place = b.len() - 96;
                b.truncate(place);
                b.extend(DEVICE.rt.key.sign_fixed(&[7; 64]));
            }
        },
        "dice-signature",
        "",
    ),
    (
        "report_data_changed",
        |c| {
            c.bytes = |b| {
                let n = b.len();
                b[n - 99] ^= 1;
            }
        },
        "dice-signature",
        "",
    ),
    ("nonce_one_byte_off", |c| c.nonce[63] ^= 1, "evidence-binding", ""),
    ("nonce_a_byte_longer", |c| c.nonce.push(0), "evidence-binding", ""),
];

#[test]
fn crimes_on_bytes() {
    assert_all_refused(ON_BYTES);
}

#[test]
fn crimes_on_the_chain() {
    assert_all_refused(&[
        ("leaf_left_out", |c| c.chain = |chain| drop(chain.remove(0)), "dice-leaf-key", "`FMC`"),
        ("fmc_left_out", |c| c.chain = |chain| drop(chain.remove(1)), "dice-chain", "names `FMC`"),
        ("idevid_left_out", |c| c.chain = |chain| drop(chain.remove(3)), "dice-chain", "`IDevID` is no pinned root"),
        ("order_reversed", |c| c.chain = |chain| chain.reverse(), "dice-chain", "`FMC` is no pinned root"),
        ("two_swapped", |c| c.chain = |chain| chain.swap(1, 2), "dice-chain", "names"),
        (
            "leaf_twice",
            |c| c.chain = |chain| chain.insert(0, chain[0].clone()),
            "dice-chain",
            "`IDevID` is no certification authority",
        ),
        ("leaf_expired_a_second_ago", |c| c.certificates[0].not_after = NOW.0 - 1, "dice-chain", "`RT` expired"),
        ("leaf_valid_in_a_second", |c| c.certificates[0].not_before = NOW.0 + 1, "dice-chain", "`RT` is valid from"),
        ("issuer_expired_a_second_ago", |c| c.certificates[2].not_after = NOW.0 - 1, "dice-chain", "`LDevID` expired"),
        ("judged_a_second_late", |c| c.at = UnixTime(NOW.0 + DAY_S + 1), "dice-chain", "expired"),
        ("idevid_revoked", |c| c.crls.push(DEVICE.root.crl_now(&[11])), "dice-chain", "`IDevID` was revoked"),
        ("ldevid_revoked", |c| c.crls.push(DEVICE.idevid.crl_now(&[12])), "dice-chain", "`LDevID` was revoked"),
        ("fmc_revoked", |c| c.crls.push(DEVICE.ldevid.crl_now(&[13])), "dice-chain", "`FMC` was revoked"),
        ("rt_revoked", |c| c.crls.push(DEVICE.fmc.crl_now(&[14])), "dice-chain", "`RT` was revoked"),
        ("list_outdated", |c| c.crls.push(DEVICE.root.crl(&[], NOW.0 - 9, NOW.0 - 1)), "dice-chain", "holds from"),
        (
            "root_of_another_maker",
            |c| c.anchor = Anchor::of_certificate(Vendor::Dice, &OTHER.root.root()).unwrap(),
            "dice-chain",
            "`IDevID` does not verify",
        ),
        (
            "root_of_another_vendor",
            |c| c.anchor = Anchor::of_certificate(Vendor::Tpm, &DEVICE.root.root()).unwrap(),
            "dice-chain",
            "no pinned root",
        ),
        ("layer_of_another_device", |c| c.issuers[0] = &OTHER.fmc, "dice-chain", "`RT` does not verify"),
        ("leaf_issues_a_leaf", |c| c.certificates[1].ca = None, "dice-chain", "`FMC` is no certification authority"),
        ("path_too_long", |c| c.certificates[3].ca = Some(1), "dice-chain", "`IDevID` is no certification authority"),
        (
            "unknown_critical_extension",
            |c| c.certificates[0].extensions.push(("1.2.3".to_owned(), true, vec![])),
            "dice-chain",
            "critical extension",
        ),
        (
            "leaf_for_servers",
            |c| c.extend(0, oid::EXTENDED_KEY_USAGE, der::sequence(&[der::oid("1.3.6.1.5.5.7.3.1")])),
            "dice-key-purpose",
            "attestation",
        ),
        (
            "issuer_for_attestation",
            |c| c.extend(2, oid::EXTENDED_KEY_USAGE, der::sequence(&[der::oid(oid::KP_ATTEST_LOC)])),
            "dice-key-purpose",
            "certifying layers",
        ),
        (
            "leaf_key_is_rsa",
            |c| (c.certificates[0].spki, c.signer) = (RSA.spki(), Some(&*RSA)),
            "dice-leaf-key",
            "`RT`",
        ),
        ("leaf_key_may_not_sign", |c| c.extend(0, "2.5.29.15", vec![3, 2, 2, 4]), "dice-leaf-key", "`RT`"),
    ]);
}

fn rt(case: &mut Case, fields: &[(u8, &[u8])]) {
    case.extend(0, oid::TCB_INFO, tcb_info(fields));
}

#[test]
fn crimes_on_measurements() {
    assert_all_refused(&[
        (
            "no_measurements",
            |c| c.certificates.iter_mut().for_each(|one| one.extensions.clear()),
            "dice-no-tcb-info",
            "",
        ),
        ("both_extensions", |c| c.extend(1, oid::TCB_INFO, tcb_info(&[])), "dice-tcb-info-twice", "`FMC`"),
        ("trailing_byte", |c| c.extend(0, oid::TCB_INFO, [tcb_info(&[]), vec![0]].concat()), "dice-tcb-info", "`RT`"),
        ("unknown_field", |c| rt(c, &[(0x8c, b"x")]), "dice-tcb-info", "follow `DiceTcbInfo`"),
        ("fields_out_of_order", |c| rt(c, &[(0x84, &[1]), (0x83, &[1])]), "dice-tcb-info", "follow"),
        ("field_twice", |c| rt(c, &[(0x83, &[1]), (0x83, &[1])]), "dice-tcb-info", "follow"),
        ("svn_negative", |c| rt(c, &[(0x83, &[0xff])]), "dice-tcb-info", "`svn`"),
        ("svn_not_shortest", |c| rt(c, &[(0x83, &[0, 1])]), "dice-tcb-info", "shortest form"),
        ("vendor_not_utf8", |c| rt(c, &[(0x80, &[0xff])]), "dice-tcb-info", "`vendor`"),
        ("digest_too_short", |c| rt(c, &[(0xa6, &fwid(&[1; 32]))]), "dice-tcb-info", "as long as"),
        (
            "digest_by_sha1",
            |c| rt(c, &[(0xa6, &der::sequence(&[der::oid("1.3.14.3.2.26"), der::octets(&[1; 20])]))]),
            "dice-tcb-info",
            "SHA-256",
        ),
        ("no_digest_in_the_list", |c| rt(c, &[(0xa6, &[])]), "dice-tcb-info", "`FWID`"),
        ("thirty_three_digests", |c| rt(c, &[(0xa6, &fwid(&[1; 48]).repeat(33))]), "dice-tcb-info", "at most 32"),
        ("unknown_flag", |c| rt(c, &[(0x87, &[0, 0, 0x40])]), "dice-tcb-info", "`flags`"),
        ("no_tcb_info_in_the_list", |c| c.extend(1, oid::MULTI_TCB_INFO, der::sequence(&[])), "dice-tcb-info", "`FMC`"),
        ("ueid_empty", |c| c.extend(0, oid::UEID, ueid(&[])), "dice-ueid", "1 to 64"),
        ("ueid_of_65_bytes", |c| c.extend(0, oid::UEID, ueid(&[1; 65])), "dice-ueid", "1 to 64"),
        ("ueid_bare", |c| c.extend(0, oid::UEID, der::octets(&[1; 17])), "dice-ueid", "another tag"),
    ]);
}

fn assert_flips_refused(step: usize) {
    let case = Case::honest();
    let (honest, endorsements) = (case.evidence().bytes().to_vec(), case.endorsements());
    for bit in (0..honest.len() * 8).step_by(step) {
        let mut bytes = honest.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let evidence = Evidence::new(Format::Dice, bytes);
        let outcome = authenticate(&evidence, &endorsements, &Stated::new(case.nonce.clone()), NOW);
        assert!(outcome.is_err(), "bit {bit}");
    }
}

#[test]
fn flipped_bits_are_refused() {
    assert_flips_refused(17);
}

#[test]
#[ignore = "long: every bit"]
fn every_flipped_bit_is_refused() {
    assert_flips_refused(1);
}

#[test]
fn no_truncation_or_random_mutation_passes_or_panics() {
    let case = Case::honest();
    let (honest, endorsements) = (case.evidence().bytes().to_vec(), case.endorsements());
    let cache = Cache::default();
    let judge = |bytes: &[u8]| {
        let evidence = Evidence::new(Format::Dice, bytes.to_vec());
        authenticate_cached(&evidence, &endorsements, &Stated::new(case.nonce.clone()), NOW, &cache)
    };
    for length in 0..honest.len() {
        assert!(judge(&honest[..length]).is_err(), "cut to {length}");
    }
    let mut state = 0x5eed_u64;
    for _ in 0..2000 {
        let mut bytes = honest.clone();
        for _ in 0..2 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let place = usize::try_from(state >> 33).unwrap() % bytes.len();
            bytes[place] ^= u8::try_from((state >> 24) & 0xff).unwrap();
        }
        assert_eq!(judge(&bytes).is_ok(), bytes == honest);
    }
}

#[test]
fn cached_and_uncached_outcomes_are_equal() {
    let (case, cache) = (Case::honest(), Cache::default());
    let (evidence, endorsements) = (case.evidence(), case.endorsements());
    let fresh = authenticate(&evidence, &endorsements, &DangerouslyUnbound, NOW).unwrap();
    for _ in 0..2 {
        let cached = authenticate_cached(&evidence, &endorsements, &DangerouslyUnbound, NOW, &cache).unwrap();
        assert_eq!((cached.claims(), cached.support()), (fresh.claims(), fresh.support()));
    }
    let late = UnixTime(NOW.0 + DAY_S + 1);
    let outcomes = [
        authenticate(&evidence, &endorsements, &DangerouslyUnbound, late).unwrap_err(),
        authenticate_cached(&evidence, &endorsements, &DangerouslyUnbound, late, &cache).unwrap_err(),
    ];
    assert_eq!(outcomes[0], outcomes[1]);
    assert_eq!(FLAGS[3] & 1, 1);
}
