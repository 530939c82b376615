//! COSE_Sign1 as attestation tokens carry it, read in place [RFC 9052 §4.2].
//!
//! ```text
//! [ protected: bstr .cbor { 1: alg }, unprotected: {}, payload: bstr, signature: bstr ]      tag 18
//! signed: [ "Signature1", protected, h'' (external_aad), payload ]                           RFC 9052 §4.4
//! ```
//! Protected header and payload go into the signed structure as received; it is hashed part by part, not assembled. The
//! algorithm is the protected one or there is none. Casemate's own objects are `casemate_cose`'s, not these.

use super::{
    WireError,
    cbor::{Cbor, Head, Key as Label},
};
use crate::crypto::{BadSignature, Hash, Key, ParsedKey, Scheme};

const TAG_MAC0: u64 = 17;
const TAG_SIGN1: u64 = 18;
const ALG: i64 = 1;
const KID: i64 = 4;

/// The signature algorithms that are known here [RFC 9053 §2].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Algorithm {
    EdDsa,
    Es256,
    Es384,
    Es512,
}

/// Which envelopes a format has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// Tag 18 may be left out; the one header is `alg`.
    AlgOnly,
    /// Tag 18; besides `alg` there may be a `kid`, at which nobody looks.
    Tagged,
}

/// Why bytes are no envelope that a signature could be looked for in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum CoseFlaw {
    /// The protected header names no algorithm known here.
    Algorithm { actual: String },
    /// The payload is elsewhere.
    Detached,
    /// There is a header parameter that has no business there.
    Header { actual: String },
    /// It is authenticated by a secret that its verifiers share, so that any of them can make it.
    Mac0,
    /// It is no COSE_Sign1.
    Malformed(WireError),
}

impl From<WireError> for CoseFlaw {
    fn from(error: WireError) -> Self {
        Self::Malformed(error)
    }
}

/// An envelope whose signature nobody has looked at yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sign1<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) payload: &'a [u8],
    protected: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Sign1<'a> {
    /// Reads the one envelope that `bytes` are.
    pub(crate) fn parse(bytes: &'a [u8], form: Form) -> Result<Self, CoseFlaw> {
        let mut cbor = Cbor::new(bytes);
        tag(&mut cbor, form)?;
        let length = cbor.array("COSE_Sign1")?;
        if length != 4 {
            let actual = format!("{length} elements");
            return Err(WireError::Value { field: "COSE_Sign1", expected: "4 elements", actual }.into());
        }
        let protected = cbor.bytes("protected")?;
        let algorithm = protected_header(protected, form)?;
        cbor.entries("unprotected", |label, value| unprotected(label, value, form))?;
        if cbor.null("payload")? {
            return Err(CoseFlaw::Detached);
        }
        let payload = cbor.bytes("payload")?;
        let signature = cbor.bytes("signature")?;
        cbor.end("signature")?;
        Ok(Self { algorithm, payload, protected, signature })
    }

    /// Verifies the signature by `key`. A key of another kind than the algorithm's is a bad signature.
    pub(crate) fn verify(&self, key: &Key<'_>) -> Result<(), BadSignature> {
        let scheme = self.algorithm.scheme();
        self.signed(|parts| match self.algorithm.hash() {
            Some(hash) => key.verify_digest(scheme, &hash.of(parts), self.signature),
            None => key.verify(scheme, &parts.concat(), self.signature),
        })
    }

    /// As [`Self::verify`], by a key that was parsed for [`Algorithm::scheme`].
    pub(crate) fn verify_parsed(&self, key: &ParsedKey) -> Result<(), BadSignature> {
        self.signed(|parts| match self.algorithm.hash() {
            Some(hash) => key.verify_digest(&hash.of(parts), self.signature),
            None => key.verify(&parts.concat(), self.signature),
        })
    }

    /// Gives `then` the parts of Sig_structure: `["Signature1", protected, h'', payload]`.
    fn signed<T>(&self, then: impl FnOnce(&[&[u8]]) -> T) -> T {
        let (protected, payload) = (ByteHead::of(self.protected), ByteHead::of(self.payload));
        then(&[b"\x84\x6aSignature1", protected.bytes(), self.protected, &[0x40], payload.bytes(), self.payload])
    }
}

impl Algorithm {
    /// The algorithm of this number, if it is known here.
    pub(crate) const fn of(number: i64) -> Option<Self> {
        match number {
            -7 => Some(Self::Es256),
            -8 => Some(Self::EdDsa),
            -35 => Some(Self::Es384),
            -36 => Some(Self::Es512),
            _ => None,
        }
    }

    /// What it is called in RFC 9053.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
        }
    }

    /// How its signatures are made: `r ‖ s` for ECDSA.
    pub(crate) const fn scheme(self) -> Scheme {
        match self {
            Self::EdDsa => Scheme::Ed25519,
            Self::Es256 => Scheme::EcdsaP256Sha256Fixed,
            Self::Es384 => Scheme::EcdsaP384Sha384Fixed,
            Self::Es512 => Scheme::EcdsaP521Sha512Fixed,
        }
    }

    const fn hash(self) -> Option<Hash> {
        match self {
            Self::EdDsa => None,
            Self::Es256 => Some(Hash::Sha256),
            Self::Es384 => Some(Hash::Sha384),
            Self::Es512 => Some(Hash::Sha512),
        }
    }
}

fn tag(cbor: &mut Cbor<'_>, form: Form) -> Result<(), CoseFlaw> {
    let mut ahead = *cbor;
    match ahead.head("COSE_Sign1")? {
        Head::Tag(TAG_SIGN1) => *cbor = ahead,
        Head::Tag(TAG_MAC0) => return Err(CoseFlaw::Mac0),
        Head::Array(_) if form == Form::AlgOnly => {}
        other => {
            let actual = format!("{other:?}");
            return Err(WireError::Value { field: "COSE_Sign1", expected: "tag 18", actual }.into());
        }
    }
    Ok(())
}

fn protected_header(bytes: &[u8], form: Form) -> Result<Algorithm, CoseFlaw> {
    let none = || CoseFlaw::Algorithm { actual: "none".to_owned() };
    // RFC 9052 §3: no parameters are an empty string, not an empty map.
    if bytes.is_empty() {
        return Err(none());
    }
    let mut cbor = Cbor::new(bytes);
    let mut algorithm = None;
    cbor.entries("protected", |label, value| {
        if *label == Label::Number(ALG) {
            algorithm = Some(read_algorithm(value)?);
            return Ok(());
        }
        unprotected(label, value, form)
    })?;
    cbor.end("protected")?;
    algorithm.ok_or_else(none)
}

fn read_algorithm(cbor: &mut Cbor<'_>) -> Result<Algorithm, CoseFlaw> {
    let mut ahead = *cbor;
    let number = ahead.number("alg").ok();
    let bytes = cbor.skip("alg")?;
    number.and_then(Algorithm::of).ok_or_else(|| CoseFlaw::Algorithm {
        actual: number.map_or_else(|| hex::encode(bytes), |number| number.to_string()),
    })
}

/// A parameter that need not be protected: `kid`, where the form has it.
fn unprotected(label: &Label<'_>, value: &mut Cbor<'_>, form: Form) -> Result<(), CoseFlaw> {
    if *label == Label::Number(KID) && form == Form::Tagged {
        value.bytes("kid")?;
        return Ok(());
    }
    let actual = match label {
        Label::Number(number) => number.to_string(),
        Label::Text(text) => text.escape_debug().to_string(),
    };
    Err(CoseFlaw::Header { actual })
}

/// The head of a byte string in its shortest form.
struct ByteHead {
    bytes: [u8; 9],
    length: usize,
}

impl ByteHead {
    fn of(string: &[u8]) -> Self {
        let length = u64::try_from(string.len()).unwrap_or(u64::MAX);
        let [_, _, _, _, a, b, c, d] = length.to_be_bytes();
        let (bytes, length) = match length {
            0..24 => ([0x40 | d, 0, 0, 0, 0, 0, 0, 0, 0], 1),
            24..0x100 => ([0x58, d, 0, 0, 0, 0, 0, 0, 0], 2),
            0x100..0x1_0000 => ([0x59, c, d, 0, 0, 0, 0, 0, 0], 3),
            // Evidence is far below 4 GiB: EVIDENCE_BYTES_MAX.
            _ => ([0x5a, a, b, c, d, 0, 0, 0, 0], 5),
        };
        Self { bytes, length }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8], form: Form) -> Result<Algorithm, CoseFlaw> {
        Sign1::parse(bytes, form).map(|envelope| envelope.algorithm)
    }

    #[test]
    fn reads_both_forms() {
        let bare = [0x84, 0x43, 0xa1, 1, 0x26, 0xa0, 0x41, 7, 0x41, 9];
        assert_eq!(parse(&bare, Form::AlgOnly), Ok(Algorithm::Es256));
        let tagged = [&[0xd2], bare.as_slice()].concat();
        assert_eq!(parse(&tagged, Form::AlgOnly), Ok(Algorithm::Es256));
        assert_eq!(parse(&tagged, Form::Tagged), Ok(Algorithm::Es256));
        let kid = [0xd2, 0x84, 0x43, 0xa1, 1, 0x26, 0xa1, 4, 0x41, 1, 0x41, 7, 0x41, 9];
        assert_eq!(parse(&kid, Form::Tagged), Ok(Algorithm::Es256));
        assert_eq!(parse(&kid, Form::AlgOnly), Err(CoseFlaw::Header { actual: "4".to_owned() }));
    }

    #[test]
    fn refuses_other_envelopes() {
        let algorithm = |actual: &str| CoseFlaw::Algorithm { actual: actual.to_owned() };
        let header = |actual: &str| CoseFlaw::Header { actual: actual.to_owned() };
        for (crime, bytes, flaw) in [
            ("mac0", &[0xd1, 0x84, 0x43, 0xa1, 1, 5, 0xa0, 0x40, 0x40][..], CoseFlaw::Mac0),
            ("hmac_under_tag_18", &[0xd2, 0x84, 0x43, 0xa1, 1, 5, 0xa0, 0x40, 0x40], algorithm("5")),
            ("alg_by_name", &[0xd2, 0x84, 0x45, 0xa1, 1, 0x62, b'E', b'S', 0xa0, 0x40, 0x40], algorithm("624553")),
            ("no_alg", &[0xd2, 0x84, 0x40, 0xa0, 0x40, 0x40], algorithm("none")),
            ("empty_map", &[0xd2, 0x84, 0x41, 0xa0, 0xa0, 0x40, 0x40], algorithm("none")),
            ("alg_unprotected", &[0xd2, 0x84, 0x43, 0xa1, 1, 0x26, 0xa1, 1, 0x26, 0x40, 0x40], header("1")),
            ("crit", &[0xd2, 0x84, 0x46, 0xa2, 1, 0x26, 2, 0x81, 1, 0xa0, 0x40, 0x40], header("2")),
            ("detached", &[0xd2, 0x84, 0x43, 0xa1, 1, 0x26, 0xa0, 0xf6, 0x40], CoseFlaw::Detached),
        ] {
            assert_eq!(parse(bytes, Form::Tagged), Err(flaw), "{crime}");
        }
        for (crime, bytes) in [
            ("untagged", &[0x84, 0x43, 0xa1, 1, 0x26, 0xa0, 0x40, 0x40][..]),
            ("cwt_tag", &[0xd8, 61, 0xd2, 0x84, 0x43, 0xa1, 1, 0x26, 0xa0, 0x40, 0x40]),
            ("three_elements", &[0xd2, 0x83, 0x43, 0xa1, 1, 0x26, 0xa0, 0x40]),
            ("alg_twice", &[0xd2, 0x84, 0x45, 0xa2, 1, 0x26, 1, 0x26, 0xa0, 0x40, 0x40]),
            ("trailing_in_protected", &[0xd2, 0x84, 0x44, 0xa1, 1, 0x26, 0, 0xa0, 0x40, 0x40]),
            ("trailing", &[0xd2, 0x84, 0x43, 0xa1, 1, 0x26, 0xa0, 0x40, 0x40, 0]),
            ("indefinite", &[0xd2, 0x9f, 0x43, 0xa1, 1, 0x26, 0xa0, 0x40, 0x40, 0xff]),
        ] {
            assert!(matches!(parse(bytes, Form::Tagged), Err(CoseFlaw::Malformed(_))), "{crime}");
        }
    }

    #[test]
    fn heads_are_in_their_shortest_form() {
        for (length, head) in [
            (0, &[0x40][..]),
            (23, &[0x57]),
            (24, &[0x58, 24]),
            (255, &[0x58, 255]),
            (256, &[0x59, 1, 0]),
            (65_535, &[0x59, 255, 255]),
            (65_536, &[0x5a, 0, 1, 0, 0]),
        ] {
            assert_eq!(ByteHead::of(&vec![0; length]).bytes(), head);
        }
    }
}
