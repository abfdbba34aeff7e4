//! The handles of `wasi:filesystem`: their files and folders, access to them, the handles that a guest begins with, and
//! the entries of a folder.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tollgate_policy::decide::{self, MAX_PATH, WasiPath};
use tollgate_policy::{Access, FileUse, Preopen, Reason};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types};
use wasmtime_wasi::p2::{DynOutputStream, FsError, FsResult};

use super::descriptor_prices::ASK;
use super::descriptor_table::{
    Entries, Look, OpenDescriptor, OpenFile, as_ours, code, our_entries, to_fs_error,
};
use super::door::Door;
use super::streams::{self, QuotaExceeded};
use crate::call::context::CallContext;
use tollgate_capability::files::{FileFailure, Folder, Identities, Identity};
use tollgate_capability::{Price, WASI_CALL_PRICE, Work};
use types::{Descriptor, DescriptorFlags, DirectoryEntry, DirectoryEntryStream, ErrorCode};

pub(super) type Handle = Resource<Descriptor>;

pub(super) const NOTHING: FileUse = FileUse { bytes: 0, files: 0 };
pub(super) const ONE_FILE: FileUse = FileUse { bytes: 0, files: 1 };

impl CallContext {
    /// The file or folder of a handle.
    pub(super) fn opened(&self, handle: &Handle) -> FsResult<OpenDescriptor> {
        Ok(self.table.get(&as_ours(handle))?.clone())
    }

    /// The file of a handle.
    pub(super) fn opened_file(&self, handle: &Handle) -> FsResult<(OpenDescriptor, Arc<OpenFile>)> {
        let opened = self.opened(handle)?;
        match opened.file.clone() {
            Some(file) => Ok((opened, file)),
            None => Err(ErrorCode::IsDirectory.into()),
        }
    }

    /// The file of a handle that is open for writing; `otherwise` if it is not.
    ///
    /// Linux has `bad-descriptor` for a write to another handle, and `invalid` for a change of its length.
    pub(super) fn opened_to_write(
        &self,
        handle: &Handle,
        otherwise: ErrorCode,
    ) -> FsResult<(OpenDescriptor, Arc<OpenFile>)> {
        let opened = self.opened(handle)?;
        match opened.file.clone() {
            Some(file) if opened.writable() => Ok((opened, file)),
            _ => Err(otherwise.into()),
        }
    }

    /// The place of `path` below the folder of a handle.
    pub(super) fn place(&self, folder: &Handle, path: &str) -> FsResult<Place> {
        let folder = self.opened(folder)?;
        if folder.file.is_some() {
            return Err(ErrorCode::NotDirectory.into());
        }
        if path.is_empty() {
            return Err(ErrorCode::NoEntry.into());
        }
        let path = WasiPath::new(&folder.path, path);
        Ok(Place { folder, path })
    }

    /// Decides on a place, and acts on it.
    pub(super) async fn at<T: Send + 'static>(
        &mut self,
        place: &Place,
        access: Access,
        asks: FileUse,
        act: impl FnOnce(&Folder, &Path) -> Result<T, FileFailure> + Send + 'static,
    ) -> FsResult<T> {
        let grants = &self.call.granted.grants;
        let decided = decide::wasi_files(grants, &place.folder.root, &place.path, access);
        let done = self
            .call
            .with_granted_dir(place.target(), decided, asks, act)
            .await;
        done.map_err(|interrupt| FsError::trap(wasmtime::Error::from(interrupt)))?
            .map_err(|failure| match failure {
                FileFailure::Denied(Reason::BadPath) if place.path.text().len() > MAX_PATH => {
                    ErrorCode::NameTooLong.into()
                }
                failure => to_fs_error(failure),
            })
    }

    /// Decides on two places of one root, each of which counts as a file, and acts on both.
    pub(super) async fn move_between(
        &mut self,
        from: &Place,
        to: &Place,
        act: impl FnOnce(&Folder, &Path, &Path) -> Result<(), FileFailure> + Send + 'static,
    ) -> FsResult<()> {
        let target = self
            .at(to, Access::ReadWrite, ONE_FILE, |_, path| {
                Ok(path.to_owned())
            })
            .await?;
        let is_one = from.folder.root == to.folder.root;
        self.at(
            from,
            Access::ReadWrite,
            ONE_FILE,
            move |dir, from| match is_one {
                true => act(dir, from, &target),
                false => Err(FileFailure::Io(io::ErrorKind::CrossesDevices.into())),
            },
        )
        .await
    }

    /// Acts on an open file.
    pub(super) async fn with_file<T: Send + 'static>(
        &mut self,
        opened: &OpenDescriptor,
        act: impl FnOnce() -> Result<T, FileFailure> + Send + 'static,
    ) -> FsResult<T> {
        let done = self.call.with_open_file(opened.target(), act).await;
        done.map_err(|interrupt| FsError::trap(wasmtime::Error::from(interrupt)))?
            .map_err(to_fs_error)
    }

    /// The number of the file or folder that a handle has open.
    pub(super) async fn identity(&mut self, handle: &Handle) -> FsResult<u64> {
        let opened = self.opened(handle)?;
        let name = opened.target();
        let identity = match opened.file.clone() {
            Some(file) => {
                self.with_file(&opened, move || {
                    let found = cap_std::fs::Metadata::from_file(&file.file)?;
                    Ok(Identity::of(&found, &name))
                })
                .await?
            }
            None => {
                self.at(
                    &Place::of(opened),
                    Access::Read,
                    NOTHING,
                    move |dir, path| Ok(Identity::of(&dir.metadata(path)?, &name)),
                )
                .await?
            }
        };
        self.number(identity)
    }

    /// The number of an identity: the store keeps those that its guest has asked for.
    pub(super) fn number(&mut self, identity: Identity) -> FsResult<u64> {
        if self.identities.known(identity).is_none() {
            let held = self.call.meter.host_memory.hold(Identities::HOLDS);
            held.map_err(|limit| FsError::trap(wasmtime::Error::from(limit)))?;
        }
        Ok(self.identities.number(identity))
    }

    pub(super) fn output(
        &mut self,
        handle: &Handle,
        position: Option<u64>,
    ) -> FsResult<Resource<DynOutputStream>> {
        let (opened, file) = self.opened_to_write(handle, ErrorCode::BadDescriptor)?;
        let target = opened.target();
        let holds = OpenDescriptor::HOLDS.saturating_add(target.len() as u64);
        let stream: DynOutputStream = Box::new(streams::Output {
            file,
            position,
            quota: self.call.quota.clone(),
            index: opened.index,
            target: target.into(),
            closed: false,
            jobs: self.call.jobs.clone(),
        });
        let stream = self.table.push(stream)?;
        Ok(self.keep(stream, holds)?)
    }
}

/// A path of the guest below a folder that it has opened.
pub(super) struct Place {
    pub(super) folder: OpenDescriptor,
    pub(super) path: WasiPath,
}

impl Place {
    /// The place of an open folder itself.
    pub(super) fn of(folder: OpenDescriptor) -> Place {
        let path = WasiPath::new(&folder.path, ".");
        Place { folder, path }
    }

    /// Its name in decisions.
    pub(super) fn target(&self) -> String {
        format!("{}/{}", self.folder.root, self.path.text())
    }

    /// The mode of looking at this place: a path that ends in `/` or `/.` follows a link at its end, and has to find a
    /// folder.
    pub(super) fn look(&self, follow: bool) -> Look {
        let folder = self.path.is_of_folder();
        Look {
            follow: follow || folder,
            folder,
        }
    }
}

/// Each root that the policy names for WASI is an entry.
const ROOTS: Price = Price::of_call(WASI_CALL_PRICE).per_entry(5_000);

impl preopens::Host for Door<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Handle, String)>> {
        let state = self.enter(&ROOTS, Work::NONE)?;
        let granted = Arc::clone(&state.call.granted);
        let grants = &granted.grants;
        let named = grants.wasi.iter().flat_map(|wasi| &wasi.preopens);
        let mut folders = Vec::new();
        state.pay_more(&ROOTS, Work::NONE.entries(named.clone().count()))?;
        for Preopen { root, at } in named {
            let mut granted = grants.files.iter().enumerate();
            let Some((index, grant)) = granted.find(|(_, grant)| grant.root == *root) else {
                continue;
            };
            let mut flags = DescriptorFlags::READ;
            if grant.access == Access::ReadWrite {
                flags |= DescriptorFlags::MUTATE_DIRECTORY;
            }
            let folder = state.table.push(OpenDescriptor {
                root: root.as_str().into(),
                index,
                path: ".".into(),
                file: None,
                flags,
            })?;
            let folder = state.keep(folder, OpenDescriptor::HOLDS)?;
            state.call.allowed(super::NAME, &format!("preopen {root}"));
            folders.push((Resource::new_own(folder.rep()), at.clone()));
        }
        Ok(folders)
    }
}

impl types::Host for Door<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        let state = self.enter(&ASK, Work::NONE)?;
        let error = state.table.get(&error)?;
        if let Some(QuotaExceeded(reason)) = error.downcast_ref() {
            return Ok(Some(code(&FileFailure::Denied(*reason))));
        }
        Ok(error.downcast_ref::<std::io::Error>().map(ErrorCode::from))
    }
}

impl types::HostDirectoryEntryStream for Door<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        let state = self.enter(&ASK, Work::NONE)?;
        Ok(state.table.get_mut(&our_entries(&stream))?.0.pop_front())
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        let state = self.enter(&ASK, Work::NONE)?;
        state.forget(stream.rep());
        state
            .table
            .delete(Resource::<Entries>::new_own(stream.rep()))?;
        Ok(())
    }
}
