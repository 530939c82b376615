//! TCG event logs: recorded ones against published and computed answers, and logs of our own.

use std::path::Path;

use casemate_evidence::{
    Hash,
    eventlog::{Boot, EventKind, EventLog, Layout, ReplayError},
};
use casemate_testkit::{
    vectors,
    vendor::eventlog::{self as vendor, Event, Log, SHA1, SHA256, SHA384, SHA512, kind},
};

use crate::read;

/// Log, number of events, and SHA-256 over (index, little-endian ‖ value) of all registers in its SHA-256 bank (the legacy log:
/// SHA-1; CCEL: SHA-384), computed by another implementation, in Python.
const TPM_LOGS: [(&str, usize, &str); 14] = [
    ("arch-linux-workstation.bin", 24, "0eac3e2fa06cf61319646c5a9ba20d522e97f607f0de8adf7ff45bba51971690"),
    (
        "confidential-gke-debug-251000_eventlog.bin",
        54,
        "16aba138f4c5abd861a0f38c1a83ea0809147a928553d831e0e90630a3118220",
    ),
    ("cos-101-amd-sev.bin", 48, "df73bd6286c0bfd193b1de70618519a700b57f04019b58a50099eb5c0f5b159f"),
    ("cos-85-amd-sev.bin", 45, "82654f767b07f097e81564194c6771d5bd0e6c2721b3b8599ea1ccc41948f89d"),
    ("cos-93-amd-sev.bin", 45, "afd982a14dd4d85cf5bb9d78372e3af7beb74448db98f5bd5e8b693ce04e15ae"),
    ("debian-10.bin", 25, "f3cd8456eb9c3c3ebdb4e3a5c4318190ceb48204bc606f4ccce22fa4fb677dfb"),
    ("eventlogwithsp800155.bin", 53, "a6065fb6d9b38cf4cf5466b4fcefa47ff91b4d2b96b6dd4dc44ffbc5c1c949b4"),
    ("gdc-host.bin", 158, "155e4547309333f7f0e0fcbe220138770d487cea2481d890dd9a96fb9829fd47"),
    ("glinux-alex.bin", 28, "ae1180885e662d1766d1b93dc0bb7ad5eda0e348d30fa004e263ad92984d9df9"),
    ("rhel8-uefi.bin", 82, "203ab419d74a899ee851d4bd57dbe2735bf07d9c49f46a3f319bd05ce32b98b6"),
    ("ubuntu-1804-amd-sev.bin", 87, "538512ffbbda72e418fcaf1c8b32839f323cbafcb6974d7f8160903327b45963"),
    ("ubuntu-2104-no-dbx.bin", 111, "3b3a06eafee74cdc64874c4fb56f9961f69e79f04f4f511d9e3ee5073834bd02"),
    ("ubuntu-2104-no-secure-boot.bin", 105, "aed3c01a5fa0449664fb5c2e6ad8789e635ec5c44454e451d97707142e777de2"),
    ("ubuntu-2404-amd-sevsnp.bin", 116, "3543f8445c2f4bbb9ecd86c398d181924ab042085cdce5f4f778337ecac2d94b"),
];
const CCEL_LOGS: [(&str, usize, &str); 6] = [
    ("CCEL_data", 5, "2c6a51573e2edb7a71a9320c1ec989bac06ed81953fe368d60c9e213a4bd8f2f"),
    ("CCEL_data_gcp", 21, "5314f8ed53a860ae4c46ffa217133781be7bf1a0a01c8799f338edff65fecda8"),
    ("CCEL_data_grub", 37, "dbd58f5ac2722aa88fbc42d85ddd7615a66830a442209015cd1cf5f4315c9bf7"),
    ("CCEL_data_grub_gke", 35, "778da00858f98de5bcf91247c1f069b5b4880049b66154eba28fe54b0e74b046"),
    ("CCEL_data_ovmf", 20, "645b95c98815736d8e9616a38c779adb4ac4aeaf6d262e2de7a066ff31decfec"),
    ("CCEL_AAEL_alibabacloud", 87, "4f6186f69ed6d2cf210e9d941da4668a77245a5108b921ef357212fe595d2d86"),
];

fn digest_of(log: &EventLog<'_>, hash: Hash) -> String {
    let registers = log.replay(hash).unwrap();
    let bytes: Vec<u8> =
        registers.iter().flat_map(|(register, value)| [&register.to_le_bytes(), value].concat()).collect();
    hex::encode(vendor::hash(SHA256, &bytes))
}

#[test]
fn recorded_tpm_logs_replay() {
    let Some(vectors) = vectors("recorded_tpm_logs_replay") else { return };
    for (file, events, digest) in TPM_LOGS {
        let bytes = read(&vectors, &format!("eventlog/tpm/{file}"));
        let log = EventLog::of_tpm(&bytes).unwrap();
        let hash = if log.layout() == Layout::Legacy { Hash::Sha1 } else { Hash::Sha256 };
        assert_eq!(log.events().count(), events, "{file}");
        assert_eq!(digest_of(&log, hash), digest, "{file}");
        assert_eq!(log.replay(Hash::Sha512), Err(ReplayError::Bank(Hash::Sha512)), "{file}");
        assert!(log.events().all(|event| event.kind().name().is_some()), "{file}");
        let partitions = log.events().find_map(|event| event.partitions());
        assert!(partitions.is_none_or(|partitions| !partitions.is_empty()), "{file}");
    }
}

#[test]
fn recorded_ccels_replay() {
    let Some(vectors) = vectors("recorded_ccels_replay") else { return };
    for (file, events, digest) in CCEL_LOGS {
        let bytes = read(&vectors, &format!("eventlog/ccel/{file}"));
        let log = EventLog::of_ccel(&bytes).unwrap();
        assert_eq!((log.events().count(), digest_of(&log, Hash::Sha384).as_str()), (events, digest), "{file}");
    }
}

/// PCR 0, 4 and 7 begin so in go-tpm-tools' `server/eventlog_test.go`, which has them from the machines' TPMs. Secure Boot
/// is as its comments say, but for Ubuntu 18.04, which they call enabled: the measured variable is 0.
#[test]
fn recorded_tpm_logs_give_the_published_values() {
    let Some(vectors) = vectors("recorded_tpm_logs_give_the_published_values") else { return };
    for (file, hash, pcrs, secure_boot) in [
        (
            "arch-linux-workstation.bin",
            Hash::Sha256,
            ["758b773d94feabf5", "925d453d3dfef4ac", "3b4a4db44b7a8725"],
            false,
        ),
        ("debian-10.bin", Hash::Sha1, ["0f2d3a2a1adaa479", "1eb30816474a3f14", "9e6c57e850f371c2"], true),
        ("glinux-alex.bin", Hash::Sha256, ["0e5ea849d7647a1a", "ddb124ca9013f1e4", "9d1be46302bc4f50"], false),
        ("rhel8-uefi.bin", Hash::Sha256, ["24af52a4f429b71a", "758a3d35f1b0ff5b", "5fd54361d580eb75"], true),
        ("ubuntu-1804-amd-sev.bin", Hash::Sha256, ["0f35c214608d93c7", "b4b94e840fc9352e", "61af3f499f1a86be"], false),
        ("ubuntu-2104-no-dbx.bin", Hash::Sha256, ["24af52a4f429b71a", "295aeaeacad1d507", "ca37324eeffabd31"], false),
        (
            "ubuntu-2104-no-secure-boot.bin",
            Hash::Sha256,
            ["24af52a4f429b71a", "ebc7ae25d0347868", "0d8847bc5eca0645"],
            false,
        ),
    ] {
        let bytes = read(&vectors, &format!("eventlog/tpm/{file}"));
        let log = EventLog::of_tpm(&bytes).unwrap();
        let registers = log.replay(hash).unwrap();
        for (register, value) in [0, 4, 7].into_iter().zip(pcrs) {
            assert!(hex::encode(registers.value(register).unwrap()).starts_with(value), "{file}: PCR {register}");
        }
        assert_eq!(Boot::of(&log, hash, |_| true).secure_boot, Some(secure_boot), "{file}");
    }
}

#[test]
fn a_recorded_boot_is_read() {
    let Some(vectors) = vectors("a_recorded_boot_is_read") else { return };
    let bytes = read(&vectors, "eventlog/tpm/rhel8-uefi.bin");
    let log = EventLog::of_tpm(&bytes).unwrap();
    let boot = Boot::of(&log, Hash::Sha256, |_| true);
    let applications: Vec<String> = boot.applications.iter().map(|digest| hex::encode(&digest[..8])).collect();
    assert_eq!(applications, ["40d6cae029737890", "e8a268c431da72ca", "e4c0382f98feaebf"]);
    assert_eq!(boot.command_lines.len(), 1);
    assert!(boot.command_lines[0].contains("root="), "{:?}", boot.command_lines);
    // Nothing is said of registers that nobody quoted.
    assert_eq!(Boot::of(&log, Hash::Sha256, |_| false), Boot::default());
    let option = log.events().filter_map(|event| event.variable()).find_map(|variable| variable.load_option()).unwrap();
    assert!(!option.description.is_empty() && !option.paths.is_empty());
}

#[test]
fn ccels_are_what_their_companions_say() {
    let Some(vectors) = vectors("ccels_are_what_their_companions_say") else { return };
    for file in [
        "CCEL_data",
        "CCEL_data_csv",
        "CCEL_data_grub",
        "CCEL_data_grub_gke",
        "CCEL_data_ovmf",
        "CCEL_AAEL_alibabacloud",
    ] {
        compare(&vectors, file);
    }
}

fn compare(vectors: &Path, file: &str) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let bytes = read(vectors, &format!("eventlog/ccel/{file}"));
    let log = EventLog::of_ccel(&bytes).unwrap();
    let json: serde_json::Value =
        serde_json::from_slice(&read(vectors, &format!("eventlog/ccel/{file}_out.json"))).unwrap();
    let rows = json["uefi_event_logs"].as_array().unwrap();
    assert_eq!(log.events().count(), rows.len(), "{file}");
    for (event, row) in log.events().zip(rows) {
        let place = format!("{file}: event {}", event.number());
        assert_eq!(u64::from(event.register()), row["index"].as_u64().unwrap(), "{place}");
        assert_eq!(event.kind().to_string(), row["type_name"].as_str().unwrap(), "{place}");
        assert_eq!(event.data(), STANDARD.decode(row["event"].as_str().unwrap()).unwrap(), "{place}");
        let digests: Vec<String> = event.digests().map(|(_, digest)| hex::encode(digest)).collect();
        let expected: Vec<_> =
            row["digests"].as_array().unwrap().iter().map(|row| row["digest"].as_str().unwrap()).collect();
        assert_eq!(digests, expected, "{place}");
        // SM3 is passed over, not computed.
        if file != "CCEL_data_csv" {
            assert_eq!(event.is_measured(Hash::Sha384), row["digest_matches_event"].as_bool().unwrap(), "{place}");
        }
        if let Some(name) = row["details"].get("unicode_name").filter(|_| event.variable().is_some()) {
            assert_eq!(event.variable().unwrap().name, name.as_str().unwrap(), "{place}");
        }
    }
}

#[test]
fn a_ccel_replays_to_the_quoted_rtmrs() {
    let Some(vectors) = vectors("a_ccel_replays_to_the_quoted_rtmrs") else { return };
    let quote = read(&vectors, "eventlog/google-tdx-ccel/cos-113-tdx-quote.dat");
    let bytes = read(&vectors, "eventlog/google-tdx-ccel/ccel_data.dat");
    let log = EventLog::of_ccel(&bytes).unwrap();
    let registers = log.replay(Hash::Sha384).unwrap();
    // TDX quote v4: RTMR 0 at 376, 48 bytes each.
    let rtmr = |index: usize| &quote[376 + 48 * index..][..48];
    for index in 0..3_u32 {
        assert_eq!(registers.rtmr(index), Some(rtmr(usize::try_from(index).unwrap())));
    }
    assert_eq!((registers.rtmr(3), rtmr(3)), (None, [0; 48].as_slice()));
    let quoted = |register: u32| Some(rtmr(usize::try_from(register - 1).unwrap()));
    assert_eq!(log.mismatches(Hash::Sha384, quoted), Ok(vec![]));
    assert_eq!(Boot::of(&log, Hash::Sha384, |_| true).secure_boot, Some(false));
    // Without its last event the log falls short; the whole log names the event that the shorter one lacks.
    let last = log.events().last().unwrap();
    let end = bytes.windows(40).position(|window| window == last.data()).unwrap() - 4 - 50 - 12;
    let shorter = EventLog::of_ccel(&bytes[..end]).unwrap();
    let mismatches = shorter.mismatches(Hash::Sha384, quoted).unwrap();
    assert_eq!(mismatches.len(), 1);
    assert_eq!((mismatches[0].register, &mismatches[0].surplus), (2, &None));
    assert_eq!(log.first_divergence(&shorter, Hash::Sha384).unwrap().number, last.number());
    // And a quote from before the last event names it.
    let before = shorter.replay(Hash::Sha384).unwrap();
    let mismatches = log.mismatches(Hash::Sha384, |register| before.value(register)).unwrap();
    assert_eq!(mismatches[0].surplus.as_ref().unwrap().number, last.number());
}

#[test]
fn logs_of_our_own_replay_in_every_bank() {
    let banks = [(SHA1, Hash::Sha1), (SHA256, Hash::Sha256), (SHA384, Hash::Sha384), (SHA512, Hash::Sha512)];
    let mut log = Log::boot(&[SHA1, SHA256, SHA384, SHA512], "quiet");
    log.events.push(Event::new(17, kind::EFI_ACTION, b"a dynamic launch"));
    log.events.insert(0, Event::new(0, kind::NO_ACTION, b"StartupLocality\0\x03"));
    log.events.insert(0, Event::new(0, kind::NO_ACTION, b"SP800-155 Event3 and what it says"));
    for (algorithm, hash) in banks {
        let bytes = log.encode();
        let parsed = EventLog::of_tpm(&bytes).unwrap();
        let registers = parsed.replay(hash).unwrap();
        let expected = log.pcrs(algorithm);
        for (register, value) in registers.iter() {
            assert_eq!(value, expected[&register], "{hash} {register}");
        }
        assert_eq!(registers.iter().count(), 10);
        let boot = Boot::of(&parsed, hash, |_| true);
        assert_eq!((boot.secure_boot, boot.applications), (Some(true), vec![vendor::hash(algorithm, b"a kernel")]));
    }
    let legacy = Log { banks: vec![], ..Log::boot(&[], "quiet") };
    let bytes = legacy.encode();
    let parsed = EventLog::of_tpm(&bytes).unwrap();
    assert_eq!(parsed.layout(), Layout::Legacy);
    assert_eq!(parsed.replay(Hash::Sha1).unwrap().value(4), Some(legacy.pcrs(SHA1)[&4].as_slice()));
}

/// Types and data are the host's words: what it relabels or rewrites must not be believed.
#[test]
fn what_the_host_can_rewrite_is_not_believed() {
    let honest = Log::boot(&[SHA256], "quiet");
    let boot = |log: &Log| {
        let bytes = log.encode();
        let parsed = EventLog::of_tpm(&bytes).unwrap();
        Boot::of(&parsed, Hash::Sha256, |_| true)
    };
    assert_eq!(boot(&honest).secure_boot, Some(true));
    type Crime = (&'static str, fn(&mut Log), Option<bool>);
    let crimes: [Crime; 5] = [
        ("value_rewritten", |log| log.events[1].data = Event::variable(7, "SecureBoot", &[0]).data, None),
        ("name_rewritten", |log| log.events[1].data = Event::variable(7, "SecureBoos", &[1]).data, None),
        (
            "extended_again_by_the_system",
            |log| {
                log.events[1].data.clear();
                log.events.push(Event::variable(7, "SecureBoot", &[1]));
            },
            None,
        ),
        ("twice_before_the_separator", |log| log.events.insert(2, Event::variable(7, "SecureBoot", &[0])), None),
        ("type_rewritten", |log| log.events[1].kind = kind::IPL, Some(true)),
    ];
    for (crime, commit, expected) in crimes {
        let mut log = honest.clone();
        commit(&mut log);
        assert_eq!(boot(&log).secure_boot, expected, "{crime}");
    }
    let mut relabelled = honest.clone();
    for event in &mut relabelled.events {
        if event.kind == kind::EFI_BOOT_SERVICES_APPLICATION {
            event.kind = kind::EFI_ACTION;
            event.data = b"Calling EFI Application from Boot Option".to_vec();
        }
    }
    assert_eq!(boot(&relabelled).applications, boot(&honest).applications, "a relabelled application still shows");
    let mut grub = honest.clone();
    grub.events.push(Event::of(8, kind::IPL, b"linux quiet", b"kernel_cmdline: linux quiet\0"));
    grub.events.push(Event::of(8, kind::IPL, b"linux quiet", b"kernel_cmdline: linux debug\0"));
    assert_eq!(boot(&grub).command_lines, ["linux quiet"]);
}

#[test]
fn malformed_logs_are_refused() {
    let honest = Log::boot(&[SHA1, SHA256], "quiet");
    let bytes = honest.encode();
    let first_event = 32 + u32::from_le_bytes(bytes[28..32].try_into().unwrap()) as usize;
    let with = |place: usize, value: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[place..place + value.len()].copy_from_slice(value);
        bytes
    };
    let crimes: [(&str, Vec<u8>); 14] = [
        ("empty", vec![]),
        ("truncated", bytes[..bytes.len() - 1].to_vec()),
        ("trailing_byte", [bytes.as_slice(), &[0]].concat()),
        ("trailing_padding", [bytes.as_slice(), &[0xff; 64]].concat()),
        ("no_banks", with(32 + 24, &[0; 4])),
        ("too_many_banks", with(32 + 24, &[200, 0, 0, 0])),
        ("bank_of_another_size", with(32 + 30, &[21])),
        ("bank_twice", with(32 + 32, &[4, 0, 20, 0])),
        ("major_version_3", with(32 + 21, &[3])),
        ("register_32", with(first_event, &[32])),
        ("one_digest_for_two_banks", with(first_event + 8, &[1])),
        ("digest_of_an_unknown_bank", with(first_event + 12, &[0x0d])),
        ("digest_twice", with(first_event + 12 + 22, &[4, 0])),
        ("event_longer_than_the_log", with(first_event + 12 + 22 + 34, &[0xff, 0xff, 0xff, 0x7f])),
    ];
    for (crime, bytes) in &crimes {
        assert!(EventLog::of_tpm(bytes).is_err(), "{crime}");
    }
    for length in 0..bytes.len() {
        let _never_panics = EventLog::of_tpm(&bytes[..length]);
    }
}

#[test]
fn locality_is_strict() {
    for (crime, place, data) in
        [("locality_5", 0, b"StartupLocality\0\x05"), ("locality_after_extension", 1, b"StartupLocality\0\x03")]
    {
        let mut log = Log::boot(&[SHA256], "quiet");
        log.events.insert(place, Event::new(0, kind::NO_ACTION, data));
        let bytes = log.encode();
        let replayed = EventLog::of_tpm(&bytes).unwrap().replay(Hash::Sha256);
        assert!(matches!(replayed, Err(ReplayError::Locality(_))), "{crime}");
    }
    let mut log = Log::boot(&[SHA256], "quiet");
    log.events.insert(0, Event::new(0, kind::NO_ACTION, b"StartupLocality\0\x03"));
    log.events.insert(0, Event::new(0, kind::NO_ACTION, b"StartupLocality\0\x03"));
    let bytes = log.encode();
    assert!(EventLog::of_tpm(&bytes).unwrap().replay(Hash::Sha256).is_err(), "locality_twice");
}

#[test]
fn padding_ends_a_ccel_and_nothing_else_does() {
    let mut log = Log::boot(&[SHA384], "quiet");
    for event in &mut log.events {
        event.register = 1 + event.register % 4;
    }
    let bytes = log.encode();
    let count = log.events.len();
    for padding in [0, 0xff] {
        for length in [0, 1, 11, 64, 4096] {
            let padded = [bytes.as_slice(), &vec![padding; length]].concat();
            assert_eq!(EventLog::of_ccel(&padded).unwrap().events().count(), count);
        }
    }
    let mut torn = [bytes.as_slice(), &[0xff; 64]].concat();
    *torn.last_mut().unwrap() = 1;
    assert!(EventLog::of_ccel(&torn).is_err(), "padding_that_is_not_all_one_byte");
    log.events[0].register = 0;
    assert!(EventLog::of_ccel(&log.encode()).is_err(), "extension_of_mrtd");
    log.events[0].register = 5;
    assert!(EventLog::of_ccel(&log.encode()).is_err(), "register_5");
}

/// Every `step`th bit of the digests that a replay of this bank is of, flipped, is seen.
fn every_bit_shows(file: &str, bytes: &[u8], bank: Hash, step: usize) {
    type Parse = for<'a> fn(&'a [u8]) -> Option<EventLog<'a>>;
    let parse: Parse = match file.contains("ccel") {
        true => |bytes| EventLog::of_ccel(bytes).ok(),
        false => |bytes| EventLog::of_tpm(bytes).ok(),
    };
    let log = parse(bytes).unwrap();
    let honest = log.replay(bank).unwrap_or_else(|error| panic!("{file}: {error}"));
    let places: Vec<(usize, usize)> = log
        .events()
        .filter(casemate_evidence::eventlog::Event::is_extended)
        .map(|event| event.digest(bank).unwrap())
        .map(|digest| (digest.as_ptr() as usize - bytes.as_ptr() as usize, digest.len()))
        .collect();
    assert!(places.len() > 3, "{file}");
    let mut flipped = bytes.to_vec();
    for (place, length) in places {
        for bit in (0..length * 8).step_by(step) {
            flipped[place + bit / 8] ^= 1 << (bit % 8);
            let other = parse(&flipped).unwrap();
            assert_ne!(other.replay(bank).unwrap(), honest, "{file}: bit {bit} after {place}");
            assert!(other.first_divergence(&log, bank).is_some(), "{file}: bit {bit} after {place}");
            flipped[place + bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn every_16th_bit_of_a_recorded_log_shows() {
    let Some(vectors) = vectors("every_16th_bit_of_a_recorded_log_shows") else { return };
    for (file, bank) in [
        ("eventlog/tpm/arch-linux-workstation.bin", Hash::Sha256),
        // The three banks of one log, and a log of the oldest layout.
        ("eventlog/tpm/cos-85-amd-sev.bin", Hash::Sha1),
        ("eventlog/tpm/cos-85-amd-sev.bin", Hash::Sha256),
        ("eventlog/tpm/cos-85-amd-sev.bin", Hash::Sha384),
        ("eventlog/tpm/glinux-alex.bin", Hash::Sha1),
        ("eventlog/ccel/CCEL_data_ovmf", Hash::Sha384),
        ("eventlog/ccel/CCEL_AAEL_alibabacloud", Hash::Sha384),
    ] {
        every_bit_shows(file, &read(&vectors, file), bank, 16);
    }
}

#[test]
#[ignore = "long: every bit"]
fn every_bit_of_every_recorded_log_shows() {
    let Some(vectors) = vectors("every_bit_of_every_recorded_log_shows") else { return };
    let mut count = 0;
    for entry in std::fs::read_dir(vectors.join("eventlog/tpm")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        // Logs of TPMs without a SHA-256 bank have nothing to show here.
        let has_bank = EventLog::of_tpm(&bytes).is_ok_and(|log| log.replay(Hash::Sha256).is_ok());
        if has_bank {
            every_bit_shows(&path.display().to_string(), &bytes, Hash::Sha256, 1);
            count += 1;
        }
    }
    assert!(count > 5, "{count} logs");
}

#[test]
fn unknown_types_have_numbers() {
    assert_eq!(EventKind(0x1234).to_string(), "event type 0x00001234");
    assert_eq!(EventKind::EV_IPL.to_string(), "EV_IPL");
}
