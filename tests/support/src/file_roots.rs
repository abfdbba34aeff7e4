//! Folders to grant to a guest, and files beside them that it must not reach.

use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

/// `data`, `out` and `other`, with files and folders in the first two, and a secret beside them.
pub fn folders() -> TempDir {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["data/sub", "out/sub", "other"] {
        std::fs::create_dir_all(at(name)).unwrap();
    }
    for (name, text) in [
        ("secret", "canary"),
        ("data/a.txt", "alpha"),
        ("data/sub/b.txt", "beta"),
        ("out/b.txt", "beta"),
    ] {
        std::fs::write(at(name), text).unwrap();
    }
    folder
}

/// Links in `data`: `link`, `up` and `absolute` lead out of it, `inside` does not.
pub fn add_links(folder: &Path) {
    let at = |name: &str| folder.join("data").join(name);
    symlink("../secret", at("link")).unwrap();
    symlink("..", at("up")).unwrap();
    symlink(folder.join("secret"), at("absolute")).unwrap();
    symlink("a.txt", at("inside")).unwrap();
}

/// Adds a device that is as `/dev/zero`, or a pipe where this user may make no devices.
pub fn add_device(at: &Path) {
    let made = std::process::Command::new("mknod")
        .arg(at)
        .args(["c", "1", "5"])
        .output();
    if !made.unwrap().status.success() {
        add_fifo(at);
    }
}

/// A named pipe: opening it waits for the other end.
pub fn add_fifo(at: &Path) {
    let made = std::process::Command::new("mkfifo").arg(at).status();
    assert!(made.unwrap().success());
}
