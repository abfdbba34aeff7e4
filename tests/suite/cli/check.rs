//! `tollgate check`: several components at once, the objects that their policy names, and its unused grants.

use serde_json::Value;
use tempfile::TempDir;

use support::cli::{code, guest, run, stderr, stdout};

#[test]
fn one_bad_component_hides_no_other() {
    let (echo, hostile, missing) = (guest("echo"), guest("hostile"), "no/such.wasm");
    let said = run(&["check", missing, &hostile, &echo]);
    assert_eq!(code(&said), 3, "the worst");
    let verdicts: Vec<String> = stdout(&said)
        .lines()
        .filter(|line| !line.starts_with(' '))
        .map(str::to_owned)
        .collect();
    let wanted = [
        format!("{missing}: failed"),
        format!("{hostile}: refused"),
        format!("{echo}: granted"),
    ];
    assert_eq!(verdicts, wanted);
    let errors = stderr(&said);
    assert!(
        errors.contains(&format!("error: {hostile}: 6 imports not granted:")),
        "{errors}"
    );
    assert!(errors.contains("error: no/such.wasm"), "{errors}");

    let said = run(&["check", "--json", missing, &hostile, &echo]);
    assert_eq!(code(&said), 3);
    let value: Value = serde_json::from_str(&stdout(&said)).unwrap();
    let all = value["components"].as_array().unwrap();
    let verdicts: Vec<&str> = all
        .iter()
        .map(|one| one["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["unknown", "refused", "granted"]);
    assert_eq!(all[2]["component"], echo.as_str());
    assert!(value["preflight"]["missing"].as_array().unwrap().is_empty());

    let said = run(&["check", missing, &echo]);
    assert_eq!(code(&said), 2);
    assert_eq!(code(&run(&["check", &echo, &echo])), 0);
}

/// A11-wrong-type: one judgement, whichever command is asked.
#[test]
fn an_import_of_another_type_is_refused_by_each_command() {
    let (guest, grant) = (guest("wrong-type"), "--grant=config=key:value");
    let folder = TempDir::new().unwrap();
    let cache = format!("--cache={}", folder.path().join("cache").display());
    let why = "tollgate:provider/config@0.1.0: it has another type than this host's: ";
    for command in ["check", "compile", "run"] {
        let mut args = vec![command, &guest, grant];
        args.extend((command == "compile").then_some(&*cache));
        let said = run(&args);
        assert_eq!(code(&said), 3, "{command}: {said:?}");
        assert!(stderr(&said).contains(why), "{command}: {said:?}");
    }
    let told = stdout(&run(&["inspect", &guest, grant]));
    assert!(told.contains("unknown  tollgate:provider/config"), "{told}");
    std::fs::copy(&guest, folder.path().join("wrong-type.wasm")).unwrap();
    std::fs::write(folder.path().join("wrong-type.toml"), "grants.config = {}").unwrap();
    let policy = folder.path().join("wrong-type.toml");
    let policy = policy.to_str().unwrap();
    let said = run(&["list", folder.path().to_str().unwrap(), "--policy", policy]);
    assert!(stdout(&said).contains("1 unknown"), "{said:?}");
}

#[test]
fn a_report_of_several_is_what_json_prints() {
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("report.json");
    let (echo, hostile) = (guest("echo"), guest("hostile"));
    let said = run(&[
        "check",
        "--json",
        &echo,
        &hostile,
        "--report",
        report.to_str().unwrap(),
    ]);
    assert_eq!(code(&said), 3);
    assert_eq!(std::fs::read_to_string(&report).unwrap(), stdout(&said));
    let said = run(&["check", &echo, &hostile, "--report", "-"]);
    let value: Value = serde_json::from_str(&stderr(&said)).unwrap();
    assert_eq!(value["components"][1]["verdict"], "refused");
}

#[test]
fn what_the_policy_names_is_checked_with_the_component() {
    let echo = guest("echo");
    let said = run(&["check", &echo, "--grant", "files=data:no/such/folder"]);
    assert_eq!(code(&said), 2, "{}", stderr(&said));
    assert!(
        stderr(&said).contains("error: the policy grants `data`, but no/such/folder: "),
        "{}",
        stderr(&said)
    );
    let said = run(&[
        "check",
        "--json",
        &echo,
        "--grant",
        "files=data:no/such/folder",
    ]);
    assert_eq!(code(&said), 2);
    let value: Value = serde_json::from_str(&stdout(&said)).unwrap();
    assert_eq!(value["verdict"], "granted");
    assert_eq!(value["preflight"]["missing"].as_array().unwrap().len(), 1);
    // A refusal is the worse of the two.
    let said = run(&[
        "check",
        &guest("hostile"),
        "--grant",
        "files=data:no/such/folder",
    ]);
    assert_eq!(code(&said), 3);
    assert!(stderr(&said).contains("no/such/folder"));
}

#[test]
fn a_grant_that_nothing_asks_for_is_noted() {
    let (echo, hostile) = (guest("echo"), guest("hostile"));
    let said = run(&["check", &echo, "--grant", "hash", "--grant", "store"]);
    assert_eq!(code(&said), 0);
    let note = "note: granted, and not asked for: grants.hash, grants.store\n";
    assert_eq!(stderr(&said), note);
    let said = run(&["check", "--quiet", &echo, "--grant", "hash"]);
    assert_eq!((code(&said), stderr(&said).as_str()), (0, ""));
    let said = run(&["check", "--json", &echo, "--grant", "hash"]);
    let value: Value = serde_json::from_str(&stdout(&said)).unwrap();
    assert_eq!(value["unused"], serde_json::json!(["grants.hash"]));
    // Another component asks for it.
    let said = run(&[
        "check",
        &echo,
        &hostile,
        "--grant",
        "hash",
        "--grant",
        "wasi=inert",
    ]);
    assert!(
        stderr(&said).contains("not asked for: grants.wasi\n"),
        "{}",
        stderr(&said)
    );
}

#[test]
fn mistakes_of_the_policy_are_told_once_and_together() {
    let folder = TempDir::new().unwrap();
    let policy = folder.path().join("policy.toml");
    std::fs::write(&policy, "fuel = 1\n[limits]\nmemory = 0\n").unwrap();
    let (echo, at) = (guest("echo"), policy.to_str().unwrap());
    let said = run(&["check", &echo, &echo, "--policy", at]);
    assert_eq!(code(&said), 2);
    let wanted = format!(
        "error: {at}:1:1: fuel: unknown key here; it belongs under `[limits]`\n  |\n1 | fuel = 1\n  | ^^^^\n\
         error: {at}:3:10: limits.memory: 0B is less than the least allowed, 64KiB: from one page of wasm to all that 32 bits can \
         address\n  |\n3 | memory = 0\n  |          ^\n"
    );
    assert_eq!(stderr(&said), wanted);
}

#[test]
fn a_stub_is_told_and_refuses_nothing() {
    let (stubs, grant) = (guest("stubs"), "--grant=stub=acme:telemetry/*");
    let said = run(&["check", &stubs, "--no-policy", grant]);
    assert_eq!((code(&said), stderr(&said).as_str()), (0, ""));
    assert!(
        stdout(&said).starts_with("stubbed  acme:telemetry/metrics@1.0.0\n"),
        "{}",
        stdout(&said)
    );
    let said = run(&["inspect", &stubs, "--no-policy", grant, "--emit-policy"]);
    assert!(
        stdout(&said).contains("stub = [\"acme:telemetry/*\"]"),
        "{}",
        stdout(&said)
    );
    let said = run(&["call", &stubs, "loop()", "--no-policy", grant, "-v"]);
    assert_eq!(code(&said), 4);
    let why = "denied stub acme:telemetry/metrics@1.0.0 record: not-granted: the policy grants nothing that matches it; \
        a grant of its interface beside `stub` allows it";
    assert!(stderr(&said).contains(why), "{}", stderr(&said));
}
