//! A WASI command that acts on files by a script on its standard input, and writes the result of each line: a value, or
//! the name of an error code. Two hosts that run the same script are compared by it.
//!
//! A place is `PATH` in the first preopen, or `N:PATH` in the folder of slot `N`. Words of options are joined by commas; `-`
//! is none.
//!
//! `open N PLACE HOW FLAGS LOOK` · `close N` · `read N LENGTH OFFSET` · `write N OFFSET TEXT` · `append N TEXT` · `put N
//! OFFSET TEXT` (through a stream) · `size N BYTES` · `sync N` · `state N` · `stat PLACE LOOK` · `same N M` · `is PLACE LOOK
//! PLACE LOOK` (whether both have one hash) · `list PLACE` · `mkdir PLACE` · `rmdir PLACE` · `unlink PLACE` · `rename PLACE
//! PLACE` · `link PLACE LOOK PLACE` · `symlink TARGET PLACE` · `readlink PLACE` · `touch PLACE LOOK SECONDS` · `touched N
//! SECONDS` · `time PLACE LOOK` · `empty WHAT` (the same with an empty path) · `exit STATUS` (ends)

use std::collections::BTreeMap;
use std::io::Read as _;

use wasip2::clocks::wall_clock::Datetime;
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorStat, ErrorCode, NewTimestamp, OpenFlags, PathFlags,
    filesystem_error_code,
};
use wasip2::io::streams::StreamError;

struct Script {
    root: Descriptor,
    slots: BTreeMap<String, Descriptor>,
}

fn main() {
    let mut text = String::new();
    if std::io::stdin().read_to_string(&mut text).is_err() {
        return;
    }
    let Some((root, _)) = get_directories().into_iter().next() else {
        return println!("no preopen");
    };
    let slots = BTreeMap::new();
    let mut script = Script { root, slots };
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["exit", status] = *words {
            std::process::exit(status.parse().unwrap_or(i32::MAX));
        }
        match script.act(&words) {
            Ok(text) => println!("{text}"),
            Err(code) => println!("{}", code.name()),
        }
    }
}

impl Script {
    fn act(&mut self, words: &[&str]) -> Result<String, ErrorCode> {
        let done = |()| "done".to_owned();
        match *words {
            ["open", slot, place, how, flags, look] => {
                let (folder, path) = self.at(place)?;
                let opened = folder.open_at(at(look), path, how_of(how), flags_of(flags))?;
                let kind = format!("{:?}", opened.get_type()?);
                self.slots.insert(slot.to_owned(), opened);
                Ok(kind)
            }
            ["close", slot] => Ok(self.slots.remove(slot).is_some().to_string()),
            ["read", slot, length, offset] => {
                let (bytes, end) = self.slot(slot)?.read(number(length)?, number(offset)?)?;
                Ok(format!("{} {end}", String::from_utf8_lossy(&bytes)))
            }
            ["write", slot, offset, text] => {
                let written = self.slot(slot)?.write(text.as_bytes(), number(offset)?)?;
                Ok(written.to_string())
            }
            ["append", slot, text] => {
                let stream = self.slot(slot)?.append_via_stream()?;
                wrote(stream.blocking_write_and_flush(text.as_bytes()))
            }
            ["put", slot, offset, text] => {
                let stream = self.slot(slot)?.write_via_stream(number(offset)?)?;
                wrote(stream.blocking_write_and_flush(text.as_bytes()))
            }
            ["size", slot, size] => self.slot(slot)?.set_size(number(size)?).map(done),
            ["sync", slot] => self.slot(slot)?.sync().map(done),
            ["state", slot] => Ok(shown(&self.slot(slot)?.stat()?)),
            ["stat", place, look] => {
                let (folder, path) = self.at(place)?;
                Ok(shown(&folder.stat_at(at(look), path)?))
            }
            ["same", a, b] => Ok(self.slot(a)?.is_same_object(self.slot(b)?).to_string()),
            ["is", a, look_a, b, look_b] => {
                let ((a, path_a), (b, path_b)) = (self.at(a)?, self.at(b)?);
                let a = a.metadata_hash_at(at(look_a), path_a)?;
                let b = b.metadata_hash_at(at(look_b), path_b)?;
                Ok(((a.lower, a.upper) == (b.lower, b.upper)).to_string())
            }
            ["list", place] => {
                let (folder, path) = self.at(place)?;
                let (directory, read) = (OpenFlags::DIRECTORY, DescriptorFlags::READ);
                let folder = folder.open_at(PathFlags::SYMLINK_FOLLOW, path, directory, read)?;
                let stream = folder.read_directory()?;
                let mut names = Vec::new();
                while let Some(entry) = stream.read_directory_entry()? {
                    names.push(format!("{}={:?}", entry.name, entry.type_));
                }
                names.sort();
                Ok(names.join(" "))
            }
            ["mkdir", place] => {
                let (folder, path) = self.at(place)?;
                folder.create_directory_at(path).map(done)
            }
            ["rmdir", place] => {
                let (folder, path) = self.at(place)?;
                folder.remove_directory_at(path).map(done)
            }
            ["unlink", place] => {
                let (folder, path) = self.at(place)?;
                folder.unlink_file_at(path).map(done)
            }
            ["rename", from, to] => {
                let ((from, path), (to, to_path)) = (self.at(from)?, self.at(to)?);
                from.rename_at(path, to, to_path).map(done)
            }
            ["link", from, look, to] => {
                let ((from, path), (to, to_path)) = (self.at(from)?, self.at(to)?);
                from.link_at(at(look), path, to, to_path).map(done)
            }
            ["symlink", target, place] => {
                let (folder, path) = self.at(place)?;
                folder.symlink_at(target, path).map(done)
            }
            ["readlink", place] => {
                let (folder, path) = self.at(place)?;
                folder.readlink_at(path)
            }
            ["touch", place, look, seconds] => {
                let (folder, path) = self.at(place)?;
                let time = time(seconds)?;
                folder.set_times_at(at(look), path, time, time).map(done)
            }
            ["touched", slot, seconds] => {
                let time = time(seconds)?;
                self.slot(slot)?.set_times(time, time).map(done)
            }
            ["time", place, look] => {
                let (folder, path) = self.at(place)?;
                let modified = folder.stat_at(at(look), path)?.data_modification_timestamp;
                Ok(match modified {
                    None => "none".to_owned(),
                    Some(time) if time.seconds < 1_000_000 => time.seconds.to_string(),
                    // A time of the host's clock.
                    Some(_) => "now".to_owned(),
                })
            }
            ["empty", what] => self.act(&match what {
                "open" => vec!["open", "9", "", "-", "read", "follow"],
                "stat" => vec!["stat", "", "follow"],
                _ => vec![what, ""],
            }),
            _ => Err(ErrorCode::Unsupported),
        }
    }

    fn slot(&self, slot: &str) -> Result<&Descriptor, ErrorCode> {
        self.slots.get(slot).ok_or(ErrorCode::BadDescriptor)
    }

    fn at<'p>(&self, place: &'p str) -> Result<(&Descriptor, &'p str), ErrorCode> {
        match place.split_once(':') {
            Some((slot, path)) => Ok((self.slot(slot)?, path)),
            None => Ok((&self.root, place)),
        }
    }
}

fn shown(stat: &DescriptorStat) -> String {
    match stat.type_ {
        // The size of a folder depends on the file system.
        wasip2::filesystem::types::DescriptorType::Directory => "Directory".to_owned(),
        kind => format!("{kind:?} {}", stat.size),
    }
}

fn wrote(done: Result<(), StreamError>) -> Result<String, ErrorCode> {
    match done {
        Ok(()) => Ok("done".to_owned()),
        Err(StreamError::Closed) => Ok("closed".to_owned()),
        Err(StreamError::LastOperationFailed(error)) => {
            Err(filesystem_error_code(&error).unwrap_or(ErrorCode::Io))
        }
    }
}

fn at(look: &str) -> PathFlags {
    match look {
        "follow" => PathFlags::SYMLINK_FOLLOW,
        _ => PathFlags::empty(),
    }
}

fn how_of(words: &str) -> OpenFlags {
    let flag = |word| match word {
        "create" => OpenFlags::CREATE,
        "directory" => OpenFlags::DIRECTORY,
        "exclusive" => OpenFlags::EXCLUSIVE,
        "truncate" => OpenFlags::TRUNCATE,
        _ => OpenFlags::empty(),
    };
    words.split(',').map(flag).collect()
}

fn flags_of(words: &str) -> DescriptorFlags {
    let flag = |word| match word {
        "read" => DescriptorFlags::READ,
        "write" => DescriptorFlags::WRITE,
        "mutate" => DescriptorFlags::MUTATE_DIRECTORY,
        "sync" => DescriptorFlags::FILE_INTEGRITY_SYNC,
        _ => DescriptorFlags::empty(),
    };
    words.split(',').map(flag).collect()
}

fn time(seconds: &str) -> Result<NewTimestamp, ErrorCode> {
    Ok(match seconds {
        "keep" => NewTimestamp::NoChange,
        "now" => NewTimestamp::Now,
        seconds => NewTimestamp::Timestamp(Datetime {
            seconds: number(seconds)?,
            nanoseconds: 0,
        }),
    })
}

fn number(text: &str) -> Result<u64, ErrorCode> {
    text.parse().map_err(|_| ErrorCode::Invalid)
}
