//! Documents that AWS's hypervisors signed.

use std::path::Path;

use casemate_cose::UnixTime;
use casemate_evidence::{
    AllowDebug, Anchor, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Format, Stated, Vendor, authenticate,
};
use casemate_testkit::vectors;

use super::claims;
use crate::{assert_accepted, assert_refused, keys::of_pem, noise::Accepted, read, unbound};

/// 2025-12-25T13:15:37Z: the second in which `attestation.bin` was made.
const MADE: u64 = 1_766_668_537;
/// 2025-12-25T13:30:00Z.
const AT: UnixTime = UnixTime(1_766_669_400);
/// 2025-12-25T08:20:46Z: the second in which `debug.bin` was made.
const DEBUG_MADE: u64 = 1_766_650_846;

/// The document in a file: dstack frames it by a version, a kind, its length in SCALE's two-byte form, and more after it.
fn document(vectors: &Path, file: &str) -> Vec<u8> {
    let bytes = read(vectors, file);
    let [0, 2, low, high, rest @ ..] = bytes.as_slice() else { panic!("{file}: another frame") };
    let length = usize::from(u16::from_le_bytes([*low, *high]) >> 2);
    rest[..length].to_vec()
}

#[test]
fn the_root_in_pem_is_the_pinned_one() {
    let Some(vectors) = vectors("nitro::real::the_root_in_pem_is_the_pinned_one") else { return };
    let pem = String::from_utf8(read(&vectors, "nitro/root.pem")).unwrap();
    let root = Anchor::of_certificate(Vendor::Aws, &of_pem("CERTIFICATE", &pem).unwrap()).unwrap();
    assert!(Endorsements::of_vendors().items().contains(&Endorsement::Anchor(root)));
}

#[test]
fn a_document_is_authentic_while_its_certificate_lives() {
    let Some(vectors) = vectors("nitro::real::a_document_is_authentic_while_its_certificate_lives") else { return };
    let (bytes, endorsements) = (document(&vectors, "nitro/attestation.bin"), Endorsements::of_vendors());
    let judge = |at| unbound(Format::Nitro, &bytes, &endorsements, UnixTime(at));
    let outcome = judge(AT.0).unwrap();
    assert_eq!(outcome.claims().at, UnixTime(MADE));
    assert_eq!(outcome.claims().report_data.bytes, [0; 64]);
    assert!(!outcome.claims().debug);
    let claims = claims(&outcome);
    assert_eq!(claims.module_id, "i-0827e799ec9232d44-enc019b55a68bd2ed4b");
    assert_eq!(claims.timestamp_ms, 1_766_668_537_578);
    assert_eq!(hex::encode(&claims.pcr(0).unwrap()[..4]), "5cb70295");
    assert_eq!(claims.pcrs.len(), 16);
    // From 13:15:34 until 16:15:37, both included.
    assert_refused("a_second_early", judge(MADE - 4), "nitro-leaf");
    assert_accepted("first_second", judge(MADE - 3));
    assert_accepted("last_second", judge(MADE + 3 * 3600));
    assert_refused("a_second_late", judge(MADE + 3 * 3600 + 1), "nitro-leaf");
    assert_refused("three_hours_later", judge(AT.0 + 3 * 3600), "nitro-leaf");
    assert_refused("before_the_document", judge(MADE - 301), "nitro-future");
    let stated = |bytes: Vec<u8>| Stated::new(bytes);
    let evidence = Evidence::new(Format::Nitro, bytes.clone());
    assert_accepted("user_data", authenticate(&evidence, &endorsements, &stated(vec![0; 64]), AT));
    let mut other = vec![0; 64];
    other[63] = 1;
    assert_refused(
        "user_data_a_bit_off",
        authenticate(&evidence, &endorsements, &stated(other), AT),
        "evidence-binding",
    );
    assert_refused(
        "user_data_cut",
        authenticate(&evidence, &endorsements, &stated(vec![0; 63]), AT),
        "evidence-binding",
    );
}

#[test]
fn a_debug_enclave_is_refused_unless_admitted() {
    let Some(vectors) = vectors("nitro::real::a_debug_enclave_is_refused_unless_admitted") else { return };
    let (bytes, endorsements) = (document(&vectors, "nitro/debug.bin"), Endorsements::of_vendors());
    let at = UnixTime(DEBUG_MADE + 600);
    assert_refused("debug", unbound(Format::Nitro, &bytes, &endorsements, at), "evidence-debug");
    let admitted = AllowDebug::new(DangerouslyUnbound);
    let outcome = authenticate(&Evidence::new(Format::Nitro, bytes.clone()), &endorsements, &admitted, at).unwrap();
    assert!(outcome.claims().debug);
    assert_refused("late", unbound(Format::Nitro, &bytes, &endorsements, UnixTime(DEBUG_MADE + 10_801)), "nitro-leaf");
}

#[test]
fn the_frame_is_no_document() {
    let Some(vectors) = vectors("nitro::real::the_frame_is_no_document") else { return };
    let framed = read(&vectors, "nitro/attestation.bin");
    assert_refused("framed", unbound(Format::Nitro, &framed, &Endorsements::of_vendors(), AT), "nitro-envelope");
}

#[test]
fn without_aws_nobody_is_believed() {
    let Some(vectors) = vectors("nitro::real::without_aws_nobody_is_believed") else { return };
    let bytes = document(&vectors, "nitro/attestation.bin");
    assert_refused("no_root", unbound(Format::Nitro, &bytes, &Endorsements::default(), AT), "nitro-root");
}

#[test]
fn noise_is_refused() {
    let Some(vectors) = vectors("nitro::real::noise_is_refused") else { return };
    let (bytes, endorsements) = (document(&vectors, "nitro/attestation.bin"), Endorsements::of_vendors());
    let accepted = Accepted { format: Format::Nitro, bytes: &bytes, endorsements: &endorsements, at: AT };
    accepted.cache_changes_nothing();
    accepted.truncations_are_refused();
    accepted.mutations_never_panic();
}

#[test]
fn every_flipped_bit_is_refused() {
    let Some(vectors) = vectors("nitro::real::every_flipped_bit_is_refused") else { return };
    let (bytes, endorsements) = (document(&vectors, "nitro/attestation.bin"), Endorsements::of_vendors());
    Accepted { format: Format::Nitro, bytes: &bytes, endorsements: &endorsements, at: AT }.flips_are_refused(1);
}

fn flips_of_a_debug_enclave_are_refused(vectors: &Path, step: usize) {
    let (bytes, endorsements) = (document(vectors, "nitro/debug.bin"), Endorsements::of_vendors());
    let at = UnixTime(DEBUG_MADE + 600);
    Accepted { format: Format::Nitro, bytes: &bytes, endorsements: &endorsements, at }.flips_are_refused(step);
}

#[test]
fn every_16th_flipped_bit_of_a_debug_enclave_is_refused() {
    let Some(vectors) = vectors("nitro::real::every_16th_flipped_bit_of_a_debug_enclave") else { return };
    flips_of_a_debug_enclave_are_refused(&vectors, 16);
}

#[test]
#[ignore = "long: every bit"]
fn every_flipped_bit_of_a_debug_enclave_is_refused() {
    let Some(vectors) = vectors("nitro::real::every_flipped_bit_of_a_debug_enclave_is_refused") else { return };
    flips_of_a_debug_enclave_are_refused(&vectors, 1);
}
