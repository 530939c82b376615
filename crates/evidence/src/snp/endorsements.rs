//! The signing key's certificate: found, chained to a pinned ARK, and of this chip, TCB and product line [57230 §3].
//!
//! A VCEK (Versioned Chip Endorsement Key) is issued by a product line's ASK, a VLEK (Versioned Loaded Endorsement Key) by
//! its ASVK, both of these by its ARK.

use super::{
    Flaw, Tcb,
    abi::{Carried, Cpuid, Report},
};
use crate::{
    ChainFlaw, Support, Vendor,
    cache::Context,
    crypto::{KeyKind, ParsedKey, Scheme},
    wire::{
        WireError,
        der::{Der, IA5_STRING, OCTET_STRING},
    },
    x509::{Certificate, Chain, CrlRule, Lists},
};

/// The most pairs of signing key and issuer that are tried, where several of one name are endorsed; a key without an issuer counts.
const TRIES_MAX: usize = 8;

/// A product line: processors with one ARK.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Product {
    /// Family 0x19, models 0x10 to 0x1f and 0xa0 to 0xaf: with Bergamo and Siena.
    Genoa,
    /// Family 0x19, models 0x00 to 0x0f.
    Milan,
    /// Family 0x1a, models 0x00 to 0x1f.
    Turin,
}

impl Product {
    /// Every one, in the order of the names.
    pub const ALL: &'static [Self] = &[Self::Genoa, Self::Milan, Self::Turin];

    /// The product line of a processor.
    #[must_use]
    pub const fn of(cpuid: Cpuid) -> Option<Self> {
        match (cpuid.family, cpuid.model) {
            (0x19, 0x00..=0x0f) => Some(Self::Milan),
            (0x19, 0x10..=0x1f | 0xa0..=0xaf) => Some(Self::Genoa),
            (0x1a, 0x00..=0x1f) => Some(Self::Turin),
            _ => None,
        }
    }

    /// The name, as AMD's certificates have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Genoa => "Genoa",
            Self::Milan => "Milan",
            Self::Turin => "Turin",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|product| product.as_str() == name)
    }

    /// Whether `productName` of a VEK, `Milan-B0` or `Milan`, is of this line.
    fn has(self, name: &str) -> bool {
        let name = name.split('-').next().unwrap_or_default();
        name == self.as_str() || (self == Self::Genoa && matches!(name, "Bergamo" | "Siena"))
    }

    /// Bytes of a chip's `hwID` [57230 §3.1]: the rest of CHIP_ID is zero.
    const fn hwid_bytes(self) -> usize {
        match self {
            Self::Genoa | Self::Milan => 64,
            Self::Turin => 8,
        }
    }
}

impl std::fmt::Display for Product {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// The kind of key that signs reports.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum VekKind {
    /// Versioned Chip Endorsement Key: of one chip.
    Vcek,
    /// Versioned Loaded Endorsement Key: of one cloud.
    Vlek,
}

impl VekKind {
    /// Both, in the order of the names.
    pub const ALL: &'static [Self] = &[Self::Vcek, Self::Vlek];

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vcek => "VCEK",
            Self::Vlek => "VLEK",
        }
    }

    /// The subject's common name of its certificates.
    const fn subject(self) -> &'static str {
        match self {
            Self::Vcek => "SEV-VCEK",
            Self::Vlek => "SEV-VLEK",
        }
    }

    /// What comes before the product line in its issuer's common name.
    const fn issuer_prefix(self) -> &'static str {
        match self {
            Self::Vcek => "SEV-",
            Self::Vlek => "SEV-VLEK-",
        }
    }
}

impl std::fmt::Display for VekKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A signing key that a pinned ARK vouches for, and what its certificate says.
#[derive(Debug)]
pub(super) struct Endorsed {
    pub(super) kind: VekKind,
    pub(super) product: Product,
    pub(super) hwid: Option<Vec<u8>>,
    pub(super) csp_id: Option<String>,
    pub(super) key: ParsedKey,
    pub(super) is_revocation_checked: bool,
    pub(super) support: Support,
}

/// What of a report decides which certificate is its signing key's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) kind: VekKind,
    /// The line of the processor, where the report says it.
    pub(super) product: Option<Product>,
    pub(super) chip_id: [u8; 64],
    pub(super) reported_tcb: [u8; 8],
}

impl Wanted {
    pub(super) const fn of(report: &Report<'_>, kind: VekKind, product: Option<Product>) -> Self {
        Self { kind, product, chip_id: report.chip_id, reported_tcb: report.reported_tcb }
    }
}

/// Steps 5 and 6: finds the signing key's certificate, verifies it, and compares it with the report.
pub(super) fn endorsed(wanted: &Wanted, carried: &Carried<'_>, context: &Context<'_>) -> Result<Endorsed, Flaw> {
    // Once, however many there are and whatever they are named.
    let known: Vec<_> =
        context.endorsements.certificates().filter_map(|bytes| Certificate::parse(bytes).ok()).collect();
    let veks = veks(wanted, carried, &known)?;
    let own_ask = carried.ask.map(Certificate::parse).transpose();
    let own_ask = own_ask.map_err(|error| Flaw::Certificate { label: "ASK", error })?;
    let pairs = veks.iter().take(TRIES_MAX).flat_map(|vek| {
        let endorsed = known.iter().filter(move |certificate| certificate.subject == vek.issuer);
        own_ask.iter().chain(endorsed).map(move |ask| (vek, ask))
    });
    let mut flaw = None;
    for (vek, ask) in pairs.take(TRIES_MAX) {
        match one(wanted, vek, *ask, carried, context) {
            Ok(endorsed) => return Ok(endorsed),
            // The one that went furthest says most.
            Err(new) if flaw.as_ref().is_none_or(|old: &Flaw| old.step() < new.step()) => flaw = Some(new),
            Err(_) => {}
        }
    }
    let issuer = || veks.first().map(|vek| crate::x509::common_name(vek.issuer)).unwrap_or_default();
    Err(flaw.unwrap_or_else(|| Flaw::AskMissing { issuer: issuer() }))
}

/// Certificates that may be the signing key's: the one in the evidence, then endorsed ones, those that fit the report first.
fn veks<'a>(wanted: &Wanted, carried: &Carried<'a>, known: &[Certificate<'a>]) -> Result<Vec<Certificate<'a>>, Flaw> {
    let (label, own, other) = match wanted.kind {
        VekKind::Vcek => ("VCEK", carried.vcek, carried.vlek),
        VekKind::Vlek => ("VLEK", carried.vlek, carried.vcek),
    };
    let mut veks: Vec<_> =
        known.iter().filter(|certificate| certificate.common_name() == wanted.kind.subject()).copied().collect();
    veks.sort_by_cached_key(|vek| compare(wanted, vek, None).is_err());
    if let Some(bytes) = own {
        veks.insert(0, Certificate::parse(bytes).map_err(|error| Flaw::Certificate { label, error })?);
    }
    match other {
        Some(_) if veks.is_empty() => Err(Flaw::VekKind { expected: wanted.kind, actual: wrong_kind(wanted.kind) }),
        _ if veks.is_empty() => Err(Flaw::VekMissing { kind: wanted.kind }),
        _ => Ok(veks),
    }
}

fn wrong_kind(kind: VekKind) -> String {
    let other = if kind == VekKind::Vcek { VekKind::Vlek } else { VekKind::Vcek };
    other.subject().to_owned()
}

/// Steps 5 and 6 for one pair of certificates.
fn one<'a>(
    wanted: &Wanted,
    vek: &Certificate<'a>,
    ask: Certificate<'a>,
    carried: &Carried<'a>,
    context: &Context<'a>,
) -> Result<Endorsed, Flaw> {
    // 5
    let mut certificates = vec![*vek, ask];
    if let Some(bytes) = carried.ark {
        certificates.push(Certificate::parse(bytes).map_err(|error| Flaw::Certificate { label: "ARK", error })?);
    }
    let crls = Lists::of(context.endorsements.crls().chain(carried.crl));
    let chain = Chain {
        anchors: &context.endorsements.anchors(Vendor::Amd),
        crls: &crls,
        crl_rule: CrlRule::IfGiven,
        critical: &[],
        at: context.at,
    };
    let chain = chain.verify(&certificates)?;
    // 6
    let stated = compare(wanted, vek, Some(&chain.root))?;
    let Ok(key) = vek.spki.key.parse(Scheme::EcdsaP384Sha384Fixed) else { return Err(Flaw::VekKey {}) };
    if vek.spki.key.kind != KeyKind::P384 {
        return Err(Flaw::VekKey {});
    }
    let is_revocation_checked = chain.support.used.iter().any(|used| used.kind == "crl" && used.name == chain.root);
    Ok(Endorsed {
        kind: wanted.kind,
        product: stated.product,
        hwid: stated.hwid.map(<[u8]>::to_vec),
        csp_id: stated.csp_id.map(str::to_owned),
        key,
        is_revocation_checked,
        support: chain.support,
    })
}

/// What a VEK's certificate says beyond its key.
struct Stated<'a> {
    product: Product,
    hwid: Option<&'a [u8]>,
    csp_id: Option<&'a str>,
}

/// Step 6: kind, product line, chip and TCB of the certificate are the report's. `root` is the name of the ARK above it.
fn compare<'a>(wanted: &Wanted, vek: &Certificate<'a>, root: Option<&str>) -> Result<Stated<'a>, Flaw> {
    let subject = vek.common_name();
    if subject != wanted.kind.subject() {
        return Err(Flaw::VekKind { expected: wanted.kind, actual: subject });
    }
    let issuer = crate::x509::common_name(vek.issuer);
    let line = issuer.strip_prefix(wanted.kind.issuer_prefix());
    let Some(line) = line.filter(|line| !line.starts_with("VLEK-")) else {
        return Err(Flaw::VekKind { expected: wanted.kind, actual: issuer });
    };
    let product = product(wanted, line)?;
    let name = ia5(vek, oid::PRODUCT_NAME, "productName")?.ok_or_else(|| missing("productName"))?;
    for (actual, is_right) in [
        (name, product.has(name)),
        (root.unwrap_or_default(), root.is_none_or(|root| root.strip_prefix("ARK-") == Some(line))),
    ] {
        if !is_right {
            return Err(Flaw::Product { expected: product, actual: actual.to_owned() });
        }
    }
    let (hwid, csp_id) = identity(wanted, vek, product)?;
    levels(wanted, vek, product)?;
    Ok(Stated { product, hwid, csp_id })
}

/// The product line of the issuer, which is the processor's if the report says one.
fn product(wanted: &Wanted, line: &str) -> Result<Product, Flaw> {
    let certified = Product::named(line);
    match (wanted.product, certified) {
        (Some(expected), actual) if actual != Some(expected) => {
            Err(Flaw::Product { expected, actual: line.to_owned() })
        }
        (_, Some(certified)) => Ok(certified),
        (_, None) => Err(Flaw::VekKind { expected: wanted.kind, actual: line.to_owned() }),
    }
}

/// A VCEK names its chip, a VLEK its cloud, neither both.
fn identity<'a>(
    wanted: &Wanted,
    vek: &Certificate<'a>,
    product: Product,
) -> Result<(Option<&'a [u8]>, Option<&'a str>), Flaw> {
    let hwid = hwid(vek)?;
    let csp_id = ia5(vek, oid::CSP_ID, "cspID")?;
    match (wanted.kind, hwid, csp_id) {
        (VekKind::Vcek, Some(hwid), None) => {
            let is_masked = wanted.chip_id == [0; 64];
            let (chip, rest) = wanted.chip_id.split_at_checked(product.hwid_bytes()).unwrap_or_default();
            let is_same = hwid == chip && rest.iter().all(|byte| *byte == 0);
            if hwid.len() != product.hwid_bytes() || !(is_masked || is_same) {
                let (chip_id, certified) = (hex::encode(wanted.chip_id), hex::encode(hwid));
                return Err(Flaw::Hwid { chip_id, certified });
            }
            Ok((Some(hwid), None))
        }
        (VekKind::Vlek, None, Some(csp_id)) => Ok((None, Some(csp_id))),
        (VekKind::Vcek, None, _) => Err(missing("hwID")),
        (VekKind::Vlek, _, None) => Err(missing("cspID")),
        (VekKind::Vcek, Some(_), Some(_)) => Err(unexpected("cspID")),
        (VekKind::Vlek, Some(_), Some(_)) => Err(unexpected("hwID")),
    }
}

/// Each security patch level in the certificate is the reported one.
fn levels(wanted: &Wanted, vek: &Certificate<'_>, product: Product) -> Result<(), Flaw> {
    use super::Component::{BootLoader, Fmc, Microcode, Snp, Tee};
    for (component, reported) in Tcb::read("REPORTED_TCB", wanted.reported_tcb, product)?.components() {
        let (name, field) = match component {
            BootLoader => (oid::BL_SPL, "blSPL"),
            Fmc => (oid::FMC_SPL, "fmcSPL"),
            Microcode => (oid::UCODE_SPL, "ucodeSPL"),
            Snp => (oid::SNP_SPL, "snpSPL"),
            Tee => (oid::TEE_SPL, "teeSPL"),
        };
        let certified = level(vek, name, field)?.ok_or_else(|| missing(field))?;
        if certified != reported {
            return Err(Flaw::VekTcb { component, reported, certified });
        }
    }
    if product != Product::Turin && vek.extension(oid::FMC_SPL).is_some() {
        return Err(unexpected("fmcSPL"));
    }
    // The levels of what no product line has are zero, as the reserved bytes of the TCB version are.
    for (name, field) in [(oid::SPL_4, "spl4"), (oid::SPL_5, "spl5"), (oid::SPL_6, "spl6"), (oid::SPL_7, "spl7")] {
        if level(vek, name, field)?.is_some_and(|level| level != 0) {
            return Err(unexpected(field));
        }
    }
    Ok(())
}

fn level(vek: &Certificate<'_>, name: &[u8], field: &'static str) -> Result<Option<u8>, Flaw> {
    let Some(extension) = vek.extension(name) else { return Ok(None) };
    let mut der = Der::new(extension.value);
    let value = der.unsigned(field)?;
    der.end(field)?;
    let level = u8::try_from(value).map_err(|_| {
        let actual = value.to_string();
        WireError::Value { field, expected: "0 to 255", actual }
    })?;
    Ok(Some(level))
}

fn ia5<'a>(vek: &Certificate<'a>, name: &[u8], field: &'static str) -> Result<Option<&'a str>, Flaw> {
    let Some(extension) = vek.extension(name) else { return Ok(None) };
    let mut der = Der::new(extension.value);
    let content = der.expect(field, IA5_STRING)?;
    der.end(field)?;
    let text = std::str::from_utf8(content).ok().filter(|text| text.is_ascii());
    let refuse = || WireError::Value { field, expected: "ASCII", actual: hex::encode(content) };
    Ok(Some(text.ok_or_else(refuse)?))
}

/// The extension's value is the identifier itself; newer certificates wrap it in an OCTET STRING.
fn hwid<'a>(vek: &Certificate<'a>) -> Result<Option<&'a [u8]>, Flaw> {
    let Some(extension) = vek.extension(oid::HWID) else { return Ok(None) };
    if matches!(extension.value.len(), 8 | 64) {
        return Ok(Some(extension.value));
    }
    let mut der = Der::new(extension.value);
    let content = der.expect("hwID", OCTET_STRING)?;
    der.end("hwID")?;
    Ok(Some(content))
}

fn missing(field: &'static str) -> Flaw {
    WireError::Truncated { field, wanted: 1, left: 0 }.into()
}

fn unexpected(field: &'static str) -> Flaw {
    WireError::Value { field, expected: "no such extension, or zero", actual: "one".to_owned() }.into()
}

impl From<WireError> for Flaw {
    fn from(error: WireError) -> Self {
        Self::VekExtension { error }
    }
}

impl From<ChainFlaw> for Flaw {
    fn from(flaw: ChainFlaw) -> Self {
        Self::Chain { flaw }
    }
}

/// Extensions of VEK certificates, 1.3.6.1.4.1.3704.1.x [57230 §3.1], as DER contents.
mod oid {
    pub(super) const PRODUCT_NAME: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01, 0x02];
    pub(super) const BL_SPL: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01, 0x03, 0x01];
    pub(super) const TEE_SPL: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01, 0x03, 0x02];
    pub(super) const SNP_SPL: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01, 0x03, 0x03];
    pub(super) const SPL_4: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01, 0x03, 0x04];
    pub(super) const SPL_5: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01, 0x03, 0x05];
    pub(super) const SPL_6: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01, 0x03, 0x06];
    pub(super) const SPL_7: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01, 0x03, 0x07];
    pub(super) const UCODE_SPL: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01, 0x03, 0x08];
    pub(super) const FMC_SPL: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01, 0x03, 0x09];
    pub(super) const HWID: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01, 0x04];
    pub(super) const CSP_ID: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01, 0x05];
}
