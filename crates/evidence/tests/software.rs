//! Crimes against `software` evidence, one each: every crime is one change to a case that is otherwise accepted.
//!
//! Statements are written here by hand, as docs/formats/evidence-software.md says, not by the crate under test.

#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests are as free as tests")]

use casemate_cose::{Digest, Kind, SigningKey, UnixTime};
use casemate_evidence::{
    AllowDebug, Authenticated, Binding, Bound, DangerouslyUnbound, Endorsements, Evidence, Expectation, Format,
    Isolation, Lack, Refusal, Role, authenticate,
    software::{AT_DISTANCE_S_MAX, Flaw, OBJECT_BYTES_MAX, Statement, digest_of_libraries, sign},
};

const AT: UnixTime = UnixTime(1_800_000_000);

/// The published vector of docs/formats/evidence-software.md, made by another implementation, in Python.
const VECTOR: &str = "\
     8268736f667477617265590175845826a20132045820fd1724385aa0c75b64fb78cd602fa1d991fdebf76b13c58ed702eac835\
     e9f618a0590106ab0001016770726f636573730258200606060606060606060606060606060606060606060606060606060606\
     060606035820070707070707070707070707070707070707070707070707070707070707070704582002020202020202020202\
     0202020202020202020202020202020202020202020205584083d5bbe217879543a14823a5400f1f8c0e6a3bd63f9ebb668107\
     7da66c89cb7a8129cab085576329e3e74e8475f9032cb67ae98d3f5a22e76806cba8d58755e106826b7365637265742d6b6579\
     73707365637265742d706c61696e746578740719100008f4091a6b49d2000a58200a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a\
     0a0a0a0a0a0a0a0a0a0a0a0a0a0a58409563a9b478e331c7098cf3fc3f544b219a45ab042ab46ab8d3c4eeaafa607694f0e0ae\
     e7af6af8ddbae8103b60b472306c0f84d696669c52ab2227101a85ff00";

fn launcher() -> SigningKey {
    SigningKey::from_seed(&[9; 32])
}

fn endorsements() -> Endorsements {
    Endorsements::of_launchers([launcher().public()])
}

fn binding() -> Binding {
    Binding {
        role: Role::Keep,
        nonce: [1; 32],
        manifest: Digest::from_bytes([2; 32]),
        exporter: [3; 32],
        own_key: Digest::from_bytes([4; 32]),
        peer_key: Digest::from_bytes([5; 32]),
    }
}

/// A statement that may be dishonest in any field.
#[derive(Clone)]
struct Draft {
    fields: u64,
    version: u64,
    isolation: &'static str,
    manifest: Vec<u8>,
    report_data: Vec<u8>,
    lacks: Vec<&'static str>,
    debug: bool,
    at: UnixTime,
    tail: Vec<u8>,
}

impl Draft {
    fn honest() -> Self {
        Self {
            fields: 11,
            version: 1,
            isolation: "process",
            manifest: vec![2; 32],
            report_data: binding().report_data().to_vec(),
            lacks: vec!["secret-keys", "secret-plaintext"],
            debug: false,
            at: AT,
            tail: vec![],
        }
    }

    fn payload(&self) -> Vec<u8> {
        let mut encoder = minicbor::Encoder::new(Vec::new());
        encoder.map(self.fields).unwrap().u8(0).unwrap().u64(self.version).unwrap();
        encoder.u8(1).unwrap().str(self.isolation).unwrap();
        encoder.u8(2).unwrap().bytes(&[6; 32]).unwrap();
        encoder.u8(3).unwrap().bytes(&[7; 32]).unwrap();
        encoder.u8(4).unwrap().bytes(&self.manifest).unwrap();
        encoder.u8(5).unwrap().bytes(&self.report_data).unwrap();
        encoder.u8(6).unwrap().encode(&self.lacks).unwrap();
        encoder.u8(7).unwrap().u64(4096).unwrap();
        encoder.u8(8).unwrap().bool(self.debug).unwrap();
        encoder.u8(9).unwrap().u64(self.at.0).unwrap();
        encoder.u8(10).unwrap().bytes(&[10; 32]).unwrap();
        [encoder.into_writer().as_slice(), &self.tail].concat()
    }

    fn evidence(&self) -> Evidence {
        object(Kind::Evidence, &self.payload(), &launcher())
    }
}

fn object(kind: Kind, payload: &[u8], key: &SigningKey) -> Evidence {
    Evidence::new(Format::Software, casemate_cose::sign(kind, payload, key))
}

fn bound(evidence: &Evidence) -> Result<Authenticated<Bound>, Refusal> {
    authenticate(evidence, &endorsements(), &Bound::new(binding()), AT)
}

fn flaw<B: Expectation + std::fmt::Debug>(result: Result<Authenticated<B>, Refusal>) -> Flaw {
    match result {
        Err(Refusal::Software(flaw)) => flaw,
        other => panic!("expected a flaw, found {other:?}"),
    }
}

#[test]
fn accepts_honest_evidence_and_says_what_it_claims() {
    let evidence = Draft::honest().evidence();
    let authenticated = bound(&evidence).unwrap();
    let claims = authenticated.claims();
    let software = claims.software().unwrap();
    assert_eq!(claims.isolation, Some(Isolation::Process));
    assert_eq!(software.runtime, Digest::from_bytes([6; 32]));
    assert_eq!(software.libraries, Digest::from_bytes([10; 32]));
    assert_eq!(software.program, Digest::from_bytes([7; 32]));
    assert_eq!(claims.manifest, Some(Digest::from_bytes([2; 32])));
    assert_eq!(claims.report_data.bytes, binding().report_data());
    assert_eq!(software.lacks, [Lack::SecretKeys, Lack::SecretPlaintext]);
    assert_eq!(software.secret_bytes, 4096);
    assert_eq!(software.launcher, launcher().public());
    assert_eq!((claims.at, claims.debug), (AT, false));
    assert_eq!(authenticated.binding().binding(), &binding());
    assert_eq!(authenticated.evidence_digest(), Digest::of(&evidence.to_bytes()));
}

#[test]
fn writes_and_reads_the_published_vector() {
    let statement = Statement {
        isolation: Isolation::Process,
        runtime: Digest::from_bytes([6; 32]),
        libraries: Digest::from_bytes([10; 32]),
        program: Digest::from_bytes([7; 32]),
        manifest: Digest::from_bytes([2; 32]),
        report_data: binding().report_data(),
        lacks: [Lack::SecretPlaintext, Lack::SecretKeys].into(),
        secret_bytes: 4096,
        debug: false,
        at: AT,
    };
    let evidence = sign(&statement, &launcher());
    assert_eq!(hex::encode(evidence.to_bytes()), VECTOR);
    assert_eq!(evidence, Draft::honest().evidence());
    let digest = "sha256:eb574a33d53ef04db7ffe9a2513417820b559e4bfc90b69fece8210eacabcfe4";
    assert_eq!(bound(&evidence).unwrap().evidence_digest().to_string(), digest);
    let published = include_str!("../../../docs/formats/evidence-software.md").replace('\n', "");
    assert!(published.contains(VECTOR) && published.contains(&digest[7..]), "the document says so too");
}

#[test]
fn one_digest_stands_for_all_libraries_and_each_of_them_tells() {
    let of = |files: &[(&str, u8)]| {
        let files = files.iter().map(|(name, byte)| ((*name).to_owned(), Digest::from_bytes([*byte; 32])));
        digest_of_libraries(&files.collect())
    };
    let published = "d9c2d3a33429b0dd3b171edfe201593217df5d5ce389f40556c7e7965106d563";
    let known = [("libc.so.6", 12), ("ld-linux-x86-64.so.2", 11)];
    assert_eq!(of(&known).to_string(), format!("sha256:{published}"), "in whatever order they are named");
    assert!(include_str!("../../../docs/formats/evidence-software.md").contains(published), "the document says so too");
    for other in [&[("libc.so.6", 13), known[1]][..], &[("libm.so.6", 12), known[1]], &known[..1], &[]] {
        assert_ne!(of(other), of(&known), "{other:?}");
    }
}

#[test]
fn refuses_every_bit_flip() {
    let honest = Draft::honest().evidence().to_bytes();
    for bit in 0..honest.len() * 8 {
        let mut flipped = honest.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // Unbound, so that the binding is not what refuses.
        let outcome = Evidence::from_bytes(&flipped)
            .and_then(|evidence| authenticate(&evidence, &endorsements(), &DangerouslyUnbound, AT));
        assert!(outcome.is_err(), "bit {bit}");
    }
}

#[test]
fn refuses_every_truncation_of_frame_and_object() {
    let honest = Draft::honest().evidence();
    for length in 0..honest.to_bytes().len() {
        assert!(Evidence::from_bytes(&honest.to_bytes()[..length]).is_err(), "{length}");
    }
    for length in 0..honest.bytes().len() {
        let truncated = Evidence::new(Format::Software, honest.bytes()[..length].to_vec());
        assert!(matches!(flaw(bound(&truncated)), Flaw::Shape(_)), "{length}");
    }
}

#[test]
fn refuses_the_same_payload_signed_as_anything_else() {
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Evidence) {
        let outcome = bound(&object(kind, &Draft::honest().payload(), &launcher()));
        assert_eq!(flaw(outcome), Flaw::Kind { actual: kind });
    }
}

#[test]
fn refuses_a_launcher_that_is_not_endorsed() {
    let stranger = SigningKey::from_seed(&[8; 32]);
    let evidence = object(Kind::Evidence, &Draft::honest().payload(), &stranger);
    let naive = Endorsements::of_launchers([stranger.public()]);
    assert!(authenticate(&evidence, &naive, &Bound::new(binding()), AT).is_ok(), "accepted by who endorses it");
    assert_eq!(flaw(bound(&evidence)), Flaw::Launcher { actual: stranger.public() });
    let nobody = authenticate(&evidence, &Endorsements::default(), &DangerouslyUnbound, AT);
    assert_eq!(flaw(nobody), Flaw::Launcher { actual: stranger.public() });
}

#[test]
fn refuses_an_endorsed_name_over_a_strangers_signature() {
    let honest = Draft::honest().evidence();
    let forged = object(Kind::Evidence, &Draft::honest().payload(), &SigningKey::from_seed(&[8; 32]));
    // Both objects have one length, and the signature is the last 64 bytes.
    let split = honest.bytes().len() - 64;
    let spliced = [&honest.bytes()[..split], &forged.bytes()[split..]].concat();
    assert_eq!(
        flaw(bound(&Evidence::new(Format::Software, spliced))),
        Flaw::Signature { launcher: launcher().public() }
    );
}

#[test]
fn refuses_another_payload_under_an_honest_signature() {
    let (one, other) = (Draft::honest().evidence(), Draft { debug: true, ..Draft::honest() }.evidence());
    let split = one.bytes().len() - 64;
    let spliced = [&other.bytes()[..split], &one.bytes()[split..]].concat();
    assert_eq!(
        flaw(bound(&Evidence::new(Format::Software, spliced))),
        Flaw::Signature { launcher: launcher().public() }
    );
}

#[test]
fn refuses_one_byte_more_than_the_most() {
    let padded = |length| {
        let lengthless = Draft { tail: vec![0; length], ..Draft::honest() }.evidence();
        (lengthless.bytes().len(), lengthless)
    };
    let overhead = padded(1000).0 - 1000;
    let (length, fits) = padded(OBJECT_BYTES_MAX - overhead);
    assert_eq!(length, OBJECT_BYTES_MAX);
    assert!(matches!(flaw(bound(&fits)), Flaw::Payload(_)), "read, and refused for what it is");
    let (length, over) = padded(OBJECT_BYTES_MAX - overhead + 1);
    let refusal = bound(&over).unwrap_err();
    assert_eq!(refusal, Refusal::TooLong { actual: length, max: OBJECT_BYTES_MAX });
}

#[test]
fn refuses_a_newer_version_by_name_whatever_its_fields() {
    let same_fields = Draft { version: 2, ..Draft::honest() };
    let more_fields = Draft { fields: 12, tail: vec![0x0b, 0x01], ..same_fields.clone() };
    for draft in [same_fields, more_fields, Draft { version: 0, ..Draft::honest() }] {
        let flaw = flaw(bound(&draft.evidence()));
        assert_eq!(flaw, Flaw::Version { actual: draft.version });
        assert_eq!(flaw.actual(), format!("version {}", draft.version));
    }
}

#[test]
fn refuses_payloads_that_are_not_statements() {
    let honest = Draft::honest();
    let crimes = [
        ("empty", vec![]),
        ("an_array", vec![0x81, 0x00]),
        ("version_not_first", vec![0xa1, 0x01, 0x01]),
        ("version_not_a_number", vec![0xa1, 0x00, 0x61, 0x31]),
        ("trailing_byte", Draft { tail: vec![0], ..honest.clone() }.payload()),
        ("unknown_field", Draft { fields: 12, tail: vec![0x0b, 0x01], ..honest.clone() }.payload()),
        ("field_twice", Draft { fields: 12, tail: vec![0x08, 0xf4], ..honest.clone() }.payload()),
        ("field_missing", Draft { fields: 10, ..honest.clone() }.payload()[..honest.payload().len() - 35].to_vec()),
        ("manifest_31_bytes", Draft { manifest: vec![2; 31], ..honest.clone() }.payload()),
        ("manifest_33_bytes", Draft { manifest: vec![2; 33], ..honest.clone() }.payload()),
        ("report_data_32_bytes", Draft { report_data: vec![0; 32], ..honest.clone() }.payload()),
        ("report_data_65_bytes", Draft { report_data: vec![0; 65], ..honest.clone() }.payload()),
        ("report_data_empty", Draft { report_data: vec![], ..honest }.payload()),
    ];
    for (crime, payload) in crimes {
        let flaw = flaw(bound(&object(Kind::Evidence, &payload, &launcher())));
        assert!(matches!(flaw, Flaw::Payload(_)), "{crime}: {flaw:?}");
    }
}

#[test]
fn refuses_a_second_outside_the_window_and_accepts_its_edges() {
    for (at, accepted) in [
        (AT.0 - AT_DISTANCE_S_MAX, true),
        (AT.0 + AT_DISTANCE_S_MAX, true),
        (AT.0 - AT_DISTANCE_S_MAX - 1, false),
        (AT.0 + AT_DISTANCE_S_MAX + 1, false),
        (0, false),
        (u64::MAX, false),
    ] {
        let actual = UnixTime(at);
        let outcome = bound(&Draft { at: actual, ..Draft::honest() }.evidence());
        match accepted {
            true => assert_eq!(outcome.unwrap().claims().at, actual),
            false if actual < AT => assert_eq!(flaw(outcome), Flaw::Stale { at: AT, actual }),
            false => assert_eq!(flaw(outcome), Flaw::Future { at: AT, actual }),
        }
    }
}

#[test]
fn refuses_isolations_that_no_launcher_can_attest() {
    for isolation in Isolation::ALL.iter().copied().filter(|isolation| *isolation != Isolation::Process) {
        let draft = Draft { isolation: isolation.as_str(), ..Draft::honest() };
        assert_eq!(flaw(bound(&draft.evidence())), Flaw::Isolation { actual: isolation });
    }
    for name in ["", "Process", "tee", "process "] {
        let draft = Draft { isolation: name, ..Draft::honest() };
        assert_eq!(flaw(bound(&draft.evidence())), Flaw::UnknownIsolation { actual: name.to_owned() });
    }
}

#[test]
fn refuses_lacks_unknown_unsorted_or_twice() {
    let with = |lacks: &[&'static str]| bound(&Draft { lacks: lacks.to_vec(), ..Draft::honest() }.evidence());
    assert!(with(&[]).unwrap().claims().software().unwrap().lacks.is_empty());
    assert_eq!(flaw(with(&["kernel"])), Flaw::UnknownLack { actual: "kernel".to_owned() });
    for (crime, lacks) in
        [("unsorted", ["secret-plaintext", "secret-keys"]), ("twice", ["secret-plaintext", "secret-plaintext"])]
    {
        assert!(matches!(flaw(with(&lacks)), Flaw::LacksOrder { .. }), "{crime}");
    }
}

#[test]
fn refuses_debug_unless_the_type_says_so() {
    let evidence = Draft { debug: true, ..Draft::honest() }.evidence();
    assert_eq!(bound(&evidence).unwrap_err(), Refusal::Debug);
    let unbound = authenticate(&evidence, &endorsements(), &DangerouslyUnbound, AT);
    assert_eq!(unbound.unwrap_err(), Refusal::Debug);
    let allowed = authenticate(&evidence, &endorsements(), &AllowDebug::new(Bound::new(binding())), AT).unwrap();
    assert!(allowed.claims().debug);
}

#[test]
fn allowing_debug_allows_nothing_else() {
    let other = Draft { report_data: vec![0; 64], debug: true, ..Draft::honest() }.evidence();
    let outcome = authenticate(&other, &endorsements(), &AllowDebug::new(Bound::new(binding())), AT);
    assert!(matches!(outcome, Err(Refusal::Binding { .. })));
}

#[test]
fn refuses_evidence_made_for_another_session_key_or_role() {
    let other = Digest::from_bytes([0xee; 32]);
    let crimes = [
        ("role", Binding { role: Role::Broker, ..binding() }),
        ("nonce_replayed_under_a_second_one", Binding { nonce: [0xee; 32], ..binding() }),
        ("exporter_of_another_session", Binding { exporter: [0xee; 32], ..binding() }),
        ("own_key", Binding { own_key: other, ..binding() }),
        ("peer_key", Binding { peer_key: other, ..binding() }),
        ("keys_swapped", Binding { own_key: binding().peer_key, peer_key: binding().own_key, ..binding() }),
    ];
    let evidence = Draft::honest().evidence();
    assert!(authenticate(&evidence, &endorsements(), &DangerouslyUnbound, AT).is_ok(), "the naive verifier accepts");
    for (crime, expected) in crimes {
        let outcome = authenticate(&evidence, &endorsements(), &Bound::new(expected.clone()), AT);
        let refusal = Refusal::Binding {
            field: "report data",
            expected: expected.report_data().to_vec(),
            actual: binding().report_data().to_vec(),
        };
        assert_eq!(outcome.unwrap_err(), refusal, "{crime}");
    }
}

#[test]
fn refuses_another_manifest_in_the_claim_the_binding_or_both() {
    let other = Digest::from_bytes([0xee; 32]);
    let expected = || Binding { manifest: other, ..binding() };
    let refusal = Refusal::Manifest { expected: other, actual: Some(Digest::from_bytes([2; 32])) };
    let outcome = authenticate(&Draft::honest().evidence(), &endorsements(), &Bound::new(expected()), AT);
    assert_eq!(outcome.unwrap_err(), refusal, "both");
    // The keep asks for report data over the expected manifest, while the launcher measured another one.
    let lying_keep = Draft { report_data: expected().report_data().to_vec(), ..Draft::honest() };
    let outcome = authenticate(&lying_keep.evidence(), &endorsements(), &Bound::new(expected()), AT);
    assert_eq!(outcome.unwrap_err(), refusal, "claim");
    let lying_launcher = Draft { manifest: vec![0xee; 32], ..Draft::honest() };
    let outcome = authenticate(&lying_launcher.evidence(), &endorsements(), &Bound::new(expected()), AT);
    assert!(matches!(outcome, Err(Refusal::Binding { .. })), "binding");
}

#[test]
fn refuses_report_data_one_bit_off() {
    for bit in 0..512 {
        let mut report_data = binding().report_data().to_vec();
        report_data[bit / 8] ^= 1 << (bit % 8);
        let outcome = bound(&Draft { report_data, ..Draft::honest() }.evidence());
        assert!(matches!(outcome, Err(Refusal::Binding { .. })), "bit {bit}");
    }
}

#[test]
fn every_refusal_names_rule_expectation_finding_and_remedy() {
    let refusals = [
        Refusal::Debug,
        Refusal::UnknownFormat("snp\u{1b}[31m".to_owned()),
        Refusal::TooLong { actual: 2, max: 1 },
        Evidence::from_bytes(&[]).unwrap_err(),
        bound(&Draft { version: 9, ..Draft::honest() }.evidence()).unwrap_err(),
        bound(&Draft { lacks: vec!["\u{1b}[31m"], ..Draft::honest() }.evidence()).unwrap_err(),
        bound(&Draft { report_data: vec![0; 64], ..Draft::honest() }.evidence()).unwrap_err(),
    ];
    for refusal in refusals {
        for part in [refusal.rule().to_owned(), refusal.expected(), refusal.actual(), refusal.remedy()] {
            assert!(!part.is_empty() && !part.contains(char::is_control), "{refusal:?}: {part:?}");
        }
        assert!(!refusal.to_string().contains(char::is_control), "{refusal:?}");
        assert_ne!(refusal.expected(), refusal.actual());
    }
}
