//! `tollgate attack`: the table, the JSON, and mistakes of the one who calls it.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use support::cli::{code, run, stderr, stdout};

const WIT: &str = "
    package acme:report@1.0.0;
    world plugin { import wasi:clocks/monotonic-clock@0.2.0; export render: func(title: string) -> string; }
    world other { export render: func(); }
";

const CLOCKS: &str = "
    package wasi:clocks@0.2.0;
    interface monotonic-clock { type instant = u64; now: func() -> instant; }
";

fn wit(text: &str) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("report.wit"), text).unwrap();
    fs::create_dir(folder.path().join("deps")).unwrap();
    fs::write(folder.path().join("deps/clocks.wit"), CLOCKS).unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn a_world_is_attacked_and_a_table_says_what_came() {
    let (_folder, wit) = wit(WIT);
    let attack = |more: &[&str]| {
        let mut args = vec![
            "attack",
            "--wit",
            &wit,
            "--world",
            "acme:report/plugin",
            "--no-policy",
        ];
        args.extend([
            "--only",
            "loop",
            "--only",
            "result-utf8",
            "--only",
            "import-flood",
            "--only",
            "import-not-granted",
        ]);
        args.extend(more);
        run(&args)
    };
    let output = attack(&[]);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let said = stdout(&output);
    for line in [
        "loop                     1  fuel",
        "import-not-granted       1  refused",
    ] {
        assert!(said.contains(line), "{said}");
    }
    assert!(
        said.ends_with("acme:report/plugin@1.0.0: 3 attacks, all as expected (--seed 0)\n"),
        "{said}"
    );
    let output = attack(&["--grant", "wasi=inert", "--json", "--seed", "7"]);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let said: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(said["seed"], 7);
    let rows = said["rows"].as_array().unwrap();
    let row = |attack: &str| rows.iter().find(|row| row["attack"] == attack);
    assert_eq!(row("result-utf8").unwrap()["came"], "trap");
    let flood = row("import-flood").unwrap();
    assert_eq!(flood["target"], "wasi:clocks/monotonic-clock@0.2.0.now");
    assert_eq!(flood["wrong"], Value::Null);
    assert!(row("import-not-granted").is_none());
}

#[test]
fn what_cannot_be_attacked_says_where_and_why() {
    let folder = TempDir::new().unwrap();
    let policy = folder.path().join("policy.toml");
    fs::write(&policy, "limits.fule = 1").unwrap();
    let policy = policy.to_str().unwrap();
    let (_good, good) = wit(WIT);
    let (_bad, bad) = wit("package acme:report; world plugin {");
    for (args, says) in [
        (
            &["--wit", "no-such-folder"][..],
            "no-such-folder: cannot be read",
        ),
        (&["--wit", &bad], "the WIT does not parse"),
        (&["--wit", &good], "name one with --world"),
        (
            &["--wit", &good, "--world", "plugni"],
            "did you mean `plugin`?",
        ),
        (
            &["--wit", &good, "--world", "plugin", "--policy", policy],
            "unknown key; did you mean `fuel`?",
        ),
        (
            &["--wit", &good, "--world", "plugin", "--only", "lopp"],
            "there is no such attack; there are loop, ",
        ),
        (
            &[
                "--wit",
                &good,
                "--world",
                "plugin",
                "--no-policy",
                "--fuel",
                "1",
                "--only",
                "loop",
            ],
            "render: fuel the budget of 1 fuel was used up",
        ),
    ] {
        let mut all = vec!["attack"];
        all.extend(args);
        let output = run(&all);
        assert_eq!(code(&output), 2, "{args:?} {}", stderr(&output));
        assert!(
            stderr(&output).contains(says),
            "{args:?} {}",
            stderr(&output)
        );
    }
}
