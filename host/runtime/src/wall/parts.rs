//! The parts of the wall, and the result of raising each.

use std::fmt;

/// A part of the wall. Each is applied or is in [`Raised::lacks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Part {
    /// Descriptors that the process inherited are closed.
    Descriptors,
    /// No capabilities, and no program that would raise them.
    Privileges,
    /// Paths: Landlock, in the version of Linux 6.2 or later.
    Files,
    /// TCP ports: Landlock, in the version of Linux 6.7 or later.
    Ports,
    /// System calls: seccomp.
    Calls,
}

impl Part {
    /// All parts, in the order in which they are applied.
    pub const ALL: [Part; 5] = [
        Part::Descriptors,
        Part::Privileges,
        Part::Files,
        Part::Ports,
        Part::Calls,
    ];

    /// Its name: `files`, `system calls` …
    pub const fn label(self) -> &'static str {
        match self {
            Part::Descriptors => "inherited descriptors",
            Part::Privileges => "privileges",
            Part::Files => "files",
            Part::Ports => "ports",
            Part::Calls => "system calls",
        }
    }
}

/// A part that could not be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lack {
    /// The part.
    pub part: Part,
    /// The reason.
    pub why: String,
}

impl Lack {
    pub(super) fn new(part: Part, why: impl fmt::Display) -> Lack {
        let why = why.to_string();
        Lack { part, why }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part.label(), self.why)
    }
}

/// The parts that were applied, and those that could not be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Raised {
    /// The parts that hold from now on.
    pub parts: Vec<Part>,
    /// The parts that do not, with the reasons.
    pub lacks: Vec<Lack>,
}

#[cfg(target_os = "linux")]
impl Raised {
    pub(super) fn note(&mut self, part: Part, applied: Result<(), impl fmt::Display>) {
        match applied {
            Ok(()) => self.parts.push(part),
            Err(why) => self.lacks.push(Lack::new(part, why)),
        }
    }
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts.as_slice() {
            [] => f.write_str("nothing"),
            parts => f.write_str(
                &parts
                    .iter()
                    .map(|part| part.label())
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
        }
    }
}
