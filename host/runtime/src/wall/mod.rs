//! The second wall: the rights that the kernel denies to this process even when a guest has broken out of the engine.
//!
//! A hole in the engine would give a guest the process, with its files, its network and its user. [`Wall`] takes from
//! the process the rights that its providers do not need, for good. It applies to the whole process, so it is for
//! programs that do little else than call providers, such as `tollgate run`:
//!
//! ```no_run
//! use tollgate::{Policy, Source, blocking::Runtime, wall::Wall};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let policy = Policy::default();
//! let source = Source::file(std::path::Path::new("guest.wasm"), &policy.limits)?;
//! // Loading compiles in another process, and reads and writes the cache: the wall comes after it.
//! let provider = Runtime::new().load(&source, &policy)?;
//! let raised = Wall::around([provider.as_async()]).raise();
//! for lack in &raised.lacks {
//!     eprintln!("no wall for {lack}");
//! }
//! provider.session().run(b"input")?;
//! # Ok(()) }
//! ```
//!
//! # Coverage
//!
//! | part | the rights that are left |
//! |---|---|
//! | [`Part::Files`] | the granted folders, read-only or writable as they are granted; the files of the system's resolver, if a grant of HTTP names a host. Programs are not started from any of them |
//! | [`Part::Ports`] | TCP connections to the ports of the HTTP grants, and to port 53 if one of them names a host |
//! | [`Part::Calls`] | the system calls that calling a guest takes. No process is started, traced, signalled or read; no machine code is added; no socket is made, or only for TCP and UDP if HTTP is granted |
//! | [`Part::Privileges`] | no capability but those over files (`CAP_DAC_OVERRIDE`, `CAP_DAC_READ_SEARCH`, `CAP_FOWNER`), and no program that would raise them |
//! | [`Part::Descriptors`] | the descriptors of this program; those that it inherited are closed, if [`Wall::close_inherited`] is called |
//!
//! # Gaps
//!
//! - **The process's own data.** Its memory, with the credentials of the grants and the data of every guest in it; its
//!   open files, the store and the standard streams among them.
//! - **Addresses.** A granted port is reachable at every address, and UDP at every port, while HTTP is granted: the
//!   kernel's rules know ports, not hosts.
//! - **The processor and the memory**: the kernel's own bounds of the process hold, the limits of the policy do not.
//! - **Holes of the kernel** in the system calls that are left.
//! - **The embedder's own work** after it: files that are not granted cannot be opened any more, for any purpose.
//!
//! It is for Linux. [`Raised::lacks`] says which parts the kernel does not have, with the reason; on other systems, all.

mod around;
#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod linux;
mod parts;
#[cfg(target_os = "linux")]
mod process;
pub(crate) mod worker;

use std::collections::BTreeSet;
use std::sync::Arc;

use cap_std::fs::Dir;
use tollgate_capability::Granted;
use tollgate_policy::{Access, HttpGrant};

pub use self::parts::{Lack, Part, Raised};

/// The rights that a process keeps, made of the grants of its providers.
#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "there is no wall")
)]
#[derive(Clone, Default)]
pub struct Wall {
    /// The open folders, so that a path that leads elsewhere since changes nothing.
    folders: Vec<(Arc<Dir>, Access)>,
    /// The ports of granted URLs.
    ports: BTreeSet<u16>,
    /// Whether one of them names a host that is looked up.
    names: bool,
    close_inherited: bool,
}

impl Wall {
    /// A wall around a process that acts by these grants.
    #[cfg(target_os = "linux")]
    pub(crate) fn of(granted: &Granted) -> Wall {
        let mut wall = Wall::default();
        wall.leave(granted);
        wall
    }

    /// Leaves the rights that these grants need, and reads the files of later requests.
    fn leave(&mut self, granted: &Granted) {
        self.folders.extend(granted.folders());
        let http = &granted.grants.http;
        self.ports.extend(http.iter().filter_map(HttpGrant::port));
        let names = http.iter().any(HttpGrant::names_a_host);
        if !http.is_empty() {
            let encrypted = http.iter().any(|grant| grant.url.starts_with("https://"));
            granted.prepare_egress(encrypted, names);
        }
        self.names |= names;
    }

    /// Closes the descriptors that this process inherited, apart from the standard streams. They are those that a program
    /// started by this one would inherit (without `FD_CLOEXEC`): leave it out if some of them are this program's own.
    #[must_use]
    pub fn close_inherited(mut self) -> Wall {
        self.close_inherited = true;
        self
    }

    /// Raises the wall around this process. There is no way back.
    ///
    /// Call it while this thread is the only one: kernels before Linux 7.0 apply [`Part::Files`] and [`Part::Ports`] to
    /// the calling thread and those that it starts, and [`Part::Privileges`] is such on all. With other threads, these
    /// parts are in [`Raised::lacks`].
    pub fn raise(&self) -> Raised {
        #[cfg(target_os = "linux")]
        return linux::raise(self);
        #[cfg(not(target_os = "linux"))]
        {
            let why = "this system has no such part; run on Linux";
            Raised {
                parts: Vec::new(),
                lacks: Part::ALL.map(|part| Lack::new(part, why)).into(),
            }
        }
    }
}
