//! Files by script as Linux itself acts on them: the output of the guest `file-script` without a host in between.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, fstat,
    ftruncate, futimens, linkat, mkdirat, openat, readlinkat, renameat, statat, symlinkat,
    unlinkat, utimensat,
};
use rustix::io::{Errno, pread, pwrite};

struct Slot {
    file: OwnedFd,
    /// The path below the root under which it was opened.
    name: String,
    writable: bool,
}

/// The answer in place of one that depends on a folder that has lost its name since it was opened: this host holds an open
/// folder by its name, Linux holds the folder.
pub(super) const HELD_BY_NAME: &str = "(held by name)";

struct Script {
    root: OwnedFd,
    slots: BTreeMap<String, Slot>,
}

/// Runs a script in a folder. The last line is the exit status, as far as WASI 0.2 tells it: whether it is 0.
pub(super) fn run(folder: &Path, script: &str) -> String {
    let root = openat(rustix::fs::CWD, folder, OFlags::DIRECTORY, Mode::empty()).unwrap();
    let slots = BTreeMap::new();
    let mut run = Script { root, slots };
    let status = |line: &str| line.strip_prefix("exit ").map(|status| status != "0");
    let ends = script.lines().find_map(status).unwrap_or_default();
    let acts = script.lines().take_while(|line| status(line).is_none());
    let lines = acts.map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        if run.uses_lost(&words) {
            return HELD_BY_NAME.to_owned();
        }
        run.act(&words)
            .unwrap_or_else(|error| name(error).to_owned())
    });
    let end = format!("status {}", u8::from(ends));
    lines.chain([end]).map(|line| line + "\n").collect()
}

impl Script {
    /// Whether a word names a slot whose folder is not where it was.
    fn uses_lost(&self, words: &[&str]) -> bool {
        let slots = words.iter().skip(1).filter_map(|word| {
            let slot = word.split_once(':').map_or(*word, |(slot, _)| slot);
            self.slots.get(slot)
        });
        let mut lost = slots.filter(|slot| {
            let held = fstat(&slot.file).unwrap();
            let named = statat(&self.root, &*slot.name, AtFlags::empty());
            kind(&held) == "DescriptorType::Directory"
                && !named.is_ok_and(|named| is_one(&held, &named))
        });
        lost.next().is_some()
    }

    fn act(&mut self, words: &[&str]) -> Result<String, Errno> {
        let done = |()| "done".to_owned();
        match *words {
            ["open", slot, place, how, flags, look] => {
                let (folder, path) = self.at(place)?;
                let is = |word| how.split(',').any(|it| it == word);
                let can = |word| flags.split(',').any(|it| it == word);
                if is("directory") && (is("create") || is("truncate")) {
                    return Err(Errno::INVAL);
                }
                let mut options = match (can("read"), can("write")) {
                    (_, false) => OFlags::RDONLY,
                    (false, true) => OFlags::WRONLY,
                    (true, true) => OFlags::RDWR,
                };
                options.set(OFlags::CREATE, is("create"));
                options.set(OFlags::EXCL, is("exclusive"));
                options.set(OFlags::TRUNC, is("truncate"));
                options.set(OFlags::DIRECTORY, is("directory"));
                options.set(OFlags::NOFOLLOW, look != "follow");
                let file = openat(folder, path, options, Mode::from(0o644))?;
                let kind = kind(&fstat(&file)?);
                let writable = can("write");
                let name = match place.split_once(':') {
                    Some((slot, path)) => format!("{}/{path}", self.slot(slot)?.name),
                    None => place.to_owned(),
                };
                let opened = Slot {
                    file,
                    name,
                    writable,
                };
                self.slots.insert(slot.to_owned(), opened);
                Ok(kind.to_owned())
            }
            ["close", slot] => Ok(self.slots.remove(slot).is_some().to_string()),
            ["read", slot, length, offset] => {
                let length: usize = length.parse().unwrap();
                let mut buffer = vec![0; length];
                let count = pread(
                    &self.slot(slot)?.file,
                    &mut *buffer,
                    offset.parse().unwrap(),
                )?;
                buffer.truncate(count);
                let is_end = count == 0 && length > 0;
                Ok(format!("{} {is_end}", String::from_utf8_lossy(&buffer)))
            }
            ["write", slot, offset, text] => {
                let file = self.writable(slot)?;
                pwrite(file, text.as_bytes(), offset.parse().unwrap())
                    .map(|count| count.to_string())
            }
            ["put", slot, offset, text] => {
                let file = self.writable(slot)?;
                pwrite(file, text.as_bytes(), offset.parse().unwrap()).map(|_| done(()))
            }
            ["append", slot, text] => {
                let file = self.writable(slot)?;
                let end = u64::try_from(fstat(file)?.st_size).unwrap();
                pwrite(file, text.as_bytes(), end).map(|_| done(()))
            }
            ["size", slot, size] => {
                ftruncate(&self.slot(slot)?.file, size.parse().unwrap()).map(done)
            }
            ["state", slot] => Ok(shown(&fstat(&self.slot(slot)?.file)?)),
            ["stat", place, look] => Ok(shown(&self.stat(place, look)?)),
            ["same", a, b] => {
                let (a, b) = (fstat(&self.slot(a)?.file)?, fstat(&self.slot(b)?.file)?);
                Ok(is_one(&a, &b).to_string())
            }
            ["is", a, look_a, b, look_b] => {
                self.slot_of(a)?;
                self.slot_of(b)?;
                let (a, b) = (self.stat(a, look_a)?, self.stat(b, look_b)?);
                Ok(is_one(&a, &b).to_string())
            }
            ["list", place] => {
                let (folder, path) = self.at(place)?;
                let opened = openat(folder, path, OFlags::DIRECTORY, Mode::empty())?;
                let mut names = Vec::new();
                for entry in Dir::read_from(&opened)? {
                    let entry = entry?;
                    let name = entry.file_name().to_str().unwrap();
                    if name != "." && name != ".." {
                        let found = statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW)?;
                        names.push(format!("{name}={}", kind(&found)));
                    }
                }
                names.sort();
                Ok(names.join(" "))
            }
            ["mkdir", place] => {
                let (folder, path) = self.at(place)?;
                mkdirat(folder, path, Mode::from(0o755)).map(done)
            }
            ["rmdir", place] => {
                let (folder, path) = self.at(place)?;
                unlinkat(folder, path, AtFlags::REMOVEDIR).map(done)
            }
            ["unlink", place] => {
                let (folder, path) = self.at(place)?;
                unlinkat(folder, path, AtFlags::empty()).map(done)
            }
            ["rename", from, to] => {
                let [(from, path), (to, to_path)] = self.both(from, to)?;
                renameat(from, path, to, to_path).map(done)
            }
            ["link", from, _, to] => {
                let [(from, path), (to, to_path)] = self.both(from, to)?;
                linkat(from, path, to, to_path, AtFlags::empty()).map(done)
            }
            ["symlink", target, place] => {
                let (folder, path) = self.at(place)?;
                symlinkat(target, folder, path).map(done)
            }
            ["readlink", place] => {
                let (folder, path) = self.at(place)?;
                Ok(readlinkat(folder, path, Vec::new())?.into_string().unwrap())
            }
            ["touch", place, look, seconds] => {
                let (folder, path) = self.at(place)?;
                utimensat(folder, path, &times(seconds), looked(look)).map(done)
            }
            ["touched", slot, seconds] => {
                futimens(&self.slot(slot)?.file, &times(seconds)).map(done)
            }
            ["time", place, look] => Ok(match self.stat(place, look)?.st_mtime {
                set @ ..1_000_000 => set.to_string(),
                _ => "now".to_owned(),
            }),
            _ => Err(Errno::NOTSUP),
        }
    }

    fn slot(&self, slot: &str) -> Result<&Slot, Errno> {
        self.slots.get(slot).ok_or(Errno::BADF)
    }

    fn writable(&self, slot: &str) -> Result<BorrowedFd<'_>, Errno> {
        let slot = self.slot(slot)?;
        match slot.writable {
            true => Ok(slot.file.as_fd()),
            false => Err(Errno::BADF),
        }
    }

    fn at<'p>(&self, place: &'p str) -> Result<(BorrowedFd<'_>, &'p str), Errno> {
        let (folder, path) = self.slot_of(place)?;
        // Paths below a file are not looked at.
        match FileType::from_raw_mode(fstat(folder)?.st_mode) {
            FileType::Directory => Ok((folder, path)),
            _ => Err(Errno::NOTDIR),
        }
    }

    fn both<'p>(&self, a: &'p str, b: &'p str) -> Result<[(BorrowedFd<'_>, &'p str); 2], Errno> {
        // The guest looks for both slots before it asks the host.
        self.slot_of(a)?;
        self.slot_of(b)?;
        Ok([self.at(a)?, self.at(b)?])
    }

    fn slot_of<'p>(&self, place: &'p str) -> Result<(BorrowedFd<'_>, &'p str), Errno> {
        match place.split_once(':') {
            Some((slot, path)) => Ok((self.slot(slot)?.file.as_fd(), path)),
            None => Ok((self.root.as_fd(), place)),
        }
    }

    fn stat(&self, place: &str, look: &str) -> Result<Stat, Errno> {
        let (folder, path) = self.at(place)?;
        statat(folder, path, looked(look))
    }
}

fn looked(look: &str) -> AtFlags {
    match look {
        "follow" => AtFlags::empty(),
        _ => AtFlags::SYMLINK_NOFOLLOW,
    }
}

fn times(seconds: &str) -> Timestamps {
    let (tv_sec, tv_nsec) = match seconds {
        "keep" => (0, UTIME_OMIT),
        "now" => (0, UTIME_NOW),
        seconds => (seconds.parse().unwrap(), 0),
    };
    let time = Timespec { tv_sec, tv_nsec };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

fn is_one(a: &Stat, b: &Stat) -> bool {
    (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)
}

fn kind(stat: &Stat) -> &'static str {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => "DescriptorType::RegularFile",
        FileType::Directory => "DescriptorType::Directory",
        FileType::Symlink => "DescriptorType::SymbolicLink",
        _ => "DescriptorType::Unknown",
    }
}

fn shown(stat: &Stat) -> String {
    match kind(stat) {
        "DescriptorType::Directory" => "Directory".to_owned(),
        kind => format!("{kind} {}", stat.st_size),
    }
}

fn name(error: Errno) -> &'static str {
    match error {
        Errno::NOENT => "no-entry",
        Errno::EXIST => "exist",
        Errno::NOTDIR => "not-directory",
        Errno::ISDIR => "is-directory",
        Errno::NOTEMPTY => "not-empty",
        Errno::BADF => "bad-descriptor",
        Errno::INVAL => "invalid",
        Errno::LOOP => "loop",
        Errno::PERM => "not-permitted",
        Errno::BUSY => "busy",
        Errno::XDEV => "cross-device",
        _ => "unsupported",
    }
}
