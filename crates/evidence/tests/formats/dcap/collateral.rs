//! Collateral as tools store it, and recorded JSON of which the name says what is wrong.

use casemate_evidence::{
    Endorsement,
    dcap::{QeIdentity, TcbInfo, TcbStatus, collateral},
};
use casemate_testkit::vectors;

use super::super::read;

#[test]
fn open_enclave_s_tcb_infos() {
    let Some(vectors) = vectors("open_enclave_s_tcb_infos") else { return };
    let folder = vectors.join("dcap/openenclave/tcbinfo");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let outcome = TcbInfo::read(&read(&folder, &name));
        count += 1;
        match name.as_str() {
            "data_v2-tcbInfo.json" | "data_v2-tcbInfoAdvisoryIds.json" => {
                let info = outcome.unwrap_or_else(|flaw| panic!("{name}: {flaw}"));
                assert_eq!((info.version, info.levels[0].status), (2, TcbStatus::UpToDate));
                // Made up by hand, without `pceId`: it is about no platform.
                assert_eq!(info.pce_id, None);
            }
            // Version 1 is not read: it has no `tcbType`, `tcbEvaluationDataNumber` and dates of levels.
            "data-tcbInfo.json" => assert_eq!(outcome.unwrap_err().rule(), "dcap-tcb-info-json", "{name}"),
            _ => assert_eq!(outcome.unwrap_err().rule(), "dcap-tcb-info-json", "{name}"),
        }
    }
    assert_eq!(count, 40);
}

/// What refuses each of the version 2 files.
#[test]
fn open_enclave_s_tcb_infos_for_the_right_reason() {
    let Some(vectors) = vectors("open_enclave_s_tcb_infos_for_the_right_reason") else { return };
    for (name, reason) in [
        ("CompSvn", "invalid value: integer `257`, expected u8"),
        ("Float", "floating point `2.234`, expected u32"),
        ("IntegerOverflow", "expected u32"),
        ("IntegerWithSign", "integer `-1`, expected u32"),
        ("InvalidIssueDate", "`2018-16-06T10:12:17Z` is no time in UTC"),
        ("InvalidNextUpdate", "`2019-16-06T10:12:17Z` is no time in UTC"),
        ("MissingNextUpdate", "missing field `nextUpdate`"),
        ("PceSvn", "integer `65537`, expected u16"),
        ("PropertyWrongTypeLevel3", "string \"128\", expected u8"),
        ("StringEscape", "is no time in UTC"),
        ("TcbType", "`tcbType` is 1"),
    ] {
        let bytes = read(&vectors, &format!("dcap/openenclave/tcbinfo/data_v2-tcbInfoNegative{name}.json"));
        let flaw = TcbInfo::read(&bytes).unwrap_err();
        assert!(flaw.to_string().contains(reason), "{name}: {flaw}");
    }
}

#[test]
fn open_enclave_s_qe_identities() {
    let Some(vectors) = vectors("open_enclave_s_qe_identities") else { return };
    let folder = vectors.join("dcap/openenclave/qeidentity");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let outcome = QeIdentity::read(&read(&folder, &name));
        count += 1;
        match name.as_str() {
            "data_v2-qe_identity_ok.json"
            | "data_v2-qe_identity_with_advisoryids.json"
            | "data_v2-qve_identity_ok.json" => {
                outcome.unwrap_or_else(|flaw| panic!("{name}: {flaw}"));
            }
            // Version 1 (`qeIdentity`) is not read, `data-qe_identity_ok.json` either: it has no levels.
            _ => assert_eq!(outcome.unwrap_err().rule(), "dcap-qe-identity-json", "{name}"),
        }
    }
    assert_eq!(count, 33);
}

#[test]
fn stored_collateral_of_other_shapes_is_refused() {
    let Some(vectors) = vectors("stored_collateral_of_other_shapes_is_refused") else { return };
    let text = String::from_utf8(read(&vectors, "dcap/phala/tdx_quote_collateral.json")).unwrap();
    let items = collateral::of_json(&text).unwrap();
    let count = |is: fn(&Endorsement) -> bool| items.iter().filter(|item| is(item)).count();
    assert_eq!(count(|item| matches!(item, Endorsement::Certificate(_))), 3);
    assert_eq!(count(|item| matches!(item, Endorsement::Crl(_))), 2);
    assert_eq!(items.len(), 7);
    for (crime, from, to) in [
        ("list_no_hexadecimal", "\"root_ca_crl\": \"30", "\"root_ca_crl\": \"3x"),
        ("member_missing", "\"pck_crl\":", "\"pck_crl_2\":"),
        ("certificate_broken", "-----END CERTIFICATE-----", "-----END CERTIFICATE----"),
        ("another_label", "-----BEGIN CERTIFICATE-----", "-----BEGIN X-----"),
    ] {
        assert!(text.contains(from), "{crime}");
        assert!(collateral::of_json(&text.replace(from, to)).is_err(), "{crime}");
    }
}

#[test]
fn open_enclave_s_endorsements() {
    let Some(vectors) = vectors("open_enclave_s_endorsements") else { return };
    let bytes = read(&vectors, "dcap/openenclave/endorsements");
    assert_eq!(collateral::of_open_enclave(&bytes).unwrap().unwrap().len(), 7);
    assert_eq!(collateral::of_open_enclave(&bytes[1..]), None);
    let start = bytes.windows(8).position(|window| window == [1, 0, 0, 0, 2, 0, 0, 0]).unwrap();
    let bare = &bytes[start..];
    assert_eq!(collateral::of_open_enclave(bare).unwrap().unwrap().len(), 7);
    for length in 8..bare.len() {
        assert!(collateral::of_open_enclave(&bare[..length]).unwrap().is_err(), "{length}");
    }
    for (crime, place) in [("length", 8), ("count", 12), ("offset", 27), ("version", 52)] {
        let mut changed = bare.to_vec();
        changed[place] ^= 0x40;
        let outcome = collateral::of_open_enclave(&changed).unwrap();
        assert!(outcome.is_err(), "{crime}");
    }
    assert!(collateral::of_open_enclave(&[bare, &[0]].concat()).unwrap().is_err());
}
