//! PCRs of enclave image files, against a plain reading of the format in Python.

use casemate_evidence::measure::nitro::pcrs;
use casemate_testkit::{Folder, cbor, python};

use crate::{assert_refused, noise};

/// PCR 0, 1, 2, then 8 or `-`.
const SCRIPT: &str = r"
import base64, hashlib, struct, sys, zlib
eif = open(sys.argv[1], 'rb').read()
count = struct.unpack_from('>H', eif, 26)[0]
offsets, sizes = struct.unpack_from('>32Q', eif, 28), struct.unpack_from('>32Q', eif, 284)
assert zlib.crc32(eif[548:], zlib.crc32(eif[:544])) == struct.unpack_from('>I', eif, 544)[0]
image, boot, app, pem, disks = b'', b'', b'', None, 0
for offset, size in list(zip(offsets, sizes))[:count]:
    kind = struct.unpack_from('>H', eif, offset)[0]
    data = eif[offset + 12:offset + 12 + size]
    if kind in (1, 2, 3): image += data
    if kind in (1, 2) or kind == 3 and disks == 0: boot += data
    elif kind == 3: app += data
    if kind == 3: disks += 1
    if kind == 4: pem = open(sys.argv[2], 'rb').read()
pcr = lambda data: hashlib.sha384(bytes(48) + hashlib.sha384(data).digest()).hexdigest()
print(pcr(image)); print(pcr(boot)); print(pcr(app))
print('-' if pem is None else pcr(base64.b64decode(b''.join(pem.split(b'\n')[1:-2]))))
";

const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIBAQIBAgMEBQYHCAkKCwwNDg8=\n-----END CERTIFICATE-----\n";

#[derive(Clone)]
struct Eif {
    magic: [u8; 4],
    version: u16,
    flags: u16,
    reserved: u16,
    count_off_by: i16,
    sections: Vec<(u16, Vec<u8>)>,
    /// Number, what is added to its offset, to its size in the header, to its size in the section.
    off_by: (usize, i64, i64, i64),
    /// A section that the header doesn't count.
    stray: (u64, u64),
    section_flags: u16,
    unused: u32,
    checksum_off_by: u32,
    trailing: Vec<u8>,
}

impl Default for Eif {
    fn default() -> Self {
        Self {
            magic: *b".eif",
            version: 4,
            flags: 0,
            reserved: 0,
            count_off_by: 0,
            sections: vec![
                (1, noise(3000, 1)),
                (2, b"reboot=k panic=30\0".to_vec()),
                (5, br#"{"ImageName":"ours"}"#.to_vec()),
                (3, noise(2000, 2)),
                (3, noise(1000, 3)),
                (3, noise(10, 4)),
                (4, signature(PEM)),
            ],
            off_by: (0, 0, 0, 0),
            stray: (0, 0),
            section_flags: 0,
            unused: 0,
            checksum_off_by: 0,
            trailing: Vec::new(),
        }
    }
}

fn signature(pem: &str) -> Vec<u8> {
    let numbers =
        |bytes: &[u8]| cbor::array(&bytes.iter().map(|byte| cbor::number(i64::from(*byte))).collect::<Vec<_>>());
    let mut map = cbor::head(5, 2);
    map.extend([cbor::text("signing_certificate"), numbers(pem.as_bytes())].concat());
    map.extend([cbor::text("signature"), numbers(&[0x84, 1, 255])].concat());
    cbor::array(&[map])
}

/// CRC-32, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

impl Eif {
    fn build(&self) -> Vec<u8> {
        let (mut offsets, mut sizes, mut body) = ([0_u64; 32], [0_u64; 32], Vec::new());
        for (number, (kind, data)) in self.sections.iter().enumerate() {
            let off_by = if number == self.off_by.0 { self.off_by } else { (0, 0, 0, 0) };
            let size = data.len() as u64;
            offsets[number] = (548 + body.len() as u64).wrapping_add_signed(off_by.1);
            sizes[number] = size.wrapping_add_signed(off_by.2);
            body.extend([kind.to_be_bytes(), self.section_flags.to_be_bytes()].concat());
            body.extend(size.wrapping_add_signed(off_by.3).to_be_bytes());
            body.extend(data);
        }
        if self.stray != (0, 0) {
            (offsets[31], sizes[31]) = self.stray;
        }
        body.extend(&self.trailing);
        let mut eif = self.magic.to_vec();
        eif.extend([self.version.to_be_bytes(), self.flags.to_be_bytes()].concat());
        eif.extend([(1_u64 << 30).to_be_bytes(), 2_u64.to_be_bytes()].concat());
        let count = u16::try_from(self.sections.len()).unwrap().wrapping_add_signed(self.count_off_by);
        eif.extend([self.reserved.to_be_bytes(), count.to_be_bytes()].concat());
        eif.extend(offsets.iter().chain(&sizes).flat_map(|number| number.to_be_bytes()));
        eif.extend(self.unused.to_be_bytes());
        let checksum = crc(&[eif.as_slice(), &body].concat()).wrapping_add(self.checksum_off_by);
        eif.extend(checksum.to_be_bytes());
        eif.extend(body);
        eif
    }
}

#[test]
fn agrees_with_a_plain_reading() {
    let Some(interpreter) = python("agrees_with_a_plain_reading") else { return };
    let folder = Folder::new("eif");
    let pem = folder.write("pem", PEM).unwrap();
    let unsigned: Vec<_> = Eif::default().sections.into_iter().filter(|(kind, _)| *kind != 4).collect();
    let one_disk = unsigned[..4].to_vec();
    for (case, eif) in [
        ("signed", Eif::default()),
        ("unsigned", Eif { sections: unsigned.clone(), ..Eif::default() }),
        ("one_disk", Eif { sections: one_disk.clone(), flags: 1, ..Eif::default() }),
        (
            "version_3",
            Eif {
                sections: one_disk.into_iter().filter(|(kind, _)| *kind != 5).collect(),
                version: 3,
                ..Eif::default()
            },
        ),
    ] {
        let bytes = eif.build();
        let path = folder.write(case, &bytes).unwrap();
        let ours = pcrs(&bytes).unwrap();
        let certificate = ours.certificate.map_or("-".to_owned(), hex::encode);
        let rows = [hex::encode(ours.image), hex::encode(ours.bootstrap), hex::encode(ours.application), certificate];
        assert_eq!(rows.to_vec(), crate::python(&interpreter, SCRIPT, &[&path, &pem]), "{case}");
    }
}

#[test]
fn pcr_2_of_one_disk_is_that_of_no_application() {
    let sections = Eif::default().sections[..4].to_vec();
    let found = pcrs(&Eif { sections, ..Eif::default() }.build()).unwrap();
    assert_eq!(found.certificate, None);
    assert_eq!(found.image, found.bootstrap);
    // 48 zeros extended with the digest of nothing: an image whose application is in its first RAM disk.
    let of_nothing = "21b9efbc184807662e966d34f390821309eeac6802309798826296bf3e8bec7c10edb30948c90ba67310f7b964fc500a";
    assert_eq!(hex::encode(found.application), of_nothing);
}

#[test]
fn metadata_is_in_no_register() {
    let mut other = Eif::default();
    other.sections[2].1 = b"{}".to_vec();
    assert_eq!(pcrs(&other.build()), pcrs(&Eif::default().build()));
}

#[test]
fn crimes() {
    let crimes: [(&str, fn(&mut Eif), &str); 27] = [
        ("magic_of_elf", |e| e.magic = *b"\x7fELF", "`EIF's magic`"),
        ("version_2", |e| e.version = 2, "`EIF's version` is 2"),
        ("version_5", |e| e.version = 5, "`EIF's version` is 5"),
        ("unknown_flag", |e| e.flags = 0x40, "`EIF's flags` is 0x40"),
        ("reserved_not_zero", |e| e.reserved = 1, "`EIF's reserved field`"),
        ("unused_not_zero", |e| e.unused = 1, "`EIF's unused field`"),
        ("too_many_sections", |e| e.count_off_by = 26, "at most 32"),
        ("section_not_counted", |e| e.count_off_by = -1, "`EIF's section offsets`"),
        ("stray_offset", |e| e.stray = (548, 0), "`EIF's section offsets`"),
        ("stray_size", |e| e.stray = (0, 1), "`EIF's section sizes`"),
        ("checksum_wrong", |e| e.checksum_off_by = 1, "the checksum is"),
        ("trailing_byte", |e| e.trailing = vec![0], "1 bytes follow"),
        ("sections_overlap", |e| e.off_by = (1, -1, 0, 0), "begins before the part ahead of it ends"),
        ("gap_between_sections", |e| e.off_by = (1, 1, 0, 0), "the end of what comes before"),
        ("section_in_the_header", |e| e.off_by = (0, -4, 0, 0), "begins before"),
        ("size_of_the_header_alone", |e| e.off_by = (0, 0, 1, 0), "that of the EIF's header"),
        ("size_of_the_section_alone", |e| e.off_by = (0, 0, 0, 1), "that of the EIF's header"),
        ("size_without_end", |e| e.off_by = (6, 0, i64::MAX, i64::MAX), "outside of"),
        ("section_flags", |e| e.section_flags = 1, "`section's flags`"),
        ("section_of_unknown_type", |e| e.sections[5].0 = 6, "`section's type` is 6"),
        ("kernel_twice", |e| e.sections[5].0 = 1, "comes twice"),
        ("metadata_twice", |e| e.sections[5].0 = 5, "`metadata section` comes twice"),
        ("signature_twice", |e| e.sections[5].0 = 4, "`signature section` comes twice"),
        ("command_line_before_the_kernel", |e| e.sections.swap(0, 1), "kernel and command line first"),
        ("no_metadata", |e| drop(e.sections.remove(2)), "no metadata section"),
        ("no_disk", |e| e.sections.retain(|(kind, _)| *kind != 3), "no RAM disk"),
        ("metadata_in_version_3", |e| e.version = 3, "one that its version has"),
    ];
    for (crime, mutate, words) in crimes {
        let mut eif = Eif::default();
        mutate(&mut eif);
        assert_refused(crime, pcrs(&eif.build()), words);
    }
}

#[test]
fn crimes_against_the_signature() {
    let key = signature(&PEM.replace("CERTIFICATE", "PUBLIC KEY"));
    let two = signature(&PEM.repeat(2));
    let mut trailing = signature(PEM);
    trailing.push(0);
    let bytes =
        cbor::array(&[[cbor::head(5, 1), cbor::text("signing_certificate"), cbor::bytes(PEM.as_bytes())].concat()]);
    let words =
        cbor::array(&[
            [cbor::head(5, 1), cbor::text("signing_certificate"), cbor::array(&[cbor::number(256)])].concat()
        ]);
    for (crime, data, words) in [
        ("not_cbor", b"\xff".to_vec(), "signature section"),
        ("no_signature", cbor::array(&[]), "one signature"),
        ("two_signatures", cbor::array(&[cbor::null(), cbor::null()]), "one signature"),
        ("no_certificate", cbor::array(&[cbor::head(5, 0)]), "no `signing_certificate`"),
        ("certificate_as_bytes", bytes, "an array"),
        ("byte_of_nine_bits", words, "`signing_certificate` is 256"),
        ("a_key", key, "one certificate in PEM"),
        ("two_certificates", two, "one certificate in PEM"),
        ("trailing_byte", trailing, "follow"),
        ("long_certificate", signature(&"a".repeat(20_000)), "at most 16384"),
    ] {
        let mut eif = Eif::default();
        eif.sections[6].1 = data;
        assert_refused(crime, pcrs(&eif.build()), words);
    }
}

#[test]
fn damage_is_refused() {
    let eif = Eif::default().build();
    for length in 0..eif.len() {
        assert!(pcrs(&eif[..length]).is_err(), "{length} bytes");
    }
    for bit in (0..eif.len() * 8).step_by(37) {
        let mut damaged = eif.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(pcrs(&damaged).is_err(), "bit {bit}");
    }
}
