//! `tollgate.lock`: pins on first use, refusals from then on, and broken lock files.

use tollgate::policy::Lock;

use support::cli::command;
use support::harness::source;
use support::workdir::Workdir;

/// A folder with an empty policy.
fn workdir() -> Workdir {
    let workdir = Workdir::new();
    for guest in ["counter", "checksums"] {
        workdir.bring(guest, &format!("{guest}.wasm"));
    }
    workdir.write("policy.toml", "");
    workdir
}

fn lock(workdir: &Workdir) -> String {
    std::fs::read_to_string(workdir.at(Lock::FILE)).unwrap_or_default()
}

#[test]
fn first_use_pins_and_another_digest_is_refused() {
    let workdir = workdir();
    workdir.ends("run echo.wasm --policy policy.toml", 0);
    assert_eq!(lock(&workdir), "", "nobody asked");
    workdir.ends("run echo.wasm --policy policy.toml --lock", 0);
    workdir.ends("call counter.wasm next() --policy policy.toml --lock", 0);
    let pinned = lock(&workdir);
    let lines: Vec<&str> = pinned
        .lines()
        .filter(|line| line.contains(" = \"sha256:"))
        .collect();
    assert_eq!(
        lines,
        [
            Lock::line("counter.wasm", source("counter").digest()),
            Lock::line("echo.wasm", source("echo").digest()),
        ]
    );
    // A component that is refused for another reason is not pinned, since it was not used.
    workdir.ends("run checksums.wasm --policy policy.toml --lock", 3);
    workdir.ends("check checksums.wasm --policy policy.toml --lock", 3);
    assert_eq!(lock(&workdir), pinned);
    // Inspecting it does not pin it either.
    workdir.ends("inspect checksums.wasm --policy policy.toml --lock", 0);
    workdir.ends("list . --policy policy.toml --lock", 0);
    assert_eq!(lock(&workdir), pinned);
    workdir.ends("check checksums.wasm --policy policy.toml --lock --grant log --grant hash --grant files=data:.", 0);
    assert!(lock(&workdir).contains("\"checksums.wasm\" = "));

    workdir.bring("counter", "echo.wasm");
    let before = lock(&workdir);
    for line in [
        "run echo.wasm",
        "check echo.wasm",
        "inspect echo.wasm",
        "call echo.wasm next()",
    ] {
        for flag in ["--lock", "--locked"] {
            let said = workdir.ends(&format!("{line} --policy policy.toml {flag}"), 3);
            assert!(said.contains("delete the line `\"echo.wasm\" = "), "{said}");
        }
    }
    workdir.ends(
        "run echo.wasm --policy policy.toml --lock --report report.json",
        3,
    );
    let report = std::fs::read_to_string(workdir.at("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["refusal"]["kind"], "digest");
    assert_eq!(lock(&workdir), before);
    // Without `--lock`, pins are not checked.
    workdir.ends("call echo.wasm next() --policy policy.toml", 0);
}

#[test]
fn locked_refuses_what_is_not_pinned_and_writes_nothing() {
    let workdir = workdir();
    let said = workdir.ends("run echo.wasm --policy policy.toml --locked", 3);
    assert!(
        said.contains("echo.wasm is not pinned in tollgate.lock") && said.contains("--lock"),
        "{said}"
    );
    assert!(!workdir.at(Lock::FILE).exists());
    workdir.ends("run echo.wasm --policy policy.toml --lock", 0);
    let pinned = lock(&workdir);
    workdir.ends("run echo.wasm --policy policy.toml --locked", 0);
    workdir.ends("call counter.wasm next() --policy policy.toml --locked", 3);
    assert_eq!(lock(&workdir), pinned);
    // The line that the message gives is the line that lets it in.
    let said = workdir.ends("call counter.wasm next() --policy policy.toml --locked", 3);
    let line = said.split('`').nth(1).unwrap();
    std::fs::write(workdir.at(Lock::FILE), format!("{pinned}{line}\n")).unwrap();
    workdir.ends("call counter.wasm next() --policy policy.toml --locked", 0);
}

#[test]
fn a_lock_needs_a_policy_and_one_of_the_two_flags() {
    let workdir = workdir();
    for line in ["run echo.wasm --lock", "run echo.wasm --locked"] {
        let said = workdir.ends(line, 2);
        assert!(said.contains("--policy"), "{line}: {said}");
    }
    let said = workdir.ends("run echo.wasm --policy policy.toml --lock --locked", 2);
    assert!(
        said.contains("'--lock' cannot be used with '--locked'"),
        "{said}"
    );
    assert!(!workdir.at(Lock::FILE).exists());
}

#[test]
fn a_broken_lock_file_is_told_with_its_place() {
    let workdir = workdir();
    workdir.ends("run echo.wasm --policy policy.toml --lock", 0);
    let good = lock(&workdir);
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
        std::fs::write(workdir.at(Lock::FILE), &text).unwrap();
        for flag in ["--lock", "--locked"] {
            let message = workdir.ends(&format!("run echo.wasm --policy policy.toml {flag}"), 2);
            assert!(message.contains(said), "{message}");
        }
        assert_eq!(lock(&workdir), text, "it is left as it is");
    }
    std::fs::write(workdir.at(Lock::FILE), b"\xff").unwrap();
    workdir.ends("run echo.wasm --policy policy.toml --lock", 2);
    std::fs::remove_file(workdir.at(Lock::FILE)).unwrap();
    std::fs::create_dir(workdir.at(Lock::FILE)).unwrap();
    workdir.ends("run echo.wasm --policy policy.toml --lock", 2);
}

/// Many processes pin at the same time, and none removes the pin of another.
#[test]
fn pins_of_many_processes_are_all_kept() {
    let workdir = workdir();
    let names: Vec<String> = (0..8).map(|number| format!("echo-{number}.wasm")).collect();
    for name in &names {
        workdir.bring("echo", name);
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
            one.current_dir(workdir.0.path()).spawn().unwrap()
        })
        .collect();
    for mut one in started {
        assert!(one.wait().unwrap().success());
    }
    let pinned = lock(&workdir);
    for name in &names {
        assert!(pinned.contains(name), "{name}: {pinned}");
    }
}

/// A process that holds the policy's lock and does not pin: the wait ends, and the message says whose it is.
#[test]
fn a_turn_that_does_not_come_is_told() {
    let workdir = workdir();
    let policy = std::fs::File::open(workdir.at("policy.toml")).unwrap();
    policy.lock().unwrap();
    let told = workdir.ends("run echo.wasm --policy policy.toml --lock", 2);
    for part in [
        "policy.toml: cannot pin",
        "locked for 5 seconds",
        "--locked",
    ] {
        assert!(told.contains(part), "{told}");
    }
    #[cfg(target_os = "linux")]
    {
        let holder = format!("process {},", std::process::id());
        assert!(told.contains(&holder), "{told}");
    }
    assert_eq!(lock(&workdir), "");
    // One that comes late enough is taken.
    let release = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(500));
        drop(policy);
    });
    workdir.ends("run echo.wasm --policy policy.toml --lock", 0);
    release.join().unwrap();
    assert!(lock(&workdir).contains("echo.wasm"));
}
