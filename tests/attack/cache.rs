//! Machine code planted in the cache of compiled code: A44-code-cache. It would be executed as it stands.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;
use tollgate::Source;
use tollgate::blocking::Runtime;
use tollgate::cache::{Cache, CodeOrigin};

use crate::attack_case::{Case, Row};
use support::harness::{numbered, policy};

pub(crate) const ROWS: &[Row] = &[Row {
    id: "A44-code-cache",
    attack: "poisoned code cache",
    cases: poisoned,
}];

/// The ranges of the component's digest, of the seal and of the code in an entry.
const COMPONENT: std::ops::Range<usize> = 12..44;
const SEAL: std::ops::Range<usize> = 92..124;

/// A cache, and the entry in it that is attacked.
struct Victim {
    runtime: Runtime,
    source: Source,
    at: PathBuf,
    sound: Vec<u8>,
    /// The entry of another component.
    evil: Vec<u8>,
    _folder: TempDir,
}

fn poisoned() -> Vec<Case> {
    let victim = Arc::new(Victim::new());
    let of = |expect, attack: fn(&Victim, usize)| {
        let victim = Arc::clone(&victim);
        Case::new(expect, move |time| {
            let _ = fs::remove_file(&victim.at);
            attack(&victim, time);
            victim.load()
        })
    };
    vec![
        of("seal", |victim, time| {
            let mut bent = victim.sound.clone();
            let at = SEAL.start + time * 997 % (bent.len() - SEAL.start);
            bent[at] ^= 1 << (time % 8);
            fs::write(&victim.at, bent).unwrap();
        }),
        of("component", |victim, _| {
            fs::write(&victim.at, &victim.evil).unwrap();
        }),
        of("seal", |victim, _| {
            let mut dressed = victim.evil.clone();
            dressed[COMPONENT].copy_from_slice(&victim.sound[COMPONENT]);
            fs::write(&victim.at, dressed).unwrap();
        }),
        of("not-a-file", |victim, _| {
            let made = Command::new("mkfifo").arg(&victim.at).status();
            assert!(made.unwrap().success());
        }),
        of("not-a-file", |victim, _| {
            let aside = victim.at.with_extension("aside");
            fs::write(&aside, &victim.evil).unwrap();
            std::os::unix::fs::symlink(&aside, &victim.at).unwrap();
        }),
    ]
}

impl Victim {
    fn new() -> Victim {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("cache");
        let cache = Cache::open(&path, Cache::DEFAULT_SIZE).unwrap();
        let builder = support::harness::builder().concurrency(4);
        let runtime: Runtime = builder.cache(cache).build().into();
        let (source, evil) = (numbered(7), numbered(666));
        runtime.load(&evil, &policy("")).unwrap();
        let planted = only(&path);
        let evil = fs::read(&planted).unwrap();
        fs::remove_file(&planted).unwrap();
        runtime.load(&source, &policy("")).unwrap();
        let at = only(&path);
        Victim {
            runtime,
            source,
            sound: fs::read(&at).unwrap(),
            at,
            evil,
            _folder: folder,
        }
    }

    /// The reason why the entry of the cache was not executed; or that it was.
    fn load(&self) -> String {
        let provider = self.runtime.load(&self.source, &policy("")).unwrap();
        let report = provider.session().wave("f()").unwrap();
        match (report.outcome.returned(), provider.as_async().code_origin()) {
            (Some(number), CodeOrigin::Recompiled(why)) if number == "7" => why.label().to_owned(),
            (number, compiled) => format!("{compiled:?}, and it returned {number:?}"),
        }
    }
}

/// The only entry there is.
fn only(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let mut entries = files.filter(|file| file.file_name().unwrap() != "key");
    entries.next().unwrap()
}
