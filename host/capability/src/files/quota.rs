//! What one call has used of the quotas of its file grants, and what it was refused for them.
//!
//! It is shared: streams that a guest writes through, and threads that write for it, have no state at hand.

use std::sync::{Arc, Mutex, PoisonError};

use tollgate_policy::{FileUse, Reason, decide};

use crate::granted::Granted;

/// The usage of one store. Clones are the same usage.
#[derive(Clone)]
pub struct FileQuota {
    /// None where no files are granted: most stores, for which it would be one more thing to make and to lock.
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
    /// For one store of a provider.
    pub fn new(granted: &Arc<Granted>) -> FileQuota {
        let files = !granted.grants.files.is_empty();
        FileQuota {
            usage: files.then(|| (Arc::clone(granted), Arc::default())),
        }
    }

    /// A quota is one call's.
    pub fn begin_call(&self) {
        self.with(|usage| *usage = Usage::default());
    }

    /// Uses `more` of the grant, or says that it is used up.
    pub fn consume(&self, index: usize, more: FileUse) -> Result<(), Reason> {
        let (granted, _) = self.usage.as_ref().ok_or(Reason::UnknownRoot)?;
        let grants = &granted.grants.files;
        let grant = grants.get(index).ok_or(Reason::UnknownRoot)?;
        self.with(|usage| {
            if usage.used.len() <= index {
                usage.used.resize(index + 1, FileUse::default());
            }
            let used = usage.used.get_mut(index).ok_or(Reason::UnknownRoot)?;
            *used = decide::file_quota(grant, *used, more)?;
            Ok(())
        })
        .unwrap_or(Err(Reason::UnknownRoot))
    }

    /// Bytes about to be written from `offset` of a file that is `length` long now: what they are, and
    /// the gap before them, which a sparse file gets for nothing.
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

    /// A refusal that happened where no denial can be noted.
    pub fn refuse_stream(&self, target: &str) {
        self.with(|usage| usage.refused.push(target.to_owned()));
    }

    /// What was refused since the last time.
    pub fn take_refused(&self) -> Vec<String> {
        self.with(|usage| std::mem::take(&mut usage.refused))
            .unwrap_or_default()
    }

    fn with<T>(&self, f: impl FnOnce(&mut Usage) -> T) -> Option<T> {
        let (_, usage) = self.usage.as_ref()?;
        Some(f(&mut usage.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}
