//! Authenticode digests, against LIEF, over images of our own and systemd's stub.

use std::path::Path;

use casemate_evidence::{Hash, measure::authenticode};
use casemate_testkit::{Folder, python, skip, vendor::eventlog as vendor};

use crate::{assert_refused, noise, pe::Image};

/// Each image's digests: SHA-1, SHA-256, SHA-512.
const SCRIPT: &str = r"
import lief, sys
for path in sys.argv[1:]:
    image = lief.PE.parse(path)
    for name in ('SHA_1', 'SHA_256', 'SHA_512'):
        print(bytes(image.authentihash(getattr(lief.PE.ALGORITHMS, name))).hex())
";

const HASHES: [Hash; 3] = [Hash::Sha1, Hash::Sha256, Hash::Sha512];

fn honest() -> Vec<(&'static str, Image)> {
    let image = Image::default();
    vec![
        ("plain", image.clone()),
        ("pe32", Image { magic: 0x10b, ..image.clone() }),
        ("signed", Image { certificates: noise(64, 9), ..image.clone() }),
        ("with_rest", Image { rest: noise(40, 8), ..image.clone() }),
        ("with_rest_and_signed", Image { rest: noise(40, 8), certificates: noise(64, 9), ..image }),
    ]
}

#[test]
fn agrees_with_lief() {
    let Some(interpreter) = python("agrees_with_lief") else { return };
    let folder = Folder::new("authenticode");
    for (case, image) in honest() {
        let bytes = image.build();
        let path = folder.write(case, &bytes).unwrap();
        let ours = HASHES.map(|hash| hex::encode(authenticode(&bytes, hash).unwrap()));
        assert_eq!(ours.to_vec(), crate::python(&interpreter, SCRIPT, &[&path]), "{case}");
    }
}

#[test]
fn hashes_what_the_builder_says() {
    for (case, image) in honest() {
        let expected = vendor::hash(vendor::SHA384, &image.hashed());
        assert_eq!(authenticode(&image.build(), Hash::Sha384).unwrap(), expected, "{case}");
    }
}

#[test]
fn a_signature_does_not_count() {
    let image = Image { rest: noise(40, 8), ..Image::default() };
    let plain = authenticode(&image.build(), Hash::Sha256).unwrap();
    let signed = Image { certificates: noise(64, 9), ..image };
    assert_eq!(authenticode(&signed.build(), Hash::Sha256).unwrap(), plain);
}

#[test]
fn agrees_on_packaged_images() {
    let test = "agrees_on_packaged_images";
    let Some(interpreter) = python(test) else { return };
    let folder = std::env::var_os("CASEMATE_STUBS").unwrap_or("/usr/lib/systemd/boot/efi".into());
    let path = Path::new(&folder).join("linuxx64.efi.stub");
    let Ok(bytes) = std::fs::read(&path) else {
        return skip(test, "no stub of systemd", "install the package `systemd-boot-efi`");
    };
    let ours = HASHES.map(|hash| hex::encode(authenticode(&bytes, hash).unwrap()));
    assert_eq!(ours.to_vec(), crate::python(&interpreter, SCRIPT, &[&path]));
}

#[test]
fn crimes() {
    let crimes: [(&str, fn(&mut Image), &str); 20] = [
        ("elf", |i| i.dos_magic = *b"\x7fE", "`DOS header's magic`"),
        ("not_pe", |i| i.signature = *b"NE\0\0", "`PE header's signature`"),
        ("header_outside", |i| i.pe_at = 0x1_0000, "`PE header` takes"),
        ("header_at_the_end", |i| i.pe_at = 0xe40, "where 0 are left"),
        ("rom_image", |i| i.magic = 0x107, "`optional header's Magic` is 0x107"),
        ("too_many_directories", |i| i.directories = 17, "16 at most"),
        ("too_many_sections", |i| i.count_off_by = 94, "at most 96"),
        ("headers_end_before_sections", |i| i.headers_size = 0x180, "the end of the section headers at least"),
        ("headers_over_a_section", |i| i.headers_size = 0x600, "begins before"),
        ("gap_after_the_headers", |i| i.headers_size = 0x3f8, "would not be measured"),
        ("sections_overlap", |i| i.off_by = (1, -1, 0), "begins before"),
        ("section_twice", |i| i.off_by = (1, -0x400, -0x200), "begins before"),
        ("section_in_the_headers", |i| i.off_by = (0, -0x400, 0), "begins before"),
        ("gap_between_sections", |i| i.off_by = (0, 0, -1), "would not be measured"),
        ("section_outside", |i| i.off_by = (2, 0, 0x41), "`PE section` takes"),
        ("section_over_certificates", |i| i.off_by = (2, 0, 1), "`certificate table` at"),
        ("certificates_outside", |i| i.certificates_off_by = (0, 8), "the end of the file"),
        ("bytes_after_certificates", |i| i.certificates_off_by = (0, -8), "the end of the file"),
        ("certificates_over_a_section", |i| i.certificates_off_by = (-8, 8), "begins before"),
        ("certificates_at_the_end_of_numbers", |i| i.certificates_off_by = (-0xe10, -1), "the end of the file"),
    ];
    for (crime, mutate, words) in crimes {
        let mut image = Image { certificates: noise(64, 9), ..Image::default() };
        mutate(&mut image);
        assert_refused(crime, authenticode(&image.build(), Hash::Sha256), words);
    }
}

#[test]
fn damage_never_panics() {
    let image = Image { rest: noise(40, 8), certificates: noise(64, 9), ..Image::default() }.build();
    for length in 0..image.len() {
        assert!(authenticode(&image[..length], Hash::Sha256).is_err(), "{length}");
    }
    for pair in noise(4000, 4).chunks_exact(2) {
        let mut damaged = image.clone();
        damaged[0x30 + usize::from(pair[0]) * 2 % 0x200] ^= pair[1];
        drop(authenticode(&damaged, Hash::Sha256));
    }
}
