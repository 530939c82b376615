//! SNP launch digests, against sev-snp-measure, over firmware of our own and Debian's.

use casemate_evidence::measure::{
    COMMAND_LINE_BYTES_MAX, FIRMWARE_BYTES_MAX, Kernel, MeasureError,
    snp::{CpuSignature, Launch, VCPUS_MAX, Vmm},
};
use casemate_testkit::{Folder, python};

use crate::{
    assert_refused,
    firmware::{HASHES, Ovmf, RESET, SEV},
    noise, packaged_firmware,
};

/// Firmware, kernel or `-`, initial RAM disk or `-`, command line, virtual CPUs, features, VMM, signature: one launch a line.
const SCRIPT: &str = r"
import sys
from sevsnpmeasure import guest, vmm_types
from sevsnpmeasure.sev_mode import SevMode
for line in open(sys.argv[1]):
    ovmf, kernel, initrd, append, vcpus, features, vmm, sig = line.rstrip('\n').split('\t')
    none = lambda path: None if path == '-' else path
    print(guest.calc_launch_digest(SevMode.SEV_SNP, int(vcpus), int(sig), ovmf, none(kernel), none(initrd), append,
                                   int(features), '', vmm_types.VMMType[vmm]).hex())
";

const QEMU: Vmm = Vmm::Qemu { cpu: CpuSignature::EPYC_MILAN };

fn launch(firmware: &[u8]) -> Launch<'_> {
    Launch { firmware, kernel: None, vcpus: 4, guest_features: 1, vmm: QEMU }
}

/// Compares every launch with what sev-snp-measure says of it.
fn compare(test: &str, firmware: &[(String, Vec<u8>)], kernels: &[(Option<&[u8]>, Option<&[u8]>, &str)]) {
    let Some(interpreter) = python(test) else { return };
    let folder = Folder::new("snp-measure");
    let (mut lines, mut ours) = (String::new(), Vec::new());
    for (name, firmware) in firmware {
        let path = folder.write(name, firmware).unwrap();
        for (number, (image, initrd, line)) in kernels.iter().enumerate() {
            let file = |part: &str, bytes: Option<&[u8]>| match bytes {
                Some(bytes) => folder.write(&format!("{part}{number}"), bytes).unwrap().display().to_string(),
                None => "-".to_owned(),
            };
            let (kernel_file, initrd_file) = (file("kernel", *image), file("initrd", *initrd));
            for (vmm, name, signature) in [
                (QEMU, "QEMU", 0x00a0_0f11),
                (Vmm::Qemu { cpu: CpuSignature::EPYC_TURIN }, "QEMU", 0x00b0_0f00),
                (Vmm::Ec2, "ec2", 0),
                (Vmm::Gce, "gce", 0),
            ] {
                for (vcpus, guest_features) in [(1, 1), (2, 0x21), (7, 1)] {
                    let kernel = image.map(|image| Kernel { image, initrd: *initrd, command_line: line });
                    let launch = Launch { firmware, kernel, vcpus, guest_features, vmm };
                    ours.push(hex::encode(launch.digest().unwrap()));
                    lines += &format!(
                        "{}\t{kernel_file}\t{initrd_file}\t{line}\t{vcpus}\t{guest_features}\t{name}\t{signature}\n",
                        path.display()
                    );
                }
            }
        }
    }
    let list = folder.write("launches", lines).unwrap();
    assert_eq!(ours, crate::python(&interpreter, SCRIPT, &[&list]));
}

#[test]
fn agrees_with_sev_snp_measure() {
    let (image, initrd) = (noise(9000, 1), noise(5000, 2));
    let firmware = [("ours".to_owned(), Ovmf::default().build())];
    let kernels = [
        (None, None, ""),
        (Some(&image[..]), Some(&initrd[..]), "console=ttyS0 casemate=1"),
        (Some(&image[..]), None, ""),
    ];
    compare("agrees_with_sev_snp_measure", &firmware, &kernels);
}

#[test]
fn agrees_on_packaged_firmware() {
    let test = "agrees_on_packaged_firmware";
    let paths = packaged_firmware(test);
    let image = |path: &std::path::PathBuf| {
        (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap())
    };
    let firmware: Vec<_> = paths.iter().map(image).collect();
    if !firmware.is_empty() {
        compare(test, &firmware, &[(None, None, "")]);
    }
}

#[test]
fn signatures_are_those_of_cpuid() {
    for (signature, expected) in [
        (CpuSignature::EPYC, 0x0080_0f12),
        (CpuSignature::EPYC_ROME, 0x0083_0f10),
        (CpuSignature::EPYC_MILAN, 0x00a0_0f11),
        (CpuSignature::EPYC_GENOA, 0x00a1_0f10),
        (CpuSignature::EPYC_TURIN, 0x00b0_0f00),
        (CpuSignature::new(6, 0x1a, 5), 0x0001_06a5),
    ] {
        assert_eq!(signature.0, expected, "{expected:#x}");
    }
}

#[test]
fn every_part_counts() {
    let (ovmf, image, initrd) = (Ovmf::default().build(), noise(100, 1), noise(100, 2));
    let kernel = Kernel { image: &image, initrd: Some(&initrd), command_line: "a" };
    let honest = Launch { kernel: Some(kernel), ..launch(&ovmf) };
    let (mut flipped, mut other) = (ovmf.clone(), image.clone());
    flipped[0] ^= 1;
    other[0] ^= 1;
    let launches = [
        honest,
        Launch { firmware: &flipped, ..honest },
        Launch { vcpus: 5, ..honest },
        Launch { guest_features: 3, ..honest },
        Launch { vmm: Vmm::Ec2, ..honest },
        Launch { vmm: Vmm::Gce, ..honest },
        Launch { vmm: Vmm::Qemu { cpu: CpuSignature::EPYC_GENOA }, ..honest },
        Launch { kernel: None, ..honest },
        Launch { kernel: Some(Kernel { image: &other, ..kernel }), ..honest },
        Launch { kernel: Some(Kernel { initrd: None, ..kernel }), ..honest },
        Launch { kernel: Some(Kernel { command_line: "b", ..kernel }), ..honest },
    ];
    let digests: std::collections::BTreeSet<_> = launches.iter().map(|launch| launch.digest().unwrap()).collect();
    assert_eq!(digests.len(), launches.len());
}

#[test]
fn crimes_against_the_firmware() {
    let crimes: [(&str, fn(&mut Ovmf), &str); 24] = [
        ("footer_of_another_guid", |o| o.footer = SEV, "no GUIDed table"),
        ("entry_twice", |o| o.entries.push((RESET, vec![1, 0, 0, 0])), "comes twice"),
        ("no_metadata", |o| o.entries.retain(|(guid, _)| *guid != SEV), "no SEV metadata"),
        ("no_reset_block", |o| o.entries.retain(|(guid, _)| *guid != RESET), "no SEV-ES reset block"),
        ("no_hashes_area", |o| o.entries.retain(|(guid, _)| *guid != HASHES), "no SEV hashes table's area"),
        ("reset_block_truncated", |o| o.entries[3].1 = vec![1, 2, 3], "takes 4 bytes where 3"),
        ("reset_at_zero", |o| o.entries[3].1 = vec![0; 4], "expected an address"),
        ("metadata_before_the_image", |o| o.entries[1].1 = vec![0, 0, 2, 0], "outside of 0x10000"),
        ("metadata_at_the_end", |o| o.entries[1].1 = vec![8, 0, 0, 0], "signature"),
        ("metadata_of_two_bytes", |o| o.entries[1].1 = vec![2, 0, 0, 0], "takes 4 bytes where 2"),
        ("signature_of_tdvf", |o| o.sev_signature = *b"TDVF", "expected `ASEV`"),
        ("version_2", |o| o.sev_version = 2, "`SEV metadata's version` is 2"),
        ("size_too_small", |o| o.sev_size_off_by = -12, "`SEV metadata's size`"),
        ("size_too_big", |o| o.sev_size_off_by = 1, "`SEV metadata's size`"),
        ("section_of_unknown_type", |o| o.sev[0].2 = 5, "`section's type` is 0x5"),
        ("section_unaligned", |o| o.sev[0].0 += 1, "expected a multiple of 0x1000"),
        ("section_of_half_a_page", |o| o.sev[0].1 = 0x800, "expected a multiple of 0x1000"),
        ("section_empty", |o| o.sev[0].1 = 0, "expected a page at least"),
        ("secrets_of_two_pages", |o| o.sev[2].1 = 0x2000, "expected one page"),
        ("sections_overlap", |o| o.sev[0].1 = 0xb000, "begins before the part ahead of it ends"),
        ("section_over_the_firmware", |o| o.sev[0] = (0xfffe_f000, 0x2000, 1), "`firmware` at"),
        ("section_over_four_gib", |o| o.sev[0] = (0xffff_f000, 0x2000, 1), "`firmware` at"),
        ("cpuid_twice", |o| o.sev[4].2 = 3, "`CPUID` comes twice"),
        ("memory_without_end", |o| o.sev[0] = (0x1000_0000, 0x2000_0000, 1), "at most 65536 is measured"),
    ];
    let image = noise(10, 3);
    let kernel = Some(Kernel { image: &image, initrd: None, command_line: "" });
    for (crime, mutate, words) in crimes {
        let mut ovmf = Ovmf::default();
        mutate(&mut ovmf);
        assert_refused(crime, Launch { kernel, ..launch(&ovmf.build()) }.digest(), words);
    }
}

#[test]
fn crimes_against_the_hashes() {
    let crimes: [(&str, fn(&mut Ovmf), &str); 5] = [
        ("no_page", |o| o.sev.retain(|section| section.2 != 0x10), "no SNP_KERNEL_HASHES section"),
        ("area_too_small", |o| o.entries[2].1[4..].copy_from_slice(&[175, 0, 0, 0]), "176 bytes at least"),
        ("area_before_the_page", |o| o.entries[2].1[..4].copy_from_slice(&[0xff, 0xff, 0, 0]), "outside of"),
        ("area_over_the_page", |o| o.entries[2].1[..4].copy_from_slice(&[0x51, 0x0f, 1, 0]), "outside of"),
        ("area_truncated", |o| o.entries[2].1.truncate(7), "takes 8 bytes where 7"),
    ];
    let image = noise(10, 3);
    let kernel = Some(Kernel { image: &image, initrd: None, command_line: "" });
    for (crime, mutate, words) in crimes {
        let mut ovmf = Ovmf::default();
        mutate(&mut ovmf);
        assert_refused(crime, Launch { kernel, ..launch(&ovmf.build()) }.digest(), words);
        if crime == "no_page" {
            assert!(launch(&ovmf.build()).digest().is_ok(), "without a kernel there is nothing to hash");
        }
    }
}

#[test]
fn crimes_against_the_launch() {
    let ovmf = Ovmf::default().build();
    let (long, image) = ("a".repeat(COMMAND_LINE_BYTES_MAX + 1), noise(10, 3));
    let kernel = |command_line| Some(Kernel { image: &image, initrd: None, command_line });
    let honest = launch(&ovmf);
    let huge = vec![0; FIRMWARE_BYTES_MAX + 4096];
    for (crime, launch, words) in [
        ("no_cpu", Launch { vcpus: 0, ..honest }, "`vcpus` is 0"),
        ("too_many_cpus", Launch { vcpus: VCPUS_MAX + 1, ..honest }, "`vcpus` is 4097"),
        ("not_snp", Launch { guest_features: 2, ..honest }, "expected SNPActive"),
        ("line_with_a_zero", Launch { kernel: kernel("a\0b"), ..honest }, "no zero within"),
        ("line_too_long", Launch { kernel: kernel(&long), ..honest }, "at most 65536"),
        ("no_firmware", Launch { firmware: &[], ..honest }, "`reset vector` takes 32 bytes"),
        ("firmware_without_a_table", Launch { firmware: &[0; 4096], ..honest }, "no GUIDed table"),
        ("firmware_too_big", Launch { firmware: &huge, ..honest }, "at most 16777216"),
        ("firmware_of_no_whole_pages", Launch { firmware: &ovmf[1..], ..honest }, "multiple of 0x1000"),
    ] {
        assert_refused(crime, launch.digest(), words);
    }
}

#[test]
fn damage_never_panics() {
    let ovmf = Ovmf::default().build();
    let start = ovmf.len() - 0x900;
    for length in 0..0x900 {
        let cut = &ovmf[ovmf.len() - length..];
        assert!(launch(cut).digest().is_err(), "{length}");
    }
    let random = noise(6000, 5);
    for pair in random.chunks_exact(3) {
        let mut damaged = ovmf[start - start % 0x1000..].to_vec();
        let place = damaged.len() - 1 - usize::from(u16::from_le_bytes([pair[0], pair[1]])) % 0x900;
        damaged[place] ^= pair[2];
        let _: Result<[u8; 48], MeasureError> = Launch { vcpus: 1, ..launch(&damaged) }.digest();
    }
}
