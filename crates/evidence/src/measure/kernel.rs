//! A Linux kernel that firmware starts without a boot loader.

use super::MeasureError;

/// The longest command line that is measured.
pub const COMMAND_LINE_BYTES_MAX: usize = 64 << 10;

/// A Linux kernel that firmware starts without a boot loader: QEMU's `-kernel`, `-initrd` and `-append`.
#[derive(Clone, Copy, Debug)]
pub struct Kernel<'a> {
    /// The image, as the firmware gets it. QEMU before 10.0 fills in its setup header, unless the guest is confidential.
    pub image: &'a [u8],
    /// The initial RAM disk.
    pub initrd: Option<&'a [u8]>,
    /// The command line, without a terminating zero.
    pub command_line: &'a str,
}

impl Kernel<'_> {
    pub(super) fn check(&self) -> Result<(), MeasureError> {
        MeasureError::bound("kernel", self.image.len(), super::IMAGE_BYTES_MAX)?;
        MeasureError::bound("initrd", self.initrd.unwrap_or_default().len(), super::IMAGE_BYTES_MAX)?;
        check_line(self.command_line)
    }
}

/// A command line ends at its first zero, whatever follows.
pub(super) fn check_line(line: &str) -> Result<(), MeasureError> {
    MeasureError::bound("command line", line.len(), COMMAND_LINE_BYTES_MAX)?;
    if line.contains('\0') {
        return Err(MeasureError::value("command line", "no zero within", format!("{line:?}")));
    }
    Ok(())
}
