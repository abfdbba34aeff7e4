//! Checks of `std::fs` and `std::io` in a folder: `std-fs FOLDER`. The same source runs as a WASI command and as a program
//! of the machine, and `tests/suites/run.sh` compares the output of both and the files that both leave.
//!
//! Each check has a folder of its own, by its name, and prints `NAME: VALUE`, or `NAME: error KIND` of the first error.
//! Nothing that it prints depends on the clock, on numbers of the file system or on the order of a folder.
//!
//! `std-fs FOLDER exit N` ends with the status N.

mod files;
mod folders;
mod handles;
mod links;
mod paths;

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// The result of a check.
type Found = io::Result<String>;

/// A check: its name, and a function that acts in an empty folder.
type Check = (&'static str, fn(&Path) -> Found);

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match *words.as_slice() {
        [_, "exit", status] => ExitCode::from(status.parse().unwrap_or(1)),
        [folder] => match run(Path::new(folder)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("std-fs: {:?}", why.kind());
                ExitCode::FAILURE
            }
        },
        _ => {
            eprintln!("std-fs: give a folder");
            ExitCode::FAILURE
        }
    }
}

fn run(folder: &Path) -> io::Result<()> {
    let groups = [
        files::CHECKS,
        handles::CHECKS,
        folders::CHECKS,
        links::CHECKS,
        paths::CHECKS,
    ];
    for (name, check) in groups.into_iter().flatten() {
        let own = folder.join(name);
        fs::create_dir(&own)?;
        println!("{name}: {}", shown(check(&own)));
    }
    Ok(())
}

fn shown(found: Found) -> String {
    found.unwrap_or_else(|why| format!("error {:?}", why.kind()))
}

/// The kind of an error, or `done`: checks join several of these.
fn kind<T>(done: io::Result<T>) -> String {
    match done {
        Ok(_) => "done".to_owned(),
        Err(why) => format!("{:?}", why.kind()),
    }
}

/// The contents of a file, or the kind of the error.
fn held(path: PathBuf) -> String {
    fs::read_to_string(path).unwrap_or_else(|why| format!("{:?}", why.kind()))
}

/// The names in a folder, in order.
fn names(folder: &Path) -> Found {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names.join(" "))
}

fn join(parts: &[String]) -> Found {
    Ok(parts.join(", "))
}

fn other(why: &str) -> io::Error {
    io::Error::other(why.to_owned())
}
