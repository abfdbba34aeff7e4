//! `tollgate test`: cases of a component, played and compared.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use support::cli::{code, guest, run, stderr, stdout};

/// The path of a file of cases with this text.
fn cases(folder: &Path, text: &str) -> String {
    let path = folder.join("cases.toml");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn test(guest_name: &str, cases: &str, more: &[&str]) -> std::process::Output {
    let component = guest(guest_name);
    run(&[
        &["test", &*component, "--cases", cases, "--no-policy"],
        more,
    ]
    .concat())
}

#[test]
fn the_cases_of_the_samples_pass() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/cases");
    let mut files: Vec<PathBuf> = fs::read_dir(samples)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        if name.starts_with("polyglot") {
            continue;
        }
        let policy = file
            .parent()
            .unwrap()
            .with_file_name(format!("{name}.toml"));
        // Cases that several components share name no policy.
        let output = run(&[
            "test",
            &guest(name),
            "--cases",
            file.to_str().unwrap(),
            "--policy",
            policy.to_str().unwrap(),
        ]);
        assert_eq!(
            code(&output),
            0,
            "{name}: {}{}",
            stdout(&output),
            stderr(&output)
        );
        assert!(stdout(&output).ends_with(" passed, 0 failed\n"), "{name}");
    }
}

/// Each expectation is one that can fail.
#[test]
fn each_difference_is_told() {
    let folder = TempDir::new().unwrap();
    for (case, says) in [
        (
            "input = \"a\\nb\"\nreturns = \"a\\nc\"",
            "returns, line 2:\n        expected  c\n        found     b",
        ),
        (
            "input = \"a\"\nfails = \"not-found\"",
            "fails not-found is expected, and it returns a",
        ),
        (
            "input = \"fail:no\"\nreturns = \"x\"",
            "returns x is expected, and it fails with invalid-input: no",
        ),
        (
            "input = \"fail:no\"\nfails = \"invalid-input: yes\"",
            "and it fails with invalid-input: no",
        ),
        (
            "input = \"a\"\nfaults = \"fuel\"",
            "faults fuel is expected, and it returns a",
        ),
        (
            "input = \"a\"\nexit = 1",
            "exit 1 is expected, and it returns a",
        ),
        (
            "input = \"a\"\nrefused = \"imports\"",
            "refused imports is expected, and it returns a",
        ),
        (
            "input = \"a\"\nreturns = \"a\"\nfuel = 1",
            "fuel 1 is the most, and it took ",
        ),
        (
            "input = \"a\"\nreturns = \"a\"\nlogs = [\"info: x\"]",
            "logs: - is expected, + is found\n        - info: x",
        ),
        (
            "input = \"a\"\nreturns = \"a\"\ndenied = [\"files a/b: unknown-root\"]",
            "- files a/b: unknown-root",
        ),
    ] {
        let path = cases(folder.path(), &format!("[[case]]\nname = \"one\"\n{case}"));
        let output = test("echo", &path, &[]);
        assert_eq!(code(&output), 1, "{case}: {}", stderr(&output));
        let said = stdout(&output);
        assert!(said.starts_with("FAIL  one\n"), "{said}");
        assert!(said.contains(says), "{case}: {said}");
        assert!(said.ends_with("0 passed, 1 failed\n"), "{said}");
    }
    // A fault, with the policy of the case.
    fs::write(folder.path().join("low.toml"), "limits.fuel = 100").unwrap();
    let case = "[[case]]\nname = \"low\"\npolicy = \"low.toml\"\ninput = \"a\"\nfaults = \"fuel\"";
    let output = test("echo", &cases(folder.path(), case), &[]);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
}

/// A denial is expected, or a mistake.
#[test]
fn denials_are_compared_whole() {
    let folder = TempDir::new().unwrap();
    fs::write(
        folder.path().join("policy.toml"),
        "grants.wasi = \"inert\"\ngrants.http = []",
    )
    .unwrap();
    let case = |more: &str| {
        format!(
            "policy = \"policy.toml\"\n[[case]]\nname = \"asks\"\nargs = [\"get\", \"http://127.0.0.1:1/\"]\nexit = 1\n{more}"
        )
    };
    let output = test("http-client", &cases(folder.path(), &case("")), &[]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    let said = stdout(&output);
    assert!(
        said.contains("+ http http://127.0.0.1:1/: not-granted"),
        "{said}"
    );
    let denied = "denied = [\"http http://127.0.0.1:1/: not-granted\"]";
    let output = test("http-client", &cases(folder.path(), &case(denied)), &[]);
    assert_eq!(code(&output), 0, "{}", stdout(&output));
}

/// A case that goes another way the second time is told, unless it may.
#[test]
fn two_runs_are_compared() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("root")).unwrap();
    let policy = "grants.wasi = { preopens = [{ root = 'files', at = '/' }] }\n\
        grants.files = [{ root = 'files', path = 'root', access = 'read-write' }]";
    fs::write(folder.path().join("policy.toml"), policy).unwrap();
    let case = |more: &str| {
        format!(
            "policy = \"policy.toml\"\n[[case]]\nname = \"makes\"\ninput = \"mkdir a\\n\"\nreturns = \"done\\n\"\n{more}"
        )
    };
    let path = cases(folder.path(), &case(""));
    let output = test("file-script", &path, &[]);
    let said = stdout(&output);
    assert_eq!(code(&output), 1, "{said}{}", stderr(&output));
    let told = "a second run has another outcome; write `differs = true` if it may";
    assert!(said.contains(told), "{said}");
    fs::remove_dir(folder.path().join("root/a")).unwrap();
    let path = cases(folder.path(), &case("differs = true"));
    let output = test("file-script", &path, &[]);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
}

#[test]
fn ends_are_written_into_the_file_which_stays_as_it_is() {
    let folder = TempDir::new().unwrap();
    let text = "# Mine.\n[[case]]\nname = \"a\" # the first\ninput = \"x\"\nreturns = \"y\"\n\n[[case]]\nname = \"b\"\ninput = \"fail:no\"\n\n\
        [[case]]\nname = \"c\"\ninput = \"z\"\nreturns-file = \"c.txt\"\n";
    let path = cases(folder.path(), text);
    let output = test("echo", &path, &["--bless"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("3 of 3 cases are written anew"),
        "{}",
        stderr(&output)
    );
    let written = fs::read_to_string(&path).unwrap();
    let expected = "# Mine.\n[[case]]\nname = \"a\" # the first\ninput = \"x\"\nreturns = \"x\"\n\n[[case]]\nname = \"b\"\ninput = \"fail:no\"\n\
        fails = \"invalid-input: no\"\n\n[[case]]\nname = \"c\"\ninput = \"z\"\nreturns-file = \"c.txt\"\n";
    assert_eq!(written, expected);
    assert_eq!(
        fs::read_to_string(folder.path().join("c.txt")).unwrap(),
        "z"
    );
    // Now they pass, one by its name as well, and in the formats of programs.
    let junit = folder.path().join("junit.xml");
    let more = [
        "--filter",
        "b",
        "--json",
        "--junit",
        junit.to_str().unwrap(),
    ];
    let output = test("echo", &path, &more);
    assert_eq!(code(&output), 0, "{}", stdout(&output));
    let said: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&said["passed"], &said["failed"]), (&1.into(), &0.into()));
    assert_eq!(said["cases"][0]["name"], "b");
    let junit = fs::read_to_string(junit).unwrap();
    assert!(
        junit.contains("tests=\"1\"") && junit.contains("name=\"b\""),
        "{junit}"
    );
}

#[test]
fn bad_input_is_told_with_its_place_and_nothing_is_lost() {
    let folder = TempDir::new().unwrap();
    for (text, more, says) in [
        (
            "[[case]]\nname = \"a\"\nretruns = \"x\"",
            [].as_slice(),
            "did you mean `returns`?",
        ),
        (
            "[[case]]\nname = \"a\"\nreturns = \"x\"",
            &["--filter", "b"],
            "--filter b: no case has this",
        ),
        (
            "[[case]]\nname = \"a\"\ninput-file = \"no.txt\"\nreturns = \"x\"",
            &[],
            "no.txt",
        ),
        (
            "policy = \"no.toml\"\n[[case]]\nname = \"a\"\nreturns = \"x\"",
            &[],
            "no.toml",
        ),
        (
            "[[case]]\nname = \"a\"\nretruns = \"x\"",
            &["--bless"],
            "line 3",
        ),
    ] {
        let path = cases(folder.path(), text);
        let output = test("echo", &path, more);
        let said = stderr(&output);
        assert_eq!(code(&output), 2, "{text}: {said}");
        assert!(said.contains(says), "{text}: {said}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    // A component that is refused, where no case expects it.
    let path = cases(folder.path(), "[[case]]\nname = \"a\"\nreturns = \"x\"");
    assert_eq!(code(&test("checksums", &path, &[])), 3);
}

/// The other cases run, and what could not be called is told as theirs is.
#[test]
fn a_case_that_cannot_be_called_is_one_that_failed() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("secret"), "TOPSECRET").unwrap();
    for (case, says) in [
        (
            "args = [\"x\"]",
            "cannot be called: args are for WASI commands",
        ),
        ("call = 'nope()'", "cannot be called: "),
        ("call = 'run(1)'", "cannot be called: "),
        (
            "call = 'run(@\"secret\", 1)'",
            "run(@\"secret\", 1): the arguments do not fit",
        ),
    ] {
        let good = "[[case]]\nname = \"good\"\ninput = \"x\"\nreturns = \"x\"";
        let text = format!("{good}\n[[case]]\nname = \"bad\"\n{case}\nreturns = \"x\"");
        let path = cases(folder.path(), &text);
        let output = test("echo", &path, &[]);
        let said = stdout(&output);
        assert_eq!(code(&output), 1, "{said}{}", stderr(&output));
        assert!(
            said.contains(says) && said.ends_with("1 passed, 1 failed\n"),
            "{said}"
        );
        assert!(!said.contains("TOPSECRET"), "{said}");
        // There is no end to write.
        test("echo", &path, &["--bless"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    // A syntax error is told before a case runs, without the file.
    let text = "[[case]]\nname = \"a\"\ncall = 'run(@\"secret\" x)'\nreturns = \"x\"";
    let output = test("echo", &cases(folder.path(), text), &[]);
    assert_eq!(code(&output), 2);
    let said = stderr(&output);
    assert!(
        said.contains("case `a`: run(@\"secret\" x): the call is not in WAVE"),
        "{said}"
    );
    assert!(!said.contains("TOPSECRET"), "{said}");
}

/// All is written, or nothing.
#[test]
fn a_result_that_cannot_be_written_leaves_every_file_as_it_was() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.txt"), "old").unwrap();
    fs::write(folder.path().join("binary"), [0xff, 0xfe]).unwrap();
    let text = "[[case]]\nname = \"a\"\ninput = \"new\"\nreturns-file = \"a.txt\"\n\
        [[case]]\nname = \"b\"\ninput-file = \"binary\"\n";
    let path = cases(folder.path(), text);
    let output = test("echo", &path, &["--bless"]);
    assert_eq!(code(&output), 2);
    assert!(
        stderr(&output).contains("give it a returns-file"),
        "{}",
        stderr(&output)
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("a.txt")).unwrap(),
        "old"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    // A folder that is missing is found before a case runs, behind the wall and without it.
    for wall in ["best-effort", "off"] {
        let text = "[[case]]\nname = \"a\"\ninput = \"new\"\nreturns-file = \"a.txt\"\n\
            [[case]]\nname = \"b\"\ninput = \"x\"\nreturns-file = \"no/b.txt\"\n";
        let path = cases(folder.path(), text);
        assert_eq!(code(&test("echo", &path, &["--bless", "--wall", wall])), 2);
        assert_eq!(
            fs::read_to_string(folder.path().join("a.txt")).unwrap(),
            "old"
        );
    }
    let inline = "case = [{ name = \"a\", input = \"x\", returns = \"y\" }]";
    let output = test("echo", &cases(folder.path(), inline), &["--bless"]);
    assert_eq!(code(&output), 2);
    assert!(
        stderr(&output).contains("write each as [[case]]"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn only_what_differs_is_written_and_comments_stay() {
    let folder = TempDir::new().unwrap();
    let text = "[[case]]\nname = \"a\"\n# why this result\nreturns = \"y\" # trail\n# must stay cheap\nfuel = 1_000_000 # most\n\
        input = \"x\"\n\n[[case]]\nname = \"b\"\ninput = \"fail:no\"\nfails = \"invalid-input\" # by its kind\nfuel = 1 # low\n";
    let path = cases(folder.path(), text);
    assert_eq!(code(&test("echo", &path, &["--bless"])), 0);
    let written = fs::read_to_string(&path).unwrap();
    let (head, low) = written.rsplit_once("fuel = ").unwrap();
    let expected = text.replace("\"y\" # trail", "\"x\" # trail");
    assert_eq!(head, expected.rsplit_once("fuel = ").unwrap().0);
    assert!(low.ends_with(" # low\n") && !low.starts_with("1 "), "{low}");
}

/// A guest could change its own expectations, or the policy of the next case.
#[test]
fn no_root_covers_a_file_of_the_cases() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("root")).unwrap();
    for name in ["expected", "input", "policy.toml"] {
        fs::write(folder.path().join("root").join(name), "").unwrap();
    }
    let policy = "grants.wasi = { preopens = [{ root = 'files', at = '/' }] }\n\
        grants.files = [{ root = 'files', path = 'root', access = 'read-write' }]";
    fs::write(folder.path().join("policy.toml"), policy).unwrap();
    let junit = folder.path().join("root/junit.xml");
    let other = "[[case]]\nname = \"other\"\npolicy = \"root/policy.toml\"\nreturns = \"\"";
    for (case, more, says) in [
        (
            "returns-file = \"root/expected\"",
            [].as_slice(),
            "an expected result",
        ),
        (
            "returns = \"\"\ninput-file = \"root/input\"",
            &[],
            "an input",
        ),
        (
            &*format!("returns = \"\"\n{other}"),
            &[],
            "the policy of a case",
        ),
        (
            "returns = \"\"",
            &["--junit", junit.to_str().unwrap()],
            "the results",
        ),
        (
            "call = 'run(@\"root/input\")'\nreturns = \"\"",
            &[],
            "an argument",
        ),
        // A case that is left out this time.
        (
            "returns = \"\"\n[[case]]\nname = \"b\"\nreturns-file = \"root/expected\"",
            &["--filter", "a"],
            "an expected result",
        ),
    ] {
        let text = format!("policy = \"policy.toml\"\n[[case]]\nname = \"a\"\n{case}");
        let output = test("file-script", &cases(folder.path(), &text), more);
        assert_eq!(code(&output), 2, "{case}: {}", stderr(&output));
        assert!(
            stderr(&output).contains(says),
            "{case}: {}",
            stderr(&output)
        );
    }
}

/// Output that goes straight to this program's own cannot be compared, and could write its own results.
#[test]
fn inherited_output_is_refused() {
    let folder = TempDir::new().unwrap();
    fs::write(
        folder.path().join("policy.toml"),
        "grants.wasi = { stdio = \"inherit\" }",
    )
    .unwrap();
    let text = "policy = \"policy.toml\"\n[[case]]\nname = \"a\"\nreturns = \"\"";
    let output = test("hello-command", &cases(folder.path(), text), &["--json"]);
    assert_eq!(code(&output), 2);
    assert!(
        stderr(&output).contains("write \"captured\""),
        "{}",
        stderr(&output)
    );
    assert!(!stdout(&output).contains("current folder"));
}
