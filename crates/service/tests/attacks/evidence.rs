//! Crimes of a keep or its launcher at the evidence: another thing measured, another session bound, another signer.

use casemate_cose::{Digest, Kind, sign, verify};
use casemate_evidence::{Evidence, Format, Isolation, Lack, Role, software::Statement};

use crate::{
    keep::{Script, assert_undecided, attest, decisions, finish},
    study::{keys, stranger},
    world::{World, now},
};

type Crime = (&'static str, fn(&mut Script), &'static [&'static str]);

async fn refused(crimes: &[Crime]) {
    let world = World::new().await;
    for (run, (crime, commit, expected)) in (1..).zip(crimes) {
        let mut script = Script::honest(&world.contract, run);
        commit(&mut script);
        assert_undecided(world.clinic(), &script, expected, crime).await;
    }
    // The world was not what refused.
    finish(&world, &Script::honest(&world.contract, 200)).await;
}

#[tokio::test]
async fn what_was_measured_is_what_was_agreed() {
    refused(&[
        ("runtime_of_another_build", |s| s.state = |s| s.runtime = Digest::of(b"patched"), &["domain-runtime"]),
        (
            "program_changed_by_one_byte",
            |s| s.state = |s| s.program = Digest::of(b"SELECT *"),
            &["program-digest", "contract-cedar"],
        ),
        ("manifest_measured_is_another", |s| s.state = |s| s.manifest = Digest::of(b"other"), &["evidence-manifest"]),
        ("keep_in_debug_mode", |s| s.state = |s| s.debug = true, &["evidence-debug"]),
        (
            "isolation_that_no_launcher_vouches_for",
            |s| s.state = |s| s.isolation = Isolation::Snp,
            &["software-isolation"],
        ),
        (
            "lack_that_the_domain_does_not_accept",
            |s| s.state = |s| s.lacks.extend([Lack::NetworkNamespace]),
            &["domain-lack"],
        ),
        (
            "lack_that_the_contract_does_not_accept",
            |s| s.state = |s| s.lacks.extend([Lack::ResourceLimits]),
            &["contract-lack", "contract-cedar"],
        ),
        ("dated_301_s_ago", |s| s.state = |s| s.at.0 -= 301, &["software-stale"]),
        ("dated_301_s_ahead", |s| s.state = |s| s.at.0 += 301, &["software-future"]),
    ])
    .await;
}

#[tokio::test]
async fn evidence_is_bound_to_this_session_alone() {
    refused(&[
        ("nonce_of_another_session", |s| s.bind = |b| b.nonce[0] ^= 1, &["evidence-binding"]),
        ("exporter_of_another_session", |s| s.bind = |b| b.exporter[31] ^= 1, &["evidence-binding"]),
        ("role_of_a_broker", |s| s.bind = |b| b.role = Role::Broker, &["evidence-binding"]),
        ("key_of_another_keep", |s| s.bind = |b| b.own_key = stranger().public().spki_digest(), &["evidence-binding"]),
        (
            "made_for_another_broker",
            |s| s.bind = |b| b.peer_key = keys("registry").broker().public().spki_digest(),
            &["evidence-binding"],
        ),
        ("bound_to_another_manifest", |s| s.bind = |b| b.manifest = Digest::of(b"other"), &["evidence-binding"]),
        ("report_data_of_zeros", |s| s.state = |s| s.report_data = [0; 64], &["evidence-binding"]),
    ])
    .await;
}

/// The launcher's statement with `from` replaced by `to`, signed again by the launcher, as `kind`.
fn restated(evidence: &[u8], kind: Kind, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let launcher = keys("researcher");
    let object = Evidence::from_bytes(evidence).unwrap();
    let verified = verify(Kind::Evidence, object.bytes(), &launcher.launcher().public()).unwrap();
    let mut payload = verified.payload().to_vec();
    let at = payload.windows(from.len()).position(|window| window == from).unwrap();
    payload[at..at + to.len()].copy_from_slice(to);
    Evidence::new(Format::Software, sign(kind, &payload, launcher.launcher())).to_bytes()
}

fn forge(script: &mut Script, forge: fn(Vec<u8>) -> Vec<u8>) {
    script.forge = Box::new(forge);
}

#[tokio::test]
async fn only_a_known_launcher_says_anything_and_only_in_known_words() {
    refused(&[
        ("signed_by_an_unknown_launcher", |s| s.launcher = stranger(), &["software-launcher"]),
        (
            "signed_by_the_keep_itself",
            |s| s.launcher = casemate_cose::SigningKey::from_seed(s.key.seed()),
            &["software-launcher"],
        ),
        (
            "signature_flipped",
            |s| {
                forge(s, |mut evidence| {
                    *evidence.last_mut().unwrap() ^= 1;
                    evidence
                });
            },
            &["software-signature"],
        ),
        (
            "signed_as_a_decision",
            |s| forge(s, |evidence| restated(&evidence, Kind::Decision, b"process", b"process")),
            &["software-kind"],
        ),
        (
            "isolation_of_no_known_name",
            |s| forge(s, |evidence| restated(&evidence, Kind::Evidence, b"process", b"enclave")),
            &["software-isolation-name"],
        ),
        (
            "lack_of_no_known_name",
            |s| forge(s, |evidence| restated(&evidence, Kind::Evidence, b"secret-plaintext", b"secret-plaintex_")),
            &["software-lack-name"],
        ),
        (
            "of_an_unknown_format",
            |s| forge(s, |_| casemate_cose::encode(&Frame("sgx".into(), vec![]))),
            &["evidence-format"],
        ),
        ("of_another_format", |s| forge(s, |_| casemate_cose::encode(&Frame("snp".into(), vec![]))), &["snp-layout"]),
        ("no_frame", |s| forge(s, |_| b"evidence".to_vec()), &["evidence-frame"]),
        ("none", |s| forge(s, |_| Vec::new()), &["evidence-frame"]),
        ("cut_off", |s| forge(s, |evidence| evidence[..evidence.len() - 1].to_vec()), &["evidence-frame"]),
        ("too_long", |s| forge(s, |_| vec![0; (1 << 20) + 1]), &["evidence-size"]),
    ])
    .await;
}

#[derive(minicbor::Encode)]
struct Frame(#[n(0)] String, #[cbor(n(1), with = "minicbor::bytes")] Vec<u8>);

#[tokio::test]
async fn evidence_of_an_earlier_session_is_worth_nothing_in_a_later_one() {
    let world = World::new().await;
    let earlier = attest(world.clinic(), &Script::honest(&world.contract, 1)).await.unwrap();
    // The same keep, the same key, the same manifest; only the session is a new one.
    let mut script = Script::honest(&world.contract, 1);
    let replayed = earlier.evidence();
    script.forge = Box::new(move |_| replayed.clone());
    assert_undecided(world.clinic(), &script, &["evidence-binding"], "replayed to the same broker").await;
    assert_undecided(&world.owners[1], &script, &["evidence-binding"], "replayed to another broker").await;
    // The session that it was made for goes on: the replay did not end its run.
    let others = [attest(&world.owners[1], &Script::honest(&world.contract, 1)).await.unwrap()];
    let last = attest(&world.owners[2], &Script::honest(&world.contract, 1)).await.unwrap();
    let all = [vec![earlier.decision()], decisions(&others), vec![last.decision()]].concat();
    assert_eq!(earlier.release(&all).await.unwrap().keys.len(), 1);
}

#[tokio::test]
async fn evidence_at_the_edge_of_its_time_counts() {
    let world = World::new().await;
    for (run, state) in [(1, (|s| s.at.0 -= 300) as fn(&mut Statement)), (2, |s| s.at.0 += 300)] {
        let script = Script { state, ..Script::honest(&world.contract, run) };
        attest(world.clinic(), &script).await.unwrap();
    }
    assert_eq!(now(), casemate_testkit::NOW);
}
