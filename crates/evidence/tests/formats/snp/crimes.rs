//! Crimes: each is one change to evidence that is otherwise accepted.

use casemate_cose::UnixTime;
use casemate_evidence::{Anchor, Endorsement, Vendor};
use casemate_testkit::{
    NOW, der,
    pki::{Algorithm, Certificate, Key},
    vendor::amd::{at, guid, table},
};

use super::honest::{Case, GENOA, IMPOSTOR, MILAN, TURIN};

/// What is done to a Milan report that a VCEK signed, what the refusal says, and the rule.
type Crime = (&'static str, fn(&mut Case), &'static str, &'static str);

const DAY_S: u64 = 86_400;

#[track_caller]
fn assert_all_refused(honest: fn() -> Case, crimes: &[Crime]) {
    assert!(honest().judge().is_ok());
    for (crime, commit, rule, says) in crimes {
        let mut case = honest();
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

fn milan() -> Case {
    Case::vcek(&MILAN)
}

#[test]
fn layout() {
    assert_all_refused(
        milan,
        &[
            ("version_1", |c| c.put(at::VERSION, &[1]), "snp-layout", "`VERSION` is 1"),
            ("version_6", |c| c.put(at::VERSION, &[6]), "snp-layout", "`VERSION` is 6"),
            ("empty", |c| c.bytes = Vec::clear, "snp-layout", "takes 1184 bytes where 0 are left"),
            ("report_cut_by_a_byte", |c| c.bytes = |b| b.truncate(1183), "snp-layout", "where 1183 are left"),
            ("policy_bit_17_clear", |c| c.put(at::POLICY + 2, &[1]), "snp-layout", "`POLICY`"),
            ("policy_bit_26_set", |c| c.put(at::POLICY + 3, &[4]), "snp-layout", "`POLICY`"),
            ("signature_algorithm_2", |c| c.put(at::SIGNATURE_ALGO, &[2]), "snp-layout", "`SIGNATURE_ALGO` is 2"),
            ("platform_info_bit_8_set", |c| c.put(at::PLATFORM_INFO + 1, &[1]), "snp-layout", "`PLATFORM_INFO`"),
            ("flags_bit_5_set", |c| c.put(at::FLAGS, &[0x20]), "snp-layout", "`SIGNING_KEY`"),
            ("reserved_04c", |c| c.put(at::FLAGS + 4, &[1]), "snp-layout", "04ch"),
            ("reserved_after_cpuid", |c| c.put(at::CPUID + 3, &[1]), "snp-layout", "18bh"),
            ("cpuid_in_version_2", |c| c.put(at::VERSION, &[2]), "snp-layout", "188h"),
            ("reserved_after_current", |c| c.put(at::CURRENT_BUILD + 3, &[1]), "snp-layout", "1ebh"),
            ("reserved_after_committed", |c| c.put(at::COMMITTED_BUILD + 3, &[1]), "snp-layout", "1efh"),
            ("mitigations_in_version_3", |c| c.put(at::MIT_VECTORS, &[1]), "snp-layout", "1f8h"),
            ("reserved_before_signature", |c| c.put(at::SIGNATURE - 1, &[1]), "snp-layout", "208h"),
            ("r_longer_than_48_bytes", |c| c.bytes = |b| b[at::SIGNATURE + 48] = 1, "snp-layout", "`R`"),
            ("s_longer_than_48_bytes", |c| c.bytes = |b| b[at::SIGNATURE + 72 + 71] = 1, "snp-layout", "`S`"),
            ("reserved_after_signature", |c| c.bytes = |b| b[1183] = 1, "snp-layout", "330h"),
        ],
    );
}

/// Replaces what follows the report.
fn retable(bytes: &mut Vec<u8>, table: &[u8]) {
    bytes.truncate(1184);
    bytes.extend(table);
}

fn header(entries: &[(u128, u32, u32)]) -> Vec<u8> {
    let entry = |(label, offset, length): &(u128, u32, u32)| {
        [label.to_be_bytes().as_slice(), &offset.to_le_bytes(), &length.to_le_bytes()].concat()
    };
    entries.iter().flat_map(entry).collect()
}

#[test]
fn certificate_table() {
    assert_all_refused(
        milan,
        &[
            ("trailing_byte", |c| c.bytes = |b| retable(b, &[0]), "snp-table", "takes 16 bytes where 1 are left"),
            ("no_end", |c| c.bytes = |b| retable(b, &header(&[(guid::VCEK, 0, 24)])), "snp-table", "cert_table guid"),
            ("end_with_a_length", |c| c.bytes = |b| retable(b, &header(&[(0, 0, 1)])), "snp-table", "an end of zeros"),
            (
                "entry_past_the_end",
                |c| c.bytes = |b| b[1184 + 20..1184 + 24].fill(0xff),
                "snp-table",
                "cert_table entry",
            ),
            ("empty_entry", |c| c.bytes = |b| b[1184 + 20..1184 + 24].fill(0), "snp-table", "cert_table entry"),
            ("entry_in_the_header", |c| c.bytes = |b| b[1184 + 16] = 8, "snp-table", "after the header and apart"),
            ("entries_overlap", |c| c.bytes = |b| b[1184 + 24 + 16] -= 1, "snp-table", "after the header and apart"),
            (
                "byte_after_the_certificates",
                |c| c.bytes = |b| *b.last_mut().unwrap() = 1,
                "snp-table",
                "zeros around entries",
            ),
            ("byte_between_the_certificates", |c| c.bytes = |b| b[1184 + 16] += 1, "snp-table", "zeros around entries"),
            ("vcek_twice", |c| c.entries = |e| e.push(e[0].clone()), "snp-table", "each label once"),
            (
                "seventeen_entries",
                |c| c.entries = |e| e.extend((1..=15).map(|n| (n, vec![1]))),
                "snp-table",
                "at most 16",
            ),
            ("longer_than_64_kib", |c| c.bytes = |b| b.resize(1184 + (64 << 10) + 1, 0), "snp-table", "at most 65536"),
        ],
    );
}

#[test]
fn asked_for_and_signed() {
    assert_all_refused(
        milan,
        &[
            ("asked_for_by_the_host", |c| c.put(at::VMPL, &[0xff; 4]), "snp-vmpl", "no guest asked"),
            ("vmpl_4", |c| c.put(at::VMPL, &[4]), "snp-vmpl", "VMPL is 4"),
            ("not_signed", |c| c.put(at::FLAGS, &[7 << 2]), "snp-unsigned", "not signed"),
            ("signing_key_2", |c| c.put(at::FLAGS, &[2 << 2]), "snp-signing-key", "SIGNING_KEY is 2"),
            ("author_key_without_digest", |c| c.put(at::FLAGS, &[1]), "snp-author-key", "AUTHOR_KEY_EN is true"),
            ("author_digest_without_key", |c| c.put(at::AUTHOR_KEY_DIGEST, &[1]), "snp-author-key", "is false"),
            ("family_of_no_line", |c| c.put(at::CPUID, &[0x17]), "snp-processor", "family 0x17"),
            ("model_of_no_line", |c| c.put(at::CPUID + 1, &[0x20]), "snp-processor", "model 0x20"),
        ],
    );
}

fn cut(bytes: &mut Vec<u8>) {
    bytes.truncate(bytes.len() - 1);
}

fn crl(case: &mut Case, list: Vec<u8>) {
    case.endorsed.push(Endorsement::Crl(list));
}

const ON_THE_CHAIN: &[Crime] = &[
    ("vcek_left_out", |c| c.entries = |e| drop(e.remove(0)), "snp-vek-missing", "no certificate of a VCEK"),
    ("ask_left_out", |c| c.entries = |e| drop(e.remove(1)), "snp-ask-missing", "`SEV-Milan`"),
    ("vcek_cut_by_a_byte", |c| c.entries = |e| cut(&mut e[0].1), "snp-certificate", "the VCEK in"),
    ("vcek_and_a_byte", |c| c.entries = |e| e[0].1.push(0), "snp-certificate", "1 bytes follow"),
    ("ask_cut_by_a_byte", |c| c.entries = |e| cut(&mut e[1].1), "snp-certificate", "the ASK in"),
    ("ark_is_rubbish", |c| c.entries = |e| e.push((guid::ARK, vec![1])), "snp-certificate", "the ARK in"),
    (
        "vcek_and_ask_swapped",
        |c| c.entries = |e| (e[0].0, e[1].0) = (e[1].0, e[0].0),
        "snp-chain",
        "`SEV-Milan` is no pinned root",
    ),
    ("vcek_expired_a_second_ago", |c| c.vek.certificate.not_after = NOW.0 - 1, "snp-chain", "`SEV-VCEK` expired"),
    ("vcek_valid_in_a_second", |c| c.vek.certificate.not_before = NOW.0 + 1, "snp-chain", "`SEV-VCEK` is valid from"),
    ("ask_expired_a_second_ago", |c| c.ask.not_after = NOW.0 - 1, "snp-chain", "`SEV-Milan` expired"),
    ("ask_valid_in_a_second", |c| c.ask.not_before = NOW.0 + 1, "snp-chain", "`SEV-Milan` is valid from"),
    ("judged_a_second_late", |c| c.at = UnixTime(NOW.0 + DAY_S + 1), "snp-chain", "expired"),
    ("judged_a_second_early", |c| c.at = UnixTime(NOW.0 - DAY_S - 1), "snp-chain", "is valid from"),
    ("ask_revoked", |c| crl(c, MILAN.ark.crl_now(&[2])), "snp-chain", "`SEV-Milan` was revoked by `ARK-Milan`"),
    ("vcek_revoked", |c| crl(c, MILAN.ask.crl_now(&[0])), "snp-chain", "`SEV-VCEK` was revoked by `SEV-Milan`"),
    (
        "ask_revoked_by_the_table",
        |c| c.entries = |e| e.push((guid::CRL, MILAN.ark.crl_now(&[2]))),
        "snp-chain",
        "revoked",
    ),
    (
        "list_outdated_a_second_ago",
        |c| crl(c, MILAN.ark.crl(&[], NOW.0 - 9, NOW.0 - 1)),
        "snp-chain",
        "list of `ARK-Milan` holds",
    ),
    (
        "list_of_the_next_second",
        |c| crl(c, MILAN.ark.crl(&[], NOW.0 + 1, NOW.0 + 9)),
        "snp-chain",
        "list of `ARK-Milan` holds",
    ),
    ("list_of_an_impostor", |c| crl(c, IMPOSTOR.ark.crl_now(&[])), "snp-chain", "is not signed by it"),
    ("list_is_rubbish", |c| c.entries = |e| e.push((guid::CRL, vec![1])), "snp-chain", "certificateList"),
    (
        "impostors_root",
        |c| c.anchor = Anchor::of_certificate(Vendor::Amd, &IMPOSTOR.ark.root()).unwrap(),
        "snp-chain",
        "`SEV-Milan` does not verify",
    ),
    (
        "root_of_another_line",
        |c| c.anchor = Anchor::of_certificate(Vendor::Amd, &GENOA.ark.root()).unwrap(),
        "snp-chain",
        "`ARK-Milan` is no pinned root",
    ),
    (
        "root_of_another_vendor",
        |c| c.anchor = Anchor::of_certificate(Vendor::Intel, &MILAN.ark.root()).unwrap(),
        "snp-chain",
        "no pinned root",
    ),
    (
        "ark_of_an_impostor",
        |c| c.entries = |e| e.push((guid::ARK, IMPOSTOR.ark.root())),
        "snp-chain",
        "does not verify",
    ),
    ("ask_is_no_ca", |c| c.ask.ca = None, "snp-chain", "is no certification authority"),
    ("ask_of_an_impostor", |c| c.vek_issuer = &IMPOSTOR.ask, "snp-chain", "`SEV-VCEK` does not verify"),
    ("ask_issued_by_an_impostor", |c| c.ask_issuer = &IMPOSTOR.ark, "snp-chain", "`SEV-Milan` does not verify"),
    ("vcek_issued_by_the_ark", |c| c.vek_issuer = &MILAN.ark, "snp-chain", "names `ARK-Milan` as its issuer"),
    (
        "critical_extension",
        |c| c.vek.certificate = c.vek.certificate.clone().with_extension("1.2.3", true, vec![]),
        "snp-chain",
        "critical extension",
    ),
];

#[test]
fn chain() {
    assert_all_refused(milan, ON_THE_CHAIN);
}

fn extension(case: &mut Case, name: &'static str, value: &[u8]) {
    case.vek.extensions.insert(name, value.to_vec());
}

fn without(case: &mut Case, name: &'static str) {
    case.vek.extensions.remove(name).unwrap();
}

const ON_THE_VCEK: &[Crime] = &[
    ("another_chip", |c| extension(c, "4", &[0xc2; 64]), "snp-hwid", "`c2c2"),
    ("chip_one_bit_off", |c| c.put(at::CHIP_ID + 63, &[0xc0]), "snp-hwid", "c1c0`"),
    ("hwid_of_8_bytes", |c| extension(c, "4", &[0xc1; 8]), "snp-hwid", ""),
    ("hwid_of_no_size", |c| extension(c, "4", &[0xc1; 63]), "snp-vek-extension", "`hwID`"),
    ("hwid_left_out", |c| without(c, "4"), "snp-vek-extension", "`hwID`"),
    ("csp_id_in_a_vcek", |c| extension(c, "5", &der::element(0x16, b"x")), "snp-vek-extension", "`cspID`"),
    ("boot_loader_off", |c| extension(c, "3.1", &[2, 1, 3]), "snp-vek-tcb", "BOOT_LOADER is reported as 4"),
    ("tee_off", |c| extension(c, "3.2", &[2, 1, 1]), "snp-vek-tcb", "TEE is reported as 0"),
    ("snp_off", |c| extension(c, "3.3", &[2, 1, 25]), "snp-vek-tcb", "SNP is reported as 24"),
    ("microcode_off", |c| extension(c, "3.8", &[2, 2, 0, 218]), "snp-vek-tcb", "MICROCODE is reported as 219"),
    ("microcode_negative", |c| extension(c, "3.8", &[2, 1, 219]), "snp-vek-extension", "`ucodeSPL`"),
    (
        "microcode_not_in_shortest_form",
        |c| extension(c, "3.8", &[2, 3, 0, 0, 219]),
        "snp-vek-extension",
        "shortest form",
    ),
    ("microcode_without_its_tag", |c| extension(c, "3.8", &[219]), "snp-vek-extension", "`ucodeSPL`"),
    ("microcode_and_a_byte", |c| extension(c, "3.8", &[2, 2, 0, 219, 0]), "snp-vek-extension", "1 bytes follow"),
    ("microcode_475", |c| extension(c, "3.8", &[2, 2, 1, 219]), "snp-vek-extension", "0 to 255"),
    ("microcode_left_out", |c| without(c, "3.8"), "snp-vek-extension", "`ucodeSPL`"),
    ("spl4_not_zero", |c| extension(c, "3.4", &[2, 1, 1]), "snp-vek-extension", "`spl4`"),
    ("fmc_in_a_milan", |c| extension(c, "3.9", &[2, 1, 0]), "snp-vek-extension", "`fmcSPL`"),
    ("product_name_of_genoa", |c| extension(c, "2", &der::element(0x16, b"Genoa-B1")), "snp-product", "`Genoa-B1`"),
    ("product_name_a_prefix", |c| extension(c, "2", &der::element(0x16, b"Milano")), "snp-product", "`Milano`"),
    ("product_name_left_out", |c| without(c, "2"), "snp-vek-extension", "`productName`"),
    (
        "product_name_as_utf8",
        |c| extension(c, "2", &der::element(0x0c, b"Milan")),
        "snp-vek-extension",
        "`productName`",
    ),
    ("processor_of_another_line", |c| c.put(at::CPUID + 1, &[0x11]), "snp-product", "the processor is a Genoa"),
    ("signed_as_vlek", |c| c.put(at::FLAGS, &[4]), "snp-vek-kind", "signed by a VLEK"),
    ("labelled_as_vlek", |c| c.label = guid::VLEK, "snp-vek-kind", "signed by a VCEK"),
    ("certificate_of_a_vlek", |c| c.vek.certificate.subject = "SEV-VLEK".to_owned(), "snp-vek-kind", "`SEV-VLEK`"),
    (
        "issued_by_the_asvk",
        |c| (c.vek_issuer, c.ask) = (&MILAN.asvk, MILAN.asvk_certificate()),
        "snp-vek-kind",
        "`SEV-VLEK-Milan`",
    ),
    ("key_on_p256", |c| c.vek.certificate.spki = Key::new(Algorithm::P256).spki(), "snp-vek-key", "no P-384 key"),
    ("key_not_on_the_curve", |c| c.vek.certificate.spki[30] ^= 1, "snp-vek-key", "no P-384 key"),
];

#[test]
fn signing_key_of_this_chip_and_tcb() {
    assert_all_refused(milan, ON_THE_VCEK);
    assert_all_refused(
        || Case::vlek(&MILAN),
        &[
            ("signed_as_vcek", |c| c.put(at::FLAGS, &[0]), "snp-vek-kind", "signed by a VCEK"),
            ("hwid_in_a_vlek", |c| extension(c, "4", &[0; 64]), "snp-vek-extension", "`hwID`"),
            ("csp_id_left_out", |c| without(c, "5"), "snp-vek-extension", "`cspID`"),
            ("csp_id_not_ascii", |c| extension(c, "5", &der::element(0x16, &[0xff])), "snp-vek-extension", "ASCII"),
            (
                "vlek_issued_by_the_ask",
                |c| (c.vek_issuer, c.ask) = (&MILAN.ask, MILAN.ask_certificate()),
                "snp-vek-kind",
                "`SEV-Milan`",
            ),
            ("vlek_of_another_tcb", |c| extension(c, "3.8", &[2, 2, 0, 220]), "snp-vek-tcb", "219"),
        ],
    );
    assert_all_refused(
        || Case::vcek(&TURIN),
        &[
            ("fmc_off", |c| extension(c, "3.9", &[2, 1, 2]), "snp-vek-tcb", "FMC is reported as 1"),
            ("fmc_left_out", |c| without(c, "3.9"), "snp-vek-extension", "`fmcSPL`"),
            (
                "levels_in_milans_layout",
                |c| (extension(c, "3.1", &[2, 1, 1]), extension(c, "3.2", &[2, 1, 2])).0,
                "snp-vek-tcb",
                "BOOT_LOADER",
            ),
            ("hwid_of_64_bytes", |c| extension(c, "4", &[&[0xc1; 8], [0; 56].as_slice()].concat()), "snp-hwid", ""),
            ("chip_id_longer_than_8_bytes", |c| c.put(at::CHIP_ID + 8, &[1]), "snp-hwid", ""),
        ],
    );
}

#[test]
fn tcb_order() {
    fn reserved(c: &mut Case, place: usize) {
        c.put(place + 2, &[1]);
    }
    assert_all_refused(
        milan,
        &[
            (
                "reported_above_committed",
                |c| c.put(at::COMMITTED_TCB + 7, &[218]),
                "snp-tcb-order",
                "MICROCODE of REPORTED_TCB",
            ),
            (
                "committed_above_current",
                |c| c.put(at::CURRENT_TCB, &[3]),
                "snp-tcb-order",
                "BOOT_LOADER of COMMITTED_TCB",
            ),
            ("current_reserved", |c| reserved(c, at::CURRENT_TCB), "snp-tcb-reserved", "CURRENT_TCB"),
            ("committed_reserved", |c| reserved(c, at::COMMITTED_TCB), "snp-tcb-reserved", "COMMITTED_TCB"),
            ("reported_reserved", |c| reserved(c, at::REPORTED_TCB), "snp-tcb-reserved", "REPORTED_TCB"),
            ("launch_reserved", |c| reserved(c, at::LAUNCH_TCB), "snp-tcb-reserved", "LAUNCH_TCB"),
        ],
    );
    assert_all_refused(
        || Case::vcek(&TURIN),
        &[
            ("turin_reserved", |c| c.put(at::CURRENT_TCB + 4, &[1]), "snp-tcb-reserved", "CURRENT_TCB"),
            ("turin_fmc_above", |c| c.put(at::COMMITTED_TCB, &[0]), "snp-tcb-order", "FMC of REPORTED_TCB"),
        ],
    );
}

/// The order of P-384, little-endian.
const ORDER: &str = "7329c5cc6a19ecec7aa7b048b20d1a58df2d37f4814d63c7ffffffffffffffffffffffffffffffffffffffffffffffff";

fn scalar(bytes: &mut [u8], place: usize, value: &[u8]) {
    bytes[at::SIGNATURE + place..at::SIGNATURE + place + 48].copy_from_slice(value);
}

#[test]
fn signature_and_expectation() {
    assert_all_refused(
        milan,
        &[
            ("r_zero", |c| c.bytes = |b| scalar(b, 0, &[0; 48]), "snp-signature", ""),
            ("s_zero", |c| c.bytes = |b| scalar(b, 72, &[0; 48]), "snp-signature", ""),
            ("r_is_the_order", |c| c.bytes = |b| scalar(b, 0, &hex::decode(ORDER).unwrap()), "snp-signature", ""),
            ("s_is_the_order", |c| c.bytes = |b| scalar(b, 72, &hex::decode(ORDER).unwrap()), "snp-signature", ""),
            (
                "r_and_s_swapped",
                |c| {
                    c.bytes = |b| {
                        let (r, s) = (b[at::SIGNATURE..][..48].to_vec(), b[at::SIGNATURE + 72..][..48].to_vec());
                        (scalar(b, 0, &s), scalar(b, 72, &r)).0
                    }
                },
                "snp-signature",
                "",
            ),
            (
                "big_endian",
                |c| {
                    c.bytes = |b| {
                        b[at::SIGNATURE..][..48].reverse();
                        b[at::SIGNATURE + 72..][..48].reverse();
                    }
                },
                "snp-signature",
                "",
            ),
            ("signed_by_the_vlek", |c| c.signer = &MILAN.vlek, "snp-signature", ""),
            ("signed_by_another_chip", |c| c.signer = &IMPOSTOR.vcek, "snp-signature", ""),
            ("measurement_changed", |c| c.bytes = |b| b[at::MEASUREMENT] ^= 1, "snp-signature", ""),
            ("report_data_changed", |c| c.bytes = |b| b[at::REPORT_DATA] ^= 1, "snp-signature", ""),
            ("vmpl_changed", |c| c.bytes = |b| b[at::VMPL] = 3, "snp-signature", ""),
            ("nonce_one_byte_off", |c| c.nonce[63] ^= 1, "evidence-binding", ""),
            ("debug_policy", |c| c.put(at::POLICY + 2, &[0x0b]), "evidence-debug", ""),
        ],
    );
}

#[test]
fn a_table_alone_is_no_evidence() {
    let case = milan();
    let vek = case.vek.issue(case.vek_issuer);
    let bytes = table(&[(guid::VCEK, &vek)]);
    let outcome = crate::unbound(casemate_evidence::Format::Snp, &bytes, &case.endorsements(), NOW);
    crate::assert_refused("table_alone", outcome, "snp-layout");
    let ca: Certificate = MILAN.ask_certificate();
    assert_eq!(ca.ca, Some(0));
}

/// Certificates with the names of a chip's and of its issuer's cost what reading each once costs. Were each read again for every other,
/// this would be 64 million readings, and not end in any time that a test has.
#[test]
fn look_alikes_are_not_tried_without_end() {
    let mut case = milan();
    let other = Endorsement::Certificate(Case::vcek(&IMPOSTOR).vek.issue(&IMPOSTOR.ask));
    case.endorsed = vec![other; 8000];
    // The one in the evidence is tried first.
    assert!(case.judge().is_ok());
    case.entries = |entries| drop(entries.remove(0));
    assert_eq!(case.judge().unwrap_err().rule(), "snp-chain");
    // Without an issuer too.
    case.entries = Vec::clear;
    assert_eq!(case.judge().unwrap_err().rule(), "snp-ask-missing");
}
