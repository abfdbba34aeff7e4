//! `tollgate.lock`: what is pinned on first use, what is refused from then on, and what a broken lock file does.

use tollgate::policy::Lock;

use crate::cli::command;
use crate::harness::source;
use crate::place::Place;

/// A folder with an empty policy.
fn place() -> Place {
    let place = Place::new();
    for guest in ["counter", "checksums"] {
        place.bring(guest, &format!("{guest}.wasm"));
    }
    place.write("policy.toml", "");
    place
}

fn lock(place: &Place) -> String {
    std::fs::read_to_string(place.at(Lock::FILE)).unwrap_or_default()
}

#[test]
fn first_use_pins_and_another_digest_is_refused() {
    let place = place();
    place.ends("run echo.wasm --policy policy.toml", 0);
    assert_eq!(lock(&place), "", "nobody asked");
    place.ends("run echo.wasm --policy policy.toml --lock", 0);
    place.ends("call counter.wasm next() --policy policy.toml --lock", 0);
    let pinned = lock(&place);
    let lines: Vec<&str> = pinned
        .lines()
        .filter(|line| line.contains(" = \"sha256:"))
        .collect();
    assert_eq!(
        lines,
        [
            Lock::line("counter.wasm", &source("counter").digest()),
            Lock::line("echo.wasm", &source("echo").digest()),
        ]
    );
    // What is refused for another reason was not used.
    place.ends("run checksums.wasm --policy policy.toml --lock", 3);
    place.ends("check checksums.wasm --policy policy.toml --lock", 3);
    assert_eq!(lock(&place), pinned);
    // Nor does looking at it pin it.
    place.ends("inspect checksums.wasm --policy policy.toml --lock", 0);
    place.ends("list . --policy policy.toml --lock", 0);
    assert_eq!(lock(&place), pinned);
    place.ends("check checksums.wasm --policy policy.toml --lock --grant log --grant hash --grant files=data:.", 0);
    assert!(lock(&place).contains("\"checksums.wasm\" = "));

    place.bring("counter", "echo.wasm");
    let before = lock(&place);
    for line in [
        "run echo.wasm",
        "check echo.wasm",
        "inspect echo.wasm",
        "call echo.wasm next()",
    ] {
        for flag in ["--lock", "--locked"] {
            let said = place.ends(&format!("{line} --policy policy.toml {flag}"), 3);
            assert!(said.contains("delete the line `\"echo.wasm\" = "), "{said}");
        }
    }
    place.ends(
        "run echo.wasm --policy policy.toml --lock --report report.json",
        3,
    );
    let report = std::fs::read_to_string(place.at("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["refusal"]["kind"], "digest");
    assert_eq!(lock(&place), before);
    // Whoever does not ask for it has it not.
    place.ends("call echo.wasm next() --policy policy.toml", 0);
}

#[test]
fn locked_refuses_what_is_not_pinned_and_writes_nothing() {
    let place = place();
    let said = place.ends("run echo.wasm --policy policy.toml --locked", 3);
    assert!(
        said.contains("echo.wasm is not pinned in tollgate.lock") && said.contains("--lock"),
        "{said}"
    );
    assert!(!place.at(Lock::FILE).exists());
    place.ends("run echo.wasm --policy policy.toml --lock", 0);
    let pinned = lock(&place);
    place.ends("run echo.wasm --policy policy.toml --locked", 0);
    place.ends("call counter.wasm next() --policy policy.toml --locked", 3);
    assert_eq!(lock(&place), pinned);
    // The line that the message gives is the line that lets it in.
    let said = place.ends("call counter.wasm next() --policy policy.toml --locked", 3);
    let line = said.split('`').nth(1).unwrap();
    std::fs::write(place.at(Lock::FILE), format!("{pinned}{line}\n")).unwrap();
    place.ends("call counter.wasm next() --policy policy.toml --locked", 0);
}

#[test]
fn a_lock_needs_a_policy_and_one_of_the_two_flags() {
    let place = place();
    for line in [
        "run echo.wasm --lock",
        "run echo.wasm --locked",
        "run echo.wasm --policy policy.toml --lock --locked",
    ] {
        place.ends(line, 2);
    }
}

#[test]
fn a_broken_lock_file_is_told_with_its_place() {
    let place = place();
    place.ends("run echo.wasm --policy policy.toml --lock", 0);
    let good = lock(&place);
    for (text, said) in [
        (
            good.replace("version = 1", "version = 2"),
            "tollgate.lock:3:11: version: ",
        ),
        (
            good.replace("sha256:", "sha1:"),
            "tollgate.lock:6:15: components.\"echo.wasm\": ",
        ),
        (format!("{good}<<<<<<< theirs\n"), "tollgate.lock:7:"),
        (String::new(), "tollgate.lock:1:1: `version` is missing"),
        ("#".repeat((1 << 20) + 1), "tollgate.lock: longer than"),
    ] {
        std::fs::write(place.at(Lock::FILE), &text).unwrap();
        for flag in ["--lock", "--locked"] {
            let message = place.ends(&format!("run echo.wasm --policy policy.toml {flag}"), 2);
            assert!(message.contains(said), "{message}");
        }
        assert_eq!(lock(&place), text, "it is left as it is");
    }
    std::fs::write(place.at(Lock::FILE), b"\xff").unwrap();
    place.ends("run echo.wasm --policy policy.toml --lock", 2);
    std::fs::remove_file(place.at(Lock::FILE)).unwrap();
    std::fs::create_dir(place.at(Lock::FILE)).unwrap();
    place.ends("run echo.wasm --policy policy.toml --lock", 2);
}

/// Of many that pin at the same time, none takes another's pin away.
#[test]
fn pins_of_many_processes_are_all_kept() {
    let place = place();
    let names: Vec<String> = (0..8).map(|number| format!("echo-{number}.wasm")).collect();
    for name in &names {
        place.bring("echo", name);
    }
    let started: Vec<_> = names
        .iter()
        .map(|name| {
            let mut one = command(&[
                "check",
                name,
                "--policy",
                "policy.toml",
                "--lock",
                "--quiet",
            ]);
            one.current_dir(place.0.path()).spawn().unwrap()
        })
        .collect();
    for mut one in started {
        assert!(one.wait().unwrap().success());
    }
    let pinned = lock(&place);
    for name in &names {
        assert!(pinned.contains(name), "{name}: {pinned}");
    }
}
