//! The state of a descriptor of `wasi:filesystem`: the name of a root, a path below it, and, for a regular file, the
//! file. A folder is held by name: each use of it is decided anew.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use cap_std::fs::{Metadata, OpenOptions};
use tollgate_policy::{FileUse, Reason};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::FsError;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry,
    DirectoryEntryStream, ErrorCode, NewTimestamp, OpenFlags,
};

use tollgate_capability::Open;
use tollgate_capability::files::{FileFailure, FileQuota, Folder, Kind, NewTime, NewTimes};

/// A folder or a file that a guest has opened.
#[derive(Clone)]
pub(super) struct OpenDescriptor {
    pub(super) root: Arc<str>,
    /// The grant of that root.
    pub(super) index: usize,
    /// The path below the root, in the form that decisions take.
    pub(super) path: Arc<str>,
    /// `None` for a folder.
    pub(super) file: Option<Arc<OpenFile>>,
    pub(super) flags: DescriptorFlags,
}

/// A file, counted among the open files of its store while a descriptor, a stream or a job has it.
pub(super) struct OpenFile {
    pub(super) file: File,
    pub(super) _open: Open,
}

impl OpenDescriptor {
    /// The host memory of a descriptor or a stream, without its path.
    pub(super) const HOLDS: u64 = 1_024;

    pub(super) fn target(&self) -> String {
        format!("{}/{}", self.root, self.path)
    }

    pub(super) fn writable(&self) -> bool {
        self.flags.contains(DescriptorFlags::WRITE)
    }
}

/// The guest's handle as a handle of our type. The bindings name a type of wasmtime's, but the table holds ours: only
/// our functions ever look it up.
pub(super) fn as_ours(handle: &Resource<Descriptor>) -> Resource<OpenDescriptor> {
    Resource::new_borrow(handle.rep())
}

/// Entries of a folder that the guest has not taken yet.
pub(super) struct Entries(pub(super) VecDeque<DirectoryEntry>);

pub(super) fn our_entries(handle: &Resource<DirectoryEntryStream>) -> Resource<Entries> {
    Resource::new_borrow(handle.rep())
}

/// The error code of `wasi:filesystem` for a failure.
pub(super) fn code(failure: &FileFailure) -> ErrorCode {
    match failure {
        FileFailure::Denied(Reason::Quota) => ErrorCode::Quota,
        FileFailure::Denied(Reason::ReadOnly) => ErrorCode::ReadOnly,
        FileFailure::Denied(Reason::BadPath) => ErrorCode::Invalid,
        FileFailure::Denied(_) => ErrorCode::NotPermitted,
        FileFailure::TooLarge(_) => ErrorCode::FileTooLarge,
        FileFailure::Io(error) => match ErrorCode::from(error) {
            ErrorCode::Io => code_of_kind(error.kind()),
            code => code,
        },
    }
}

/// The code of an error that is the host's own, or that the engine's table lacks.
fn code_of_kind(kind: io::ErrorKind) -> ErrorCode {
    match kind {
        io::ErrorKind::NotADirectory => ErrorCode::NotDirectory,
        io::ErrorKind::IsADirectory => ErrorCode::IsDirectory,
        io::ErrorKind::DirectoryNotEmpty => ErrorCode::NotEmpty,
        io::ErrorKind::CrossesDevices => ErrorCode::CrossDevice,
        io::ErrorKind::ResourceBusy => ErrorCode::Busy,
        io::ErrorKind::ReadOnlyFilesystem => ErrorCode::ReadOnly,
        io::ErrorKind::QuotaExceeded => ErrorCode::Quota,
        io::ErrorKind::Unsupported => ErrorCode::Unsupported,
        _ => ErrorCode::Io,
    }
}

pub(super) fn to_fs_error(failure: FileFailure) -> FsError {
    code(&failure).into()
}

/// Opens a file, or finds a folder (`None`). Only a regular file is ever opened: its kind is checked before, so that a
/// pipe does not block and a device does not act, and again afterwards.
pub(super) fn open(
    dir: &Folder,
    path: &Path,
    look: Look,
    how: OpenFlags,
    flags: DescriptorFlags,
    quota: impl Fn(FileUse) -> Result<(), Reason>,
) -> Result<Result<Option<File>, ErrorCode>, FileFailure> {
    let in_sync = DescriptorFlags::FILE_INTEGRITY_SYNC
        | DescriptorFlags::DATA_INTEGRITY_SYNC
        | DescriptorFlags::REQUESTED_WRITE_SYNC;
    let creates = how.contains(OpenFlags::CREATE);
    let truncates = how.contains(OpenFlags::TRUNCATE);
    let is_new = creates && how.contains(OpenFlags::EXCLUSIVE);
    if flags.intersects(in_sync) {
        // Each write would wait for the machine; `sync` says when, and is paid for.
        return Ok(Err(ErrorCode::Unsupported));
    }
    if how.contains(OpenFlags::DIRECTORY) && (creates || truncates) {
        return Ok(Err(ErrorCode::Invalid));
    }
    if look.folder && creates {
        let parent = path.parent().filter(|parent| *parent != Path::new(""));
        return Ok(Err(
            match dir.metadata(parent.unwrap_or(Path::new(".")))? {
                parent if parent.is_dir() => ErrorCode::IsDirectory,
                _ => ErrorCode::NotDirectory,
            },
        ));
    }
    // A new name is new if there is a link under it.
    let found = match look.follow && !is_new {
        true => dir.metadata(path),
        false => dir.symlink_metadata(path),
    };
    let one = FileUse { bytes: 0, files: 1 };
    match found {
        Ok(_) if is_new => return Ok(Err(ErrorCode::Exist)),
        Ok(found) if found.is_symlink() => {
            return Ok(Err(match how.contains(OpenFlags::DIRECTORY) {
                true => ErrorCode::NotDirectory,
                false => ErrorCode::Loop,
            }));
        }
        Ok(found) if found.is_dir() => {
            let writes = creates || truncates || flags.contains(DescriptorFlags::WRITE);
            return Ok(match writes {
                true => Err(ErrorCode::IsDirectory),
                false => Ok(None),
            });
        }
        Ok(_) if look.folder || how.contains(OpenFlags::DIRECTORY) => {
            return Ok(Err(ErrorCode::NotDirectory));
        }
        Ok(found) => {
            dir.reject_special(&found)?;
            if truncates {
                quota(one).map_err(FileFailure::Denied)?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && creates => {
            quota(one).map_err(FileFailure::Denied)?;
        }
        Err(error) => return Err(error.into()),
    }
    let mut options = OpenOptions::new();
    let writes = creates || truncates || flags.contains(DescriptorFlags::WRITE);
    options
        .read(flags.contains(DescriptorFlags::READ) || !writes)
        .write(writes)
        .create(creates)
        // The system does this in one step: another process may make the same name meanwhile.
        .create_new(is_new);
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt as _;
        options.custom_flags(tollgate_capability::files::NONBLOCK);
    }
    let file = dir.open_with(path, &options)?;
    dir.reject_special(&file.metadata()?)?;
    // After the opening, since the opened file may differ from the one that was looked at.
    if truncates {
        file.set_len(0)?;
    }
    Ok(Ok(Some(file.into_std())))
}

/// The times that a guest sets.
pub(super) fn new_times(accessed: NewTimestamp, modified: NewTimestamp) -> NewTimes {
    let time = |time| match time {
        NewTimestamp::NoChange => NewTime::Keep,
        NewTimestamp::Now => NewTime::Now,
        NewTimestamp::Timestamp(Datetime {
            seconds,
            nanoseconds,
        }) => NewTime::At {
            seconds,
            nanoseconds,
        },
    };
    NewTimes {
        accessed: time(accessed),
        modified: time(modified),
    }
}

/// Makes a file longer, which counts as writing, or shorter, which counts as truncating it: the cut part is lost.
pub(super) fn resize(
    file: &File,
    size: u64,
    quota: &FileQuota,
    index: usize,
) -> Result<(), FileFailure> {
    let length = file.metadata()?.len();
    let spent = match size < length {
        true => quota.consume(index, FileUse { bytes: 0, files: 1 }),
        false => quota.consume_bytes(index, length, size, 0),
    };
    spent.map_err(FileFailure::Denied)?;
    Ok(file.set_len(size)?)
}

/// The properties of a file. Times are those of the host's clock: with a fixed clock, there are none. The number of its
/// names is hidden from the guest.
pub(super) fn described(metadata: &Metadata, times: bool) -> DescriptorStat {
    let time = |time: std::io::Result<cap_std::time::SystemTime>| {
        let since = time.ok()?.into_std().duration_since(std::time::UNIX_EPOCH);
        let since = since.ok().filter(|_| times)?;
        Some(Datetime {
            seconds: since.as_secs(),
            nanoseconds: since.subsec_nanos(),
        })
    };
    let kind = metadata.file_type();
    DescriptorStat {
        type_: match () {
            () if kind.is_file() => DescriptorType::RegularFile,
            () if kind.is_dir() => DescriptorType::Directory,
            () if kind.is_symlink() => DescriptorType::SymbolicLink,
            () => DescriptorType::Unknown,
        },
        link_count: 1,
        // The size of a folder depends on the file system.
        size: if kind.is_dir() { 0 } else { metadata.len() },
        data_access_timestamp: time(metadata.accessed()),
        data_modification_timestamp: time(metadata.modified()),
        status_change_timestamp: None,
    }
}

pub(super) fn entry_type(kind: Kind) -> DescriptorType {
    match kind {
        Kind::File => DescriptorType::RegularFile,
        Kind::Directory => DescriptorType::Directory,
        Kind::Symlink => DescriptorType::SymbolicLink,
        Kind::Other => DescriptorType::Unknown,
    }
}

/// The mode of looking at a path.
#[derive(Clone, Copy)]
pub(super) struct Look {
    /// Whether a link at its end is followed.
    pub(super) follow: bool,
    /// Whether it has to be a folder.
    pub(super) folder: bool,
}

impl Look {
    /// The metadata of the object at `path`.
    pub(super) fn at(self, dir: &Folder, path: &Path) -> Result<Metadata, FileFailure> {
        let found = match self.follow {
            true => dir.metadata(path)?,
            false => dir.symlink_metadata(path)?,
        };
        match self.folder && !found.is_dir() {
            true => Err(FileFailure::Io(io::ErrorKind::NotADirectory.into())),
            false => Ok(found),
        }
    }
}
