//! The first state of a virtual CPU, as VMMs write it. [APM volume 2, table B-4; §14.1.3 for the values after reset]
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::{CpuSignature, Vmm};

/// Where the first processor begins.
pub(super) const RESET_VECTOR: u32 = 0xffff_fff0;

/// What differs between VMMs.
struct Habits {
    cs: u16,
    ss: u16,
    tr: u16,
    pat: u64,
    rdx: u64,
    mxcsr: u32,
    fcw: u16,
}

impl Habits {
    const fn of(vmm: Vmm, address: u32) -> Self {
        const PAT_AFTER_RESET: u64 = 0x0007_0406_0007_0406;
        match vmm {
            Vmm::Qemu { cpu: CpuSignature(signature) } => {
                let [s0, s1, s2, s3] = signature.to_le_bytes();
                let rdx = u64::from_le_bytes([s0, s1, s2, s3, 0, 0, 0, 0]);
                Self { cs: 0x9b, ss: 0x93, tr: 0x8b, pat: PAT_AFTER_RESET, rdx, mxcsr: 0x1f80, fcw: 0x37f }
            }
            Vmm::Ec2 => {
                let cs = if address == RESET_VECTOR { 0x9a } else { 0x9b };
                Self { cs, ss: 0x92, tr: 0x83, pat: PAT_AFTER_RESET, rdx: 0x600, mxcsr: 0, fcw: 0 }
            }
            Vmm::Gce => Self { cs: 0x9b, ss: 0x93, tr: 0x8b, pat: 0x0007_0106, rdx: 0x600, mxcsr: 0, fcw: 0 },
        }
    }
}

/// The page of a processor that begins at `address`.
pub(super) fn page(address: u32, features: u64, vmm: Vmm) -> Vec<u8> {
    let habits = Habits::of(vmm, address);
    let mut page = Page(vec![0; 0x1000]);
    // Segments: ES, CS, SS, DS, FS, GS, GDTR, LDTR, IDTR, TR.
    page.segment(0x00, 0, 0x93, 0);
    page.segment(0x10, 0xf000, habits.cs, address & 0xffff_0000);
    page.segment(0x20, 0, habits.ss, 0);
    page.segment(0x30, 0, 0x93, 0);
    page.segment(0x40, 0, 0x93, 0);
    page.segment(0x50, 0, 0x93, 0);
    page.segment(0x60, 0, 0, 0);
    page.segment(0x70, 0, 0x82, 0);
    page.segment(0x80, 0, 0, 0);
    page.segment(0x90, 0, habits.tr, 0);
    // EFER (SVME, which KVM sets), CR4 (MCE), CR0, DR7, DR6, RFLAGS, RIP.
    page.u64(0x0d0, 0x1000);
    page.u64(0x148, 0x40);
    page.u64(0x158, 0x10);
    page.u64(0x160, 0x400);
    page.u64(0x168, 0xffff_0ff0);
    page.u64(0x170, 2);
    page.u64(0x178, u64::from(address & 0xffff));
    // PAT, RDX, SEV_FEATURES, XCR0, MXCSR, x87 control word.
    page.u64(0x268, habits.pat);
    page.u64(0x310, habits.rdx);
    page.u64(0x3b0, features);
    page.u64(0x3e8, 1);
    page.put(0x408, &habits.mxcsr.to_le_bytes());
    page.put(0x410, &habits.fcw.to_le_bytes());
    page.0
}

struct Page(Vec<u8>);

impl Page {
    fn put(&mut self, offset: usize, bytes: &[u8]) {
        self.0.iter_mut().skip(offset).zip(bytes).for_each(|(to, from)| *to = *from);
    }

    fn u64(&mut self, offset: usize, value: u64) {
        self.put(offset, &value.to_le_bytes());
    }

    /// Selector u16 ‖ attributes u16 ‖ limit u32 ‖ base u64.
    fn segment(&mut self, offset: usize, selector: u16, attributes: u16, base: u32) {
        let head = u32::from(selector) | (u32::from(attributes) << 16);
        let bytes = [head.to_le_bytes(), 0xffff_u32.to_le_bytes(), base.to_le_bytes(), [0; 4]];
        self.put(offset, &bytes.concat());
    }
}
