//! `wasi:filesystem` under the decisions and the quotas of `tollgate:provider/files`.
//!
//! An open folder of the guest is a name; [`CallContext::at`](crate::CallContext) decides on every use of it. A path that ends
//! in `/` or `/.` names a folder, as in POSIX.

use std::io;
use std::sync::Arc;

use tollgate_policy::decide::{MAX_PATH, PathEnd};
use tollgate_policy::{Access, Reason};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::filesystem::types;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsResult};

use super::descriptor_access::{Handle, NOTHING, ONE_FILE, Place};
use super::descriptor_prices::{ASK, FOLDER, LIST, OPEN, SYNC, TWO, bytes, paths};
use super::descriptor_table::{
    self, Entries, OpenDescriptor, OpenFile, entry_type, new_times, to_fs_error,
};
use super::door::Door;
use super::streams;
use tollgate_capability::files::{self, FileFailure, Identity};
use tollgate_capability::{FILE, Work};
use types::{
    DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream,
    ErrorCode, Filesize, MetadataHashValue, OpenFlags, PathFlags,
};

/// The most that a single read of a descriptor returns; a common limit of WASI streams.
const PIECE: u64 = 64 << 10;

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
        state.call.meter.count_sync();
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
        let (opened, file) = state.opened_to_write(&fd, ErrorCode::Invalid)?;
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
        accessed: types::NewTimestamp,
        modified: types::NewTimestamp,
    ) -> FsResult<()> {
        let state = self.enter(&FILE, Work::NONE)?;
        let opened = state.opened(&fd)?;
        let new = new_times(accessed, modified);
        let file = opened.file.clone();
        state
            .at(
                &Place::of(opened),
                Access::ReadWrite,
                NOTHING,
                move |dir, path| match file {
                    Some(file) => files::set_file_times(&file.file, new),
                    None => files::set_times(dir, path, true, new),
                },
            )
            .await
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
        state.call.yield_if_due().await;
        let read = match files::read_open_cached(&file.file, length, offset) {
            Some(read) => read,
            None => {
                let act = move || {
                    let mut buffer = vec![0; length];
                    let count = streams::read_at(&file.file, &mut buffer, offset)?;
                    buffer.truncate(count);
                    Ok(buffer)
                };
                state.with_file(&opened, act).await?
            }
        };
        state.pay_more(&FILE, Work::bytes(read.len()))?;
        let is_at_end = read.is_empty() && length > 0;
        Ok((read, is_at_end))
    }

    async fn write(&mut self, fd: Handle, buffer: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        let state = self.enter(&FILE, Work::bytes(buffer.len()))?;
        let (opened, file) = state.opened_to_write(&fd, ErrorCode::BadDescriptor)?;
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
        let place = state.place(&fd, ".")?;
        let listing = state.call.listing(&place.folder.root, place.path.text());
        let listed = state
            .at(&place, Access::Read, NOTHING, move |dir, path| {
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
        // In the memory that they are in.
        let entries: Vec<DirectoryEntry> = entries.collect();
        let stream = state.table.push(Entries(entries.into()))?;
        let stream = state.keep(stream, LIST.holds.saturating_add(size))?;
        Ok(Resource::new_own(stream.rep()))
    }

    async fn create_directory_at(&mut self, fd: Handle, path: String) -> FsResult<()> {
        let state = self.enter(&FOLDER, Work::path(&path))?;
        let place = state.place(&fd, &path)?;
        let is_new = matches!(place.path.end(), PathEnd::Name | PathEnd::Slash);
        state
            .at(&place, Access::ReadWrite, ONE_FILE, move |dir, path| {
                match is_new {
                    true => Ok(dir.create_dir(path)?),
                    // `a/.` is there if `a` is.
                    false => {
                        dir.metadata(path)?;
                        Err(FileFailure::Io(io::ErrorKind::AlreadyExists.into()))
                    }
                }
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
                    .at(
                        &Place::of(opened),
                        Access::Read,
                        NOTHING,
                        move |dir, path| {
                            Ok(descriptor_table::described(&dir.metadata(path)?, times))
                        },
                    )
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
        let place = state.place(&fd, &path)?;
        let look = place.look(path_flags.contains(PathFlags::SYMLINK_FOLLOW));
        let times = state.wasi.shows_time();
        state
            .at(&place, Access::Read, NOTHING, move |dir, path| {
                Ok(descriptor_table::described(&look.at(dir, path)?, times))
            })
            .await
    }

    async fn set_times_at(
        &mut self,
        fd: Handle,
        path_flags: PathFlags,
        path: String,
        accessed: types::NewTimestamp,
        modified: types::NewTimestamp,
    ) -> FsResult<()> {
        let state = self.enter(&FILE, Work::path(&path))?;
        let place = state.place(&fd, &path)?;
        let look = place.look(path_flags.contains(PathFlags::SYMLINK_FOLLOW));
        let new = new_times(accessed, modified);
        state
            .at(&place, Access::ReadWrite, NOTHING, move |dir, path| {
                look.at(dir, path)?;
                files::set_times(dir, path, look.follow, new)
            })
            .await
    }

    async fn link_at(
        &mut self,
        fd: Handle,
        path_flags: PathFlags,
        path: String,
        to: Handle,
        to_path: String,
    ) -> FsResult<()> {
        let state = self.enter(&TWO, paths(&path, &to_path))?;
        let (from, to) = (state.place(&fd, &path)?, state.place(&to, &to_path)?);
        if path_flags.contains(PathFlags::SYMLINK_FOLLOW) {
            return Err(ErrorCode::Invalid.into());
        }
        let ends = (from.look(false), to.path.is_of_folder());
        state
            .move_between(&from, &to, move |dir, from, to| {
                if ends.0.folder {
                    ends.0.at(dir, from)?;
                }
                match ends.1 {
                    true => {
                        dir.symlink_metadata(from)?;
                        dir.symlink_metadata(to)?;
                        Err(FileFailure::Io(io::ErrorKind::AlreadyExists.into()))
                    }
                    false => files::hard_link(dir, from, to),
                }
            })
            .await
    }

    async fn symlink_at(&mut self, fd: Handle, target: String, path: String) -> FsResult<()> {
        let state = self.enter(&TWO, paths(&target, &path))?;
        let place = state.place(&fd, &path)?;
        // Linux has the same errors. Such a target leads to no file.
        if target.is_empty() {
            return Err(ErrorCode::NoEntry.into());
        }
        if target.len() > MAX_PATH {
            return Err(ErrorCode::NameTooLong.into());
        }
        let is_of_folder = place.path.is_of_folder();
        state
            .at(
                &place,
                Access::ReadWrite,
                ONE_FILE,
                move |dir, path| match is_of_folder {
                    true => {
                        dir.symlink_metadata(path)?;
                        Err(FileFailure::Io(io::ErrorKind::AlreadyExists.into()))
                    }
                    false => files::symbolic_link(dir, &target, path),
                },
            )
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
        let state = self.enter(&OPEN, Work::path(&path))?;
        let place = state.place(&fd, &path)?;
        let writes = how.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE)
            || flags.intersects(DescriptorFlags::WRITE | DescriptorFlags::MUTATE_DIRECTORY);
        let access = match writes {
            true => Access::ReadWrite,
            false => Access::Read,
        };
        let Some(open) = state.call.open_files.take() else {
            state
                .call
                .denied(files::NAME, &place.target(), Reason::TooManyOpenFiles);
            return Err(ErrorCode::Quota.into());
        };
        let (quota, index) = (state.call.quota.clone(), place.folder.index);
        let look = place.look(path_flags.contains(PathFlags::SYMLINK_FOLLOW));
        let found = state
            .at(&place, access, NOTHING, move |dir, path| {
                descriptor_table::open(dir, path, look, how, flags, |more| {
                    quota.consume(index, more)
                })
            })
            .await??;
        let Place { folder, path } = place;
        let length = path.text().len() as u64;
        let opened = state.table.push(OpenDescriptor {
            // A folder is held by name, without a descriptor.
            file: found.map(|file| Arc::new(OpenFile { file, _open: open })),
            path: path.text().into(),
            flags,
            ..folder
        })?;
        let opened = state.keep(opened, OPEN.holds.saturating_add(length))?;
        Ok(Resource::new_own(opened.rep()))
    }

    async fn readlink_at(&mut self, fd: Handle, path: String) -> FsResult<String> {
        let state = self.enter(&FILE, Work::path(&path))?;
        let place = state.place(&fd, &path)?;
        let look = place.look(false);
        let link = state
            .at(&place, Access::Read, NOTHING, move |dir, path| {
                // The end of a path of a folder is followed, and then it is no link.
                match look.follow {
                    true => look
                        .at(dir, path)
                        .and_then(|_| Err(FileFailure::Io(io::ErrorKind::InvalidInput.into()))),
                    false => Ok(dir.read_link(path)?),
                }
            })
            .await?;
        let link = link.into_os_string().into_string();
        link.map_err(|_| ErrorCode::IllegalByteSequence.into())
    }

    async fn remove_directory_at(&mut self, fd: Handle, path: String) -> FsResult<()> {
        let state = self.enter(&FOLDER, Work::path(&path))?;
        let place = state.place(&fd, &path)?;
        let end = place.path.end();
        state
            .at(&place, Access::ReadWrite, ONE_FILE, move |dir, path| {
                let refused = match end {
                    PathEnd::Name | PathEnd::Slash => return Ok(dir.remove_dir(path)?),
                    PathEnd::Dot => io::ErrorKind::InvalidInput,
                    PathEnd::Parent => io::ErrorKind::DirectoryNotEmpty,
                };
                dir.metadata(path)?;
                Err(FileFailure::Io(refused.into()))
            })
            .await
    }

    async fn unlink_file_at(&mut self, fd: Handle, path: String) -> FsResult<()> {
        let state = self.enter(&FILE, Work::path(&path))?;
        let place = state.place(&fd, &path)?;
        let is_of_folder = place.path.is_of_folder();
        state
            .at(&place, Access::ReadWrite, ONE_FILE, move |dir, path| {
                if !is_of_folder {
                    return Ok(dir.remove_file(path)?);
                }
                let refused = match dir.symlink_metadata(path)?.is_dir() {
                    true => io::ErrorKind::IsADirectory,
                    false => io::ErrorKind::NotADirectory,
                };
                Err(FileFailure::Io(refused.into()))
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
        let state = self.enter(&TWO, paths(&path, &to_path))?;
        let (from, to) = (state.place(&fd, &path)?, state.place(&to, &to_path)?);
        let ends = [from.path.end(), to.path.end()];
        state
            .move_between(&from, &to, move |dir, from, to| {
                if ends
                    .iter()
                    .any(|end| matches!(end, PathEnd::Dot | PathEnd::Parent))
                {
                    return Err(FileFailure::Io(io::ErrorKind::ResourceBusy.into()));
                }
                // A link to a folder is no folder here.
                files::rename(dir, from, to, ends.contains(&PathEnd::Slash))
            })
            .await
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
        let state = self.enter(&TWO, Work::NONE)?;
        let numbers = (state.identity(&a).await, state.identity(&b).await);
        match numbers {
            (Ok(a), Ok(b)) => Ok(a == b),
            // A missing or denied object is the same as no other object.
            (Err(a), Err(b)) => a.downcast().and(b.downcast()).map(|_| false),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => error.downcast().map(|_| false),
        }
    }

    async fn metadata_hash(&mut self, fd: Handle) -> FsResult<MetadataHashValue> {
        let state = self.enter(&FILE, Work::NONE)?;
        let lower = state.identity(&fd).await?;
        Ok(MetadataHashValue { lower, upper: 0 })
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Handle,
        path_flags: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        let state = self.enter(&FILE, Work::path(&path))?;
        let place = state.place(&fd, &path)?;
        let look = place.look(path_flags.contains(PathFlags::SYMLINK_FOLLOW));
        let name = place.target();
        let identity = state
            .at(&place, Access::Read, NOTHING, move |dir, path| {
                Ok(Identity::of(&look.at(dir, path)?, &name))
            })
            .await?;
        let lower = state.number(identity)?;
        Ok(MetadataHashValue { lower, upper: 0 })
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
