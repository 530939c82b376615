//! A PE image of our own, with its fields open to mutation.

use crate::noise;

/// PE32+ with sections of 512-byte alignment.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) dos_magic: [u8; 2],
    pub(crate) pe_at: u32,
    pub(crate) signature: [u8; 4],
    /// 0x20b, or 0x10b for PE32.
    pub(crate) magic: u16,
    pub(crate) headers_size: u32,
    pub(crate) directories: u32,
    /// What is added to the number of sections.
    pub(crate) count_off_by: i16,
    /// Name, data, what `VirtualSize` has more than the data.
    pub(crate) sections: Vec<(&'static str, Vec<u8>, i32)>,
    /// Number of a section, and what is added to its place and to its size.
    pub(crate) off_by: (usize, i32, i32),
    /// What follows the sections.
    pub(crate) rest: Vec<u8>,
    pub(crate) certificates: Vec<u8>,
    /// What is added to the certificates' place and size.
    pub(crate) certificates_off_by: (i32, i32),
}

impl Default for Image {
    fn default() -> Self {
        Self {
            dos_magic: *b"MZ",
            pe_at: 0x80,
            signature: *b"PE\0\0",
            magic: 0x20b,
            headers_size: 0x400,
            directories: 16,
            count_off_by: 0,
            sections: vec![(".text", noise(1000, 1), 0), (".data", noise(600, 2), 100), (".reloc", noise(12, 3), 0)],
            off_by: (usize::MAX, 0, 0),
            rest: Vec::new(),
            certificates: Vec::new(),
            certificates_off_by: (0, 0),
        }
    }
}

impl Image {
    /// A UKI: systemd-stub's own sections, and these.
    pub(crate) fn uki(sections: &[(&'static str, &[u8])]) -> Self {
        let mut image = Self::default();
        image.sections.extend(sections.iter().map(|(name, data)| (*name, data.to_vec(), 0)));
        image
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        let optional_size = if self.magic == 0x20b { 112 } else { 96 } + 8 * 16_u16;
        let mut image = self.dos_magic.to_vec();
        image.resize(0x3c, 0x11);
        image.extend(self.pe_at.to_le_bytes());
        image.resize(0x80, 0x22);
        image.extend(self.signature);
        let count = u16::try_from(self.sections.len()).unwrap().wrapping_add_signed(self.count_off_by);
        image.extend([0x8664_u16.to_le_bytes(), count.to_le_bytes()].concat());
        image.extend([0; 12]);
        image.extend([optional_size.to_le_bytes(), 0x206_u16.to_le_bytes()].concat());
        let optional = image.len();
        image.extend(self.magic.to_le_bytes());
        image.resize(optional + 32, 0);
        image.extend([0x1000_u32.to_le_bytes(), 0x200_u32.to_le_bytes()].concat());
        image.resize(optional + 56, 0);
        image.extend([0x10_0000_u32.to_le_bytes(), self.headers_size.to_le_bytes(), *b"SUM!"].concat());
        image.extend(10_u16.to_le_bytes());
        image.resize(optional + usize::from(optional_size) - 8 * 16 - 4, 0);
        image.extend(self.directories.to_le_bytes());
        let security = image.len() + 32;
        image.resize(image.len() + 8 * 16, 0);
        let mut offset = 0x400_u32;
        let mut body = Vec::new();
        for (number, (name, data, more)) in self.sections.iter().enumerate() {
            let off_by = if number == self.off_by.0 { self.off_by } else { (0, 0, 0) };
            let raw = u32::try_from(data.len().next_multiple_of(0x200)).unwrap();
            let mut name = name.as_bytes().to_vec();
            name.resize(8, 0);
            image.extend(name);
            image.extend(u32::try_from(data.len()).unwrap().wrapping_add_signed(*more).to_le_bytes());
            image.extend((0x1000 * (u32::try_from(number).unwrap() + 1)).to_le_bytes());
            image.extend(raw.wrapping_add_signed(off_by.2).to_le_bytes());
            image.extend(offset.wrapping_add_signed(off_by.1).to_le_bytes());
            image.extend([0; 12]);
            image.extend(0x4000_0040_u32.to_le_bytes());
            body.extend(data);
            body.resize(body.len().next_multiple_of(0x200), 0);
            offset += raw;
        }
        image.resize(0x400, 0);
        image.extend(body);
        image.extend(&self.rest);
        if !self.certificates.is_empty() {
            let place = u32::try_from(image.len()).unwrap().wrapping_add_signed(self.certificates_off_by.0);
            let size = u32::try_from(self.certificates.len()).unwrap().wrapping_add_signed(self.certificates_off_by.1);
            image[security..security + 4].copy_from_slice(&place.to_le_bytes());
            image[security + 4..security + 8].copy_from_slice(&size.to_le_bytes());
            image.extend(&self.certificates);
        }
        image
    }

    /// The bytes that Authenticode hashes of an honest image, by where this builder puts things.
    pub(crate) fn hashed(&self) -> Vec<u8> {
        let image = self.build();
        let directories = 0x98 + if self.magic == 0x20b { 112 } else { 96 };
        let end = image.len() - self.certificates.len();
        [&image[..0xd8], &image[0xdc..directories + 32], &image[directories + 40..end]].concat()
    }
}
