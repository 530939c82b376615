//! Looks at the files that lie in a keep's memory: the measured image, the libraries that it names, and nothing else.
//!
//! 1. No code is without a file but the kernel's own, and none was changed after it was mapped.
//! 2. Each mapped file is the image, secret memory, or taken for a library. Its bytes on disk are the mapped ones: the launcher
//!    maps what it opened itself and compares what the kernel calls both. A path alone proves nothing.
//! 3. The libraries are those that the image names in its headers, those that these name, and the loader: each once, none
//!    missing and none more. What `/etc/ld.so.preload` adds is refused, and so is an audit library.
//!
//! A library that took itself out of the mappings before is seen by the code that it changed or left, not by data.
//! Sources: proc_pid_maps(5), proc_pid_smaps(5), ld.so(8).
#![allow(unsafe_code, reason = "a mapping of a file, which no library wraps as safe")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    num::NonZeroUsize,
};

use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

use super::elf::{Linked, linked};
use crate::{LaunchError, Libraries, Library, measure::digest_file};

/// The most libraries of one runtime.
const LIBRARIES_MAX: usize = 64;
/// The code that the kernel puts into every process.
const OF_KERNEL: [&str; 2] = ["[vdso]", "[vsyscall]"];
/// What mappings of secret memory are called, and how they are mapped.
const SECRET: (&str, &str) = ("/secretmem (deleted)", "rw-s");

/// A file as lists of mappings call it: its device, which on some file systems isn't the one that `stat` tells, and its
/// number.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Place {
    device: String,
    inode: u64,
}

/// The files in a process's memory, each one known.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    places: BTreeSet<Place>,
    pub(crate) libraries: Libraries,
}

impl Code {
    /// All of a process whose mappings are `maps` (its `smaps`), and which should execute `image`.
    ///
    /// # Errors
    /// [`LaunchError::Unmeasured`] naming what lies there besides.
    pub(crate) fn of(maps: &str, image: &File) -> Result<Self, LaunchError> {
        let own = place(image).map_err(unseen)?;
        let mut files = BTreeMap::new();
        for mapping in mappings(maps) {
            mapping.is_pure()?;
            if mapping.is_of_file() && mapping.place != own {
                files.insert(mapping.place, mapping.name);
            }
        }
        if files.len() > LIBRARIES_MAX {
            return Err(LaunchError::Unmeasured(format!("more than {LIBRARIES_MAX} files are mapped into it")));
        }
        let mut places: BTreeSet<Place> = files.keys().cloned().collect();
        places.insert(own);
        let mut found = BTreeMap::new();
        for (place, path) in files {
            let (name, file) = read(place, path)?;
            if let Some((Library { path: other, .. }, _)) = found.insert(name.clone(), file) {
                let what = format!("`{path}` and `{}` are both mapped into it as `{name}`", other.display());
                return Err(LaunchError::Unmeasured(what));
            }
        }
        only_named(&linked(image).map_err(unseen)?, &found)?;
        let libraries = found.into_iter().map(|(name, (library, _))| (name, library)).collect();
        Ok(Self { places, libraries: Libraries::new(libraries) })
    }

    /// That nothing has come since.
    ///
    /// # Errors
    /// [`LaunchError::Unmeasured`] naming what has.
    pub(crate) fn is_all_of(&self, maps: &str) -> Result<(), LaunchError> {
        for mapping in mappings(maps) {
            mapping.is_pure()?;
            if mapping.is_of_file() && !self.places.contains(&mapping.place) {
                return Err(stranger(mapping.name));
            }
        }
        Ok(())
    }
}

/// The library that is mapped from `place`, which should be the file `path`, and its name.
fn read(at: Place, path: &str) -> Result<(String, (Library, Linked)), LaunchError> {
    let gone = |_| LaunchError::Unmeasured(format!("the file `{path}` that is mapped into it is not there any more"));
    let file = File::open(path).map_err(gone)?;
    if place(&file).map_err(unseen)? != at {
        return Err(gone(io::Error::from(io::ErrorKind::NotFound)));
    }
    let linked = linked(&file).map_err(|_| stranger(path))?;
    let digest = digest_file(&file).map_err(unseen)?;
    let name = linked.name.clone().unwrap_or_else(|| path.rsplit('/').next().unwrap_or_default().to_owned());
    Ok((name, (Library { path: path.into(), digest }, linked)))
}

/// That what was `found` is what `image` calls for, and what that calls for: all of it, and no more.
fn only_named(image: &Linked, found: &BTreeMap<String, (Library, Linked)>) -> Result<(), LaunchError> {
    let mut named = BTreeSet::new();
    let mut open: Vec<&String> = image.needed.iter().collect();
    while let Some(name) = open.pop() {
        let Some((_, linked)) = found.get(name) else {
            return Err(LaunchError::Unmeasured(format!(
                "the library `{name}`, which it calls for, is not mapped into it"
            )));
        };
        if named.insert(name) {
            open.extend(&linked.needed);
        }
    }
    match found.iter().find(|(name, _)| !named.contains(name)) {
        Some((_, (library, _))) => Err(stranger(&library.path.to_string_lossy())),
        None => Ok(()),
    }
}

/// A mapping of a process, as its list has it.
#[derive(Debug)]
struct Mapping<'a> {
    bytes: u64,
    access: &'a str,
    place: Place,
    name: &'a str,
    // Of what was copied when it was written to; 0 where the list doesn't say.
    changed_kib: u64,
}

impl Mapping<'_> {
    fn is_secret(&self) -> bool {
        (self.name, self.access) == SECRET
    }

    fn is_of_file(&self) -> bool {
        self.place.inode != 0 && !self.is_secret()
    }

    /// That it is no code, or a file's or the kernel's as that gave it.
    fn is_pure(&self) -> Result<(), LaunchError> {
        if !self.access.contains('x') {
            return Ok(());
        }
        if self.place.inode == 0 && !OF_KERNEL.contains(&self.name) {
            return Err(LaunchError::Unmeasured("code that is no file's lies in its memory".into()));
        }
        if self.changed_kib > 0 {
            return Err(LaunchError::Unmeasured(format!("the code of `{}` was changed in its memory", self.name)));
        }
        Ok(())
    }
}

/// How much secret memory there is in a list of mappings.
pub(super) fn secret_bytes(maps: &str) -> u64 {
    mappings(maps).iter().filter(|mapping| mapping.is_secret()).map(|mapping| mapping.bytes).sum()
}

/// Whether any page in a list of mappings is writable and executable at once.
pub(super) fn has_writable_code(maps: &str) -> bool {
    mappings(maps).iter().any(|mapping| mapping.access.contains('w') && mapping.access.contains('x'))
}

/// The mappings of `maps` or `smaps`: lines like `7f5e8c000-7f5e8d000 r-xp 00026000 fe:00 326279   /usr/lib/libc.so.6`, and in the
/// latter, after each, lines like `Anonymous:   4 kB`.
fn mappings(maps: &str) -> Vec<Mapping<'_>> {
    let mut mappings: Vec<Mapping<'_>> = Vec::new();
    for line in maps.lines() {
        if let Some(mapping) = mapping(line) {
            mappings.push(mapping);
        } else if let (Some(last), Some(kib)) = (mappings.last_mut(), changed_kib(line)) {
            last.changed_kib = last.changed_kib.saturating_add(kib);
        }
    }
    mappings
}

fn mapping(line: &str) -> Option<Mapping<'_>> {
    let mut fields = line.splitn(6, ' ');
    let (first, last) = fields.next()?.split_once('-')?;
    let number = |digits| u64::from_str_radix(digits, 16).ok();
    let bytes = number(last)?.checked_sub(number(first)?)?;
    let (access, _offset, device) = (fields.next()?, fields.next()?, fields.next()?.to_owned());
    let (inode, name) = (fields.next()?.parse().ok()?, fields.next().unwrap_or_default().trim_start());
    Some(Mapping { bytes, access, place: Place { device, inode }, name, changed_kib: 0 })
}

/// Pages that are no file's any more: in memory, and in swap. `Swap:` counts a memory file's own swapped pages too.
fn changed_kib(line: &str) -> Option<u64> {
    let count = line.strip_prefix("Anonymous:").or_else(|| line.strip_prefix("SwapPss:"))?;
    count.trim().strip_suffix(" kB")?.parse().ok()
}

/// What lists of mappings call an open file.
fn place(file: &File) -> io::Result<Place> {
    // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing, and nothing reads or writes it before it
    // goes, after its line was read.
    unsafe {
        let start = mmap(None, NonZeroUsize::MIN, ProtFlags::PROT_READ, MapFlags::MAP_PRIVATE, file, 0)?;
        let maps = fs::read_to_string("/proc/self/maps");
        munmap(start, NonZeroUsize::MIN.get())?;
        let at = start.addr().get();
        let is_of = |line: &&str| {
            let ends = line.split(' ').next().and_then(|range| range.split_once('-'));
            let number = |digits| usize::from_str_radix(digits, 16).ok();
            ends.and_then(|(first, last)| Some((number(first)?..number(last)?).contains(&at))).unwrap_or(false)
        };
        let found = maps?.lines().find(is_of).and_then(mapping).map(|mapping| mapping.place);
        found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

fn stranger(path: &str) -> LaunchError {
    LaunchError::Unmeasured(format!("`{path}` is mapped into it, which the measured runtime does not call for"))
}

fn unseen(error: io::Error) -> LaunchError {
    LaunchError::Unmeasured(format!("the files in its memory cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use std::{ffi::c_void, io::Write as _, os::fd::AsRawFd as _};

    use super::*;

    fn own() -> Result<Code, LaunchError> {
        Code::of(&fs::read_to_string("/proc/self/smaps").unwrap(), &File::open("/proc/self/exe").unwrap())
    }

    fn refused(code: Result<Code, LaunchError>) -> String {
        match code {
            Err(error @ LaunchError::Unmeasured(_)) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn this_process_has_the_libraries_that_its_program_names_digested_as_files() {
        let code = own().unwrap();
        let libc = code.libraries.iter().find(|(name, _)| *name == "libc.so.6").unwrap().1;
        assert_eq!(libc.digest, casemate_cose::Digest::of(&fs::read(&libc.path).unwrap()));
        assert!(code.libraries.iter().any(|(name, _)| name.starts_with("ld-linux")));
        code.is_all_of(&fs::read_to_string("/proc/self/maps").unwrap()).unwrap();
    }

    /// One change to this process's own list of mappings each.
    #[test]
    fn what_the_program_does_not_name_is_refused_by_its_name() {
        let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
        let (image, code) = (File::open("/proc/self/exe").unwrap(), own().unwrap());
        let line = |access: &str, place: Place, name: &str| {
            format!("7ff000000000-7ff000001000 {access} 00000000 {} {}    {name}\n", place.device, place.inode)
        };
        let shell = fs::canonicalize("/bin/sh").unwrap();
        let of_shell = || place(&File::open(&shell).unwrap()).unwrap();
        let nothing = || Place { device: "00:00".into(), inode: 0 };
        let deleted = || Place { inode: 1 << 60, ..of_shell() };
        let shell = shell.to_str().unwrap();
        for (crime, more, says) in [
            ("code", line("r-xp", of_shell(), shell), shell),
            ("data", line("r--p", of_shell(), shell), shell),
            ("no_file", line("r-xp", nothing(), ""), "code that is no file's"),
            ("named_like_the_kernels", line("r-xp", of_shell(), "[vdso]"), "[vdso]"),
            ("named_by_the_process", line("r-xp", nothing(), "[anon:[vdso]]"), "code that is no file's"),
            ("gone", line("r-xp", deleted(), "/tmp/p.so (deleted)"), "`/tmp/p.so (deleted)`"),
            ("replaced", line("r-xp", deleted(), shell), "is not there any more"),
            ("executable_secret", line("r-xs", of_shell(), SECRET.0), SECRET.0),
        ] {
            assert!(refused(Code::of(&format!("{smaps}{more}"), &image)).contains(says), "{crime}");
            assert!(code.is_all_of(&more).is_err(), "{crime}");
        }
        let harmless =
            line("rw-s", of_shell(), SECRET.0) + &line("rw-p", nothing(), "") + &line("r-xp", nothing(), "[vdso]");
        assert!(Code::of(&format!("{smaps}{harmless}"), &image).is_ok());
        // Of another image, this program is the stranger.
        let program = fs::read_link("/proc/self/exe").unwrap();
        assert!(refused(Code::of(&smaps, &File::open(shell).unwrap())).contains(program.to_str().unwrap()));
        let without: String =
            smaps.lines().filter(|line| !line.contains("/libc.so.6")).map(|line| format!("{line}\n")).collect();
        assert!(refused(Code::of(&without, &image)).contains("`libc.so.6`, which it calls for, is not mapped"));
    }

    /// The copy has the library's own name, as a library that wants to be taken for it would.
    #[test]
    fn two_files_of_one_name_are_refused_and_another_file_is_another_digest() {
        let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
        let (image, code) = (File::open("/proc/self/exe").unwrap(), own().unwrap());
        let (_, library) = code.libraries.iter().find(|(name, _)| *name == "libc.so.6").unwrap();
        let mut copy = tempfile::NamedTempFile::new().unwrap();
        copy.write_all(&fs::read(&library.path).unwrap()).unwrap();
        copy.write_all(b"x").unwrap();
        let own = place(&File::open(&library.path).unwrap()).unwrap();
        let other = place(copy.as_file()).unwrap();
        let (path, copied) = (library.path.to_str().unwrap(), copy.path().to_str().unwrap());
        let written = |place: &Place, path: &str| format!("{} {}    {path}\n", place.device, place.inode);
        let twice = format!("{smaps}7ff000000000-7ff000001000 r-xp 00000000 {}", written(&other, copied));
        assert!(refused(Code::of(&twice, &image)).contains("both mapped into it as `libc.so.6`"));
        let swapped: String = smaps
            .lines()
            .map(|line| match mapping(line) {
                Some(mapping) if mapping.place == own => {
                    let head: Vec<&str> = line.splitn(4, ' ').take(3).collect();
                    format!("{} {}", head.join(" "), written(&other, copied))
                }
                _ => format!("{line}\n"),
            })
            .collect();
        let swapped = Code::of(&swapped, &image).unwrap();
        assert_ne!(swapped.libraries.digest(), code.libraries.digest(), "not `{path}`");
    }

    /// The attack: code that was patched in place keeps its file's name.
    #[test]
    fn code_that_was_changed_in_memory_is_seen() {
        let mut library = tempfile::NamedTempFile::new().unwrap();
        library.write_all(&[0x90; 8192]).unwrap();
        let file = library.as_file();
        // SAFETY: a new private mapping of 8192 bytes of a file that long, written within its length and unmapped at the end.
        let changed = unsafe {
            let start = libc::mmap(
                std::ptr::null_mut(),
                8192,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE,
                file.as_raw_fd(),
                0,
            );
            assert_ne!(start, libc::MAP_FAILED);
            let state = |start: *mut c_void| {
                assert_eq!(libc::mprotect(start, 8192, libc::PROT_READ | libc::PROT_EXEC), 0);
                let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
                let at = place(file).unwrap();
                let pure =
                    mappings(&smaps).iter().filter(|mapping| mapping.place == at).all(|one| one.is_pure().is_ok());
                assert_eq!(libc::mprotect(start, 8192, libc::PROT_READ | libc::PROT_WRITE), 0);
                pure
            };
            let before = state(start);
            start.cast::<u8>().add(4096).write_volatile(0xcc);
            let after = state(start);
            libc::munmap(start, 8192);
            (before, after)
        };
        assert_eq!(changed, (true, false));
    }

    #[test]
    fn writable_code_is_seen_by_its_access_not_by_its_name() {
        let line = |access| format!("7f00-7f01 {access} 00000000 00:00 0    [wx rwxp]\n");
        assert!(has_writable_code(&(line("r--p") + &line("rwxp"))));
        assert!(has_writable_code(&line("-wxs")));
        assert!(!has_writable_code(&(line("r-xp") + &line("rw-p") + &line("---p"))));
        assert!(!has_writable_code(&fs::read_to_string("/proc/self/maps").unwrap()));
    }
}
