//! What one call has used of the quotas of its file grants, and what it was refused for them.
//!
//! It is shared: streams that a guest writes through, and threads that write for it, have no state at hand.

use std::sync::{Arc, Mutex, PoisonError};

use tollgate_policy::{FileUse, Reason, decide};

use crate::reach::Reach;

/// The book of one store. Clones are the same book.
#[derive(Clone)]
pub(crate) struct Ledger {
    /// None where no files are granted: most stores, for which it would be one more thing to make and to lock.
    book: Option<(Arc<Reach>, Arc<Mutex<Book>>)>,
}

#[derive(Default)]
struct Book {
    /// By the index of the grant.
    used: Vec<FileUse>,
    /// Targets of streams that met a quota.
    refused: Vec<String>,
}

impl Ledger {
    pub(crate) fn new(reach: &Arc<Reach>) -> Ledger {
        let granted = !reach.grants.files.is_empty();
        Ledger {
            book: granted.then(|| (Arc::clone(reach), Arc::default())),
        }
    }

    /// A quota is one call's.
    pub(crate) fn begin_call(&self) {
        self.with(|book| *book = Book::default());
    }

    /// Uses `more` of the grant, or says that it is used up.
    pub(crate) fn spend(&self, index: usize, more: FileUse) -> Result<(), Reason> {
        let (reach, _) = self.book.as_ref().ok_or(Reason::UnknownRoot)?;
        let grants = &reach.grants.files;
        let grant = grants.get(index).ok_or(Reason::UnknownRoot)?;
        self.with(|book| {
            if book.used.len() <= index {
                book.used.resize(index + 1, FileUse::default());
            }
            let used = book.used.get_mut(index).ok_or(Reason::UnknownRoot)?;
            *used = decide::file_quota(grant, *used, more)?;
            Ok(())
        })
        .unwrap_or(Err(Reason::UnknownRoot))
    }

    /// Bytes about to be written from `offset` of a file that is `length` long now: what they are, and
    /// the gap before them, which a sparse file gets for nothing.
    pub(crate) fn spend_bytes(
        &self,
        index: usize,
        length: u64,
        offset: u64,
        bytes: u64,
    ) -> Result<(), Reason> {
        let bytes = bytes.saturating_add(offset.saturating_sub(length));
        self.spend(index, FileUse { bytes, files: 0 })
    }

    /// A refusal that happened where no denial can be noted.
    pub(crate) fn refuse_stream(&self, target: &str) {
        self.with(|book| book.refused.push(target.to_owned()));
    }

    /// What was refused since the last time.
    pub(crate) fn take_refused(&self) -> Vec<String> {
        self.with(|book| std::mem::take(&mut book.refused))
            .unwrap_or_default()
    }

    fn with<T>(&self, f: impl FnOnce(&mut Book) -> T) -> Option<T> {
        let (_, book) = self.book.as_ref()?;
        Some(f(&mut book.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}
