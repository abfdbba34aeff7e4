//! The library's examples, as programs: the README's, one for each kind of embedder.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Once;

use tempfile::TempDir;

use support::cli::{build, built, code, guest, run, stderr, stdout};
use support::harness::root;

/// The example of this name, started in the repository.
fn example(name: &str) -> Command {
    static BUILT: Once = Once::new();
    BUILT.call_once(|| build(&["--examples"]));
    let mut command = Command::new(built(&format!("examples/{name}")));
    command.current_dir(root());
    command
}

fn printed(name: &str, args: &[&str]) -> String {
    let output = example(name).args(args).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

#[test]
fn the_examples_work_on_real_data() {
    let ledger = printed("ledger", &[]);
    assert!(
        ledger.contains("2026-03-01 balance Assets:Bank:Current 568.56 EUR"),
        "{ledger}"
    );
    let broken = printed("ledger", &["samples/ledger/revolut-broken.csv"]);
    assert!(broken.starts_with("amount: line 10:"), "{broken}");
    let manifest = printed("checksums", &[]);
    let expected = std::fs::read_to_string(root().join("samples/SHA256SUMS.expected")).unwrap();
    assert!(manifest.starts_with(&expected), "{manifest}");
    // The README shows this very program.
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let program = include_str!("../../../host/runtime/examples/checksums.rs");
    let body = &program[program.find("use std::path").unwrap()..];
    let squeeze = |text: &str| text.split_whitespace().collect::<String>();
    assert!(
        squeeze(&readme).contains(&squeeze(body)),
        "the README's example is another one"
    );
    let releases = printed("releases", &["^1"]);
    assert!(
        releases.contains("waybill-1.2.0.crate") && releases.contains("sha256:"),
        "{releases}"
    );
}

/// An example that is talked to.
struct Talk {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Talk {
    fn start(name: &str, args: &[&str]) -> Talk {
        let mut child = example(name)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Talk { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn says(&mut self, line: &str) -> String {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
        self.line()
    }

    fn ends(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn an_interface_of_the_programs_own_has_resources_and_decisions() {
    let said = printed("feeds", &["ecb", "fed", "boe"]);
    let expected = "ecb: 1.170\nfed: the feed fed is empty\nboe: the feed boe is not granted\n\
                    denied: acme:report/feeds@1.0.0 boe (not-granted)\n";
    assert_eq!(said, expected);
    // The program `tollgate` has no such interface, and says so.
    let checked = run(&["check", &guest("feed-reader"), "--grant", "wasi=inert"]);
    assert_eq!(code(&checked), 3);
    let said = format!("{}{}", stdout(&checked), stderr(&checked));
    assert!(said.contains("this host has no such interface"), "{said}");
}

#[test]
fn a_plugin_is_replaced_while_the_program_runs() {
    let folder = TempDir::new().unwrap();
    let install = |name: &str| {
        let new = folder.path().join("new");
        std::fs::copy(guest(name), &new).unwrap();
        std::fs::rename(new, folder.path().join("greeter.wasm")).unwrap();
    };
    install("echo");
    let mut talk = Talk::start("plugins", &[folder.path().to_str().unwrap()]);
    assert_eq!(talk.says("greeter hello"), "greeter: hello");
    assert_eq!(talk.says("nobody hello"), "nobody: no such plugin");
    // It exports no `run`, so it shows when it serves.
    install("counter");
    let replaced = (0..600).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        talk.says("greeter hello") != "greeter: hello"
    });
    assert!(replaced);
    talk.ends();
}

#[test]
fn a_batch_goes_on_after_a_file_that_fails() {
    let folder = TempDir::new().unwrap();
    for (name, size) in [("a", 10), ("b", 9 << 20), ("c", 0)] {
        std::fs::write(folder.path().join(name), vec![b'x'; size]).unwrap();
    }
    let output = example("batch")
        .arg(guest("echo"))
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(
        stdout(&output),
        "3 files, 1 failed\n",
        "{}",
        stderr(&output)
    );
    assert!(
        stderr(&output).contains("b: the arguments have "),
        "{}",
        stderr(&output)
    );
}

#[test]
fn each_tenant_of_a_service_has_its_policy() {
    let folder = TempDir::new().unwrap();
    let policy = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    policy("large.toml", "");
    policy("small.toml", "limits.output = \"4B\"");
    let mut talk = Talk::start(
        "tenants",
        &[&guest("echo"), folder.path().to_str().unwrap()],
    );
    let line = talk.line();
    let address = line.strip_prefix("listening on http://").unwrap();
    let post = |tenant: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        let request = format!(
            "POST /{tenant} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = post("large");
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"),
        "{answer}"
    );
    let answer = post("small");
    assert!(
        answer.starts_with("HTTP/1.1 502") && answer.contains("stopped: "),
        "{answer}"
    );
    assert!(post("nobody").starts_with("HTTP/1.1 404"));
    talk.ends();
}
