//! Components that were not signed, or changed after they were signed: A45-signatures to A47-trailing-data.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;
use tollgate::load::RefusalKind;
use tollgate::{LoadError, Outcome, Source};

use crate::attack_case::{Case, Row, kind, load_kind};
use support::harness::{blocking, guest_file, policy};
use support::signer::Author;

pub(crate) const ROWS: &[Row] = &[
    Row {
        id: "A45-signatures",
        attack: "signature swapped",
        cases: signatures,
    },
    Row {
        id: "A46-file-swap",
        attack: "file swapped before load",
        cases: swaps,
    },
    Row {
        id: "A47-trailing-data",
        attack: "trailing data",
        cases: tails,
    },
];

fn echo() -> Vec<u8> {
    std::fs::read(guest_file("echo")).unwrap()
}

/// Refused, and for this reason.
fn refused(reason: &'static str, source: Source) -> Case {
    let policy = policy(&Author::new(1).policy());
    Case::new("signature", move |_| {
        match blocking().load(&source, &policy) {
            Err(LoadError::Refused(refusal)) if refusal.kind == RefusalKind::Signature => {
                match refusal.signature.map(|fault| fault.label()) {
                    Some(label) if label == reason => "signature".to_owned(),
                    other => format!("{other:?} instead of {reason}"),
                }
            }
            other => load_kind(other),
        }
    })
}

/// Stripped, cut, of another key or one that says it is the same, of another file or name, downgraded, changed.
fn signatures() -> Vec<Case> {
    let author = Author::new(1);
    let good = author.sign(&echo(), "echo.wasm");
    let impostor = Author::with_id(2, author.key().id().0);
    let with = |signature: &str| Source::bytes("echo", echo()).signed(signature);
    vec![
        refused("missing", Source::bytes("echo", echo())),
        refused("malformed", with(&good[..good.len() / 2])),
        refused(
            "unknown-key",
            with(&Author::new(2).sign(&echo(), "echo.wasm")),
        ),
        refused("altered", with(&impostor.sign(&echo(), "echo.wasm"))),
        refused("altered", with(&author.sign(b"another", "echo.wasm"))),
        refused("renamed", with(&author.sign(&echo(), "another.wasm"))),
        refused("legacy", with(&author.sign_legacy(&echo(), "echo.wasm"))),
        refused("comment", with(&good.replace("timestamp:1", "timestamp:9"))),
    ]
}

/// A folder with a signed component.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(TempDir::new().unwrap());
        let signature = Author::new(1).sign(&echo(), "echo.wasm");
        std::fs::write(
            tollgate::component::signature_path(&place.file()),
            signature,
        )
        .unwrap();
        std::fs::write(place.file(), echo()).unwrap();
        place
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("echo.wasm")
    }
}

fn swap(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, bytes).unwrap();
    std::fs::rename(&beside, path).unwrap();
}

/// The result of a source: it runs as the one that was signed, or it is refused.
fn play(source: &Source) -> String {
    let policy = policy(&format!(
        "{}{}",
        Author::new(1).policy(),
        support::harness::ALL
    ));
    match blocking().load(source, &policy) {
        Ok(provider) => {
            let report = provider.session().run(b"itself");
            match report.as_ref().map(|said| &said.outcome) {
                Ok(Outcome::Returned(bytes)) if bytes == b"itself" => kind(&report),
                other => format!("ran as another: {other:?}"),
            }
        }
        refused => load_kind(refused),
    }
}

/// Before it is loaded and after it was read, the other way round, and all the time.
fn swaps() -> Vec<Case> {
    let evil = std::fs::read(guest_file("hostile")).unwrap();
    let (evil_later, evil_first, evil_and_good) = (evil.clone(), evil.clone(), evil);
    let limits = tollgate::Limits::default();
    let read = move |path: &Path| Source::file(path, &limits).unwrap();
    let (read_good, read_evil, read_any) = (read.clone(), read.clone(), read);
    let (later, first, always) = (Place::new(), Place::new(), Place::new());
    vec![
        Case::new("returned", move |_| {
            swap(&later.file(), &echo());
            let source = read_good(&later.file());
            swap(&later.file(), &evil_later);
            play(&source)
        }),
        Case::new("signature", move |_| {
            swap(&first.file(), &evil_first);
            let source = read_evil(&first.file());
            swap(&first.file(), &echo());
            play(&source)
        }),
        Case::new("signature", move |_| {
            let stop = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !stop.load(Ordering::SeqCst) {
                        swap(&always.file(), &evil_and_good);
                        swap(&always.file(), &echo());
                    }
                });
                let wrong = (0..5).map(|_| play(&read_any(&always.file())));
                let mut wrong = wrong.filter(|came| came != "returned" && came != "signature");
                let came = wrong.next().unwrap_or_else(|| "signature".to_owned());
                stop.store(true, Ordering::SeqCst);
                came
            })
        }),
    ]
}

/// Noise behind the end, sections that mean nothing, and the same component twice.
fn tails() -> Vec<Case> {
    let good = Author::new(1).sign(&echo(), "echo.wasm");
    let tails = [
        &b"\0"[..],
        b"trailing",
        &[0, 1, 0],
        &[0, 2, 1, b'x'],
        &echo(),
    ];
    let longer = |tail: &&[u8]| Source::bytes("echo", [&echo(), *tail].concat()).signed(&good);
    let mut cases: Vec<Case> = tails
        .iter()
        .map(|tail| refused("altered", longer(tail)))
        .collect();
    let shorter = Source::bytes("echo", &echo()[..echo().len() - 1]).signed(&good);
    cases.push(refused("altered", shorter));
    cases
}
