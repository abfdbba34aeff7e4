//! The differences of two versions of a world, the programs that each of them breaks, and the version that semver asks for.
//!
//! A component and a host meet by the names and types of a world. So a difference breaks a *component* that was built
//! for the old version on a host of the new one, or a *host* of the old version with a component of the new one, or
//! both, or only sources that name what is gone.

mod differences;
mod found;
mod types;
mod version;

pub use found::{Breaks, Compat, Difference, Direction, Judged, Level, Side};

/// Compares two versions of a world.
///
/// ```
/// use tollgate_component::compat::{Level, Side, compare};
/// use tollgate_component::wit_parser::Resolve;
///
/// let read = |version: &str, cases: &str| {
///     let mut resolve = Resolve::default();
///     let text = format!(
///         "package acme:report@{version};
///          interface rates {{ enum currency {{ {cases} }} of: func(c: currency) -> f64; }}
///          world plugin {{ import rates; }}"
///     );
///     let package = resolve.push_source("report.wit", &text).unwrap();
///     let world = resolve.select_world(&[package], None).unwrap();
///     (resolve, world)
/// };
/// let (old, new) = (read("1.0.0", "eur, usd"), read("1.1.0", "eur, usd, chf"));
/// let [old, new] = [&old, &new].map(|(resolve, world)| Side { resolve, world: *world, is_component: false });
/// let found = compare(old, new);
/// assert_eq!(found.differences[0].change, "enum `currency`: case `chf` is added");
/// assert_eq!(found.differences[0].level, Level::Major);
/// assert_eq!(found.packages[0].asked.as_ref().unwrap().to_string(), "2.0.0");
/// assert!(!found.compatible);
/// ```
pub fn compare(old: Side<'_>, new: Side<'_>) -> Compat {
    let mut differences = differences::of(old, new);
    if old.is_component || new.is_component {
        // A component is not a promise to hosts or components of another build: the question is whether it fits.
        let counts = |difference: &Difference| match new.is_component {
            true => difference.breaks.old_hosts,
            false => difference.breaks.old_components,
        };
        // A component names only what it uses, so beside a whole world the rest of the world is no difference.
        if old.is_component != new.is_component {
            differences.retain(counts);
        }
        return Compat {
            compatible: !differences.iter().any(counts),
            differences,
            packages: Vec::new(),
        };
    }
    let packages = version::judge(old, new, &differences);
    Compat {
        compatible: packages.iter().all(|package| package.admits),
        differences,
        packages,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
