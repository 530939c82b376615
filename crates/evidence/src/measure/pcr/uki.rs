//! Unified kernel images: systemd-stub with a kernel, its command line and its RAM disk as sections of one PE image.

use super::{EV_IPL, Prediction, Start, utf16};
use crate::{
    Hash,
    measure::{
        MeasureError,
        kernel::check_line,
        pe::{Pe, Section},
    },
};

const KERNEL_BOOT: u32 = 11;
const KERNEL_CONFIG: u32 = 12;

/// Zeros are hashed in pieces.
const ZEROS: [u8; 4096] = [0; 4096];

/// The sections that systemd-stub measures, in its order, with the version that began to. [src/fundamental/uki.h]
const MEASURED: [(&[u8], Stub); 10] = [
    (b".linux", Stub::V252),
    (b".osrel", Stub::V252),
    (b".cmdline", Stub::V252),
    (b".initrd", Stub::V252),
    (b".ucode", Stub::V256),
    (b".splash", Stub::V252),
    (b".dtb", Stub::V252),
    (b".uname", Stub::V254),
    (b".sbat", Stub::V254),
    (b".pcrpkey", Stub::V252),
];

/// Sections of which hardware or a menu chooses what is measured.
const CHOSEN: [&[u8]; 4] = [b".profile", b".dtbauto", b".hwids", b".efifw"];

/// The version of systemd-stub in a UKI: it decides which sections are measured.
///
/// Not predicted: first releases of 252, which measure absent sections too; those of 257, which measure names in place of contents;
/// and from 261 on, which measure separators and SMBIOS objects as well.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Stub {
    /// 252.
    V252,
    /// 254 and 255, which measure `.uname` and `.sbat` as well.
    V254,
    /// 256 to 260, which measure `.ucode` as well.
    V256,
}

/// Who loads the kernel in a UKI.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Loader {
    /// The firmware, asked by the stub, so that PCR 4 has the kernel too: systemd up to 257.
    Firmware,
    /// The stub itself, so that PCR 4 has the UKI alone: systemd from 258 on.
    Stub,
}

/// A unified kernel image, booted without add-ons, credentials and system extensions beside it.
#[derive(Clone, Copy, Debug)]
pub struct Uki<'a> {
    /// The image, with signatures or without.
    pub image: &'a [u8],
    /// The stub in it.
    pub stub: Stub,
    /// Who loads the kernel in it.
    pub loader: Loader,
    /// How the firmware comes to it.
    pub start: Start,
    /// The command line that the stub is started with and uses instead of the image's; with Secure Boot it uses the image's.
    pub load_options: Option<&'a str>,
}

impl Uki<'_> {
    /// The events and registers.
    ///
    /// # Errors
    /// [`MeasureError`]: the image is no PE image, or has no kernel in it; a section comes twice; what is measured depends on the
    /// hardware or on a choice at boot.
    pub fn predict(&self, hash: Hash) -> Result<Prediction, MeasureError> {
        let pe = Pe::parse(self.image)?;
        let mut prediction = Prediction::new(hash);
        prediction.start(self.start, self.image)?;
        if pe.sections().iter().any(|section| CHOSEN.contains(&section.name())) {
            let reason = "profiles and hardware choose among its sections at boot";
            return Err(MeasureError::Unpredictable { part: "the UKI", reason });
        }
        for (name, _) in MEASURED.into_iter().filter(|(_, since)| *since <= self.stub) {
            if let Some(section) = only(&pe, name)? {
                self.section(&mut prediction, &section)?;
            }
        }
        if let Some(line) = self.load_options {
            check_line(line)?;
            let wide = utf16(line);
            prediction.push(KERNEL_CONFIG, EV_IPL, &[&wide], wide.clone());
        }
        let remedy = "take an image that ukify or objcopy made";
        let kernel =
            only(&pe, b".linux")?.ok_or(MeasureError::Absent { part: "`.linux` section in the UKI", remedy })?;
        let (kernel, zeros) = kernel.memory()?;
        let kernel = [kernel, &vec![0; zeros]].concat();
        match self.loader {
            Loader::Firmware => prediction.application(&kernel)?,
            Loader::Stub => drop(Pe::parse(&kernel)?),
        }
        Ok(prediction)
    }

    /// Its name with the terminating zero, and its memory.
    fn section(&self, prediction: &mut Prediction, section: &Section<'_>) -> Result<(), MeasureError> {
        let name = [section.name(), &[0]].concat();
        let (data, zeros) = section.memory()?;
        let mut parts = vec![data];
        let mut left = zeros;
        while let Some(piece) = ZEROS.get(..left.min(ZEROS.len())).filter(|piece| !piece.is_empty()) {
            parts.push(piece);
            left = left.saturating_sub(piece.len());
        }
        let shown = utf16(&String::from_utf8_lossy(section.name()));
        prediction.push(KERNEL_BOOT, EV_IPL, &[&name], shown.clone());
        prediction.push(KERNEL_BOOT, EV_IPL, &parts, shown);
        Ok(())
    }
}

/// The section of that name, if there is one: stubs differ in which of two they take.
fn only<'a>(pe: &Pe<'a>, name: &[u8]) -> Result<Option<Section<'a>>, MeasureError> {
    let mut found = pe.sections().iter().filter(|section| section.name() == name);
    let first = found.next().copied();
    if found.next().is_some() {
        return Err(MeasureError::Duplicate { part: String::from_utf8_lossy(name).into_owned() });
    }
    Ok(first)
}
