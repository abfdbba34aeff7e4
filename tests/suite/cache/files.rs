//! A44-code-cache: files in the folder of a cache that the cache did not put there, and the owner of the folder.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

use tempfile::TempDir;
use tollgate::cache::{Cache, CacheError, CacheRejection, CodeOrigin};

use support::code_cache::Shelf;
use support::file_roots::add_fifo;
use support::harness::{in_time, numbered};
use support::skip::may_give_away_files;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn open(path: &Path) -> Result<Cache, CacheError> {
    Cache::open(path, Cache::DEFAULT_SIZE)
}

/// Opens a folder that has to be refused; the message names the path.
fn refused(path: &Path) -> CacheError {
    let error = open(path).expect_err("opened");
    let text = error.to_string();
    let named: std::path::PathBuf = path.components().collect();
    assert!(text.contains(named.to_str().unwrap()), "{text}");
    error
}

#[test]
fn all_that_is_made_is_the_owners_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("new/one/cache");
    let shelf = Shelf::new();
    shelf.number(&numbered(7), 7);
    open(&path).unwrap();
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("key")), 0o600);
    assert_eq!(mode(&shelf.entry()), 0o600);
}

#[test]
fn a_folder_that_is_open_to_others_is_none() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cache");
    for wrong in [0o755, 0o750, 0o701, 0o720, 0o1777] {
        fs::create_dir(&path).unwrap();
        set_mode(&path, wrong);
        let error = refused(&path);
        assert!(matches!(error, CacheError::Mode { .. }), "{error}");
        assert!(error.to_string().contains("chmod 700"), "{error}");
        assert!(fs::read_dir(&path).unwrap().next().is_none(), "a key in it");
        fs::remove_dir(&path).unwrap();
    }
}

#[test]
fn a_folder_of_another_user_is_none() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cache");
    open(&path).unwrap();
    let is_another_users = |path: &Path| {
        let error = refused(path);
        assert!(matches!(error, CacheError::Owner { .. }), "{error}");
    };
    if may_give_away_files() {
        chown(&path, Some(1), None).unwrap();
        is_another_users(&path);
    } else {
        is_another_users(Path::new("/usr"));
    }
}

#[test]
fn a_link_to_a_folder_is_none() {
    let folder = TempDir::new().unwrap();
    let (target, link) = (folder.path().join("there"), folder.path().join("here"));
    open(&target).unwrap();
    symlink(&target, &link).unwrap();
    let (slash, dot) = (link.join(""), link.join("."));
    for path in [&link, &slash, &dot, &target.join("key")] {
        let error = refused(path);
        assert!(matches!(error, CacheError::NotAFolder { .. }), "{error}");
    }
}

#[test]
fn a_key_that_others_may_know_is_none() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cache");
    let key = path.join("key");
    open(&path).unwrap();
    let sound = fs::read(&key).unwrap();
    assert_eq!(sound.len(), 32);
    open(&path).unwrap();
    assert_eq!(fs::read(&key).unwrap(), sound, "made once");
    let restore = || {
        fs::remove_file(&key).unwrap();
        fs::write(&key, &sound).unwrap();
        set_mode(&key, 0o600);
        open(&path).unwrap();
    };
    let is_none = || {
        let error = refused(&path);
        assert!(matches!(error, CacheError::Key { .. }), "{error}");
        assert!(error.to_string().contains("remove the folder"), "{error}");
    };
    for wrong in [0o640, 0o604, 0o602, 0o620] {
        set_mode(&key, wrong);
        is_none();
        restore();
    }
    for length in [0, 31, 33] {
        fs::File::options()
            .write(true)
            .open(&key)
            .and_then(|file| file.set_len(length))
            .unwrap();
        is_none();
        restore();
    }
    if may_give_away_files() {
        chown(&key, Some(1), None).unwrap();
        is_none();
        restore();
    }
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&key, &elsewhere).unwrap();
    symlink(&elsewhere, &key).unwrap();
    is_none();
    fs::remove_file(&key).unwrap();
    add_fifo(&key);
    let named = path.clone();
    let error = in_time(move || refused(&named));
    assert!(matches!(error, CacheError::Key { .. }), "{error}");
    restore();
}

/// None of these is followed, waited for or read.
#[test]
fn what_is_no_regular_file_is_no_entry() {
    let shelf = Shelf::new();
    let source = numbered(7);
    shelf.number(&source, 7);
    let (entry, aside) = (shelf.entry(), shelf.folder.path().join("aside"));
    let is_none = |why| {
        assert_eq!(shelf.number(&source, 7), CodeOrigin::Recompiled(why));
        let found = fs::symlink_metadata(shelf.entry()).unwrap();
        assert!(found.is_file(), "not replaced");
        assert_eq!(shelf.number(&source, 7), CodeOrigin::Cached);
    };
    // A link to a sound entry is not executed either.
    fs::rename(&entry, &aside).unwrap();
    symlink(&aside, &entry).unwrap();
    is_none(CacheRejection::NotAFile);
    fs::remove_file(&entry).unwrap();
    add_fifo(&entry);
    let (runtime, piped) = (shelf.runtime.clone(), source.clone());
    in_time(move || {
        runtime
            .load(&piped, &support::harness::policy(""))
            .map(drop)
    })
    .unwrap();
    fs::remove_file(&entry).unwrap();
    add_fifo(&entry);
    is_none(CacheRejection::NotAFile);
    fs::remove_file(&entry).unwrap();
    drop(std::os::unix::net::UnixListener::bind(&entry).unwrap());
    is_none(CacheRejection::NotAFile);
    if may_give_away_files() {
        chown(&entry, Some(1), None).unwrap();
        is_none(CacheRejection::Owner);
    }
    // A folder stays where it is, and the cache without that entry.
    fs::remove_file(&entry).unwrap();
    fs::create_dir(&entry).unwrap();
    let provider = shelf.load(&source);
    let why = CodeOrigin::Recompiled(CacheRejection::NotAFile);
    assert_eq!(provider.as_async().code_origin(), why);
    assert!(provider.as_async().cache_error().is_some());
}
