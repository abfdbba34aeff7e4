//! Entries of the cache of compiled code: an entry that it did not seal is never executed.

use std::path::PathBuf;
use std::sync::OnceLock;

use tollgate::blocking::Runtime;
use tollgate::cache::{Cache, CodeOrigin};
use tollgate::{Policy, Source};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/fuzz/cache");

/// An empty component, since it is compiled anew each time and has to be compiled quickly.
const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

struct Shelf {
    runtime: Runtime,
    at: PathBuf,
    sound: Vec<u8>,
}

fn shelf() -> &'static Shelf {
    static SHELF: OnceLock<Shelf> = OnceLock::new();
    SHELF.get_or_init(|| {
        let _ = std::fs::remove_dir_all(FOLDER);
        let cache = Cache::open(FOLDER, 1 << 20).unwrap_or_else(|error| panic!("{error}"));
        let builder = tollgate::Runtime::builder().concurrency(2).cache(cache);
        let runtime = Runtime::from(builder.build());
        assert_eq!(load(&runtime), CodeOrigin::Compiled);
        let entry = std::fs::read_dir(FOLDER).ok().and_then(|files| {
            let paths = files.filter_map(Result::ok).map(|file| file.path());
            paths.into_iter().find(|path| !path.ends_with("key"))
        });
        let at = entry.unwrap_or_else(|| panic!("no entry in {FOLDER}"));
        let sound = std::fs::read(&at).unwrap_or_else(|error| panic!("{error}"));
        Shelf { runtime, at, sound }
    })
}

fn load(runtime: &Runtime) -> CodeOrigin {
    let source = Source::bytes("fuzz", COMPONENT);
    match runtime.load(&source, &Policy::default()) {
        Ok(provider) => provider.as_async().code_origin(),
        Err(error) => panic!("{error}"),
    }
}

/// The first byte says how an entry is made of the others: of these alone; of a sound one with changed bytes, four for
/// the place and one for the value; or of its beginning and these.
pub(crate) fn check(data: &[u8]) -> &'static str {
    let shelf = shelf();
    let (how, rest) = data.split_first().unwrap_or((&0, &[]));
    let mut entry = shelf.sound.clone();
    match how % 3 {
        0 => entry = rest.to_vec(),
        1 => {
            for change in rest.chunks_exact(5) {
                let &[a, b, c, d, byte] = change else {
                    continue;
                };
                let at = u32::from_le_bytes([a, b, c, d]) as usize % entry.len();
                if let Some(changed) = entry.get_mut(at) {
                    *changed = byte;
                }
            }
        }
        _ => {
            let length = rest.iter().map(|byte| usize::from(*byte)).sum::<usize>();
            entry.truncate(length % entry.len());
            entry.extend(rest);
        }
    }
    if let Err(error) = std::fs::write(&shelf.at, &entry) {
        panic!("{error}");
    }
    match load(&shelf.runtime) {
        CodeOrigin::Cached => {
            assert!(entry == shelf.sound, "executed, and not what was sealed");
            "sound"
        }
        CodeOrigin::Recompiled(why) => {
            assert!(entry != shelf.sound, "{why}");
            why.label()
        }
        other => panic!("{other:?}"),
    }
}
