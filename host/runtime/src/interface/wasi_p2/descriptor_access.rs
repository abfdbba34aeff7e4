//! The handles of `wasi:filesystem`: their files and folders, access to them, the handles that a guest begins with, and
//! the entries of a folder.

use std::path::Path;
use std::sync::Arc;

use tollgate_policy::{Access, FileUse, Reason, decide};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types};
use wasmtime_wasi::p2::{DynOutputStream, FsError, FsResult};

use super::descriptor_prices::ASK;
use super::descriptor_table::{
    Entries, OpenDescriptor, OpenFile, as_ours, code, our_entries, to_fs_error,
};
use super::door::Door;
use super::streams::{self, QuotaExceeded};
use crate::call::context::CallContext;
use tollgate_capability::files::{FileFailure, Folder};
use tollgate_capability::{Price, WASI_CALL_PRICE, Work};
use types::{
    Descriptor, DescriptorFlags, DirectoryEntry, DirectoryEntryStream, ErrorCode, MetadataHashValue,
};

pub(super) type Handle = Resource<Descriptor>;

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

    pub(super) fn opened_to_write(
        &self,
        handle: &Handle,
    ) -> FsResult<(OpenDescriptor, Arc<OpenFile>)> {
        let (opened, file) = self.opened_file(handle)?;
        match opened.writable() {
            true => Ok((opened, file)),
            false => Err(ErrorCode::BadDescriptor.into()),
        }
    }

    /// Decides on `path` below an open folder, and acts on it.
    pub(super) async fn at<T: Send + 'static>(
        &mut self,
        folder: &OpenDescriptor,
        path: &str,
        access: Access,
        asks: FileUse,
        act: impl FnOnce(&Folder, &Path) -> Result<T, FileFailure> + Send + 'static,
    ) -> FsResult<T> {
        let path = below(folder, path)?;
        let done = self
            .call
            .with_granted_dir(&folder.root, &path, access, asks, act)
            .await;
        done.map_err(|interrupt| FsError::trap(wasmtime::Error::from(interrupt)))?
            .map_err(to_fs_error)
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

    /// Denies the making of a link at `path` below an open folder.
    pub(super) fn deny_link(&mut self, folder: &OpenDescriptor, path: &str) -> FsError {
        let denied = below(folder, path).map(|path| {
            self.call
                .deny_file(&folder.root, &path, Access::ReadWrite, Reason::Link)
        });
        denied.map_or_else(|error| error, to_fs_error)
    }

    pub(super) fn output(
        &mut self,
        handle: &Handle,
        position: Option<u64>,
    ) -> FsResult<Resource<DynOutputStream>> {
        let (opened, file) = self.opened_to_write(handle)?;
        let stream: DynOutputStream = Box::new(streams::Output {
            file,
            position,
            quota: self.call.quota.clone(),
            index: opened.index,
            target: opened.target().into(),
            closed: false,
            jobs: self.call.jobs.clone(),
        });
        let stream = self.table.push(stream)?;
        Ok(self.keep(stream, OpenDescriptor::HOLDS)?)
    }
}

/// The path, below the root, of `path` in an open folder.
pub(super) fn below(folder: &OpenDescriptor, path: &str) -> FsResult<String> {
    match folder.file {
        None => Ok(decide::wasi_path(&folder.path, path)),
        Some(_) => Err(ErrorCode::NotDirectory.into()),
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
        for root in named {
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
            folders.push((Resource::new_own(folder.rep()), root.clone()));
        }
        Ok(folders)
    }
}

/// The hash of a name: the numbers of the host's file system differ in every run.
pub(super) fn hash(opened: &OpenDescriptor, path: &str) -> MetadataHashValue {
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
