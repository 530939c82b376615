//! A request for a certificate: a public key, and proof that whoever wrote the request holds its other half. [RFC 2986 §4]

use crate::{
    wire::{
        WireError,
        der::{Der, SEQUENCE, context},
    },
    x509::{Spki, scheme_of},
};

/// The longest request that is read.
const REQUEST_BYTES_MAX: usize = 16 << 10;

/// The `SubjectPublicKeyInfo` of a request that its own key signed. What else it asks for is not looked at.
pub(crate) fn request_key(bytes: &[u8]) -> Result<Vec<u8>, WireError> {
    if bytes.len() > REQUEST_BYTES_MAX {
        return Err(WireError::TooMany { field: "request", actual: bytes.len(), max: REQUEST_BYTES_MAX });
    }
    let mut request = Der::only(bytes, "request", SEQUENCE)?;
    let info = request.expect_element("certificationRequestInfo", SEQUENCE)?;
    let algorithm = request.expect("signatureAlgorithm", SEQUENCE)?;
    let signature = request.bit_string("signature")?;
    request.end("request")?;

    let mut fields = Der::new(info.content);
    let version = fields.unsigned("version")?;
    if version != 0 {
        return Err(WireError::Value { field: "version", expected: "version 1", actual: version.to_string() });
    }
    fields.expect("subject", SEQUENCE)?;
    let spki = Spki::read(&mut fields)?;
    fields.optional("attributes", context(0))?;
    fields.end("certificationRequestInfo")?;

    let scheme = scheme_of(algorithm, spki.key.kind)?;
    let refuse = |_| {
        let expected = "a request that its own key signed";
        WireError::Value { field: "signature", expected, actual: "another signature".to_owned() }
    };
    spki.key.verify(scheme, info.raw, signature).map_err(refuse)?;
    Ok(spki.raw.to_vec())
}

#[cfg(test)]
mod tests {
    use casemate_testkit::{
        der,
        pki::{Algorithm, Key},
    };

    use super::*;

    /// A request for this key, signed by another.
    fn request(key: &Key, signer: &Key) -> Vec<u8> {
        let info = der::sequence(&[der::integer(0), der::sequence(&[]), key.spki(), der::context(0, &[])]);
        let signature = signer.sign(&info);
        der::sequence(&[info, signer.signature_algorithm(), der::bits(&signature)])
    }

    #[test]
    fn tells_the_key_that_signed_it() {
        for algorithm in [Algorithm::Ed25519, Algorithm::P256, Algorithm::P384, Algorithm::RsaPkcs1Sha256] {
            let key = Key::new(algorithm);
            assert_eq!(request_key(&request(&key, &key)), Ok(key.spki()), "{algorithm:?}");
            assert_eq!(crate::public_key(&request(&key, &key)), Ok(key.spki()), "{algorithm:?}");
        }
    }

    /// Whoever asks for a name for his neighbour's key signs with his own.
    #[test]
    fn tells_no_key_that_did_not_sign() {
        let [own, other] = [Key::new(Algorithm::P256), Key::new(Algorithm::P256)];
        let forged = request(&other, &own);
        // Without the signature, the forgery is as good as the honest request.
        assert!(forged.windows(other.spki().len()).any(|window| window == other.spki()));
        assert!(matches!(request_key(&forged), Err(WireError::Value { field: "signature", .. })));
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_refused() {
        let key = Key::new(Algorithm::Ed25519);
        let honest = request(&key, &key);
        for bit in 0..honest.len() * 8 {
            let mut flipped = honest.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(request_key(&flipped).is_err(), "bit {bit}");
        }
        for length in 0..honest.len() {
            assert!(request_key(&honest[..length]).is_err(), "cut at {length}");
        }
        assert!(request_key(&[honest, vec![0]].concat()).is_err());
        assert!(matches!(request_key(&vec![0x30; REQUEST_BYTES_MAX + 1]), Err(WireError::TooMany { .. })));
    }
}
