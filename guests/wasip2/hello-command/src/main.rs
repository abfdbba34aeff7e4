//! A WASI command that prints its inputs: arguments, input, environment, folders.
//!
//! Without a known first argument it prints its arguments on one line, copies its input to its output,
//! and tells standard error which variables and which current folder it sees. With one it does a
//! single thing:
//!
//! `exit N` · `sleep MS` · `flood` (4 MiB to standard output) · `flood-errors` (the same to standard
//! error) · `spin` · `read PATH` · `write PATH TEXT` · `list PATH` · `clock` · `random` · `panic` ·
//! `lines` (answers each line of its input) · `first` (answers the first line, and reads no other) ·
//! `watch MS` (looks at the monotonic clock until MS have passed, and says how often) · `nap MS` (sleeps
//! and says how long it took by that clock) · actions on files, in `files`
//!
//! WASI 0.2 tells the host of an exit code no more than whether it is 0.

mod files;

use std::{
    collections::hash_map::RandomState,
    env, fs,
    hash::BuildHasher,
    io::{self, Read, Write},
    process::{self, ExitCode},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// The bytes that `flood` prints before it gives up.
const FLOOD: usize = 4 * 1024 * 1024;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match act(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn act(args: &[&str]) -> io::Result<()> {
    match args {
        ["exit", code] => process::exit(number(code)?),
        ["sleep", millis] => thread::sleep(Duration::from_millis(number(millis)?)),
        ["flood"] => flood(io::stdout())?,
        ["flood-errors"] => flood(io::stderr())?,
        ["spin"] => spin(),
        ["read", path] => io::stdout().write_all(&fs::read(path)?)?,
        ["write", path, text] => fs::write(path, text)?,
        ["list", path] => list(path)?,
        ["clock"] => clock()?,
        ["random"] => println!("{:016x}", RandomState::new().hash_one(0_u8)),
        ["lines"] => answer_lines(usize::MAX)?,
        ["first"] => answer_lines(1)?,
        ["panic"] => panic_on_purpose(),
        ["watch", millis] => watch(Duration::from_millis(number(millis)?)),
        ["nap", millis] => {
            let start = Instant::now();
            thread::sleep(Duration::from_millis(number(millis)?));
            println!("{}", start.elapsed().as_millis());
        }
        ["files", rest @ ..] => files::act(rest)?,
        _ => hello(args)?,
    }
    Ok(())
}

fn hello(args: &[&str]) -> io::Result<()> {
    println!("{}", args.join(" "));
    let mut input = Vec::new();
    io::stdin().read_to_end(&mut input)?;
    io::stdout().write_all(&input)?;
    for (name, value) in env::vars() {
        eprintln!("env {name}={value}");
    }
    match env::current_dir() {
        Ok(folder) => eprintln!("current folder {}", folder.display()),
        Err(why) => eprintln!("no current folder: {why}"),
    }
    Ok(())
}

/// Answers `count` lines of the input, each when it has arrived.
fn answer_lines(count: usize) -> io::Result<()> {
    let mut out = io::stdout();
    for line in io::stdin().lines().take(count) {
        writeln!(out, "got {}", line?)?;
        out.flush()?;
    }
    Ok(())
}

fn flood(mut out: impl Write) -> io::Result<()> {
    let line = [b'x'; 1024];
    for _ in 0..FLOOD / line.len() {
        out.write_all(&line)?;
    }
    Ok(())
}

#[expect(clippy::empty_loop, reason = "an endless loop is what this is for")]
fn spin() -> ! {
    loop {}
}

#[expect(clippy::panic, reason = "a panic is what this is for")]
fn panic_on_purpose() -> ! {
    panic!("on purpose")
}

fn list(path: &str) -> io::Result<()> {
    let mut names: Vec<_> = fs::read_dir(path)?
        .map(|entry| Ok(entry?.file_name()))
        .collect::<io::Result<_>>()?;
    names.sort();
    for name in names {
        println!("{}", name.display());
    }
    Ok(())
}

fn clock() -> io::Result<()> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(io::Error::other)?;
    println!("{}", now.as_millis());
    Ok(())
}

fn watch(time: Duration) {
    let start = Instant::now();
    let mut looks = 0_u64;
    while start.elapsed() < time {
        looks += 1;
    }
    println!("{looks}");
}

fn number<N: std::str::FromStr>(text: &str) -> io::Result<N> {
    text.parse()
        .map_err(|_| io::Error::other(format!("`{text}` is not a number that fits")))
}
