//! The steps of the wall for this process itself: its threads, its capabilities, its inherited descriptors.

use std::fs;
use std::io;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use caps::{CapSet, Capability, CapsHashSet};

/// The time that threads which have done their work may take to end.
const ENDING: Duration = Duration::from_millis(200);

/// The first descriptor after standard input, output and error.
const FIRST: RawFd = 3;

/// The number of threads, after those that were about to end have ended.
pub(super) fn threads() -> io::Result<usize> {
    let start = Instant::now();
    loop {
        // A thread that was joined may be listed until the kernel has removed it.
        let threads = fs::read_dir("/proc/self/task")?.count();
        if threads == 1 || start.elapsed() > ENDING {
            return Ok(threads);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Leaves the calling thread these capabilities at most, and makes sure that no program can raise them.
pub(super) fn keep_capabilities(kept: &[Capability]) -> Result<(), String> {
    let failed = |error: caps::errors::CapsError| error.to_string();
    // The rest of the bounding set does not matter without programs that raise capabilities: `no_new_privs` is set.
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).map_err(failed)? {
        for one in caps::runtime::thread_all_supported() {
            if !kept.contains(&one) {
                caps::drop(None, CapSet::Bounding, one).map_err(failed)?;
            }
        }
    }
    if caps::runtime::ambient_set_supported().is_ok() {
        caps::clear(None, CapSet::Ambient).map_err(failed)?;
    }
    let mut left = caps::read(None, CapSet::Permitted).map_err(failed)?;
    left.retain(|one| kept.contains(one));
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new()).map_err(failed)?;
    caps::set(None, CapSet::Effective, &left).map_err(failed)?;
    caps::set(None, CapSet::Permitted, &left).map_err(failed)?;
    no_new_privileges().map_err(|error| error.to_string())
}

/// Closes the inherited descriptors, apart from the standard streams.
pub(super) fn close_inherited() -> io::Result<()> {
    let mut inherited = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let number = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        // This program opens every descriptor so that it closes when another program is started.
        if let Some(fd) = number
            && fd >= FIRST
            && survives_exec(fd)
        {
            inherited.push(fd);
        }
    }
    inherited.into_iter().try_for_each(|fd| close(fd, fd))
}

/// Closes every descriptor from `first` on.
pub(super) fn close_from(first: RawFd) -> io::Result<()> {
    close(first, RawFd::MAX)
}

#[expect(
    unsafe_code,
    reason = "no crate asks for the flags of a descriptor by its number"
)]
fn survives_exec(fd: RawFd) -> bool {
    // SAFETY: asks for a number; a descriptor that is not open gives -1.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
    flags >= 0 && flags & libc::FD_CLOEXEC == 0
}

#[expect(unsafe_code, reason = "no crate closes descriptors that nothing owns")]
fn close(first: RawFd, last: RawFd) -> io::Result<()> {
    // SAFETY: the callers close descriptors that no value of this program owns: those that were inherited, or in a
    // process that has opened none all but its pipes.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    match done {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[expect(
    unsafe_code,
    reason = "the crates that set it do so only where Landlock or seccomp is"
)]
fn no_new_privileges() -> io::Result<()> {
    // SAFETY: sets a flag of this thread.
    match unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
