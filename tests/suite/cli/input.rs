//! Input as people type it: pipes, text, bytes of a call, a policy from stdin, paths with `..`.

use std::fs::File;
use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;

use support::cli::{code, command, guest, run, run_with_input, stderr, stdout};

#[test]
fn what_is_piped_in_is_the_input_of_run() {
    let echo = guest("echo");
    let piped = run_with_input(&["run", &echo], b"from a pipe");
    assert_eq!((code(&piped), &*stdout(&piped)), (0, "from a pipe"));
    assert_eq!(stderr(&piped), "");

    let folder = TempDir::new().unwrap();
    let file = folder.path().join("in");
    std::fs::write(&file, "from a file").unwrap();
    let redirected = command(&["run", &echo])
        .stdin(File::open(&file).unwrap())
        .output()
        .unwrap();
    assert_eq!(stdout(&redirected), "from a file");

    // A command gets it as its standard input.
    let wasi = run_with_input(
        &["run", &guest("hello-command"), "--grant", "wasi=inert"],
        b"a line\n",
    );
    assert!(stdout(&wasi).contains("a line"), "{}", stdout(&wasi));

    let none = run(&["run", &echo]);
    assert_eq!(
        (code(&none), &*stdout(&none)),
        (0, ""),
        "/dev/null is no input"
    );
    let option = folder.path().join("in");
    let option = run_with_input(
        &["run", &echo, "--input", option.to_str().unwrap()],
        b"from a pipe",
    );
    assert_eq!(stdout(&option), "from a file", "an option comes first");
}

#[test]
fn input_may_be_text_of_the_command_line() {
    let echo = guest("echo");
    let text = run(&["run", &echo, "--input-text", "größe\n"]);
    assert_eq!((code(&text), &*stdout(&text)), (0, "größe\n"));
    let both = run(&["run", &echo, "--input-text", "a", "--input", "-"]);
    assert_eq!(code(&both), 2);
    let long = run(&[
        "run",
        &echo,
        "--input-text",
        &"x".repeat(70_000),
        "--memory",
        "64KiB",
    ]);
    assert_eq!(code(&long), 2, "{}", stderr(&long));
    assert!(stderr(&long).starts_with("error: --input-text: more input"));
}

/// A pipe that never ends, as a service may inherit one.
#[test]
fn waiting_for_a_pipe_is_said() {
    let echo = guest("echo");
    for (report, said) in [(None, true), (Some(["--report", "-"]), false)] {
        let mut child = command(&["run", &echo])
            .args(report.iter().flatten())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Longer than the two seconds after which it is said, and compiling before.
        std::thread::sleep(Duration::from_secs(6));
        child.stdin.take().unwrap().write_all(b"late").unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((code(&output), &*stdout(&output)), (0, "late"));
        let words = stderr(&output);
        assert_eq!(
            words.contains("waiting for the end of stdin"),
            said,
            "{words}"
        );
    }
}

#[test]
fn bytes_of_a_call_are_text_or_a_file() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        format!("{path:?}")
    };
    let (text, binary) = (file("text", b"say \"hi\"\n"), file("binary", &[0, 255]));
    let echo = guest("echo");
    for (expression, shown) in [
        ("run([104, 105])".to_owned(), "ok(\"hi\")\n"),
        ("run(\"hi\\n\")".to_owned(), "ok(\"hi\\n\")\n"),
        ("run([])".to_owned(), "ok([])\n"),
        (format!("run(@{text})"), "ok(\"say \\\"hi\\\"\\n\")\n"),
        (format!("run(@{binary})"), "ok([0, 255])\n"),
    ] {
        let output = run(&["call", &echo, &expression]);
        assert_eq!(code(&output), 0, "{expression}: {}", stderr(&output));
        assert_eq!(stdout(&output), shown, "{expression}");
    }
    let stdin = run_with_input(&["call", &echo, "run(@\"-\")"], b"from a pipe");
    assert_eq!(stdout(&stdin), "ok(\"from a pipe\")\n");
    let json = run(&["call", &echo, "run(\"hi\")", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(value, serde_json::json!({ "ok": [104, 105] }));
    for (expression, said) in [
        ("run(@text)", "in quotes"),
        ("run(@\"no/such\")", "no/such: No such file"),
        ("run('a')", "it is `run: func(list<u8>)"),
    ] {
        let output = run(&["call", &echo, expression]);
        assert_eq!(code(&output), 2, "{expression}");
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
}

/// A file may hold a secret: an error names the file, and repeats none of it.
#[test]
fn files_of_a_call_are_bounded_and_not_repeated() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        format!("@{path:?}")
    };
    let echo = guest("echo");
    let refused = |expression: String, said: &str| {
        let output = run(&["call", &echo, &expression]);
        assert_eq!(code(&output), 2, "{expression}");
        let told = stderr(&output);
        assert!(told.contains(said) && !told.contains("hunter2"), "{told}");
    };
    let most = vec![b'x'; 4 << 20];
    let (half, more) = (
        file("half", &most[..2 << 20]),
        file("more", &most[..(2 << 20) + 1]),
    );
    refused(
        format!("run({half}, {more})"),
        "the files of one call may have 4194304 bytes together",
    );
    // A text of this length is read, and is no argument of this function; a long string of the command line is not read
    // at all.
    refused(
        format!("run({half}, {half})"),
        "the arguments do not fit the parameters",
    );
    let typed = format!("run(\"{}\")", "x".repeat(20_000));
    refused(typed, "a string or word of more than 16 KiB");
    let large = file("large", &most[..100_000]);
    let output = run(&[
        "call",
        &echo,
        &format!("run({large})"),
        "--host-memory",
        "64MiB",
    ]);
    assert_eq!(
        stdout(&output).len(),
        100_000 + "ok(\"\")\n".len(),
        "{}",
        stderr(&output)
    );
    let secret = file("secret", b"hunter2");
    refused(
        format!("run({secret} 7)"),
        "the call is not in WAVE notation",
    );
    refused(
        format!("run(7, {secret})"),
        "the arguments do not fit the parameters",
    );
}

#[test]
fn a_policy_may_come_from_stdin() {
    let (echo, checksums) = (guest("echo"), guest("checksums"));
    let limited = run_with_input(
        &["run", &echo, "--policy", "-", "--report", "-"],
        b"limits.fuel = 4_000_000",
    );
    let report: serde_json::Value = serde_json::from_str(&stderr(&limited)).unwrap();
    assert_eq!(report["limits"]["fuel"], 4_000_000);
    assert_eq!(stdout(&limited), "", "the policy is not the input, too");

    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let relative = "[grants]\nlog = true\nhash = true\n[[grants.files]]\nroot = \"data\"\npath = \"data\"\naccess = \"read\"\n";
    let mut child = command(&["check", &checksums, "--policy", "-", "-v"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(relative.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));

    let wrong = run_with_input(&["run", &echo, "--policy", "-"], b"\nfeul = 1");
    assert_eq!(code(&wrong), 2);
    assert!(
        stderr(&wrong).starts_with("error: standard input:2:1: "),
        "{}",
        stderr(&wrong)
    );
    for more in [["--input", "-"].as_slice(), &["--lock"], &["--locked"]] {
        let both = run_with_input(&[&["run", &echo, "--policy", "-"], more].concat(), b"");
        assert_eq!(code(&both), 2, "{more:?}");
        assert!(stderr(&both).contains("stdin"), "{}", stderr(&both));
    }
    let call = run_with_input(&["call", &echo, "run(@\"-\")", "--policy", "-"], b"");
    assert_eq!(code(&call), 2);
}

/// An operator could write the other path as well. It never leads to a file that no root may cover.
#[test]
fn a_path_of_an_operator_may_go_up_and_is_shown() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let (data, conf) = (folder.join("data"), folder.join("conf"));
    for made in [&data, &conf] {
        std::fs::create_dir(made).unwrap();
    }
    std::fs::write(data.join("a.txt"), "a").unwrap();
    let policy = conf.join("policy.toml");
    let write = |path: &str, access: &str| {
        let text = format!(
            "[grants]\nlog = true\nhash = true\n[[grants.files]]\nroot = \"data\"\npath = \"{path}\"\naccess = \"{access}\"\n"
        );
        std::fs::write(&policy, text).unwrap();
        run(&[
            "run",
            &guest("checksums"),
            "--policy",
            policy.to_str().unwrap(),
            "-v",
        ])
    };
    let output = write("../data", "read");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stdout(&output).contains("a.txt"), "{}", stdout(&output));
    let shown = format!(
        "note: the root `data`, {}/../data, is {}",
        conf.display(),
        data.display()
    );
    assert!(stderr(&output).contains(&shown), "{}", stderr(&output));
    for covering in ["..", "../conf", "../data/../conf"] {
        let refused = write(covering, "read-write");
        assert_eq!(code(&refused), 2, "{covering}: {}", stderr(&refused));
        assert!(
            stderr(&refused).contains("covers the policy"),
            "{}",
            stderr(&refused)
        );
    }
    // The path leads through a link, which only the file system knows.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&conf, data.join("link")).unwrap();
        let refused = write("../data/link/../conf", "read-write");
        assert_eq!(code(&refused), 2, "{}", stderr(&refused));
        assert!(
            stderr(&refused).contains("covers the policy"),
            "{}",
            stderr(&refused)
        );
    }
}
