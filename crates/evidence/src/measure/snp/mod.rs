//! AMD SEV-SNP: the launch digest that the report's `MEASUREMENT` holds.
//!
//! 1. The firmware's pages, from where it begins below 4 GiB. [56860 §8.17.2, PAGE_TYPE_NORMAL]
//! 2. The sections of the firmware's SEV metadata, in their order: zero pages, secrets, CPUID, and the page of kernel hashes (EC2:
//!    CPUID last). [edk2, OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm]
//! 3. A VMSA page for each virtual CPU, as the VMM fills it. [APM volume 2, table B-4; 56860 §8.17.2, PAGE_TYPE_VMSA]
//!
//! Each page extends the digest: `SHA-384(PAGE_INFO)`, which begins with the digest before it. [56860 §8.17.2, table 67]
//! The numbers agree with those of `sev-snp-measure` 0.0.13. Not predicted: launches with an SVSM, and IGVM images.
//!
//! ```
//! use casemate_evidence::measure::{Kernel, MeasureError, snp::{CpuSignature, Launch, Vmm}};
//!
//! /// What `qemu -cpu EPYC-Milan -smp 4 -kernel … -initrd … -append …` reports.
//! fn reference_value(firmware: &[u8], image: &[u8], initrd: &[u8]) -> Result<[u8; 48], MeasureError> {
//!     Launch {
//!         firmware,
//!         kernel: Some(Kernel { image, initrd: Some(initrd), command_line: "console=ttyS0" }),
//!         vcpus: 4,
//!         guest_features: 1,
//!         vmm: Vmm::Qemu { cpu: CpuSignature::EPYC_MILAN },
//!     }
//!     .digest()
//! }
//! # assert!(reference_value(&[], &[], &[]).is_err());
//! ```

mod hashes;
mod metadata;
mod vmsa;

use super::{
    Kernel, MeasureError,
    footer::{FIRMWARE_END, Firmware, PAGE_BYTES, guid},
};
use crate::Hash;
use metadata::{Section, SectionType};

/// The most virtual CPUs that are measured: KVM's bound.
pub const VCPUS_MAX: u32 = 4096;

/// `SEV_FEATURES` bit 0, SNPActive: without it the guest is none of SEV-SNP. [APM volume 2, table B-4]
const SNP_ACTIVE: u64 = 1;

const RESET_BLOCK: [u8; 16] = guid(0x00f7_71de, 0x1a7e, 0x4fcb, [0x89, 0x0e, 0x68, 0xc7, 0x7e, 0x2f, 0xb4, 0x4e]);

/// VMSA pages have the guest address of all ones, of which 52 bits and whole pages count. [56860 §8.17.2]
const VMSA_ADDRESS: u64 = 0xffff_ffff_f000;

/// A launch.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// The OVMF image, all of it: a multiple of 4 KiB.
    pub firmware: &'a [u8],
    /// The kernel whose hashes the launch measures (QEMU's `kernel-hashes=on`), if there is one.
    pub kernel: Option<Kernel<'a>>,
    /// Virtual CPUs, 1 to [`VCPUS_MAX`].
    pub vcpus: u32,
    /// `SEV_FEATURES` of the VMSAs; bit 0 (SNPActive) is always set.
    pub guest_features: u64,
    /// Who fills the VMSAs.
    pub vmm: Vmm,
}

/// The VMMs whose VMSAs are known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Vmm {
    /// Amazon EC2.
    Ec2,
    /// Google Compute Engine.
    Gce,
    /// QEMU with KVM.
    Qemu {
        /// That of QEMU's `-cpu`.
        cpu: CpuSignature,
    },
}

/// What CPUID function 1 gives in EAX: family, model, stepping. [AMD 25481]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CpuSignature(pub u32);

impl CpuSignature {
    /// QEMU's `EPYC`: 23, 1, 2.
    pub const EPYC: Self = Self::new(23, 1, 2);
    /// QEMU's `EPYC-Rome`: 23, 49, 0.
    pub const EPYC_ROME: Self = Self::new(23, 49, 0);
    /// QEMU's `EPYC-Milan`: 25, 1, 1.
    pub const EPYC_MILAN: Self = Self::new(25, 1, 1);
    /// QEMU's `EPYC-Genoa`: 25, 17, 0.
    pub const EPYC_GENOA: Self = Self::new(25, 17, 0);
    /// QEMU's `EPYC-Turin`: 26, 0, 0.
    pub const EPYC_TURIN: Self = Self::new(26, 0, 0);

    /// The signature of a processor, its stepping below 16.
    #[must_use]
    pub const fn new(family: u8, model: u8, stepping: u8) -> Self {
        let (base, extended) = if family > 0xf { (0xf, family.saturating_sub(0xf)) } else { (family, 0) };
        let low = [(base << 4) >> 4, (model << 4) | (stepping & 0xf)];
        Self(u32::from_be_bytes([extended >> 4, (extended << 4) | (model >> 4), low[0], low[1]]))
    }
}

impl Launch<'_> {
    /// The launch digest.
    ///
    /// # Errors
    /// [`MeasureError`]: the firmware has no SEV metadata, or it is ambiguous; there is a kernel, but no page for its hashes; a
    /// setting is out of its bounds.
    pub fn digest(&self) -> Result<[u8; 48], MeasureError> {
        if self.vcpus == 0 || self.vcpus > VCPUS_MAX {
            return Err(MeasureError::value("vcpus", "1 to 4096", self.vcpus));
        }
        if self.guest_features & SNP_ACTIVE == 0 {
            return Err(MeasureError::value("SEV_FEATURES", "SNPActive", format!("{:#x}", self.guest_features)));
        }
        if let Some(kernel) = &self.kernel {
            kernel.check()?;
        }
        let firmware = Firmware::parse(self.firmware)?;
        MeasureError::aligned("firmware's size", super::error::wide(self.firmware.len()), PAGE_BYTES)?;
        let reset = reset_address(&firmware)?;
        let sections = metadata::sections(&firmware)?;

        // 1. Firmware.
        let mut digest = LaunchDigest::default();
        digest.normal(firmware.address(), self.firmware);
        // 2. Sections.
        for section in self.ordered(&sections) {
            self.section(&mut digest, section, &firmware)?;
        }
        let has_hashes = sections.iter().any(|section| section.kind == SectionType::KernelHashes);
        if self.kernel.is_some() && !has_hashes {
            let remedy = "take an OVMF built from OvmfPkg/AmdSev";
            return Err(MeasureError::Absent { part: "SNP_KERNEL_HASHES section for the kernel", remedy });
        }
        // 3. VMSAs: the first processor's, and that of all others.
        let page = |address| vmsa::page(address, self.guest_features, self.vmm);
        let first = Hash::Sha384.of(&[&page(vmsa::RESET_VECTOR)]);
        let others = Hash::Sha384.of(&[&page(reset)]);
        digest.update(PageType::Vmsa, VMSA_ADDRESS, first.as_ref());
        (1..self.vcpus).for_each(|_| digest.update(PageType::Vmsa, VMSA_ADDRESS, others.as_ref()));
        Ok(digest.0)
    }

    /// EC2 adds CPUID pages after all others.
    fn ordered<'s>(&self, sections: &'s [Section]) -> impl Iterator<Item = &'s Section> {
        let is_last = |section: &&Section| section.kind == SectionType::Cpuid;
        let is_ec2 = self.vmm == Vmm::Ec2;
        let first = sections.iter().filter(move |section| !(is_ec2 && is_last(section)));
        first.chain(sections.iter().filter(move |section| is_ec2 && is_last(section)))
    }

    fn section(
        &self,
        digest: &mut LaunchDigest,
        section: &Section,
        firmware: &Firmware<'_>,
    ) -> Result<(), MeasureError> {
        let zeros = [0; 48];
        match (section.kind, &self.kernel) {
            (SectionType::Memory, _) if self.vmm == Vmm::Gce => {
                section.pages().for_each(|page| digest.update(PageType::Unmeasured, page, &zeros));
            }
            (SectionType::Memory | SectionType::Svsm, _) | (SectionType::KernelHashes, None) => {
                section.pages().for_each(|page| digest.update(PageType::Zero, page, &zeros));
            }
            (SectionType::Secrets, _) => digest.update(PageType::Secrets, section.address, &zeros),
            (SectionType::Cpuid, _) => digest.update(PageType::Cpuid, section.address, &zeros),
            (SectionType::KernelHashes, Some(kernel)) => {
                digest.normal(section.address, &hashes::page(kernel, firmware, section)?);
            }
        }
        Ok(())
    }
}

/// Where processors but the first begin.
fn reset_address(firmware: &Firmware<'_>) -> Result<u32, MeasureError> {
    let found = firmware.entry::<4>("SEV-ES reset block", &RESET_BLOCK)?;
    let remedy = "take an OVMF that starts SEV-ES guests";
    let address = found.ok_or(MeasureError::Absent { part: "SEV-ES reset block in the firmware", remedy })?;
    match u32::from_le_bytes(address) {
        0 => Err(MeasureError::value("SEV-ES reset block", "an address", 0)),
        address => Ok(address),
    }
}

/// PAGE_TYPE. [56860 §8.17.2, table 65]
#[derive(Clone, Copy, Debug)]
enum PageType {
    Normal,
    Vmsa,
    Zero,
    Unmeasured,
    Secrets,
    Cpuid,
}

impl PageType {
    const fn number(self) -> u8 {
        match self {
            Self::Normal => 1,
            Self::Vmsa => 2,
            Self::Zero => 3,
            Self::Unmeasured => 4,
            Self::Secrets => 5,
            Self::Cpuid => 6,
        }
    }
}

/// The digest, page after page.
struct LaunchDigest([u8; 48]);

impl Default for LaunchDigest {
    fn default() -> Self {
        Self([0; 48])
    }
}

impl LaunchDigest {
    fn normal(&mut self, address: u64, bytes: &[u8]) {
        let addresses = (address..FIRMWARE_END).step_by(0x1000);
        for (page, address) in bytes.chunks(0x1000).zip(addresses) {
            self.update(PageType::Normal, address, Hash::Sha384.of(&[page]).as_ref());
        }
    }

    /// PAGE_INFO: digest 48 ‖ contents 48 ‖ length u16 ‖ PAGE_TYPE ‖ IMI_PAGE ‖ VMPL3 ‖ VMPL2 ‖ VMPL1 ‖ 0 ‖ GPA u64.
    fn update(&mut self, kind: PageType, address: u64, contents: &[u8]) {
        let head = [0x70, 0, kind.number(), 0, 0, 0, 0, 0];
        let next = Hash::Sha384.of(&[&self.0, contents, &head, &address.to_le_bytes()]);
        self.0.iter_mut().zip(next.as_ref()).for_each(|(byte, next)| *byte = *next);
    }
}
