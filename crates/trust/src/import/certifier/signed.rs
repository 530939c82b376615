//! Signed claims, one or a sequence. [certifier.proto: signed_claim_message, claim_message, buffer_sequence]

use casemate_cose::{Digest, UnixTime};
use casemate_evidence::{Format, recognise, rfc3339};

use super::{
    LABEL,
    clause::{Clause, Context, Entity},
    key::Key,
    key_digest, note_every_kind,
    wire::{Message, Value},
};
use crate::{
    import::{ImportError, Imported, Signed, check_length, findings::Findings},
    statement::{Statement, Validity},
};

/// Why a claim of another key is refused.
const OTHERS: &str =
    "signed it, and is not the signer that was given: name this key as the signer to take its word for yours";

/// The most claims of one sequence.
pub const CLAIMS_MAX: usize = 1024;

/// The key in a certificate or public key, DER or PEM: SHA-256 of its `SubjectPublicKeyInfo`.
///
/// # Errors
/// [`ImportError::Malformed`].
pub fn key(bytes: &[u8]) -> Result<Digest, ImportError> {
    key_digest(bytes).ok_or_else(|| malformed("key", "neither a certificate nor a public key"))
}

/// Imports a signed claim, or a sequence of them as the framework packages policies. What the key of the digest `signer` signed
/// (the policy key, or whose word whoever imports it takes for theirs) becomes the root's statements. What others signed is refused by
/// their keys: it is their word, and their signatures are none that a domain knows.
///
/// # Errors
/// [`ImportError`]; [`ImportError::Signature`] if any signature is not its key's over the received bytes.
pub fn signed_claims(bytes: &[u8], signer: Option<Digest>) -> Result<Imported, ImportError> {
    check_length(bytes)?;
    let claims = read(bytes)?;
    let mut findings = Findings::default();
    let mut context = Context::default();
    claims.iter().for_each(|claim| claim.clause.learn(&mut context));
    for claim in &claims {
        claim.say(signer, &context, &mut findings);
    }
    note_every_kind(&mut findings);
    let signed = signer.map_or(Signed::Unsigned, Signed::By);
    findings.finish(signed)
}

/// A claim whose signature was verified.
struct Claim {
    place: String,
    signer: Digest,
    validity: Validity,
    clause: Clause,
}

fn read(bytes: &[u8]) -> Result<Vec<Claim>, ImportError> {
    if bytes.first() == Some(&0x30) {
        let reason = "not a signed claim but DER: a certificate is given as policy key";
        return Err(malformed("signed claim, byte 0", reason));
    }
    if recognise(bytes).is_ok_and(|found| found.evidence.iter().any(|evidence| evidence.format() == Format::Dcap)) {
        return Err(malformed("signed claim, byte 0", "evidence (an SGX or TDX quote), not a signed claim"));
    }
    let outer = Message::read("signed claim", bytes, 4)?;
    if !outer.is_only(1) {
        return Ok(vec![Claim::read(&outer)?]);
    }
    let mut claims = Vec::new();
    for (number, value) in outer.all(1).enumerate() {
        let place = format!("claims[{number}]");
        let Value::Bytes(bytes) = value else { return Err(malformed(&place, "a number where bytes have to stand")) };
        if claims.len() >= CLAIMS_MAX {
            return Err(malformed(&place, "more than 1024 claims"));
        }
        claims.push(Claim::read(&Message::read(&place, bytes, 4)?)?);
    }
    if claims.is_empty() {
        return Err(malformed("signed claim", "there is none"));
    }
    Ok(claims)
}

impl Claim {
    /// Verifies the signature, then reads what was signed.
    fn read(message: &Message<'_>) -> Result<Self, ImportError> {
        let missing = |name: &str| message.refuse(name, "is missing");
        let signed =
            message.bytes(1, "serialized_claim_message")?.ok_or_else(|| missing("serialized_claim_message"))?;
        let key = Key::field(message, 2, "signing_key")?.ok_or_else(|| missing("signing_key"))?;
        let algorithm = message.text(3, "signing_algorithm")?;
        let signature = message.bytes(4, "signature")?.ok_or_else(|| missing("signature"))?;
        key.verify(algorithm, signed, signature)?;
        let claim = Message::read(&format!("{}/claim", message.place()), signed, 5)?;
        let format = claim.text(1, "claim_format")?;
        if format != "vse-clause" {
            return Err(claim.refuse("claim_format", &format!("`{}` is not `vse-clause`", format.escape_debug())));
        }
        let validity = Validity {
            not_before: time(&claim, 3, "not_before", Rounded::Up)?,
            not_after: time(&claim, 4, "not_after", Rounded::Down)?,
        };
        if validity.not_after < validity.not_before {
            return Err(claim.refuse("not_after", "ends before it begins"));
        }
        let serialized =
            claim.bytes(5, "serialized_claim")?.ok_or_else(|| claim.refuse("serialized_claim", "is missing"))?;
        let clause = Clause::read(&format!("{}/clause", claim.place()), serialized)?;
        Ok(Self { place: message.place().to_owned(), signer: key.digest(), validity, clause })
    }

    fn say(&self, signer: Option<Digest>, context: &Context, findings: &mut Findings) {
        if signer != Some(self.signer) {
            return findings.refuse(&self.place, self.signer.to_string(), OTHERS);
        }
        let said = match (&self.clause.verb, &self.clause.subject, &self.clause.clause) {
            (verb, Entity::Key(key), Some(inner)) if verb == "says" => {
                if key.digest() != self.signer {
                    let why = "says something under the signature of another";
                    return findings.refuse(&self.place, key.digest().to_string(), why);
                }
                inner.sentences(context, findings)
            }
            // What a key signs, it says.
            _ => self.clause.sentences(context, findings),
        };
        for sentence in said {
            findings.state(Statement { label: LABEL.to_owned(), sentence, validity: self.validity });
        }
    }
}

/// To which second a fraction belongs.
enum Rounded {
    Down,
    Up,
}

/// `2025-05-28T23:29:16.00000Z`, within whole seconds.
fn time(claim: &Message<'_>, number: u32, name: &str, rounded: Rounded) -> Result<UnixTime, ImportError> {
    let text = claim.text(number, name)?;
    let refuse =
        || claim.refuse(name, &format!("`{}` is no time like `2025-05-28T23:29:16.00000Z`", text.escape_debug()));
    let (whole, fraction) = text.strip_suffix('Z').ok_or_else(refuse)?.split_once('.').unwrap_or((text, ""));
    let whole = whole.strip_suffix('Z').unwrap_or(whole);
    if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refuse());
    }
    let time = rfc3339(&format!("{whole}Z")).ok_or_else(refuse)?;
    let is_between = fraction.bytes().any(|byte| byte != b'0');
    Ok(match rounded {
        Rounded::Up if is_between => time.plus_s(1),
        Rounded::Down | Rounded::Up => time,
    })
}

fn malformed(place: &str, reason: &str) -> ImportError {
    ImportError::Malformed { place: place.to_owned(), reason: reason.to_owned() }
}
