//! Firmware and a boot loader of our own: TCG event logs, right or wrong, and the PCR values that they give.

use std::collections::BTreeMap;

use aws_lc_rs::digest;

/// A TPM_ALG_ID with the function to compute it.
pub const SHA1: u16 = 0x0004;
/// SHA-256.
pub const SHA256: u16 = 0x000b;
/// SHA-384.
pub const SHA384: u16 = 0x000c;
/// SHA-512.
pub const SHA512: u16 = 0x000d;

/// Types of events. [PC Client Platform Firmware Profile, §10.4.1]
pub mod kind {
    #![allow(missing_docs, reason = "the names are the specification's")]
    pub const NO_ACTION: u32 = 3;
    pub const SEPARATOR: u32 = 4;
    pub const EVENT_TAG: u32 = 6;
    pub const S_CRTM_VERSION: u32 = 8;
    pub const IPL: u32 = 0xd;
    pub const EFI_VARIABLE_DRIVER_CONFIG: u32 = 0x8000_0001;
    pub const EFI_BOOT_SERVICES_APPLICATION: u32 = 0x8000_0003;
    pub const EFI_ACTION: u32 = 0x8000_0007;
}

/// The digest of `data` by one of the four.
#[must_use]
pub fn hash(algorithm: u16, data: &[u8]) -> Vec<u8> {
    let function = match algorithm {
        SHA1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        SHA256 => &digest::SHA256,
        SHA384 => &digest::SHA384,
        _ => &digest::SHA512,
    };
    digest::digest(function, data).as_ref().to_vec()
}

/// One event: `measured` is what its digests are of, `data` what the log shows.
#[derive(Clone, Debug)]
pub struct Event {
    /// The PCR.
    pub register: u32,
    /// The type.
    pub kind: u32,
    /// What the digests are of.
    pub measured: Vec<u8>,
    /// What the log shows.
    pub data: Vec<u8>,
}

impl Event {
    /// An event that shows what it measures.
    #[must_use]
    pub fn new(register: u32, kind: u32, data: &[u8]) -> Self {
        Self { register, kind, measured: data.to_vec(), data: data.to_vec() }
    }

    /// An event that measures something else than it shows.
    #[must_use]
    pub fn of(register: u32, kind: u32, measured: &[u8], data: &[u8]) -> Self {
        Self { register, kind, measured: measured.to_vec(), data: data.to_vec() }
    }

    /// A UEFI variable of `vendor`.
    #[must_use]
    pub fn variable(register: u32, name: &str, value: &[u8]) -> Self {
        const GLOBAL: [u8; 16] =
            [0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c];
        let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut data = GLOBAL.to_vec();
        data.extend((name.len() as u64).to_le_bytes());
        data.extend((value.len() as u64).to_le_bytes());
        data.extend(units);
        data.extend(value);
        Self::new(register, kind::EFI_VARIABLE_DRIVER_CONFIG, &data)
    }

    /// What the Linux EFI stub measures of a command line, with its terminating zero.
    #[must_use]
    pub fn load_options(line: &str) -> Self {
        let wide: Vec<u8> = line.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        Self::of(9, kind::EVENT_TAG, &wide, &tagged(0x8f3b_22ed, b"LOADED_IMAGE::LoadOptions\0"))
    }
}

/// A tagged event's data.
#[must_use]
pub fn tagged(id: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap();
    [&id.to_le_bytes(), &length.to_le_bytes(), content].concat()
}

/// A log. [`Log::boot`] is honest.
#[derive(Clone, Debug)]
pub struct Log {
    /// Its banks; empty for a legacy log.
    pub banks: Vec<u16>,
    /// Its events, without the header.
    pub events: Vec<Event>,
}

impl Log {
    /// A boot with Secure Boot of a kernel with an EFI stub and this command line, logged in these banks.
    #[must_use]
    pub fn boot(banks: &[u16], line: &str) -> Self {
        let mut events = vec![
            Event::new(0, kind::S_CRTM_VERSION, b"1\0.\0\0\0"),
            Event::variable(7, "SecureBoot", &[1]),
            Event::variable(7, "PK", b"a certificate"),
            Event::new(7, kind::SEPARATOR, &[0; 4]),
            Event::new(4, kind::EFI_ACTION, b"Calling EFI Application from Boot Option"),
        ];
        events.extend((0..7).map(|pcr| Event::new(pcr, kind::SEPARATOR, &[0; 4])));
        events.extend([
            Event::of(4, kind::EFI_BOOT_SERVICES_APPLICATION, b"a kernel", b"where it was loaded"),
            Event::load_options(line),
            Event::of(9, kind::EVENT_TAG, b"an initrd", &tagged(0x8f3b_22ec, b"Linux initrd\0")),
            Event::new(5, kind::EFI_ACTION, b"Exit Boot Services Returned with Success"),
        ]);
        Self { banks: banks.to_vec(), events }
    }

    /// The bytes of the log.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = if self.banks.is_empty() { Vec::new() } else { self.header() };
        for event in &self.events {
            bytes.extend(event.register.to_le_bytes());
            bytes.extend(event.kind.to_le_bytes());
            if self.banks.is_empty() {
                bytes.extend(Self::digest(event, SHA1));
            } else {
                bytes.extend(u32::try_from(self.banks.len()).unwrap().to_le_bytes());
                for bank in &self.banks {
                    bytes.extend(bank.to_le_bytes());
                    bytes.extend(Self::digest(event, *bank));
                }
            }
            bytes.extend(u32::try_from(event.data.len()).unwrap().to_le_bytes());
            bytes.extend(&event.data);
        }
        bytes
    }

    fn digest(event: &Event, bank: u16) -> Vec<u8> {
        let digest = hash(bank, &event.measured);
        if event.kind == kind::NO_ACTION { vec![0; digest.len()] } else { digest }
    }

    fn header(&self) -> Vec<u8> {
        let mut data = b"Spec ID Event03\0\0\0\0\0\x00\x02\x00\x02".to_vec();
        data.extend(u32::try_from(self.banks.len()).unwrap().to_le_bytes());
        for bank in &self.banks {
            data.extend(bank.to_le_bytes());
            data.extend(u16::try_from(hash(*bank, &[]).len()).unwrap().to_le_bytes());
        }
        data.push(0);
        let mut bytes = [0_u32.to_le_bytes(), 3_u32.to_le_bytes()].concat();
        bytes.extend([0; 20]);
        bytes.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        bytes.extend(data);
        bytes
    }

    /// The value of each PCR from 0 to 23, as a TPM would have it.
    #[must_use]
    pub fn pcrs(&self, bank: u16) -> BTreeMap<u32, Vec<u8>> {
        let size = hash(bank, &[]).len();
        let start = |pcr: u32| vec![if (17..=22).contains(&pcr) { 0xff } else { 0 }; size];
        let mut pcrs: BTreeMap<u32, Vec<u8>> = (0..24).map(|pcr| (pcr, start(pcr))).collect();
        for event in &self.events {
            if event.kind == kind::NO_ACTION {
                if let Some(locality) = event.data.strip_prefix(b"StartupLocality\0") {
                    *pcrs.get_mut(&0).unwrap().last_mut().unwrap() = locality[0];
                }
                continue;
            }
            let value = pcrs.get_mut(&event.register).unwrap();
            *value = hash(bank, &[value.as_slice(), &Self::digest(event, bank)].concat());
        }
        pcrs
    }
}
