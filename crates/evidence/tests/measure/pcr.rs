//! PCRs, against systemd-measure, and against the replay of logs that say the same.

use std::path::{Path, PathBuf};

use casemate_evidence::{
    Hash,
    eventlog::EventLog,
    measure::{
        Kernel,
        pcr::{Direct, Loader, Prediction, Start, Stub, Uki},
    },
};
use casemate_testkit::{
    Folder, skip,
    vendor::eventlog::{Event, Log, SHA1, SHA256, SHA384, kind, tagged},
};

use crate::{assert_refused, noise, pe::Image};

const ACTION: &[u8] = b"Calling EFI Application from Boot Option";
const SECTIONS: [(&str, &[u8]); 4] =
    [(".linux", b"kern"), (".osrel", b"osr"), (".cmdline", b"cmd"), (".initrd", b"initrd")];

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// Asserts that the predicted events are those of `log`, register for register, and the values those of its replay.
#[track_caller]
fn assert_logged(predict: impl Fn(Hash) -> Prediction, events: Vec<Event>) {
    let log = Log { banks: vec![SHA1, SHA256, SHA384], events };
    let bytes = log.encode();
    let parsed = EventLog::of_tpm(&bytes).unwrap();
    for (hash, bank) in [(Hash::Sha1, SHA1), (Hash::Sha256, SHA256), (Hash::Sha384, SHA384)] {
        let prediction = predict(hash);
        let replayed: Vec<_> = parsed.replay(hash).unwrap().iter().map(|(pcr, value)| (pcr, value.to_vec())).collect();
        assert_eq!(prediction.values(), replayed, "{hash}");
        let computed = log.pcrs(bank);
        assert!(prediction.values().iter().all(|(pcr, value)| computed[pcr] == *value), "{hash}");
        let logged: Vec<_> = parsed.events().filter(|event| event.is_extended()).collect();
        assert_eq!(prediction.events().len(), logged.len());
        for (predicted, logged) in prediction.events().iter().zip(logged) {
            assert_eq!((predicted.register, predicted.kind), (logged.register(), logged.kind()));
            assert_eq!(Some(predicted.digest.as_slice()), logged.digest(hash));
            assert!(predicted.data.as_deref().is_none_or(|data| data == logged.data()));
        }
    }
}

#[test]
fn a_direct_boot_is_as_its_log() {
    let (image, initrd) = (Image { certificates: noise(64, 1), ..Image::default() }, noise(3000, 2));
    let bytes = image.build();
    let kernel = Kernel { image: &bytes, initrd: Some(&initrd), command_line: "console=ttyS0 é" };
    let start = || {
        vec![
            Event::of(4, kind::EFI_BOOT_SERVICES_APPLICATION, &image.hashed(), b"where it was loaded"),
            Event::new(4, kind::EFI_ACTION, ACTION),
            Event::new(4, kind::SEPARATOR, &[0; 4]),
        ]
    };
    let mut events = start();
    events.push(Event::load_options("console=ttyS0 é initrd=initrd"));
    events.push(Event::of(9, kind::EVENT_TAG, &initrd, &tagged(0x8f3b_22ec, b"Linux initrd\0")));
    assert_logged(|hash| Direct { kernel }.predict(hash).unwrap(), events);

    let mut events = start();
    events.push(Event::load_options("quiet"));
    let alone = Kernel { initrd: None, command_line: "quiet", ..kernel };
    assert_logged(|hash| Direct { kernel: alone }.predict(hash).unwrap(), events);

    let empty = Kernel { initrd: None, command_line: "", ..kernel };
    let prediction = Direct { kernel: empty }.predict(Hash::Sha256).unwrap();
    assert_eq!(prediction.value(9), None);
    assert_eq!(prediction.rtmr_2(), None);
}

#[test]
fn a_uki_is_as_its_log() {
    let inner = Image { sections: vec![(".text", noise(800, 3), 0)], ..Image::default() };
    let kernel = inner.build();
    let mut image = Image::uki(&[
        (".sbat", b"sbat,1"),
        (".cmdline", b"quiet"),
        (".linux", &kernel),
        (".initrd", b"a RAM disk"),
        (".pcrsig", b"{}"),
        (".uname", b"6.1"),
        (".ucode", b"microcode"),
        (".pcrpkey", b"a key"),
    ]);
    // Memory is longer than the data by 500 bytes, those beyond the data in the file zero.
    image.sections[6].2 = 500;
    let bytes = image.build();
    let shown = |name: &str, content: &[u8]| {
        let zero = [name.as_bytes(), &[0]].concat();
        [Event::of(11, kind::IPL, &zero, &wide(name)), Event::of(11, kind::IPL, content, &wide(name))]
    };
    let disk = [b"a RAM disk".as_slice(), &[0; 500]].concat();
    let events = |stub: Stub, line: Option<&str>| {
        let mut events = vec![
            Event::new(4, kind::EFI_ACTION, ACTION),
            Event::new(4, kind::SEPARATOR, &[0; 4]),
            Event::of(4, kind::EFI_BOOT_SERVICES_APPLICATION, &image.hashed(), b"on a disk"),
        ];
        events.extend(shown(".linux", &kernel));
        events.extend(shown(".cmdline", b"quiet"));
        events.extend(shown(".initrd", &disk));
        if stub == Stub::V256 {
            events.extend(shown(".ucode", b"microcode"));
        }
        if stub != Stub::V252 {
            events.extend(shown(".uname", b"6.1"));
            events.extend(shown(".sbat", b"sbat,1"));
        }
        events.extend(shown(".pcrpkey", b"a key"));
        events.extend(line.map(|line| Event::new(12, kind::IPL, &wide(line))));
        events.push(Event::of(4, kind::EFI_BOOT_SERVICES_APPLICATION, &inner.hashed(), b"in memory"));
        events
    };
    for stub in [Stub::V252, Stub::V254, Stub::V256] {
        for load_options in [None, Some("debug")] {
            let uki = Uki { image: &bytes, stub, loader: Loader::Firmware, start: Start::BootOption, load_options };
            assert_logged(|hash| uki.predict(hash).unwrap(), events(stub, load_options));
            let mut alone = events(stub, load_options);
            alone.pop();
            assert_logged(|hash| Uki { loader: Loader::Stub, ..uki }.predict(hash).unwrap(), alone);
        }
    }
}

/// RTMR 2 of a TDX guest: its log has the same events, PCR 8 to 15 in measurement register 3.
#[test]
fn rtmr_2_is_as_its_log() {
    let (image, initrd) = (Image::default(), noise(300, 2));
    let bytes = image.build();
    let kernel = Kernel { image: &bytes, initrd: Some(&initrd), command_line: "quiet" };
    let mut events = vec![Event::load_options("quiet initrd=initrd")];
    events.push(Event::of(9, kind::EVENT_TAG, &initrd, &tagged(0x8f3b_22ec, b"Linux initrd\0")));
    events.iter_mut().for_each(|event| event.register = 3);
    let log = Log { banks: vec![SHA384], events }.encode();
    let replayed = EventLog::of_ccel(&log).unwrap().replay(Hash::Sha384).unwrap();
    let predicted = Direct { kernel }.predict(Hash::Sha384).unwrap().rtmr_2();
    assert_eq!(predicted.as_deref(), replayed.rtmr(2));
}

/// A UKI of these sections, its kernel a PE image as it has to be.
fn uki(kernel: &[u8]) -> Vec<u8> {
    let mut sections = SECTIONS;
    sections[0].1 = kernel;
    Image::uki(&sections).build()
}

/// PCR 11 in the bank of SHA-256 as `systemd-measure calculate` of systemd 252.39 told it for these sections, whose kernel is the
/// default image: the stub's measurements alone, then those with the phase `enter-initrd`.
#[test]
fn pcr_11_is_what_systemd_told() {
    let image = uki(&Image::default().build());
    let uki =
        Uki { image: &image, stub: Stub::V252, loader: Loader::Firmware, start: Start::BootOption, load_options: None };
    let prediction = uki.predict(Hash::Sha256).unwrap();
    let value = |words: &[&str]| hex::encode(prediction.value_after(11, words).unwrap());
    assert_eq!(value(&[]), "c6f83d64233cdc4a14ed99b2f8660ca9f791d8ffed2df30d89957049596e17a4");
    assert_eq!(value(&["enter-initrd"]), "f819329cacf2ad8ab9649723040ddc21dc65624445ee7b101bdf8428a0e7ff46");
}

fn systemd_measure(test: &str) -> Option<PathBuf> {
    let places = ["/usr/lib/systemd/systemd-measure", "/lib/systemd/systemd-measure"];
    let found = places.iter().map(Path::new).find(|path| path.is_file());
    if found.is_none() {
        skip(test, "no systemd-measure", "install the package `systemd`, or `systemd-ukify` where it has it");
    }
    found.map(Path::to_owned)
}

#[test]
fn agrees_with_systemd_measure() {
    let test = "agrees_with_systemd_measure";
    let Some(tool) = systemd_measure(test) else { return };
    let (folder, kernel) = (Folder::new("systemd-measure"), Image::default().build());
    let image = uki(&kernel);
    let mut command = std::process::Command::new(tool);
    command.args([
        "calculate",
        "--bank=sha1",
        "--bank=sha256",
        "--bank=sha384",
        "--phase=:",
        "--phase=enter-initrd:leave-initrd",
    ]);
    for (name, content) in SECTIONS {
        let content = if name == ".linux" { &kernel } else { content };
        let path = folder.write(name, content).unwrap();
        command.arg(format!("--{}={}", &name[1..], path.display()));
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let theirs: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("11:")).collect();
    let uki =
        Uki { image: &image, stub: Stub::V252, loader: Loader::Firmware, start: Start::BootOption, load_options: None };
    let mut ours = Vec::new();
    for words in [&[][..], &["enter-initrd", "leave-initrd"]] {
        for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha384] {
            let value = uki.predict(hash).unwrap().value_after(11, words).unwrap();
            ours.push(format!("{hash}={}", hex::encode(value)));
        }
    }
    assert_eq!(ours, theirs);
}

#[test]
fn crimes_against_a_uki() {
    let kernel = Image::default().build();
    let crimes: [(&str, fn(&mut Image), &str); 9] = [
        ("no_kernel", |i| drop(i.sections.remove(3)), "no `.linux` section"),
        ("kernel_no_pe", |i| i.sections[3].1 = b"kern".to_vec(), "`DOS header's magic`"),
        ("kernel_cut_in_memory", |i| i.sections[3].2 = -1, "outside of"),
        (
            "command_line_twice",
            |i| i.sections.push((".cmdline", b"init=/bin/sh".to_vec(), 0)),
            "`.cmdline` comes twice",
        ),
        ("kernel_twice", |i| i.sections.push((".linux", vec![], 0)), "`.linux` comes twice"),
        ("profiles", |i| i.sections.push((".profile", b"ID=a".to_vec(), 0)), "can't be predicted"),
        ("device_trees_to_choose", |i| i.sections.push((".dtbauto", b"a".to_vec(), 0)), "can't be predicted"),
        ("section_without_end", |i| i.sections[5].2 = -0x10, "at most 1073741824"),
        ("overlap", |i| i.off_by = (4, -0x200, 0), "begins before"),
    ];
    for (crime, mutate, words) in crimes {
        let mut sections = SECTIONS;
        sections[0].1 = &kernel;
        let mut image = Image::uki(&sections);
        mutate(&mut image);
        let bytes = image.build();
        let uki = Uki {
            image: &bytes,
            stub: Stub::V254,
            loader: Loader::Firmware,
            start: Start::BootOption,
            load_options: None,
        };
        assert_refused(crime, uki.predict(Hash::Sha256), words);
    }
    let bytes = uki(&kernel);
    let load_options = Some("a\0b");
    let uki = Uki { image: &bytes, stub: Stub::V254, loader: Loader::Firmware, start: Start::BootOption, load_options };
    let no_kernel = Image::uki(&SECTIONS).build();
    let alone = Uki { image: &no_kernel, loader: Loader::Stub, load_options: None, ..uki };
    assert_refused("kernel_no_pe_loaded_by_the_stub", alone.predict(Hash::Sha256), "`DOS header's magic`");
    assert_refused("options_with_a_zero", uki.predict(Hash::Sha256), "no zero within");
}

#[test]
fn crimes_against_a_direct_boot() {
    let image = Image::default().build();
    let kernel = Kernel { image: &image, initrd: None, command_line: "" };
    for (crime, kernel, words) in [
        ("kernel_no_pe", Kernel { image: b"kern", ..kernel }, "`DOS header's magic`"),
        ("line_with_a_zero", Kernel { command_line: "a\0", ..kernel }, "no zero within"),
        ("kernel_truncated", Kernel { image: &image[..image.len() - 1], ..kernel }, "outside of"),
    ] {
        assert_refused(crime, Direct { kernel }.predict(Hash::Sha256), words);
    }
}
