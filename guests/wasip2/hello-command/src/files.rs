//! The attempts of a guest on files: `files ACTION PATH …`. A39-path-escape to A42-file-quotas.
//!
//! `append PATH TEXT` · `poke PATH OFFSET TEXT` (writes at a place, which may be far behind the end) ·
//! `size PATH N` · `many FOLDER` (empty files, until it is refused) · `flood PATH` (64 KiB at a time, until it
//! is refused) · `rename A B` · `link A B` · `symlink TARGET PATH` · `remove PATH` · `folder PATH` · `stat PATH`

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
};

use crate::number;

pub(crate) fn act(args: &[&str]) -> io::Result<()> {
    match args {
        ["append", path, text] => to_write(path)?.append(text)?,
        ["poke", path, offset, text] => {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)?;
            file.seek(SeekFrom::Start(number(offset)?))?;
            file.write_all(text.as_bytes())?;
        }
        ["size", path, size] => OpenOptions::new()
            .write(true)
            .open(path)?
            .set_len(number(size)?)?,
        ["many", folder] => many(folder)?,
        ["flood", path] => flood(&mut File::create(path)?)?,
        ["rename", from, to] => fs::rename(from, to)?,
        ["link", from, to] => fs::hard_link(from, to)?,
        ["symlink", target, path] => symlink(target, path)?,
        ["remove", path] => fs::remove_file(path)?,
        ["folder", path] => fs::create_dir(path)?,
        ["stat", path] => stat(path)?,
        _ => return Err(io::Error::other("no such action")),
    }
    Ok(())
}

struct Append(File);

fn to_write(path: &str) -> io::Result<Append> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map(Append)
}

impl Append {
    fn append(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes())
    }
}

fn many(folder: &str) -> io::Result<()> {
    let mut made = 0_u32;
    loop {
        if let Err(why) = File::create(format!("{folder}/many-{made}")) {
            println!("{made}");
            return Err(why);
        }
        made += 1;
    }
}

fn flood(file: &mut File) -> io::Result<()> {
    let piece = [b'x'; 64 << 10];
    let mut written = 0_usize;
    loop {
        match file.write(&piece) {
            Ok(count) => written += count,
            Err(why) => {
                println!("{written}");
                return Err(why);
            }
        }
    }
}

#[expect(deprecated, reason = "the one that does not ask what the target is")]
fn symlink(target: &str, path: &str) -> io::Result<()> {
    fs::soft_link(target, path)
}

fn stat(path: &str) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    let kind = match metadata.file_type() {
        kind if kind.is_file() => "file",
        kind if kind.is_dir() => "folder",
        kind if kind.is_symlink() => "symlink",
        _ => "other",
    };
    let modified = metadata.modified()?.duration_since(std::time::UNIX_EPOCH);
    let modified = modified.map_err(io::Error::other)?.as_secs();
    println!("{kind} {} {modified}", metadata.len());
    Ok(())
}
