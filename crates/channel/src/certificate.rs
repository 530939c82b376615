//! The one certificate that an Ed25519 key has on this channel. [RFC 5280 §4.1, RFC 8410]
//!
//! ```text
//! Certificate { tbs { v3, serial 1, Ed25519, issuer CN=casemate, 1970-01-01 … 9999-12-31, subject CN=casemate, SPKI },
//!               Ed25519, signature of tbs by the same key }
//! ```
//! Everything but the 32 bytes of the key and the 64 of the signature is fixed, so that reading one is a comparison and
//! nothing that is not checked can hide in it. The certificate says nothing but "this key"; who holds the key is proved by
//! the handshake's `CertificateVerify`, and what the holder is, by evidence.

use casemate_cose::{PublicKey, SigningKey};

use crate::CertificateFault;

/// SEQUENCE(Certificate, 212 bytes of content).
const CERTIFICATE_HEAD: [u8; 3] = [0x30, 0x81, 0xd4];
/// The tbsCertificate before the SubjectPublicKeyInfo.
const TBS_HEAD: [u8; 94] = *b"\x30\x81\x87\
\xa0\x03\x02\x01\x02\
\x02\x01\x01\
\x30\x05\x06\x03\x2b\x65\x70\
\x30\x13\x31\x11\x30\x0f\x06\x03\x55\x04\x03\x0c\x08casemate\
\x30\x20\x17\x0d700101000000Z\x18\x0f99991231235959Z\
\x30\x13\x31\x11\x30\x0f\x06\x03\x55\x04\x03\x0c\x08casemate";
/// The algorithm and the head of the BIT STRING of 64 bytes.
const SIGNATURE_HEAD: [u8; 10] = *b"\x30\x05\x06\x03\x2b\x65\x70\x03\x41\x00";
const SPKI_BYTES: usize = 44;
const SIGNATURE_BYTES: usize = 64;

/// The certificate of `key`, DER.
pub(crate) fn issue(key: &SigningKey) -> Vec<u8> {
    let tbs = [TBS_HEAD.as_slice(), &key.public().spki()].concat();
    let signature = key.sign(&tbs);
    [CERTIFICATE_HEAD.as_slice(), &tbs, &SIGNATURE_HEAD, &signature].concat()
}

/// The key of a certificate, which must be exactly what [`issue`] makes.
///
/// # Errors
/// [`CertificateFault::Shape`] for any other bytes, [`CertificateFault::Signature`] where only the signature is wrong.
pub(crate) fn read(der: &[u8]) -> Result<PublicKey, CertificateFault> {
    let tbs_and_rest = der.strip_prefix(&CERTIFICATE_HEAD).ok_or(CertificateFault::Shape)?;
    let (tbs, rest) = tbs_and_rest.split_at_checked(TBS_HEAD.len() + SPKI_BYTES).ok_or(CertificateFault::Shape)?;
    let spki = tbs.strip_prefix(&TBS_HEAD).ok_or(CertificateFault::Shape)?;
    let signature = rest.strip_prefix(&SIGNATURE_HEAD).ok_or(CertificateFault::Shape)?;
    if signature.len() != SIGNATURE_BYTES {
        return Err(CertificateFault::Shape);
    }
    let key = PublicKey::from_spki(spki).map_err(|_| CertificateFault::Shape)?;
    key.verify(tbs, signature).map_err(|_| CertificateFault::Signature)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use rustls::{pki_types::CertificateDer, server::ParsedCertificate};

    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_seed(&[1; 32])
    }

    #[test]
    fn reads_what_it_issues() {
        assert_eq!(read(&issue(&key())), Ok(key().public()));
    }

    #[test]
    fn is_x_509_to_another_parser() {
        let der = CertificateDer::from(issue(&key()));
        ParsedCertificate::try_from(&der).unwrap();
    }

    #[test]
    fn refuses_every_bit_flip_and_length() {
        let der = issue(&key());
        for bit in 0..der.len() * 8 {
            let mut flipped = der.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&flipped).is_err(), "bit {bit}");
        }
        for length in 0..der.len() {
            assert!(read(&der[..length]).is_err(), "length {length}");
        }
        assert_eq!(read(&[der, vec![0]].concat()), Err(CertificateFault::Shape));
    }

    #[test]
    fn refuses_another_key_under_this_signature() {
        let (mine, theirs) = (issue(&key()), SigningKey::from_seed(&[2; 32]).public().spki());
        let spliced = [&mine[..3 + TBS_HEAD.len()], &theirs, &mine[3 + TBS_HEAD.len() + SPKI_BYTES..]].concat();
        assert_eq!(read(&spliced), Err(CertificateFault::Signature));
    }
}
