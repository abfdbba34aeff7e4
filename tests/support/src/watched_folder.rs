//! A served folder and its events, which a test awaits for a bounded time.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tempfile::TempDir;
use tollgate::Runtime;
use tollgate::blocking::{self, Provider};
use tollgate::watch::{Event, WatchError, WatchOptions, WatchedFolder};

use crate::harness::{guest_file, runtime};
use crate::signer::Author;

/// The longest wait for an event.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longer than any test: an event within it came from a notification of the system.
const NEVER: Duration = Duration::from_secs(24 * 3600);

/// A folder of providers in a working folder.
pub struct Watched {
    /// The folder around it.
    pub workdir: TempDir,
    folder: Option<WatchedFolder>,
    told: Receiver<Event>,
    tell: Sender<Event>,
}

impl Watched {
    /// An empty folder that is not served yet.
    pub fn new() -> Watched {
        let (tell, told) = channel();
        Watched {
            workdir: TempDir::new().unwrap(),
            folder: None,
            told,
            tell,
        }
    }

    /// A served folder with these guests under empty policies.
    pub fn with(guests: &[&str]) -> Watched {
        let mut watched = Watched::new();
        for guest in guests {
            watched.install(guest, &bytes(guest));
            watched.write(&format!("{guest}.toml"), "");
        }
        watched.serve(|watch| watch);
        for _ in guests {
            watched.next("loaded");
        }
        watched
    }

    /// The folder that is served.
    pub fn path(&self) -> PathBuf {
        self.workdir.path().join("providers")
    }

    /// Serves the folder by the runtime that all tests share.
    pub fn serve(&mut self, options: impl FnOnce(WatchOptions) -> WatchOptions) {
        self.serve_by(runtime(), options).unwrap();
    }

    /// Serves the folder by this runtime.
    pub fn serve_by(
        &mut self,
        runtime: &Runtime,
        options: impl FnOnce(WatchOptions) -> WatchOptions,
    ) -> Result<(), WatchError> {
        if !self.path().exists() {
            std::fs::create_dir(self.path()).unwrap();
        }
        let tell = self.tell.clone();
        let watch = WatchOptions::new(self.path())
            .poll_interval(NEVER)
            .on_event(move |event| {
                let _ = tell.send(event.clone());
            });
        let runtime = blocking::Runtime::from(runtime.clone());
        self.folder = Some(runtime.watch(options(watch))?);
        Ok(())
    }

    /// Ends serving.
    pub fn stop(&mut self) {
        self.folder = None;
    }

    /// The handle of the served folder.
    pub fn folder(&self) -> &WatchedFolder {
        self.folder.as_ref().unwrap()
    }

    /// Installs a component in the advised way: in one step.
    pub fn install(&self, name: &str, bytes: &[u8]) {
        self.write(&format!("{name}.wasm"), bytes);
    }

    /// Installs a component with its signature.
    pub fn install_signed(&self, name: &str, bytes: &[u8], author: &Author) {
        let file = format!("{name}.wasm");
        self.write(&format!("{file}.minisig"), author.sign(bytes, &file));
        self.install(name, bytes);
    }

    /// Writes a file in one step.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let target = self.path().join(name);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        let beside = self.workdir.path().join("beside");
        std::fs::write(&beside, bytes).unwrap();
        std::fs::rename(&beside, target).unwrap();
    }

    /// Removes a file.
    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.path().join(name)).unwrap();
    }

    /// The next event.
    pub fn any(&self) -> Event {
        self.told.recv_timeout(PATIENCE).expect("nothing is told")
    }

    /// The next event, which must have this label.
    pub fn next(&self, label: &str) -> Event {
        let event = self.told.recv_timeout(PATIENCE);
        let event = event.unwrap_or_else(|_| panic!("not told: {label}"));
        assert_eq!(event.label(), label, "{event}");
        event
    }

    /// The error in the next event, which must have this label and be of this provider.
    pub fn wrong(&self, label: &str, name: &str) -> String {
        let event = self.next(label);
        assert_eq!(event.name(), Some(name), "{event}");
        event.error().unwrap().label().to_owned()
    }

    /// Asserts that earlier changes cause no further event: the whole folder is read each time, in the order of names,
    /// and the next event is of a new file that comes last.
    pub fn nothing_else(&self) {
        self.write("~last.wasm", "noise");
        assert_eq!(self.next("failed").name(), Some("~last"));
        self.remove("~last.wasm");
        assert_eq!(self.next("removed").name(), Some("~last"));
    }

    /// Asserts that no event comes for ten times [`WatchOptions::SETTLE`].
    pub fn is_quiet(&self) {
        if let Ok(event) = self.told.recv_timeout(10 * WatchOptions::SETTLE) {
            panic!("told: {event}");
        }
    }

    /// Asserts, after [`Watched::stop`], that no event comes until the thread, which has the sender, ends.
    pub fn silent(self) {
        drop(self.tell);
        match self.told.recv_timeout(PATIENCE) {
            Err(RecvTimeoutError::Disconnected) => {}
            Err(RecvTimeoutError::Timeout) => panic!("the thread does not end"),
            Ok(event) => panic!("told: {event}"),
        }
    }

    /// The provider that is served under this name.
    pub fn get(&self, name: &str) -> Option<Provider> {
        self.folder().get(name).map(Provider::from)
    }

    /// The digest of the served component.
    pub fn digest(&self, name: &str) -> Option<String> {
        let provider = self.folder().get(name)?;
        Some(provider.info().digest.clone())
    }
}

/// The bytes of a built guest.
pub fn bytes(guest: &str) -> Vec<u8> {
    std::fs::read(guest_file(guest)).unwrap()
}

/// The same guest with other bytes: one more custom section.
pub fn version(guest: &str, version: u8) -> Vec<u8> {
    [&bytes(guest)[..], &[0, 3, 1, b'v', version]].concat()
}

/// A component with this custom section behind it.
pub fn add_section(mut bytes: Vec<u8>, name: &str, data: &[u8]) -> Vec<u8> {
    let leb = |length: usize| {
        // Five bytes hold any length: a number may have zeros in front.
        (0..5).map(move |at| (length >> (7 * at)) as u8 & 0x7f | if at < 4 { 0x80 } else { 0 })
    };
    let body: Vec<u8> = leb(name.len())
        .chain(name.bytes())
        .chain(data.iter().copied())
        .collect();
    bytes.push(0);
    bytes.extend(leb(body.len()).chain(body));
    bytes
}

/// The digest that identifies a component.
pub fn digest(bytes: &[u8]) -> String {
    tollgate::Source::bytes("", bytes).digest().to_owned()
}

/// Sets the modification time of a file to now.
pub fn touch(path: &Path) {
    let file = std::fs::File::open(path).unwrap();
    file.set_modified(std::time::SystemTime::now()).unwrap();
}
