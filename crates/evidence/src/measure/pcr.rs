//! TPM: PCR 4, 9, 11 and 12 of a Linux kernel that UEFI firmware starts, directly or as a unified kernel image (UKI).
//!
//! | PCR | what | by whom |
//! | --- | --- | --- |
//! | 4 | the boot attempt, a separator, the Authenticode digest of each image loaded | firmware [PFP §3.3.4.5] |
//! | 9 | load options (the command line in UTF-16), initial RAM disk | Linux's EFI stub [drivers/firmware/efi/libstub] |
//! | 11 | name and contents of each section, in the order of `UnifiedSection` | systemd-stub [src/fundamental/uki.h] |
//! | 12 | load options that override the UKI's command line | systemd-stub |
//!
//! PCR 8 stays zero: only GRUB extends it. For a UKI PCR 9 isn't predicted, as systemd-stub makes RAM disks of its own. A TDX guest
//! without a TPM has the same events of PCR 8 to 15 in RTMR 2 [UEFI 2.10 §38.4.1].
//!
//! ```
//! use casemate_evidence::{Hash, measure::{MeasureError, pcr::{Loader, Start, Stub, Uki}}};
//!
//! /// PCR 11 in the bank of SHA-256, as a service in the initial RAM disk can unseal with it.
//! fn reference_value(image: &[u8]) -> Result<Option<Vec<u8>>, MeasureError> {
//!     let (stub, loader, start) = (Stub::V254, Loader::Firmware, Start::BootOption);
//!     let uki = Uki { image, stub, loader, start, load_options: None };
//!     Ok(uki.predict(Hash::Sha256)?.value_after(11, &["enter-initrd"]))
//! }
//! # assert!(reference_value(b"MZ").is_err());
//! ```

mod uki;

use std::collections::BTreeSet;

use super::{Kernel, MeasureError, pe::authenticode};
use crate::{Hash, eventlog::EventKind};

pub use uki::{Loader, Stub, Uki};

const APPLICATIONS: u32 = 4;
const KERNEL_INITRD: u32 = 9;

/// Tagged events of Linux's EFI stub. [drivers/firmware/efi/libstub/efistub.h]
const INITRD_TAG: u32 = 0x8f3b_22ec;
const LOAD_OPTIONS_TAG: u32 = 0x8f3b_22ed;

const EV_SEPARATOR: EventKind = EventKind(4);
const EV_EVENT_TAG: EventKind = EventKind(6);
const EV_IPL: EventKind = EventKind(0xd);
const EV_EFI_BOOT_SERVICES_APPLICATION: EventKind = EventKind(0x8000_0003);
const EV_EFI_ACTION: EventKind = EventKind(0x8000_0007);

/// How firmware comes to the first image.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Start {
    /// From a boot option: the boot attempt is measured, the separator, then the image.
    BootOption,
    /// From QEMU's `-kernel`, by OVMF: the image is loaded, and measured, before the boot attempt.
    QemuKernel,
}

/// A Linux kernel with an EFI stub that OVMF starts from QEMU's `-kernel`, `-initrd` and `-append`.
#[derive(Clone, Copy, Debug)]
pub struct Direct<'a> {
    /// Kernel, initial RAM disk and command line. OVMF adds ` initrd=initrd` to the command line if there is a RAM disk.
    pub kernel: Kernel<'a>,
}

/// An event as it is expected in the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PredictedEvent {
    /// The PCR.
    pub register: u32,
    /// The type.
    pub kind: EventKind,
    /// The digest that the PCR is extended with.
    pub digest: Vec<u8>,
    /// What the log shows; `None` where it has addresses in memory or device paths.
    pub data: Option<Vec<u8>>,
}

/// What a boot measures, in the bank of one hash function.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Prediction {
    hash: Hash,
    events: Vec<PredictedEvent>,
}

impl Prediction {
    const fn new(hash: Hash) -> Self {
        Self { hash, events: Vec::new() }
    }

    /// The bank.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// The events of the PCRs that are predicted, in their order.
    #[must_use]
    pub fn events(&self) -> &[PredictedEvent] {
        &self.events
    }

    /// Every PCR that is extended, ascending, with the value that the boot leaves in it.
    #[must_use]
    pub fn values(&self) -> Vec<(u32, Vec<u8>)> {
        let registers: BTreeSet<u32> = self.events.iter().map(|event| event.register).collect();
        registers.into_iter().filter_map(|register| Some((register, self.value(register)?))).collect()
    }

    /// The value that the boot leaves in a PCR; `None` if it isn't extended.
    #[must_use]
    pub fn value(&self, register: u32) -> Option<Vec<u8>> {
        self.value_after(register, &[])
    }

    /// The value of a PCR after programs measured these words as well: for PCR 11, the phases of systemd-pcrphase, such as
    /// `enter-initrd`, `leave-initrd`, `sysinit` and `ready`.
    #[must_use]
    pub fn value_after(&self, register: u32, words: &[&str]) -> Option<Vec<u8>> {
        let words = words.iter().map(|word| self.hash.of(&[word.as_bytes()]).as_ref().to_vec());
        let digests: Vec<Vec<u8>> = self.digests(|one| one == register).map(<[u8]>::to_vec).chain(words).collect();
        self.extended(digests.iter().map(Vec::as_slice))
    }

    /// The value of a TDX guest's RTMR 2, which has the events of PCR 8 to 15; of use in the bank of SHA-384. `None` if nothing
    /// is measured into it.
    #[must_use]
    pub fn rtmr_2(&self) -> Option<Vec<u8>> {
        self.extended(self.digests(|register| (8..=15).contains(&register)))
    }

    fn digests(&self, is_meant: impl Fn(u32) -> bool) -> impl Iterator<Item = &[u8]> {
        self.events.iter().filter(move |event| is_meant(event.register)).map(|event| event.digest.as_slice())
    }

    fn extended<'d>(&self, digests: impl Iterator<Item = &'d [u8]>) -> Option<Vec<u8>> {
        digests.fold(None, |value, digest| {
            let value = value.unwrap_or_else(|| vec![0; self.hash.size_bytes()]);
            Some(self.hash.of(&[&value, digest]).as_ref().to_vec())
        })
    }

    fn push(&mut self, register: u32, kind: EventKind, measured: &[&[u8]], data: Vec<u8>) {
        let digest = self.hash.of(measured).as_ref().to_vec();
        self.events.push(PredictedEvent { register, kind, digest, data: Some(data) });
    }

    /// An image that firmware loads.
    fn application(&mut self, image: &[u8]) -> Result<(), MeasureError> {
        let digest = authenticode(image, self.hash)?;
        let kind = EV_EFI_BOOT_SERVICES_APPLICATION;
        self.events.push(PredictedEvent { register: APPLICATIONS, kind, digest, data: None });
        Ok(())
    }

    /// PCR 4 up to the start of the first image.
    fn start(&mut self, start: Start, image: &[u8]) -> Result<(), MeasureError> {
        const ACTION: &[u8] = b"Calling EFI Application from Boot Option";
        if start == Start::QemuKernel {
            self.application(image)?;
        }
        self.push(APPLICATIONS, EV_EFI_ACTION, &[ACTION], ACTION.to_vec());
        self.push(APPLICATIONS, EV_SEPARATOR, &[&[0; 4]], vec![0; 4]);
        if start == Start::BootOption {
            self.application(image)?;
        }
        Ok(())
    }

    /// An event of Linux's EFI stub.
    fn tagged(&mut self, tag: u32, name: &[u8], measured: &[u8]) {
        let length = u32::try_from(name.len()).unwrap_or_default();
        let data = [&tag.to_le_bytes(), &length.to_le_bytes(), name].concat();
        self.push(KERNEL_INITRD, EV_EVENT_TAG, &[measured], data);
    }
}

impl Direct<'_> {
    /// The events and registers.
    ///
    /// # Errors
    /// [`MeasureError`]: the kernel is no PE image, or the command line is too long or has a zero within.
    pub fn predict(&self, hash: Hash) -> Result<Prediction, MeasureError> {
        self.kernel.check()?;
        let mut prediction = Prediction::new(hash);
        prediction.start(Start::QemuKernel, self.kernel.image)?;
        let suffix = self.kernel.initrd.map_or("", |_| " initrd=initrd");
        let line = format!("{}{suffix}", self.kernel.command_line);
        if !line.is_empty() {
            prediction.tagged(LOAD_OPTIONS_TAG, b"LOADED_IMAGE::LoadOptions\0", &utf16(&line));
        }
        if let Some(initrd) = self.kernel.initrd {
            prediction.tagged(INITRD_TAG, b"Linux initrd\0", initrd);
        }
        Ok(prediction)
    }
}

/// UTF-16, with its terminating zero.
fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}
