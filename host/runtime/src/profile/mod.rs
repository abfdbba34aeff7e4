//! Profiles: the functions of a guest that its fuel goes to, and the host calls that it pays for.

pub(crate) mod sampler;
pub(crate) mod tree;

use self::tree::SharedTree;
pub use self::tree::{Frame, Node};
use crate::call::provider::Provider;
use crate::call::session::Session;
use crate::engine::metering::Metering;
use crate::error::{LoadError, Unsupported};

/// The fuel of calls by the stacks that used it, as a tree of calls.
///
/// The stack of the guest is sampled when it has used a piece of fuel: after about a thousand units at first, and less
/// often the longer a call takes, up to about 65,000 units. Time has no part in it, so the same call has the same
/// profile on every machine. The price of each host call is counted exactly, at the stack that made it. All of the fuel
/// is counted: [`fuel`](Self::fuel) is the sum of [`Usage::fuel`](crate::report::Usage::fuel) of the calls, and a
/// profiled call uses as much as any other.
///
/// All limits and grants hold as for any call. A profile keeps the 127 innermost functions of a stack, and 8,192 nodes;
/// the fuel of further ones is counted at their callers ([`merged`](Self::merged)).
///
/// Clones are the same profile.
///
/// ```
/// use tollgate::profile::Frame;
/// use tollgate::{Limits, Policy, Profile, Source, blocking};
///
/// # let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests/counter.wasm"));
/// let source = Source::file(path, &Limits::default())?;
/// let provider = blocking::Runtime::new().load(&source, &Policy::default())?;
/// let profile = Profile::of(provider.as_async())?;
/// let report = blocking::Session::from(profile.session()).wave("work(1000000)")?;
/// assert_eq!(profile.fuel(), report.usage.fuel);
///
/// let hottest = profile.nodes().into_iter().max_by_key(|node| node.fuel);
/// assert_eq!(hottest.map(|node| node.frame), Some(Frame::Guest("wasm-function[2]".into())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Profile {
    provider: Provider,
    tree: SharedTree,
}

impl Profile {
    /// An empty profile, for calls of this provider. It makes an engine of its own, as
    /// [`Provider::on_own_engine`] does.
    ///
    /// # Errors
    ///
    /// [`Unsupported::Profile`] where no fuel is counted, [`Unsupported::Isolated`] where sessions are in another
    /// process, and those of [`Provider::on_own_engine`].
    pub fn of(provider: &Provider) -> Result<Profile, LoadError> {
        let shared = &provider.shared;
        if shared.unit().metering != Metering::Fuel {
            return Err(Unsupported::Profile.into());
        }
        if shared.isolated.is_some() {
            return Err(Unsupported::Isolated {
                what: "a profile",
                fix: "leave it out",
            }
            .into());
        }
        Ok(Profile {
            provider: provider.on_engine(true)?,
            tree: SharedTree::default(),
        })
    }

    /// A session whose calls are counted in this profile.
    pub fn session(&self) -> Session {
        Session::profiled(self.provider.clone(), self.tree.clone())
    }

    /// The nodes of the tree so far, each after its caller. Functions of one index without names, of several modules, are one.
    pub fn nodes(&self) -> Vec<Node> {
        self.tree.lock().nodes().to_vec()
    }

    /// The fuel of all nodes.
    pub fn fuel(&self) -> u64 {
        let fuel = |sum: u64, node: &Node| sum.saturating_add(node.fuel);
        self.tree.lock().nodes().iter().fold(0, fuel)
    }

    /// The fuel that is counted at a caller of the function that used it, since there were too many nodes.
    pub fn merged(&self) -> u64 {
        self.tree.lock().merged()
    }
}
