//! A TPM maker of our own: attestation keys with their certificates, quotes with their logs, each field open to a crime.

use super::eventlog::{self, Log};
use crate::{
    cbor,
    pki::{Algorithm, Authority, Certificate, Key},
};

/// TPM_ALG_IDs of signature schemes.
pub const RSASSA: u16 = 0x0014;
/// RSAPSS.
pub const RSAPSS: u16 = 0x0016;
/// ECDSA.
pub const ECDSA: u16 = 0x0018;

/// `fixedTPM`, `fixedParent`, `sensitiveDataOrigin`, `userWithAuth`, `restricted`, `sign`.
pub const AK_ATTRIBUTES: u32 = 0x0005_0072;

/// The command line of [`Quote::of`].
pub const COMMAND_LINE: &str = "console=ttyS0 casemate.manifest=sha256:4242424242424242424242424242424242424242424242424242424242424242 initrd=initrd";

/// A TPM, its maker's authorities and its attestation key.
#[derive(Debug)]
pub struct Tpm {
    /// The maker's root.
    pub root: Authority,
    /// The authority that issues certificates of attestation keys.
    pub issuer: Authority,
    /// The attestation key.
    pub ak: Key,
    /// What kind it is.
    pub algorithm: Algorithm,
}

impl Tpm {
    /// A new TPM with an attestation key of this kind: P-256, P-384, P-521 or RSA.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        Self {
            root: Authority::new("TPM root", Algorithm::P384),
            issuer: Authority::new("TPM issuing CA", Algorithm::P256),
            ak: Key::new(algorithm),
            algorithm,
        }
    }

    /// The certificate of the attestation key, to be issued by the issuing authority. Its serial is 7.
    #[must_use]
    pub fn certificate(&self) -> Certificate {
        // keyUsage digitalSignature.
        Certificate::of("AK", 7, &self.ak).with_extension("2.5.29.15", true, vec![3, 2, 7, 0x80])
    }

    /// The certificate of the issuing authority, to be issued by the root. Its serial is 2.
    #[must_use]
    pub fn issuer_certificate(&self) -> Certificate {
        Certificate { ca: Some(0), ..Certificate::of_ca(&self.issuer.name, 2, &self.issuer.key) }
    }

    /// The chain, the attestation key's certificate first, without the root.
    #[must_use]
    pub fn chain(&self) -> Vec<Vec<u8>> {
        vec![self.issuer.issue(&self.certificate()), self.root.issue(&self.issuer_certificate())]
    }

    /// Signature scheme and hash of its attestation key.
    #[must_use]
    pub const fn scheme(&self) -> (u16, u16) {
        match self.algorithm {
            Algorithm::P384 => (ECDSA, eventlog::SHA384),
            Algorithm::P521 => (ECDSA, eventlog::SHA512),
            Algorithm::RsaPkcs1Sha256 => (RSASSA, eventlog::SHA256),
            Algorithm::RsaPssSha384 => (RSAPSS, eventlog::SHA384),
            _ => (ECDSA, eventlog::SHA256),
        }
    }

    /// The attestation key as a `TPMT_PUBLIC` with these attributes and this scheme.
    #[must_use]
    pub fn public(&self, attributes: u32, scheme: Option<(u16, u16)>) -> Vec<u8> {
        let public = self.ak.public();
        let is_rsa = matches!(self.algorithm, Algorithm::RsaPkcs1Sha256 | Algorithm::RsaPssSha384);
        let mut bytes = if is_rsa { vec![0, 1] } else { vec![0, 0x23] };
        bytes.extend(eventlog::SHA256.to_be_bytes());
        bytes.extend(attributes.to_be_bytes());
        bytes.extend([0, 0, 0, 0x10]);
        match scheme {
            Some((scheme, hash)) => bytes.extend([scheme.to_be_bytes(), hash.to_be_bytes()].concat()),
            None => bytes.extend([0, 0x10]),
        }
        if is_rsa {
            bytes.extend([8, 0, 0, 0, 0, 0]);
            // SEQUENCE { INTEGER 00 ‖ 256 bytes, INTEGER 65537 }
            bytes.extend(sized(&public[9..265]));
        } else {
            let (curve, size) = match self.algorithm {
                Algorithm::P384 => (4, 48),
                Algorithm::P521 => (5, 66),
                _ => (3, 32),
            };
            bytes.extend([0, curve, 0, 0x10]);
            bytes.extend(sized(&public[1..=size]));
            bytes.extend(sized(&public[1 + size..]));
        }
        bytes
    }

    /// Signs as a TPM does: a `TPMT_SIGNATURE`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let (scheme, hash) = self.scheme();
        let mut bytes = [scheme.to_be_bytes(), hash.to_be_bytes()].concat();
        if scheme == ECDSA {
            let fixed = self.ak.sign_fixed(message);
            let (r, s) = fixed.split_at(fixed.len() / 2);
            bytes.extend(sized(r));
            bytes.extend(sized(s));
        } else {
            bytes.extend(sized(&self.ak.sign(message)));
        }
        bytes
    }
}

/// A length of two bytes, and the bytes: TPM2B.
#[must_use]
pub fn sized(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// One PCR value of evidence.
pub type PcrRow = (u16, u32, Vec<u8>);

/// What a TPM states before it is signed. [`Quote::of`] is honest.
#[derive(Clone, Debug)]
pub struct Quote {
    /// `TPM_GENERATED_VALUE`.
    pub magic: u32,
    /// `TPM_ST_ATTEST_QUOTE`.
    pub kind: u16,
    /// The qualified name of the key.
    pub qualified_signer: Vec<u8>,
    /// The nonce.
    pub qualifying_data: Vec<u8>,
    /// Whether the clock is safe, as a byte.
    pub safe: u8,
    /// Banks and PCRs, each bank once.
    pub selection: Vec<(u16, Vec<u32>)>,
    /// The hash of the digest over PCRs: the signature's.
    pub hash: u16,
    /// The digest over PCRs, if not the right one of `pcrs`.
    pub pcr_digest: Option<Vec<u8>>,
    /// PCR values as they are sent.
    pub pcrs: Vec<PcrRow>,
    /// What follows the last field.
    pub tail: Vec<u8>,
}

impl Quote {
    /// A quote over all PCRs of one bank, as `log` gives them, by a TPM whose signatures are over `hash`.
    #[must_use]
    pub fn of(log: &Log, bank: u16, hash: u16) -> Self {
        Self {
            magic: 0xff54_4347,
            kind: 0x8018,
            qualified_signer: [&[0, 0x0b], [0x51; 32].as_slice()].concat(),
            qualifying_data: vec![0x4e; 32],
            safe: 1,
            selection: vec![(bank, (0..24).collect())],
            hash,
            pcr_digest: None,
            pcrs: log.pcrs(bank).into_iter().map(|(index, value)| (bank, index, value)).collect(),
            tail: Vec::new(),
        }
    }

    /// The `TPMS_ATTEST`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.magic.to_be_bytes().to_vec();
        bytes.extend(self.kind.to_be_bytes());
        bytes.extend(sized(&self.qualified_signer));
        bytes.extend(sized(&self.qualifying_data));
        bytes.extend(123_456_789_u64.to_be_bytes());
        bytes.extend(10_u32.to_be_bytes());
        bytes.extend(3_u32.to_be_bytes());
        bytes.push(self.safe);
        bytes.extend(0x2016_0511_0016_2800_u64.to_be_bytes());
        bytes.extend(u32::try_from(self.selection.len()).unwrap().to_be_bytes());
        for (bank, pcrs) in &self.selection {
            let mut bits = [0_u8; 3];
            for pcr in pcrs {
                bits[usize::try_from(pcr / 8).unwrap()] |= 1 << (pcr % 8);
            }
            bytes.extend(bank.to_be_bytes());
            bytes.push(3);
            bytes.extend(bits);
        }
        let right = eventlog::hash(self.hash, &self.pcrs.iter().flat_map(|row| row.2.clone()).collect::<Vec<_>>());
        bytes.extend(sized(self.pcr_digest.as_ref().unwrap_or(&right)));
        bytes.extend(&self.tail);
        bytes
    }
}

/// `tpm` evidence before it is encoded.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// `TPMS_ATTEST`.
    pub attest: Vec<u8>,
    /// `TPMT_SIGNATURE`.
    pub signature: Vec<u8>,
    /// The attestation key's certificate and its issuers'.
    pub certificates: Vec<Vec<u8>>,
    /// `TPMT_PUBLIC`.
    pub public: Vec<u8>,
    /// `SubjectPublicKeyInfo`.
    pub spki: Vec<u8>,
    /// PCR values.
    pub pcrs: Vec<PcrRow>,
    /// The log.
    pub log: Vec<u8>,
    /// The command line.
    pub command_line: String,
}

impl Evidence {
    /// Evidence with everything that a certified TPM can send.
    #[must_use]
    pub fn of(tpm: &Tpm, quote: &Quote, log: &Log) -> Self {
        let attest = quote.encode();
        Self {
            signature: tpm.sign(&attest),
            attest,
            certificates: tpm.chain(),
            public: tpm.public(AK_ATTRIBUTES, Some(tpm.scheme())),
            spki: Vec::new(),
            pcrs: quote.pcrs.clone(),
            log: log.encode(),
            command_line: COMMAND_LINE.to_owned(),
        }
    }

    /// The bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let certificates: Vec<_> = self.certificates.iter().map(|der| cbor::bytes(der)).collect();
        cbor::array(&[
            cbor::bytes(&self.attest),
            cbor::bytes(&self.signature),
            cbor::array(&[cbor::array(&certificates), cbor::bytes(&self.public), cbor::bytes(&self.spki)]),
            rows(&self.pcrs),
            cbor::bytes(&self.log),
            cbor::text(&self.command_line),
        ])
    }
}

/// PCR values in CBOR.
#[must_use]
pub fn rows(pcrs: &[PcrRow]) -> Vec<u8> {
    let row = |(bank, index, value): &PcrRow| {
        cbor::array(&[cbor::number(i64::from(*bank)), cbor::number(i64::from(*index)), cbor::bytes(value)])
    };
    cbor::array(&pcrs.iter().map(row).collect::<Vec<_>>())
}
