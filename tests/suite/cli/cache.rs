//! The program's cache of compiled code: its place, the messages about it, and the files that a kill leaves.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tollgate::Source;
use tollgate::cache::CodeOrigin;

use support::cli::{code, guest, program, stderr, stdout};
use support::code_cache::{entries, opened};
use support::harness::made_of;
use support::harness::policy;
use support::processes::children;

/// A user with an empty home folder.
struct Home(TempDir);

impl Home {
    fn new() -> Home {
        Home(TempDir::new().unwrap())
    }

    fn cache(&self) -> PathBuf {
        self.0.path().join(".cache/tollgate")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = program();
        command.env("HOME", self.0.path()).args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).stdin(Stdio::null()).output().unwrap()
    }

    /// Calls a guest, and returns the messages beside the result.
    fn next(&self, more: &[&str]) -> String {
        let counter = guest("counter");
        let args: Vec<&str> = ["call", &counter, "next()"].into_iter().collect();
        let output = self.run(&[&args, more].concat());
        assert_eq!(
            (code(&output), &*stdout(&output)),
            (0, "1\n"),
            "{}",
            stderr(&output)
        );
        stderr(&output)
    }

    fn bend_all(&self) {
        for entry in entries(&self.cache()) {
            let mut bytes = fs::read(&entry).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(&entry, bytes).unwrap();
        }
    }
}

#[test]
fn the_cache_is_in_the_users_home() {
    let home = Home::new();
    assert_eq!(home.next(&[]), "");
    let [entry] = entries(&home.cache()).try_into().unwrap();
    let written = fs::metadata(&entry).unwrap().modified().unwrap();
    assert_eq!(home.next(&[]), "");
    // The library finds the entry of the program, and uses it.
    let used = fs::metadata(&entry).unwrap().modified().unwrap();
    assert!(used > written, "not used");
    let runtime = opened(&home.cache(), 1 << 30);
    let source = support::harness::source("counter");
    let provider = runtime.load(&source, &policy("")).unwrap();
    assert_eq!(provider.as_async().code_origin(), CodeOrigin::Cached);
}

#[test]
fn without_a_home_or_a_wish_there_is_no_cache() {
    let home = Home::new();
    assert_eq!(home.next(&["--no-cache"]), "");
    assert!(!home.cache().exists());
    let named = home.0.path().join("named");
    assert_eq!(home.next(&["--cache", named.to_str().unwrap()]), "");
    assert!(!home.cache().exists());
    assert_eq!(entries(&named).len(), 1);
    let args = ["compile", &guest("counter")];
    let homeless = program().args(args).output().unwrap();
    assert_eq!(code(&homeless), 2);
    assert!(stderr(&homeless).contains("--cache DIR"));
    assert_eq!(code(&home.run(&[&args[..], &["--no-cache"]].concat())), 2);
}

/// A guest that read the key would seal machine code for a later run, which has the cache.
#[test]
fn the_caches_of_later_runs_are_protected_from_a_run_without_one() {
    let home = Home::new();
    let (own, named) = (home.0.path(), home.0.path().join("named"));
    let echo = guest("echo");
    let run = |folder: &std::path::Path, more: &[&str], variable: Option<&std::path::Path>| {
        let grant = format!("files=data:{}:rw", folder.display());
        let args = ["run", &*echo, "--grant", &*grant];
        let mut command = home.command(&[&args[..], more].concat());
        command.envs(variable.map(|folder| ("TOLLGATE_CACHE_DIR", folder)));
        command.stdin(Stdio::null()).output().unwrap()
    };
    fs::create_dir(&named).unwrap();
    fs::set_permissions(&named, fs::Permissions::from_mode(0o700)).unwrap();
    for (folder, more, variable) in [
        (own, ["--no-cache"].as_slice(), None),
        (own, ["--cache", named.to_str().unwrap()].as_slice(), None),
        (&named, ["--no-cache"].as_slice(), Some(&*named)),
    ] {
        let output = run(folder, more, variable);
        let said = stderr(&output);
        assert_eq!(code(&output), 2, "{said}");
        assert!(said.contains("covers the cache of compiled code"), "{said}");
    }
    assert_eq!(code(&run(&named, &["--no-cache"], None)), 0);
}

#[test]
fn what_was_not_executed_is_said_in_one_line() {
    let home = Home::new();
    home.next(&[]);
    home.bend_all();
    let said = home.next(&[]);
    assert!(
        said.starts_with("note: ") && said.lines().count() == 1,
        "{said}"
    );
    assert!(said.contains("counter") && said.contains("seal"), "{said}");
    assert_eq!(home.next(&[]), "", "it was replaced");
    home.bend_all();
    assert_eq!(home.next(&["--quiet"]), "");
    // A report has its stream for itself.
    home.bend_all();
    let report = home.next(&["--report", "-"]);
    serde_json::from_str::<serde_json::Value>(&report).unwrap();
}

#[test]
fn a_cache_that_cannot_be_used_is_said_in_one_line() {
    let home = Home::new();
    home.next(&[]);
    fs::set_permissions(home.cache(), fs::Permissions::from_mode(0o755)).unwrap();
    let said = home.next(&[]);
    assert!(
        said.starts_with("note: ") && said.lines().count() == 1,
        "{said}"
    );
    assert!(said.contains("chmod 700"), "{said}");
    assert_eq!(home.next(&["--quiet"]), "");
    let named = home.cache();
    let args = ["call", &guest("counter"), "next()", "--cache"];
    let output = home.run(&[&args[..], &[named.to_str().unwrap()]].concat());
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("chmod 700"));
    assert_eq!(code(&home.run(&["cache", "list"])), 2);
}

#[test]
fn it_is_filled_listed_and_cleared() {
    let home = Home::new();
    let checksums = guest("checksums");
    // Nothing is compiled that may not be loaded.
    assert_eq!(code(&home.run(&["compile", &checksums])), 3);
    let grants = [
        "--grant",
        "log",
        "--grant",
        "hash",
        "--grant",
        "files=data:samples",
    ];
    let compile = [&["compile", &checksums][..], &grants].concat();
    let json =
        |output: &Output| -> serde_json::Value { serde_json::from_str(&stdout(output)).unwrap() };
    let first = home
        .command(&compile)
        .current_dir(support::harness::root())
        .output()
        .unwrap();
    assert_eq!(code(&first), 0, "{}", stderr(&first));
    assert!(stderr(&first).contains("compiled in"), "{}", stderr(&first));
    let mut again = home.command(&compile);
    again.arg("--json").current_dir(support::harness::root());
    let again = json(&again.output().unwrap());
    assert_eq!(again["compiled"], "cached");
    home.next(&[]);
    let list = json(&home.run(&["cache", "list", "--json"]));
    let digests: Vec<&str> = list["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["digest"].as_str().unwrap())
        .collect();
    assert_eq!(digests.len(), 2);
    assert_eq!(digests[1], again["digest"], "the latest used first");
    let sizes = entries(&home.cache()).into_iter();
    let size: u64 = sizes.map(|file| fs::metadata(file).unwrap().len()).sum();
    assert_eq!(list["size"], size);
    let table = stdout(&home.run(&["cache", "list"]));
    // As much of it as tells entries apart, beside the name.
    let digests: Vec<&str> = digests.iter().map(|digest| &digest[..19]).collect();
    assert!(
        table.contains(digests[0]) && table.contains("total"),
        "{table}"
    );
    home.bend_all();
    let table = stdout(&home.run(&["cache", "list"]));
    assert!(table.contains("not to be executed: its seal"), "{table}");
    let cleared = home.run(&["cache", "clear"]);
    assert!(
        stderr(&cleared).contains("2 entries"),
        "{}",
        stderr(&cleared)
    );
    assert!(entries(&home.cache()).is_empty());
    assert_eq!(json(&home.run(&["cache", "list", "--json"]))["size"], 0);
}

/// Programs that run at the same time, some of which clear the cache of the others.
#[test]
fn many_programs_share_it() {
    let home = Home::new();
    let counter = guest("counter");
    let call = ["call", &counter, "next()"];
    let spawn = |args: &[&str]| {
        let mut command = home.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    for _ in 0..4 {
        let mut programs: Vec<_> = (0..5).map(|_| spawn(&call)).collect();
        programs.push(spawn(&["cache", "clear", "--quiet"]));
        for program in programs {
            let output = program.wait_with_output().unwrap();
            assert_eq!(code(&output), 0, "{}", stderr(&output));
            assert_eq!(stderr(&output), "");
        }
    }
}

#[test]
fn a_killed_writer_leaves_nothing_that_is_executed() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("long.wasm");
    let source = &made_of(200, 150);
    fs::write(&file, source.as_bytes()).unwrap();
    let home = Home::new();
    // The folder exists before the watched process starts.
    drop(opened(&home.cache(), 1 << 30));
    let mut compile = home.command(&["compile", file.to_str().unwrap(), "--quiet"]);
    let mut writer = compile.spawn().unwrap();
    let start = Instant::now();
    let being_written = || entries(&home.cache()).into_iter().next();
    while being_written().is_none() {
        assert!(start.elapsed() < Duration::from_secs(60), "never written");
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
    let sound = |source: &Source| {
        let runtime = opened(&home.cache(), 1 << 30);
        let provider = runtime.load(source, &policy("")).unwrap();
        provider.as_async().code_origin()
    };
    let compiled = sound(source);
    assert!(
        !matches!(compiled, CodeOrigin::Recompiled(_)),
        "{compiled:?}"
    );
    assert_eq!(sound(source), CodeOrigin::Cached);
    // A power failure, unlike a kill, leaves half an entry under the name of a whole one. First by name: the file that
    // the killed process left begins with a `t`.
    let half = entries(&home.cache()).swap_remove(0);
    let length = fs::metadata(&half).unwrap().len();
    let cut = fs::File::options().write(true).open(half).unwrap();
    cut.set_len(length / 2).unwrap();
    assert!(matches!(sound(source), CodeOrigin::Recompiled(_)));
}

#[test]
fn the_worker_gets_nothing_of_it() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("long.wasm");
    fs::write(&file, made_of(200, 150).as_bytes()).unwrap();
    let home = Home::new();
    let mut host = home.command(&["compile", file.to_str().unwrap(), "--quiet"]);
    let mut host = host.spawn().unwrap();
    let start = Instant::now();
    let at = home.0.path().to_str().unwrap().to_owned();
    let mut looked = 0;
    while host.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(60) {
        for worker in children(host.id()) {
            let of = Path::new("/proc").join(worker.to_string());
            // Before it executes another program it has the command line of its parent.
            let cmdline = fs::read_to_string(of.join("cmdline")).unwrap_or_default();
            if !cmdline.contains("--tollgate-compile-worker") {
                continue;
            }
            let environment = fs::read_to_string(of.join("environ")).unwrap_or_default();
            assert!(!cmdline.contains(&at) && !environment.contains(&at));
            let Ok(open) = fs::read_dir(of.join("fd")) else {
                continue;
            };
            for file in open.filter_map(Result::ok) {
                let file = fs::read_link(file.path()).unwrap_or_default();
                assert!(!file.starts_with(&at), "{}", file.display());
            }
            looked += 1;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(looked > 0, "no worker was seen");
    assert!(host.wait().unwrap().success());
}
