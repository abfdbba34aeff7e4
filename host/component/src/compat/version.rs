//! The versions that two worlds have, and those that semver asks for.

use semver::Version;

use super::found::{Difference, Judged, Level, Side};

/// Each package with differences, in the order of the differences.
pub(super) fn judge(old: Side<'_>, new: Side<'_>, differences: &[Difference]) -> Vec<Judged> {
    let mut packages: Vec<Judged> = Vec::new();
    for difference in differences {
        match packages
            .iter_mut()
            .find(|package| package.name == difference.package)
        {
            Some(package) => package.level = package.level.max(difference.level),
            None => packages.push(Judged {
                name: difference.package.clone(),
                old: version_of(old, &difference.package),
                new: version_of(new, &difference.package),
                level: difference.level,
                asked: None,
                admits: false,
            }),
        }
    }
    for package in &mut packages {
        package.asked = package.old.as_ref().map(|old| asked(old, package.level));
        package.admits = match (&package.old, &package.new) {
            (Some(old), Some(new)) => admits(old, new, package.level),
            // Its first version starts a promise, and the loss of it ends one.
            (None, Some(_)) => true,
            (None | Some(_), None) => package.level == Level::Patch,
        };
    }
    packages
}

/// The version of a package. Two of one name are in one world only when their tracks differ; the newer one counts.
fn version_of(side: Side<'_>, name: &str) -> Option<Version> {
    let packages = side.resolve.packages.iter();
    let versions = packages.filter(|(_, package)| {
        name.split_once(':').is_some_and(|(namespace, rest)| {
            package.name.namespace == namespace && package.name.name == rest
        })
    });
    versions
        .filter_map(|(_, package)| package.name.version.clone())
        .max()
}

/// The least version after `old` that admits a change of this level. Versions before 1.0.0 raise their first part that is
/// not 0 for a break, as Cargo and the engine read them.
fn asked(old: &Version, level: Level) -> Version {
    let next = |part: u64| part.saturating_add(1);
    match (level, old.major, old.minor) {
        // A pre-release promises nothing yet.
        _ if !old.pre.is_empty() => Version::new(old.major, old.minor, old.patch),
        (Level::Major, 0, 0) | (Level::Minor, 0, _) | (Level::Patch, ..) => {
            Version::new(old.major, old.minor, next(old.patch))
        }
        (Level::Major, 0, minor) => Version::new(0, next(minor), 0),
        (Level::Major, major, _) => Version::new(next(major), 0, 0),
        (Level::Minor, major, minor) => Version::new(major, next(minor), 0),
    }
}

/// Whether `new` admits a change of this level since `old`. A change that breaks nothing needs no other version.
fn admits(old: &Version, new: &Version, level: Level) -> bool {
    let asked = asked(old, level);
    // A pre-release of the version that is asked for is on its track already.
    let reached = |new: &Version| {
        let [new, asked] = [new, &asked].map(|it| (it.major, it.minor, it.patch));
        new >= asked
    };
    level == Level::Patch || (new > old && reached(new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_part_that_is_not_0_is_raised_for_a_break() {
        let version = |text: &str| Version::parse(text).unwrap_or_else(|_| Version::new(9, 9, 9));
        for (old, level, expected) in [
            ("1.2.3", Level::Major, "2.0.0"),
            ("1.2.3", Level::Minor, "1.3.0"),
            ("1.2.3", Level::Patch, "1.2.4"),
            ("0.2.3", Level::Major, "0.3.0"),
            ("0.2.3", Level::Minor, "0.2.4"),
            ("0.0.3", Level::Major, "0.0.4"),
            ("0.0.3", Level::Minor, "0.0.4"),
            ("1.0.0-rc.1", Level::Major, "1.0.0"),
        ] {
            assert_eq!(asked(&version(old), level), version(expected), "{old}");
        }
        for (old, new, level, expected) in [
            ("1.2.3", "2.0.0", Level::Major, true),
            ("1.2.3", "2.0.0-rc.1", Level::Major, true),
            ("1.2.3", "1.9.0", Level::Major, false),
            ("1.2.3", "1.2.4", Level::Minor, false),
            ("1.2.3", "1.3.0", Level::Minor, true),
            ("1.2.3", "1.2.3", Level::Patch, true),
            ("1.2.3", "1.2.3", Level::Minor, false),
            ("2.0.0", "1.0.0", Level::Major, false),
            ("0.2.3", "0.2.4", Level::Major, false),
            ("0.2.3", "0.3.0", Level::Major, true),
            ("1.0.0-rc.1", "1.0.0-rc.2", Level::Major, true),
            ("1.0.0-rc.1", "1.0.0-rc.1", Level::Major, false),
        ] {
            let found = admits(&version(old), &version(new), level);
            assert_eq!(found, expected, "{old} to {new}, {level}");
        }
    }
}
