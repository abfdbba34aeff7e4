//! Files, through roots and from outside of them: A39-path-escape to A42-file-quotas, A52-kill and A53-store.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tollgate::Source;
use tollgate::blocking::{Provider, Runtime};

use crate::attack_case::{Case, Row};
use support::harness::{all_but, blocking, policy, returned, source};

/// The argument that makes this program write until it is killed.
pub(crate) const FLAG: &str = "--write-without-end";

pub(crate) const ROWS: &[Row] = &[
    Row {
        id: "A39-path-escape",
        attack: "`..`, NUL, links",
        cases: || {
            let mut cases = roots(
                "outside-root",
                &[
                    "path-escape ../secret",
                    "path-escape /etc/passwd",
                    "read-file data up/secret",
                    "read-file data link",
                    "list-dir data up",
                    "write-escape ../x",
                ],
            );
            cases.extend(roots(
                "bad-path",
                &[
                    "path-escape a.txt/",
                    "path-escape a\0b",
                    "path-escape ./a.txt",
                ],
            ));
            cases
        },
    },
    Row {
        id: "A40-read-only-root",
        attack: "write to read-only root",
        cases: || {
            let mut cases = roots(
                "read-only",
                &["write-file data 3 a.txt", "write-escape a.txt"],
            );
            cases.push(hard_link());
            cases
        },
    },
    Row {
        id: "A41-special-files",
        attack: "FIFO, device, socket",
        cases: || {
            roots(
                "not-a-file",
                &[
                    "read-file out fifo",
                    "write-file out 1 fifo",
                    "read-file out socket",
                    "read-file dev zero",
                    "read-file dev random",
                ],
            )
        },
    },
    Row {
        id: "A42-file-quotas",
        attack: "sparse, huge, many files",
        cases: || {
            let mut cases = roots(
                "quota",
                &[
                    "file-flood out 1000",
                    "file-flood out 1",
                    "read-file out long",
                ],
            );
            cases.extend(sparse());
            cases
        },
    },
    Row {
        id: "A52-kill",
        attack: "kill -9 while writing",
        cases: || vec![Case::new("old-or-new", killed)],
    },
    Row {
        id: "A53-store",
        attack: "store flood, other's key",
        cases: store,
    },
];

/// A folder that is laid out for all of these: `data` read-only, `out` read-write, a secret beside them.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("data")).unwrap();
    std::fs::create_dir(at("out")).unwrap();
    std::fs::write(at("secret"), "canary").unwrap();
    std::fs::write(at("data/a.txt"), "alpha").unwrap();
    std::fs::write(at("out/long"), vec![b'x'; 5_000]).unwrap();
    symlink("../secret", at("data/link")).unwrap();
    symlink("..", at("data/up")).unwrap();
    let made = Command::new("mkfifo").arg(at("out/fifo")).status();
    assert!(made.unwrap().success());
    std::fs::create_dir(at("dev")).unwrap();
    for device in ["zero", "null", "random"] {
        support::file_roots::add_device(&at(&format!("dev/{device}")));
    }
    // The name stays after its listener is gone.
    drop(std::os::unix::net::UnixListener::bind(at("out/socket")).unwrap());
    folder
}

fn grant(folder: &Path) -> String {
    let at = folder.display();
    format!(
        r#"grants.files = [
            {{ root = "data", path = "{at}/data", access = "read" }},
            {{ root = "out", path = "{at}/out", access = "read-write", max-write = 4_000, max-files = 20, max-read = 4_000 }},
            {{ root = "dev", path = "{at}/dev", access = "read" }},
        ]"#
    )
}

fn over(folder: &Path) -> Provider {
    let text = format!("{}\n{}", all_but("files"), grant(folder));
    blocking().load(&source("hostile"), &policy(&text)).unwrap()
}

/// Attacks that are all denied for the same reason, in a folder that is gone with the last of them.
fn roots(expect: &'static str, inputs: &[&str]) -> Vec<Case> {
    let folder = Arc::new(folder());
    let provider = over(folder.path());
    let case = |input: &&str| {
        let (folder, case) = (
            Arc::clone(&folder),
            Case::run(expect, provider.clone(), input),
        );
        Case::new(expect, move |time| {
            let got = case.once(time);
            let secret = std::fs::read(folder.path().join("secret"));
            let same = secret.is_ok_and(|bytes| bytes == b"canary");
            if same { got } else { "overwritten".to_owned() }
        })
    };
    inputs.iter().map(case).collect()
}

/// A hard link to a file of a read-only root: written through, the link is replaced and the file stays.
fn hard_link() -> Case {
    let folder = folder();
    let provider = over(folder.path());
    Case::new("replaced", move |_| {
        let (file, link) = (
            folder.path().join("data/a.txt"),
            folder.path().join("out/a.txt"),
        );
        let _ = std::fs::remove_file(&link);
        std::fs::hard_link(&file, &link).unwrap();
        let report = provider.session().run(b"write-file out 7 a.txt").unwrap();
        let written = returned(&report).contains("Ok") && std::fs::read(&link).unwrap().len() == 7;
        let kept = std::fs::read(&file).unwrap() == b"alpha";
        if written && kept {
            "replaced"
        } else {
            "written through"
        }
        .to_owned()
    })
}

/// Through WASI, which can write far behind the end and set a length.
fn sparse() -> Vec<Case> {
    let folder = Arc::new(folder());
    let text = format!(
        "grants.wasi = {{ preopens = [\"out\"] }}\n{}",
        grant(folder.path())
    );
    let provider = blocking()
        .load(&source("hello-command"), &policy(&text))
        .unwrap();
    let far = (1_u64 << 40).to_string();
    [
        ["poke", "out/sparse", &far, "x"].as_slice(),
        &["size", "out/long", &far],
    ]
    .iter()
    .map(|args| {
        let args = [&["hello-command", "files"], *args].concat();
        let (folder, case) = (
            Arc::clone(&folder),
            Case::command("quota", provider.clone(), &args),
        );
        Case::new("quota", move |time| {
            let got = case.once(time);
            let grown = folder.path().join("out/long").metadata().unwrap().len() > 5_000;
            if grown { "grown".to_owned() } else { got }
        })
    })
    .collect()
}

/// The store is full, and holds no keys of others.
fn store() -> Vec<Case> {
    let folder = TempDir::new().unwrap();
    let of = |name: &str, store: &str| {
        let text = format!(
            "{}\n[grants.store]\npath = \"{}/state.redb\"\nnamespace = \"{name}\"\n{store}",
            all_but("store"),
            folder.path().display()
        );
        let named = Source::bytes(name, source("hostile").as_bytes());
        blocking().load(&named, &policy(&text)).unwrap()
    };
    let flood = of("flooding", "max-keys = 20");
    let (owner, other) = (of("owner", ""), of("other", ""));
    let kept = owner.session().run(b"store-set things key canary").unwrap();
    assert_eq!(returned(&kept), "Ok(())");
    vec![
        Case::run("quota", flood, "store-flood 100"),
        Case::new("not-there", move |_| {
            let _until_the_end = &folder;
            let report = other.session().run(b"store-get things key").unwrap();
            let text = returned(&report);
            if text == "Ok(None)" {
                "not-there".to_owned()
            } else {
                text
            }
        }),
    ]
}

/// Kills a process that writes a file and a store, and looks at both.
fn killed(time: usize) -> String {
    let folder = TempDir::new().unwrap();
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .arg(FLAG)
        .arg(folder.path())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let file = folder.path().join("out/file");
    while !file.exists() && start.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(1));
    }
    // At another moment of it each time.
    std::thread::sleep(Duration::from_millis(time as u64 * 7 % 40));
    writer.kill().unwrap();
    writer.wait().unwrap();
    let whole = |bytes: &[u8]| bytes.iter().all(|byte| byte == &bytes[0]);
    let Ok(bytes) = std::fs::read(&file) else {
        return "wrote nothing".to_owned();
    };
    if bytes.len() != 1 << 20 || !whole(&bytes) {
        return "a torn file".to_owned();
    }
    let runtime: Runtime = support::harness::builder().concurrency(1).build().into();
    let text = returned(
        &writing(&runtime, folder.path())
            .session()
            .run(b"store-get churn key")
            .unwrap(),
    );
    let value = text
        .trim_start_matches("Ok(Some(\"")
        .trim_end_matches("\"))");
    if text != "Ok(None)" && !whole(value.as_bytes()) {
        return "a torn value".to_owned();
    }
    "old-or-new".to_owned()
}

fn writing(runtime: &Runtime, folder: &Path) -> Provider {
    let at = folder.display();
    let text = format!(
        "limits.fuel = 1_000_000_000_000\nlimits.host-calls = 1_000_000\nlimits.deadline = \"30s\"\ngrants.log = true\ngrants.hash = true\ngrants.config = {{}}\n\
         grants.http = [{{ url = \"https://example.com/**\" }}]\ngrants.store = {{ path = \"{at}/state.redb\", namespace = \"kept\" }}\n\
         grants.files = [{{ root = \"out\", path = \"{at}/out\", access = \"read-write\", max-write = \"100GiB\", max-files = 1_000_000 }}]"
    );
    runtime.load(&source("hostile"), &policy(&text)).unwrap()
}

/// Writes a file and a store without end: the work of the process that is killed.
pub(crate) fn write_without_end(folder: &str) -> usize {
    std::fs::create_dir(Path::new(folder).join("out")).unwrap();
    let runtime: Runtime = support::harness::builder().concurrency(2).build().into();
    let provider = writing(&runtime, Path::new(folder));
    let store = provider.clone();
    std::thread::spawn(move || store.session().run(b"store-churn").is_ok());
    let ended = provider
        .session()
        .run(format!("file-rewrite out {} file", 1 << 20).as_bytes());
    usize::from(ended.is_ok())
}
