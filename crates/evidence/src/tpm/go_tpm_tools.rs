//! Reads the attestations of `go-tpm-tools`: protocol buffers, from which `tpm` evidence is made.
//!
//! ```text
//! Attestation  1 ak_pub: TPMT_PUBLIC   2 quotes: Quote*   3 event_log   4 instance_info   5 canonical_event_log
//!              6 ak_cert: DER   7 intermediate_certs: DER*   8 sev_snp_attestation   9 tdx_attestation
//! Quote        1 quote: TPMS_ATTEST   2 raw_sig: TPMT_SIGNATURE   3 pcrs: PCRs
//! PCRs         1 hash: TPM_ALG_ID   2 pcrs: { 1 index, 2 value }*
//! ```
//! Source: `proto/attest.proto` and `proto/tpm.proto` of github.com/google/go-tpm-tools. `instance_info` and the canonical event log are
//! nobody's signed word and are left out. SNP and TDX parts are not the vendors' bytes but fields taken apart, which are put together
//! again ([`Attestation::cpu`]).
//!
//! How go-tpm-tools ties the two: by the nonce alone. The CPU's report data is the quote's qualifying data, with zeros after it to 64
//! bytes (`client/attest.go`, `AddAttestation`), unless the caller gave the CPU a nonce of its own, of which nothing can be checked here. Nothing
//! of the CPU's names the vTPM's key. [`Attestation::composite`] is `composite` evidence that says so (`same-nonce`).

mod cpu;
mod protobuf;

use std::collections::BTreeMap;

pub use cpu::Cpu;

use crate::{Evidence, Hash, composite, wire::WireError};

use self::protobuf::fields;
use super::abi::{CERTIFICATES_MAX, PCRS_MAX, Parts, PcrValue};

/// The longest attestation that is read.
pub const ATTESTATION_BYTES_MAX: usize = 1 << 20;

const QUOTES_MAX: usize = 8;

/// An attestation, read in place.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Attestation<'a> {
    ak_public: &'a [u8],
    certificates: Vec<&'a [u8]>,
    intermediates: Vec<&'a [u8]>,
    quotes: Vec<Quoted<'a>>,
    log: &'a [u8],
    tee: Option<(Tee, &'a [u8])>,
}

/// Which CPU's statement came along, taken apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Tee {
    Snp,
    Tdx,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Quoted<'a> {
    attest: &'a [u8],
    signature: &'a [u8],
    bank: Option<Hash>,
    values: BTreeMap<u64, &'a [u8]>,
}

impl<'a> Attestation<'a> {
    /// Reads an attestation.
    ///
    /// # Errors
    /// Not a protocol buffer of this kind, or larger than anything honest.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        if bytes.len() > ATTESTATION_BYTES_MAX {
            return Err(WireError::TooMany { field: "attestation", actual: bytes.len(), max: ATTESTATION_BYTES_MAX });
        }
        let mut read = Self::default();
        fields(bytes, |number, value| {
            match number {
                1 => read.ak_public = value.bytes("ak_pub")?,
                2 => push("quotes", &mut read.quotes, QUOTES_MAX, Quoted::parse(value.bytes("quotes")?)?)?,
                3 => read.log = value.bytes("event_log")?,
                6 => read.certificates = vec![value.bytes("ak_cert")?],
                7 => push(
                    "intermediate_certs",
                    &mut read.intermediates,
                    CERTIFICATES_MAX - 1,
                    value.bytes("intermediate_certs")?,
                )?,
                8 => read.tee(Tee::Snp, value.bytes("sev_snp_attestation")?)?,
                9 => read.tee(Tee::Tdx, value.bytes("tdx_attestation")?)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(read)
    }

    /// The banks of its quotes, in their order.
    pub fn banks(&self) -> impl Iterator<Item = Hash> {
        self.quotes.iter().filter_map(|quote| quote.bank)
    }

    fn tee(&mut self, tee: Tee, bytes: &'a [u8]) -> Result<(), WireError> {
        if self.tee.replace((tee, bytes)).is_none() {
            return Ok(());
        }
        Err(WireError::Value { field: "tee_attestation", expected: "one CPU's statement", actual: "two".to_owned() })
    }

    /// The CPU's statement that it has besides: the bytes that were signed, put together again.
    ///
    /// # Errors
    /// Fields that make no statement.
    pub fn cpu(&self) -> Result<Option<Cpu>, WireError> {
        match self.tee {
            None => Ok(None),
            Some((Tee::Snp, bytes)) => cpu::snp(bytes).map(Some),
            Some((Tee::Tdx, bytes)) => cpu::tdx(bytes).map(Some),
        }
    }

    /// `composite` evidence of the CPU and of the quote over `bank`, tied by one nonce; `None` if there is no such quote.
    #[must_use]
    pub fn composite(&self, cpu: &Cpu, bank: Hash) -> Option<Evidence> {
        Some(composite::evidence_of_one_nonce(&cpu.evidence, &[self.evidence(bank)?]))
    }

    /// `tpm` evidence of the quote over `bank`; `None` if there is no such quote. Without a certificate the AK goes as it is.
    #[must_use]
    pub fn evidence(&self, bank: Hash) -> Option<Evidence> {
        self.quotes.iter().find(|quote| quote.bank == Some(bank)).and_then(|quote| self.evidence_of(quote, bank))
    }

    /// Evidence of every quote with its bank, the strongest bank's first; each is `composite` with `cpu` if there is one. `None` if there
    /// is no quote, or one that can't be judged: of an unknown bank, or with an index that is none.
    #[must_use]
    pub fn all(&self, cpu: Option<&Cpu>) -> Option<Vec<(Hash, Evidence)>> {
        let each = self.quotes.iter().map(|quote| {
            let bank = quote.bank?;
            let quote = self.evidence_of(quote, bank)?;
            let evidence = match cpu {
                Some(cpu) => composite::evidence_of_one_nonce(&cpu.evidence, &[quote]),
                None => quote,
            };
            Some((bank, evidence))
        });
        let mut all: Vec<_> = each.collect::<Option<_>>()?;
        all.sort_by_key(|(bank, _)| std::cmp::Reverse(bank.size_bytes()));
        (!all.is_empty()).then_some(all)
    }

    fn evidence_of(&self, quote: &Quoted<'a>, bank: Hash) -> Option<Evidence> {
        let certificates: Vec<&[u8]> = match self.certificates.as_slice() {
            [] => Vec::new(),
            leaf => leaf.iter().chain(&self.intermediates).copied().collect(),
        };
        let pcr =
            |(index, value): (&u64, &&'a [u8])| u32::try_from(*index).ok().map(|index| PcrValue { bank, index, value });
        let parts = Parts {
            attest: quote.attest,
            signature: quote.signature,
            certificates,
            public: self.ak_public,
            pcrs: quote.values.iter().map(pcr).collect::<Option<_>>()?,
            log: self.log,
            ..Parts::default()
        };
        Some(parts.evidence())
    }
}

impl<'a> Quoted<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut quote = Self::default();
        fields(bytes, |number, value| {
            match number {
                1 => quote.attest = value.bytes("quote")?,
                2 => quote.signature = value.bytes("raw_sig")?,
                3 => quote.pcrs(value.bytes("pcrs")?)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(quote)
    }

    fn pcrs(&mut self, bytes: &'a [u8]) -> Result<(), WireError> {
        fields(bytes, |number, value| {
            match number {
                1 => self.bank = u16::try_from(value.number("hash")?).ok().and_then(Hash::of_tpm_alg),
                2 => {
                    // Protocol buffers leave out what is zero: the index of PCR 0.
                    let (mut index, mut digest) = (0, None);
                    fields(value.bytes("pcrs")?, |number, value| {
                        match number {
                            1 => index = value.number("key")?,
                            2 => digest = Some(value.bytes("value")?),
                            _ => {}
                        }
                        Ok(())
                    })?;
                    let missing = WireError::Truncated { field: "value", wanted: 1, left: 0 };
                    let is_new = self.values.insert(index, digest.ok_or(missing)?).is_none();
                    if !is_new || self.values.len() > PCRS_MAX {
                        let actual = index.to_string();
                        return Err(WireError::Value { field: "pcrs", expected: "each PCR once", actual });
                    }
                }
                _ => {}
            }
            Ok(())
        })
    }
}

fn push<T>(field: &'static str, list: &mut Vec<T>, max: usize, item: T) -> Result<(), WireError> {
    if list.len() >= max {
        return Err(WireError::TooMany { field, actual: list.len() + 1, max });
    }
    list.push(item);
    Ok(())
}
