//! Files by script, in this host, by Linux itself and in wasmtime's host: they have the same answers, and leave the same files.
//!
//! `./justw differential` runs 10,000 scripts; here are the first hundred. Each ends with an exit status, which is
//! compared as far as WASI 0.2 tells it. Answers that are not as on Linux: those that depend on an open folder that has
//! lost its name ([`HELD_BY_NAME`]). Not in the scripts, since it is refused here: links with `..` or an
//! absolute target, and durable writes by a flag of the descriptor.

use std::collections::BTreeMap;
use std::path::Path;

use tempfile::TempDir;
use tollgate::Outcome;
use tollgate::blocking::Provider;
use tollgate::embed::CommandInput;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::p2::bindings::sync::Command;
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::native_files::{self, HELD_BY_NAME};
use super::unlike_wasmtime::{KNOWN, Known};
use support::harness::{blocking, guest_file, policy, source};
use support::wasi_command::stdout;

const STEPS: usize = 50;

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// The host to compare with.
struct Reference {
    engine: Engine,
    component: Component,
    linker: Linker<State>,
}

impl Reference {
    fn new() -> Reference {
        let engine = Engine::default();
        let component = Component::from_file(&engine, guest_file("file-script")).unwrap();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker).unwrap();
        Reference {
            engine,
            component,
            linker,
        }
    }

    fn run(&self, folder: &Path, script: &str) -> String {
        let output = MemoryOutputPipe::new(1 << 20);
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdin(MemoryInputPipe::new(script.to_owned()))
            .stdout(output.clone());
        wasi.preopened_dir(folder, "/", FsPerms::ReadWrite).unwrap();
        let state = State {
            wasi: wasi.build(),
            table: ResourceTable::new(),
        };
        let mut store = Store::new(&self.engine, state);
        let command = Command::instantiate(&mut store, &self.component, &self.linker).unwrap();
        let status = match command.wasi_cli_run().call_run(&mut store) {
            Ok(ended) => i32::from(ended.is_err()),
            Err(error) => error.downcast_ref::<I32Exit>().unwrap().0,
        };
        let text = String::from_utf8(output.contents().to_vec()).unwrap();
        format!("{text}status {status}\n")
    }
}

fn ours(folder: &Path) -> Provider {
    let text = format!(
        "grants.wasi = {{ clocks = 'real', preopens = [{{ root = 'files', at = '/' }}] }}\n\
         grants.files = [{{ root = 'files', path = '{}', access = 'read-write' }}]",
        folder.display()
    );
    blocking()
        .load(&source("file-script"), &policy(&text))
        .unwrap()
}

fn run(provider: &Provider, script: &str) -> String {
    let input = CommandInput {
        args: vec!["file-script".to_owned()],
        stdin: script.into(),
    };
    let report = provider.session().command(input).unwrap();
    let status = match &report.outcome {
        Outcome::Returned(()) => 0,
        Outcome::Failed(code) => code.0,
        Outcome::Faulted(fault) => panic!("{fault}: {script}"),
    };
    format!("{}status {status}\n", stdout(&report))
}

/// A sequence of numbers that look random (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }

    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

/// A path of few names, so that scripts meet the files that they have made.
fn path(random: &mut Random) -> String {
    let parts = 1 + random.below(8) / 4;
    let mut path: Vec<&str> = (0..parts).map(|_| random.pick(&["a", "b", "c"])).collect();
    match random.below(16) {
        0 => path.insert(0, "."),
        1 => path.extend(["..", "b"]),
        2 => path.push(""),
        _ => {}
    }
    path.join("/")
}

fn place(random: &mut Random) -> String {
    let path = path(random);
    match random.below(8) {
        0 => format!("{}:{path}", random.below(3)),
        _ => path,
    }
}

fn step(random: &mut Random) -> String {
    let look = |random: &mut Random| random.pick(&["follow", "-"]);
    let slot = random.below(3);
    let text = "xyzw".repeat(1 + random.below(4));
    let offset = random.below(12);
    match random.below(28) {
        0..5 => {
            let how = random.pick(&[
                "-",
                "create",
                "create",
                "create,exclusive",
                "create,truncate",
                "truncate",
                "directory",
                "create,directory",
            ]);
            // wasmtime lets a guest write that has created or truncated a file and not asked to write it.
            let flags = match how.contains("create") || how.contains("truncate") {
                true => random.pick(&["read,write", "write"]),
                false => random.pick(&["read", "read,write", "write", "read,mutate"]),
            };
            let place = place(random);
            format!("open {slot} {place} {how} {flags} {}", look(random))
        }
        5 => format!("close {slot}"),
        6 => format!("read {slot} 64 {offset}"),
        7 => format!("write {slot} {offset} {text}"),
        8 => format!("append {slot} {text}"),
        9 => format!("put {slot} {offset} {text}"),
        10 => format!("size {slot} {offset}"),
        11 => format!("state {slot}"),
        12 => format!("stat {} {}", place(random), look(random)),
        13 => format!("same {slot} {}", random.below(3)),
        14 => format!(
            "is {} {} {} {}",
            place(random),
            look(random),
            place(random),
            look(random)
        ),
        15 => format!("list {}", place(random)),
        16..18 => format!("mkdir {}", place(random)),
        18 => format!("rmdir {}", place(random)),
        19 => format!("unlink {}", place(random)),
        20..22 => format!("rename {} {}", place(random), place(random)),
        22 => format!("link {} - {}", place(random), place(random)),
        23..25 => format!(
            "symlink {} {}",
            random.pick(&["a", "b", "c", "a/b", "b/c", "nowhere"]),
            place(random)
        ),
        25 => format!("readlink {}", place(random)),
        26 => format!(
            "touch {} {} {}",
            place(random),
            look(random),
            1_000 + random.below(9)
        ),
        _ => format!("time {} {}", place(random), look(random)),
    }
}

/// All that is below a folder: names, kinds, contents, targets, and which names are of one file.
fn tree(folder: &Path) -> Vec<String> {
    use std::os::unix::fs::MetadataExt as _;
    let mut found = Vec::new();
    let mut files: Vec<u64> = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        let mut entries: Vec<_> = std::fs::read_dir(&at)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        entries.sort();
        for path in entries {
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            let metadata = path.symlink_metadata().unwrap();
            found.push(if metadata.is_dir() {
                open.push(path);
                format!("{name}/")
            } else if metadata.is_symlink() {
                format!("{name} -> {}", path.read_link().unwrap().display())
            } else {
                let number = files.iter().position(|inode| *inode == metadata.ino());
                let number = number.unwrap_or_else(|| {
                    files.push(metadata.ino());
                    files.len() - 1
                });
                let content = std::fs::read_to_string(&path).unwrap();
                format!("{name} #{number} {content:?}")
            });
        }
    }
    found
}

/// Removes all that is in a folder, which stays itself: it is a root.
fn empty(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => std::fs::remove_dir_all(entry.path()).unwrap(),
            false => std::fs::remove_file(entry.path()).unwrap(),
        }
    }
}

#[test]
fn files_are_as_they_are_elsewhere() {
    let scripts = std::env::var("TOLLGATE_SCRIPTS").map_or(100, |text| text.parse().unwrap());
    let folder = TempDir::new().unwrap();
    let roots = ["linux", "wasmtime", "here"].map(|name| folder.path().join(name));
    for root in &roots {
        std::fs::create_dir(root).unwrap();
    }
    let (reference, provider) = (Reference::new(), ours(&roots[2]));
    let (mut differences, mut lost) = (Vec::new(), 0);
    let mut known: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..scripts {
        let mut random = Random(seed);
        let mut script: Vec<String> = (0..STEPS).map(|_| step(&mut random)).collect();
        // Most end behind the last step.
        let end = random.below(2 * STEPS).min(STEPS);
        script.insert(end, format!("exit {}", random.pick(&["0", "1", "3"])));
        let text = script.join("\n") + "\n";
        let linux = native_files::run(&roots[0], &text);
        let wasmtime = reference.run(&roots[1], &text);
        let own = run(&provider, &text);
        let trees = roots.each_ref().map(|root| tree(root));
        for root in &roots {
            empty(root);
        }
        // Lines after a difference may differ because of it.
        let unlike = |theirs: &'_ str| -> Option<(String, Option<&Known>)> {
            // Linux marks the first use of an open folder that has lost its name.
            let comparable = linux
                .lines()
                .take_while(|line| *line != HELD_BY_NAME)
                .count();
            let pairs = theirs.lines().zip(own.lines()).zip(&script).enumerate();
            let first = pairs
                .take(comparable)
                .find(|(_, ((theirs, own), _))| theirs != own);
            let (step, ((theirs, own), line)) = first?;
            let told = format!("seed {seed}, step {step}: {line}: {own} here, {theirs} there");
            let known = KNOWN.iter().find(|known| known.is_it(line, own, theirs));
            Some((told, known))
        };
        let is_lost = linux.lines().any(|line| line == HELD_BY_NAME);
        lost += u64::from(is_lost);
        let changed = || {
            let [linux, _, own] = &trees;
            (linux != own && !is_lost)
                .then(|| format!("seed {seed}: {own:?} here, {linux:?} there"))
        };
        differences.extend(unlike(&linux).map(|(told, _)| told).or_else(changed));
        match unlike(&wasmtime) {
            Some((_, Some(one))) => *known.entry(one.why).or_default() += 1,
            Some((told, None)) => differences.push(format!("wasmtime, {told}")),
            None => {}
        }
    }
    println!(
        "{lost} of {scripts} use an open folder that has lost its name; as on Linux and unlike wasmtime are:"
    );
    for (why, count) in known {
        println!("{count}: {why}");
    }
    assert!(lost * 10 < scripts, "{lost}");
    assert!(
        differences.is_empty(),
        "{} of {scripts}:\n{}",
        differences.len(),
        differences.join("\n")
    );
}
