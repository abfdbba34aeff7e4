//! Granted things work behind the wall as they do without it.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use support::cli::{code, command, guest, run_with_input, stderr, stdout};
use support::file_roots::folders;
use support::harness::{all_but, root};
use support::http_server::{Server, response};
use support::skip::skip;
use tempfile::TempDir;

use super::escaped::kernel_has_all_parts;

/// Every call on files, clocks and streams that a WASI command can make, with and without the wall: the same output, the
/// same exit status, the same files.
#[test]
fn a_command_does_behind_the_wall_what_it_does_without() {
    if !kernel_has_all_parts() {
        return;
    }
    let lines = [
        "hello-command read data/a.txt",
        "hello-command write out/new text",
        "hello-command write data/new text",
        "hello-command list data",
        "hello-command files folder out/made",
        "hello-command files rename out/b.txt out/sub/c.txt",
        "hello-command files rename out/sub/c.txt out/b.txt",
        "hello-command files append out/b.txt more",
        "hello-command files poke out/b.txt 20 far",
        "hello-command files size out/b.txt 100",
        "hello-command files size out/b.txt 3",
        "hello-command files stat out/b.txt",
        "hello-command files link out/b.txt out/link",
        "hello-command files symlink b.txt out/soft",
        "hello-command files rename data/a.txt out/a.txt",
        "hello-command files remove out/b.txt",
        "hello-command files remove data/a.txt",
        "hello-command sleep 5",
        "hello-command panic",
        "hello-command exit 3",
        "raw-files open out/new create read,write",
        "raw-files read data/a.txt 3 1",
        "raw-files stream data/a.txt 100",
        "raw-files same data/a.txt data/sub/b.txt",
        "raw-files flags data/a.txt",
        "raw-files kind data/sub",
        "raw-files times out/new",
        "raw-files times out/sub",
        "hello-command files link out/new out/sub/second",
        "raw-files hash data/a.txt",
        "raw-files stat data/../secret",
        "raw-files append out/appended 10",
        "raw-files terminal",
    ];
    let cache = TempDir::new().unwrap();
    let results = ["require", "off"].map(|mode| {
        let folder = folders();
        let policy = folder.path().join("policy.toml");
        std::fs::write(
            &policy,
            "[grants.wasi]\nclocks = \"real\"\npreopens = [\"data\", \"out\"]\n\
             [[grants.files]]\nroot = \"data\"\npath = \"data\"\naccess = \"read\"\n\
             [[grants.files]]\nroot = \"out\"\npath = \"out\"\naccess = \"read-write\"\n",
        )
        .unwrap();
        let mut seen = Vec::new();
        for line in lines {
            let mut words = line.split(' ');
            let name = guest(words.next().unwrap());
            let args = [
                "run",
                &name,
                "--wall",
                mode,
                "--policy",
                policy.to_str().unwrap(),
                "--cache",
                cache.path().to_str().unwrap(),
                "--",
            ];
            let output = command(&args).args(words).output().unwrap();
            let after = tree(folder.path().join("out").as_path());
            seen.push((
                line,
                code(&output),
                without_times(&stdout(&output)),
                stderr(&output),
                after,
            ));
        }
        seen
    });
    let [with, without] = results;
    for (with, without) in with.into_iter().zip(without) {
        println!("{with:?}");
        assert_eq!(with, without);
    }
}

/// Times in seconds differ from run to run.
fn without_times(text: &str) -> String {
    let word = |word: &str| match word.parse::<u64>() {
        Ok(1_000_000_000..) => "TIME".to_owned(),
        _ => word.to_owned(),
    };
    text.split(' ')
        .map(|part| word(part.trim()))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The files below a folder, with their contents.
fn tree(folder: &Path) -> Vec<(String, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        match path.is_dir() {
            true => {
                found.extend(
                    tree(&path)
                        .into_iter()
                        .map(|(below, is)| (format!("{name}/{below}"), is)),
                );
                found.push((name, None));
            }
            false => found.push((name, Some(std::fs::read(&path).unwrap()))),
        }
    }
    found.sort();
    found
}

#[test]
fn files_the_store_the_report_and_the_output_are_written_behind_the_wall() {
    if !kernel_has_all_parts() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let store = format!("store=ledger:{}", at("state.redb"));
    let guest = guest("standard-store");
    let (report, result) = (at("report.json"), at("result"));
    for (input, answer) in [("set b k v", "Ok(())"), ("get b k", "Some(\"v\")")] {
        let args = [
            "run",
            &guest,
            "--wall",
            "require",
            "--grant",
            &store,
            "--grant",
            "config=a:b",
            "--input",
            "-",
            "--report",
            &report,
            "--output",
            &result,
        ];
        let output = run_with_input(&args, input.as_bytes());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert_eq!(std::fs::read_to_string(&result).unwrap(), answer);
        let report = std::fs::read_to_string(&report).unwrap();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["outcome"], "returned");
    }
    let names = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 3, "nothing is left beside the files");
    // A device is written to as it is.
    let output = run_with_input(
        &[
            "run",
            &guest,
            "--grant",
            &store,
            "--grant",
            "config=a:b",
            "--input",
            "-",
            "--output",
            "/dev/stderr",
        ],
        b"get b k",
    );
    assert_eq!(
        (code(&output), stderr(&output).as_str()),
        (0, "Some(\"v\")")
    );
}

/// A GET behind the wall of `url`, which is on this machine; the program trusts the authorities in this file.
fn get(url: &str, authorities: Option<&Path>) -> String {
    let folder = TempDir::new().unwrap();
    let policy = folder.path().join("policy.toml");
    let samples = root().join("samples").canonicalize().unwrap();
    let rest = all_but("http").replace("samples", samples.to_str().unwrap());
    let text = format!("{rest}grants.http = [{{ url = \"{url}**\", networks = [\"loopback\"] }}]");
    std::fs::write(&policy, text).unwrap();
    let input = folder.path().join("input");
    std::fs::write(&input, format!("http-get {url}page")).unwrap();
    let mut program = command(&["run", &guest("hostile"), "--wall", "require"]);
    program
        .arg("--policy")
        .arg(&policy)
        .arg("--input")
        .arg(&input);
    if let Some(file) = authorities {
        program.env("SSL_CERT_FILE", file);
    }
    let output = program.output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    stdout(&output)
}

fn localhost_is_a_name() -> bool {
    let known = std::net::ToSocketAddrs::to_socket_addrs(&("localhost", 1)).is_ok();
    if !known {
        skip("this machine has no name `localhost`");
    }
    known
}

/// The system's resolver, as it is on this machine: its files are read again behind the wall.
#[test]
fn hosts_are_looked_up_behind_the_wall() {
    if kernel_has_all_parts() && localhost_is_a_name() {
        let server = Server::saying(response("200 OK", "", "found"));
        let answer = get(&format!("http://localhost:{}/", server.port()), None);
        assert!(answer.contains("found"), "{answer}");
        assert_eq!(server.requests().len(), 1);
    }
}

/// The certificate authorities are read before the wall, which denies their files.
#[test]
fn certificates_are_verified_behind_the_wall() {
    if kernel_has_all_parts() && localhost_is_a_name() {
        let (port, certificate) = crate::http::tls::serve("localhost");
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("authorities.pem");
        std::fs::write(&file, certificate.pem()).unwrap();
        let url = format!("https://localhost:{port}/");
        let answer = get(&url, Some(&file));
        assert!(answer.contains("sealed"), "{answer}");
        let answer = get(&url, None);
        assert!(answer.contains("encrypted connection"), "{answer}");
    }
}

/// The process that writes behind the wall goes by a length, not by an end: a file that was cut short is not written.
#[test]
fn a_file_that_was_cut_short_is_not_written() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    for (length, written) in [(4_u64, true), (5, false), (3, false)] {
        let mut writer = command(&["--tollgate-file-writer", path.to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut content = length.to_le_bytes().to_vec();
        content.extend_from_slice(b"text");
        writer.stdin.take().unwrap().write_all(&content).unwrap();
        let output = writer.wait_with_output().unwrap();
        assert_eq!(path.exists(), written, "{length}");
        assert_eq!(stdout(&output) == "written", written);
        let _ = std::fs::remove_file(&path);
    }
}
