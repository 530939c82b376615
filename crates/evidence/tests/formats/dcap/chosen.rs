//! Which endorsements count, where the PCK certificate comes from, and what may stand around a quote.

use casemate_cose::UnixTime;
use casemate_evidence::{
    Anchor, Cache, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Format, Stated, Vendor, authenticate,
    authenticate_cached,
};
use casemate_testkit::{
    DAY_S, NOW,
    pki::{Algorithm, Certificate, Key},
    vendor::intel::{Intel, TCB_SIGNER, pem},
};

use super::{
    super::{assert_refused, unbound},
    claims,
    crimes::end,
    endorsements, judge, swap,
};

#[test]
fn missing_endorsements_are_refused() {
    let intel = Intel::default();
    let made = intel.make(&intel.tdx(5, 3));
    let all = endorsements(&made);
    let crimes: [(&str, fn(&Endorsement) -> bool, &str); 5] = [
        ("no_root", |item| matches!(item, Endorsement::Anchor(_)), "dcap-pck-chain"),
        ("no_certificates", |item| matches!(item, Endorsement::Certificate(_)), "dcap-tcb-signer-missing"),
        ("no_lists", |item| matches!(item, Endorsement::Crl(_)), "dcap-pck-chain"),
        ("no_tcb_info", |item| matches!(item, Endorsement::TcbInfo(_)), "dcap-tcb-info-missing"),
        ("no_qe_identity", |item| matches!(item, Endorsement::QeIdentity(_)), "dcap-qe-identity-missing"),
    ];
    for (crime, is_missing, rule) in crimes {
        let rest = all.items().iter().filter(|item| !is_missing(item)).cloned();
        assert_refused(crime, unbound(Format::Dcap, &made.quote, &Endorsements::default().with_all(rest), NOW), rule);
    }
    // The same root, as another vendor's.
    let other = Endorsement::Anchor(Anchor::of_certificate(Vendor::Amd, &made.root).unwrap());
    let rest = all.items().iter().filter(|item| !matches!(item, Endorsement::Anchor(_))).cloned();
    let others = Endorsements::default().with(other).with_all(rest);
    assert_refused("root_of_another_vendor", unbound(Format::Dcap, &made.quote, &others, NOW), "dcap-pck-chain");
    assert_refused(
        "intel_s_own_root",
        unbound(Format::Dcap, &made.quote, &Endorsements::of_vendors(), NOW),
        "dcap-pck-chain",
    );
}

/// Of several that fit, the newest of now counts; what is about others does not matter.
#[test]
fn the_newest_of_several_counts() {
    let intel = Intel::default();
    let case = intel.tdx(5, 3);
    let made = intel.make(&case);
    let with = |items: &[Endorsement]| {
        let all = endorsements(&made).with_all(items.iter().cloned());
        unbound(Format::Dcap, &made.quote, &all, NOW)
    };
    let tcb_info = |edit: fn(&mut String)| {
        let mut text = case.tcb_info.clone();
        edit(&mut text);
        Endorsement::TcbInfo(intel.sign_json("tcbInfo", &text).into_bytes())
    };
    let newer = tcb_info(|text| swap(text, "Number\":18", "Number\":19"));
    assert_eq!(claims(&with(&[newer]).unwrap()).tcb.tcb_info_number, 19);
    let older = tcb_info(|text| swap(text, "Number\":18", "Number\":17"));
    assert_eq!(claims(&with(&[older]).unwrap()).tcb.tcb_info_number, 18);
    let newer_but_ended = tcb_info(|text| {
        swap(text, "Number\":18", "Number\":19");
        end(text, NOW.0 - 1);
    });
    assert_eq!(claims(&with(&[newer_but_ended]).unwrap()).tcb.tcb_info_number, 18);
    let other = tcb_info(|text| swap(text, "b0c06f000000", "00906ed50000"));
    assert!(with(&[other]).is_ok());
    let old_list = Endorsement::Crl(intel.root.crl(&[], NOW.0 - 2 * DAY_S, NOW.0 - DAY_S));
    assert!(with(&[old_list]).is_ok());
    let list_of_now = Endorsement::Crl(intel.root.crl_now(&[20]));
    assert_refused("revoked_by_a_second_list", with(&[list_of_now]), "dcap-pck-chain");
    let old = Certificate { not_after: NOW.0 - 1, ..Certificate::of(TCB_SIGNER, 5, &intel.tcb_signer) };
    assert!(with(&[Endorsement::Certificate(intel.root.issue(&old))]).is_ok());
}

/// What can't be read matters where it may be what is needed, and nowhere else.
#[test]
fn malformed_collateral_is_refused_where_it_is_needed() {
    let intel = Intel::default();
    let case = intel.tdx(5, 3);
    let made = intel.make(&case);
    let is_replaced = |item: &Endorsement, by: &[Endorsement]| by.iter().any(|new| new.kind() == item.kind());
    let beside = |items: &[Endorsement]| {
        unbound(Format::Dcap, &made.quote, &endorsements(&made).with_all(items.iter().cloned()), NOW)
    };
    let instead = |items: &[Endorsement]| {
        let all = endorsements(&made);
        let rest = all.items().iter().filter(|item| !is_replaced(item, items)).cloned();
        let items = Endorsements::default().with_all(rest).with_all(items.iter().cloned());
        unbound(Format::Dcap, &made.quote, &items, NOW)
    };
    let signed = |from: &str, to: &str| {
        let mut text = case.tcb_info.clone();
        swap(&mut text, from, to);
        Endorsement::TcbInfo(intel.sign_json("tcbInfo", &text).into_bytes())
    };
    let (tcb_info, identity) = (Endorsement::TcbInfo(b"{}".to_vec()), Endorsement::QeIdentity(b"{}".to_vec()));
    assert!(beside(&[tcb_info.clone(), identity.clone()]).is_ok(), "beside the right ones");
    let other = signed("b0c06f000000", "00906ed50000");
    let about_this = signed("\"tcbType\":0", "\"tcbType\":1");
    assert!(beside(std::slice::from_ref(&other)).is_ok());
    for (crime, outcome, rule) in [
        ("tcb_info_alone", instead(std::slice::from_ref(&tcb_info)), "dcap-tcb-info-json"),
        ("tcb_info_beside_one_of_another", instead(&[other, tcb_info]), "dcap-tcb-info-json"),
        ("tcb_info_about_this_platform", beside(&[about_this]), "dcap-tcb-info-json"),
        ("identity_alone", instead(&[identity]), "dcap-qe-identity-json"),
    ] {
        assert_refused(crime, outcome, rule);
    }
}

/// A list that takes effect while an entry of the cache holds is obeyed from its first second on.
#[test]
fn what_becomes_current_counts_where_the_cache_is_warm() {
    let intel = Intel::default();
    let made = intel.make(&intel.tdx(5, 3));
    let next = Endorsement::Crl(intel.root.crl(&[20], NOW.0 + 10, NOW.0 + DAY_S));
    let (all, cache) = (endorsements(&made).with(next), Cache::default());
    let evidence = Evidence::new(Format::Dcap, made.quote);
    let judge = |at| authenticate_cached(&evidence, &all, &DangerouslyUnbound, UnixTime(at), &cache);
    for at in [NOW.0, NOW.0 + 9, NOW.0] {
        assert!(judge(at).is_ok(), "{at}");
    }
    for at in [NOW.0 + 10, NOW.0 + 60] {
        assert_refused("revoked_from_now_on", judge(at), "dcap-pck-chain");
    }
    assert!(judge(NOW.0).is_ok());
}

/// Certification data that name the platform only: the PCK certificate comes from the endorsements.
#[test]
fn an_external_pck_chain() {
    let intel = Intel::default();
    let mut case = intel.tdx(5, 3);
    let platform = |ppid: &[u8], pce_id: u8| [ppid, &[0; 18], &[pce_id, 0]].concat();
    let chain = intel.make(&case).pck_chain;
    let leaf_pem = pem("CERTIFICATE", &chain[0]).into_bytes();
    for (name, kind, data, rule) in [
        ("in clear", 1, platform(&[0x11; 16], 0), None),
        ("encrypted, 2048 bits", 2, platform(&[0x77; 256], 0), None),
        ("encrypted, 3072 bits", 3, platform(&[0x77; 384], 0), None),
        ("the leaf in PEM", 4, leaf_pem.clone(), None),
        ("the leaf in DER", 4, chain[0].clone(), None),
        ("a_chain_where_the_leaf_goes", 4, leaf_pem.repeat(2), Some("dcap-pck-certificate")),
        ("ppid_of_another_platform", 1, platform(&[0x12; 16], 0), Some("dcap-qe-report-signature")),
        ("pce_of_another_platform", 3, platform(&[0x77; 384], 1), Some("dcap-qe-report-signature")),
    ] {
        case.certification = Some((kind, data));
        let made = intel.make(&case);
        let with = |ders: &[&Vec<u8>]| {
            let all = endorsements(&made).with_all(ders.iter().map(|der| Endorsement::Certificate((*der).clone())));
            unbound(Format::Dcap, &made.quote, &all, NOW)
        };
        match rule {
            None => {
                assert_eq!(with(&[&chain[0], &chain[1]]).err(), None, "{name}");
                assert_refused("pck_ca_missing", with(&[&chain[0]]), "dcap-pck-missing");
            }
            Some(rule) => assert_refused(name, with(&[&chain[0], &chain[1]]), rule),
        }
    }
    // Another platform's PCK certificate, which Intel issued too.
    let other = Intel { pck: Key::new(Algorithm::P256), ..Intel::default() };
    case.certification = Some((3, platform(&[0x77; 384], 0)));
    let made = intel.make(&case);
    let other = intel.pck_ca.issue(&Certificate::of("Intel SGX PCK Certificate", 31, &other.pck).with_extension(
        "1.2.840.113741.1.13.1",
        false,
        case.sgx.to_der(),
    ));
    let all =
        endorsements(&made).with(Endorsement::Certificate(other)).with(Endorsement::Certificate(chain[1].clone()));
    assert_refused(
        "pck_of_another_platform",
        unbound(Format::Dcap, &made.quote, &all, NOW),
        "dcap-qe-report-signature",
    );
}

#[test]
fn open_enclave_s_headers() {
    let intel = Intel::default();
    let custom = b"custom claims".as_slice();
    let mut case = intel.sgx(3);
    case.body[320..352].copy_from_slice(casemate_cose::Digest::of(custom).as_bytes());
    case.body[352..384].fill(0);
    let made = intel.make(&case);
    let length = |bytes: usize| u64::try_from(bytes).unwrap().to_le_bytes();
    let format = hex::decode("a3a21e871b4d4014b70aa125d2fbcd8c").unwrap();
    let evidence = |format: &[u8], custom: &[u8]| {
        let data = [made.quote.as_slice(), custom].concat();
        [&[3, 0, 0, 0], format, &length(data.len()), &data].concat()
    };
    let report =
        |kind: u8, quote: &[u8]| [&[1, 0, 0, 0, kind, 0, 0, 0], length(quote.len()).as_slice(), quote].concat();
    let judge = |bytes: &[u8]| unbound(Format::Dcap, bytes, &endorsements(&made), NOW);
    for bytes in [
        evidence(&format, custom),
        report(2, &made.quote),
        [b"# a comment\n# and another\n", made.quote.as_slice()].concat(),
    ] {
        assert_eq!(claims(&judge(&bytes).unwrap()).trailing_bytes, 0);
    }
    assert_refused("custom_claims_changed", judge(&evidence(&format, b"custom claimz")), "dcap-open-enclave-claims");
    assert_refused("custom_claims_missing", judge(&evidence(&format, b"")), "dcap-open-enclave-claims");
    assert_refused("format_unknown", judge(&evidence(&[0; 16], custom)), "dcap-layout");
    assert_refused("local_report", judge(&report(1, &made.quote)), "dcap-layout");
    assert_refused("byte_after_the_report", judge(&[report(2, &made.quote), vec![0]].concat()), "dcap-layout");
    assert_refused("comment_without_end", judge(b"# no end"), "dcap-layout");
}

/// What follows a quote is nobody's: it is counted, not read.
#[test]
fn trailing_bytes_are_counted() {
    let intel = Intel::default();
    let mut made = intel.make(&intel.tdx(4, 2));
    made.quote.extend([1, 2, 3]);
    assert_eq!(claims(&judge(&made).unwrap()).trailing_bytes, 3);
}

#[test]
fn the_nonce_is_compared_whole() {
    let intel = Intel::default();
    let made = intel.make(&intel.tdx(4, 2));
    let evidence = Evidence::new(Format::Dcap, made.quote.clone());
    let state = |bytes: Vec<u8>| authenticate(&evidence, &endorsements(&made), &Stated::new(bytes), NOW);
    assert!(state(vec![0xda; 64]).is_ok());
    assert_refused("nonce_one_byte_short", state(vec![0xda; 63]), "evidence-binding");
    assert_refused("nonce_one_byte_long", state(vec![0xda; 65]), "evidence-binding");
    let mut off = vec![0xda; 64];
    off[0] ^= 1;
    assert_refused("nonce_one_bit_off", state(off), "evidence-binding");
}

/// A manifest's digest is one only if the rest of its field is zero, and it is not.
#[test]
fn a_manifest_is_a_digest_and_zeros() {
    let intel = Intel::default();
    for (kind, field, end) in [("tdx", 184, 232), ("sgx", 192, 256)] {
        let case = || if kind == "tdx" { intel.tdx(5, 3) } else { intel.sgx(4) };
        let mut zeros = case();
        zeros.body[field..end].fill(0);
        assert_eq!(judge(&intel.make(&zeros)).unwrap().claims().manifest, None, "{kind}");
        let mut more = case();
        more.body[end - 1] = 1;
        assert_eq!(judge(&intel.make(&more)).unwrap().claims().manifest, None, "{kind}");
    }
}
