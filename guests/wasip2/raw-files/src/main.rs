//! A WASI command that calls `wasi:filesystem`, `wasi:clocks` and `wasi:random` itself, with arguments that the libc of
//! the other guests never passes. A39-path-escape to A42-file-quotas. A path begins with the name of a preopen; the
//! first argument is the action:
//!
//! `open PATH HOW FLAGS` (words with commas between, or `-`) · `read PATH LENGTH OFFSET` · `stream PATH LENGTH` (that
//! much again and again, until the end) · `same A B` · `flags PATH` · `kind PATH` · `stat PATH` · `times PATH` · `hash
//! PATH` · `write PATH` (through a descriptor for reading) · `below PATH` (uses a file as if it were a folder) ·
//! `append PATH BYTES` (again and again, until that fails, and once more) · `random` (eight bytes and a number, secure
//! and not) · `terminal` (whether it writes to one) · `clocks` (the steps that they report) · `nap MS` (looks at the
//! clock often, then sleeps, and says how long by that clock) · `many PATH` (opens it again and again, and keeps all) ·
//! `listings PATH` (the same with its entries) · `input` (the length of one read of standard input)
//!
//! The result is on standard output, errors by the names of their codes.

use std::{env, io::IsTerminal};

use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::filesystem::{
    preopens::get_directories,
    types::{
        Descriptor, DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags, PathFlags,
        filesystem_error_code,
    },
};
use wasip2::io::streams::StreamError;
use wasip2::random::{
    insecure::{get_insecure_random_bytes, get_insecure_random_u64},
    random::{get_random_bytes, get_random_u64},
};

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match act(&args) {
        Ok(text) => println!("{text}"),
        Err(code) => println!("{}", code.name()),
    }
}

fn act(args: &[&str]) -> Result<String, ErrorCode> {
    Ok(match args {
        ["open", path, how, flags] => {
            let how = words(how, |word| match word {
                "create" => OpenFlags::CREATE,
                "directory" => OpenFlags::DIRECTORY,
                "exclusive" => OpenFlags::EXCLUSIVE,
                "truncate" => OpenFlags::TRUNCATE,
                _ => OpenFlags::empty(),
            });
            let flags = words(flags, |word| match word {
                "read" => DescriptorFlags::READ,
                "write" => DescriptorFlags::WRITE,
                "mutate" => DescriptorFlags::MUTATE_DIRECTORY,
                _ => DescriptorFlags::empty(),
            });
            format!("{:?}", open(path, how, flags)?.get_flags()?)
        }
        ["read", path, length, offset] => {
            let (bytes, end) = reading(path)?.read(number(length)?, number(offset)?)?;
            format!("{} {end}", bytes.len())
        }
        ["stream", path, length] => {
            let stream = reading(path)?.read_via_stream(0)?;
            let mut sizes = Vec::new();
            while let Ok(bytes) = stream.blocking_read(number(length)?) {
                sizes.push(bytes.len());
            }
            format!("{sizes:?}")
        }
        ["again", path] => {
            for n in 0_u64.. {
                let path = format!("{path}/x{n}");
                let _ = open(&path, OpenFlags::CREATE, DescriptorFlags::WRITE);
            }
            String::new()
        }
        ["same", a, b] => reading(a)?.is_same_object(&reading(b)?).to_string(),
        ["flags", path] => format!("{:?}", reading(path)?.get_flags()?),
        ["kind", path] => format!("{:?}", reading(path)?.get_type()?),
        ["times", path] => {
            let now = NewTimestamp::Now;
            let (folder, rest) = within(path)?;
            format!(
                "{:?} {:?}",
                name(reading(path)?.set_times(now, now)),
                name(folder.set_times_at(PathFlags::empty(), rest, now, now))
            )
        }
        ["hash", path] => {
            let (folder, name) = within(path)?;
            let (own, at) = (
                reading(path)?.metadata_hash()?,
                folder.metadata_hash_at(PathFlags::empty(), name)?,
            );
            let same = (own.lower, own.upper) == (at.lower, at.upper);
            format!("{same} {:x}{:x}", own.lower, own.upper)
        }
        ["below", path] => {
            let file = reading(path)?;
            let none = OpenFlags::empty();
            let found = file.open_at(PathFlags::empty(), "x", none, DescriptorFlags::READ);
            format!("{:?} {:?}", name(found), name(file.read_directory()))
        }
        ["append", path, bytes] => {
            let stream =
                open(path, OpenFlags::CREATE, DescriptorFlags::WRITE)?.append_via_stream()?;
            let piece = vec![b'x'; number(bytes)? as usize];
            let mut written = 0;
            let code = loop {
                match stream.blocking_write_and_flush(&piece) {
                    Ok(()) => written += piece.len(),
                    Err(StreamError::LastOperationFailed(error)) => {
                        break filesystem_error_code(&error).map(|code| code.name().to_owned());
                    }
                    Err(StreamError::Closed) => break None,
                }
            };
            format!("{written} {code:?} {:?}", stream.check_write())
        }
        ["write", path] => {
            let file = reading(path)?;
            format!(
                "{:?} {:?}",
                name(file.write(b"x", 0)),
                name(file.append_via_stream())
            )
        }
        ["stat", path] => {
            let (folder, rest) = within(path)?;
            let stat = folder.stat_at(PathFlags::empty(), rest)?;
            format!("{:?} {}", stat.type_, stat.size)
        }
        ["random"] => [
            bytes(get_random_bytes(8)),
            bytes(get_insecure_random_bytes(8)),
        ]
        .into_iter()
        .chain([get_random_u64(), get_insecure_random_u64()])
        .map(|number| number.to_string())
        .collect::<Vec<_>>()
        .join("\n"),
        ["clocks"] => {
            let wall = wall_clock::resolution();
            let (seconds, nanoseconds) = (wall.seconds, wall.nanoseconds);
            format!("{} {seconds}.{nanoseconds}", monotonic_clock::resolution())
        }
        ["nap", ms] => {
            for _ in 0..100 {
                monotonic_clock::now();
            }
            let start = monotonic_clock::now();
            monotonic_clock::subscribe_duration(number(ms)? * 1_000_000).block();
            ((monotonic_clock::now() - start) / 1_000_000).to_string()
        }
        ["many", path] => {
            let mut kept = Vec::new();
            let code = loop {
                match open(path, OpenFlags::empty(), DescriptorFlags::READ) {
                    Ok(file) => kept.push(file),
                    Err(code) => break code.name().to_owned(),
                }
            };
            // One that is given back makes room for another.
            kept.pop();
            let again = open(path, OpenFlags::empty(), DescriptorFlags::READ);
            format!("{} {code} {:?}", kept.len() + 1, name(again))
        }
        ["listings", path] => {
            let folder = reading(path)?;
            loop {
                std::mem::forget(folder.read_directory()?);
            }
        }
        ["input"] => match wasip2::cli::stdin::get_stdin().blocking_read(u64::MAX) {
            Ok(bytes) => bytes.len().to_string(),
            Err(why) => format!("{why:?}"),
        },
        ["terminal"] => std::io::stdout().is_terminal().to_string(),
        _ => return Err(ErrorCode::Unsupported),
    })
}

/// The code of a failure.
fn name<T>(done: Result<T, ErrorCode>) -> Option<String> {
    done.err().map(|code| code.name().to_owned())
}

/// The preopen that a path begins with, and the rest of the path.
fn within(path: &str) -> Result<(Descriptor, &str), ErrorCode> {
    let (root, rest) = path.split_once('/').unwrap_or((path, "."));
    let mut all = get_directories().into_iter();
    let (folder, _) = all
        .find(|(_, name)| name == root)
        .ok_or(ErrorCode::NoEntry)?;
    Ok((folder, rest))
}

fn open(path: &str, how: OpenFlags, flags: DescriptorFlags) -> Result<Descriptor, ErrorCode> {
    let (folder, rest) = within(path)?;
    folder.open_at(PathFlags::empty(), rest, how, flags)
}

/// A preopen is used as it is; any other path is opened to read.
fn reading(path: &str) -> Result<Descriptor, ErrorCode> {
    match within(path)? {
        (folder, ".") => Ok(folder),
        (folder, rest) => {
            let none = OpenFlags::empty();
            folder.open_at(PathFlags::empty(), rest, none, DescriptorFlags::READ)
        }
    }
}

fn words<F: FromIterator<F>>(text: &str, flag: impl Fn(&str) -> F) -> F {
    text.split(',').map(flag).collect()
}

fn bytes(bytes: Vec<u8>) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn number(text: &str) -> Result<u64, ErrorCode> {
    text.parse().map_err(|_| ErrorCode::Invalid)
}
