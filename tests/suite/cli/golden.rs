//! The command line to the letter: its output is in `tests/golden`, and `just bless` writes it anew.

use support::cli::{code, guest, run, stderr, stdout};
use support::harness::{guests, root};

/// The text with the parts that differ between machines and builds replaced by their names.
fn steady(text: &str) -> String {
    // With `-v`: the features of the kernel of this machine, and the time of the call.
    let lines = text.split_inclusive('\n');
    let text: String = lines
        .filter(|line| {
            let of_machine = ["note: the wall holds", "note: no wall for", "used "];
            !of_machine.iter().any(|start| line.starts_with(start))
        })
        .collect();
    let mut steady = text.replace(guests().to_str().unwrap(), "GUESTS");
    for key in ["elapsed_us", "host_us", "size"] {
        steady = after(
            &steady,
            &format!("\"{key}\": "),
            |c| c.is_ascii_digit(),
            "0",
        );
    }
    after(&steady, "sha256:", |c| c.is_ascii_hexdigit(), "…")
}

/// Replaces the text that follows each `mark` and satisfies `part`.
fn after(text: &str, mark: &str, part: impl Fn(char) -> bool, with: &str) -> String {
    let mut parts = text.split(mark);
    let mut done = parts.next().unwrap_or_default().to_owned();
    for rest in parts {
        done.push_str(mark);
        done.push_str(with);
        done.push_str(rest.trim_start_matches(&part));
    }
    done
}

/// Compares the output of a command with `tests/golden/NAME.txt`.
fn golden(name: &str, args: &[&str]) {
    let output = run(args);
    let shown: Vec<&str> = args
        .iter()
        .map(|arg| arg.rsplit('/').next().unwrap())
        .collect();
    let seen = format!(
        "$ tollgate {}\n--- exit {}\n--- stdout\n{}--- stderr\n{}",
        shown.join(" "),
        code(&output),
        steady(&stdout(&output)),
        steady(&stderr(&output))
    );
    let file = root().join("tests/golden").join(format!("{name}.txt"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &seen).unwrap();
    }
    let wanted = std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{}: {error}; `./justw bless` writes it", file.display()));
    assert_eq!(
        seen, wanted,
        "{name}; if this is on purpose, `./justw bless`"
    );
}

#[test]
fn golden_files() {
    let at = |name: &str| guest(name);
    golden("call", &["call", &at("counter"), "next()"]);
    golden(
        "call-report",
        &["call", &at("counter"), "grow(3)", "--report", "-"],
    );
    golden(
        "call-fault",
        &[
            "call",
            &at("counter"),
            "work(4000000000)",
            "--fuel",
            "1000000",
        ],
    );
    golden(
        "call-fault-report",
        &["call", &at("traps"), "divide()", "--report", "-"],
    );
    golden(
        "call-hostile-name",
        &["call", &at("long-names"), "attack()", "-v"],
    );
    golden("call-unknown", &["call", &at("counter"), "nothing()"]);
    golden(
        "call-wrong-argument",
        &["call", &at("counter"), "work(\"x\")"],
    );
    golden("check-unknown-imports", &["check", &at("unknown-imports")]);
    golden(
        "check-newer-version",
        &["check", &at("newer-version"), "--grant", "log"],
    );
    golden(
        "check-assumed",
        &[
            "check",
            &at("feed-reader"),
            "--grant=wasi=inert",
            "--grant=interface=acme:report/feeds@1.0.0",
            "--assume-interface=acme:report/feeds@1.0.0",
        ],
    );
    golden(
        "check-stubbed",
        &["check", &at("stubs"), "--grant=stub=acme:telemetry/metrics"],
    );
    golden("check-denied", &["check", &at("hostile")]);
    golden(
        "check-denied-json",
        &["check", &at("lift-arguments"), "--json"],
    );
    golden("inspect", &["inspect", &at("lift-arguments")]);
    golden(
        "inspect-json",
        &["inspect", &at("start-host-call"), "--json"],
    );
    golden("inspect-wit", &["inspect", &at("start-host-call"), "--wit"]);
    golden(
        "inspect-wit-strange",
        &["inspect", &at("unknown-imports"), "--wit"],
    );
    golden(
        "inspect-emit-policy",
        &["inspect", &at("hostile"), "--emit-policy"],
    );
    golden(
        "run-failed",
        &["run", &at("echo"), "--input", "tests/golden/fail.input"],
    );
    golden(
        "profile",
        &["profile", &at("counter"), "work(100000)", "-o/dev/null"],
    );
    golden("run-refused", &["run", &at("checksums"), "--report", "-"]);
    golden("run-core-module", &["run", &at("core-module")]);
    golden("run-missing-export", &["run", &at("counter")]);
    golden("run-missing-file", &["run", "no/such.wasm"]);
    golden("run-wrong-flag", &["run", &at("echo"), "--feul", "1"]);
    golden(
        "run-wrong-limit",
        &["run", &at("echo"), "--memory", "12 parsecs"],
    );
    golden(
        "run-wrong-grant",
        &["run", &at("echo"), "--grant", "http=*.com"],
    );
    golden(
        "run-unsigned",
        &["run", &at("echo"), "--require-signature", "--report", "-"],
    );
    let (signed, key) = ("tests/minisign", "tests/minisign/author.pub");
    let empty = &format!("{signed}/empty.wasm");
    golden("verify", &["verify", empty, "--pub", key]);
    golden("list-signed", &["list", signed, "--trust-key", key]);
    golden("inspect-claim", &["inspect", empty]);
    golden("help", &["--help"]);
}
