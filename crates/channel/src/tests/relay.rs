//! Relay, diversion and reflection: each first succeeds against a binding that leaves something out.
//!
//! **Relay.** Mallory has no keep. She attests to the victim's broker under a key of her own, and has its challenge answered
//! by an honest keep, to which she is a broker in good standing: one party of a contract that is after another's key.
//!
//! **Diversion.** A keep's TLS key leaked after the keep had attested, and the victim's broker uses a nonce twice. Whoever has
//! the key shows the keep's old evidence in a session of their own.
//!
//! **Reflection.** Whoever is to prove itself to a keep sends the keep's own evidence back.

use aws_lc_rs::digest::{SHA512, digest};
use casemate_cose::Digest;
use casemate_evidence::{Binding, DangerouslyUnbound, Evidence, Role, authenticate};
use tokio::io::duplex;

use super::rig::*;
use crate::{
    broker_side::{self, Claimed, Incoming},
    keep_side::{self, EvidenceSource, SourceError},
};

const MALLORY: u8 = 6;
/// The broker of Mallory's that the honest keep rightly talks to.
const COLLUDING: u8 = 5;

/// What a naive binding leaves out.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Field {
    Exporter,
    Keys,
    Role,
}

/// The binding's bytes without the fields in `left_out`.
fn report_data(binding: &Binding, left_out: &[Field]) -> [u8; 64] {
    let role = binding.role.to_string();
    let fields: [(Option<Field>, &[u8]); 7] = [
        (None, b"casemate/binding/1"),
        (Some(Field::Role), role.as_bytes()),
        (None, &binding.nonce),
        (None, binding.manifest.as_bytes()),
        (Some(Field::Exporter), &binding.exporter),
        (Some(Field::Keys), binding.own_key.as_bytes()),
        (Some(Field::Keys), binding.peer_key.as_bytes()),
    ];
    let mut preimage = Vec::new();
    for (field, bytes) in fields {
        if !field.is_some_and(|field| left_out.contains(&field)) {
            preimage.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_be_bytes());
            preimage.extend_from_slice(bytes);
        }
    }
    digest(&SHA512, &preimage).as_ref().try_into().unwrap()
}

#[test]
fn with_nothing_left_out_this_is_the_binding() {
    let binding = Binding {
        role: Role::Keep,
        nonce: NONCE,
        manifest: Digest::of(MANIFEST),
        exporter: [7; 32],
        own_key: digest_of(KEEP),
        peer_key: digest_of(BROKER),
    };
    assert_eq!(report_data(&binding, &[]), binding.report_data());
}

/// An honest keep's host where the binding leaves out `left_out`.
struct Naive {
    binding: Binding,
    left_out: &'static [Field],
}

impl EvidenceSource for Naive {
    async fn evidence(&self, _: [u8; 64]) -> Result<Vec<u8>, SourceError> {
        Ok(measured(report_data(&self.binding, self.left_out)))
    }
}

/// Evidence that was made for somebody else.
struct Stolen(Vec<u8>);

impl EvidenceSource for Stolen {
    async fn evidence(&self, _: [u8; 64]) -> Result<Vec<u8>, SourceError> {
        Ok(self.0.clone())
    }
}

/// Whether a verifier whose binding leaves out `left_out` believes the claim.
fn believed<S>(evidence: &[u8], expected: &Binding, left_out: &[Field], session: Option<Claimed<S>>) -> bool
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + std::fmt::Debug,
{
    if left_out.is_empty() {
        // The real thing, up to the state from which keys go out.
        let session = session.unwrap();
        return judge(evidence, &session.expectation()).is_ok_and(|verdict| session.admit(verdict, NOW).is_ok());
    }
    let evidence = Evidence::from_bytes(evidence).unwrap();
    let authentic = authenticate(&evidence, &domain().endorsements(), &DangerouslyUnbound, NOW).unwrap();
    authentic.claims().report_data.bytes == report_data(expected, left_out)
}

/// Whether the victim's broker takes Mallory for the keep.
async fn relay_succeeds(left_out: &'static [Field]) -> bool {
    let (mallory_near, victim_far) = duplex(1 << 16);
    let (keep_near, colluding_far) = duplex(1 << 16);
    let (mallory, colluding) = (key(MALLORY), key(COLLUDING));
    let victim = async { claimed(victim_far, NONCE).await.unwrap() };
    let honest_keep = async {
        let keep_key = key(KEEP);
        let connected = keep_side::connect(keep_near, &keep_key, digest_of(COLLUDING)).await.unwrap();
        let challenged = connected.challenged(TIME).await.unwrap();
        let nonce = challenged.payload().try_into().unwrap();
        let source = Naive { binding: challenged.binding(nonce, Digest::of(MANIFEST)), left_out };
        challenged.attest(nonce, &source, MANIFEST, CONTRACT).await.unwrap()
    };
    let attack = async {
        let connected = keep_side::connect(mallory_near, &mallory, digest_of(BROKER)).await.unwrap();
        let challenged = connected.challenged(TIME).await.unwrap();
        let nonce = challenged.payload().try_into().unwrap();
        let Incoming::Keep(arrived) = broker_side::accept(colluding_far, &colluding).await.unwrap() else {
            panic!("mail")
        };
        let challenging = arrived.challenge(challenge(nonce, &colluding), nonce).await.unwrap();
        let diverted = challenging.claimed(TIME).await.unwrap();
        let claim = diverted.claim().clone();
        challenged.attest(nonce, &Stolen(claim.evidence), &claim.manifest, &claim.contract).await.unwrap()
    };
    let (victim, _keep, _mallory) = tokio::join!(victim, honest_keep, attack);
    assert_eq!(victim.keep(), key(MALLORY).public(), "keys would go to Mallory");
    let (evidence, expected) = (victim.claim().evidence.clone(), victim.expectation().binding().clone());
    believed(&evidence, &expected, left_out, Some(victim))
}

#[tokio::test(start_paused = true)]
async fn relay_succeeds_unless_the_session_is_bound() {
    assert!(relay_succeeds(&[Field::Exporter, Field::Keys]).await, "the attack itself works");
    assert!(!relay_succeeds(&[Field::Exporter]).await, "both keys alone stop it");
    assert!(!relay_succeeds(&[Field::Keys]).await, "the exporter value alone stops it");
    assert!(!relay_succeeds(&[]).await, "the binding stops it");
}

/// Whether evidence that the keep once showed counts in a later session under its leaked key.
async fn diversion_succeeds(left_out: &'static [Field]) -> bool {
    let mut shown = Vec::new();
    let mut outcome = None;
    for session in ["the keep's", "the thief's"] {
        let (near, far) = duplex(1 << 16);
        let claimant = async {
            let challenged = connected(near).await.unwrap().challenged(TIME).await.unwrap();
            let evidence = match session {
                "the keep's" => measured(report_data(&challenged.binding(NONCE, Digest::of(MANIFEST)), left_out)),
                _ => shown.clone(),
            };
            challenged.attest(NONCE, &Stolen(evidence), MANIFEST, CONTRACT).await.unwrap()
        };
        let (victim, _claimant) = tokio::join!(claimed(far, NONCE), claimant);
        let victim = victim.unwrap();
        shown.clone_from(&victim.claim().evidence);
        let expected = victim.expectation().binding().clone();
        outcome = Some(believed(&shown.clone(), &expected, left_out, Some(victim)));
        if session == "the keep's" {
            assert_eq!(outcome, Some(true), "the keep itself is believed");
        }
    }
    outcome.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_leaked_key_and_a_nonce_used_twice_are_enough_without_the_exporter() {
    assert!(diversion_succeeds(&[Field::Exporter]).await, "the attack itself works");
    assert!(!diversion_succeeds(&[]).await, "the binding stops it");
}

/// Whether a keep that wants its broker attested takes its own evidence back as the broker's.
async fn reflection_succeeds(left_out: &'static [Field]) -> bool {
    let (near, far) = duplex(1 << 16);
    let keep_end = async { connected(near).await.unwrap().challenged(TIME).await.unwrap() };
    let broker_end = async { arrived(far).await.unwrap().challenge(challenge(NONCE, &key(BROKER)), NONCE).await };
    let (challenged, _broker) = tokio::join!(keep_end, broker_end);
    // The other end chose the nonce that the keep used as well: it saw the keep's before it had to send its own.
    let own = challenged.binding(NONCE, Digest::of(MANIFEST));
    let evidence = measured(report_data(&own, left_out));
    let expected = Binding { role: Role::Broker, own_key: own.peer_key, peer_key: own.own_key, ..own };
    let evidence = Evidence::from_bytes(&evidence).unwrap();
    let authentic = authenticate(&evidence, &domain().endorsements(), &DangerouslyUnbound, NOW).unwrap();
    authentic.claims().report_data.bytes == report_data(&expected, left_out)
}

#[tokio::test(start_paused = true)]
async fn reflection_succeeds_unless_ends_are_told_apart() {
    assert!(reflection_succeeds(&[Field::Role, Field::Keys]).await, "the attack itself works");
    assert!(!reflection_succeeds(&[Field::Keys]).await, "roles alone stop it");
    assert!(!reflection_succeeds(&[Field::Role]).await, "keys in their order alone stop it");
    assert!(!reflection_succeeds(&[]).await, "the binding stops it");
}
