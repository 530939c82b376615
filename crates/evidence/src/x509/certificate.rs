//! One X.509 version 3 certificate, read in place [RFC 5280 §4.1].

use casemate_cose::UnixTime;

use super::{Spki, time};
use crate::wire::{
    WireError,
    der::{BIT_STRING, BOOLEAN, Der, OCTET_STRING, OID, SEQUENCE, context},
};

/// The longest certificate that is read.
pub(crate) const CERTIFICATE_BYTES_MAX: usize = 16 << 10;
const EXTENSIONS_MAX: usize = 48;

/// A certificate: all ranges of one run of received bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Certificate<'a> {
    pub(crate) raw: &'a [u8],
    pub(crate) tbs: &'a [u8],
    /// The serial number: an INTEGER's content.
    pub(crate) serial: &'a [u8],
    /// The issuer's `Name`, whole. Names are compared as bytes.
    pub(crate) issuer: &'a [u8],
    pub(crate) not_before: UnixTime,
    pub(crate) not_after: UnixTime,
    pub(crate) subject: &'a [u8],
    pub(crate) spki: Spki<'a>,
    /// The content of `Extensions`.
    extensions: &'a [u8],
    /// The content of the signature's `AlgorithmIdentifier`.
    pub(crate) algorithm: &'a [u8],
    pub(crate) signature: &'a [u8],
}

/// One extension.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Extension<'a> {
    pub(crate) oid: &'a [u8],
    pub(crate) is_critical: bool,
    pub(crate) value: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads the one certificate that `bytes` are.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (certificate, rest) = Self::read(bytes)?;
        if rest.is_empty() {
            Ok(certificate)
        } else {
            Err(WireError::Trailing { field: "certificate", left: rest.len() })
        }
    }

    /// Reads a certificate at the start of `bytes` and returns what follows it.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), WireError> {
        let mut outer = Der::new(bytes);
        let element = outer.expect_element("certificate", SEQUENCE)?;
        let raw = element.raw;
        if raw.len() > CERTIFICATE_BYTES_MAX {
            return Err(WireError::TooMany { field: "certificate", actual: raw.len(), max: CERTIFICATE_BYTES_MAX });
        }
        let rest = bytes.get(raw.len()..).unwrap_or_default();
        let mut certificate = Der::new(element.content);
        let tbs = certificate.expect_element("tbsCertificate", SEQUENCE)?;
        let algorithm = certificate.expect("signatureAlgorithm", SEQUENCE)?;
        let signature = certificate.bit_string("signature")?;
        certificate.end("certificate")?;
        let parsed = Self::tbs(tbs.content, raw, tbs.raw, algorithm, signature)?;
        Ok((parsed, rest))
    }

    fn tbs(
        content: &'a [u8],
        raw: &'a [u8],
        tbs: &'a [u8],
        algorithm: &'a [u8],
        signature: &'a [u8],
    ) -> Result<Self, WireError> {
        let mut der = Der::new(content);
        let mut version = Der::new(der.expect("version", context(0))?);
        let number = version.unsigned("version")?;
        version.end("version")?;
        if number != 2 {
            return Err(WireError::Value { field: "version", expected: "version 3", actual: number.to_string() });
        }
        let serial = der.integer("serialNumber")?;
        if der.expect("signature", SEQUENCE)? != algorithm {
            let actual = "two algorithms".to_owned();
            return Err(WireError::Value {
                field: "signatureAlgorithm",
                expected: "the same inside and outside",
                actual,
            });
        }
        let issuer = der.expect_element("issuer", SEQUENCE)?.raw;
        let mut validity = der.sequence("validity")?;
        let (not_before, not_after) = (time(&mut validity, "notBefore")?, time(&mut validity, "notAfter")?);
        validity.end("validity")?;
        let subject = der.expect_element("subject", SEQUENCE)?.raw;
        let spki = Spki::read(&mut der)?;
        der.optional("issuerUniqueID", context_bits(1))?;
        der.optional("subjectUniqueID", context_bits(2))?;
        let extensions = match der.optional("extensions", context(3))? {
            Some(bytes) => {
                let mut der = Der::new(bytes);
                let content = der.expect("extensions", SEQUENCE)?;
                der.end("extensions")?;
                content
            }
            None => &[],
        };
        der.end("tbsCertificate")?;
        let parsed =
            Self { raw, tbs, serial, issuer, not_before, not_after, subject, spki, extensions, algorithm, signature };
        parsed.check_extensions()?;
        Ok(parsed)
    }

    /// Extensions are well formed, and none comes twice [RFC 5280 §4.2].
    fn check_extensions(&self) -> Result<(), WireError> {
        let mut seen: [&[u8]; EXTENSIONS_MAX] = [&[]; EXTENSIONS_MAX];
        let mut der = Der::new(self.extensions);
        let mut count = 0;
        while !der.is_empty() {
            let extension = extension(&mut der)?;
            if seen.iter().take(count).any(|oid| *oid == extension.oid) {
                let actual = hex::encode(extension.oid);
                return Err(WireError::Value { field: "extensions", expected: "each extension once", actual });
            }
            let place = seen.get_mut(count).ok_or(WireError::TooMany {
                field: "extensions",
                actual: count + 1,
                max: EXTENSIONS_MAX,
            })?;
            *place = extension.oid;
            count += 1;
        }
        Ok(())
    }

    /// The extensions, in order.
    pub(crate) fn extensions(&self) -> impl Iterator<Item = Extension<'a>> + use<'a> {
        let mut der = Der::new(self.extensions);
        // They were all read once when the certificate was.
        std::iter::from_fn(move || if der.is_empty() { None } else { extension(&mut der).ok() })
    }

    /// The extension of this name.
    pub(crate) fn extension(&self, oid: &[u8]) -> Option<Extension<'a>> {
        self.extensions().find(|extension| extension.oid == oid)
    }

    /// Whether this is a CA, and how many CAs may stand between it and a leaf [RFC 5280 §4.2.1.9].
    pub(crate) fn ca(&self) -> Result<Option<u64>, WireError> {
        let Some(extension) = self.extension(oid::BASIC_CONSTRAINTS) else { return Ok(None) };
        let mut der = Der::only(extension.value, "basicConstraints", SEQUENCE)?;
        let is_ca = der.peek() == Some(BOOLEAN) && der.boolean("cA")?;
        let length = if der.is_empty() { u64::MAX } else { der.unsigned("pathLenConstraint")? };
        der.end("basicConstraints")?;
        Ok(is_ca.then_some(length))
    }

    /// Whether the key may sign certificates; a certificate without key usage doesn't restrict it [RFC 5280 §4.2.1.3].
    pub(crate) fn may_sign_certificates(&self) -> Result<bool, WireError> {
        self.usage(0x04)
    }

    /// Whether the key may sign CRLs.
    pub(crate) fn may_sign_crls(&self) -> Result<bool, WireError> {
        self.usage(0x02)
    }

    /// Whether the key may sign what is neither a certificate nor a CRL.
    pub(crate) fn may_sign_data(&self) -> Result<bool, WireError> {
        self.usage(0x80)
    }

    fn usage(&self, bit: u8) -> Result<bool, WireError> {
        let Some(extension) = self.extension(oid::KEY_USAGE) else { return Ok(true) };
        let mut der = Der::new(extension.value);
        let content = der.expect("keyUsage", BIT_STRING)?;
        der.end("keyUsage")?;
        match content {
            [0..=7, first, ..] => Ok(first & bit != 0),
            _ => Err(WireError::Value { field: "keyUsage", expected: "a BIT STRING", actual: hex::encode(content) }),
        }
    }

    /// The subject's common name, for people.
    pub(crate) fn common_name(&self) -> String {
        common_name(self.subject)
    }
}

/// The last common name of a `Name`, for people; the name in hex if it has none.
pub(crate) fn common_name(name: &[u8]) -> String {
    let mut found = None;
    let mut walk = || -> Result<(), WireError> {
        let mut rows = Der::only(name, "name", SEQUENCE)?;
        while !rows.is_empty() {
            let mut row = Der::new(rows.next("name")?.content);
            while !row.is_empty() {
                let mut pair = row.sequence("name")?;
                let is_common = pair.expect("name", OID)? == oid::COMMON_NAME;
                let value = pair.next("name")?;
                if is_common {
                    found = Some(String::from_utf8_lossy(value.content).escape_debug().to_string());
                }
            }
        }
        Ok(())
    };
    let _unreadable_names_show_as_hex = walk();
    found.unwrap_or_else(|| hex::encode(name))
}

fn extension<'a>(der: &mut Der<'a>) -> Result<Extension<'a>, WireError> {
    let mut fields = der.sequence("extension")?;
    let oid = fields.expect("extnID", OID)?;
    let is_critical = fields.peek() == Some(BOOLEAN) && fields.boolean("critical")?;
    let value = fields.expect("extnValue", OCTET_STRING)?;
    fields.end("extension")?;
    Ok(Extension { oid, is_critical, value })
}

/// `[number]` of an IMPLICIT BIT STRING.
const fn context_bits(number: u8) -> u8 {
    crate::wire::der::context_primitive(number)
}

/// Object identifiers, as DER contents.
pub(crate) mod oid {
    pub(crate) const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x23];
    pub(crate) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
    pub(crate) const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
    pub(crate) const CRL_NUMBER: &[u8] = &[0x55, 0x1d, 0x14];
    pub(crate) const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    pub(crate) const ECDSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
    pub(crate) const ECDSA_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04];
    pub(crate) const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    pub(crate) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
    pub(crate) const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
    pub(crate) const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
    pub(crate) const MGF1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08];
    pub(crate) const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    pub(crate) const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
    pub(crate) const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
    pub(crate) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    pub(crate) const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
    pub(crate) const RSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
    pub(crate) const RSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c];
    pub(crate) const RSA_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d];
    pub(crate) const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
    pub(crate) const SHA384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
    pub(crate) const SHA512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];
}
