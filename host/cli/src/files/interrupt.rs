//! Ctrl-C: ends the process at once and removes the file that is being written.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::output::ui::end_progress;

/// The exit status of an interrupted program in a shell: 128 plus the number of the signal.
const INTERRUPTED: i32 = 130;

/// The file that is being written, under its temporary name.
static HALF_WRITTEN: Mutex<Option<PathBuf>> = Mutex::new(None);

fn half_written() -> MutexGuard<'static, Option<PathBuf>> {
    HALF_WRITTEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread that waits for Ctrl-C, and what ends its waiting.
static WATCH: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>> = Mutex::new(None);

/// Waits for Ctrl-C on a separate thread, since the others may be blocked by a pipe or busy compiling.
/// Without that thread, the system ends the process in its own way.
pub(crate) fn watch() {
    let (stop, stopped) = oneshot::channel();
    let (ready, waits) = mpsc::channel();
    let wait = move || {
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let interrupted = tokio.is_ok_and(|tokio| {
            tokio.block_on(async {
                // An interrupt before this thread waits would reach nobody.
                let ready = async {
                    let _ = ready.send(());
                    stopped.await
                };
                tokio::select! {
                    biased;
                    interrupted = tokio::signal::ctrl_c() => interrupted.is_ok(),
                    _ = ready => false,
                }
            })
        });
        if interrupted {
            // Stays locked until the process ends, so that no other file is begun.
            let mut file = half_written();
            if let Some(path) = file.take() {
                let _ = std::fs::remove_file(path);
            }
            end_progress();
            std::process::exit(INTERRUPTED);
        }
    };
    let thread = std::thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(wait);
    let _ = waits.recv();
    if let Ok(thread) = thread {
        *WATCH.lock().unwrap_or_else(PoisonError::into_inner) = Some((stop, thread));
    }
}

/// Runs `work` while no thread waits for Ctrl-C. An interrupt meanwhile is heeded afterwards.
pub(crate) fn paused<T>(work: impl FnOnce() -> T) -> T {
    let watch = WATCH.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((stop, thread)) = watch {
        let _ = stop.send(());
        // It panics for no reason of its own, and the next one waits all the same.
        let _ = thread.join();
    }
    let done = work();
    self::watch();
    done
}

/// Runs `write`, which creates the file `path` and then removes or renames it. An interrupt meanwhile removes it.
pub(crate) fn guarded<T>(path: &Path, write: impl FnOnce() -> T) -> T {
    *half_written() = Some(path.to_owned());
    let written = write();
    *half_written() = None;
    written
}
