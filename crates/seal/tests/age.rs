//! Sealed blobs: our own round trip, every way to break it, and interoperability with the `age` program both ways.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]
#![expect(clippy::disallowed_methods, reason = "other programs take files: this test is not part of the pure crate")]

use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
    process::Command,
};

use casemate_seal::{SealError, blob, fingerprint};

const KEY: [u8; 32] = [0x33; 32];

fn seal(plaintext: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::new();
    let print = blob::seal(plaintext, &mut sealed, &KEY).unwrap();
    assert_eq!(print, fingerprint(sealed.as_slice()).unwrap());
    sealed
}

fn open(sealed: &[u8], key: &[u8; 32]) -> Result<Vec<u8>, SealError> {
    let mut plaintext = Vec::new();
    let bytes = blob::open(sealed, &mut plaintext, key)?;
    assert_eq!(usize::try_from(bytes).unwrap(), plaintext.len());
    Ok(plaintext)
}

#[test]
fn a_blob_comes_back_as_it_went_in() {
    for length in [0, 1, 65_535, 65_536, 65_537, 300_000] {
        let plaintext: Vec<u8> = (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect();
        assert!(open(&seal(&plaintext), &KEY).unwrap() == plaintext, "{length}");
    }
}

#[test]
fn each_recipient_opens_what_is_sealed_to_several_and_nobody_else() {
    let recipients = [blob::recipient(&[1; 32]).unwrap(), blob::recipient(&[2; 32]).unwrap()];
    let mut sealed = Vec::new();
    blob::seal_to(b"result".as_slice(), &mut sealed, &recipients).unwrap();
    assert_eq!(open(&sealed, &[1; 32]).unwrap(), b"result");
    assert_eq!(open(&sealed, &[2; 32]).unwrap(), b"result");
    assert!(matches!(open(&sealed, &[3; 32]), Err(SealError::WrongKey)));
}

#[test]
fn refuses_recipients_that_are_none() {
    let secret = blob::secret_text(&KEY).unwrap();
    for text in ["", "age1", "age1qqqq", secret.as_str(), "someone@example.org"] {
        let refused = blob::seal_to(b"x".as_slice(), io::sink(), &[text]);
        assert!(matches!(refused, Err(SealError::Recipient(_))), "{text}");
    }
    assert!(matches!(blob::seal_to(b"x".as_slice(), io::sink(), &[] as &[&str]), Err(SealError::Recipient(_))));
}

#[test]
fn refuses_every_truncation_addition_and_flipped_byte() {
    let sealed = seal(b"plaintext");
    for length in 0..sealed.len() {
        assert!(open(&sealed[..length], &KEY).is_err(), "{length} bytes");
    }
    assert!(open(&[&sealed[..], b"x"].concat(), &KEY).is_err());
    for index in 0..sealed.len() {
        let mut flipped = sealed.clone();
        flipped[index] ^= 1;
        assert!(open(&flipped, &KEY).is_err(), "byte {index}");
    }
    assert!(matches!(open(&sealed, &[0x34; 32]), Err(SealError::WrongKey)));
    assert!(matches!(open(b"PK\x03\x04 no age file at all, but long enough", &KEY), Err(SealError::Blob(_))));
}

#[test]
fn a_blob_cut_between_two_chunks_is_truncated() {
    let sealed = seal(&vec![7; 200_000]);
    let header = sealed.len() - (200_000 + 4 * 16);
    let error = open(&sealed[..header + 65_536 + 16], &KEY).unwrap_err();
    assert!(matches!(error, SealError::Truncated | SealError::Blob(_)), "{error:?}");
}

#[test]
fn a_large_blob_streams_in_small_pieces() {
    /// Counts what goes in and remembers the largest piece.
    struct Gauge {
        total: usize,
        piece_max: usize,
    }
    impl Write for Gauge {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.total += bytes.len();
            self.piece_max = self.piece_max.max(bytes.len());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut gauge = Gauge { total: 0, piece_max: 0 };
    blob::seal(io::repeat(7).take(32 << 20), &mut gauge, &KEY).unwrap();
    assert!(gauge.total > 32 << 20 && gauge.piece_max <= 128 << 10, "{} in pieces of {}", gauge.total, gauge.piece_max);
}

#[test]
fn age_opens_what_we_seal() {
    let Some(age) = casemate_testkit::tool("age_opens_what_we_seal", "age", "age") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (identity, sealed) = (folder.path().join("key"), folder.path().join("sealed.age"));
    fs::write(&identity, blob::secret_text(&KEY).unwrap().as_bytes()).unwrap();
    fs::write(&sealed, seal(b"for age")).unwrap();
    assert_eq!(run(&age, &["-d", "-i", path(&identity), path(&sealed)]).unwrap(), b"for age");
    fs::write(&identity, blob::secret_text(&[1; 32]).unwrap().as_bytes()).unwrap();
    assert!(run(&age, &["-d", "-i", path(&identity), path(&sealed)]).is_err());
}

#[test]
fn we_open_what_age_seals() {
    let Some(age) = casemate_testkit::tool("we_open_what_age_seals", "age", "age") else { return };
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    fs::write(&plain, b"from age").unwrap();
    let sealed = run(&age, &["-r", &blob::recipient(&KEY).unwrap(), path(&plain)]).unwrap();
    assert_eq!(open(&sealed, &KEY).unwrap(), b"from age");
    assert!(matches!(open(&sealed, &[1; 32]), Err(SealError::WrongKey)));
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(program: &Path, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let output = Command::new(program).args(arguments).output().unwrap();
    if output.status.success() { Ok(output.stdout) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
