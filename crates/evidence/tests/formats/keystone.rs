//! `keystone` evidence: synthetic only, no recorded report is public.

use casemate_cose::UnixTime;
use casemate_evidence::{
    Authenticated, Cache, Endorsement, Endorsements, Evidence, Format, KeyOwner, Platform, Refusal, Stated,
    authenticate, authenticate_cached,
};
use casemate_testkit::{
    NOW,
    pki::{Algorithm, Key as OtherKey},
    vendor::keystone::{Key, Report},
};

/// A report and what it is judged by.
struct Case {
    report: Report,
    bytes: fn(&mut Vec<u8>),
    owner: KeyOwner,
    id: Vec<u8>,
    spki: Vec<u8>,
    nonce: Vec<u8>,
}

impl Case {
    fn honest() -> Self {
        let report = Report::honest();
        let spki = report.device.spki();
        Self { report, bytes: |_| {}, owner: KeyOwner::Keystone, id: vec![], spki, nonce: vec![7; 64] }
    }

    fn evidence(&self) -> Evidence {
        let mut bytes = self.report.sign();
        (self.bytes)(&mut bytes);
        Evidence::new(Format::Keystone, bytes)
    }

    fn endorsements(&self) -> Endorsements {
        let key = Endorsement::Key { owner: self.owner, id: self.id.clone(), spki: self.spki.clone() };
        Endorsements::default().with(key)
    }

    fn judge(&self) -> Result<Authenticated<Stated>, Refusal> {
        authenticate(&self.evidence(), &self.endorsements(), &Stated::new(self.nonce.clone()), NOW)
    }
}

#[test]
fn an_honest_report_is_authentic() {
    let case = Case::honest();
    let authentic = case.judge().unwrap();
    let Platform::Keystone(claims) = &authentic.claims().platform else { panic!() };
    assert_eq!((claims.enclave_hash, claims.monitor_hash), ([0xe0; 64], [0x50; 64]));
    assert_eq!((claims.monitor_key, claims.device_key), (Key::new(201).public, Key::new(200).public));
    let common = authentic.claims();
    assert_eq!((common.isolation, common.manifest, common.debug, common.at), (None, None, false, NOW));
    assert!(common.facts().rows().iter().any(|fact| fact.name == "enclave-hash" && fact.value == "e0".repeat(64)));
    assert_eq!(authentic.support().used.len(), 1);
}

#[test]
fn data_of_any_length_up_to_1024_is_read_and_what_follows_is_not() {
    for length in [0, 1, 64, 1023, 1024] {
        for padding in [0, 0xff] {
            let mut case = Case::honest();
            case.report.data = vec![9; length];
            case.report.data_len = u64::try_from(length).unwrap();
            case.report.padding = padding;
            case.nonce = vec![9; length];
            assert!(case.judge().is_ok(), "{length} {padding}");
        }
    }
}

#[test]
fn a_device_may_be_endorsed_by_its_key_as_id() {
    let mut case = Case::honest();
    case.id = case.report.device_key.to_vec();
    assert!(case.judge().is_ok());
}

#[test]
fn crimes() {
    type Crime = (&'static str, fn(&mut Case), &'static str);
    let crimes: [Crime; 25] = [
        ("empty", |c| c.bytes = Vec::clear, "keystone-layout"),
        ("cut_by_a_byte", |c| c.bytes = |b| b.truncate(1351), "keystone-layout"),
        ("trailing_byte", |c| c.bytes = |b| b.push(0), "keystone-layout"),
        ("data_longer_than_1024", |c| c.report.data_len = 1025, "keystone-layout"),
        ("data_length_of_2_to_the_63", |c| c.report.data_len = 1 << 63, "keystone-layout"),
        ("no_device_endorsed", |c| c.owner = KeyOwner::Psa, "keystone-device"),
        ("another_device_endorsed", |c| c.spki = Key::new(1).spki(), "keystone-device"),
        ("endorsed_as_another_device", |c| c.id = vec![1; 32], "keystone-device"),
        ("endorsed_key_of_another_kind", |c| c.spki = OtherKey::new(Algorithm::P256).spki(), "keystone-device"),
        ("device_key_swapped_for_the_monitors", |c| c.report.device_key = c.report.monitor_key, "keystone-device"),
        (
            "device_key_of_small_order",
            |c| {
                c.report.device_key = [0; 32];
                let start = c.spki.len() - 32;
                c.spki[start..].fill(0);
            },
            "keystone-device-key",
        ),
        ("monitor_signed_by_another_device", |c| c.report.device = Key::new(1), "keystone-sm-signature"),
        ("monitor_hash_changed", |c| c.bytes = |b| b[1160] ^= 1, "keystone-sm-signature"),
        ("monitor_key_changed", |c| c.bytes = |b| b[1160 + 64] ^= 1, "keystone-sm-signature"),
        ("monitor_r_zero", |c| c.bytes = |b| b[1256..1288].fill(0), "keystone-sm-signature"),
        ("monitor_s_zero", |c| c.bytes = |b| b[1288..1320].fill(0), "keystone-sm-signature"),
        ("monitor_key_of_small_order", |c| c.report.monitor_key = [0; 32], "keystone-sm-key"),
        ("enclave_signed_by_the_device", |c| c.report.monitor = Key::new(200), "keystone-enclave-signature"),
        ("enclave_hash_changed", |c| c.bytes = |b| b[0] ^= 1, "keystone-enclave-signature"),
        ("data_changed", |c| c.bytes = |b| b[72] ^= 1, "keystone-enclave-signature"),
        ("data_length_one_less", |c| c.bytes = |b| b[64] -= 1, "keystone-enclave-signature"),
        ("data_length_one_more", |c| c.bytes = |b| b[64] += 1, "keystone-enclave-signature"),
        (
            "enclave_s_is_the_order",
            |c| {
                c.bytes = |b| {
                    let order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
                    b[1128..1160].copy_from_slice(&hex::decode(order).unwrap());
                }
            },
            "keystone-enclave-signature",
        ),
        (
            "signatures_swapped",
            |c| {
                c.bytes = |b| {
                    let enclave = b[1096..1160].to_vec();
                    b.copy_within(1256..1320, 1096);
                    b[1256..1320].copy_from_slice(&enclave);
                }
            },
            "keystone-sm-signature",
        ),
        ("nonce_one_byte_off", |c| c.nonce[0] ^= 1, "evidence-binding"),
    ];
    for (crime, commit, rule) in crimes {
        assert!(Case::honest().judge().is_ok());
        let mut case = Case::honest();
        commit(&mut case);
        crate::assert_refused(crime, case.judge(), rule);
    }
}

/// Plain Ed25519 hashes with SHA-512: a signature of that kind is another algorithm's.
#[test]
fn plain_ed25519_is_refused() {
    let mut case = Case::honest();
    let mut bytes = case.report.sign();
    let other = OtherKey::new(Algorithm::Ed25519);
    let public = other.public();
    case.spki = other.spki();
    bytes[1320..].copy_from_slice(&public);
    let signature = other.sign(&bytes[1160..1256]);
    bytes[1256..1320].copy_from_slice(&signature);
    let outcome = crate::unbound(Format::Keystone, &bytes, &case.endorsements(), NOW);
    crate::assert_refused("plain_ed25519", outcome, "keystone-sm-signature");
}

#[test]
fn every_flipped_bit_of_what_is_signed_is_refused_and_nothing_panics() {
    let case = Case::honest();
    let (honest, endorsements) = (case.evidence().bytes().to_vec(), case.endorsements());
    let cache = Cache::default();
    let judge = |bytes: &[u8]| {
        let evidence = Evidence::new(Format::Keystone, bytes.to_vec());
        authenticate_cached(&evidence, &endorsements, &Stated::new(case.nonce.clone()), NOW, &cache)
    };
    // All but the padding after 64 bytes of data, which is not signed.
    for bit in (0..136 * 8).chain(1096 * 8..1352 * 8) {
        let mut bytes = honest.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(judge(&bytes).is_err(), "bit {bit}");
    }
    for length in 0..honest.len() {
        assert!(judge(&honest[..length]).is_err(), "cut to {length}");
    }
    let mut state = 0x5eed_u64;
    for _ in 0..2000 {
        let mut bytes = honest.clone();
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let place = usize::try_from(state >> 33).unwrap() % bytes.len();
        bytes[place] ^= u8::try_from((state >> 24) & 0xff).unwrap() | 1;
        assert_eq!(judge(&bytes).is_ok(), (136..1096).contains(&place), "{place}");
    }
}

#[test]
fn cached_and_uncached_outcomes_are_equal() {
    let (case, cache) = (Case::honest(), Cache::default());
    let nonce = Stated::new(case.nonce.clone());
    let fresh = case.judge().unwrap();
    for at in [NOW, NOW, UnixTime(NOW.0 + 1)] {
        let cached = authenticate_cached(&case.evidence(), &case.endorsements(), &nonce, at, &cache).unwrap();
        assert_eq!(cached.claims().platform, fresh.claims().platform);
        assert_eq!((cached.support(), cached.claims().at), (fresh.support(), at));
    }
    assert_eq!(cache.len(), 1);
}
