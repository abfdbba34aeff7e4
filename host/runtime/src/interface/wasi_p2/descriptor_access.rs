//! The handles of `wasi:filesystem`: their files and folders, access to them, and the handles that a guest begins with.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use cap_std::fs::Dir;
use tollgate_policy::{Access, FileUse, decide};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types};
use wasmtime_wasi::p2::{DynOutputStream, FsError, FsResult};

use super::descriptor_table::{OpenDescriptor, as_ours, to_fs_error};
use super::streams;
use crate::call::context::CallContext;
use tollgate_capability::files::{self, FileFailure};
use types::{Descriptor, DescriptorFlags, ErrorCode};

pub(super) type Handle = Resource<Descriptor>;

impl CallContext {
    /// Counts the call, and looks up the file or folder of a handle.
    pub(super) fn opened(&mut self, handle: &Handle) -> FsResult<OpenDescriptor> {
        self.call.meter.count_wasi();
        Ok(self.table.get(&as_ours(handle))?.clone())
    }

    /// The file of a handle.
    pub(super) fn opened_file(&mut self, handle: &Handle) -> FsResult<(OpenDescriptor, Arc<File>)> {
        let opened = self.opened(handle)?;
        match opened.file.clone() {
            Some(file) => Ok((opened, file)),
            None => Err(ErrorCode::IsDirectory.into()),
        }
    }

    pub(super) fn opened_to_write(
        &mut self,
        handle: &Handle,
    ) -> FsResult<(OpenDescriptor, Arc<File>)> {
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
        act: impl FnOnce(&Dir, &Path) -> Result<T, FileFailure> + Send + 'static,
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
        let done = tokio::task::spawn_blocking(act).await;
        let done = done.map_err(|error| FsError::trap(wasmtime::Error::from(error)))?;
        if let Err(FileFailure::Denied(reason)) = &done {
            self.call.denied(files::NAME, &opened.target(), *reason);
        }
        done.map_err(to_fs_error)
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
        });
        Ok(self.table.push(stream)?)
    }
}

/// The path, below the root, of `path` in an open folder.
pub(super) fn below(folder: &OpenDescriptor, path: &str) -> FsResult<String> {
    match folder.file {
        None => Ok(decide::wasi_path(&folder.path, path)),
        Some(_) => Err(ErrorCode::NotDirectory.into()),
    }
}

impl preopens::Host for CallContext {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Handle, String)>> {
        self.call.meter.count_wasi();
        let granted = Arc::clone(&self.call.granted);
        let grants = &granted.grants;
        let named = grants.wasi.iter().flat_map(|wasi| &wasi.preopens);
        let mut folders = Vec::new();
        for root in named {
            let mut granted = grants.files.iter().enumerate();
            let Some((index, grant)) = granted.find(|(_, grant)| grant.root == *root) else {
                continue;
            };
            let mut flags = DescriptorFlags::READ;
            if grant.access == Access::ReadWrite {
                flags |= DescriptorFlags::MUTATE_DIRECTORY;
            }
            let folder = self.table.push(OpenDescriptor {
                root: root.as_str().into(),
                index,
                path: ".".into(),
                file: None,
                flags,
            })?;
            self.call.allowed(super::NAME, &format!("preopen {root}"));
            folders.push((Resource::new_own(folder.rep()), root.clone()));
        }
        Ok(folders)
    }
}
