//! The two sides of a comparison, and its result.

use std::fmt;

use semver::Version;
use serde::{Serialize, Serializer};
use wit_parser::{Resolve, WorldId};

/// One of the two worlds that are compared.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The packages that the world is made of.
    pub resolve: &'a Resolve,
    /// The world.
    pub world: WorldId,
    /// Whether it is the world of one component, which promises less than a world in WIT: a component that no longer has
    /// an import needs less of a host, and nothing built for it breaks.
    pub is_component: bool,
}

/// The comparison of two versions of a world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Compat {
    /// Each difference, imports first, in the order of the old version and then of the new one.
    pub differences: Vec<Difference>,
    /// Each package that differs, with the version that it has and the one that semver asks for. Empty when one side is a
    /// component, since components have no version that promises anything.
    pub packages: Vec<Judged>,
    /// Whether each version says what is true: no package changes more than its new version admits, and no component
    /// needs a host, or breaks one, that the other side promises.
    pub compatible: bool,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The side of the world.
    pub direction: Direction,
    /// The interface, without its version; the name of the function or the type for an item of the world itself.
    pub item: String,
    /// The change, such as ``enum `currency`: case `chf` is added``.
    pub change: String,
    /// The programs that it breaks.
    pub breaks: Breaks,
    /// The part of the version that semver asks to be raised for it.
    pub level: Level,
    /// The package whose version answers for it.
    #[serde(skip)]
    pub(super) package: String,
}

/// The side of a world on which an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The host provides it, and components use it.
    Import,
    /// Components provide it, and the host uses it.
    Export,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::Import => "import",
            Direction::Export => "export",
        })
    }
}

/// The programs that a difference breaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Breaks {
    /// Components built for the old version, on hosts of the new one.
    pub old_components: bool,
    /// Hosts of the old version, with components built for the new one.
    pub old_hosts: bool,
    /// Sources, compositions and callers that use a name which is gone.
    pub names: bool,
}

/// The part of a version that is raised for a change, in the order of what it admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Nothing breaks.
    Patch,
    /// Only users of the addition need the new version on the other side.
    Minor,
    /// Something that was built for the old version breaks.
    Major,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Patch => "patch",
            Level::Minor => "minor",
            Level::Major => "major",
        })
    }
}

/// A package that differs, and its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// Its namespace and name, such as `acme:report`.
    pub name: String,
    /// The old version, if it has one.
    #[serde(serialize_with = "text")]
    pub old: Option<Version>,
    /// The new version, if it has one.
    #[serde(serialize_with = "text")]
    pub new: Option<Version>,
    /// The greatest level of its differences.
    pub level: Level,
    /// The least version that admits its differences; none when the old one has none to start from.
    #[serde(serialize_with = "text")]
    pub asked: Option<Version>,
    /// Whether the new version admits them. Without versions, every change that breaks a program is one too many.
    pub admits: bool,
}

fn text<S: Serializer>(version: &Option<Version>, serializer: S) -> Result<S::Ok, S::Error> {
    version
        .as_ref()
        .map(Version::to_string)
        .serialize(serializer)
}
