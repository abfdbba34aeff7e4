//! Finds the commit that the program is built from, for `--version`. Without git, or outside of its repository, there is none.
//! A package of the registry names it in a file of cargo's. `TOLLGATE_COMMIT` sets it, for builds from an archive.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=TOLLGATE_COMMIT");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let named = std::env::var("TOLLGATE_COMMIT").ok();
    let named = named.filter(|commit| commit.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let commit = named
        .or_else(|| of_git(&root))
        .or_else(of_package)
        .unwrap_or_default();
    let shown = match commit.get(..12).unwrap_or(&commit) {
        "" => String::new(),
        commit => format!(", commit {commit}"),
    };
    // Only this crate is compiled anew when it changes.
    println!("cargo:rustc-env=TOLLGATE_COMMIT_SHOWN={shown}");
}

/// The commit that cargo noted in the package, in which there is no repository.
fn of_package() -> Option<String> {
    let noted = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cargo_vcs_info.json");
    let noted = std::fs::read_to_string(noted).ok()?;
    let (_, after) = noted.split_once("\"sha1\": \"")?;
    let (commit, _) = after.split_once('"')?;
    let is_commit = commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_commit.then(|| commit.to_owned())
}

/// The commit of the repository whose top is `root`: not of another one that this tree was unpacked in.
fn of_git(root: &Path) -> Option<String> {
    let top = PathBuf::from(git(root, &["rev-parse", "--show-toplevel"])?);
    if top.canonicalize().ok()? != root.canonicalize().ok()? {
        return None;
    }
    // Git notes there each check-out and each commit.
    for name in ["HEAD", "logs/HEAD"] {
        let path = root.join(git(root, &["rev-parse", "--git-path", name])?);
        // A file that is not there would have this script run each time.
        if path.exists() {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
    git(root, &["rev-parse", "HEAD"])
}

fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let done = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(arguments)
        .output()
        .ok()?;
    let text = String::from_utf8(done.stdout).ok()?;
    done.status.success().then(|| text.trim().to_owned())
}
