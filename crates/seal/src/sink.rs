//! Length and SHA-256 of bytes as they stream by.

use std::io::{self, Read, Write};

use aws_lc_rs::digest;
use casemate_cose::Digest;

/// What a stream of bytes was.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fingerprint {
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub digest: Digest,
}

/// Reads `input` to its end: its length and SHA-256, as contracts pin sealed files.
///
/// # Errors
/// Whatever reading gives.
pub fn fingerprint(mut input: impl Read) -> io::Result<Fingerprint> {
    let mut sink = Sink::new(io::sink());
    io::copy(&mut input, &mut sink)?;
    Ok(sink.fingerprint())
}

/// A writer that remembers what went through it.
pub(crate) struct Sink<W> {
    output: W,
    context: digest::Context,
    bytes: u64,
}

impl<W: Write> Sink<W> {
    pub(crate) fn new(output: W) -> Self {
        Self { output, context: digest::Context::new(&digest::SHA256), bytes: 0 }
    }

    /// What has gone through so far.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.context.clone().finish().as_ref());
        Fingerprint { bytes: self.bytes, digest: Digest::from_bytes(digest) }
    }
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.context.update(bytes.get(..written).unwrap_or(bytes));
        self.bytes = self.bytes.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes one byte at a time, as a writer may.
    struct Slow(Vec<u8>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.extend(bytes.first());
            Ok(bytes.len().min(1))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn counts_only_what_was_written() {
        let mut sink = Sink::new(Slow(Vec::new()));
        sink.write_all(b"abc").unwrap();
        let print = sink.fingerprint();
        assert_eq!(sink.output.0, b"abc");
        assert_eq!(print, Fingerprint { bytes: 3, digest: Digest::of(b"abc") });
        assert_eq!(fingerprint(b"abc".as_slice()).unwrap(), print);
    }
}
