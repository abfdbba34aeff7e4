//! The words of refusals, denials and panics, and the width of tables.

use std::fs;

use tempfile::TempDir;

use support::cli::{code, guest, run, run_with_input, stderr, stdout};

#[test]
fn a_refusal_names_its_file() {
    for (name, more) in [
        ("checksums", [].as_slice()),
        ("core-module", &[]),
        ("echo", &["--component-size", "4KiB"]),
        ("echo", &["--require-signature"]),
        ("counter", &[]),
    ] {
        let file = guest(name);
        let output = run(&[&["run", &*file], more].concat());
        assert_eq!(code(&output), 3, "{name}");
        let said = stderr(&output);
        assert!(
            said.starts_with(&format!("error: {file}: ")),
            "{name}: {said}"
        );
    }
    let hostile = TempDir::new().unwrap();
    let path = hostile.path().join("\u{1b}[2J.wasm");
    fs::write(&path, "noise").unwrap();
    let said = stderr(&run(&["run", path.to_str().unwrap()]));
    assert!(
        said.contains("\\u{1b}[2J.wasm: ") && !said.contains('\u{1b}'),
        "{said}"
    );
}

#[test]
fn a_missing_export_lists_those_that_are_there() {
    let counter = guest("counter");
    let said = stderr(&run(&["call", &counter, "nxt()"]));
    assert!(said.contains("did you mean `next`?"), "{said}");
    assert!(
        said.contains("it exports `next`, `grow`, `work`, `trap`"),
        "{said}"
    );
    let said = stderr(&run(&["run", &counter]));
    assert!(
        said.contains("`run: func(") && said.contains("it exports `next`"),
        "{said}"
    );
    // Eight are named, and the rest counted.
    let exports: String = (0..11)
        .map(|n| format!("(func (export \"f{n}\") (canon lift (core func $f)))"))
        .collect();
    let text = format!(
        "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
          (alias core export $i \"f\" (core func $f)) {exports})"
    );
    let folder = TempDir::new().unwrap();
    let many = folder.path().join("many.wasm");
    fs::write(&many, wat::parse_str(text).unwrap()).unwrap();
    let said = stderr(&run(&["call", many.to_str().unwrap(), "g()"]));
    assert!(
        said.contains("`f7` and 3 more") && !said.contains("`f8`"),
        "{said}"
    );
    let said = stderr(&run(&["call", &guest("long-names"), "x()"]));
    assert!(
        said.len() < 8_000 && !said.contains('\u{1b}'),
        "{}",
        said.len()
    );
}

#[test]
fn imports_with_one_cure_are_one_line() {
    let output = run(&["check", &guest("hello-command")]);
    assert_eq!(code(&output), 3);
    let said = stderr(&output);
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("wasi:")).collect();
    let [line] = lines[..] else {
        panic!("{said}");
    };
    assert!(
        line.contains(" more: denied; add `grants.wasi = \"inert\"`"),
        "{line}"
    );
    assert!(line.ends_with("(or --grant wasi=inert)"), "{line}");
    // The document has each of them.
    let json = stdout(&run(&["check", &guest("hello-command"), "--json"]));
    assert!(json.matches("\"wasi:").count() > 3, "{json}");
}

#[test]
fn tables_fit_a_terminal() {
    let cache = TempDir::new().unwrap();
    let at = cache.path().join("cache");
    let at = at.to_str().unwrap();
    let folder = TempDir::new().unwrap();
    for name in ["echo", "hello-command", "newer-version"] {
        let to = folder
            .path()
            .join(format!("{name}-with-a-name-of-its-own.wasm"));
        fs::copy(guest(name), to).unwrap();
    }
    let echo = guest("echo");
    assert_eq!(code(&run(&["compile", &echo, "--cache", at])), 0);
    for arguments in [
        ["inspect", &guest("hostile")].as_slice(),
        &["inspect", &guest("hello-command")],
        &["list", folder.path().to_str().unwrap()],
        &["cache", "list", "--cache", at],
    ] {
        let text = stdout(&run(arguments));
        assert!(!text.is_empty(), "{arguments:?}");
        for line in text.lines() {
            let wide = line.chars().count() > 80;
            // A line that a person copies stays whole.
            let whole = line.trim_start().starts_with("grants.");
            assert!(!wide || whole, "{arguments:?}: {line}");
        }
    }
}

#[test]
fn the_cache_knows_its_components_by_name() {
    let folder = TempDir::new().unwrap();
    let at = folder.path().join("cache");
    let at = at.to_str().unwrap();
    let hostile = folder.path().join("\u{1b}[2Jcounter.wasm");
    fs::copy(guest("counter"), &hostile).unwrap();
    // As long as a file's name may be; the cache keeps a part of it.
    let long = folder.path().join(format!("{}.wasm", "l".repeat(240)));
    fs::copy(guest("handles"), &long).unwrap();
    let names = [hostile.to_str().unwrap(), long.to_str().unwrap()];
    for component in [&[&*guest("echo")], &names[..]].concat() {
        let output = run(&["compile", component, "--cache", at]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
    }
    let table = stdout(&run(&["cache", "list", "--cache", at]));
    assert!(
        table.contains("\necho ") && table.contains("\\u{1b}[2Jcounter"),
        "{table}"
    );
    assert!(!table.contains('\u{1b}'), "{table}");
    let json = stdout(&run(&["cache", "list", "--cache", at, "--json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let mut names: Vec<_> = json["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["name"])
        .collect();
    names.sort_by_key(|name| name.to_string());
    let long = "l".repeat(200);
    assert_eq!(names, ["\u{1b}[2Jcounter", "echo", &long].as_slice());
}

/// A grant for each import of the guest `hostile`, whose root is `folder`.
fn grants_of_all(folder: &TempDir) -> Vec<String> {
    let files = format!("files=data:{}", folder.path().display());
    let others = [
        "log",
        "hash",
        "store",
        "config=a:b",
        "http=https://example.com/**",
    ];
    let others = others.into_iter().map(str::to_owned);
    others.chain([files]).collect()
}

#[test]
fn a_denial_says_what_was_asked_for_and_why() {
    let folder = TempDir::new().unwrap();
    let grants = grants_of_all(&folder);
    let hostile = guest("hostile");
    for (input, said) in [
        (
            "path-escape ../secret",
            "denied files data/../secret: outside-root: the path leads out of its root",
        ),
        (
            "http-get https://me@example.com/",
            "denied http https://me@example.com/: bad-url: the URL has a name or a password before its host",
        ),
    ] {
        let mut arguments = vec!["run", &hostile, "-v", "--input", "-"];
        arguments.extend(grants.iter().flat_map(|grant| ["--grant", grant.as_str()]));
        let output = run_with_input(&arguments, input.as_bytes());
        assert!(
            stderr(&output).contains(said),
            "{input}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn a_key_file_is_read_as_editors_leave_it() {
    let folder = TempDir::new().unwrap();
    let read = |name: &str| {
        fs::read_to_string(format!("{}/minisign/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    let (key, signature) = (read("author.pub"), read("empty.wasm.minisig"));
    let component = folder.path().join("empty.wasm");
    fs::write(&component, b"\0asm\x0d\0\x01\0").unwrap();
    let key_file = folder.path().join("author.pub");
    let as_left: [fn(&str) -> String; 5] = [
        |text| text.to_owned(),
        |text| format!("\u{feff}{text}"),
        |text| text.replace('\n', "\r\n"),
        |text| format!("{text}\n \n"),
        |text| text.trim_end().to_owned(),
    ];
    for left in as_left {
        fs::write(&key_file, left(&key)).unwrap();
        fs::write(folder.path().join("empty.wasm.minisig"), left(&signature)).unwrap();
        let arguments = [
            "verify",
            component.to_str().unwrap(),
            "--pub",
            key_file.to_str().unwrap(),
        ];
        let output = run(&arguments);
        assert_eq!(code(&output), 0, "{:?}: {}", left(&key), stderr(&output));
    }
    // A secret key in such a shape is still not shown.
    let secret = read("author.key").replace('\n', " \r\n");
    fs::write(&key_file, &secret).unwrap();
    let output = run(&[
        "verify",
        component.to_str().unwrap(),
        "--pub",
        key_file.to_str().unwrap(),
    ]);
    assert!(
        stderr(&output).contains("this is a secret key"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_panic_is_more_than_a_trap() {
    let hostile = guest("hostile");
    let folder = TempDir::new().unwrap();
    let grants = grants_of_all(&folder);
    let mut arguments = vec!["run", &hostile, "--input-text", "panic-said"];
    arguments.extend(grants.iter().flat_map(|grant| ["--grant", grant.as_str()]));
    let logged = run(&arguments);
    arguments.extend(["--report", "-"]);
    let report = stderr(&run(&arguments));
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let message = report["fault"]["message"].as_str().unwrap();
    let hello = guest("hello-command");
    let written = run(&["run", &hello, "--grant", "wasi=inert", "--", "panic"]);
    for (said, words) in [
        (
            stderr(&logged),
            "panic_said.rs:8:5: on purpose \\u{1b}[2Jforged",
        ),
        (message.to_owned(), "panic_said.rs:8:5: on purpose"),
        (stderr(&written), "main.rs:109:5: on purpose"),
    ] {
        let line = said
            .lines()
            .find(|line| line.contains("; the guest says: panicked at "));
        let line = line.unwrap_or_else(|| panic!("{said}"));
        assert!(line.contains(words), "{line}");
        assert!(
            line.contains("unreachable") && !line.contains('\u{1b}'),
            "{line}"
        );
    }
}
