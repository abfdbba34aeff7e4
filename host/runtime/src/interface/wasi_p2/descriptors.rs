//! `wasi:filesystem` under the decisions and the quotas of `tollgate:provider/files`.
//!
//! An open descriptor of the guest is a name; [`CallContext::reach`] decides on every use of it. Creating links, moving
//! between roots and setting times are refused, since they cannot be decided.

use std::sync::Arc;

use tollgate_policy::{Access, FileUse, Reason};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::filesystem::types;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

use super::descriptor_access::{Handle, below};
use super::descriptor_table::{
    self, Entries, OpenDescriptor, as_ours, code, entry_type, our_entries,
};
use super::streams::{self, QuotaExceeded};
use crate::call::context::CallContext;
use tollgate_capability::MOVE_PRICE;
use tollgate_capability::files::{self, FileFailure};
use types::{
    DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream,
    ErrorCode, Filesize, MetadataHashValue, OpenFlags, PathFlags,
};

/// The most that a single read of a descriptor returns; a common limit of WASI streams.
const PIECE: u64 = 64 << 10;

const NOTHING: FileUse = FileUse { bytes: 0, files: 0 };
const ONE_FILE: FileUse = FileUse { bytes: 0, files: 1 };

fn hash(opened: &OpenDescriptor, path: &str) -> MetadataHashValue {
    // A hash of the name: the inode numbers of the host's file system differ in every run.
    let hash = blake3::hash(format!("{}/{path}", opened.root).as_bytes());
    let (mut lower, mut upper) = ([0; 8], [0; 8]);
    let mut bytes = hash.as_bytes().iter();
    for byte in lower.iter_mut().chain(&mut upper) {
        *byte = bytes.next().copied().unwrap_or_default();
    }
    MetadataHashValue {
        lower: u64::from_le_bytes(lower),
        upper: u64::from_le_bytes(upper),
    }
}

impl types::Host for CallContext {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        self.call.meter.count_wasi();
        let error = self.table.get(&error)?;
        if let Some(QuotaExceeded(reason)) = error.downcast_ref() {
            return Ok(Some(code(&FileFailure::Denied(*reason))));
        }
        Ok(error.downcast_ref::<std::io::Error>().map(ErrorCode::from))
    }
}

impl types::HostDescriptor for CallContext {
    async fn advise(
        &mut self,
        fd: Handle,
        _: Filesize,
        _: Filesize,
        _: types::Advice,
    ) -> FsResult<()> {
        self.opened_file(&fd)?;
        Ok(())
    }

    async fn sync_data(&mut self, fd: Handle) -> FsResult<()> {
        self.sync(fd).await
    }

    async fn sync(&mut self, fd: Handle) -> FsResult<()> {
        let opened = self.opened(&fd)?;
        let Some(file) = opened.file.clone() else {
            return Ok(());
        };
        self.with_file(&opened, move || Ok(file.sync_all()?)).await
    }

    async fn get_flags(&mut self, fd: Handle) -> FsResult<DescriptorFlags> {
        Ok(self.opened(&fd)?.flags)
    }

    async fn get_type(&mut self, fd: Handle) -> FsResult<DescriptorType> {
        Ok(match self.opened(&fd)?.file {
            Some(_) => DescriptorType::RegularFile,
            None => DescriptorType::Directory,
        })
    }

    async fn set_size(&mut self, fd: Handle, size: Filesize) -> FsResult<()> {
        let (opened, file) = self.opened_to_write(&fd)?;
        let (quota, index) = (self.call.quota.clone(), opened.index);
        self.with_file(&opened, move || {
            descriptor_table::resize(&file, size, &quota, index)
        })
        .await
    }

    async fn set_times(
        &mut self,
        fd: Handle,
        _: types::NewTimestamp,
        _: types::NewTimestamp,
    ) -> FsResult<()> {
        self.opened(&fd)?;
        Err(ErrorCode::Unsupported.into())
    }

    async fn read(
        &mut self,
        fd: Handle,
        length: Filesize,
        offset: Filesize,
    ) -> FsResult<(Vec<u8>, bool)> {
        let (opened, file) = self.opened_file(&fd)?;
        let length = length.min(PIECE).min(self.call.read_cap(&opened.root));
        let length = usize::try_from(length).unwrap_or_default();
        self.with_file(&opened, move || {
            let mut buffer = vec![0; length];
            let count = streams::read_at(&file, &mut buffer, offset)?;
            buffer.truncate(count);
            Ok((buffer, count == 0 && length > 0))
        })
        .await
    }

    async fn write(&mut self, fd: Handle, buffer: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        let (opened, file) = self.opened_to_write(&fd)?;
        let written = buffer.len() as u64;
        let paid = self.call.meter.charge_more(written, MOVE_PRICE);
        paid.map_err(|stop| FsError::trap(wasmtime::Error::from(stop)))?;
        let (quota, index) = (self.call.quota.clone(), opened.index);
        self.with_file(&opened, move || {
            let length = file.metadata()?.len();
            quota
                .consume_bytes(index, length, offset, written)
                .map_err(FileFailure::Denied)?;
            Ok(streams::write_at(&file, &buffer, offset)?)
        })
        .await?;
        Ok(written)
    }

    async fn read_directory(&mut self, fd: Handle) -> FsResult<Resource<DirectoryEntryStream>> {
        let folder = self.opened(&fd)?;
        let cap = self.call.read_cap(&folder.root);
        let entries = self
            .at(&folder, ".", Access::Read, NOTHING, move |dir, path| {
                files::entries(dir, path, cap)
            })
            .await?;
        let size = entries.iter().map(|entry| files::entry_size(&entry.name));
        let paid = self.call.meter.charge_more(size.sum(), MOVE_PRICE);
        paid.map_err(|stop| FsError::trap(wasmtime::Error::from(stop)))?;
        let entries = entries.into_iter().map(|entry| DirectoryEntry {
            type_: entry_type(entry.kind),
            name: entry.name,
        });
        let stream = self.table.push(Entries(entries.collect()))?;
        Ok(Resource::new_own(stream.rep()))
    }

    async fn create_directory_at(&mut self, fd: Handle, path: String) -> FsResult<()> {
        let folder = self.opened(&fd)?;
        self.at(&folder, &path, Access::ReadWrite, ONE_FILE, |dir, path| {
            Ok(dir.create_dir(path)?)
        })
        .await
    }

    async fn stat(&mut self, fd: Handle) -> FsResult<DescriptorStat> {
        let opened = self.opened(&fd)?;
        let times = self.wasi.shows_time();
        match opened.file.clone() {
            Some(file) => {
                self.with_file(&opened, move || {
                    let metadata = cap_std::fs::Metadata::from_file(&file)?;
                    Ok(descriptor_table::described(&metadata, times))
                })
                .await
            }
            None => {
                self.at(&opened, ".", Access::Read, NOTHING, move |dir, path| {
                    Ok(descriptor_table::described(&dir.metadata(path)?, times))
                })
                .await
            }
        }
    }

    async fn stat_at(
        &mut self,
        fd: Handle,
        path_flags: PathFlags,
        path: String,
    ) -> FsResult<DescriptorStat> {
        let folder = self.opened(&fd)?;
        let times = self.wasi.shows_time();
        self.at(&folder, &path, Access::Read, NOTHING, move |dir, path| {
            let metadata = match path_flags.contains(PathFlags::SYMLINK_FOLLOW) {
                true => dir.metadata(path)?,
                false => dir.symlink_metadata(path)?,
            };
            Ok(descriptor_table::described(&metadata, times))
        })
        .await
    }

    async fn set_times_at(
        &mut self,
        fd: Handle,
        _: PathFlags,
        _: String,
        _: types::NewTimestamp,
        _: types::NewTimestamp,
    ) -> FsResult<()> {
        self.opened(&fd)?;
        Err(ErrorCode::Unsupported.into())
    }

    async fn link_at(
        &mut self,
        fd: Handle,
        _: PathFlags,
        path: String,
        _: Handle,
        _: String,
    ) -> FsResult<()> {
        let folder = self.opened(&fd)?;
        self.at::<()>(&folder, &path, Access::ReadWrite, NOTHING, |_, _| {
            Err(FileFailure::Denied(Reason::Link))
        })
        .await
    }

    async fn symlink_at(&mut self, fd: Handle, _: String, path: String) -> FsResult<()> {
        let folder = self.opened(&fd)?;
        self.at::<()>(&folder, &path, Access::ReadWrite, NOTHING, |_, _| {
            Err(FileFailure::Denied(Reason::Link))
        })
        .await
    }

    async fn open_at(
        &mut self,
        fd: Handle,
        path_flags: PathFlags,
        path: String,
        how: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Handle> {
        let folder = self.opened(&fd)?;
        let writes = how.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE)
            || flags.intersects(DescriptorFlags::WRITE | DescriptorFlags::MUTATE_DIRECTORY);
        let access = match writes {
            true => Access::ReadWrite,
            false => Access::Read,
        };
        let (quota, index) = (self.call.quota.clone(), folder.index);
        let follow = path_flags.contains(PathFlags::SYMLINK_FOLLOW);
        let found = self
            .at(&folder, &path, access, NOTHING, move |dir, path| {
                descriptor_table::open(dir, path, follow, how, flags, |more| {
                    quota.consume(index, more)
                })
            })
            .await??;
        let path = below(&folder, &path)?.into();
        let opened = self.table.push(OpenDescriptor {
            file: found.map(Arc::new),
            path,
            flags,
            ..folder
        })?;
        Ok(Resource::new_own(opened.rep()))
    }

    async fn readlink_at(&mut self, fd: Handle, path: String) -> FsResult<String> {
        let folder = self.opened(&fd)?;
        let link = self
            .at(&folder, &path, Access::Read, NOTHING, |dir, path| {
                Ok(dir.read_link(path)?)
            })
            .await?;
        let link = link.into_os_string().into_string();
        link.map_err(|_| ErrorCode::IllegalByteSequence.into())
    }

    async fn remove_directory_at(&mut self, fd: Handle, path: String) -> FsResult<()> {
        let folder = self.opened(&fd)?;
        self.at(&folder, &path, Access::ReadWrite, ONE_FILE, |dir, path| {
            Ok(dir.remove_dir(path)?)
        })
        .await
    }

    async fn unlink_file_at(&mut self, fd: Handle, path: String) -> FsResult<()> {
        let folder = self.opened(&fd)?;
        self.at(&folder, &path, Access::ReadWrite, ONE_FILE, |dir, path| {
            Ok(dir.remove_file(path)?)
        })
        .await
    }

    async fn rename_at(
        &mut self,
        fd: Handle,
        path: String,
        to: Handle,
        to_path: String,
    ) -> FsResult<()> {
        let folder = self.opened(&fd)?;
        let to = self.table.get(&as_ours(&to))?.clone();
        // Each of the two names is decided on, and counts towards the quota.
        let target = self
            .at(&to, &to_path, Access::ReadWrite, ONE_FILE, |_, path| {
                Ok(path.to_owned())
            })
            .await?;
        let elsewhere = to.root != folder.root;
        self.at(
            &folder,
            &path,
            Access::ReadWrite,
            ONE_FILE,
            move |dir, path| {
                if elsewhere {
                    return Ok(Err(ErrorCode::CrossDevice));
                }
                // A relative link that is moved points to another target.
                if dir.symlink_metadata(path)?.is_symlink() {
                    return Err(FileFailure::Denied(Reason::Link));
                }
                Ok(Ok(dir.rename(path, dir, target)?))
            },
        )
        .await??;
        Ok(())
    }

    fn read_via_stream(
        &mut self,
        fd: Handle,
        offset: Filesize,
    ) -> FsResult<Resource<DynInputStream>> {
        let (opened, file) = self.opened_file(&fd)?;
        let stream: DynInputStream = Box::new(streams::Input {
            file,
            position: offset,
            cap: usize::try_from(self.call.read_cap(&opened.root)).unwrap_or(usize::MAX),
        });
        Ok(self.table.push(stream)?)
    }

    fn write_via_stream(
        &mut self,
        fd: Handle,
        offset: Filesize,
    ) -> FsResult<Resource<DynOutputStream>> {
        self.output(&fd, Some(offset))
    }

    fn append_via_stream(&mut self, fd: Handle) -> FsResult<Resource<DynOutputStream>> {
        self.output(&fd, None)
    }

    async fn is_same_object(&mut self, a: Handle, b: Handle) -> wasmtime::Result<bool> {
        self.call.meter.count_wasi();
        let (a, b) = (self.table.get(&as_ours(&a))?, self.table.get(&as_ours(&b))?);
        Ok((&a.root, &a.path) == (&b.root, &b.path))
    }

    async fn metadata_hash(&mut self, fd: Handle) -> FsResult<MetadataHashValue> {
        let opened = self.opened(&fd)?;
        Ok(hash(&opened, &opened.path))
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Handle,
        path_flags: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        let folder = self.opened(&fd)?;
        self.at(&folder, &path, Access::Read, NOTHING, move |dir, path| {
            match path_flags.contains(PathFlags::SYMLINK_FOLLOW) {
                true => dir.metadata(path)?,
                false => dir.symlink_metadata(path)?,
            };
            Ok(())
        })
        .await?;
        Ok(hash(&folder, &below(&folder, &path)?))
    }

    fn drop(&mut self, fd: Handle) -> wasmtime::Result<()> {
        self.call.meter.count_wasi();
        self.table
            .delete(Resource::<OpenDescriptor>::new_own(fd.rep()))?;
        Ok(())
    }
}

impl types::HostDirectoryEntryStream for CallContext {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        self.call.meter.count_wasi();
        Ok(self.table.get_mut(&our_entries(&stream))?.0.pop_front())
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.call.meter.count_wasi();
        self.table
            .delete(Resource::<Entries>::new_own(stream.rep()))?;
        Ok(())
    }
}
