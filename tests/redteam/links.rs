//! A hard link to a protected file is not opened.

use std::fs::{hard_link, write};

use tempfile::TempDir;
use tollgate::Policy;

use support::harness::{all_but, blocking, policy, returned, source};

/// The policy of a guest with the root `data`, and a credential in `own/token`.
fn granted(folder: &TempDir) -> Policy {
    let at = |name: &str| folder.path().join(name).display().to_string();
    let rest: String = all_but("files").lines().filter(|line| !line.starts_with("grants.http")).map(|line| format!("{line}\n")).collect();
    policy(&format!(
        "{rest}grants.files = [{{ root = \"data\", path = \"{}\", access = \"read\" }}]\n\
         grants.http = [{{ url = \"https://example.com/**\", credential = {{ header = \"x-token\", from-file = \"{}\" }} }}]",
        at("data"),
        at("own/token")
    ))
}

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in ["own", "data"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    write(folder.path().join("own/token"), "canary-in-use").unwrap();
    hard_link(folder.path().join("own/token"), folder.path().join("data/link")).unwrap();
    folder
}

/// The file of the credential is replaced, as programs that rotate secrets do, and the root keeps the last name of the
/// one that the provider uses.
#[test]
fn a_hard_link_to_a_credential_is_not_opened_after_its_file_is_replaced() {
    let folder = folder();
    let provider = blocking().load(&source("hostile"), &granted(&folder)).unwrap();
    let read = || returned(&provider.session().run(b"read-file data link").unwrap());
    let before = read();
    assert!(!before.contains("canary"), "{before}");
    write(folder.path().join("own/new"), "canary-new").unwrap();
    std::fs::rename(folder.path().join("own/new"), folder.path().join("own/token")).unwrap();
    let after = read();
    assert!(!after.contains("canary-in-use"), "{after}");
}

/// The same, where the file is removed once the provider has it.
#[test]
fn a_hard_link_to_a_credential_is_not_opened_after_its_file_is_removed() {
    let folder = folder();
    let provider = blocking().load(&source("hostile"), &granted(&folder)).unwrap();
    std::fs::remove_file(folder.path().join("own/token")).unwrap();
    let after = returned(&provider.session().run(b"read-file data link").unwrap());
    assert!(!after.contains("canary-in-use"), "{after}");
}
