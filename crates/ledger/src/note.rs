//! Signed notes [C2SP signed-note] with one Ed25519 signature.
//!
//! ```text
//! <text, every line ended by a newline>
//!
//! — <name> <base64 of key id[4] ‖ signature[64]>
//!
//! key id    = SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key[32])[..4]
//! signature = Ed25519 over the text with its last newline, without the empty line
//! ```

use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use casemate_cose::{Digest, PublicKey, SigningKey};
use thiserror::Error;

const ED25519: u8 = 1;
const ORIGIN_BYTES_MAX: usize = 255;

/// A text that cannot name a log.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("`{0}` cannot name a log: it must have 1 to 255 bytes, without spaces, control characters and `+`")]
pub struct OriginError(pub String);

/// The name of a log: the first line of its checkpoints and the name of its key.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Origin(String);

impl Origin {
    /// The origin of the log whose only name is its key: `casemate/ledger/<64 hex digits>`. A verifier who knows the
    /// broker's public key needs nothing else.
    #[must_use]
    pub fn of_key(key: &PublicKey) -> Self {
        let key = key.to_string();
        Self(format!("casemate/ledger/{}", key.trim_start_matches("ed25519:")))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The verifier key as other tools take it: `<name>+<8 hex digits>+<base64>` [C2SP signed-note, verifier keys].
    #[must_use]
    pub fn verifier_key(&self, key: &PublicKey) -> String {
        let id: String = self.key_id(key).iter().map(|byte| format!("{byte:02x}")).collect();
        let typed = [[ED25519].as_slice(), key.as_bytes()].concat();
        format!("{}+{id}+{}", self.0, BASE64_STANDARD.encode(typed))
    }

    fn key_id(&self, key: &PublicKey) -> [u8; 4] {
        let [a, b, c, d, ..] = *Digest::of_parts(&[self.0.as_bytes(), b"\n", &[ED25519], key.as_bytes()]).as_bytes();
        [a, b, c, d]
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if text.is_empty() || text.len() > ORIGIN_BYTES_MAX || text.chars().any(wrong) {
            return Err(OriginError(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a note is not one of this name and key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NoteError {
    KeyId,
    Name,
    Shape(&'static str),
    Signature,
}

/// Signs `text`, which ends with a newline.
pub(crate) fn sign(text: &str, origin: &Origin, key: &SigningKey) -> String {
    let signature = key.sign(text.as_bytes());
    write(text, origin, &origin.key_id(&key.public()), &signature)
}

/// The text of a note whose one signature is that of `origin` and `key`. A note with further signatures is refused:
/// nobody has checked them.
pub(crate) fn open<'n>(note: &'n str, origin: &Origin, key: &PublicKey) -> Result<&'n str, NoteError> {
    let (head, line) = note.split_once("\n\n").ok_or(NoteError::Shape("no empty line before the signature"))?;
    let text = note.get(..head.len().saturating_add(1)).ok_or(NoteError::Shape("no text"))?;
    let line = line.strip_suffix('\n').ok_or(NoteError::Shape("the signature line is not ended"))?;
    if line.contains('\n') {
        return Err(NoteError::Shape("more than one signature line"));
    }
    let line = line.strip_prefix("— ").ok_or(NoteError::Shape("the signature line does not begin with `— `"))?;
    let (name, encoded) = line.split_once(' ').ok_or(NoteError::Shape("the signature line has no signature"))?;
    if name != origin.as_str() {
        return Err(NoteError::Name);
    }
    let decoded = BASE64_STANDARD.decode(encoded).map_err(|_| NoteError::Shape("the signature is not base64"))?;
    let (id, signature) = decoded.split_at_checked(4).ok_or(NoteError::Shape("the signature is too short"))?;
    if id != origin.key_id(key) {
        return Err(NoteError::KeyId);
    }
    key.verify(text.as_bytes(), signature).map_err(|_| NoteError::Signature)?;
    // One accepted byte string for each note: nothing hides in the choice of an encoding.
    if write(text, origin, &origin.key_id(key), signature) != note {
        return Err(NoteError::Shape("not its one encoding"));
    }
    Ok(text)
}

fn write(text: &str, origin: &Origin, id: &[u8; 4], signature: &[u8]) -> String {
    format!("{text}\n— {origin} {}\n", BASE64_STANDARD.encode([id.as_slice(), signature].concat()))
}

#[cfg(test)]
mod tests {
    use signed_note::{Note, StandardSigner, StandardVerifier, VerifierList};

    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_seed(&[7; 32])
    }

    fn origin() -> Origin {
        "example.com/log".parse().unwrap()
    }

    #[test]
    fn another_implementation_verifies_our_notes() {
        let note = sign("text\nof two lines\n", &origin(), &key());
        let theirs = Note::from_bytes(note.as_bytes()).unwrap();
        let verifier = StandardVerifier::new(&origin().verifier_key(&key().public())).unwrap();
        let (verified, unverified) = theirs.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
        assert_eq!((verified.len(), unverified.len()), (1, 0));
    }

    #[test]
    fn we_verify_the_notes_of_another_implementation() {
        let typed = [[ED25519].as_slice(), &[7; 32]].concat();
        let id: String = origin().key_id(&key().public()).iter().map(|byte| format!("{byte:02x}")).collect();
        let secret = format!("PRIVATE+KEY+{}+{id}+{}", origin(), BASE64_STANDARD.encode(typed));
        let mut note = Note::new(b"text\n", &[]).unwrap();
        note.add_sigs(&[&StandardSigner::new(&secret).unwrap()]).unwrap();
        let note = String::from_utf8(note.to_bytes()).unwrap();
        assert_eq!(open(&note, &origin(), &key().public()).unwrap(), "text\n");
    }

    #[test]
    fn refuses_every_other_note() {
        let note = sign("text\n", &origin(), &key());
        let public = key().public();
        assert!(open(&note, &origin(), &public).is_ok());
        let signature = note.lines().last().unwrap();
        let crimes = [
            ("text changed", note.replace("text", "test"), NoteError::Signature),
            ("name changed", note.replace("example.com", "example.org"), NoteError::Name),
            ("no signature", "text\n".into(), NoteError::Shape("no empty line before the signature")),
            ("not ended", note.trim_end().into(), NoteError::Shape("the signature line is not ended")),
            (
                "hyphen for dash",
                note.replace('—', "-"),
                NoteError::Shape("the signature line does not begin with `— `"),
            ),
            ("signed twice", format!("{note}{signature}\n"), NoteError::Shape("more than one signature line")),
            (
                "not base64",
                note.replace("== \n", "\n").replace('=', "*"),
                NoteError::Shape("the signature is not base64"),
            ),
        ];
        for (crime, note, expected) in crimes {
            assert_eq!(open(&note, &origin(), &public), Err(expected), "{crime}");
        }
        let other = SigningKey::from_seed(&[8; 32]).public();
        assert_eq!(open(&note, &origin(), &other), Err(NoteError::KeyId));
        assert_eq!(open(&note, &"example.com/log2".parse().unwrap(), &public), Err(NoteError::Name));
    }

    #[test]
    fn refuses_names_that_break_a_note() {
        for name in ["", "two words", "a+b", "line\nfeed", "tab\there", &"x".repeat(256)] {
            assert_eq!(name.parse::<Origin>(), Err(OriginError(name.into())));
        }
        assert!(Origin::of_key(&key().public()).as_str().parse::<Origin>().is_ok());
    }
}
