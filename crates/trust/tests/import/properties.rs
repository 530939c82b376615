//! Any bytes: no importer panics, none takes memory without bound, and what it yields can stand in a domain.

use std::collections::BTreeMap;

use casemate_testkit::NOW;
use casemate_trust::import::{
    ImportError, Imported, azure_release,
    certifier::{policy, signed_claims},
    corim::{self, Signer},
    rvps,
};
use proptest::prelude::*;

use crate::corim::Document;

/// What every importer says of these bytes.
fn all(bytes: &[u8]) -> Vec<Result<Imported, ImportError>> {
    vec![
        azure_release::import(bytes),
        policy(bytes, &BTreeMap::new()),
        signed_claims(bytes, None),
        corim::import(bytes, None),
        corim::import(bytes, Some(&Signer::DangerouslyUnverified)),
        rvps::import(bytes, NOW),
    ]
}

/// What was imported says only what statements may say; a refusal has reasons.
fn is_sound(result: Result<Imported, ImportError>) {
    match result {
        Ok(imported) => crate::stands(&imported),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

const AZURE: &str = r#"{"version":"1.0.0","anyOf":[{"authority":"https://a.eus.attest.azure.net","allOf":[
    {"claim":"x-ms-sgx-mrenclave","equals":"9fa48b1629bd246a1de3d38fb7df97f6554cd65d6b3b72e85b86848ae6b578ba"},
    {"anyOf":[{"claim":"x-ms-sgx-svn","greater":1},{"claim":"x-ms-sgx-product-id","equals":3}]}]}]}"#;
const CERTIFIER: &str = r#"{"policyKey":"p","platforms":[{"type":"amd-sev-snp","props":[{"comparator":"eq","type":"int",
    "name":"tcb-version","value":"0x3000000000008115"}]}],"measurements":["00"],"claims":[]}"#;
const TRUSTEE: &str =
    r#"[{"version":"0.1.0","name":"xfam","expiration":"2027-01-01T00:00:00Z","value":["e742060000000000"]}]"#;

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        all(&bytes).into_iter().for_each(is_sound);
    }

    #[test]
    fn documents_with_any_change(
        place in any::<prop::sample::Index>(), byte in any::<u8>(), length in 0_usize..4, inserted in prop::collection::vec(any::<u8>(), 0..6),
    ) {
        for document in [Document::psa().encode(), AZURE.into(), CERTIFIER.into(), TRUSTEE.into()] {
            let at = place.index(document.len());
            let mut flipped = document.clone();
            flipped[at] = byte;
            all(&flipped).into_iter().for_each(is_sound);
            let end = (at + length).min(document.len());
            let spliced = [&document[..at], &inserted, &document[end..]].concat();
            all(&spliced).into_iter().for_each(is_sound);
        }
    }

    #[test]
    fn any_words_in_the_places_of_names(word in "[ -~]{0,40}", other in "[ -~]{0,40}") {
        let word = serde_json::Value::from(word).to_string();
        let other = serde_json::Value::from(other).to_string();
        for document in [
            format!(r#"{{"version":"1.0.0","anyOf":[{{"authority":{word},"allOf":[{{"claim":{other},{word}:{other}}}]}}]}}"#),
            format!(r#"{{"policyKey":{word},"measurements":[{other}],"platforms":[{{"type":{word},"props":[]}}]}}"#),
            format!(r#"[{{"name":{word},"expiration":{other},"value":[{word}]}}]"#),
            format!(r#"{{{word}:[{other}]}}"#),
        ] {
            all(document.as_bytes()).into_iter().for_each(is_sound);
        }
    }
}

#[test]
fn memory_is_bounded_whatever_is_given() {
    let list = format!("[{}0]", "0,".repeat(60_000));
    let names: String = (0..16_000).map(|number| format!("\"name-{number}\":[1],")).collect();
    let claims = vec![r#"{"claim":"x-ms-sgx-svn","notEquals":1}"#; 20_000].join(",");
    let documents: Vec<Vec<u8>> = vec![
        list.clone().into(),
        format!("{{{names}\"x\":0}}").into(),
        format!(r#"{{"version":"1.0.0","anyOf":[{{"authority":"x","anyOf":[{claims}]}}]}}"#).into(),
        [&[0xd9, 0x01, 0xf5, 0x9a, 0x00, 0x00, 0xff, 0x00][..], &[0; 0xff00]].concat(),
        [&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..], &[0x80; 1 << 20]].concat(),
        vec![0x0a; 1 << 20],
        [0x0a, 0x00].repeat(1 << 19),
        vec![0x81; 1 << 20],
        vec![b'['; 1 << 20],
    ];
    for (number, document) in documents.iter().enumerate() {
        let measured = allocation_counter::measure(|| all(document).into_iter().for_each(is_sound));
        assert!(measured.bytes_max < 64 << 20, "document {number}: {} bytes at once", measured.bytes_max);
        assert!(measured.bytes_total < 1 << 30, "document {number}: {} bytes in all", measured.bytes_total);
    }
}
