//! What a receipt is about: one decision of one broker.
//!
//! Deterministic CBOR, a map with the keys of the `#[n(…)]` below; absent options are left out.

use std::fmt;

use casemate_cose::{CborError, Digest, UnixTime, decode, encode};
use minicbor::{Decode, Encode};
use thiserror::Error;

/// The longest body that is read: 256 KiB.
pub const BODY_BYTES_MAX: usize = 256 << 10;

/// What was decided.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cbor(index_only)]
pub enum Event {
    /// Dataset keys were released to a keep.
    #[n(0)]
    Release,
    /// A result was permitted to leave a keep.
    #[n(1)]
    Permit,
    /// A release or a permit was refused.
    #[n(2)]
    Refusal,
    /// A dataset was revoked.
    #[n(3)]
    Revocation,
    /// A keep that this owner had decided for ended its run without a result: it gave up, fell silent or spoke out of turn.
    #[n(4)]
    End,
}

impl Event {
    /// The word for it: `release`, `permit`, `refusal`, `revocation`, `end`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Permit => "permit",
            Self::Refusal => "refusal",
            Self::Revocation => "revocation",
            Self::End => "end",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a body is none.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum BodyError {
    /// Not the deterministic encoding of a body.
    #[error("not the body of a receipt: {0}")]
    Cbor(#[from] CborError),
    /// A field that this event must have is absent.
    #[error("the receipt of a {event} lacks `{field}`")]
    Lacks {
        /// The event.
        event: Event,
        /// The field.
        field: &'static str,
    },
    /// A field that this event must not have is there.
    #[error("the receipt of a {event} must not have `{field}`")]
    Has {
        /// The event.
        event: Event,
        /// The field.
        field: &'static str,
    },
}

/// What an absent run decodes to.
#[expect(
    clippy::option_option,
    reason = "the shape that the derive asks for: `Some` means that the field may be absent"
)]
const fn no_run() -> Option<Option<[u8; 16]>> {
    Some(None)
}

/// The body of a receipt. Which fields an event has, [`ReceiptBody::check`] says.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct ReceiptBody {
    /// What was decided.
    #[n(0)]
    pub event: Event,
    /// The owner whose broker decided.
    #[n(1)]
    pub owner: String,
    /// When, by the broker's clock.
    #[n(2)]
    pub at: UnixTime,
    /// The study. Absent in a revocation, and where a refusal did not come so far.
    #[n(3)]
    pub study: Option<String>,
    /// The contract's digest.
    #[n(4)]
    pub contract: Option<Digest>,
    /// The run.
    #[cbor(
        n(5),
        encode_with = "minicbor::bytes::encode",
        decode_with = "minicbor::bytes::decode",
        nil = "no_run",
        is_nil = "Option::is_none"
    )]
    pub run: Option<[u8; 16]>,
    /// The manifest's digest.
    #[n(6)]
    pub manifest: Option<Digest>,
    /// SHA-256 of the evidence as received.
    #[n(7)]
    pub evidence: Option<Digest>,
    /// The digest of the domain under which the broker appraised.
    #[n(8)]
    pub domain: Option<Digest>,
    /// The digest of the keep's public key (SubjectPublicKeyInfo).
    #[n(9)]
    pub keep_key: Option<Digest>,
    /// How the keep was isolated.
    #[n(10)]
    pub isolation: Option<String>,
    /// What that isolation promises and the machine did not give.
    #[n(11)]
    pub lacks: Vec<String>,
    /// The owner's datasets that this is about.
    #[n(12)]
    pub datasets: Vec<String>,
    /// The digest of the result that was permitted or refused.
    #[n(13)]
    pub result: Option<Digest>,
    /// What each gate decided.
    #[n(14)]
    pub gates: Vec<String>,
    /// Why.
    #[n(15)]
    pub reasons: Vec<String>,
    /// How many bytes at most lay outside secret memory before the permit, as the keep counted them.
    #[n(16)]
    pub ordinary_bytes: Option<u64>,
}

impl ReceiptBody {
    /// A body with nothing but its event, owner and time; for filling in.
    #[must_use]
    pub fn new(event: Event, owner: &str, at: UnixTime) -> Self {
        Self {
            event,
            owner: owner.to_owned(),
            at,
            study: None,
            contract: None,
            run: None,
            manifest: None,
            evidence: None,
            domain: None,
            keep_key: None,
            isolation: None,
            lacks: Vec::new(),
            datasets: Vec::new(),
            result: None,
            gates: Vec::new(),
            reasons: Vec::new(),
            ordinary_bytes: None,
        }
    }

    /// The bytes that are committed to.
    ///
    /// # Errors
    /// [`BodyError`] where a field is there that must not be or lacks that must be, or all is longer than [`BODY_BYTES_MAX`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, BodyError> {
        self.check()?;
        let bytes = encode(self);
        if bytes.len() > BODY_BYTES_MAX {
            return Err(CborError::TooLong { actual: bytes.len(), max: BODY_BYTES_MAX }.into());
        }
        Ok(bytes)
    }

    /// Reads a body.
    ///
    /// # Errors
    /// [`BodyError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BodyError> {
        let body: Self = decode(bytes, BODY_BYTES_MAX)?;
        body.check()?;
        Ok(body)
    }

    /// The digest of everything but the time: two bodies that differ in their time alone tell of one decision.
    #[must_use]
    pub fn decision_digest(&self) -> Digest {
        Digest::of(&encode(&Self { at: UnixTime(0), ..self.clone() }))
    }

    /// Whether the event has the fields that it must have and no others.
    ///
    /// - release, permit: study, contract, run, manifest, evidence, domain, keep key, isolation, datasets; a permit also
    ///   its result and how much lay outside secret memory, which nothing else has; a release no result and no gates.
    /// - refusal: at least one reason.
    /// - revocation: datasets, and nothing of a run.
    /// - end: as a release, and at least one reason.
    ///
    /// # Errors
    /// [`BodyError::Lacks`], [`BodyError::Has`].
    pub fn check(&self) -> Result<(), BodyError> {
        let event = self.event;
        let of_run = [
            ("study", self.study.is_some()),
            ("contract", self.contract.is_some()),
            ("run", self.run.is_some()),
            ("manifest", self.manifest.is_some()),
            ("evidence", self.evidence.is_some()),
            ("domain", self.domain.is_some()),
            ("keep_key", self.keep_key.is_some()),
            ("isolation", self.isolation.is_some()),
        ];
        let result = [("result", self.result.is_some())];
        let ordinary = [("ordinary_bytes", self.ordinary_bytes.is_some())];
        let gates = [("gates", !self.gates.is_empty())];
        let datasets = [("datasets", !self.datasets.is_empty())];
        let reasons = [("reasons", !self.reasons.is_empty())];
        let (needed, forbidden): (Vec<_>, Vec<_>) = match event {
            Event::Release => ([of_run.as_slice(), &datasets].concat(), [result, ordinary, gates].concat()),
            Event::Permit => ([of_run.as_slice(), &datasets, &result, &ordinary].concat(), Vec::new()),
            Event::Refusal => (reasons.to_vec(), ordinary.to_vec()),
            Event::Revocation => (datasets.to_vec(), [of_run.as_slice(), &result, &ordinary, &gates].concat()),
            Event::End => ([of_run.as_slice(), &datasets, &reasons].concat(), [result, ordinary, gates].concat()),
        };
        if let Some((field, _)) = needed.iter().find(|(_, there)| !there) {
            return Err(BodyError::Lacks { event, field });
        }
        if let Some((field, _)) = forbidden.iter().find(|(_, there)| *there) {
            return Err(BodyError::Has { event, field });
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn release() -> ReceiptBody {
        ReceiptBody {
            study: Some("survival".into()),
            contract: Some(Digest::of(b"contract")),
            run: Some([1; 16]),
            manifest: Some(Digest::of(b"manifest")),
            evidence: Some(Digest::of(b"evidence")),
            domain: Some(Digest::of(b"domain")),
            keep_key: Some(Digest::of(b"keep key")),
            isolation: Some("process".into()),
            lacks: vec!["secret-plaintext".into()],
            datasets: vec!["visits".into()],
            reasons: vec!["the contract permits it".into()],
            ..ReceiptBody::new(Event::Release, "clinic", UnixTime(1_795_312_496))
        }
    }

    fn permit() -> ReceiptBody {
        let gates = vec!["minimum 10: passed".into()];
        let result = Some(Digest::of(b"result"));
        ReceiptBody { event: Event::Permit, result, gates, ordinary_bytes: Some(16 << 20), ..release() }
    }

    #[test]
    fn round_trips() {
        let refusal =
            ReceiptBody { reasons: vec!["why".into()], ..ReceiptBody::new(Event::Refusal, "clinic", UnixTime(1)) };
        let revocation = ReceiptBody {
            datasets: vec!["visits".into()],
            ..ReceiptBody::new(Event::Revocation, "clinic", UnixTime(1))
        };
        let end = ReceiptBody { event: Event::End, ..release() };
        for body in [release(), permit(), refusal, revocation, end] {
            assert_eq!(ReceiptBody::from_bytes(&body.to_bytes().unwrap()).unwrap(), body);
        }
    }

    #[test]
    fn an_event_has_its_fields_and_no_others() {
        let lacks = |event, field| Err(BodyError::Lacks { event, field });
        let has = |event, field| Err(BodyError::Has { event, field });
        let r = Event::Release;
        for (body, expected) in [
            (ReceiptBody { study: None, ..release() }, lacks(r, "study")),
            (ReceiptBody { contract: None, ..release() }, lacks(r, "contract")),
            (ReceiptBody { run: None, ..release() }, lacks(r, "run")),
            (ReceiptBody { manifest: None, ..release() }, lacks(r, "manifest")),
            (ReceiptBody { evidence: None, ..release() }, lacks(r, "evidence")),
            (ReceiptBody { domain: None, ..release() }, lacks(r, "domain")),
            (ReceiptBody { keep_key: None, ..release() }, lacks(r, "keep_key")),
            (ReceiptBody { isolation: None, ..release() }, lacks(r, "isolation")),
            (ReceiptBody { datasets: vec![], ..release() }, lacks(r, "datasets")),
            (ReceiptBody { result: permit().result, ..release() }, has(r, "result")),
            (ReceiptBody { gates: permit().gates, ..release() }, has(r, "gates")),
            (ReceiptBody { ordinary_bytes: Some(0), ..release() }, has(r, "ordinary_bytes")),
            (ReceiptBody { result: None, ..permit() }, lacks(Event::Permit, "result")),
            (ReceiptBody { ordinary_bytes: None, ..permit() }, lacks(Event::Permit, "ordinary_bytes")),
            (
                ReceiptBody { event: Event::Refusal, reasons: vec!["why".into()], ..permit() },
                has(Event::Refusal, "ordinary_bytes"),
            ),
            (ReceiptBody { event: Event::Refusal, reasons: vec![], ..release() }, lacks(Event::Refusal, "reasons")),
            (ReceiptBody { event: Event::Revocation, ..release() }, has(Event::Revocation, "study")),
            (ReceiptBody { event: Event::End, reasons: vec![], ..release() }, lacks(Event::End, "reasons")),
            (ReceiptBody { event: Event::End, run: None, ..release() }, lacks(Event::End, "run")),
            (ReceiptBody { event: Event::End, ..permit() }, has(Event::End, "result")),
        ] {
            assert_eq!(body.check(), expected);
            assert_eq!(body.to_bytes().map(drop), expected, "none is written");
            assert_eq!(ReceiptBody::from_bytes(&encode(&body)).map(drop), expected, "none is read");
        }
    }

    #[test]
    fn the_decision_is_all_but_the_time() {
        let later = ReceiptBody { at: UnixTime(2), ..release() };
        assert_eq!(later.decision_digest(), release().decision_digest());
        let other = ReceiptBody { datasets: vec!["other".into()], ..release() };
        assert_ne!(other.decision_digest(), release().decision_digest());
    }

    #[test]
    fn refuses_a_body_too_long_and_other_encodings() {
        let long = ReceiptBody { reasons: vec!["x".repeat(BODY_BYTES_MAX)], ..release() };
        assert!(matches!(long.to_bytes(), Err(BodyError::Cbor(CborError::TooLong { .. }))));
        let mut trailing = release().to_bytes().unwrap();
        trailing.push(0);
        assert_eq!(ReceiptBody::from_bytes(&trailing), Err(BodyError::Cbor(CborError::NotDeterministic)));
    }
}
