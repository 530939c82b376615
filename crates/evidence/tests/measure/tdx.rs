//! MRTD, against a plain reading of the design guide in Python, over firmware of our own and Debian's.

use casemate_evidence::measure::{
    MeasureError,
    tdx::{PageOrder, mrtd},
};
use casemate_testkit::{Folder, python};

use crate::{
    assert_refused,
    firmware::{Ovmf, TDVF},
    noise, packaged_firmware,
};

/// Both orders for each image: page by page, then section by section.
const SCRIPT: &str = r"
import hashlib, struct, sys
def mrtd(image, after_section):
    at = image.rindex(bytes.fromhex('35657ae44a989847865e4685a7bf8ec2')) - 2
    start = len(image) - struct.unpack_from('<I', image, at - 4)[0]
    assert image[start:start + 4] == b'TDVF'
    count = struct.unpack_from('<I', image, start + 12)[0]
    digest = hashlib.sha384()
    def block(name, gpa): digest.update(name.ljust(16, b'\0') + struct.pack('<Q', gpa) + bytes(104))
    for number in range(count):
        off, size, gpa, memory, kind, attributes = struct.unpack_from('<IIQQII', image, start + 16 + 32 * number)
        if attributes & 2: continue
        data = image[off:off + size].ljust(memory, b'\0')
        def extend(begin, end):
            for place in range(begin, end, 256):
                block(b'MR.EXTEND', gpa + place)
                digest.update(data[place:place + 256])
        for page in range(0, memory, 4096):
            block(b'MEM.PAGE.ADD', gpa + page)
            if attributes & 1 and not after_section: extend(page, page + 4096)
        if attributes & 1 and after_section: extend(0, memory)
    return digest.hexdigest()
for path in sys.argv[1:]:
    image = open(path, 'rb').read()
    print(mrtd(image, False))
    print(mrtd(image, True))
";

const ORDERS: [PageOrder; 2] = [PageOrder::PageByPage, PageOrder::AfterSection];

#[test]
fn agrees_with_a_plain_reading() {
    let Some(interpreter) = python("agrees_with_a_plain_reading") else { return };
    let (folder, image) = (Folder::new("mrtd"), Ovmf::default().build());
    let path = folder.write("ovmf", &image).unwrap();
    let ours = ORDERS.map(|order| hex::encode(mrtd(&image, order).unwrap()));
    assert_ne!(ours[0], ours[1]);
    assert_eq!(ours.to_vec(), crate::python(&interpreter, SCRIPT, &[&path]));
}

#[test]
fn agrees_on_packaged_firmware() {
    let Some(interpreter) = python("tdx::agrees_on_packaged_firmware") else { return };
    for path in packaged_firmware("tdx::agrees_on_packaged_firmware") {
        let image = std::fs::read(&path).unwrap();
        match mrtd(&image, PageOrder::PageByPage) {
            Ok(_) => {
                let ours = ORDERS.map(|order| hex::encode(mrtd(&image, order).unwrap()));
                assert_eq!(ours.to_vec(), crate::python(&interpreter, SCRIPT, &[&path]), "{}", path.display());
            }
            // A code image without its variables has no bytes for the section that holds them.
            Err(error) => assert!(
                path.ends_with("OVMF.amdsev.fd") || matches!(error, MeasureError::Outside { .. }),
                "{}: {error}",
                path.display()
            ),
        }
    }
}

#[test]
fn what_is_not_extended_does_not_count() {
    let honest = Ovmf::default().build();
    let value = |place: usize| {
        let mut image = honest.clone();
        image[place] ^= 1;
        mrtd(&image, PageOrder::PageByPage).unwrap()
    };
    let plain = mrtd(&honest, PageOrder::PageByPage).unwrap();
    assert_eq!(value(0x2000), plain, "a variable store");
    assert_ne!(value(0x5000), plain, "the boot firmware volume");
}

#[test]
fn crimes() {
    let crimes: [(&str, fn(&mut Ovmf), &str); 16] = [
        ("no_metadata", |o| o.entries.retain(|(guid, _)| *guid != TDVF), "no TDVF metadata"),
        ("metadata_before_the_image", |o| o.entries[0].1 = vec![0, 0, 2, 0], "outside of 0x10000"),
        ("offset_truncated", |o| o.entries[0].1 = vec![0; 2], "takes 4 bytes where 2"),
        ("signature_of_sev", |o| o.tdvf_signature = *b"ASEV", "expected `TDVF`"),
        ("version_0", |o| o.tdvf_version = 0, "`TDVF metadata's version` is 0"),
        ("length_off_by_one", |o| o.tdvf_length_off_by = 1, "`TDVF metadata's length`"),
        ("data_outside", |o| o.tdvf[0].0 = 0x4001, "outside of 0x10000"),
        ("data_longer_than_memory", |o| o.tdvf[0].3 = 0xb000, "that of its data at least"),
        ("address_unaligned", |o| o.tdvf[0].2 += 0x100, "multiple of 0x1000"),
        ("memory_unaligned", |o| o.tdvf[2].3 += 0x100, "multiple of 0x1000"),
        ("unknown_type", |o| o.tdvf[3].4 = 8, "`section's type` is 8"),
        ("unknown_attribute", |o| o.tdvf[3].5 = 4, "`section's attributes` is 0x4"),
        ("extended_and_added_later", |o| o.tdvf[0].5 = 3, "`section's attributes` is 0x3"),
        ("sections_overlap", |o| o.tdvf[4].3 = 0x8000, "begins before the part ahead of it ends"),
        ("vmm_tables_extended", |o| o.tdvf[4].5 = 1, "the VMM writes it"),
        ("memory_without_end", |o| o.tdvf[5].5 = 0, "at most 65536 is measured"),
    ];
    for (crime, mutate, words) in crimes {
        let mut ovmf = Ovmf::default();
        mutate(&mut ovmf);
        assert_refused(crime, mrtd(&ovmf.build(), PageOrder::PageByPage), words);
    }
    let mut unmeasured = Ovmf::default();
    unmeasured.tdvf.iter_mut().for_each(|section| section.5 &= 2);
    assert_refused(
        "nothing_extended",
        mrtd(&unmeasured.build(), PageOrder::PageByPage),
        "no TDVF section that is extended",
    );
}

#[test]
fn damage_never_panics() {
    let ovmf = Ovmf { size: 0x1_0000, ..Ovmf::default() }.build();
    for length in 0..0x1100 {
        assert!(mrtd(&ovmf[ovmf.len() - length..], PageOrder::PageByPage).is_err(), "{length}");
    }
    for triple in noise(1500, 6).chunks_exact(3) {
        let mut damaged = ovmf.clone();
        let place = damaged.len() - 0x1000 + usize::from(u16::from_le_bytes([triple[0], triple[1]])) % 0xd0;
        damaged[place] ^= triple[2];
        let _: Result<[u8; 48], MeasureError> = mrtd(&damaged, PageOrder::AfterSection);
    }
}
