//! Opens a regular file and nothing else: pipes do not block, devices do not act.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// `O_NONBLOCK`: opening a pipe that took the place of a file does not wait for a writer.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub const NONBLOCK: i32 = 0o4000;
/// `O_NONBLOCK`: opening a pipe that took the place of a file does not wait for a writer.
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
pub const NONBLOCK: i32 = 0x4;

/// Opens a regular file for reading; `None` for anything else. The kind is checked before the file is opened, so that a
/// pipe does not block and a device does not act, and again afterwards, in case the file was swapped in between.
///
/// # Errors
///
/// The system cannot look at the file or open it.
pub fn open_regular(path: &Path) -> io::Result<Option<File>> {
    if !std::fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(NONBLOCK);
    }
    let file = options.open(path)?;
    Ok(file.metadata()?.is_file().then_some(file))
}
