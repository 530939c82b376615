//! `tpm` evidence: recorded by go-tpm-tools, and of a TPM of our own.

#[path = "tpm/crimes.rs"]
mod crimes;

use casemate_cose::UnixTime;
use casemate_evidence::{
    Authenticated, Cache, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Format, Hash, Isolation, KeyOwner,
    Platform, Refusal, Stated, authenticate, authenticate_cached, recognise,
    tpm::{Claims, KeySource, go_tpm_tools::Attestation},
};
use casemate_testkit::vectors;

use crate::{assert_refused, read, unbound};

/// 2022-01-01.
const JANUARY_2022: UnixTime = UnixTime(1_640_995_200);
const FILES: [(&str, &[u8]); 2] = [("gce-cos-85-no-nonce", &[]), ("gce-cos-85-nonce9009", &[0x90, 0x09])];

/// SubjectPublicKeyInfo of the attestation key of both recorded attestations: the key of the certificate.
fn spki(attestation: &[u8]) -> Vec<u8> {
    // An RSA key of 2048 bits; the log has some too, but the certificate comes last.
    let start = attestation.windows(6).rposition(|bytes| bytes == [0x30, 0x82, 0x01, 0x22, 0x30, 0x0d]).unwrap();
    attestation[start..start + 294].to_vec()
}

fn given(spki: Vec<u8>) -> Endorsements {
    Endorsements::default().with(Endorsement::Key { owner: KeyOwner::Tpm, id: vec![], spki })
}

fn claims(authentic: &Authenticated<impl std::fmt::Debug>) -> &Claims {
    let Platform::Tpm(claims) = &authentic.claims().platform else { panic!("not tpm: {authentic:?}") };
    claims
}

#[test]
fn recorded_quotes() {
    let Some(vectors) = vectors("recorded_quotes") else { return };
    for (file, nonce) in FILES {
        let bytes = read(&vectors, &format!("tpm/gce/{file}.pb"));
        let attestation = Attestation::parse(&bytes).unwrap();
        assert_eq!(attestation.banks().collect::<Vec<_>>(), [Hash::Sha1, Hash::Sha256, Hash::Sha384], "{file}");
        assert_eq!(attestation.cpu(), Ok(None));
        for bank in [Hash::Sha1, Hash::Sha256, Hash::Sha384] {
            let evidence = attestation.evidence(bank).unwrap();
            let endorsements = given(spki(&bytes));
            let outcome = authenticate(&evidence, &endorsements, &DangerouslyUnbound, JANUARY_2022);
            if nonce.is_empty() {
                assert_refused(file, outcome, "tpm-qualifying-data-empty");
                continue;
            }
            let authentic = outcome.unwrap();
            let claims = claims(&authentic);
            assert_eq!(authentic.claims().report_data.bytes, nonce);
            assert_eq!((authentic.claims().isolation, authentic.claims().manifest), (Some(Isolation::Vm), None));
            assert_eq!(claims.attestation_key.source, KeySource::Given);
            assert!(claims.attestation_key.attributes_checked);
            assert_eq!((claims.quote.firmware_version, claims.quote.reset_count), (0x2016_0511_0016_2800, 10));
            let log = claims.quote.log.as_ref().unwrap();
            assert_eq!((log.bank, log.boot.secure_boot, log.boot.applications.len()), (bank, Some(true), 3));
            // IMA extends PCR 10, which the firmware's log says nothing of.
            assert_eq!((log.logged.as_slice(), log.unlogged.as_slice()), (&(0..=9).collect::<Vec<_>>()[..], &[10][..]));
            assert!(log.boot.command_lines[0].contains("/syslinux/vmlinuz.A"));
        }
        assert_eq!(attestation.evidence(Hash::Sha512), None);
    }
}

#[test]
fn a_recorded_quote_is_judged_by_nonce_key_and_date() {
    let Some(vectors) = vectors("a_recorded_quote_is_judged_by_nonce_key_and_date") else { return };
    let bytes = read(&vectors, "tpm/gce/gce-cos-85-nonce9009.pb");
    let evidence = Attestation::parse(&bytes).unwrap().evidence(Hash::Sha256).unwrap();
    let judge = |endorsements: &Endorsements, nonce: &[u8]| {
        authenticate(&evidence, endorsements, &Stated::new(nonce.to_vec()), JANUARY_2022)
    };
    let endorsements = given(spki(&bytes));
    assert!(judge(&endorsements, &[0x90, 0x09]).is_ok());
    assert_refused("nonce_off_by_one", judge(&endorsements, &[0x90, 0x08]), "evidence-binding");
    assert_refused("nonce_cut", judge(&endorsements, &[0x90]), "evidence-binding");
    assert_refused("nobody_vouches", judge(&Endorsements::of_vendors(), &[0x90, 0x09]), "tpm-ak-chain");
    let mut other = spki(&bytes);
    other[200] ^= 1;
    assert_refused("key_of_another_tpm", judge(&given(other), &[0x90, 0x09]), "tpm-ak-chain");
}

/// Bits of the signed region: all of them, as it is short.
#[test]
fn every_bit_of_a_recorded_quote_counts() {
    let Some(vectors) = vectors("every_bit_of_a_recorded_quote_counts") else { return };
    let attestation = read(&vectors, "tpm/gce/gce-cos-85-nonce9009.pb");
    let endorsements = given(spki(&attestation));
    let bytes = Attestation::parse(&attestation).unwrap().evidence(Hash::Sha256).unwrap().bytes().to_vec();
    let start = bytes.windows(4).position(|bytes| bytes == [0xff, 0x54, 0x43, 0x47]).unwrap();
    let cache = Cache::default();
    for bit in 0..115 * 8 {
        let mut flipped = bytes.clone();
        flipped[start + bit / 8] ^= 1 << (bit % 8);
        let evidence = Evidence::new(Format::Tpm, flipped);
        let outcome = authenticate_cached(&evidence, &endorsements, &DangerouslyUnbound, JANUARY_2022, &cache);
        assert!(outcome.is_err(), "bit {bit}");
    }
    assert!(unbound(Format::Tpm, &bytes, &endorsements, JANUARY_2022).is_ok());
}

#[test]
fn nothing_makes_it_panic() {
    let Some(vectors) = vectors("nothing_makes_it_panic") else { return };
    let attestation = read(&vectors, "tpm/gce/gce-cos-85-nonce9009.pb");
    let endorsements = given(spki(&attestation));
    let bytes = Attestation::parse(&attestation).unwrap().evidence(Hash::Sha256).unwrap().bytes().to_vec();
    let cache = Cache::default();
    let judge = |bytes: &[u8]| {
        let evidence = Evidence::new(Format::Tpm, bytes.to_vec());
        authenticate_cached(&evidence, &endorsements, &DangerouslyUnbound, JANUARY_2022, &cache).map(drop)
    };
    for length in 0..bytes.len() {
        assert!(judge(&bytes[..length]).is_err(), "{length}");
    }
    for length in (0..attestation.len()).step_by(7) {
        let _never_panics = Attestation::parse(&attestation[..length]).map(|it| it.evidence(Hash::Sha256));
    }
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random >> 16).unwrap()
    };
    for _ in 0..2000 {
        let mut mutated = bytes.clone();
        for _ in 0..=next() % 4 {
            let place = next() % mutated.len();
            match next() % 3 {
                0 => mutated[place] = u8::try_from(next() % 256).unwrap(),
                1 => drop(mutated.drain(place..(place + next() % 32).min(mutated.len()))),
                _ => mutated.insert(place, u8::try_from(next() % 256).unwrap()),
            }
        }
        let _never_panics: Result<(), Refusal> = judge(&mutated);
        let _never_panics = Attestation::parse(&mutated);
    }
}

/// The file as the tools write it, cut short: not understood, or what is left of it is refused.
#[test]
fn a_recording_cut_short_is_refused() {
    let Some(vectors) = vectors("a_recording_cut_short_is_refused") else { return };
    let attestation = read(&vectors, "tpm/gce/gce-cos-85-nonce9009.pb");
    let endorsements = given(spki(&attestation));
    // Whether any of it is authentic, and whether all that the whole file says is.
    let judge = |bytes: &[u8]| {
        let found = recognise(bytes).ok()?;
        let judge = |evidence: &Evidence| unbound(evidence.format(), evidence.bytes(), &endorsements, JANUARY_2022);
        Some((found.evidence.len(), found.evidence.iter().all(|evidence| judge(evidence).is_ok())))
    };
    let whole = judge(&attestation).unwrap();
    assert!(whole.1);
    for length in (0..attestation.len()).step_by(29).chain(attestation.len() - 64..attestation.len()) {
        let cut = judge(&attestation[..length]);
        assert!(cut.is_none_or(|(_, is_authentic)| !is_authentic), "{length}: {cut:?} of {whole:?}");
    }
}

#[test]
fn cached_and_uncached_outcomes_are_equal() {
    let Some(vectors) = vectors("cached_and_uncached_outcomes_are_equal (tpm)") else { return };
    let attestation = read(&vectors, "tpm/gce/gce-cos-85-nonce9009.pb");
    let evidence = Attestation::parse(&attestation).unwrap().evidence(Hash::Sha256).unwrap();
    let endorsements = given(spki(&attestation));
    let cache = Cache::default();
    let plain = authenticate(&evidence, &endorsements, &DangerouslyUnbound, JANUARY_2022).unwrap();
    for _ in 0..2 {
        let cached = authenticate_cached(&evidence, &endorsements, &DangerouslyUnbound, JANUARY_2022, &cache).unwrap();
        assert_eq!(cached.claims(), plain.claims());
        assert_eq!(cached.support(), plain.support());
    }
    assert_eq!(cache.len(), 1);
}
