//! An OVMF image of our own, with each field of its tables open to mutation.

use crate::noise;

/// A GUID of its text, as it lies in memory.
pub(crate) fn guid(text: &str) -> Vec<u8> {
    let bytes = hex::decode(text.replace('-', "")).unwrap();
    let swapped = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    swapped.iter().map(|place| bytes[*place]).collect()
}

pub(crate) const SEV: &str = "dc886566-984a-4798-a75e-5585a7bf67cc";
pub(crate) const HASHES: &str = "7255371f-3a3b-4b04-927b-1da6efa8d454";
pub(crate) const RESET: &str = "00f771de-1a7e-4fcb-890e-68c77e2fb44e";
pub(crate) const TDVF: &str = "e47a6535-984a-4798-865e-4685a7bf8ec2";
pub(crate) const FOOTER: &str = "96b582de-1fb2-45f7-baea-a366c55a082d";

/// Address, size, type.
pub(crate) type SevSection = (u32, u32, u32);

/// Data offset, data size, address, memory size, type, attributes.
pub(crate) type TdvfSection = (u32, u32, u64, u64, u32, u32);

/// An image of 64 KiB, unless `size` says otherwise.
#[derive(Clone)]
pub(crate) struct Ovmf {
    pub(crate) size: usize,
    pub(crate) entries: Vec<(&'static str, Vec<u8>)>,
    pub(crate) footer: &'static str,
    pub(crate) sev_signature: [u8; 4],
    pub(crate) sev_version: u32,
    pub(crate) sev_size_off_by: i32,
    pub(crate) sev: Vec<SevSection>,
    pub(crate) tdvf_signature: [u8; 4],
    pub(crate) tdvf_version: u32,
    pub(crate) tdvf_length_off_by: i32,
    pub(crate) tdvf: Vec<TdvfSection>,
}

pub(crate) const SEV_AT: usize = 0x800;
pub(crate) const TDVF_AT: usize = 0x1000;

impl Default for Ovmf {
    fn default() -> Self {
        let at = |offset: usize| u32::try_from(offset).unwrap().to_le_bytes().to_vec();
        Self {
            size: 0x1_0000,
            entries: vec![
                (TDVF, at(TDVF_AT)),
                (SEV, at(SEV_AT)),
                (HASHES, [0x0001_0c00_u32.to_le_bytes(), 0x400_u32.to_le_bytes()].concat()),
                (RESET, 0x0080_b004_u32.to_le_bytes().to_vec()),
                ("11111111-2222-3333-4444-555555555555", noise(40, 9)),
            ],
            footer: FOOTER,
            sev_signature: *b"ASEV",
            sev_version: 1,
            sev_size_off_by: 0,
            sev: vec![
                (0x0080_0000, 0x9000, 1),
                (0x0080_a000, 0x3000, 1),
                (0x0080_d000, 0x1000, 2),
                (0x0080_e000, 0x1000, 3),
                (0x0080_f000, 0x1000, 4),
                (0x0001_0000, 0x1000, 0x10),
                (0x0081_0000, 0x1_0000, 1),
            ],
            tdvf_signature: *b"TDVF",
            tdvf_version: 1,
            tdvf_length_off_by: 0,
            tdvf: vec![
                (0x4000, 0xc000, 0xffff_4000, 0xc000, 0, 1),
                (0, 0x3f80, 0xffff_0000, 0x4000, 1, 0),
                (0x100, 0x180, 0x0082_0000, 0x2000, 5, 1),
                (0, 0, 0x0081_0000, 0x1_0000, 3, 0),
                (0, 0, 0x0080_9000, 0x2000, 2, 0),
                (0, 0, 0x4000_0000, 0x4000_0000, 4, 2),
            ],
        }
    }
}

impl Ovmf {
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut image = noise(self.size, 7);
        let number =
            |value: usize, off_by: i32| u32::try_from(value).unwrap().wrapping_add_signed(off_by).to_le_bytes();
        let mut sev = self.sev_signature.to_vec();
        sev.extend(number(16 + 12 * self.sev.len(), self.sev_size_off_by));
        sev.extend([self.sev_version.to_le_bytes(), number(self.sev.len(), 0)].concat());
        for (address, size, kind) in &self.sev {
            sev.extend([address.to_le_bytes(), size.to_le_bytes(), kind.to_le_bytes()].concat());
        }
        let mut tdvf = self.tdvf_signature.to_vec();
        tdvf.extend(number(16 + 32 * self.tdvf.len(), self.tdvf_length_off_by));
        tdvf.extend([self.tdvf_version.to_le_bytes(), number(self.tdvf.len(), 0)].concat());
        for (offset, size, address, memory, kind, attributes) in &self.tdvf {
            tdvf.extend([offset.to_le_bytes(), size.to_le_bytes()].concat());
            tdvf.extend([address.to_le_bytes(), memory.to_le_bytes()].concat());
            tdvf.extend([kind.to_le_bytes(), attributes.to_le_bytes()].concat());
        }
        let mut put = |from_end: usize, bytes: &[u8]| {
            let start = self.size - from_end;
            image[start..start + bytes.len()].copy_from_slice(bytes);
        };
        put(SEV_AT, &sev);
        put(TDVF_AT, &tdvf);
        let table = self.table();
        put(32 + table.len(), &table);
        image
    }

    fn table(&self) -> Vec<u8> {
        let mut table = Vec::new();
        let size = |data: usize| u16::try_from(data + 18).unwrap().to_le_bytes();
        for (name, data) in &self.entries {
            table.extend(data);
            table.extend(size(data.len()));
            table.extend(guid(name));
        }
        let length = table.len();
        table.extend(size(length));
        table.extend(guid(self.footer));
        table
    }
}
