//! The files that exist for a program: `/in`, which it reads, and `/out`, which it fills. Both are tables in memory.
//!
//! There are no other directories, no links, no permissions, no times and no path that leads elsewhere: a path is a name, and a
//! name is looked up in one of two maps. All output files together keep below the byte quota at every moment.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::errno::Errno;

/// Output files at once.
pub(crate) const FILES_MAX: usize = 64;
/// Bytes of a file's name.
const NAME_BYTES_MAX: usize = 255;
/// Bytes of a path as the program writes it.
const PATH_BYTES_MAX: usize = 4096;

/// One of the two directories.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Directory {
    In,
    Out,
}

/// A file, by its place in the tables.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum File {
    Input(usize),
    Output(usize),
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Node {
    Directory(Directory),
    File(File),
}

/// How a file is to be opened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Opening {
    pub(crate) create: bool,
    pub(crate) directory: bool,
    pub(crate) exclusive: bool,
    pub(crate) truncate: bool,
    pub(crate) write: bool,
}

/// Every file.
pub(crate) struct Files {
    inputs: Vec<(String, Bytes)>,
    /// Names in `/out`, to places in `slots`.
    names: BTreeMap<String, usize>,
    slots: Vec<Slot>,
    used_bytes: u64,
    quota_bytes: u64,
    /// More than the quota was asked for, and not given.
    has_refused: bool,
}

#[derive(Default)]
struct Slot {
    bytes: Vec<u8>,
    open: usize,
    named: bool,
}

impl Directory {
    pub(crate) const ALL: [Self; 2] = [Self::In, Self::Out];

    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::In => "/in",
            Self::Out => "/out",
        }
    }
}

impl Node {
    /// A number that no two files that exist share.
    pub(crate) const fn number(self) -> u64 {
        match self {
            Self::Directory(Directory::In) => 1,
            Self::Directory(Directory::Out) => 2,
            Self::File(File::Input(place)) => (1 << 16) + place as u64,
            Self::File(File::Output(place)) => (1 << 32) + place as u64,
        }
    }
}

impl Files {
    pub(crate) const fn new(inputs: Vec<(String, Bytes)>, quota_bytes: u64) -> Self {
        Self { inputs, names: BTreeMap::new(), slots: Vec::new(), used_bytes: 0, quota_bytes, has_refused: false }
    }

    /// Opens, or makes and opens. Each opened file is to be closed.
    pub(crate) fn open(&mut self, directory: Directory, path: &str, how: Opening) -> Result<Node, Errno> {
        let node = match (self.find(directory, path), directory) {
            (Ok(_), _) if how.create && how.exclusive => return Err(Errno::Exists),
            (Ok(node), _) => node,
            (Err(Errno::NoEntry), Directory::Out) if how.create && !how.directory => Node::File(self.create(path)?),
            (Err(Errno::NoEntry), Directory::In) if how.create => return Err(Errno::ReadOnly),
            (Err(errno), _) => return Err(errno),
        };
        match node {
            Node::Directory(_) if how.write || how.truncate => return Err(Errno::IsDirectory),
            Node::File(_) if how.directory => return Err(Errno::NotDirectory),
            Node::File(File::Input(_)) if how.write || how.truncate => return Err(Errno::ReadOnly),
            Node::File(file) if how.truncate => self.resize(file, 0)?,
            Node::Directory(_) | Node::File(_) => {}
        }
        if let Node::File(file) = node {
            self.hold(file);
        }
        Ok(node)
    }

    /// Holds an open file open once more.
    pub(crate) fn hold(&mut self, file: File) {
        if let File::Output(place) = file
            && let Some(slot) = self.slots.get_mut(place)
        {
            slot.open += 1;
        }
    }

    /// Closes what [`Files::open`] opened, or [`Files::hold`] held.
    pub(crate) fn close(&mut self, node: Node) {
        if let Node::File(File::Output(place)) = node
            && let Some(slot) = self.slots.get_mut(place)
        {
            slot.open = slot.open.saturating_sub(1);
        }
    }

    /// What `path` in `directory` is.
    pub(crate) fn find(&self, directory: Directory, path: &str) -> Result<Node, Errno> {
        let parts = parts(path)?;
        let [name, rest @ ..] = parts.as_slice() else { return Ok(Node::Directory(directory)) };
        let file = match directory {
            Directory::In => self.inputs.iter().position(|(input, _)| input == name).map(File::Input),
            Directory::Out => self.names.get(*name).copied().map(File::Output),
        };
        match file {
            Some(_) if !rest.is_empty() || path.ends_with('/') => Err(Errno::NotDirectory),
            Some(file) => Ok(Node::File(file)),
            None => Err(Errno::NoEntry),
        }
    }

    /// Names and what they are, in the order of the names.
    pub(crate) fn entries(&self, directory: Directory) -> Vec<(String, Node)> {
        match directory {
            Directory::In => {
                let named =
                    |(place, (name, _)): (usize, &(String, Bytes))| (name.clone(), Node::File(File::Input(place)));
                self.inputs.iter().enumerate().map(named).collect()
            }
            Directory::Out => {
                let named = |(name, place): (&String, &usize)| (name.clone(), Node::File(File::Output(*place)));
                self.names.iter().map(named).collect()
            }
        }
    }

    /// A file's bytes.
    pub(crate) fn bytes(&self, file: File) -> Result<&[u8], Errno> {
        match file {
            File::Input(place) => self.inputs.get(place).map(|(_, bytes)| bytes.as_ref()).ok_or(Errno::BadDescriptor),
            File::Output(place) => Ok(&self.slots.get(place).ok_or(Errno::BadDescriptor)?.bytes),
        }
    }

    /// At most `length` bytes from `offset` on; fewer at the end.
    pub(crate) fn read(&self, file: File, offset: u64, length: u64) -> Result<&[u8], Errno> {
        let bytes = self.bytes(file)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let end = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)).min(bytes.len());
        Ok(bytes.get(start..end).unwrap_or_default())
    }

    /// A file's length in bytes.
    pub(crate) fn size(&self, node: Node) -> Result<u64, Errno> {
        match node {
            Node::Directory(_) => Ok(0),
            Node::File(file) => Ok(self.bytes(file)?.len() as u64),
        }
    }

    /// Writes all of `data` at `offset`, or nothing; a gap before it is filled with zeros, which count.
    pub(crate) fn write(&mut self, file: File, offset: u64, data: &[u8]) -> Result<(), Errno> {
        if data.is_empty() {
            return self.output(file).map(|_| ());
        }
        // What no 64 bits count is more than any quota.
        let end = offset.saturating_add(data.len() as u64);
        if end > self.output(file)?.bytes.len() as u64 {
            self.resize(file, end)?;
        }
        let start = usize::try_from(offset).map_err(|_| Errno::NoSpace)?;
        let slot = self.output(file)?;
        let room = slot.bytes.get_mut(start..start.saturating_add(data.len())).ok_or(Errno::NoSpace)?;
        room.copy_from_slice(data);
        Ok(())
    }

    /// Cuts a file, or fills it up with zeros, which count.
    pub(crate) fn resize(&mut self, file: File, size: u64) -> Result<(), Errno> {
        let quota_bytes = self.quota_bytes;
        let others = self.used_bytes.saturating_sub(self.output(file)?.bytes.len() as u64);
        let used = others.checked_add(size).filter(|used| *used <= quota_bytes);
        self.has_refused |= used.is_none();
        let used = used.ok_or(Errno::NoSpace)?;
        let size = usize::try_from(size).map_err(|_| Errno::NoSpace)?;
        self.output(file)?.bytes.resize(size, 0);
        self.used_bytes = used;
        Ok(())
    }

    /// Removes a file that nobody has open.
    pub(crate) fn unlink(&mut self, directory: Directory, path: &str) -> Result<(), Errno> {
        let place = self.changeable(directory, path)?;
        if self.slot_mut(place)?.open > 0 {
            return Err(Errno::Busy);
        }
        self.names.retain(|_, named| *named != place);
        self.used_bytes = self.used_bytes.saturating_sub(self.slot_mut(place)?.bytes.len() as u64);
        *self.slot_mut(place)? = Slot::default();
        Ok(())
    }

    /// Gives a file another name, in place of what had it.
    pub(crate) fn rename(&mut self, from: (Directory, &str), to: (Directory, &str)) -> Result<(), Errno> {
        let place = self.changeable(from.0, from.1)?;
        match self.find(to.0, to.1) {
            _ if to.0 == Directory::In => return Err(Errno::ReadOnly),
            Ok(Node::File(File::Output(there))) if there == place => return Ok(()),
            Ok(Node::File(_)) => self.unlink(to.0, to.1)?,
            Ok(Node::Directory(_)) => return Err(Errno::IsDirectory),
            Err(Errno::NoEntry) => {}
            Err(errno) => return Err(errno),
        }
        let name = new_name(to.1)?;
        self.names.retain(|_, named| *named != place);
        self.names.insert(name, place);
        Ok(())
    }

    /// The quota, if bytes beyond it were asked for.
    pub(crate) fn refused_beyond(&self) -> Option<u64> {
        self.has_refused.then_some(self.quota_bytes)
    }

    /// What the program leaves, by name.
    pub(crate) fn into_outputs(mut self) -> BTreeMap<String, Vec<u8>> {
        let mut take =
            |place: usize| self.slots.get_mut(place).map(|slot| std::mem::take(&mut slot.bytes)).unwrap_or_default();
        self.names.into_iter().map(|(name, place)| (name, take(place))).collect()
    }

    fn create(&mut self, path: &str) -> Result<File, Errno> {
        let name = new_name(path)?;
        if self.names.len() >= FILES_MAX {
            return Err(Errno::NoSpace);
        }
        let free = self.slots.iter().position(|slot| !slot.named && slot.open == 0);
        let place = free.unwrap_or(self.slots.len());
        if place == self.slots.len() {
            self.slots.push(Slot::default());
        }
        self.slot_mut(place)?.named = true;
        self.names.insert(name, place);
        Ok(File::Output(place))
    }

    /// The place of a file that may be renamed or removed.
    fn changeable(&self, directory: Directory, path: &str) -> Result<usize, Errno> {
        match self.find(directory, path)? {
            Node::File(File::Output(place)) => Ok(place),
            Node::File(File::Input(_)) => Err(Errno::ReadOnly),
            Node::Directory(_) => Err(Errno::IsDirectory),
        }
    }

    fn output(&mut self, file: File) -> Result<&mut Slot, Errno> {
        match file {
            File::Input(_) => Err(Errno::ReadOnly),
            File::Output(place) => self.slot_mut(place),
        }
    }

    fn slot_mut(&mut self, place: usize) -> Result<&mut Slot, Errno> {
        self.slots.get_mut(place).ok_or(Errno::BadDescriptor)
    }
}

/// The parts of a path below a directory. None of them leads up, or elsewhere.
fn parts(path: &str) -> Result<Vec<&str>, Errno> {
    if path.is_empty() {
        return Err(Errno::NoEntry);
    }
    if path.len() > PATH_BYTES_MAX {
        return Err(Errno::NameTooLong);
    }
    if path.contains('\0') {
        return Err(Errno::IllegalBytes);
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if path.starts_with('/') || parts.contains(&"..") {
        return Err(Errno::NotPermitted);
    }
    if parts.iter().any(|part| part.len() > NAME_BYTES_MAX) {
        return Err(Errno::NameTooLong);
    }
    Ok(parts)
}

/// The one name that a path to a new file may be.
fn new_name(path: &str) -> Result<String, Errno> {
    match parts(path)?.as_slice() {
        [name] if !path.ends_with('/') => Ok((*name).to_owned()),
        [] | [_] => Err(Errno::IsDirectory),
        _ => Err(Errno::NoEntry),
    }
}

#[cfg(test)]
mod tests;
