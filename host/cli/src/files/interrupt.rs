//! Ctrl-C: ends the process at once and removes the file that is being written.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::output::ui::end_progress;

/// The exit status of an interrupted program in a shell: 128 plus the number of the signal.
const INTERRUPTED: i32 = 130;

/// The file that is being written, under its temporary name.
static HALF_WRITTEN: Mutex<Option<PathBuf>> = Mutex::new(None);

fn half_written() -> MutexGuard<'static, Option<PathBuf>> {
    HALF_WRITTEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for Ctrl-C on a separate thread, since the others may be blocked by a pipe or busy compiling.
/// Without that thread, the system ends the process in its own way.
pub(crate) fn watch() {
    let wait = || {
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let interrupted = tokio.and_then(|tokio| tokio.block_on(tokio::signal::ctrl_c()));
        if interrupted.is_ok() {
            // Stays locked until the process ends, so that no other file is begun.
            let mut file = half_written();
            if let Some(path) = file.take() {
                let _ = std::fs::remove_file(path);
            }
            end_progress();
            std::process::exit(INTERRUPTED);
        }
    };
    let _ = std::thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(wait);
}

/// Runs `write`, which creates the file `path` and then removes or renames it. An interrupt meanwhile removes it.
pub(crate) fn guarded<T>(path: &Path, write: impl FnOnce() -> T) -> T {
    *half_written() = Some(path.to_owned());
    let written = write();
    *half_written() = None;
    written
}
