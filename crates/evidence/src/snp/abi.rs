//! The bytes of an attestation report [56860 §7.3, ATTESTATION_REPORT] and of the certificate table [56421 §4.1.8.1].
//!
//! ```text
//! 000 VERSION u32        034 SIGNATURE_ALGO u32   0c0 HOST_DATA [32]          180 REPORTED_TCB [8]   1f0 LAUNCH_TCB [8]
//! 004 GUEST_SVN u32      038 CURRENT_TCB [8]      0e0 ID_KEY_DIGEST [48]      188 CPUID [3], v3      1f8 LAUNCH_MIT_VECTOR, v5
//! 008 POLICY u64         040 PLATFORM_INFO u64    110 AUTHOR_KEY_DIGEST [48]  1a0 CHIP_ID [64]       200 CURRENT_MIT_VECTOR, v5
//! 010 FAMILY_ID [16]     048 flags u32, 0 u32     140 REPORT_ID [32]          1e0 COMMITTED_TCB [8]  2a0 SIGNATURE: R [72],
//! 020 IMAGE_ID [16]      050 REPORT_DATA [64]     160 REPORT_ID_MA [32]       1e8 CURRENT [4]            S [72], 0 [368]
//! 030 VMPL u32           090 MEASUREMENT [48]                                 1ec COMMITTED [4]
//! ```
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use crate::wire::{Reader, WireError};

/// Bytes of a report.
pub const REPORT_BYTES: usize = 0x4a0;

/// The most bytes that are read after the report: 64 KiB.
pub const CARRIED_BYTES_MAX: usize = 64 << 10;

const SIGNED_BYTES: usize = 0x2a0;
const SCALAR_BYTES: usize = 48;
const ENTRIES_MAX: usize = 16;

/// POLICY: 25 to 0 have a meaning, the rest must be zero [56860 §4.3].
const POLICY_RESERVED: u64 = !0x03ff_ffff;
/// POLICY bit 17 must be one [56860 §4.3].
const POLICY_ONE: u64 = 1 << 17;
/// PLATFORM_INFO: 7 to 0. Bit 6 has no meaning in revision 1.58 and is set by Turin firmware: it is reported as it is. Others read it as
/// "IOMMU writes are safe" (AMD-SB-3016), for which no text of AMD's was found.
const PLATFORM_INFO_RESERVED: u64 = !0xff;
const FLAGS_RESERVED: u32 = !0x1f;
const SIGNATURE_ALGO_ECDSA_P384_SHA384: u32 = 1;

/// A report, read in place.
#[derive(Clone, Debug)]
pub(super) struct Report<'a> {
    /// What is signed, as received.
    pub(super) signed: &'a [u8],
    pub(super) version: u32,
    pub(super) guest_svn: u32,
    pub(super) policy: u64,
    pub(super) family_id: [u8; 16],
    pub(super) image_id: [u8; 16],
    pub(super) vmpl: u32,
    pub(super) current_tcb: [u8; 8],
    pub(super) platform_info: u64,
    /// AUTHOR_KEY_EN, MASK_CHIP_KEY, SIGNING_KEY.
    pub(super) flags: u32,
    pub(super) report_data: [u8; 64],
    pub(super) measurement: [u8; 48],
    pub(super) host_data: [u8; 32],
    pub(super) id_key_digest: [u8; 48],
    pub(super) author_key_digest: [u8; 48],
    pub(super) report_id: [u8; 32],
    pub(super) report_id_ma: [u8; 32],
    pub(super) reported_tcb: [u8; 8],
    pub(super) cpuid: Option<Cpuid>,
    pub(super) chip_id: [u8; 64],
    pub(super) committed_tcb: [u8; 8],
    pub(super) current: Firmware,
    pub(super) committed: Firmware,
    pub(super) launch_tcb: [u8; 8],
    pub(super) mitigations: Option<Mitigations>,
    /// `r ‖ s`, big-endian.
    pub(super) signature: [u8; 2 * SCALAR_BYTES],
}

/// Family, model and stepping of the processor, combined values as CPUID Fn0000_0001 gives them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cpuid {
    /// Extended and base family, added up: `0x19`, `0x1a`.
    pub family: u8,
    /// Extended and base model.
    pub model: u8,
    /// Stepping.
    pub stepping: u8,
}

/// A version of the SEV firmware.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Firmware {
    /// Major version.
    pub major: u8,
    /// Minor version.
    pub minor: u8,
    /// Build.
    pub build: u8,
}

/// Vectors of mitigations, a bit each [56860 §7.3, LAUNCH_MIT_VECTOR, CURRENT_MIT_VECTOR].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mitigations {
    /// Those verified when the guest was launched.
    pub launch: u64,
    /// Those verified now.
    pub current: u64,
}

impl<'a> Report<'a> {
    /// Reads the report at the start of `bytes` and returns what follows it.
    pub(super) fn read(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), WireError> {
        let mut reader = Reader::new(bytes);
        let mut report = Reader::new(reader.take("ATTESTATION_REPORT", REPORT_BYTES)?);
        let signed = report.take("ATTESTATION_REPORT", SIGNED_BYTES)?;
        let signature = signature(&mut report)?;
        Ok((Self::fields(signed, signature)?, reader.rest()))
    }

    fn fields(signed: &'a [u8], signature: [u8; 2 * SCALAR_BYTES]) -> Result<Self, WireError> {
        let mut r = Reader::new(signed);
        let version = r.u32_le("VERSION")?;
        if !(2..=5).contains(&version) {
            return Err(value("VERSION", "2, 3, 4 or 5", version));
        }
        let report = Self {
            signed,
            version,
            guest_svn: r.u32_le("GUEST_SVN")?,
            policy: policy(r.u64_le("POLICY")?)?,
            family_id: r.array("FAMILY_ID")?,
            image_id: r.array("IMAGE_ID")?,
            vmpl: r.u32_le("VMPL")?,
            current_tcb: {
                signature_algo(r.u32_le("SIGNATURE_ALGO")?)?;
                r.array("CURRENT_TCB")?
            },
            platform_info: none_of(r.u64_le("PLATFORM_INFO")?, PLATFORM_INFO_RESERVED, "PLATFORM_INFO")?,
            flags: flags(&mut r)?,
            report_data: r.array("REPORT_DATA")?,
            measurement: r.array("MEASUREMENT")?,
            host_data: r.array("HOST_DATA")?,
            id_key_digest: r.array("ID_KEY_DIGEST")?,
            author_key_digest: r.array("AUTHOR_KEY_DIGEST")?,
            report_id: r.array("REPORT_ID")?,
            report_id_ma: r.array("REPORT_ID_MA")?,
            reported_tcb: r.array("REPORTED_TCB")?,
            cpuid: cpuid(&mut r, version)?,
            chip_id: r.array("CHIP_ID")?,
            committed_tcb: r.array("COMMITTED_TCB")?,
            current: firmware(&mut r, "CURRENT_BUILD")?,
            committed: firmware(&mut r, "COMMITTED_BUILD")?,
            launch_tcb: r.array("LAUNCH_TCB")?,
            mitigations: mitigations(&mut r, version)?,
            signature,
        };
        r.zeros("reserved 208h", 0x98)?;
        r.end("ATTESTATION_REPORT")?;
        Ok(report)
    }
}

fn policy(policy: u64) -> Result<u64, WireError> {
    if policy & POLICY_ONE == 0 {
        return Err(value("POLICY", "bit 17 set", format!("0x{policy:x}")));
    }
    none_of(policy, POLICY_RESERVED, "POLICY")
}

fn signature_algo(algorithm: u32) -> Result<(), WireError> {
    if algorithm == SIGNATURE_ALGO_ECDSA_P384_SHA384 {
        return Ok(());
    }
    Err(value("SIGNATURE_ALGO", "1, ECDSA P-384 with SHA-384", algorithm))
}

fn flags(r: &mut Reader<'_>) -> Result<u32, WireError> {
    let flags = r.u32_le("SIGNING_KEY")?;
    if flags & FLAGS_RESERVED != 0 {
        return Err(value("SIGNING_KEY", "bits 31 to 5 zero", format!("0x{flags:x}")));
    }
    r.zeros("reserved 04ch", 4)?;
    Ok(flags)
}

fn cpuid(r: &mut Reader<'_>, version: u32) -> Result<Option<Cpuid>, WireError> {
    if version < 3 {
        return r.zeros("reserved 188h", 24).map(|()| None);
    }
    let [family, model, stepping] = r.array("CPUID_FAM_ID")?;
    r.zeros("reserved 18bh", 21)?;
    Ok(Some(Cpuid { family, model, stepping }))
}

fn firmware(r: &mut Reader<'_>, field: &'static str) -> Result<Firmware, WireError> {
    let [build, minor, major] = r.array(field)?;
    r.zeros("reserved 1ebh, 1efh", 1)?;
    Ok(Firmware { major, minor, build })
}

fn mitigations(r: &mut Reader<'_>, version: u32) -> Result<Option<Mitigations>, WireError> {
    if version < 5 {
        return r.zeros("reserved 1f8h", 16).map(|()| None);
    }
    Ok(Some(Mitigations { launch: r.u64_le("LAUNCH_MIT_VECTOR")?, current: r.u64_le("CURRENT_MIT_VECTOR")? }))
}

/// R and S are little-endian, of which 48 of 72 bytes are used [56860, ECDSA P-384 with SHA-384 signature format].
fn signature(r: &mut Reader<'_>) -> Result<[u8; 2 * SCALAR_BYTES], WireError> {
    let mut fixed = [0; 2 * SCALAR_BYTES];
    let (big_r, big_s) = fixed.split_at_mut(SCALAR_BYTES);
    for (big, name) in [(big_r, "R"), (big_s, "S")] {
        big.copy_from_slice(r.take(name, SCALAR_BYTES)?);
        big.reverse();
        r.zeros(name, 24)?;
    }
    r.zeros("reserved 330h", 368)?;
    r.end("SIGNATURE")?;
    Ok(fixed)
}

fn none_of(bits: u64, reserved: u64, field: &'static str) -> Result<u64, WireError> {
    if bits & reserved == 0 { Ok(bits) } else { Err(value(field, "reserved bits zero", format!("0x{bits:x}"))) }
}

fn value(field: &'static str, expected: &'static str, actual: impl std::fmt::Display) -> WireError {
    WireError::Value { field, expected, actual: actual.to_string() }
}

/// What came with a report: certificates in DER, each where its label says, and a revocation list. Nothing is believed of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Carried<'a> {
    pub(crate) ark: Option<&'a [u8]>,
    /// The ASK or ASVK.
    pub(crate) ask: Option<&'a [u8]>,
    pub(crate) crl: Option<&'a [u8]>,
    pub(crate) vcek: Option<&'a [u8]>,
    pub(crate) vlek: Option<&'a [u8]>,
}

/// Labels of table entries: GUIDs, their bytes in the order in which they are written.
mod guid {
    pub(super) const ARK: u128 = 0xc0b4_06a4_a803_4952_9743_3fb6_014c_d0ae;
    pub(super) const ASK: u128 = 0x4ab7_b379_bbac_4fe4_a02f_05ae_f327_c782;
    pub(super) const CRL: u128 = 0x92f8_1bc3_5811_4d3d_97ff_d19f_88dc_67ea;
    pub(super) const VCEK: u128 = 0x63da_758d_e664_4564_adc5_f4b9_3be8_accd;
    pub(super) const VLEK: u128 = 0xa807_4bc2_a25a_483e_aae6_39c0_45a0_b8a1;
}

impl<'a> Carried<'a> {
    /// Reads a certificate table. Entries of other labels are passed over; what no entry covers has to be zero.
    pub(super) fn table(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut carried = Self::default();
        if bytes.is_empty() {
            return Ok(carried);
        }
        if bytes.len() > CARRIED_BYTES_MAX {
            return Err(WireError::TooMany { field: "cert_table", actual: bytes.len(), max: CARRIED_BYTES_MAX });
        }
        let mut header = Reader::new(bytes);
        let mut spans = [(0, 0); ENTRIES_MAX];
        let mut count: usize = 0;
        while let Some((label, offset, length)) = entry(&mut header)? {
            let content = span(bytes, offset, length)?;
            let place = spans.get_mut(count).ok_or(WireError::TooMany {
                field: "cert_table entries",
                actual: ENTRIES_MAX.saturating_add(1),
                max: ENTRIES_MAX,
            })?;
            *place = (offset, length);
            count = count.saturating_add(1);
            carried.put(label, content)?;
        }
        let used = bytes.len().saturating_sub(header.left());
        let spans = spans.get_mut(..count).unwrap_or_default();
        spans.sort_unstable();
        apart(bytes, used, spans)?;
        Ok(carried)
    }

    fn put(&mut self, label: u128, content: &'a [u8]) -> Result<(), WireError> {
        let place = match label {
            guid::ARK => &mut self.ark,
            guid::ASK => &mut self.ask,
            guid::CRL => &mut self.crl,
            guid::VCEK => &mut self.vcek,
            guid::VLEK => &mut self.vlek,
            _ => return Ok(()),
        };
        if place.replace(content).is_some() {
            return Err(value("cert_table", "each label once", format!("{label:032x} twice")));
        }
        Ok(())
    }

    /// All of it, each at its place.
    pub(super) fn parts(&self) -> [&'a [u8]; 5] {
        [self.ark, self.ask, self.crl, self.vcek, self.vlek].map(Option::unwrap_or_default)
    }
}

/// The next entry; `None` at the one of zeros that ends the table.
fn entry(header: &mut Reader<'_>) -> Result<Option<(u128, usize, usize)>, WireError> {
    let label = u128::from_be_bytes(header.array("cert_table guid")?);
    let offset = header.u32_le("cert_table offset")?;
    let length = header.u32_le("cert_table length")?;
    if label == 0 {
        if (offset, length) != (0, 0) {
            return Err(value("cert_table", "an end of zeros", format!("{offset}, {length}")));
        }
        return Ok(None);
    }
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(Some((label, size(offset), size(length))))
}

fn span(bytes: &[u8], offset: usize, length: usize) -> Result<&[u8], WireError> {
    let end = offset.saturating_add(length);
    bytes.get(offset..end).filter(|content| !content.is_empty()).ok_or(WireError::Truncated {
        field: "cert_table entry",
        wanted: end,
        left: bytes.len(),
    })
}

/// Entries lie after the header and don't overlap, and between them is nothing but zeros.
fn apart(bytes: &[u8], header: usize, spans: &[(usize, usize)]) -> Result<(), WireError> {
    let mut end = header;
    for (offset, length) in spans.iter().copied().chain([(bytes.len(), 0)]) {
        let Some(gap) = bytes.get(end..offset) else {
            return Err(value("cert_table", "entries after the header and apart", format!("one at {offset}")));
        };
        if gap.iter().any(|byte| *byte != 0) {
            return Err(value("cert_table", "zeros around entries", format!("others from {end} to {offset}")));
        }
        end = offset.saturating_add(length);
    }
    Ok(())
}
