//! Ctrl-C and SIGTERM: they end the process at once, with one line and the report, and remove the file that is being
//! written.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::output::ui::end_progress;

/// The time that the line and the report may take: a pipe may be full and its reader asleep.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A signal that ends the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// The signal of `kill`, of service managers and of containers that end.
    #[cfg_attr(not(unix), expect(dead_code, reason = "it comes on Unix only"))]
    Terminate,
}

impl Signal {
    /// Its number.
    pub(crate) fn number(self) -> i32 {
        match self {
            Signal::Interrupt => 2,
            Signal::Terminate => 15,
        }
    }

    /// The exit status of a program that it ended, as shells have it.
    fn status(self) -> i32 {
        self.number().saturating_add(128)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signal::Interrupt => "SIGINT",
            Signal::Terminate => "SIGTERM",
        })
    }
}

/// The file that is being written, under its temporary name.
static HALF_WRITTEN: Mutex<Option<PathBuf>> = Mutex::new(None);

/// The callback that prints and reports an interrupt.
type LastWords = Box<dyn FnOnce(Signal) + Send>;

/// See [`at_interrupt`].
static AT_INTERRUPT: Mutex<Option<LastWords>> = Mutex::new(None);

/// The thread that waits for signals, and the sender that ends its wait.
static WATCH: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>> = Mutex::new(None);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has `say` called on a thread of its own when the process is interrupted, before it ends. It locks neither standard
/// stream and writes no file through [`guarded`], since another thread may be held up there.
pub(crate) fn at_interrupt(say: impl FnOnce(Signal) + Send + 'static) {
    *locked(&AT_INTERRUPT) = Some(Box::new(say));
}

/// Waits for the signals on a separate thread, since the others may be blocked by a pipe or busy compiling.
/// Without that thread, the system ends the process in its own way.
pub(crate) fn watch() {
    let (stop, stopped) = oneshot::channel();
    let (ready, waits) = mpsc::channel();
    let wait = move || {
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let interrupted = tokio.ok().and_then(|tokio| {
            tokio.block_on(async {
                // An interrupt before this thread waits would have no effect.
                let ready = async {
                    let _ = ready.send(());
                    stopped.await
                };
                tokio::select! {
                    biased;
                    signal = signal() => signal.ok(),
                    _ = ready => None,
                }
            })
        });
        if let Some(signal) = interrupted {
            end(signal);
        }
    };
    let thread = std::thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(wait);
    let _ = waits.recv();
    if let Ok(thread) = thread {
        *locked(&WATCH) = Some((stop, thread));
    }
}

/// The first of the signals that comes.
#[cfg(unix)]
pub(crate) async fn signal() -> std::io::Result<Signal> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = interrupt.recv() => Signal::Interrupt,
        _ = terminate.recv() => Signal::Terminate,
    })
}

#[cfg(not(unix))]
pub(crate) async fn signal() -> std::io::Result<Signal> {
    tokio::signal::ctrl_c().await?;
    Ok(Signal::Interrupt)
}

/// Has the signals do nothing, in a process that ends with another one: a terminal and a service manager send them to
/// both.
pub(crate) fn ignore() {
    #[cfg(unix)]
    if let Ok(tokio) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        use tokio::signal::unix::{SignalKind, signal};
        let _entered = tokio.enter();
        // The handlers stay when the streams are gone.
        let _ = signal(SignalKind::interrupt());
        let _ = signal(SignalKind::terminate());
    }
}

fn end(signal: Signal) {
    // Stays locked until the process ends, so that no other file is begun.
    let mut file = locked(&HALF_WRITTEN);
    if let Some(path) = file.take() {
        let _ = std::fs::remove_file(&path);
    }
    if let Some(say) = locked(&AT_INTERRUPT).take() {
        let (done, said) = mpsc::channel();
        let speaks = std::thread::Builder::new().spawn(move || {
            end_progress();
            say(signal);
            let _ = done.send(());
        });
        if speaks.is_ok() {
            let _ = said.recv_timeout(LAST_WORDS);
        }
    }
    std::process::exit(signal.status());
}

/// Runs `work` while no thread waits for signals. An interrupt meanwhile is heeded afterwards.
pub(crate) fn paused<T>(work: impl FnOnce() -> T) -> T {
    let watch = locked(&WATCH).take();
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
    *locked(&HALF_WRITTEN) = Some(path.to_owned());
    let written = write();
    *locked(&HALF_WRITTEN) = None;
    written
}

/// Runs `write`, which takes milliseconds and writes several files, all of them or none. An interrupt meanwhile is heeded
/// afterwards.
pub(crate) fn deferred<T>(write: impl FnOnce() -> T) -> T {
    // What ends the process waits for this.
    let _held = locked(&HALF_WRITTEN);
    write()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_process_while_files_are_written() {
        assert!(deferred(|| HALF_WRITTEN.try_lock().is_err()));
        assert!(HALF_WRITTEN.try_lock().is_ok());
    }
}
