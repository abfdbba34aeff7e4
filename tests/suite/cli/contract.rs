//! The command line as a user meets it: flags, exit codes, where it writes, how it ends.

use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use support::cli::{code, command, guest, run, run_with_input, stderr, stdout, tollgate};
use support::harness::{guest_file, in_time};
use support::processes::{cpu_time, handles, send, until};

/// A48-policies and docs/guide/report.md: a policy error points at file, line, column and key, and exits 2.
#[test]
fn policy_errors_say_where_and_what() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("policy.toml");
    for (text, line, key) in [
        ("[limits]\nfeul = 1\n", 2, "limits.feul"),
        ("[limits]\nfuel = 0\n", 2, "limits.fuel"),
        ("[limits]\nfuel = 1\nfuel = 2\n", 3, "limits.fuel"),
        ("[limits]\nFuel = 1\n", 2, "limits.Fuel"),
        ("[limits]\nmemory = \"1 parsec\"\n", 2, "limits.memory"),
        (
            "[limits]\ncompile-time = \"2h\"\n",
            2,
            "limits.compile-time",
        ),
        ("\n\n[grants]\nnetwork = true\n", 4, "grants.network"),
        (
            "[[grants.http]]\nurl = \"https://*.com/**\"\n",
            2,
            "grants.http",
        ),
        (
            "[[grants.files]]\nroot = \"a\"\npath = \"../..\"\naccess = \"read-write\"\n",
            3,
            "grants.files",
        ),
        ("[grants]\nlog = \"yes\"\n", 2, "grants.log"),
        ("[grants\n", 1, ""),
    ] {
        std::fs::write(&file, text).unwrap();
        let output = run(&["run", &guest("echo"), "--policy", file.to_str().unwrap()]);
        let said = stderr(&output);
        assert_eq!(code(&output), 2, "{text}: {said}");
        assert!(
            said.starts_with(&format!("error: {}:{line}:", file.display())) && said.contains(key),
            "{text}: {said}"
        );
        assert_eq!(stdout(&output), "");
    }
}

/// Every limit has its flag, and each flag reaches the limit.
#[test]
fn every_limit_has_a_flag() {
    let help = stdout(&run(&["run", "--help"]));
    let values: Vec<(String, u64)> = tollgate::Limits::KEYS
        .iter()
        .map(|key| (key.name.to_owned(), key.min.max(1)))
        .collect();
    for (key, value) in values {
        let flag = if key == "output" { "max-output" } else { &key };
        assert!(help.contains(&format!("--{flag} ")), "{flag}");
        let is_time = matches!(&*key, "deadline" | "compile-time" | "question-time");
        let unit = if is_time { "us" } else { "" };
        let output = run(&[
            "call",
            &guest("counter"),
            "next()",
            &format!("--{flag}"),
            &format!("{value}{unit}"),
            "--report",
            "-",
        ]);
        let report: serde_json::Value = serde_json::from_str(&stderr(&output))
            .unwrap_or_else(|error| panic!("{flag}: {error}: {}", stderr(&output)));
        let name = key.replace('-', "_") + if is_time { "_us" } else { "" };
        assert_eq!(report["limits"][&name], value, "{flag}");
    }
}

#[test]
fn run_moves_bytes_and_nothing_else() {
    let bytes: Vec<u8> = (0..=255).collect();
    let output = run_with_input(&["run", &guest("echo"), "--input", "-"], &bytes);
    assert_eq!((code(&output), output.stdout), (0, bytes.clone()));
    assert!(output.stderr.is_empty(), "quiet when all is well");

    let folder = TempDir::new().unwrap();
    let (from, to) = (folder.path().join("in"), folder.path().join("out"));
    std::fs::write(&from, &bytes).unwrap();
    let (from, to) = (from.to_str().unwrap(), to.to_str().unwrap());
    let output = run(&["run", &guest("echo"), "--input", from, "--output", to]);
    assert_eq!((code(&output), std::fs::read(to).unwrap()), (0, bytes));
    assert!(output.stdout.is_empty() && output.stderr.is_empty());

    // A call that does not return leaves the output as it was.
    std::fs::write(from, "fail:no").unwrap();
    let output = run(&["run", &guest("echo"), "--input", from, "--output", to]);
    assert_eq!((code(&output), std::fs::read(to).unwrap().len()), (1, 256));
}

/// Each exit status of docs/guide/report.md, and the outcome that the report gives with it.
#[test]
fn exit_codes_are_the_contract() {
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("report.json");
    let at = report.to_str().unwrap();
    let inert = "wasi=inert";
    for (expected, outcome, args) in [
        (0, "returned", vec!["run", "echo"]),
        (
            1,
            "failed",
            vec!["run", "echo", "--input", "tests/golden/fail.input"],
        ),
        (3, "refused", vec!["run", "checksums"]),
        (3, "refused", vec!["run", "core-module"]),
        (3, "refused", vec!["run", "newer-version", "--grant", "log"]),
        (
            3,
            "refused",
            vec!["run", "echo", "--component-size", "4KiB"],
        ),
        (4, "faulted", vec!["call", "traps", "unreachable()"]),
        (4, "faulted", vec!["call", "handles", "flood()"]),
        (4, "faulted", vec!["call", "table-grow", "grow-then-trap()"]),
        (4, "faulted", vec!["call", "big-memory", "attack()"]),
        (4, "faulted", vec!["call", "lift-results", "overlap()"]),
        (
            0,
            "returned",
            vec!["run", "hello-command", "--grant", inert],
        ),
        (
            1,
            "failed",
            vec!["run", "hello-command", "--grant", inert, "--", "exit", "3"],
        ),
    ] {
        let guest = guest(args[1]);
        let mut args = args;
        args[1] = &guest;
        args.splice(2..2, ["--report", at]);
        // An expression stays right behind its component.
        if args[0] == "call" {
            args.swap(2, 4);
            args.swap(3, 4);
        }
        let output = run(&args);
        assert_eq!(code(&output), expected, "{args:?}: {}", stderr(&output));
        let text = std::fs::read_to_string(&report).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["outcome"], outcome, "{args:?}");
        std::fs::remove_file(&report).unwrap();
    }
    assert_eq!(code(&run(&["run", "no/such.wasm"])), 2);
    assert_eq!(code(&run(&["frobnicate"])), 2);
    assert_eq!(code(&run(&[])), 2);
}

/// The report of a command that makes no call is the output of `--json`.
#[test]
fn a_report_of_a_command_that_makes_no_call() {
    let folder = TempDir::new().unwrap();
    let (report, cache) = (
        folder.path().join("report.json"),
        folder.path().join("cache"),
    );
    let (at, cache) = (report.to_str().unwrap(), cache.to_str().unwrap());
    let echo = guest("echo");
    for command in [
        vec!["check", &echo],
        vec!["inspect", &echo],
        vec!["compile", &echo, "--cache", cache],
        vec!["compile", &echo, "--cache", cache],
    ] {
        let json = run(&[&command[..], &["--json", "--report", at]].concat());
        assert_eq!(code(&json), 0, "{command:?}: {}", stderr(&json));
        let reported = std::fs::read_to_string(&report).unwrap();
        assert_eq!(reported, stdout(&json), "{command:?}");
        std::fs::remove_file(&report).unwrap();
    }
    for other in ["--emit-policy", "--wit"] {
        let output = run(&["inspect", &echo, other, "--report", at]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let text = std::fs::read_to_string(&report).unwrap();
        let reported: serde_json::Value = serde_json::from_str(&text).unwrap();
        let complexity = reported["provider"]["complexity"].as_u64();
        assert!(complexity > Some(0), "{other}: {reported}");
        std::fs::remove_file(&report).unwrap();
    }
}

#[test]
fn an_emitted_policy_is_the_least_that_loads() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("policy.toml");
    // The folder of the root in the policies that grant one.
    std::fs::create_dir(folder.path().join("data")).unwrap();
    for name in [
        "echo",
        "checksums",
        "hostile",
        "registry-releases",
        "hello-command",
        "wasi-provider",
    ] {
        let output = run(&["inspect", &guest(name), "--emit-policy"]);
        assert_eq!(code(&output), 0, "{name}: {}", stderr(&output));
        std::fs::write(&file, &output.stdout).unwrap();
        let path = file.to_str().unwrap();
        let checked = run(&["check", &guest(name), "--policy", path]);
        assert_eq!(code(&checked), 0, "{name}: {}", stderr(&checked));
        // Without any one of its lines it no longer loads.
        let policy = stdout(&output);
        let grants: Vec<&str> = policy
            .lines()
            .filter(|line| {
                ["log =", "hash =", "config =", "wasi =", "store ="]
                    .iter()
                    .any(|key| line.starts_with(key))
            })
            .collect();
        for grant in grants {
            std::fs::write(&file, policy.replace(grant, "")).unwrap();
            assert_eq!(
                code(&run(&["check", &guest(name), "--policy", path])),
                3,
                "{name}: {grant}"
            );
        }
    }
}

#[test]
fn list_shows_every_component_and_one_bad_file_hides_no_other() {
    let folder = TempDir::new().unwrap();
    for name in ["echo", "checksums", "newer-version"] {
        std::fs::copy(guest_file(name), folder.path().join(format!("{name}.wasm"))).unwrap();
    }
    std::fs::write(folder.path().join("broken.wasm"), "noise").unwrap();
    std::fs::write(folder.path().join("notes.txt"), "not listed").unwrap();
    let output = run(&["list", folder.path().to_str().unwrap(), "--json"]);
    assert_eq!(code(&output), 0);
    let rows: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let names: Vec<&str> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["broken", "checksums", "echo", "newer-version"]);
    let text = stdout(&run(&["list", folder.path().to_str().unwrap()]));
    assert!(
        text.contains("malformed") && text.contains("granted"),
        "{text}"
    );
    assert_eq!(code(&run(&["list", "/no/such/folder"])), 2);
}

/// Text for a terminal contains no escape sequence.
#[test]
fn guest_text_is_escaped() {
    let all = [
        "--grant",
        "log",
        "--grant",
        "hash",
        "--grant",
        "store",
        "--grant",
        "config=a:b",
        "--grant",
        "http=https://example.com/**",
        "--grant",
        "files=data:samples",
        "-v",
    ];
    for input in ["log-escape", "error-escape", "path-escape ../\u{1b}[2J"] {
        let hostile = guest("hostile");
        let mut args = vec!["run", &hostile, "--input", "-", "--report", "-"];
        args.extend(all);
        let quiet: Vec<&str> = args.iter().copied().filter(|arg| *arg != "-v").collect();
        for args in [&args, &quiet] {
            let output = run_with_input(args, input.as_bytes());
            let said = stderr(&output);
            assert!(!said.is_empty());
            let bad = said.chars().find(|c| c.is_control() && *c != '\n');
            assert_eq!(bad, None, "{input}: {said:?}");
        }
    }
}

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    let mut child = command(&["inspect", &guest("hostile"), "--wit"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(stderr(&output), "");
}

/// Ctrl-C ends a call at once, with the shell's code for it.
#[test]
fn an_interrupt_ends_the_program() {
    let mut child = command(&["call", &guest("start-loop"), "attack()"])
        .args(["--fuel", "9000000000000000000", "--deadline", "5m"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    const SIGINT: u32 = 2;
    let program = child.id();
    // The steps before the call take a small part of this, and another process compiles.
    let calls = || handles(program, SIGINT) && cpu_time(program) > Duration::from_millis(500);
    until("a call", calls);
    send("INT", program);
    // The call would continue for minutes.
    let ended = in_time(move || child.wait().unwrap());
    assert_eq!(ended.code(), Some(130));
}

#[test]
fn the_demo_shows_real_work_and_hostile_guests_stopped() {
    let output = run(&["demo", "--json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let output = run(&["demo"]);
    let text = stdout(&output);
    for wanted in [
        "ledger-csv",
        "checksums",
        "registry-releases",
        "echo",
        "faulted: fuel",
        "faulted: memory",
        "outside-root",
        "waybill",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}

/// With limited address space, as in some containers, calls work as without the limit.
#[test]
fn calls_are_made_in_little_address_space() {
    let output = Command::new("sh")
        .args(["-c", "ulimit -v 8000000; exec \"$0\" call \"$1\" 'next()'"])
        .arg(tollgate())
        .arg(guest("counter"))
        .env_remove("HOME")
        .env_remove("XDG_CACHE_HOME")
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(stdout(&output), "1\n");
}

#[test]
fn a_store_is_kept_in_the_file_that_the_flag_names() {
    let folder = TempDir::new().unwrap();
    let store = format!("store=ledger:{}/state.redb", folder.path().display());
    let args = [
        "run",
        &guest("standard-store"),
        "--grant",
        &store,
        "--grant",
        "config=a:b",
        "--input",
        "-",
    ];
    for (input, answer) in [("set b k v", "Ok(())"), ("get b k", "Some(\"v\")")] {
        let output = run_with_input(&args, input.as_bytes());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert_eq!(stdout(&output), answer);
    }
    // A store that cannot be used is an error before anything runs.
    std::fs::write(folder.path().join("state.redb"), "no store").unwrap();
    let output = run_with_input(&args, b"get b k");
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("state.redb"),
        "{}",
        stderr(&output)
    );
}
