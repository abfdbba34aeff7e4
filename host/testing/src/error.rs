//! The reasons why no attack was made.

use std::path::PathBuf;

use thiserror::Error;

/// The reason why a world is not attacked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The WIT cannot be read.
    #[error("{}: the WIT does not parse: {message}; correct it, with the packages that it uses in the folder `deps`", path.display())]
    Wit {
        /// The folder or file.
        path: PathBuf,
        /// The mistake and its place.
        message: String,
    },
    /// The WIT has no such world.
    #[error("{}: there is no world `{wanted}`: it has {}; name one of these", path.display(), worlds.join(", "))]
    World {
        /// The folder or file.
        path: PathBuf,
        /// The name that was given.
        wanted: String,
        /// The worlds that there are.
        worlds: Vec<String>,
    },
    /// There is no attack of this name.
    #[error("{unknown}: there is no such attack; there are {}", all.join(", "))]
    Attack {
        /// The name that was given.
        unknown: String,
        /// The attacks that there are.
        all: Vec<&'static str>,
    },
    /// The world has something that no component may have here.
    #[error("{function}: {why}; this host runs no component of the world")]
    Unsupported {
        /// The function or interface of the world.
        function: String,
        /// The property that is not supported.
        why: String,
    },
    /// A well-behaved component of the world, which imports no more than the types that its exports use, does not work.
    #[error(
        "a well-behaved component of the world does not work: {0}; change the policy so that it does"
    )]
    Good(String),
    /// A component of the world could not be made: a bug of this library.
    #[error("a component of the world could not be made: {0}; please report it with the WIT")]
    Make(String),
    /// The machine gave no thread or async runtime.
    #[error("the attacks cannot start: {0}")]
    Start(#[from] std::io::Error),
}
