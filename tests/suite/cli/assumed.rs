//! `--assume-interface`: components for a host that has interfaces of its own, judged by this program.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use tollgate::Policy;

use support::cli::{code, guest, run, stderr, stdout};

const FEEDS: &str = "acme:report/feeds@1.0.0";
const ASSUMED: &str = "--assume-interface=acme:report/feeds@1.0.0";

/// The guest imports WASI and `FEEDS`.
fn check(more: &[&str]) -> std::process::Output {
    let reader = guest("feed-reader");
    let args = ["check", &reader, "--no-policy", "--grant", "wasi=inert"];
    run(&[&args, more].concat())
}

#[test]
fn an_interface_that_is_assumed_is_granted_by_the_policy_or_not() {
    let said = check(&[]);
    assert_eq!(code(&said), 3);
    let cure =
        format!("note: for a host that has interfaces of its own: --assume-interface {FEEDS}\n");
    assert!(stderr(&said).ends_with(&cure), "{}", stderr(&said));

    let grant = format!("interface={FEEDS}");
    let said = check(&[ASSUMED]);
    assert_eq!(code(&said), 3);
    assert!(stdout(&said).contains(&format!("denied   {FEEDS}\n")));
    assert!(
        stderr(&said).contains(&format!("(or --grant {grant})")),
        "{}",
        stderr(&said)
    );
    assert!(!stderr(&said).contains("assume"));

    let said = check(&[ASSUMED, "--grant", &grant]);
    assert_eq!((code(&said), stderr(&said).as_str()), (0, ""));
    assert!(
        stdout(&said).contains(&format!("assumed  {FEEDS}\n")),
        "{}",
        stdout(&said)
    );
    let value: Value =
        serde_json::from_str(&stdout(&check(&[ASSUMED, "--grant", &grant, "--json"]))).unwrap();
    assert_eq!(
        (&value["verdict"], &value["imports"][0]["verdict"]),
        (&"granted".into(), &"assumed".into())
    );

    // The grant alone makes no interface.
    assert_eq!(code(&check(&["--grant", &grant])), 3);
    // Parameters are the other host's to read.
    let folder = TempDir::new().unwrap();
    let policy = folder.path().join("policy.toml");
    let text =
        format!("grants.wasi = 'inert'\ngrants.interfaces.'{FEEDS}' = {{ names = ['ecb'] }}\n");
    std::fs::write(&policy, text).unwrap();
    let said = run(&[
        "check",
        &guest("feed-reader"),
        ASSUMED,
        "--policy",
        policy.to_str().unwrap(),
    ]);
    assert_eq!((code(&said), stderr(&said).as_str()), (0, ""));
}

#[test]
fn the_least_policy_for_such_a_host_is_emitted() {
    let reader = guest("feed-reader");
    let inspect = ["inspect", &reader, "--no-policy", "--emit-policy"];
    let said = run(&inspect);
    assert_eq!((code(&said), stdout(&said).as_str()), (3, ""));
    assert!(
        stderr(&said).contains(ASSUMED.replace('=', " ").as_str()),
        "{}",
        stderr(&said)
    );
    let said = run(&[&inspect[..], &[ASSUMED]].concat());
    assert_eq!(code(&said), 0);
    let policy = Policy::parse(&stdout(&said), Path::new("/")).unwrap();
    assert!(
        policy.grants.interfaces.contains_key(FEEDS),
        "{}",
        stdout(&said)
    );
    let said = run(&[
        "inspect",
        &reader,
        ASSUMED,
        "--grant",
        &format!("interface={FEEDS}"),
    ]);
    assert!(
        stdout(&said).contains(&format!("assumed  {FEEDS}")),
        "{}",
        stdout(&said)
    );
    let folder = Path::new(&reader).parent().unwrap().to_str().unwrap();
    let list = run(&[
        "list",
        folder,
        "--json",
        "--no-policy",
        ASSUMED,
        "-g",
        "wasi=inert",
        "-g",
        &format!("interface={FEEDS}"),
    ]);
    let rows: Value = serde_json::from_str(&stdout(&list)).unwrap();
    let row = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["name"] == "feed-reader");
    assert_eq!(row.unwrap()["imports"][0]["verdict"], "assumed");
}

/// What is run or compiled for running has what this program has, and nothing is assumed.
#[test]
fn nothing_is_assumed_of_what_is_run() {
    for command in ["run", "call", "compile"] {
        let said = run(&[command, &guest("feed-reader"), ASSUMED]);
        assert_eq!(code(&said), 2, "{command}");
        assert!(
            stderr(&said).contains("unexpected argument '--assume-interface'"),
            "{}",
            stderr(&said)
        );
    }
    for name in [
        "wasi:cli/stdout@0.2.0",
        "tollgate:provider/log@0.1.0",
        "feeds",
    ] {
        let said = check(&["--assume-interface", name]);
        assert_eq!(code(&said), 2, "{name}");
        assert!(
            stderr(&said).starts_with(&format!("error: --assume-interface {name}: `")),
            "{}",
            stderr(&said)
        );
    }
}
