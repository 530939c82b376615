//! Certificate revocation lists [RFC 5280 §5].

use casemate_cose::UnixTime;

use super::{oid, time};
use crate::{
    window::Window,
    wire::{
        WireError,
        der::{BOOLEAN, Der, GENERALIZED_TIME, INTEGER, OCTET_STRING, OID, SEQUENCE, UTC_TIME, context},
    },
};

/// The longest list that is read.
pub(crate) const CRL_BYTES_MAX: usize = 4 << 20;

/// A complete list of one issuer, read in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crl<'a> {
    pub(crate) raw: &'a [u8],
    pub(crate) tbs: &'a [u8],
    pub(crate) issuer: &'a [u8],
    pub(crate) this_update: UnixTime,
    pub(crate) next_update: UnixTime,
    /// `cRLNumber`: an INTEGER's content. RFC 5280 §5.2.3 demands it, and not every maker obeys.
    pub(crate) number: Option<&'a [u8]>,
    /// The content of `revokedCertificates`.
    revoked: &'a [u8],
    pub(crate) algorithm: &'a [u8],
    pub(crate) signature: &'a [u8],
}

impl<'a> Crl<'a> {
    /// Reads the one list that `bytes` are. A delta, partial or indirect list is refused by its critical extension.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        if bytes.len() > CRL_BYTES_MAX {
            return Err(WireError::TooMany { field: "crl", actual: bytes.len(), max: CRL_BYTES_MAX });
        }
        let mut outer = Der::only(bytes, "certificateList", SEQUENCE)?;
        let tbs = outer.expect_element("tbsCertList", SEQUENCE)?;
        let algorithm = outer.expect("signatureAlgorithm", SEQUENCE)?;
        let signature = outer.bit_string("signature")?;
        outer.end("certificateList")?;
        let mut der = Der::new(tbs.content);
        if der.peek() == Some(INTEGER) && der.unsigned("version")? != 1 {
            let actual = "another".to_owned();
            return Err(WireError::Value { field: "version", expected: "version 2", actual });
        }
        if der.expect("signature", SEQUENCE)? != algorithm {
            let actual = "two algorithms".to_owned();
            return Err(WireError::Value {
                field: "signatureAlgorithm",
                expected: "the same inside and outside",
                actual,
            });
        }
        let issuer = der.expect_element("issuer", SEQUENCE)?.raw;
        let this_update = time(&mut der, "thisUpdate")?;
        // RFC 5280 §5.1.2.5 demands it, and without it a list would hold for ever.
        let next_update = time(&mut der, "nextUpdate")?;
        let revoked = der.optional("revokedCertificates", SEQUENCE)?.unwrap_or_default();
        let number = match der.optional("crlExtensions", context(0))? {
            Some(bytes) => check_extensions(Der::only(bytes, "crlExtensions", SEQUENCE)?)?,
            None => None,
        };
        der.end("tbsCertList")?;
        let tbs = tbs.raw;
        let list = Self { raw: bytes, tbs, issuer, this_update, next_update, number, revoked, algorithm, signature };
        list.serials().try_for_each(|entry| entry.map(drop))?;
        Ok(list)
    }

    pub(crate) const fn window(&self) -> Window {
        Window { not_before: self.this_update, not_after: self.next_update }
    }

    /// Whether the certificate of this serial number is on the list, for whatever reason: a hold counts.
    pub(crate) fn revokes(&self, serial: &[u8]) -> bool {
        self.serials().any(|entry| entry.is_ok_and(|listed| listed == serial))
    }

    /// The serial numbers on the list: all could be read when the list was.
    pub(crate) fn serials(&self) -> impl Iterator<Item = Result<&'a [u8], WireError>> + use<'a> {
        let mut der = Der::new(self.revoked);
        std::iter::from_fn(move || {
            if der.is_empty() {
                return None;
            }
            let read = entry(&mut der);
            if read.is_err() {
                der = Der::new(&[]);
            }
            Some(read)
        })
    }
}

fn entry<'a>(der: &mut Der<'a>) -> Result<&'a [u8], WireError> {
    let mut entry = der.sequence("revokedCertificate")?;
    let serial = entry.integer("userCertificate")?;
    if !matches!(entry.peek(), Some(UTC_TIME | GENERALIZED_TIME)) {
        return Err(WireError::Value { field: "revocationDate", expected: "a time", actual: "none".to_owned() });
    }
    time(&mut entry, "revocationDate")?;
    if let Some(extensions) = entry.optional("crlEntryExtensions", SEQUENCE)? {
        check_extensions(Der::new(extensions))?;
    }
    entry.end("revokedCertificate")?;
    Ok(serial)
}

/// No critical extension is understood, so that none is accepted [RFC 5280 §5.2]. Returns the `cRLNumber`'s content.
fn check_extensions(mut der: Der<'_>) -> Result<Option<&[u8]>, WireError> {
    let mut number = None;
    while !der.is_empty() {
        let mut fields = der.sequence("extension")?;
        let name = fields.expect("extnID", OID)?;
        let is_critical = fields.peek() == Some(BOOLEAN) && fields.boolean("critical")?;
        let value = fields.expect("extnValue", OCTET_STRING)?;
        fields.end("extension")?;
        if is_critical && !matches!(name, oid::AUTHORITY_KEY_IDENTIFIER | oid::CRL_NUMBER) {
            let actual = hex::encode(name);
            return Err(WireError::Value { field: "crlExtensions", expected: "no critical extension", actual });
        }
        if name == oid::CRL_NUMBER {
            // One that is no number counts as none: nothing but rollback looks at it.
            number = Der::new(value).integer("cRLNumber").ok();
        }
    }
    Ok(number)
}
