//! Hostile guests for any WIT world, for the tests of a program that embeds Tollgate.
//!
//! [`attack`] reads a world and makes components of it that are hostile in each export and each import: loops, traps,
//! allocators that lie, results that break the rules, floods of each function that the policy grants. Each is loaded and called
//! with the program's own [`Runtime`], and so with its own host functions, under its own [`Policy`]. It finds what host
//! functions forget: to charge, to bound what they hold, to wait asynchronously, to answer to bad arguments.
//!
//! ```
//! use tollgate::{Policy, Runtime};
//!
//! # let wit = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../cli/wit/provider-0.2"));
//! let policy = Policy::parse("grants.hash = true", std::path::Path::new("."))?;
//! tollgate_testing::attack(&Runtime::new(), &policy, wit, "tollgate:provider/provider")
//!     .only(["loop", "import-flood"]) // without this line, all attacks
//!     .assert();
//! # Ok::<(), tollgate::policy::PolicyError>(())
//! ```

mod calls;
mod came;
mod catalogue;
mod code;
mod error;
mod flat;
mod forms;
mod guest;
mod handles;
mod image;
mod judge;
mod module;
mod play;
mod random;
mod report;
mod resident;
mod stage;
mod values;
mod want;
mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use tollgate::{Policy, Runtime, Session};

pub use error::Error;
pub use report::{Attacked, Row, Skipped};

use play::{Play, Told};
use stage::{Prepare, Stage};
use world::World;

/// The time that a call may take beyond its deadline.
const GRACE: Duration = Duration::from_millis(500);

/// The time after which an attack that has not ended is given up, beyond the deadlines of its calls. Compiling is a part of
/// it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The calls of one attack at most: three of the hostile guest, to see a leak, and one of a good one.
const CALLS: u32 = 4;

/// Attacks on a world, which [`attack`] makes. Nothing runs before [`run`](Attack::run) or [`assert`](Attack::assert).
#[must_use = "nothing runs before `run` or `assert`"]
pub struct Attack<'a> {
    runtime: Runtime,
    policy: Policy,
    wit: PathBuf,
    world: String,
    seed: u64,
    grace: Duration,
    only: Vec<String>,
    prepare: Prepare,
    tells: Box<dyn FnMut(&str) + 'a>,
}

/// Attacks `world` (`acme:report/plugin`) of the WIT in a folder or a file, with components that `runtime` loads under `policy`.
///
/// Limits that the policy leaves at their defaults are shorter, so that a run takes seconds: a second, 20 million fuel, 16 MiB
/// of memory. Signatures are not asked for, and inherited output is captured. All else is as the policy says: **a guest writes to
/// the folders, asks the servers and fills the stores that it grants**. Grant a test's own.
pub fn attack<'a>(
    runtime: &Runtime,
    policy: &Policy,
    wit: impl AsRef<Path>,
    world: &str,
) -> Attack<'a> {
    Attack {
        runtime: runtime.clone(),
        policy: policy.clone(),
        wit: wit.as_ref().to_owned(),
        world: world.to_owned(),
        seed: 0,
        grace: GRACE,
        only: Vec::new(),
        prepare: Arc::new(|session| session),
        tells: Box::new(|_| {}),
    }
}

/// The names of all attacks, in the order in which they are made.
pub fn attacks() -> impl ExactSizeIterator<Item = &'static str> {
    catalogue::ATTACKS.iter().map(|attack| attack.name)
}

impl<'a> Attack<'a> {
    /// Sets the seed of the values; 0 by default. The same seed makes the same guests.
    pub fn seed(mut self, seed: u64) -> Attack<'a> {
        self.seed = seed;
        self
    }

    /// Makes these attacks alone; see [`attacks`].
    pub fn only<T: Into<String>>(mut self, attacks: impl IntoIterator<Item = T>) -> Attack<'a> {
        self.only = attacks.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the time that a call may take beyond its deadline; half a second by default.
    pub fn grace(mut self, grace: Duration) -> Attack<'a> {
        self.grace = grace;
        self
    }

    /// Prepares each session before its call, as with [`Session::with_data`] for host functions that need it.
    pub fn sessions(
        mut self,
        prepare: impl Fn(Session) -> Session + Send + Sync + 'static,
    ) -> Attack<'a> {
        self.prepare = Arc::new(prepare);
        self
    }

    /// Tells each attack and its place when it begins, for a line of progress.
    pub fn telling(mut self, tells: impl FnMut(&str) + 'a) -> Attack<'a> {
        self.tells = Box::new(tells);
        self
    }

    /// Makes the attacks. They run on a thread of their own with an async runtime of its own, so this may be called from async
    /// code, which it blocks.
    ///
    /// # Errors
    ///
    /// No attack was made: the WIT cannot be read or has no such world, there is no attack of a name, or a well-behaved component of it does not work
    /// under the policy.
    pub fn run(self) -> Result<Attacked, Error> {
        let Attack {
            runtime,
            policy,
            wit,
            world,
            seed,
            grace,
            only,
            prepare,
            mut tells,
        } = self;
        if let Some(unknown) = only.iter().find(|name| attacks().all(|it| it != **name)) {
            return Err(Error::Attack {
                unknown: unknown.clone(),
                all: attacks().collect(),
            });
        }
        let world = World::read(&wit, &world)?;
        let mut attacked = Attacked {
            world: world.name.clone(),
            seed,
            rows: Vec::new(),
            skipped: Vec::new(),
            grown: None,
        };
        let (to, told) = channel();
        let stage = Stage::new(runtime, &policy, world, prepare, seed);
        let patience = PATIENCE.saturating_add(stage.policy.limits.deadline.saturating_mul(CALLS));
        let play = Play {
            stage,
            grace,
            only,
            to,
        };
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new().name("attacks".to_owned());
        thread.spawn(move || tokio.block_on(play.run()))?;
        let mut under_way = ("good", "-".to_owned());
        loop {
            match told.recv_timeout(patience) {
                Ok(Told::Begins(attack, target)) => {
                    tells(&format!("{attack} at {target}"));
                    under_way = (attack, target);
                }
                Ok(Told::Row(row)) => attacked.rows.push(row),
                Ok(Told::Skipped(skipped)) => attacked.skipped.push(skipped),
                Ok(Told::Ended(ended)) => {
                    attacked.grown = ended?;
                    return Ok(attacked);
                }
                Err(stopped) => {
                    let wrong = match stopped {
                        RecvTimeoutError::Timeout => format!(
                            "the call has not ended after {patience:?}: a host function blocks; the attacks stop here"
                        ),
                        RecvTimeoutError::Disconnected => {
                            "the thread of the attacks panicked; they stop here".to_owned()
                        }
                    };
                    let (attack, target) = under_way;
                    attacked.rows.push(Row {
                        attack,
                        target,
                        expected: Vec::new(),
                        came: "stuck".to_owned(),
                        wrong: Some(wrong),
                        elapsed: patience,
                    });
                    return Ok(attacked);
                }
            }
        }
    }

    /// Makes the attacks and panics if something else came than was expected: the one line of a test.
    ///
    /// # Panics
    ///
    /// With each row that went wrong, or with the [`Error`].
    #[track_caller]
    pub fn assert(self) {
        #[expect(clippy::panic, reason = "a test fails by panicking")]
        match self.run() {
            Ok(attacked) => attacked.assert(),
            Err(error) => panic!("{error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use tollgate::Limits;

    use crate::guest::{At, Guest};
    use crate::module::Maker;
    use crate::random::Random;
    use crate::want::Want;
    use crate::world::World;

    #[test]
    fn the_short_limits_are_limits() {
        for (key, value) in crate::stage::SHORT {
            Limits::default().set(key, value).unwrap();
        }
        let names: BTreeSet<&str> = super::attacks().collect();
        assert_eq!(names.len(), super::attacks().len());
    }

    #[test]
    fn a_seed_makes_the_same_guests_and_another_makes_others() {
        let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../cli/wit/provider-0.2");
        let world = World::read(Path::new(wit), "provider").unwrap();
        let guest = Guest {
            at: At::Export(0),
            result: Want::Random,
            ..Guest::GOOD
        };
        let bytes = |seed| {
            let random = Random::of(seed, "result-random", "run");
            let made = Maker::new(&world, guest, &[], random).component();
            made.unwrap().unwrap().bytes
        };
        assert_eq!(bytes(1), bytes(1));
        let all: BTreeSet<Vec<u8>> = (1..9).map(bytes).collect();
        assert!(all.len() > 6);
    }
}
