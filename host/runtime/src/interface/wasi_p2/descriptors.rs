//! `wasi:filesystem` under the decisions and the quotas of `tollgate:provider/files`.
//!
//! An open descriptor of the guest is a name; [`CallContext::reach`] decides on every use of it. Creating links, moving
//! between roots and setting times are refused, since they cannot be decided.

use std::sync::Arc;

use tollgate_policy::{Access, FileUse, Reason};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::filesystem::types;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsResult};

use super::descriptor_access::{Handle, below, hash};
use super::descriptor_prices::{ASK, LIST, OPEN, RENAME, SYNC, bytes, paths};
use super::descriptor_table::{
    self, Entries, OpenDescriptor, OpenFile, as_ours, entry_type, to_fs_error,
};
use super::door::Door;
use super::streams;
use tollgate_capability::files::{self, FileFailure};
use tollgate_capability::{FILE, Work};
use types::{
    DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream,
    ErrorCode, Filesize, MetadataHashValue, OpenFlags, PathFlags,
};

/// The most that a single read of a descriptor returns; a common limit of WASI streams.
const PIECE: u64 = 64 << 10;

const NOTHING: FileUse = FileUse { bytes: 0, files: 0 };
const ONE_FILE: FileUse = FileUse { bytes: 0, files: 1 };

impl types::HostDescriptor for Door<'_> {
    async fn advise(
        &mut self,
        fd: Handle,
        _: Filesize,
        _: Filesize,
        _: types::Advice,
    ) -> FsResult<()> {
        let state = self.enter(&ASK, Work::NONE)?;
        state.opened_file(&fd)?;
        Ok(())
    }

    async fn sync_data(&mut self, fd: Handle) -> FsResult<()> {
        self.sync(fd).await
    }

    async fn sync(&mut self, fd: Handle) -> FsResult<()> {
        let state = self.enter(&SYNC, Work::NONE)?;
        let opened = state.opened(&fd)?;
        let Some(file) = opened.file.clone() else {
            return Ok(());
        };
        state
            .with_file(&opened, move || Ok(file.file.sync_all()?))
            .await
    }

    async fn get_flags(&mut self, fd: Handle) -> FsResult<DescriptorFlags> {
        let state = self.enter(&ASK, Work::NONE)?;
        Ok(state.opened(&fd)?.flags)
    }

    async fn get_type(&mut self, fd: Handle) -> FsResult<DescriptorType> {
        let state = self.enter(&ASK, Work::NONE)?;
        Ok(match state.opened(&fd)?.file {
            Some(_) => DescriptorType::RegularFile,
            None => DescriptorType::Directory,
        })
    }

    async fn set_size(&mut self, fd: Handle, size: Filesize) -> FsResult<()> {
        let state = self.enter(&FILE, Work::NONE)?;
        let (opened, file) = state.opened_to_write(&fd)?;
        let (quota, index) = (state.call.quota.clone(), opened.index);
        state
            .with_file(&opened, move || {
                descriptor_table::resize(&file.file, size, &quota, index)
            })
            .await
    }

    async fn set_times(
        &mut self,
        fd: Handle,
        _: types::NewTimestamp,
        _: types::NewTimestamp,
    ) -> FsResult<()> {
        let state = self.enter(&ASK, Work::NONE)?;
        state.opened(&fd)?;
        Err(ErrorCode::Unsupported.into())
    }

    async fn read(
        &mut self,
        fd: Handle,
        length: Filesize,
        offset: Filesize,
    ) -> FsResult<(Vec<u8>, bool)> {
        let state = self.enter(&FILE, Work::NONE)?;
        let (opened, file) = state.opened_file(&fd)?;
        let length = length.min(PIECE).min(state.call.read_cap(&opened.root));
        let length = usize::try_from(length).unwrap_or_default();
        let read = state
            .with_file(&opened, move || {
                let mut buffer = vec![0; length];
                let count = streams::read_at(&file.file, &mut buffer, offset)?;
                buffer.truncate(count);
                Ok((buffer, count == 0 && length > 0))
            })
            .await?;
        state.pay_more(&FILE, Work::bytes(read.0.len()))?;
        Ok(read)
    }

    async fn write(&mut self, fd: Handle, buffer: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        let state = self.enter(&FILE, Work::bytes(buffer.len()))?;
        let (opened, file) = state.opened_to_write(&fd)?;
        let written = buffer.len() as u64;
        let (quota, index) = (state.call.quota.clone(), opened.index);
        state
            .with_file(&opened, move || {
                let length = file.file.metadata()?.len();
                quota
                    .consume_bytes(index, length, offset, written)
                    .map_err(FileFailure::Denied)?;
                Ok(streams::write_at(&file.file, &buffer, offset)?)
            })
            .await?;
        Ok(written)
    }

    async fn read_directory(&mut self, fd: Handle) -> FsResult<Resource<DirectoryEntryStream>> {
        let state = self.enter(&OPEN, Work::NONE)?;
        let folder = state.opened(&fd)?;
        let listing = state.call.listing(&folder.root, &folder.path);
        let listed = state
            .at(&folder, ".", Access::Read, NOTHING, move |dir, path| {
                listing.read(dir, path)
            })
            .await?;
        let read = usize::try_from(listed.read).unwrap_or(usize::MAX);
        state.pay_more(&LIST, Work::NONE.entries(read))?;
        let entries = listed.entries.map_err(to_fs_error)?;
        let size = entries.iter().map(|entry| files::entry_size(&entry.name));
        let size = size.sum::<u64>();
        state.pay_more(&LIST, bytes(size))?;
        let entries = entries.into_iter().map(|entry| DirectoryEntry {
            type_: entry_type(entry.kind),
            name: entry.name,
        });
        let stream = state.table.push(Entries(entries.collect()))?;
        let stream = state.keep(stream, LIST.holds.saturating_add(size))?;
        Ok(Resource::new_own(stream.rep()))
    }

    async fn create_directory_at(&mut self, fd: Handle, path: String) -> FsResult<()> {
        let state = self.enter(&FILE, Work::path(&path))?;
        let folder = state.opened(&fd)?;
        state
            .at(&folder, &path, Access::ReadWrite, ONE_FILE, |dir, path| {
                Ok(dir.create_dir(path)?)
            })
            .await
    }

    async fn stat(&mut self, fd: Handle) -> FsResult<DescriptorStat> {
        let state = self.enter(&FILE, Work::NONE)?;
        let opened = state.opened(&fd)?;
        let times = state.wasi.shows_time();
        match opened.file.clone() {
            Some(file) => {
                state
                    .with_file(&opened, move || {
                        let metadata = cap_std::fs::Metadata::from_file(&file.file)?;
                        Ok(descriptor_table::described(&metadata, times))
                    })
                    .await
            }
            None => {
                state
                    .at(&opened, ".", Access::Read, NOTHING, move |dir, path| {
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
        let state = self.enter(&FILE, Work::path(&path))?;
        let folder = state.opened(&fd)?;
        let times = state.wasi.shows_time();
        state
            .at(&folder, &path, Access::Read, NOTHING, move |dir, path| {
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
        let state = self.enter(&ASK, Work::NONE)?;
        state.opened(&fd)?;
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
        let state = self.enter(&FILE, Work::path(&path))?;
        let folder = state.opened(&fd)?;
        Err(state.deny_link(&folder, &path))
    }

    async fn symlink_at(&mut self, fd: Handle, _: String, path: String) -> FsResult<()> {
        let state = self.enter(&FILE, Work::path(&path))?;
        let folder = state.opened(&fd)?;
        Err(state.deny_link(&folder, &path))
    }

    async fn open_at(
        &mut self,
        fd: Handle,
        path_flags: PathFlags,
        path: String,
        how: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Handle> {
        let state = self.enter(&OPEN, Work::path(&path))?;
        let folder = state.opened(&fd)?;
        let writes = how.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE)
            || flags.intersects(DescriptorFlags::WRITE | DescriptorFlags::MUTATE_DIRECTORY);
        let access = match writes {
            true => Access::ReadWrite,
            false => Access::Read,
        };
        let Some(open) = state.call.open_files.take() else {
            let target = format!("{}/{}", folder.root, below(&folder, &path)?);
            state
                .call
                .denied(files::NAME, &target, Reason::TooManyOpenFiles);
            return Err(ErrorCode::Quota.into());
        };
        let (quota, index) = (state.call.quota.clone(), folder.index);
        let follow = path_flags.contains(PathFlags::SYMLINK_FOLLOW);
        let found = state
            .at(&folder, &path, access, NOTHING, move |dir, path| {
                descriptor_table::open(dir, path, follow, how, flags, |more| {
                    quota.consume(index, more)
                })
            })
            .await??;
        let path = below(&folder, &path)?.into();
        let opened = state.table.push(OpenDescriptor {
            // A folder is held by name, without a descriptor.
            file: found.map(|file| Arc::new(OpenFile { file, _open: open })),
            path,
            flags,
            ..folder
        })?;
        let opened = state.keep(opened, OPEN.holds)?;
        Ok(Resource::new_own(opened.rep()))
    }

    async fn readlink_at(&mut self, fd: Handle, path: String) -> FsResult<String> {
        let state = self.enter(&FILE, Work::path(&path))?;
        let folder = state.opened(&fd)?;
        let link = state
            .at(&folder, &path, Access::Read, NOTHING, |dir, path| {
                Ok(dir.read_link(path)?)
            })
            .await?;
        let link = link.into_os_string().into_string();
        link.map_err(|_| ErrorCode::IllegalByteSequence.into())
    }

    async fn remove_directory_at(&mut self, fd: Handle, path: String) -> FsResult<()> {
        let state = self.enter(&FILE, Work::path(&path))?;
        let folder = state.opened(&fd)?;
        state
            .at(&folder, &path, Access::ReadWrite, ONE_FILE, |dir, path| {
                Ok(dir.remove_dir(path)?)
            })
            .await
    }

    async fn unlink_file_at(&mut self, fd: Handle, path: String) -> FsResult<()> {
        let state = self.enter(&FILE, Work::path(&path))?;
        let folder = state.opened(&fd)?;
        state
            .at(&folder, &path, Access::ReadWrite, ONE_FILE, |dir, path| {
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
        let state = self.enter(&RENAME, paths(&path, &to_path))?;
        let folder = state.opened(&fd)?;
        let to = state.table.get(&as_ours(&to))?.clone();
        // Each of the two names is decided on, and counts towards the quota.
        let target = state
            .at(&to, &to_path, Access::ReadWrite, ONE_FILE, |_, path| {
                Ok(path.to_owned())
            })
            .await?;
        let elsewhere = to.root != folder.root;
        state
            .at(
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
        let state = self.enter(&OPEN, Work::NONE)?;
        let (opened, file) = state.opened_file(&fd)?;
        let stream: DynInputStream = Box::new(streams::Input {
            jobs: state.call.jobs.clone(),
            file,
            position: offset,
            cap: usize::try_from(state.call.read_cap(&opened.root)).unwrap_or(usize::MAX),
        });
        let stream = state.table.push(stream)?;
        Ok(state.keep(stream, OPEN.holds)?)
    }

    fn write_via_stream(
        &mut self,
        fd: Handle,
        offset: Filesize,
    ) -> FsResult<Resource<DynOutputStream>> {
        let state = self.enter(&OPEN, Work::NONE)?;
        state.output(&fd, Some(offset))
    }

    fn append_via_stream(&mut self, fd: Handle) -> FsResult<Resource<DynOutputStream>> {
        let state = self.enter(&OPEN, Work::NONE)?;
        state.output(&fd, None)
    }

    async fn is_same_object(&mut self, a: Handle, b: Handle) -> wasmtime::Result<bool> {
        let state = self.enter(&ASK, Work::NONE)?;
        let (a, b) = (
            state.table.get(&as_ours(&a))?,
            state.table.get(&as_ours(&b))?,
        );
        Ok((&a.root, &a.path) == (&b.root, &b.path))
    }

    async fn metadata_hash(&mut self, fd: Handle) -> FsResult<MetadataHashValue> {
        let state = self.enter(&ASK, Work::NONE)?;
        let opened = state.opened(&fd)?;
        Ok(hash(&opened, &opened.path))
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Handle,
        path_flags: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        let state = self.enter(&FILE, Work::path(&path))?;
        let folder = state.opened(&fd)?;
        state
            .at(&folder, &path, Access::Read, NOTHING, move |dir, path| {
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
        let state = self.enter(&ASK, Work::NONE)?;
        state.forget(fd.rep());
        state
            .table
            .delete(Resource::<OpenDescriptor>::new_own(fd.rep()))?;
        Ok(())
    }
}
