//! Standard input of a command in the process of its provider: read as the process asks for it.

use std::io::{self, Read};

use support::cli::tollgate;
use support::harness;
use support::wasi_command::assert_reader_keeps_slot;
use tollgate::blocking::Provider;
use tollgate::embed::{CommandInput, Stdin};

use super::{isolating, load};

/// Input of any length, and the result of a reader that fails.
#[test]
fn input_is_read_as_the_process_asks_for_it() {
    let policy_text = "grants.wasi = \"inert\"";
    let (there, here) = (
        load("hello-command", policy_text),
        harness::load("hello-command", policy_text),
    );
    let lines = "a line\n".repeat(20_000);
    let failing = || io::Cursor::new("one\ntwo").chain(Failing);
    let said = |provider: &Provider, stdin: Stdin, args: &str| {
        let input = CommandInput {
            args: args.split(' ').map(str::to_owned).collect(),
            stdin,
        };
        let report = provider.session().command(input).unwrap();
        let stdio = report.stdio.unwrap();
        (report.outcome, stdio.stdout, stdio.stderr)
    };
    for args in [
        "hello-command",
        "hello-command first",
        "hello-command exit 0",
    ] {
        let whole = || Stdin::reader(io::Cursor::new(lines.clone()));
        assert_eq!(
            said(&there, whole(), args),
            said(&here, lines.clone().into(), args)
        );
        let failed = said(&there, Stdin::reader(failing()), args);
        assert_eq!(failed, said(&here, Stdin::reader(failing()), args));
    }
    // One that is never read ends nothing.
    let (never, _open) = io::pipe().unwrap();
    let ended = said(&there, Stdin::reader(never), "hello-command random");
    assert_eq!(ended.0.label(), "returned");
}

/// The thread that reads for it is in this process, and keeps the slot of the call here until the reader returns.
#[test]
fn a_reader_that_blocks_keeps_the_slot_of_its_call() {
    assert_reader_keeps_slot(isolating(tollgate()), "1s");
}

struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::IsADirectory.into())
    }
}
