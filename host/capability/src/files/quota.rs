//! The usage of the quotas of a call's file grants, and the refusals by them.
//!
//! It is shared, since streams and their writing threads have no access to the call's state.

use std::sync::{Arc, Mutex, PoisonError};

use tollgate_policy::{FileUse, Reason, decide};

use super::NAME;
use crate::audit::Audit;
use crate::granted::Granted;

/// The usage of one store. Clones share it.
#[derive(Clone)]
pub struct FileQuota {
    /// `None` for a store without file grants, as most are: it saves making and locking the usage.
    usage: Option<Arc<Usage>>,
}

struct Usage {
    granted: Arc<Granted>,
    audit: Arc<Audit>,
    /// The use of each grant, by its index.
    used: Mutex<Vec<FileUse>>,
}

impl FileQuota {
    /// Creates the usage of one store of a provider, whose refusals are noted in `audit`.
    pub fn new(granted: &Arc<Granted>, audit: &Arc<Audit>) -> FileQuota {
        let files = !granted.grants.files.is_empty();
        let usage = || Usage {
            granted: Arc::clone(granted),
            audit: Arc::clone(audit),
            used: Mutex::default(),
        };
        FileQuota {
            usage: files.then(|| Arc::new(usage())),
        }
    }

    /// Resets the usage: a quota bounds one call.
    pub fn begin_call(&self) {
        if let Some(usage) = &self.usage {
            usage.lock().clear();
        }
    }

    /// Adds `more` to the usage of the grant, unless the quota is exceeded.
    pub fn consume(&self, index: usize, more: FileUse) -> Result<(), Reason> {
        let usage = self.usage.as_ref().ok_or(Reason::UnknownRoot)?;
        let grants = &usage.granted.grants.files;
        let grant = grants.get(index).ok_or(Reason::UnknownRoot)?;
        let mut all = usage.lock();
        while all.len() <= index {
            all.push(FileUse::default());
        }
        let used = all.get_mut(index).ok_or(Reason::UnknownRoot)?;
        *used = decide::file_quota(grant, *used, more)?;
        Ok(())
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

    /// Notes the denial of a write by a stream.
    pub fn refuse_stream(&self, target: &str, reason: Reason) {
        if let Some(usage) = &self.usage {
            usage.audit.denied(NAME, target, reason);
        }
    }
}

impl Usage {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<FileUse>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
