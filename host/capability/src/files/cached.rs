//! Reads that wait for no disk, done on the thread of the guest: those of which the kernel has the name, the properties and
//! the bytes in memory. A hand-over to a thread that may wait costs ten times as much as such a read.
//!
//! A read here succeeds or is done again on a thread that may wait: the file is not in memory or not a regular one, or the
//! read failed. That thread finds the error or the denial.

use std::path::Path;

use cap_std::fs::Metadata;

use super::Folder;

/// Bytes that are copied on the guest's thread: some 16 µs.
#[cfg(target_os = "linux")]
const MAX: u64 = 64 << 10;

/// A part of a file.
pub(super) struct Part {
    pub(super) offset: u64,
    /// The length of the part, if it is not all that is left.
    pub(super) length: Option<u64>,
    /// The size of the largest read that is allowed and paid for.
    pub(super) most: u64,
}

/// Whether `dir` is of a file system of this machine whose look-ups, properties and cached pages never wait; its device.
/// Those of the network ask another machine when a file is opened.
#[cfg(target_os = "linux")]
pub(super) fn local(dir: &cap_std::fs::Dir) -> Option<u64> {
    use cap_std::fs::MetadataExt as _;

    /// The magic numbers of statfs(2): ext2 to ext4, XFS, Btrfs, F2FS. tmpfs knows no `RWF_NOWAIT`.
    const KINDS: [u32; 4] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010];
    let kind = rustix::fs::fstatfs(dir).ok()?.f_type;
    // The type of the field differs between processors, and the number is unsigned.
    let is_known = KINDS
        .iter()
        .any(|known| i128::from(*known) == i128::from(kind));
    is_known
        .then(|| dir.dir_metadata().ok())?
        .map(|it| it.dev())
}

/// At most `size` bytes of an open file from `offset`, and as many as there are: a guest that got fewer would learn which
/// pages are in memory. None at the end of the file.
#[cfg(target_os = "linux")]
pub fn read_open_cached(file: &std::fs::File, size: usize, offset: u64) -> Option<Vec<u8>> {
    use std::os::fd::AsFd as _;
    let data = read_now(file.as_fd(), size, offset)?;
    if data.len() < size {
        // A file system that reads without waiting knows the size, too.
        let left = file.metadata().ok()?.len().saturating_sub(offset);
        (data.len() as u64 == left).then_some(())?;
    }
    Some(data)
}

/// Bytes that are in memory.
#[cfg(target_os = "linux")]
fn read_now(file: std::os::fd::BorrowedFd<'_>, size: usize, offset: u64) -> Option<Vec<u8>> {
    use rustix::io::{ReadWriteFlags, preadv2};
    // The largest number stands for the position that the file has, and larger ones than this are errors.
    i64::try_from(offset).ok()?;
    let mut data = Vec::new();
    data.try_reserve_exact(size).ok()?;
    data.extend(std::iter::repeat_n(0, size));
    let mut into = [std::io::IoSliceMut::new(&mut data)];
    let read = preadv2(file, &mut into, offset, ReadWriteFlags::NOWAIT).ok()?;
    data.truncate(read);
    Some(data)
}

#[cfg(target_os = "linux")]
impl Folder {
    /// A part of a regular file.
    pub(super) fn read_cached(&self, path: &Path, part: &Part) -> Option<Vec<u8>> {
        use std::os::fd::AsFd as _;

        use rustix::fs::OFlags;

        // A device that is opened may act.
        self.regular_cached(self.open_cached(path, OFlags::PATH)?)?;
        let file = self.open_cached(path, OFlags::RDONLY | OFlags::NONBLOCK)?;
        let (file, found) = self.regular_cached(file)?;
        let left = found.len().saturating_sub(part.offset);
        let wanted = part.length.map_or(left, |length| length.min(left));
        if wanted > part.most.min(MAX) || found.len() == 0 {
            return None;
        }
        if wanted == 0 {
            return Some(Vec::new());
        }
        let wanted = usize::try_from(wanted).ok()?;
        let data = read_now(file.as_fd(), wanted, part.offset)?;
        (data.len() == wanted).then_some(data)
    }

    /// The properties of a path; of a link itself.
    pub(super) fn stat_cached(&self, path: &Path) -> Option<Metadata> {
        use rustix::fs::OFlags;
        let found = self.open_cached(path, OFlags::PATH | OFlags::NOFOLLOW)?;
        let found = found.metadata().ok()?;
        self.is_local(&found).then_some(found)
    }

    /// Opens a path below the folder, if no part of it has to be looked up on the disk.
    fn open_cached(&self, path: &Path, how: rustix::fs::OFlags) -> Option<cap_std::fs::File> {
        use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
        self.local?;
        // A folder of another file system may be mounted in it.
        let within = ResolveFlags::BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::NO_MAGICLINKS;
        let within = within | ResolveFlags::CACHED;
        let file = openat2(
            &*self.dir,
            path,
            how | OFlags::CLOEXEC,
            Mode::empty(),
            within,
        );
        Some(cap_std::fs::File::from_std(file.ok()?.into()))
    }

    /// The file with its properties, if it is one that may be read here.
    fn regular_cached(&self, file: cap_std::fs::File) -> Option<(cap_std::fs::File, Metadata)> {
        use cap_std::fs::MetadataExt as _;
        let found = file.metadata().ok()?;
        // A protected file by another name is looked for on the disk.
        let may = self.is_local(&found) && found.nlink() == 1;
        (may && self.reject_special(&found).is_ok()).then_some((file, found))
    }

    /// Whether it is on the file system of the folder, and not on one that is mounted in it.
    fn is_local(&self, found: &Metadata) -> bool {
        use cap_std::fs::MetadataExt as _;
        self.local == Some(found.dev())
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn local(_: &cap_std::fs::Dir) -> Option<u64> {
    None
}

#[cfg(not(target_os = "linux"))]
pub fn read_open_cached(_: &std::fs::File, _: usize, _: u64) -> Option<Vec<u8>> {
    None
}

#[cfg(not(target_os = "linux"))]
impl Folder {
    pub(super) fn read_cached(&self, _: &Path, _: &Part) -> Option<Vec<u8>> {
        None
    }

    pub(super) fn stat_cached(&self, _: &Path) -> Option<Metadata> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::Arc;

    use super::*;
    use crate::files::Roots;

    const WHOLE: Part = Part {
        offset: 0,
        length: None,
        most: u64::MAX,
    };

    /// `None` where files are on no file system that is known here.
    fn folder(at: &Path) -> Option<Arc<Folder>> {
        let root = format!("{:?}", at.to_str().unwrap());
        let text = format!("grants.files = [{{ root = \"r\", path = {root}, access = \"read\" }}]");
        let policy = tollgate_policy::Policy::parse(&text, Path::new("/")).unwrap();
        let roots = Roots::open(&policy).ok().unwrap();
        let folder = roots.0.first().unwrap();
        folder.local.is_some().then(|| Arc::clone(folder))
    }

    /// The first answer of many attempts: the kernel gives up a look-up while any file is renamed.
    fn at_once<T>(attempt: impl Fn() -> Option<T>) -> Option<T> {
        (0..1000).find_map(|_| attempt())
    }

    /// Has a link not need a new access time when it is followed, which is written in another way.
    fn read_in_an_hour(link: &Path) {
        use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, utimensat};
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let time = |tv_sec: u64, tv_nsec| Timespec {
            tv_sec: tv_sec.try_into().unwrap(),
            tv_nsec,
        };
        let times = Timestamps {
            last_access: time(now + 3600, 0),
            last_modification: time(0, UTIME_OMIT),
        };
        utimensat(CWD, link, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }

    #[test]
    fn a_file_that_was_just_written_is_read_at_once() {
        let at = tempfile::tempdir().unwrap();
        std::fs::write(at.path().join("file"), b"0123456789").unwrap();
        std::fs::create_dir(at.path().join("folder")).unwrap();
        symlink("file", at.path().join("link")).unwrap();
        read_in_an_hour(&at.path().join("link"));
        let Some(dir) = folder(at.path()) else { return };
        for name in ["file", "link", "folder/../file"] {
            let read = at_once(|| dir.read_cached(Path::new(name), &WHOLE));
            assert_eq!(read.as_deref(), Some(&b"0123456789"[..]), "{name}");
        }
        let part = |offset, length| Part {
            offset,
            length: Some(length),
            most: 6,
        };
        let read = |part: &Part| dir.read_cached(Path::new("file"), part);
        let found = |part: Part| at_once(|| read(&part));
        assert_eq!(found(part(2, 3)).as_deref(), Some(&b"234"[..]));
        assert_eq!(found(part(8, 6)).as_deref(), Some(&b"89"[..]));
        assert_eq!(found(part(u64::MAX, 6)).as_deref(), Some(&b""[..]));
        assert_eq!(read(&part(0, 7)), None, "more than is allowed");
        let kind = |name: &str| {
            let found = at_once(|| dir.stat_cached(Path::new(name)))?;
            Some((found.is_file(), found.is_symlink(), found.is_dir()))
        };
        assert_eq!(kind("file"), Some((true, false, false)));
        assert_eq!(kind("link"), Some((false, true, false)));
        assert_eq!(kind("folder"), Some((false, false, true)));
    }

    /// Its files may be on another machine, or take any time.
    #[test]
    fn a_file_system_that_is_not_known_is_left_alone() {
        let Ok(at) = tempfile::tempdir_in("/dev/shm") else {
            return;
        };
        let authority = cap_std::ambient_authority();
        let dir = cap_std::fs::Dir::open_ambient_dir(at.path(), authority).unwrap();
        assert_eq!(local(&dir), None);
    }

    #[test]
    fn an_open_file_is_read_as_far_as_it_goes() {
        let at = tempfile::tempdir().unwrap();
        let path = at.path().join("file");
        std::fs::write(&path, b"0123456789").unwrap();
        if folder(at.path()).is_none() {
            return;
        }
        let file = std::fs::File::open(&path).unwrap();
        let read = |size, offset| read_open_cached(&file, size, offset).unwrap();
        assert_eq!(read(4, 3), b"3456");
        assert_eq!(read(64 << 10, 3), b"3456789");
        assert_eq!(read(1, 10), b"");
        assert_eq!(read(1, 1 << 40), b"");
        // Not the position that the file has.
        for beyond in [u64::MAX, u64::MAX - 1, 1 << 63] {
            assert_eq!(read_open_cached(&file, 1, beyond), None);
        }
        // Not for reading.
        let file = std::fs::File::create(&path).unwrap();
        assert_eq!(read_open_cached(&file, 1, 0), None);
    }

    /// The pages of a file that are in memory, as `fincore` of util-linux tells, which fetches none.
    fn pages(path: &Path) -> Option<u64> {
        let told = std::process::Command::new("fincore")
            .args(["--noheadings", "--output", "PAGES"])
            .arg(path)
            .output();
        let told = String::from_utf8(told.ok()?.stdout).ok()?;
        // It says nothing of a file without any.
        match told.trim() {
            "" => Some(0),
            pages => pages.parse().ok(),
        }
    }

    /// Neither a file of the folder nor an open one waits for the disk.
    #[test]
    fn what_is_not_in_memory_is_left_to_a_thread_that_may_wait() {
        use rustix::fs::{Advice, fadvise};
        const SIZE: usize = 40_000;
        let at = tempfile::tempdir().unwrap();
        let Some(dir) = folder(at.path()) else { return };
        // A file for each read: one that finds nothing begins to fetch it.
        let file = |name: &str| {
            let path = at.path().join(name);
            std::fs::write(&path, vec![1; SIZE]).unwrap();
            let file = std::fs::File::open(&path).unwrap();
            file.sync_all().unwrap();
            file
        };
        let evicted = |name: &str| {
            let file = file(name);
            // Advice, which the kernel follows at once unless the pages are in use, as they are while others write much.
            for _ in 0..1_000 {
                fadvise(&file, 0, None, Advice::DontNeed).unwrap();
                if pages(&at.path().join(name)).is_none_or(|pages| pages == 0) {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            file
        };
        // One page, and no more beside it.
        let part = |name: &str| {
            let file = evicted(name);
            fadvise(&file, 0, None, Advice::Random).unwrap();
            std::os::unix::fs::FileExt::read_at(&file, &mut [0], 0).unwrap();
            file
        };
        let in_folder = |name: &str| {
            let read = dir.read_cached(Path::new(name), &WHOLE);
            read.map(|read| read.len())
        };
        let open =
            |file: std::fs::File, size| read_open_cached(&file, size, 0).map(|read| read.len());
        assert_eq!(open(file("a"), SIZE), Some(SIZE));
        assert_eq!(at_once(|| in_folder("a")), Some(SIZE));
        evicted("b");
        assert_eq!(in_folder("b"), None);
        assert_eq!(open(evicted("c"), SIZE), None);
        // Not the part that is there, either: it would tell the guest which pages others have read.
        part("d");
        assert_eq!(in_folder("d"), None);
        assert_eq!(open(part("e"), 1), Some(1));
        assert_eq!(open(part("f"), SIZE), None);
    }

    /// Files that a thread that may wait denies, or has to wait for.
    #[test]
    fn all_else_is_left_to_a_thread_that_may_wait() {
        let at = tempfile::tempdir().unwrap();
        let path = |name: &str| at.path().join("root").join(name);
        std::fs::create_dir_all(path("folder")).unwrap();
        std::fs::write(at.path().join("outside"), b"secret").unwrap();
        std::fs::write(path("file"), b"text").unwrap();
        std::fs::write(path("empty"), b"").unwrap();
        std::fs::write(path("large"), vec![0; usize::try_from(MAX).unwrap() + 1]).unwrap();
        std::fs::write(path("two"), b"names").unwrap();
        std::fs::hard_link(path("two"), path("names")).unwrap();
        symlink("../outside", path("out")).unwrap();
        symlink(at.path().join("root/file"), path("absolute")).unwrap();
        symlink("/dev/null", path("device")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        let Some(dir) = folder(&at.path().join("root")) else {
            return;
        };
        for name in [
            "none",
            "folder",
            "empty",
            "large",
            "two",
            "out",
            "absolute",
            "device",
            "pipe",
            "../outside",
            "file/",
        ] {
            assert_eq!(dir.read_cached(Path::new(name), &WHOLE), None, "{name}");
        }
        for name in ["none", "../outside", "folder/../../outside"] {
            assert!(dir.stat_cached(Path::new(name)).is_none(), "{name}");
        }
        // A file system that may ask another machine.
        let far = Folder {
            local: None,
            dir: Arc::clone(&dir.dir),
            protection: crate::files::hard_links::Protection::handed_over(Vec::new()),
        };
        assert!(far.read_cached(Path::new("file"), &WHOLE).is_none());
        assert!(far.stat_cached(Path::new("file")).is_none());
        // A file that is protected, by the name that it has.
        let own = std::fs::metadata(path("file")).unwrap();
        let own = std::os::unix::fs::MetadataExt::ino(&own);
        let protecting = Folder {
            local: dir.local,
            dir: Arc::clone(&dir.dir),
            protection: crate::files::hard_links::Protection::handed_over(vec![(
                dir.local.unwrap(),
                own,
            )]),
        };
        assert!(protecting.read_cached(Path::new("file"), &WHOLE).is_none());
        assert!(at_once(|| dir.read_cached(Path::new("file"), &WHOLE)).is_some());
    }
}
