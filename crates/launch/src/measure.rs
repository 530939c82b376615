//! Measures: the bytes that are digested are the bytes that are executed.
//!
//! The runtime is copied once into an anonymous memory file, sealed against every change, then digested, and executed from
//! that file. Replacing the binary on disk between the two has no effect. A sealed program's file can change after it was
//! digested; the keep digests it again, and opens it with a key that authenticates every byte.

use std::{
    fs::File,
    io::{self, Read as _},
    num::NonZeroUsize,
    os::{fd::OwnedFd, unix::fs::FileExt as _},
    path::Path,
    slice,
};

use casemate_cose::Digest;
use nix::{
    fcntl::{FcntlArg, SealFlag, fcntl},
    sys::{
        memfd::{MFdFlags, memfd_create},
        mman::{MapFlags, ProtFlags, mmap, munmap},
    },
};

use crate::{LaunchError, Spec};

/// The largest runtime: 2 GiB. A debug build with line tables is far below.
const RUNTIME_BYTES_MAX: u64 = 2 << 30;
/// The largest file of a sealed program, and the largest library: 64 MiB.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// A specification whose runtime, program and manifest are fixed and digested.
#[derive(Debug)]
pub struct Measured {
    pub(crate) spec: Spec,
    pub(crate) image: OwnedFd,
    runtime: Digest,
    program: Digest,
    manifest: Digest,
}

impl Spec {
    /// Copies, seals and digests.
    ///
    /// # Errors
    /// [`LaunchError::Measure`].
    pub fn measure(self) -> Result<Measured, LaunchError> {
        let refuse = |source| LaunchError::Measure { path: self.runtime.clone(), source };
        let (image, runtime) = seal_copy(&self.runtime).map_err(refuse)?;
        let (program, manifest) = (self.program_digest()?, Digest::of(&self.manifest));
        Ok(Measured { spec: self, image, runtime, program, manifest })
    }

    fn program_digest(&self) -> Result<Digest, LaunchError> {
        let Some(name) = &self.sealed_program else { return Ok(Digest::of(&self.program)) };
        let file = self.datasets.iter().find(|dataset| dataset.name == *name).map(|dataset| &dataset.file);
        let missing = || io::Error::new(io::ErrorKind::NotFound, "no sealed file of that name was given");
        let digested = file.ok_or_else(missing).and_then(digest_file);
        digested.map_err(|source| LaunchError::MeasureProgram { dataset: name.clone(), source })
    }
}

impl Measured {
    /// Digest of the runtime binary.
    #[must_use]
    pub const fn runtime(&self) -> Digest {
        self.runtime
    }

    /// Digest of the program.
    #[must_use]
    pub const fn program(&self) -> Digest {
        self.program
    }

    /// Digest of the manifest.
    #[must_use]
    pub const fn manifest(&self) -> Digest {
        self.manifest
    }
}

/// Reads from the start and leaves the file's position where it is.
pub(crate) fn digest_file(file: &File) -> io::Result<Digest> {
    let length = file.metadata()?.len();
    if length > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 64 MiB"));
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(Digest::of(&bytes))
}

fn seal_copy(path: &Path) -> io::Result<(OwnedFd, Digest)> {
    let mut image = File::from(memory_file()?);
    let length = io::copy(&mut File::open(path)?.take(RUNTIME_BYTES_MAX + 1), &mut image)?;
    if length > RUNTIME_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 2 GiB"));
    }
    let seals = SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
    fcntl(&image, FcntlArg::F_ADD_SEALS(seals))?;
    let digest = digest_sealed(&image, length)?;
    Ok((image.into(), digest))
}

/// Digests an image where it lies: what is digested is what nobody can change any more.
#[allow(unsafe_code, reason = "a mapping of a file, which no library wraps as safe")]
fn digest_sealed(image: &File, length: u64) -> io::Result<Digest> {
    let length = usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let Some(mapped) = NonZeroUsize::new(length) else { return Ok(Digest::of(&[])) };
    // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing. The slice is as long as the file, whose
    // seals keep every byte as it is and in place; it is used no more when the mapping goes.
    unsafe {
        let start = mmap(None, mapped, ProtFlags::PROT_READ, MapFlags::MAP_PRIVATE, image, 0)?;
        let digest = Digest::of(slice::from_raw_parts(start.cast().as_ptr(), length));
        munmap(start, length)?;
        Ok(digest)
    }
}

fn memory_file() -> io::Result<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    // Kernels before 6.3 do not know `MFD_EXEC` and make every memory file executable.
    match memfd_create(c"casemate-keep", flags | MFdFlags::from_bits_retain(libc::MFD_EXEC)) {
        Err(nix::Error::EINVAL) => Ok(memfd_create(c"casemate-keep", flags)?),
        made => Ok(made?),
    }
}
