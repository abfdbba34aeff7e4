//! All steps in a row: an author signs, an operator who trusts one public key pins and serves, a new
//! version arrives, forged ones arrive, and calls continue through all of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tollgate::blocking::Provider;
use tollgate::policy::Trust;
use tollgate::policy::{Lock, PublicKey};
use tollgate::watch::{Event, WatchedFolder};

use support::cli::{code, command, stderr};
use support::harness::returned;
use support::signer::Author;
use support::watched_folder::{Watched, bytes, digest, version};
use support::workdir::Workdir;

/// A machine that has the author's component and key.
struct Workshop(Workdir);

impl Workshop {
    fn new() -> Workshop {
        let workdir = Workdir::new();
        workdir.ok("keygen --out acme --no-password");
        Workshop(workdir)
    }

    /// Another version, signed: the file and the signature, as they are sent.
    fn release(&self, bytes: &[u8]) -> (Vec<u8>, String) {
        self.0.write("echo.wasm", bytes);
        self.0.ok("sign echo.wasm --key acme.key");
        (bytes.to_vec(), self.0.read("echo.wasm.minisig"))
    }

    /// A good signature of these bytes under another name.
    fn signed_as(&self, name: &str, bytes: &[u8]) -> String {
        self.0.write(name, bytes);
        self.0.ok(&format!("sign {name} --key acme.key"));
        self.0.read(&format!("{name}.minisig"))
    }
}

/// The production machine: a folder for deliveries, and one that only the operator writes.
struct Production {
    watched: Watched,
}

impl Production {
    fn run(&self, line: &str, status: i32) -> String {
        let args: Vec<&str> = line.split(' ').collect();
        let mut command = command(&args);
        let output = command.current_dir(self.watched.workdir.path()).output();
        let output = output.unwrap();
        assert_eq!(code(&output), status, "{line}: {}", stderr(&output));
        stderr(&output)
    }

    /// The signature first: without its component it is nothing, and a look in between finds the old component with the
    /// new signature, which is reported and replaces nothing.
    fn deliver(&self, bytes: &[u8], signature: &str) {
        self.watched.write("echo.wasm.minisig", signature);
        self.watched.install("echo", bytes);
    }

    fn lock(&self) -> std::path::PathBuf {
        self.watched
            .workdir
            .path()
            .join("policies")
            .join(Lock::FILE)
    }

    /// Waits for the delivery to be refused for this reason. The former provider serves on all the while.
    fn refuses(&self, serves: &[u8], expected: &str) -> String {
        loop {
            let event = self.watched.any();
            // A look may come between a signature and its component.
            assert!(
                ["rejected", "up-to-date"].contains(&event.label()),
                "{event}"
            );
            assert_eq!(self.watched.digest("echo"), Some(digest(serves)), "{event}");
            let refusal = event.error().and_then(|error| error.refusal());
            let reason = refusal.map(|refusal| {
                let fault = refusal.signature.map(|fault| fault.label());
                fault.unwrap_or(refusal.kind.label())
            });
            if reason == Some(expected) {
                return event.to_string();
            }
        }
    }
}

/// A thread that calls all the time, across all changes of the provider.
struct Calls {
    thread: JoinHandle<BTreeSet<String>>,
    stop: Arc<AtomicBool>,
}

impl Calls {
    fn start(folder: &WatchedFolder) -> Calls {
        let (folder, stop) = (folder.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut served = BTreeSet::new();
            while !stopped.load(Ordering::SeqCst) {
                let provider = Provider::from(folder.get("echo").expect("nothing serves"));
                let report = provider.session().run(b"as ever").unwrap();
                assert_eq!(returned(&report), "as ever");
                served.insert(report.provider.digest.clone());
                std::thread::sleep(Duration::from_millis(1));
            }
            served
        });
        Calls { thread, stop }
    }

    /// Stops the calls, and returns the answers of the components that served.
    fn stop(self) -> BTreeSet<String> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

#[test]
fn from_an_authors_machine_to_a_production_folder() {
    let workshop = Workshop::new();
    let (first, second) = (bytes("echo"), version("echo", 2));
    let (first, first_signature) = workshop.release(&first);

    // The operator: a policy with one public key and nothing else.
    let mut production = Production {
        watched: Watched::new(),
    };
    let public = workshop.0.read("acme.pub");
    let key = PublicKey::parse_file(&public).unwrap();
    let policies = production.watched.workdir.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    let policy = format!("[trust]\nkeys = [\"{key}\"]\nrequire = true\n");
    std::fs::write(policies.join("echo.toml"), policy).unwrap();
    production.deliver(&first, &first_signature);
    let pin = "check providers/echo.wasm --policy policies/echo.toml --lock";
    production.run(pin, 0);
    let mut trust = Trust::default();
    trust.add_key(key).unwrap();
    production
        .watched
        .serve(|watch| watch.policies(&policies).trust(trust).locked());
    production.watched.next("loaded");

    // From here on a thread calls all the time, and is always served.
    let calls = Calls::start(production.watched.folder());

    // A new version: signed, and not pinned.
    let (second, second_signature) = workshop.release(&second);
    production.deliver(&second, &second_signature);
    let said = production.refuses(&first, "digest");
    let line = Lock::line("echo.wasm", &digest(&first));
    assert!(
        said.contains(&format!("delete the line `{line}`")),
        "{said}"
    );
    // The operator follows the message: deletes the line, and pins the present version.
    let lock = std::fs::read_to_string(production.lock()).unwrap();
    assert!(lock.contains(&line));
    std::fs::write(production.lock(), lock.replace(&line, "")).unwrap();
    production.run(pin, 0);
    loop {
        match production.watched.any() {
            // Between the two steps.
            Event::Rejected { .. } => {}
            Event::Replaced { from, to, .. } => {
                assert_eq!((from, to), (digest(&first), digest(&second)));
                break;
            }
            other => panic!("{other}"),
        }
    }
    let provider = production.watched.folder().get("echo").unwrap();
    let signer = provider.info().signer.as_ref().unwrap();
    assert_eq!(signer.key_id.to_string(), workshop.0.id());

    // Forged ones, with each signature that a forger can have.
    let evil = bytes("hostile");
    let forger = Author::new(9);
    for (bytes, signature, expected) in [
        (&evil, forger.sign(&evil, "echo.wasm"), "unknown-key"),
        (&evil, second_signature.clone(), "altered"),
        (&evil, first_signature.clone(), "altered"),
        (
            &second,
            workshop.signed_as("parrot.wasm", &second),
            "renamed",
        ),
        (&second, second_signature[..60].to_owned(), "malformed"),
        (
            &second[..second.len() / 2].to_vec(),
            second_signature.clone(),
            "altered",
        ),
        // Good and old: the case for the pin.
        (&first, first_signature.clone(), "digest"),
    ] {
        production.deliver(bytes, &signature);
        production.refuses(&second, expected);
    }
    production.watched.remove("echo.wasm.minisig");
    production.refuses(&second, "missing");
    // The command line says the same of it.
    let said = production.run(
        "check providers/echo.wasm --policy policies/echo.toml --locked",
        3,
    );
    assert!(said.contains("is not signed"), "{said}");

    // The earlier version is accepted again.
    production.deliver(&second, &second_signature);
    while production.watched.any().label() != "up-to-date" {}
    assert_eq!(
        calls.stop(),
        BTreeSet::from([digest(&first), digest(&second)])
    );
}
