//! Writes a `SHA256SUMS` manifest of a folder, byte for byte as `sha256sum` does.
//!
//! Input is the name of a root, or `root/sub/dir` for a part of it; empty input means `data`. Paths in
//! the manifest are relative to the root and sorted, so `sha256sum --check` works inside the root.
//! Symbolic links, devices and pipes are passed over: only regular files have a checksum.

use std::fmt::Write;

use crate::tollgate::provider::{files, hash, log};

tollgate_guest::arena!();

wit_bindgen::generate!({
    path: "../../../wit/provider",
    world: "tollgate:provider/provider",
    generate_all,
});

/// The bytes of a file that are held at once: enough to make host calls rare, and below every limit.
const PIECE: u32 = 256 * 1024;

/// The root that empty input means.
const DEFAULT_ROOT: &str = "data";

struct Checksums;

impl Guest for Checksums {
    fn run(input: Vec<u8>) -> Result<Vec<u8>, Error> {
        let target = String::from_utf8(input)
            .map_err(|_| Error::InvalidInput("the input is not UTF-8".into()))?;
        let (root, start) = parse_target(&target);

        let paths = regular_files(root, start)?;
        let mut manifest = String::new();
        let mut total = 0;
        for path in &paths {
            let (digest, size) = sha256(root, path)?;
            write_line(&mut manifest, &digest, path);
            total += size;
        }
        log::write(
            log::Level::Info,
            &format!("{} files, {total} bytes", paths.len()),
        );
        Ok(manifest.into_bytes())
    }
}

/// Takes `root/sub/dir` apart; `.` stands for the root itself.
fn parse_target(target: &str) -> (&str, &str) {
    let target = target.trim();
    match target.split_once('/') {
        Some((root, "")) => (root, "."),
        Some((root, start)) => (root, start.trim_end_matches('/')),
        None if target.is_empty() => (DEFAULT_ROOT, "."),
        None => (target, "."),
    }
}

/// Every regular file at or below `start`, sorted by path.
fn regular_files(root: &str, start: &str) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    let mut pending = vec![start.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in files::list(root, &folder)? {
            let path = join(&folder, &entry.name);
            match entry.kind {
                files::Kind::File => found.push(path),
                files::Kind::Directory => pending.push(path),
                files::Kind::Symlink | files::Kind::Other => {}
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn join(folder: &str, name: &str) -> String {
    if folder == "." {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

/// The digest of one file, and how many bytes it had.
fn sha256(root: &str, path: &str) -> Result<(Vec<u8>, u64), Error> {
    let hasher = hash::Hasher::new(hash::Algorithm::Sha256);
    let mut offset = 0;
    loop {
        let piece = files::read_range(root, path, offset, PIECE)?;
        hasher.update(&piece);
        offset += piece.len() as u64;
        if piece.len() < PIECE as usize {
            return Ok((hash::Hasher::finish(hasher), offset));
        }
    }
}

/// One line of the manifest. As with `sha256sum`, a backslash in front tells that the name is escaped.
fn write_line(manifest: &mut String, digest: &[u8], path: &str) {
    let escaped = path.contains(['\\', '\n', '\r']);
    if escaped {
        manifest.push('\\');
    }
    for byte in digest {
        // Writing into a String cannot fail.
        let _ = write!(manifest, "{byte:02x}");
    }
    manifest.push_str("  ");
    if escaped {
        manifest.push_str(
            &path
                .replace('\\', "\\\\")
                .replace('\n', "\\n")
                .replace('\r', "\\r"),
        );
    } else {
        manifest.push_str(path);
    }
    manifest.push('\n');
}

export!(Checksums);
