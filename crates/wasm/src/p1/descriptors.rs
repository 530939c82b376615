//! The numbers that a module knows its files by: 0 to 2 are its standard streams, 3 is `/in`, 4 is `/out`.

use crate::{
    errno::Errno,
    files::{Directory, File, Node},
};

/// Open at once.
const OPEN_MAX: usize = 256;

/// What a number stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Descriptor {
    Directory { directory: Directory, is_given: bool },
    File(OpenFile),
    Nowhere,
    Stdin,
}

/// A file, and where in it the program stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenFile {
    pub(super) file: File,
    pub(super) position: u64,
    pub(super) reads: bool,
    pub(super) writes: bool,
    pub(super) appends: bool,
}

/// All numbers in use.
pub(crate) struct Descriptors(Vec<Option<Descriptor>>);

impl Default for Descriptors {
    fn default() -> Self {
        let given = Directory::ALL.map(|directory| Some(Descriptor::Directory { directory, is_given: true }));
        let streams = [Descriptor::Stdin, Descriptor::Nowhere, Descriptor::Nowhere].map(Some);
        Self(streams.into_iter().chain(given).collect())
    }
}

impl Descriptor {
    pub(super) const fn node(self) -> Option<Node> {
        match self {
            Self::Directory { directory, .. } => Some(Node::Directory(directory)),
            Self::File(OpenFile { file, .. }) => Some(Node::File(file)),
            Self::Nowhere | Self::Stdin => None,
        }
    }
}

impl Descriptors {
    pub(super) fn find(&self, fd: u32) -> Result<Descriptor, Errno> {
        self.0.get(fd as usize).copied().flatten().ok_or(Errno::BadDescriptor)
    }

    pub(super) fn directory(&self, fd: u32) -> Result<Directory, Errno> {
        match self.find(fd)? {
            Descriptor::Directory { directory, .. } => Ok(directory),
            _ => Err(Errno::NotDirectory),
        }
    }

    pub(super) fn file(&mut self, fd: u32) -> Result<&mut OpenFile, Errno> {
        match self.0.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::BadDescriptor)? {
            Descriptor::File(file) => Ok(file),
            Descriptor::Directory { .. } => Err(Errno::IsDirectory),
            Descriptor::Nowhere | Descriptor::Stdin => Err(Errno::Seek),
        }
    }

    /// Whether there is a number left.
    pub(super) fn has_room(&self) -> bool {
        self.0.len() < OPEN_MAX || self.0.iter().any(Option::is_none)
    }

    /// Gives the lowest free number.
    pub(super) fn add(&mut self, descriptor: Descriptor) -> Result<u32, Errno> {
        let free = self.0.iter().position(Option::is_none).unwrap_or(self.0.len());
        match self.0.get_mut(free) {
            Some(place) => *place = Some(descriptor),
            None if free < OPEN_MAX => self.0.push(Some(descriptor)),
            None => return Err(Errno::TooManyOpen),
        }
        u32::try_from(free).map_err(|_| Errno::TooManyOpen)
    }

    pub(super) fn take(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        self.0.get_mut(fd as usize).and_then(Option::take).ok_or(Errno::BadDescriptor)
    }

    /// Moves `from` to `to`, which is in use; what was there comes back.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<Option<Descriptor>, Errno> {
        self.find(to)?;
        let moved = self.find(from)?;
        if from == to {
            return Ok(None);
        }
        self.take(from)?;
        Ok(self.0.get_mut(to as usize).and_then(|place| place.replace(moved)))
    }
}
