//! Predicts what a launch will report, from the bytes that are launched: pure functions, for reference values.
//!
//! | platform | what | module |
//! | --- | --- | --- |
//! | AMD SEV-SNP | launch digest (`MEASUREMENT`) | [`snp`] |
//! | Intel TDX | MRTD | [`tdx`] |
//! | AWS Nitro | PCR 0, 1, 2 and 8 | [`nitro`] |
//! | TPM, and TDX's RTMR 2 | PCR 4, 9, 11, 12, and the events as the log has them | [`pcr`] |
//!
//! What a prediction rests on is read strictly: where loaders could differ in what they make of an image (overlapping sections,
//! bytes between them, a part twice), it is refused with [`MeasureError`] instead of measured in one of the ways.
//!
//! ```
//! use casemate_evidence::measure::nitro;
//! # // An enclave image: header with the CRC-32 of all else, then kernel, command line, metadata and RAM disk.
//! # let sections: [(u16, &[u8]); 4] = [(1, b"kernel"), (2, b"quiet"), (5, b"{}"), (3, b"RAM disk")];
//! # let (mut offsets, mut sizes, mut body) = ([0_u64; 32], [0_u64; 32], Vec::new());
//! # for (place, (kind, data)) in sections.iter().enumerate() {
//! #     (offsets[place], sizes[place]) = (548 + body.len() as u64, data.len() as u64);
//! #     body.extend([&kind.to_be_bytes()[..], &[0, 0], &sizes[place].to_be_bytes(), data].concat());
//! # }
//! # let numbers = [offsets, sizes].concat().iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<_>>();
//! # let header = [b".eif", &[0, 4, 0, 0][..], &[0; 16], &[0, 0, 0, 4], &numbers, &[0; 4]].concat();
//! # let crc = !header.iter().chain(&body).fold(!0_u32, |crc, byte| {
//! #     (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
//! # });
//! # let image = [header, crc.to_be_bytes().to_vec(), body].concat();
//!
//! // What a Nitro enclave of this image will say of itself, to compare with the claims of its evidence.
//! let predicted = nitro::pcrs(&image)?;
//! assert_eq!(hex::encode(&predicted.image[..8]), "5a06f74e3b98dd2e");
//! assert_eq!(predicted.image, predicted.bootstrap); // one RAM disk: the application adds nothing
//! assert!(predicted.certificate.is_none()); // nobody signed it
//! # Ok::<(), casemate_evidence::measure::MeasureError>(())
//! ```

mod error;
mod footer;
mod kernel;
pub mod nitro;
pub mod pcr;
mod pe;
pub mod snp;
pub mod tdx;

pub use error::MeasureError;
pub use footer::FIRMWARE_BYTES_MAX;
pub use kernel::{COMMAND_LINE_BYTES_MAX, Kernel};
pub use pe::{IMAGE_BYTES_MAX, SECTIONS_MAX, authenticode};
