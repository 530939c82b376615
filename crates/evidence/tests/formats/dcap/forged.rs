//! Crimes after signing: each one mutation of what is handed over, refused by exactly one rule.

use casemate_testkit::{
    pki::{Algorithm, Key},
    vendor::intel::{Intel, Made, pem},
};

use super::{super::assert_refused, judge, swap};

/// The crime, its mutation, the rule that refuses it.
type After = (&'static str, fn(&mut Made), &'static str);

/// The signed region of a version 5 quote with a body of TDX 1.5: 48 + 6 + 648 bytes.
const SIGNED: usize = 702;
const SIGNATURE: usize = SIGNED + 4;
const KEY: usize = SIGNATURE + 64;
const QE_REPORT: usize = KEY + 64 + 6;
const QE_SIGNATURE: usize = QE_REPORT + 384;
const AUTH_DATA: usize = QE_SIGNATURE + 64 + 2;
const INNER: usize = AUTH_DATA + 32;

/// The order of P-256.
const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

fn order() -> Vec<u8> {
    hex::decode(ORDER).unwrap()
}

const AFTER: &[After] = &[
    ("empty", |made| made.quote.clear(), "dcap-layout"),
    ("header_only", |made| made.quote.truncate(48), "dcap-layout"),
    (
        "last_byte_missing",
        |made| {
            made.quote.pop();
        },
        "dcap-layout",
    ),
    ("too_long", |made| made.quote.resize((256 << 10) + 1, 0), "dcap-layout"),
    ("header_changed", |made| made.quote[40] ^= 1, "dcap-signature"),
    ("report_data_one_bit_off", |made| made.quote[54 + 583] ^= 1, "dcap-signature"),
    ("mrtd_one_bit_off", |made| made.quote[54 + 136] ^= 1, "dcap-signature"),
    ("service_td_one_bit_off", |made| made.quote[SIGNED - 1] ^= 1, "dcap-signature"),
    ("signature_r_zero", |made| made.quote[SIGNATURE..SIGNATURE + 32].fill(0), "dcap-signature"),
    ("signature_s_zero", |made| made.quote[SIGNATURE + 32..KEY].fill(0), "dcap-signature"),
    ("signature_r_the_order", |made| made.quote[SIGNATURE..SIGNATURE + 32].copy_from_slice(&order()), "dcap-signature"),
    ("signature_s_the_order", |made| made.quote[SIGNATURE + 32..KEY].copy_from_slice(&order()), "dcap-signature"),
    ("signature_r_and_s_swapped", |made| made.quote[SIGNATURE..KEY].rotate_left(32), "dcap-signature"),
    (
        "signature_little_endian",
        |made| {
            made.quote[SIGNATURE..SIGNATURE + 32].reverse();
            made.quote[SIGNATURE + 32..KEY].reverse();
        },
        "dcap-signature",
    ),
    (
        "attestation_key_of_another",
        |made| {
            let key = Key::new(Algorithm::P256).public();
            made.quote[KEY..KEY + 64].copy_from_slice(&key[1..]);
        },
        "dcap-qe-report-data",
    ),
    ("auth_data_one_bit_off", |made| made.quote[AUTH_DATA] ^= 1, "dcap-qe-report-data"),
    ("auth_data_length_one_short", |made| made.quote[AUTH_DATA - 2] -= 1, "dcap-layout"),
    ("qe_report_changed", |made| made.quote[QE_REPORT] ^= 1, "dcap-qe-report-signature"),
    (
        "qe_report_signature_r_zero",
        |made| made.quote[QE_SIGNATURE..QE_SIGNATURE + 32].fill(0),
        "dcap-qe-report-signature",
    ),
    (
        "qe_report_signature_s_the_order",
        |made| {
            made.quote[QE_SIGNATURE + 32..QE_SIGNATURE + 64].copy_from_slice(&order());
        },
        "dcap-qe-report-signature",
    ),
    (
        "signature_data_one_longer",
        |made| {
            made.quote[SIGNED] = made.quote[SIGNED].wrapping_add(1);
            made.quote.push(0);
        },
        "dcap-layout",
    ),
    (
        "certification_length_one_short",
        |made| made.quote[KEY + 66] = made.quote[KEY + 66].wrapping_sub(1),
        "dcap-layout",
    ),
    ("inner_length_one_short", |made| made.quote[INNER + 2] = made.quote[INNER + 2].wrapping_sub(1), "dcap-layout"),
    ("signature_data_length_of_four_gigabytes", |made| made.quote[SIGNED..SIGNED + 4].fill(0xff), "dcap-layout"),
    (
        "tcb_info_serialised_again",
        |made| {
            swap(&mut made.tcb_info, "\"version\":3", "\"version\": 3");
        },
        "dcap-tcb-info-signature",
    ),
    (
        "tcb_info_members_reordered",
        |made| {
            swap(&mut made.tcb_info, "\"id\":\"TDX\",\"version\":3", "\"version\":3,\"id\":\"TDX\"");
        },
        "dcap-tcb-info-signature",
    ),
    (
        "tcb_info_hexadecimal_of_other_case",
        |made| swap(&mut made.tcb_info, "b0c06f000000", "B0C06F000000"),
        "dcap-tcb-info-signature",
    ),
    (
        "tcb_info_number_raised",
        |made| {
            swap(&mut made.tcb_info, "EvaluationDataNumber\":18", "EvaluationDataNumber\":19");
        },
        "dcap-tcb-info-signature",
    ),
    ("tcb_info_status_bettered", |made| swap(&mut made.tcb_info, "OutOfDate", "UpToDate"), "dcap-tcb-info-signature"),
    (
        "tcb_info_signature_of_the_identity",
        |made| {
            made.tcb_info = format!("{},\"signature\":{}", before(&made.tcb_info), after(&made.qe_identity));
        },
        "dcap-tcb-info-signature",
    ),
    (
        "tcb_info_signature_r_zero",
        |made| {
            made.tcb_info = format!(
                "{},\"signature\":\"{}{}",
                before(&made.tcb_info),
                "0".repeat(64),
                &after(&made.tcb_info)[65..]
            );
        },
        "dcap-tcb-info-signature",
    ),
    (
        "tcb_info_signature_short",
        |made| {
            made.tcb_info = format!("{},\"signature\":\"{}", before(&made.tcb_info), &after(&made.tcb_info)[3..]);
        },
        "dcap-tcb-info-json",
    ),
    ("tcb_info_unsigned", |made| made.tcb_info = format!("{}}}", before(&made.tcb_info)), "dcap-tcb-info-json"),
    (
        "tcb_info_twice",
        |made| {
            made.tcb_info = format!("{},{}", before(&made.tcb_info), &made.tcb_info[1..]);
        },
        "dcap-tcb-info-json",
    ),
    (
        "tcb_info_with_more_beside_it",
        |made| swap(&mut made.tcb_info, "{\"tcbInfo\"", "{\"x\":1,\"tcbInfo\""),
        "dcap-tcb-info-json",
    ),
    ("tcb_info_with_text_after_it", |made| made.tcb_info.push('x'), "dcap-tcb-info-json"),
    ("tcb_info_too_long", |made| made.tcb_info.push_str(&" ".repeat(512 << 10)), "dcap-tcb-info-json"),
    ("tcb_info_is_an_identity", |made| made.tcb_info = made.qe_identity.clone(), "dcap-tcb-info-json"),
    (
        "qe_identity_serialised_again",
        |made| {
            swap(&mut made.qe_identity, "\"version\":2", "\"version\": 2");
        },
        "dcap-qe-identity-signature",
    ),
    (
        "qe_identity_signature_of_the_tcb_info",
        |made| {
            made.qe_identity = format!("{},\"signature\":{}", before(&made.qe_identity), after(&made.tcb_info));
        },
        "dcap-qe-identity-signature",
    ),
    (
        "pck_crl_missing",
        |made| {
            made.crls.pop();
        },
        "dcap-pck-chain",
    ),
    (
        "root_crl_missing",
        |made| {
            made.crls.remove(0);
        },
        "dcap-pck-chain",
    ),
    ("pck_crl_signature_changed", |made| *made.crls[1].last_mut().unwrap() ^= 1, "dcap-pck-chain"),
    (
        "root_crl_truncated",
        |made| {
            made.crls[0].pop();
        },
        "dcap-pck-chain",
    ),
    ("root_of_another_key", |made| made.root = Intel::default().root.root(), "dcap-pck-chain"),
    ("tcb_signer_is_the_pck_ca", |made| made.tcb_signer = made.pck_chain[1].clone(), "dcap-tcb-signer-missing"),
    ("chain_without_the_ca", |made| with_chain(made, &[0, 2]), "dcap-pck-chain"),
    ("chain_reversed", |made| with_chain(made, &[2, 1, 0]), "dcap-pck-chain"),
    ("chain_of_the_leaf_alone", |made| with_chain(made, &[0]), "dcap-pck-chain"),
    ("chain_with_the_ca_twice", |made| with_chain(made, &[0, 1, 1]), "dcap-pck-chain"),
    ("chain_of_four", |made| with_chain(made, &[0, 1, 2, 2]), "dcap-pck-certificate"),
    ("chain_of_the_ca", |made| with_chain(made, &[1, 2]), "dcap-pck-name"),
];

#[test]
fn crimes_after_signing() {
    let intel = Intel::default();
    let honest = intel.make(&intel.tdx(5, 3));
    for (crime, commit, rule) in AFTER {
        let mut made = honest.clone();
        commit(&mut made);
        assert_refused(crime, judge(&made), rule);
    }
}

/// `{"name":text`
fn before(json: &str) -> &str {
    json.split_once(",\"signature\":").unwrap().0
}

/// `"…"}`
fn after(json: &str) -> &str {
    json.split_once(",\"signature\":").unwrap().1
}

/// Replaces the chain in a quote by these of leaf, CA and root. Nothing signs it.
fn with_chain(made: &mut Made, places: &[usize]) {
    let all = [&made.pck_chain[0], &made.pck_chain[1], &made.root];
    let text: String = places.iter().map(|place| pem("CERTIFICATE", all[*place])).collect();
    made.quote.truncate(INNER);
    let length = |bytes: usize| u32::try_from(bytes).unwrap().to_le_bytes();
    made.quote.extend(5_u16.to_le_bytes());
    made.quote.extend(length(text.len()));
    made.quote.extend(text.as_bytes());
    let all = made.quote.len();
    made.quote[KEY + 66..KEY + 70].copy_from_slice(&length(all - QE_REPORT));
    made.quote[SIGNED..SIGNED + 4].copy_from_slice(&length(all - SIGNATURE));
}

#[test]
fn chains_with_and_without_the_root_are_accepted() {
    let intel = Intel::default();
    for places in [&[0, 1, 2][..], &[0, 1]] {
        let mut made = intel.make(&intel.tdx(5, 3));
        with_chain(&mut made, places);
        assert!(judge(&made).is_ok());
    }
}
