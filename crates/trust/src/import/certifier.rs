//! The Certifier Framework's policies: what people write, JSON, and what its policy key signs, protobuf. [ccc-certifier-framework:
//! utilities/policy_schema.json; certifier_service/certprotos/certifier.proto; certifier_service/certlib]
//!
//! ```text
//! { "policyKey": file, "platforms": [ { "type", "props": [ { "name", "type", "comparator", "value" } ] } ],
//!   "measurements": [ hex, … ], "claims": [ { "keySubject": file, "verb": "says", "unaryClause"|…: {…} } ] }
//!
//! buffer_sequence { repeated bytes 1 = signed_claim_message }
//! signed_claim_message { bytes 1 = claim_message, key_message 2, string 3 = algorithm, bytes 4 = signature }
//! claim_message { 1 = "vse-clause", 2 descriptor, 3 not_before, 4 not_after, bytes 5 = vse_clause }
//! vse_clause { entity_message 1 = subject, string 2 = verb, entity_message 3 = object, vse_clause 4 }
//! ```
//! 1. The document is read whole: no unknown field, no field twice, no private key.
//! 2. A signed claim's signature verifies over the received bytes before its clause is read.
//! 3. What the policy key says, or the key that whoever imports it names as the signer, becomes the root's statement. What any other
//!    key says is refused by name: a domain knows the word of others by signatures of its own form alone.
//! 4. A measurement has no platform there: it becomes one of every platform in the same policy whose register has its length.
//! 5. Properties of platforms become demands, by the table in `platform.rs`.

mod clause;
mod key;
mod platform;
mod policy;
mod signed;
mod wire;

use std::collections::BTreeSet;

use casemate_cose::Digest;
use casemate_evidence::{Anchor, Endorsement, Endorsements, Vendor, public_key};

pub use policy::policy;
pub use signed::{CLAIMS_MAX, key, signed_claims};

use super::{findings::Findings, registered::trusted_measurement};
use crate::component::registry;
use crate::statement::{Kind, Purpose, Register, Sentence, Subject};

const LABEL: &str = "Certifier";

/// For whom a key stands: a vendor's root, or itself.
struct Principal {
    subject: Subject,
    /// AMD's roots are of one product line each.
    product: Option<&'static str>,
}

impl Principal {
    /// The vendor whose pinned root has this key, or the key.
    fn of(key: Digest) -> Self {
        let roots = Endorsements::of_vendors();
        let root = roots.items().iter().find_map(|item| match item {
            Endorsement::Anchor(anchor) if anchor.key_digest() == key => Some(anchor),
            _ => None,
        });
        match root {
            None => Self { subject: Subject::Key(key), product: None },
            Some(anchor) => {
                let name = anchor.name();
                let product = platform::PRODUCTS.into_iter().find(|product| name == format!("ARK-{product}"));
                Self { subject: Subject::Vendor(anchor.vendor()), product }
            }
        }
    }
}

impl Principal {
    /// "It is trusted for this." Attestation is of the one kind that a vendor makes, where it makes but one.
    fn trusted(self, purpose: Purpose) -> Sentence {
        let Self { subject, .. } = self;
        let made = |kind: &Kind| registry::vendor(*kind).map(Subject::Vendor).as_ref() == Some(&subject);
        let mut kinds = Kind::ALL.iter().copied().filter(made);
        let purpose = match (purpose, kinds.next(), kinds.next()) {
            (Purpose::Attestation(None), Some(kind), None) => Purpose::Attestation(Some(kind)),
            (purpose, ..) => purpose,
        };
        Sentence::Trusted { subject, purpose }
    }
}

/// Tells of keys that may vouch for every kind of hardware: there and here alike, and a domain can say it of one kind.
fn note_every_kind(findings: &mut Findings) {
    let keys = findings.said().iter().filter_map(|statement| match statement.sentence {
        Sentence::Trusted { subject: Subject::Key(key), purpose: Purpose::Attestation(None) } => Some(key),
        _ => None,
    });
    let notes: Vec<String> = keys
        .map(|key| {
            format!(
                "the key {key} may vouch for every kind of hardware, as it may there: for one alone, write `trusted_for = \
                 [\"attestation:snp\"]`, or which kind it is"
            )
        })
        .collect();
    notes.into_iter().for_each(|note| findings.note(note));
}

/// The key of a certificate or of a public key, by the SHA-256 of its `SubjectPublicKeyInfo`.
fn key_digest(bytes: &[u8]) -> Option<Digest> {
    if let Ok(spki) = public_key(bytes) {
        return Some(Digest::of(&spki));
    }
    // Whose it is said to be plays no part: only the key is taken.
    Anchor::of_certificate(Vendor::Dice, bytes).ok().map(|anchor| anchor.key_digest())
}

/// The registers that a bare measurement can be of, by kind and length.
const MEASURED: [(Kind, &str, usize); 2] = [(Kind::Sgx, "mr-enclave", 32), (Kind::Snp, "measurement", 48)];

/// "This measurement is trusted", of every kind of platform in the policy whose register has its length.
fn measurements(place: &str, value: &[u8], kinds: &BTreeSet<Kind>, findings: &mut Findings) -> Vec<Sentence> {
    let fitting = MEASURED.into_iter().filter(|(kind, _, size)| kinds.contains(kind) && *size == value.len());
    let sentences: Vec<Sentence> = fitting
        .filter_map(|(kind, name, _)| {
            trusted_measurement(kind, [Register { name: name.to_owned(), value: value.to_vec() }])
        })
        .collect();
    if sentences.is_empty() {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        let among = if names.is_empty() { "none is named".to_owned() } else { names.join(", ") };
        let why = format!("is of no platform that the policy names ({among}): {} bytes", value.len());
        findings.refuse(place, super::bytes::shown(value), why);
    }
    sentences
}

/// What a key may be trusted for there, and here.
fn purpose(verb: &str) -> Option<Purpose> {
    match verb {
        "is-trusted-for-attestation" => Some(Purpose::Attestation(None)),
        "is-trusted-for-authentication" => Some(Purpose::Authentication),
        "is-trusted-for-key-provision" => Some(Purpose::KeyProvision),
        _ => None,
    }
}

/// Why a verb can't be said of a subject.
fn why_not(verb: &str, of: &str) -> String {
    match verb {
        "is-trusted" if of == "key" => {
            "trusts a key in everything it will ever say: say for what (attestation, authentication, key provision)"
                .to_owned()
        }
        "is-environment" | "environment-platform-is-trusted" | "environment-measurement-is-trusted" => {
            "is for evidence alone to say, or to follow from it".to_owned()
        }
        "speaks-for" => "lets a key speak for what only evidence ties a key to".to_owned(),
        _ => format!("is nothing that can be said of a {of}"),
    }
}
