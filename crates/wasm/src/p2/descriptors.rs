//! Files and directories of a component.
#![expect(unreachable_pub, reason = "the bindings give these types out as if to everybody")]

use wasmtime::component::Resource;

use super::{
    bindings::wasi::{
        clocks::wall_clock::Datetime,
        filesystem::{
            preopens,
            types::{
                self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode,
                MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
            },
        },
    },
    fault::FileFault,
    streams::{Failure, Input, Output, Position, READ_BYTES_MAX},
};
use crate::{
    errno::Errno,
    files::{Directory, File, Node, Opening},
    world::World,
};

type Answer<T> = Result<T, FileFault>;

/// An open file or directory.
#[derive(Clone, Copy)]
pub struct Descriptor {
    node: Node,
    reads: bool,
    writes: bool,
}

/// A directory's entries that are still to be told.
pub struct Listing(std::vec::IntoIter<(String, Node)>);

impl Descriptor {
    const fn directory(self) -> Result<Directory, Errno> {
        match self.node {
            Node::Directory(directory) => Ok(directory),
            Node::File(_) => Err(Errno::NotDirectory),
        }
    }

    fn readable(self) -> Result<File, Errno> {
        self.file().and_then(|file| if self.reads { Ok(file) } else { Err(Errno::BadDescriptor) })
    }

    fn writable(self) -> Result<File, Errno> {
        self.file().and_then(|file| if self.writes { Ok(file) } else { Err(Errno::BadDescriptor) })
    }

    const fn file(self) -> Result<File, Errno> {
        match self.node {
            Node::Directory(_) => Err(Errno::IsDirectory),
            Node::File(file) => Ok(file),
        }
    }
}

impl World {
    fn descriptor(&self, descriptor: &Resource<Descriptor>) -> Answer<Descriptor> {
        Ok(*self.resources.get(descriptor)?)
    }

    fn directory(&self, descriptor: &Resource<Descriptor>) -> Answer<Directory> {
        Ok(self.descriptor(descriptor)?.directory()?)
    }

    fn stat_of(&self, node: Node) -> Answer<DescriptorStat> {
        let moment = Some(Datetime { seconds: self.wall_s(), nanoseconds: 0 });
        Ok(DescriptorStat {
            type_: kind(node),
            link_count: 1,
            size: self.files.size(node)?,
            data_access_timestamp: moment,
            data_modification_timestamp: moment,
            status_change_timestamp: moment,
        })
    }

    /// A resource that holds a file open.
    fn hold<T: Send + 'static>(&mut self, file: File, entry: T) -> Answer<Resource<T>> {
        let resource = self.resources.push(entry)?;
        self.files.hold(file);
        Ok(resource)
    }
}

impl preopens::Host for World {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let mut given = Vec::new();
        for directory in Directory::ALL {
            let node = Node::Directory(directory);
            let descriptor = Descriptor { node, reads: true, writes: directory == Directory::Out };
            given.push((self.resources.push(descriptor)?, directory.path().to_owned()));
        }
        Ok(given)
    }
}

impl types::Host for World {
    fn convert_error_code(&mut self, fault: FileFault) -> wasmtime::Result<ErrorCode> {
        match fault {
            FileFault::Told(code) => Ok(code),
            FileFault::Ends(error) => Err(error),
        }
    }

    fn filesystem_error_code(&mut self, failure: Resource<Failure>) -> wasmtime::Result<Option<ErrorCode>> {
        Ok(Some(self.resources.get(&failure)?.0))
    }
}

impl types::HostDescriptor for World {
    fn read_via_stream(&mut self, descriptor: Resource<Descriptor>, offset: u64) -> Answer<Resource<Input>> {
        let file = self.descriptor(&descriptor)?.readable()?;
        self.hold(file, Input::File(Position { file, offset }))
    }

    fn write_via_stream(&mut self, descriptor: Resource<Descriptor>, offset: u64) -> Answer<Resource<Output>> {
        let file = self.descriptor(&descriptor)?.writable()?;
        self.hold(file, Output::File(Position { file, offset }))
    }

    fn append_via_stream(&mut self, descriptor: Resource<Descriptor>) -> Answer<Resource<Output>> {
        let file = self.descriptor(&descriptor)?.writable()?;
        self.hold(file, Output::End(Position { file, offset: 0 }))
    }

    fn advise(&mut self, descriptor: Resource<Descriptor>, _: u64, _: u64, _: Advice) -> Answer<()> {
        self.descriptor(&descriptor)?.file()?;
        Ok(())
    }

    /// There is no disk to write to.
    fn sync_data(&mut self, descriptor: Resource<Descriptor>) -> Answer<()> {
        self.descriptor(&descriptor).map(|_| ())
    }

    fn get_flags(&mut self, descriptor: Resource<Descriptor>) -> Answer<DescriptorFlags> {
        let descriptor = self.descriptor(&descriptor)?;
        let mut flags = if descriptor.reads { DescriptorFlags::READ } else { DescriptorFlags::empty() };
        match descriptor.node {
            Node::Directory(Directory::Out) => flags |= DescriptorFlags::MUTATE_DIRECTORY,
            Node::File(_) if descriptor.writes => flags |= DescriptorFlags::WRITE,
            Node::Directory(Directory::In) | Node::File(_) => {}
        }
        Ok(flags)
    }

    fn get_type(&mut self, descriptor: Resource<Descriptor>) -> Answer<DescriptorType> {
        Ok(kind(self.descriptor(&descriptor)?.node))
    }

    fn set_size(&mut self, descriptor: Resource<Descriptor>, size: u64) -> Answer<()> {
        let file = self.descriptor(&descriptor)?.writable()?;
        Ok(self.files.resize(file, size)?)
    }

    /// Files have no times of their own.
    fn set_times(&mut self, descriptor: Resource<Descriptor>, _: NewTimestamp, _: NewTimestamp) -> Answer<()> {
        self.descriptor(&descriptor)?;
        Err(Errno::Unsupported.into())
    }

    fn read(&mut self, descriptor: Resource<Descriptor>, length: u64, offset: u64) -> Answer<(Vec<u8>, bool)> {
        let file = self.descriptor(&descriptor)?.readable()?;
        let data = self.files.read(file, offset, length.min(READ_BYTES_MAX))?.to_vec();
        let is_end = offset.saturating_add(data.len() as u64) >= self.files.size(Node::File(file))?;
        Ok((data, is_end))
    }

    fn write(&mut self, descriptor: Resource<Descriptor>, data: Vec<u8>, offset: u64) -> Answer<u64> {
        let file = self.descriptor(&descriptor)?.writable()?;
        self.files.write(file, offset, &data)?;
        Ok(data.len() as u64)
    }

    fn read_directory(&mut self, descriptor: Resource<Descriptor>) -> Answer<Resource<Listing>> {
        let entries = self.files.entries(self.directory(&descriptor)?);
        Ok(self.resources.push(Listing(entries.into_iter()))?)
    }

    fn sync(&mut self, descriptor: Resource<Descriptor>) -> Answer<()> {
        self.sync_data(descriptor)
    }

    /// There are the two directories, and no other.
    fn create_directory_at(&mut self, descriptor: Resource<Descriptor>, _: String) -> Answer<()> {
        self.directory(&descriptor)?;
        Err(Errno::NotPermitted.into())
    }

    fn stat(&mut self, descriptor: Resource<Descriptor>) -> Answer<DescriptorStat> {
        self.stat_of(self.descriptor(&descriptor)?.node)
    }

    fn stat_at(&mut self, descriptor: Resource<Descriptor>, _: PathFlags, path: String) -> Answer<DescriptorStat> {
        self.stat_of(self.files.find(self.directory(&descriptor)?, &path)?)
    }

    /// Files have no times of their own.
    fn set_times_at(
        &mut self,
        descriptor: Resource<Descriptor>,
        _: PathFlags,
        _: String,
        _: NewTimestamp,
        _: NewTimestamp,
    ) -> Answer<()> {
        self.directory(&descriptor)?;
        Err(Errno::Unsupported.into())
    }

    /// There are no links.
    fn link_at(
        &mut self,
        from: Resource<Descriptor>,
        _: PathFlags,
        _: String,
        to: Resource<Descriptor>,
        _: String,
    ) -> Answer<()> {
        self.directory(&from)?;
        self.directory(&to)?;
        Err(Errno::NotPermitted.into())
    }

    fn open_at(
        &mut self,
        descriptor: Resource<Descriptor>,
        _: PathFlags,
        path: String,
        how: OpenFlags,
        flags: DescriptorFlags,
    ) -> Answer<Resource<Descriptor>> {
        let directory = self.directory(&descriptor)?;
        let opening = Opening {
            create: how.contains(OpenFlags::CREATE),
            directory: how.contains(OpenFlags::DIRECTORY),
            exclusive: how.contains(OpenFlags::EXCLUSIVE),
            truncate: how.contains(OpenFlags::TRUNCATE),
            write: flags.contains(DescriptorFlags::WRITE),
        };
        let node = self.files.open(directory, &path, opening)?;
        let opened = Descriptor { node, reads: flags.contains(DescriptorFlags::READ), writes: opening.write };
        self.resources.push(opened).map_err(|error| {
            self.files.close(node);
            error.into()
        })
    }

    /// There are no links: what is there is none.
    fn readlink_at(&mut self, descriptor: Resource<Descriptor>, path: String) -> Answer<String> {
        self.files.find(self.directory(&descriptor)?, &path)?;
        Err(Errno::Invalid.into())
    }

    /// There are the two directories, and they stay.
    fn remove_directory_at(&mut self, descriptor: Resource<Descriptor>, _: String) -> Answer<()> {
        self.directory(&descriptor)?;
        Err(Errno::NotPermitted.into())
    }

    fn rename_at(
        &mut self,
        from: Resource<Descriptor>,
        old: String,
        to: Resource<Descriptor>,
        new: String,
    ) -> Answer<()> {
        let (from, to) = (self.directory(&from)?, self.directory(&to)?);
        Ok(self.files.rename((from, &old), (to, &new))?)
    }

    /// There are no links.
    fn symlink_at(&mut self, descriptor: Resource<Descriptor>, _: String, _: String) -> Answer<()> {
        self.directory(&descriptor)?;
        Err(Errno::NotPermitted.into())
    }

    fn unlink_file_at(&mut self, descriptor: Resource<Descriptor>, path: String) -> Answer<()> {
        let directory = self.directory(&descriptor)?;
        Ok(self.files.unlink(directory, &path)?)
    }

    fn is_same_object(&mut self, one: Resource<Descriptor>, other: Resource<Descriptor>) -> wasmtime::Result<bool> {
        Ok(self.resources.get(&one)?.node == self.resources.get(&other)?.node)
    }

    fn metadata_hash(&mut self, descriptor: Resource<Descriptor>) -> Answer<MetadataHashValue> {
        Ok(hash(self.descriptor(&descriptor)?.node))
    }

    fn metadata_hash_at(
        &mut self,
        descriptor: Resource<Descriptor>,
        _: PathFlags,
        path: String,
    ) -> Answer<MetadataHashValue> {
        Ok(hash(self.files.find(self.directory(&descriptor)?, &path)?))
    }

    fn drop(&mut self, descriptor: Resource<Descriptor>) -> wasmtime::Result<()> {
        let descriptor = self.resources.delete(descriptor)?;
        self.files.close(descriptor.node);
        Ok(())
    }
}

impl types::HostDirectoryEntryStream for World {
    fn read_directory_entry(&mut self, listing: Resource<Listing>) -> Answer<Option<DirectoryEntry>> {
        let entry = self.resources.get_mut(&listing)?.0.next();
        Ok(entry.map(|(name, node)| DirectoryEntry { type_: kind(node), name }))
    }

    fn drop(&mut self, listing: Resource<Listing>) -> wasmtime::Result<()> {
        self.resources.delete(listing)?;
        Ok(())
    }
}

const fn kind(node: Node) -> DescriptorType {
    match node {
        Node::Directory(_) => DescriptorType::Directory,
        Node::File(_) => DescriptorType::RegularFile,
    }
}

const fn hash(node: Node) -> MetadataHashValue {
    MetadataHashValue { lower: node.number(), upper: 0 }
}
