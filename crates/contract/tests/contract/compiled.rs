//! A contract as bytes: one encoding, the same rules as TOML, and nothing lost on the way there and back.

use casemate_contract::{Compiled, CompiledError, Contract, Problem};
use casemate_cose::{CborError, Digest};
use proptest::prelude::*;

use crate::study::{AT, RECIPIENT, compiled_from, key, launcher_of, toml};

fn honest() -> Compiled {
    compiled_from(&toml())
}

/// The honest contract's bytes with the last `from` replaced by `to`, of the same length so that it stays CBOR.
fn edited(from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = honest().bytes().to_vec();
    let at = bytes.windows(from.len()).rposition(|window| window == from).expect("nothing to replace");
    bytes[at..at + from.len()].copy_from_slice(to);
    bytes
}

#[test]
fn bytes_and_toml_lead_back_to_the_same_contract() {
    let compiled = honest();
    let received = Compiled::from_bytes(compiled.bytes().to_vec()).unwrap();
    assert_eq!(received, compiled);
    assert_eq!(compiled_from(&received.to_toml()).bytes(), compiled.bytes());
    assert_eq!(received.digest(), Digest::of(compiled.bytes()));
}

#[test]
fn shows_everything_that_is_signed() {
    let shown = honest().show();
    for part in [
        "breast-cancer",
        "Consent of the patients.",
        "2027-01-31T00:00:00Z",
        "root on the host",
        "secret-plaintext",
        "127.0.0.1:7701",
        &format!("the launcher {}", launcher_of("researcher").public()),
        RECIPIENT,
        "mean area: float64",
        "at least 10 distinct entities behind every row",
        "at most 1024 bytes",
        "mean_radius, patient_id",
        "GROUP BY d.diagnosis",
        &honest().digest().to_string(),
    ] {
        assert!(shown.contains(part), "`{part}` is not shown:\n{shown}");
    }
}

#[test]
fn refuses_bytes_that_are_no_contract() {
    let good = honest().bytes().to_vec();
    for (crime, bytes) in [
        ("study_name_shouted", edited(b"breast-cancer", b"Breast-cancer")),
        ("isolation_unknown", edited(b"process", b"enclave")),
        ("lack_unknown", edited(b"secret-plaintext", b"secret-everything".split_at(16).0)),
        ("purpose_with_escape", edited(b"Compare", b"\x1b[2Jare")),
        ("recipient_mistyped", edited(b"qmcac8p", b"qmcac8q")),
        ("address_without_port", edited(b"127.0.0.1:7701", b"127.0.0.1.7701")),
        ("empty", Vec::new()),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("trailing_byte", [good.as_slice(), &[0]].concat()),
        ("map_with_one_field_more", [&[good[0] + 1], &good[1..], &[0x05, 0x00]].concat()),
    ] {
        assert!(matches!(Compiled::from_bytes(bytes), Err(CompiledError::Cbor(_))), "{crime}");
    }
    let long = vec![0; casemate_contract::CONTRACT_BYTES_MAX + 1];
    assert!(matches!(Compiled::from_bytes(long), Err(CompiledError::Cbor(CborError::TooLong { .. }))));
}

#[test]
fn refuses_bytes_that_make_no_sense() {
    type Is = fn(&Problem) -> bool;
    let crimes: [(&str, Vec<u8>, Is); 10] = [
        ("another_format", edited(b"contract/1", b"contract/2"), |p| matches!(p, Problem::BadValue { .. })),
        ("runner_unknown", edited(b"researcher", b"researchex"), |p| matches!(p, Problem::UnknownParty { .. })),
        ("owner_unknown", edited(b"clinic", b"climic"), |p| matches!(p, Problem::UnknownParty { .. })),
        ("column_read_unknown", edited(b"kmean_radius", b"kmean_radiux"), |p| {
            matches!(p, Problem::UnknownColumn { .. })
        }),
        ("sets_out_of_order", edited(b"idiagnosis", b"izzagnosis"), |p| matches!(p, Problem::OutOfOrder)),
        ("gate_of_one", edited(&[0xa3, 0, 10, 1], &[0xa3, 0, 1, 1]), |p| matches!(p, Problem::TooSmall { .. })),
        ("gate_without_rows", edited(&[0xa3, 0, 5, 1, 10], &[0xa3, 0, 5, 1, 0]), |p| {
            matches!(p, Problem::TooSmall { .. })
        }),
        ("region_unproven", edited(b"cany", b"ceux"), |p| matches!(p, Problem::RegionUnproven { .. })),
        ("one_key_for_two", edited(key(12).public().as_bytes(), key(11).public().as_bytes()), |p| {
            matches!(p, Problem::SameKey { .. })
        }),
        (
            "one_launcher_for_two",
            edited(launcher_of("clinic").public().as_bytes(), launcher_of("researcher").public().as_bytes()),
            |p| matches!(p, Problem::SameKey { .. }),
        ),
    ];
    for (crime, bytes, is_it) in crimes {
        let Err(CompiledError::Contract(errors)) = Compiled::from_bytes(bytes) else { panic!("{crime}: accepted") };
        assert!(errors.errors().iter().any(|error| is_it(&error.problem)), "{crime}: {errors}");
    }
}

#[test]
fn refuses_bytes_from_before_parties_had_launchers() {
    let mut bytes = honest().bytes().to_vec();
    // registry = { 0: name, 1: key, 3: broker, 4: [] }: the same without its last field.
    let empty = [b"127.0.0.1:7702".as_slice(), &[0x04, 0x80]].concat();
    let at = bytes.windows(empty.len()).position(|window| window == empty).unwrap();
    bytes.drain(at + empty.len() - 2..at + empty.len());
    let party = [&[0xa4, 0x00, 0x68], b"registry".as_slice()].concat();
    let at = bytes.windows(party.len()).position(|window| window == party).unwrap();
    bytes[at] = 0xa3;
    let error = Compiled::from_bytes(bytes).unwrap_err();
    assert!(matches!(error, CompiledError::Cbor(CborError::Malformed(_))), "{error}");
    assert!(error.to_string().contains("missing value at index 4 (Party::launchers)"), "{error}");
}

#[test]
fn every_cut_is_refused() {
    let good = honest().bytes().to_vec();
    for end in 0..good.len() {
        assert!(Compiled::from_bytes(good[..end].to_vec()).is_err(), "cut at {end}");
    }
}

/// Texts that TOML, SQL and terminals treat specially, without what no contract holds.
fn prose() -> impl Strategy<Value = String> {
    "[a-zäß\"'\\\\#$%{}|\\n ]{0,40}x[']?"
}

prop_compose! {
    /// A contract of some size as TOML, every part of it drawn.
    fn any_study()(
        purpose in prose(),
        sql in prose(),
        entities in 2_u64..1_000,
        rows in 1_u64..1_000_000,
        columns in prop::collection::btree_set("[A-Za-z][A-Za-z0-9 ._()/-]{0,10}[A-Za-z0-9)]", 1..6),
        tables in prop::collection::btree_set("[a-z][a-z0-9_]{0,12}", 1..4),
        owners in prop::collection::btree_set("[a-z][a-z0-9-]{0,12}", 1..4),
        expires in 1_900_000_000_u64..200_000_000_000,
    ) -> String {
        let columns: Vec<&String> = columns.iter().collect();
        let owners: Vec<&String> = owners.iter().collect();
        let text = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"));
        let expires = casemate_cose::UnixTime(expires);
        let mut toml = format!(
            "[study]\nid = \"s\"\nsequence = 1\npurpose = {}\nlegal_basis = \"b\"\nexpires = {expires}\n\
             isolations = [\"process\"]\nregions = [\"any\"]\n", text(&purpose));
        for (at, owner) in owners.iter().enumerate() {
            let at = u8::try_from(at).unwrap();
            toml += &format!(
                "[parties.{owner}]\nkey = \"{}\"\nrecipient = \"{RECIPIENT}\"\nbroker = {{ key = \"{}\", address = \"h:1\" }}\nlaunchers = [\"{}\", \"{}\"]\n",
                key(at + 1).public(), key(at + 101).public(), key(at + 151).public(), key(at + 201).public());
        }
        let mut reads = String::new();
        for (at, table) in tables.iter().enumerate() {
            let typed: Vec<String> = columns.iter().map(|column| format!("\"{column}\" = \"float64\"")).collect();
            toml += &format!(
                "[datasets.{table}]\nowner = \"{}\"\nid = \"{at:032x}\"\nversion = \"{at:032x}\"\ndigest = \"{}\"\n\
                 format = \"parquet\"\nentity = \"{}\"\ncolumns = {{ {} }}\n\
                 gate = {{ min_entities = {entities}, max_rows = {rows}, max_bytes = 1024 }}\n",
                owners[at % owners.len()], Digest::of(&[u8::try_from(at).unwrap()]), columns[0], typed.join(", "));
            reads += &format!("{table} = [\"{}\"]\n", columns[0]);
        }
        toml + &format!("[computations.c]\nsql = {}\nrunners = [\"{1}\"]\nrecipients = [\"{1}\"]\n[computations.c.reads]\n{reads}",
            text(&sql), owners[0])
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_contract_survives_cbor_and_toml(study in any_study()) {
        let contract = Contract::parse(&study, AT).map_err(|errors| TestCaseError::fail(format!("{errors}\n{study}")))?;
        let compiled = Compiled::new(contract);
        let received = Compiled::from_bytes(compiled.bytes().to_vec()).unwrap();
        prop_assert_eq!(&received, &compiled);
        let rewritten = Contract::parse(&received.to_toml(), AT).map_err(|errors| TestCaseError::fail(errors.to_string()))?;
        prop_assert_eq!(&Compiled::new(rewritten), &compiled);
    }

    #[test]
    fn no_flipped_bit_passes_for_the_same_contract(bit in 0_usize..20_000) {
        let good = honest();
        let mut bytes = good.bytes().to_vec();
        let bit = bit % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(other) = Compiled::from_bytes(bytes) {
            prop_assert_ne!(other.digest(), good.digest());
            prop_assert_ne!(other.contract(), good.contract());
        }
    }
}

#[test]
fn the_format_is_the_documented_one() {
    let compiled = honest();
    let bytes = compiled.bytes();
    let gate = [0xa3, 0x00, 0x05, 0x01, 0x0a, 0x02, 0x19, 0x04, 0x00];
    // { 5: [0, [entity, [{ 0: "diagnosis", 1: utf8 }, { 0: "patient_id", 1: int64 }]]], 6: gate }
    let content = [
        &[0x05, 0x82, 0x00, 0x82, 0x6a],
        b"patient_id".as_slice(),
        &[0x82, 0xa2, 0x00, 0x69],
        b"diagnosis",
        &[0x01, 0x05],
        &[0xa2, 0x00, 0x6a],
        b"patient_id",
        &[0x01, 0x03, 0x06],
        &gate,
    ]
    .concat();
    assert!(bytes.windows(content.len()).any(|window| window == content), "{bytes:02x?}");
    assert!(
        bytes
            .starts_with(&[&[0xa5, 0x00, 0x73], b"casemate/contract/1".as_slice(), &[0x01, 0xa8, 0x00, 0x6d]].concat())
    );
    let program = [&[0x01, 0x82, 0x00, 0x81, 0x78], &[0xa3_u8][..], b"SELECT d.diagnosis"].concat();
    assert!(bytes.windows(program.len()).any(|window| window == program));
}
