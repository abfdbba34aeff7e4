//! The standard streams of a command: input that is read as the command asks for it, and output of which nothing is lost
//! in silence.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::cli::{program, words};
use support::harness::{blocking, builder, guest_file, in_time, load, policy, source};
use support::wasi_command::{INERT, assert_reader_keeps_slot, run, stdout};
use tempfile::TempDir;
use tollgate::embed::{CommandInput, Stdin};
use tollgate::{Outcome, Report};

/// `tollgate run` of `hello-command`, whose output is the program's own.
fn inherits(folder: &TempDir, args: &[&str]) -> Command {
    inherits_by("hello-command", folder, args)
}

fn inherits_by(guest: &str, folder: &TempDir, args: &[&str]) -> Command {
    let file = folder.path().join("policy.toml");
    let text =
        "limits.host-calls = 100_000\nlimits.stdio = '64MiB'\ngrants.wasi = { stdio = 'inherit' }";
    std::fs::write(&file, text).unwrap();
    let mut command = program();
    command
        .args(["run", guest_file(guest).to_str().unwrap()])
        .args(["--input", "-", "--policy"])
        .arg(&file)
        .arg("--")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A command that answers each line gets it when it comes.
#[test]
fn a_line_is_answered_before_the_input_ends() {
    in_time(|| {
        let folder = TempDir::new().unwrap();
        let mut host = inherits(&folder, &["lines"]).spawn().unwrap();
        let mut input = host.stdin.take().unwrap();
        let mut output = BufReader::new(host.stdout.take().unwrap()).lines();
        for line in ["one", "two"] {
            writeln!(input, "{line}").unwrap();
            let answer = output.next().unwrap().unwrap();
            assert_eq!(answer, format!("got {line}"));
        }
        drop(input);
        assert!(output.next().is_none());
        assert!(host.wait().unwrap().success());
    });
}

/// A command whose output has no reader is told so, as by the system.
#[test]
fn a_command_is_told_that_its_output_is_closed() {
    in_time(|| {
        let folder = TempDir::new().unwrap();
        let mut host = inherits(&folder, &["flood"]).spawn().unwrap();
        let mut output = host.stdout.take().unwrap();
        output.read_exact(&mut [0]).unwrap();
        drop(output);
        assert_eq!(host.wait().unwrap().code(), Some(1));
        let words = words(&mut host);
        assert!(words.contains("error: "), "{words}");
    });
}

/// A file on a disk that is full.
fn full() -> Option<File> {
    let full = File::options().write(true).open("/dev/full");
    if full.is_err() {
        support::skip::skip("`/dev/full` is not there, which is a disk that is full");
    }
    full.ok()
}

/// The last piece is a piece: a line that did not get to its place is told to the command that has written it, by each function
/// that writes. The command then panics, since it cannot print the error either.
#[test]
fn a_line_that_is_not_written_is_told() {
    in_time(|| {
        let folder = TempDir::new().unwrap();
        let gone = || io::pipe().unwrap().1;
        let writes = || inherits(&folder, &["one line"]);
        let writes_and_flushes = || inherits_by("http-client", &folder, &["flood", "line"]);
        let mut cases = vec![
            (writes(), Stdio::from(gone())),
            (writes_and_flushes(), gone().into()),
        ];
        cases.extend(full().map(|full| (writes_and_flushes(), full.into())));
        for (mut command, output) in cases {
            let said = command
                .stdin(Stdio::null())
                .stdout(output)
                .output()
                .unwrap();
            let told = String::from_utf8_lossy(&said.stderr);
            assert_eq!(said.status.code(), Some(4), "{told}");
            assert!(told.contains("failed printing to stdout"), "{told}");
        }
    });
}

/// A command that does not ask whether its output was written has not succeeded either.
#[test]
fn output_that_is_lost_is_no_success() {
    let folder = TempDir::new().unwrap();
    let mut command = inherits_by("http-client", &folder, &["flood", "outputs"]);
    let Some(full) = full() else { return };
    let output = command.stdin(Stdio::null()).stdout(full).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{told}");
    assert!(told.contains("is not written whole: "), "{told}");
}

/// Writes `hello` to stdout, and does not wait until it is written.
const SPEAKER: &str = r#"(component
  (import "wasi:io/error@0.2.0" (instance $errors (export "error" (type (sub resource)))))
  (alias export $errors "error" (type $error))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (alias outer 1 $error (type $error))
    (export "output-stream" (type $stream (sub resource)))
    (type $failed (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $failed)))
    (export "[method]output-stream.check-write" (func (param "self" (borrow $stream))
      (result (result u64 (error $stream-error)))))
    (export "[method]output-stream.write" (func (param "self" (borrow $stream)) (param "contents" (list u8))
      (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $stream (type $stream)) (export "output-stream" (type $output (eq $stream)))
    (export "get-stdout" (func (result (own $output))))))
  (core module $memory (memory (export "memory") 1) (data (i32.const 0) "hello"))
  (core instance $memory (instantiate $memory))
  (core func $get (canon lower (func $stdout "get-stdout")))
  (core func $check (canon lower (func $streams "[method]output-stream.check-write") (memory $memory "memory")))
  (core func $write (canon lower (func $streams "[method]output-stream.write") (memory $memory "memory")))
  (core module $m
    (import "host" "get" (func $get (result i32)))
    (import "host" "check" (func $check (param i32 i32)))
    (import "host" "write" (func $write (param i32 i32 i32 i32)))
    (func (export "speak") (local $stream i32)
      (local.set $stream (call $get))
      (call $check (local.get $stream) (i32.const 64))
      (call $write (local.get $stream) (i32.const 0) (i32.const 5) (i32.const 64))))
  (core instance $i (instantiate $m (with "host" (instance
    (export "get" (func $get)) (export "check" (func $check)) (export "write" (func $write))))))
  (func (export "speak") (canon lift (core func $i "speak"))))"#;

/// A reader that is slower than the shutting down of the program gets all that a call has written.
#[test]
fn a_call_waits_for_the_reader_of_its_output() {
    let folder = TempDir::new().unwrap();
    let component = folder.path().join("speaker.wasm");
    std::fs::write(&component, wat::parse_str(SPEAKER).unwrap()).unwrap();
    let policy = folder.path().join("policy.toml");
    std::fs::write(
        &policy,
        "limits.deadline = '20s'\ngrants.wasi = { stdio = 'inherit' }",
    )
    .unwrap();
    in_time(move || {
        let (mut reader, writer) = io::pipe().unwrap();
        // It is full before the guest writes.
        use rustix::fs::{OFlags, fcntl_setfl};
        fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
        let mut full = 0;
        while let Ok(written) = (&writer).write(&[b'-'; 4096]) {
            full += written;
        }
        fcntl_setfl(&writer, OFlags::empty()).unwrap();
        let mut command = program();
        command.arg("call").arg(&component).arg("speak()");
        command.arg("--policy").arg(&policy).stdout(writer);
        let mut host = command.spawn().unwrap();
        drop(command);
        std::thread::sleep(Duration::from_secs(3));
        let mut output = Vec::new();
        reader.read_to_end(&mut output).unwrap();
        assert!(host.wait().unwrap().success());
        assert_eq!(String::from_utf8_lossy(&output[full..]), "hello");
        drop(folder);
    });
}

/// Lines without end, and how many bytes of them were read.
struct Endless(Arc<AtomicUsize>);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(b'\n');
        self.0.fetch_add(buffer.len(), Ordering::SeqCst);
        Ok(buffer.len())
    }
}

/// Input of any length takes a piece or two of the host's memory, and the rest of it stays where it is.
#[test]
fn input_is_read_as_far_as_the_command_asks() {
    let provider = load("hello-command", INERT);
    let read = Arc::new(AtomicUsize::new(0));
    let input = CommandInput {
        args: vec!["hello-command".to_owned(), "first".to_owned()],
        stdin: Stdin::reader(Endless(Arc::clone(&read))),
    };
    let report = provider.session().command(input).unwrap();
    assert_eq!(report.outcome, Outcome::Returned(()));
    assert_eq!(stdout(&report), "got \n");
    assert!(read.load(Ordering::SeqCst) <= 128 << 10, "{read:?}");
    assert!(report.usage.host_memory_peak > 128 << 10);
    // A command that does not read takes nothing.
    let read = Arc::new(AtomicUsize::new(0));
    let input = CommandInput {
        args: vec!["hello-command".to_owned(), "random".to_owned()],
        stdin: Stdin::reader(Endless(Arc::clone(&read))),
    };
    let report = provider.session().command(input).unwrap();
    assert_eq!(report.outcome, Outcome::Returned(()));
    assert_eq!(read.load(Ordering::SeqCst), 0);
}

/// Input that does not come is waited for as long as the call has.
#[test]
fn a_reader_that_blocks_does_not_hold_up_the_deadline() {
    let (input, _open) = io::pipe().unwrap();
    let provider = load(
        "hello-command",
        &format!("{INERT}\nlimits.deadline = \"200ms\""),
    );
    let input = CommandInput {
        args: vec!["hello-command".to_owned(), "lines".to_owned()],
        stdin: Stdin::reader(input),
    };
    let report: Report<_, _> = in_time(move || provider.session().command(input).unwrap());
    assert_eq!(report.outcome.fault().unwrap().label(), "deadline");
}

/// The thread that reads is one of no more than there are slots: it keeps the slot of its call until the reader returns.
#[test]
fn a_reader_that_blocks_keeps_the_slot_of_its_call() {
    assert_reader_keeps_slot(builder(), "200ms");
}

/// The output of a command is its result, so a command with cut output has no result.
#[test]
fn a_command_that_writes_more_than_the_limit_is_ended() {
    let limits = format!("{INERT}\nlimits.stdio = \"10KiB\"\nlimits.host-calls = 100_000");
    for flood in ["flood", "flood-errors"] {
        let report = run(&blocking(), &limits, &[flood], "");
        let fault = report.outcome.fault().unwrap();
        assert_eq!((fault.label(), fault.limit()), ("stdio", Some(10 << 10)));
        let stdio = report.stdio.as_ref().unwrap();
        assert_eq!(stdio.stdout.len() + stdio.stderr.len(), 10 << 10);
    }
    let limits = format!("{INERT}\nlimits.stdio = \"4MiB\"\nlimits.host-calls = 100_000");
    let report = run(&blocking(), &limits, &["flood"], "");
    assert_eq!(report.outcome, Outcome::Returned(()));
}

/// Nothing of it is left in the output file, which is written whole or not at all.
#[test]
fn output_that_is_cut_is_in_no_file() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("policy.toml");
    std::fs::write(&file, "limits.stdio = '10KiB'\ngrants.wasi = 'inert'").unwrap();
    let out = folder.path().join("out");
    let mut command = program();
    command
        .args(["run", guest_file("hello-command").to_str().unwrap()])
        .arg("--policy")
        .arg(&file)
        .arg("--output")
        .arg(&out)
        .args(["--", "flood"]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("--stdio"), "{words}");
    assert!(!out.exists());
}

/// The output of a provider is for debugging: bytes over the limit are dropped and counted, and do not end the call.
#[test]
fn what_a_provider_writes_is_dropped_and_counted() {
    let text = policy(&format!("{INERT}\nlimits.stdio = 2"));
    let provider = blocking().load(&source("wasi-provider"), &text).unwrap();
    let report = provider.session().run(b"no number").unwrap();
    assert_eq!(report.outcome.fault().unwrap().label(), "trap");
    let stdio = report.stdio.as_ref().unwrap();
    assert_eq!(stdio.stderr.len(), 2);
    assert!(stdio.stderr_dropped > 2);
    assert_eq!(report.to_json()["stdio_dropped"], stdio.stderr_dropped);
}
