//! A store in a file: it outlives its runtime, belongs to one at a time, and survives kills and damage. A52-kill.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tollgate::LoadError;
use tollgate::blocking::Runtime;

use support::cli;
use support::harness::{alone, polled, root, source, wait};
use support::stores::{answer, ask, flood, kept_in, load, named, policy, runtime, with};

/// The message with which a store is not opened.
fn not_opened(runtime: &Runtime, policy_text: &str) -> String {
    match runtime.load(&source("hostile"), &policy(policy_text)) {
        Err(error @ LoadError::Grant(tollgate::load::GrantError::Store { .. })) => {
            error.to_string()
        }
        Err(other) => panic!("not the store's: {other}"),
        Ok(_) => panic!("opened"),
    }
}

#[test]
fn a_file_outlives_its_runtime_and_memory_does_not() {
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    for (policy_text, kept) in [
        (kept_in(folder.path(), ""), "Ok(Some(\"v\"))"),
        (with(""), "Ok(None)"),
    ] {
        let runtime = runtime();
        let provider = || {
            runtime
                .load(&source("hostile"), &policy(&policy_text))
                .unwrap()
        };
        let first = provider();
        answer(&first, "store-set things k v");
        // Loaded anew, by the same runtime and by another.
        assert_eq!(answer(&provider(), "store-get things k"), "Ok(Some(\"v\"))");
        drop(first);
        drop(runtime);
        assert_eq!(answer(&load(&policy_text), "store-get things k"), kept);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let file = folder.path().join("state.redb");
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "for its owner only");
    }
}

/// A53-store: a store that is written to without end stays a small file.
#[test]
fn churn_does_not_grow_the_file() {
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    let provider = load(&kept_in(folder.path(), ""));
    let size = || {
        std::fs::metadata(folder.path().join("state.redb"))
            .unwrap()
            .len()
    };
    answer(&provider, "store-churn 60000 20");
    let before = size();
    answer(&provider, "store-churn 60000 200");
    assert!(
        size() <= before * 2 && size() < 8 << 20,
        "{before} {}",
        size()
    );
}

#[test]
fn a_file_has_one_runtime_at_a_time() {
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    let policy_text = kept_in(folder.path(), "");
    let (first, second) = (runtime(), runtime());
    let hostile = source("hostile");
    let one = first.load(&hostile, &policy(&policy_text)).unwrap();
    let start = Instant::now();
    let message = not_opened(&second, &policy_text);
    assert!(start.elapsed() < Duration::from_secs(2));
    assert!(
        message.contains("state.redb: it is open already"),
        "{message}"
    );
    // A link is another name of the same file, also for another provider.
    std::os::unix::fs::symlink(folder.path(), folder.path().join("link")).unwrap();
    let linked = policy_text.replace("/state", "/link/state");
    let two = first.load(&named("two"), &policy(&linked)).unwrap();
    answer(&two, "store-set things k v");
    drop(one);
    not_opened(&second, &policy_text);
    // Closed with its last provider.
    drop(two);
    second.load(&hostile, &policy(&policy_text)).unwrap();
}

#[test]
fn what_is_no_store_is_not_opened() {
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    let at = folder.path().join("state.redb");
    let policy_text = kept_in(folder.path(), "");
    std::fs::write(&at, "not a database\n".repeat(1_000)).unwrap();
    not_opened(&runtime(), &policy_text);
    let text = std::fs::read_to_string(&at).unwrap();
    assert!(text.starts_with("not a database"), "it was written to");
    std::fs::remove_file(&at).unwrap();
    std::fs::create_dir(&at).unwrap();
    assert!(not_opened(&runtime(), &policy_text).contains("not a regular file"));
    std::fs::remove_dir(&at).unwrap();
    support::file_roots::add_fifo(&at);
    assert!(not_opened(&runtime(), &policy_text).contains("not a regular file"));
    let nowhere = policy_text.replace("/state", "/none/state");
    assert!(not_opened(&runtime(), &nowhere).contains("No such file"));
}

/// Starts the program on a guest that writes without end, and returns when it writes.
fn writer(folder: &Path) -> Child {
    let endless =
        "[limits]\nfuel = 1_000_000_000_000\ndeadline = \"20s\"\nhost-calls = 100_000_000";
    let text = kept_in(folder, endless);
    let samples = root().canonicalize().unwrap().join("samples");
    let samples = format!("\"{}", samples.display());
    let policy_file = folder.join("policy.toml");
    std::fs::write(&policy_file, text.replace("\"samples", &samples)).unwrap();
    let input = folder.join("input");
    std::fs::write(&input, "store-churn").unwrap();
    let [policy_file, input] = [policy_file, input].map(|file| file.display().to_string());
    let guest = cli::guest("hostile");
    let mut child = cli::command(&["run", &guest, "--policy", &policy_file, "--input", &input])
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    // Opening a store changes its file a few times, and then the guest is compiled.
    let (start, mut changes) = (Instant::now(), BTreeSet::new());
    while changes.len() < 20 {
        assert!(start.elapsed() < Duration::from_secs(20), "no writer");
        assert!(child.try_wait().unwrap().is_none(), "the writer ended");
        let found = std::fs::metadata(folder.join("state.redb"));
        changes.extend(found.and_then(|found| found.modified()).ok());
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

/// A52-kill.
#[test]
fn a_killed_writer_leaves_the_old_value_or_the_new() {
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    for round in 0..6 {
        let mut child = writer(folder.path());
        std::thread::sleep(Duration::from_millis(40 + 17 * round));
        child.kill().unwrap();
        child.wait().unwrap();

        let provider = load(&kept_in(folder.path(), ""));
        let get = |key: &str| {
            let text = answer(&provider, &format!("store-get churn {key}"));
            let value = text.strip_prefix("Ok(Some(\"").unwrap();
            value.strip_suffix("\"))").unwrap().to_owned()
        };
        let (value, other) = (get("key"), get("other"));
        let letter = value.bytes().next().unwrap();
        assert!(value.bytes().all(|byte| byte == letter), "a torn value");
        assert_eq!(value.len(), 60_000 - usize::from(letter - b'a'));
        // Written after the value, so it is of this round or of the one before.
        let before = if letter == b'a' { b'z' } else { letter - 1 };
        assert!([letter, before].contains(&other.as_bytes()[0]));
        // The sums are right too: exactly the rest of the quota fits.
        let all = 2 * 5 + 3 + 5 + value.len() + 1;
        let left = kept_in(folder.path(), &format!("max-total = {}", all + 3 * 110));
        drop(provider);
        let provider = load(&left);
        assert_eq!(flood(&provider, "store-flood 100").0, 3);
        for key in ["key-0", "key-1", "key-2"] {
            assert!(answer(&provider, &format!("store-delete flood {key}")).contains("Ok"));
        }
    }
}

/// A call that is dropped has written all or nothing, and delays no other call.
#[test]
fn a_dropped_call_leaves_the_store_whole() {
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    let kept = kept_in(folder.path(), "");
    let runtime = runtime();
    let load = |text: &str| runtime.load(&source("hostile"), &policy(text)).unwrap();
    let provider = load(&kept);
    let late = load(&format!("{kept}\n[limits]\ndeadline = \"20ms\""));
    // Values from before these calls are whole.
    ask(&provider, "store-churn 60000 1");
    let letter = || {
        let text = answer(&provider, "store-get churn key");
        let value = text
            .trim_start_matches("Ok(Some(\"")
            .trim_end_matches("\"))");
        let letter = value.as_bytes()[0];
        assert_eq!(value.len(), 60_000 - usize::from(letter - b'a'));
        assert!(value.bytes().all(|byte| byte == letter));
        assert_eq!(answer(&provider, "store-set things k v"), "Ok(())");
        letter
    };
    for _ in 0..10 {
        let report = ask(&late, "store-churn");
        assert_eq!(report.outcome.fault().unwrap().label(), "deadline");
        letter();
    }
    let mut letters = BTreeSet::new();
    for polls in 1..=60 {
        let mut session = provider.as_async().session();
        let call = async {
            let ended = session.run(b"store-churn").await;
            panic!("it ended by itself: {ended:?}");
        };
        assert!(!wait(polled(call, polls)), "dropped after {polls} polls");
        letters.insert(letter());
    }
    assert!(letters.len() > 3, "dropped while it writes: {letters:?}");
    drop((late, provider));
    let text = answer(&load(&kept), "store-get things k");
    assert_eq!(text, "Ok(Some(\"v\"))");
}
