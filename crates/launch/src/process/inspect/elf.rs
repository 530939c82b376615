//! What an ELF file says that it is linked with: a bounded reader of what the dynamic loader goes by.
//!
//! 64-bit, little-endian: every machine that keeps run on. [System V ABI, generic, chapters 4 and 5; ld.so(8)]

use std::{collections::BTreeSet, fs::File, io, os::unix::fs::FileExt as _};

/// The most program headers.
const HEADERS_MAX: u16 = 128;
const HEADER_BYTES: u16 = 56;
/// The most entries of a dynamic section.
const ENTRIES_MAX: u64 = 4096;
const ENTRY_BYTES: u64 = 16;
/// The longest name of a library or path of a loader.
const NAME_BYTES_MAX: usize = 4096;

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const DT_NULL: u64 = 0;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_SONAME: u64 = 14;

/// What a program or library calls for, without folders.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Linked {
    /// Its own name, under which others call for it.
    pub(super) name: Option<String>,
    /// The libraries that it needs, and its loader.
    pub(super) needed: BTreeSet<String>,
}

struct Header {
    kind: u32,
    offset: u64,
    address: u64,
    bytes: u64,
}

/// Reads the headers of `file`.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] where it is no such file; what reading it says.
pub(super) fn linked(file: &File) -> io::Result<Linked> {
    let headers = headers(file)?;
    let mut linked = Linked::default();
    if let Some(loader) = headers.iter().find(|header| header.kind == PT_INTERP) {
        linked.needed.insert(name(file, loader.offset)?);
    }
    let Some(dynamic) = headers.iter().find(|header| header.kind == PT_DYNAMIC) else { return Ok(linked) };
    let entries = entries(file, dynamic)?;
    let Some((_, strings)) = entries.iter().find(|(tag, _)| *tag == DT_STRTAB) else { return Ok(linked) };
    let strings = place(&headers, *strings)?;
    for (tag, value) in &entries {
        let at = || name(file, strings.checked_add(*value).ok_or_else(malformed)?);
        match *tag {
            DT_NEEDED => drop(linked.needed.insert(at()?)),
            DT_SONAME => linked.name = Some(at()?),
            _ => {}
        }
    }
    Ok(linked)
}

fn headers(file: &File) -> io::Result<Vec<Header>> {
    let mut head = [0; 64];
    file.read_exact_at(&mut head, 0)?;
    // Magic, 64 bits, little-endian.
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return Err(malformed());
    }
    let start = u64::from_le_bytes(field(&head, 32)?);
    let (size, count) = (u16::from_le_bytes(field(&head, 54)?), u16::from_le_bytes(field(&head, 56)?));
    if size != HEADER_BYTES || count > HEADERS_MAX {
        return Err(malformed());
    }
    let mut table = vec![0; usize::from(size) * usize::from(count)];
    file.read_exact_at(&mut table, start)?;
    let header = |row: &[u8]| {
        Ok(Header {
            kind: u32::from_le_bytes(field(row, 0)?),
            offset: u64::from_le_bytes(field(row, 8)?),
            address: u64::from_le_bytes(field(row, 16)?),
            bytes: u64::from_le_bytes(field(row, 32)?),
        })
    };
    table.chunks_exact(usize::from(HEADER_BYTES)).map(header).collect()
}

/// The entries before the one that ends them.
fn entries(file: &File, dynamic: &Header) -> io::Result<Vec<(u64, u64)>> {
    let count = dynamic.bytes / ENTRY_BYTES;
    if count > ENTRIES_MAX {
        return Err(malformed());
    }
    let mut entries = Vec::new();
    for number in 0..count {
        let mut entry = [0; 16];
        file.read_exact_at(&mut entry, dynamic.offset.checked_add(number * ENTRY_BYTES).ok_or_else(malformed)?)?;
        let tag = u64::from_le_bytes(field(&entry, 0)?);
        if tag == DT_NULL {
            break;
        }
        entries.push((tag, u64::from_le_bytes(field(&entry, 8)?)));
    }
    Ok(entries)
}

/// Where in the file lies what is loaded at `address`.
fn place(headers: &[Header], address: u64) -> io::Result<u64> {
    let of = |header: &Header| {
        let within = address.checked_sub(header.address)?;
        (header.kind == PT_LOAD && within < header.bytes).then(|| header.offset.checked_add(within))?
    };
    headers.iter().find_map(of).ok_or_else(malformed)
}

/// The text at `offset` up to its zero byte, without its folders.
fn name(file: &File, offset: u64) -> io::Result<String> {
    let mut text = Vec::new();
    while text.len() < NAME_BYTES_MAX {
        let mut piece = [0; 64];
        let read = file.read_at(&mut piece, offset.checked_add(text.len() as u64).ok_or_else(malformed)?)?;
        let piece = piece.get(..read).unwrap_or_default();
        if let Some(end) = piece.iter().position(|byte| *byte == 0) {
            text.extend(piece.iter().take(end));
            let text = String::from_utf8(text).map_err(|_| malformed())?;
            return Ok(text.rsplit('/').next().unwrap_or_default().to_owned());
        }
        if read == 0 {
            break;
        }
        text.extend(piece);
    }
    Err(malformed())
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> io::Result<[u8; N]> {
    bytes.get(at..).and_then(|rest| rest.first_chunk().copied()).ok_or_else(malformed)
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is no program or library of this kind of machine")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_program_names_its_libraries_and_its_loader() {
        let own = linked(&File::open("/proc/self/exe").unwrap()).unwrap();
        assert_eq!(own.name, None);
        assert!(own.needed.contains("libc.so.6"), "{own:?}");
        assert!(own.needed.iter().any(|name| name.starts_with("ld-linux")), "{own:?}");
        assert!(own.needed.iter().all(|name| !name.contains('/')), "{own:?}");
    }

    #[test]
    fn what_is_cut_short_or_lies_about_its_lengths_is_refused_and_none_is_read_without_end() {
        let whole = std::fs::read("/proc/self/exe").unwrap();
        let of = |bytes: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            linked(&file)
        };
        let changed = |at: usize, bytes: &[u8]| {
            let mut image = whole.clone();
            image[at..at + bytes.len()].copy_from_slice(bytes);
            of(&image)
        };
        assert!(of(&whole).is_ok());
        assert!(of(b"").is_err() && of(b"#!/bin/sh\n").is_err() && of(&whole[..200]).is_err());
        assert!(changed(4, &[1]).is_err(), "32 bits");
        assert!(changed(5, &[2]).is_err(), "big-endian");
        assert!(changed(32, &[0xff; 8]).is_err(), "headers beyond the end");
        assert!(changed(54, &[1, 0]).is_err(), "headers of one byte");
        assert!(changed(56, &[0xff; 2]).is_err(), "65,535 headers");
    }
}
