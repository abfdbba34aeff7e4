//! The usage of the quotas of a call's file grants, and the refusals by them.
//!
//! It is shared, since streams and their writing threads have no access to the call's state.

use std::sync::{Arc, Mutex, PoisonError};

use tollgate_policy::{FileUse, Reason, decide};

use crate::granted::Granted;

/// The usage of one store. Clones share it.
#[derive(Clone)]
pub struct FileQuota {
    /// `None` for a store without file grants, as most are: it saves making and locking the usage.
    usage: Option<(Arc<Granted>, Arc<Mutex<Usage>>)>,
}

#[derive(Default)]
struct Usage {
    /// By the index of the grant.
    used: Vec<FileUse>,
    /// Targets of streams that met a quota.
    refused: Vec<String>,
}

impl FileQuota {
    /// Creates the usage of one store of a provider.
    pub fn new(granted: &Arc<Granted>) -> FileQuota {
        let files = !granted.grants.files.is_empty();
        FileQuota {
            usage: files.then(|| (Arc::clone(granted), Arc::default())),
        }
    }

    /// Resets the usage: a quota bounds one call.
    pub fn begin_call(&self) {
        self.with(|usage| *usage = Usage::default());
    }

    /// Adds `more` to the usage of the grant, unless the quota is exceeded.
    pub fn consume(&self, index: usize, more: FileUse) -> Result<(), Reason> {
        let (granted, _) = self.usage.as_ref().ok_or(Reason::UnknownRoot)?;
        let grants = &granted.grants.files;
        let grant = grants.get(index).ok_or(Reason::UnknownRoot)?;
        self.with(|usage| {
            while usage.used.len() <= index {
                usage.used.push(FileUse::default());
            }
            let used = usage.used.get_mut(index).ok_or(Reason::UnknownRoot)?;
            *used = decide::file_quota(grant, *used, more)?;
            Ok(())
        })
        .unwrap_or(Err(Reason::UnknownRoot))
    }

    /// Counts bytes that are to be written from `offset` of a file of `length` bytes: the bytes themselves and the gap
    /// before them, which costs a sparse file nothing.
    pub fn consume_bytes(
        &self,
        index: usize,
        length: u64,
        offset: u64,
        bytes: u64,
    ) -> Result<(), Reason> {
        let bytes = bytes.saturating_add(offset.saturating_sub(length));
        self.consume(index, FileUse { bytes, files: 0 })
    }

    /// Keeps a refusal of a stream, which cannot note a denial.
    pub fn refuse_stream(&self, target: &str) {
        self.with(|usage| usage.refused.push(target.to_owned()));
    }

    /// The refusals since the last time.
    pub fn take_refused(&self) -> Vec<String> {
        self.with(|usage| std::mem::take(&mut usage.refused))
            .unwrap_or_default()
    }

    fn with<T>(&self, f: impl FnOnce(&mut Usage) -> T) -> Option<T> {
        let (_, usage) = self.usage.as_ref()?;
        Some(f(&mut usage.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}
