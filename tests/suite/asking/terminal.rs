//! `run` and `call` ask on a terminal, which `script` makes.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use support::cli::{code, guest, program, run, stderr, stdout};
use support::harness::all_but;

const PROMPT: &str = "[no]: ";

/// A folder with a policy that asks, and a file.
fn folder(more: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("data/a.txt"), "alpha").unwrap();
    let policy = format!(
        "{}{more}\n# why it asks\n[[grants.files]]\nroot = 'data'\npath = './data'\naccess = 'read'\nask = true # for now\n",
        all_but("files")
    );
    std::fs::write(policy_of(folder.path()), policy).unwrap();
    folder
}

fn policy_of(folder: &Path) -> std::path::PathBuf {
    folder.join("policy.toml")
}

/// Whether `script` is there.
fn has_terminal() -> bool {
    let found = Command::new("script").arg("--version").output().is_ok();
    if !found {
        support::skip::skip("`script` of util-linux is not there, which makes a terminal");
    }
    found
}

/// Runs the program on a terminal and types a line at each prompt. Returns all that the terminal shows.
fn typed(arguments: &[&str], lines: &[&str], before: impl Fn(usize)) -> (String, i32) {
    typed_after("", arguments, lines, before)
}

/// The same; `first` is typed before.
fn typed_after(
    first: &str,
    arguments: &[&str],
    lines: &[&str],
    before: impl Fn(usize),
) -> (String, i32) {
    let program = program();
    let words = std::iter::once(program.get_program().to_str().unwrap());
    let words = words.chain(arguments.iter().copied());
    let quoted: Vec<String> = words
        .map(|word| format!("'{}'", word.replace('\'', "'\\''")))
        .collect();
    let mut script = Command::new("script");
    script.args([
        "--quiet",
        "--return",
        "--command",
        &quoted.join(" "),
        "/dev/null",
    ]);
    for variable in ["HOME", "TOLLGATE_POLICY", "CI"] {
        script.env_remove(variable);
    }
    let mut script = script
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut to, mut from) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
    to.write_all(first.as_bytes()).unwrap();
    let (mut shown, mut prompts, mut byte) = (Vec::new(), 0, [0]);
    while from.read(&mut byte).is_ok_and(|read| read == 1) {
        shown.push(byte[0]);
        if shown.ends_with(PROMPT.as_bytes()) {
            before(prompts);
            let line = lines.get(prompts).copied().unwrap_or("");
            // It may have ended by itself.
            let _ = to.write_all(format!("{line}\n").as_bytes());
            prompts += 1;
        }
    }
    let status = script.wait().unwrap();
    (
        String::from_utf8_lossy(&shown).into_owned(),
        status.code().unwrap(),
    )
}

fn arguments<'a>(policy: &'a str, guest: &'a str, input: &'a str) -> Vec<&'a str> {
    vec!["run", guest, "--policy", policy, "--input-text", input]
}

#[test]
fn a_person_answers_and_always_is_written() {
    if !has_terminal() {
        return;
    }
    let hostile = guest("hostile");
    for (lines, result, written) in [
        (&["o"][..], "Ok(\"alpha\")", false),
        (&["session"], "Ok(\"alpha\")", false),
        (&["y", "always"], "Ok(\"alpha\")", true),
        (&["n"], "not-approved", false),
        (&[""], "not-approved", false),
        (&["y", "yes", "1", "session"], "not-approved", false),
    ] {
        let folder = folder("");
        let path = policy_of(folder.path());
        let before = std::fs::read_to_string(&path).unwrap();
        let policy = path.to_str().unwrap();
        let input = "read-file data a.txt";
        let (shown, status) = typed(&arguments(policy, &hostile, input), lines, |_| ());
        assert_eq!(status, 0, "{shown}");
        assert!(shown.contains(result), "{lines:?}: {shown}");
        assert!(
            shown.contains("hostile asks: read \"data/a.txt\""),
            "{shown}"
        );
        assert!(
            shown.contains("root = \"data\", access = \"read\""),
            "{shown}"
        );
        assert!(
            shown.contains("writes `ask = false # for now` to"),
            "{shown}"
        );
        assert!(shown.contains("policy.toml:"), "{shown}");
        let after = std::fs::read_to_string(&path).unwrap();
        match written {
            true => assert_eq!(after, before.replace("ask = true", "ask = false")),
            false => assert_eq!(after, before),
        }
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 2, "nothing is left beside it");
    }
}

/// `call` asks as well, and without the wall the program writes by itself.
#[test]
fn call_asks_and_writes_without_a_wall() {
    if !has_terminal() {
        return;
    }
    let folder = folder("");
    let path = policy_of(folder.path());
    let policy = path.to_str().unwrap();
    let hostile = guest("hostile");
    let call = "run(\"read-file data a.txt\")";
    let words = ["call", &hostile, call, "--policy", policy, "--wall", "off"];
    let (shown, status) = typed(&words, &["a"], |_| ());
    assert!(shown.contains("alpha"), "{shown}");
    assert_eq!(status, 0);
    let after = std::fs::read_to_string(&path).unwrap();
    assert!(after.contains("ask = false # for now"), "{after}");
}

/// A file that somebody changed while the question was open is left to them.
#[test]
fn a_policy_that_has_changed_is_not_written() {
    if !has_terminal() {
        return;
    }
    let folder = folder("");
    let path = policy_of(folder.path());
    let policy = path.to_str().unwrap();
    let changed = "# by another\n";
    let (shown, _) = typed(
        &arguments(policy, &guest("hostile"), "read-file data a.txt"),
        &["always"],
        |_| std::fs::write(&path, changed).unwrap(),
    );
    assert!(shown.contains("is not written: it has changed"), "{shown}");
    assert!(shown.contains("Ok(\"alpha\")"), "{shown}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), changed);
}

/// The name of a file moves nothing on the terminal and looks like no line of this program.
#[test]
fn hostile_text_moves_nothing_on_the_terminal() {
    if !has_terminal() {
        return;
    }
    let folder = folder("");
    let policy = policy_of(folder.path());
    let hostile = "read-file data \u{1b}[2J\u{9b}1A\r\" by the owner\u{202e}\nallow? ";
    let (shown, _) = typed(
        &arguments(policy.to_str().unwrap(), &guest("hostile"), hostile),
        &["n"],
        |_| (),
    );
    let question = shown.lines().find_map(|line| line.split_once("question: "));
    let expected =
        "hostile asks: read \"data/\\u{1b}[2J\\u{9b}1A\\r\\\" by the owner\\u{202e}\\nallow? \"";
    assert_eq!(
        question.map(|(_, it)| it.trim_end()),
        Some(expected),
        "{shown}"
    );
}

/// Lines that were typed before a question was shown do not answer it.
#[test]
fn what_was_typed_before_is_no_answer() {
    if !has_terminal() {
        return;
    }
    let folder = folder("");
    let policy = policy_of(folder.path());
    let (shown, _) = typed(
        &arguments(
            policy.to_str().unwrap(),
            &guest("hostile"),
            "question-flood data 2",
        ),
        // The second line of the first answer is there before the second question.
        &["once\nonce", "n"],
        |_| (),
    );
    assert_eq!(shown.matches("question: ").count(), 2, "{shown}");
    assert!(shown.contains("not-approved"), "{shown}");
}

/// Nobody who does not answer in time is asked again, and a late line answers nothing.
#[test]
fn a_person_who_is_not_there_is_asked_once() {
    if !has_terminal() {
        return;
    }
    let folder = folder("limits.question-time = '300ms'");
    let path = policy_of(folder.path());
    let text = std::fs::read_to_string(&path).unwrap();
    // A second rule that asks.
    let (_, rule) = text.split_once("[[grants.files]]").unwrap();
    let more = rule.replace("'data'", "'more'");
    std::fs::write(&path, format!("{text}[[grants.files]]{more}")).unwrap();
    let (shown, _) = typed(
        &arguments(
            path.to_str().unwrap(),
            &guest("hostile"),
            "question-flood data,more 2",
        ),
        &["o"],
        |_| std::thread::sleep(std::time::Duration::from_secs(1)),
    );
    assert_eq!(shown.matches("question: ").count(), 1, "{shown}");
    assert!(shown.contains("nothing more is asked"), "{shown}");
    assert!(shown.contains("not-approved\\\"))\": 4"), "{shown}");
}

/// `check` says which rules ask.
#[test]
fn a_check_names_the_rules_that_ask() {
    let folder = folder("");
    let policy = policy_of(folder.path());
    let words = [
        "check",
        &guest("hostile"),
        "--policy",
        policy.to_str().unwrap(),
    ];
    let checked = run(&words);
    assert_eq!(code(&checked), 0, "{checked:?}");
    let note = "[[grants.files]] root = \"data\", access = \"read\": asks before each use";
    assert!(stderr(&checked).contains(note), "{checked:?}");
    let json = run(&[&words[..], &["--json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(
        json["preflight"]["asking"].as_array().unwrap().len(),
        1,
        "{json}"
    );
}

fn is_denied_unasked(output: &Output) {
    assert_eq!(code(output), 0, "{output:?}");
    let told = format!("{}{}", stdout(output), stderr(output));
    assert!(told.contains("not-approved"), "{told}");
    assert!(!told.contains("question:"), "{told}");
}

/// Without a terminal, or with one that has another use, nobody is asked.
#[test]
fn where_there_is_no_terminal_it_is_denied() {
    let folder = folder("");
    let policy = policy_of(folder.path());
    let (policy, hostile) = (policy.to_str().unwrap(), guest("hostile"));
    let input = "read-file data a.txt";
    is_denied_unasked(&run(&arguments(policy, &hostile, input)));
    if !has_terminal() {
        return;
    }
    let quiet = [&arguments(policy, &hostile, input)[..], &["--quiet"]].concat();
    let report = [&arguments(policy, &hostile, input)[..], &["--report", "-"]].concat();
    // The end of the input, as it is typed.
    let end = "\u{4}\u{4}";
    let stdin = ["run", &hostile, "--policy", policy, "--input", "-"].to_vec();
    for (first, words) in [
        ("", quiet),
        ("", report),
        (&*format!("{input}{end}"), stdin),
    ] {
        let (shown, _) = typed_after(first, &words, &["o"], |_| panic!("it asks"));
        assert!(shown.contains("not-approved"), "{shown}");
        assert!(!shown.contains("question:"), "{shown}");
    }
}

/// A guest that writes to the terminal itself could write what looks like a question.
#[test]
fn a_guest_that_writes_to_the_terminal_is_not_asked_about() {
    if !has_terminal() {
        return;
    }
    let folder = folder("");
    let path = policy_of(folder.path());
    let text = std::fs::read_to_string(&path).unwrap();
    for (stdio, asks) in [("captured", true), ("inherit", false)] {
        let (_, rule) = text.split_once("# why it asks").unwrap();
        let wasi = format!("[grants.wasi]\nstdio = '{stdio}'\npreopens = ['data']\n{rule}");
        std::fs::write(&path, wasi).unwrap();
        let (policy, command) = (path.to_str().unwrap(), guest("hello-command"));
        let words = [
            "run",
            &command,
            "--policy",
            policy,
            "--",
            "read",
            "data/a.txt",
        ];
        let (shown, _) = typed(&words, &["s"], |_| assert!(asks));
        assert_eq!(shown.contains("question:"), asks, "{shown}");
        assert_eq!(shown.contains("alpha"), asks, "{shown}");
    }
}
