//! How WASI is granted: what stands behind the interfaces, one thing by one. Nothing, until it is named.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::ValueError;
use crate::toml::messages::{shown, suggestion};
use crate::toml::{names, time};

use super::rules::reject_duplicate;

/// What stands behind WASI. The default is `wasi = "inert"`: every interface is there with nothing behind
/// it, for guests of toolchains that import WASI whether they use it or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WasiGrant {
    /// Arguments, after the program's name.
    pub args: Vec<String>,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// Variables of the host's own environment, by name. Their values are read when a provider is loaded;
    /// those that are not set there are not set here.
    pub env_from_host: BTreeSet<String>,
    /// Where output goes, and where input comes from.
    pub stdio: Streams,
    /// What the clocks show.
    pub clocks: Clocks,
    /// Where random numbers come from.
    pub random: Random,
    /// Roots of `grants.files` that are opened for the guest, under their names. What may be done below
    /// them is decided as it is for `tollgate:provider/files`.
    pub preopens: Vec<String>,
}

/// Standard output and error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Streams {
    /// `"captured"`: into the report.
    #[default]
    Captured,
    /// `"inherit"`: those of the host's process, if its embedder lets policies have them.
    Inherit,
}

/// The wall clock and the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clocks {
    /// `"real"`: the host's. There is no time zone: WASI 0.2 has none.
    Real,
    /// `{ fixed = "2026-01-01T00:00:00Z" }`: a wall clock that stands, in seconds since 1970, and a
    /// monotonic clock that counts how often it is read and how long the guest has slept. Neither can
    /// tell how much time passes.
    Fixed(u64),
}

impl Default for Clocks {
    fn default() -> Clocks {
        Clocks::Fixed(0)
    }
}

/// Random numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Random {
    /// `"real"`: the system's, and other ones in every call.
    #[default]
    Real,
    /// `{ seed = 42 }`: the same ones in every session. No secret may be made of them.
    Seed(u64),
}

/// The cure wherever WASI is granted by a word we do not know.
pub(crate) const KNOWN: &str = "write \"inert\", or a table: `[grants.wasi]`";

/// The longest argument or variable. What a system would take is more; what a policy says is less.
const MAX_TEXT: usize = 64 << 10;

impl WasiGrant {
    pub(crate) fn parse(text: &str) -> Result<WasiGrant, ValueError> {
        match text {
            "inert" => Ok(WasiGrant::default()),
            _ => Err(ValueError::new(format!(
                "`{}` is not a way to grant WASI; {KNOWN}",
                shown(text)
            ))),
        }
    }

    /// Whether every part keeps the rules, for a grant that was put together in code. Whether the
    /// preopens are roots is for [`Grants::check`](crate::Grants::check).
    pub(crate) fn check(&self) -> Result<(), ValueError> {
        let mut rebuilt = WasiGrant::default();
        for arg in &self.args {
            rebuilt.add_arg(arg)?;
        }
        for (name, value) in &self.env {
            rebuilt.add_variable(name, value)?;
        }
        for name in &self.env_from_host {
            rebuilt.add_from_host(name)?;
        }
        for root in &self.preopens {
            rebuilt.add_preopen(root)?;
        }
        match self.clocks {
            Clocks::Fixed(seconds) if seconds > time::MAX => {
                Err(ValueError::new("a time after the year 9999"))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn add_arg(&mut self, arg: &str) -> Result<(), ValueError> {
        text(arg)?;
        self.args.push(arg.to_owned());
        Ok(())
    }

    pub(crate) fn add_variable(&mut self, name: &str, value: &str) -> Result<(), ValueError> {
        variable(name)?;
        text(value)?;
        self.reject_known(name)?;
        self.env.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    pub(crate) fn add_from_host(&mut self, name: &str) -> Result<(), ValueError> {
        variable(name)?;
        self.reject_known(name)?;
        self.env_from_host.insert(name.to_owned());
        Ok(())
    }

    pub(crate) fn add_preopen(&mut self, root: &str) -> Result<(), ValueError> {
        names::root(root)?;
        reject_duplicate(self.preopens.iter().all(|known| known != root), root)?;
        self.preopens.push(root.to_owned());
        Ok(())
    }

    fn reject_known(&self, name: &str) -> Result<(), ValueError> {
        let known = self.env.contains_key(name) || self.env_from_host.contains(name);
        reject_duplicate(!known, name)
    }
}

impl Streams {
    pub(crate) fn parse(text: &str) -> Result<Streams, ValueError> {
        match text {
            "captured" => Ok(Streams::Captured),
            "inherit" => Ok(Streams::Inherit),
            _ => {
                let cure = suggestion(text, &["captured", "inherit"]);
                let text = shown(text);
                Err(ValueError::new(format!("`{text}` is no place{cure}")))
            }
        }
    }
}

fn variable(name: &str) -> Result<(), ValueError> {
    match name {
        "" => Err(ValueError::new("an empty name; a variable has one")),
        _ if name.contains(['=', '\0']) || name.chars().any(char::is_control) => {
            Err(ValueError::new(format!(
                "`{}` is not a name for a variable; leave out `=` and control characters",
                shown(name)
            )))
        }
        _ => text(name),
    }
}

fn text(text: &str) -> Result<(), ValueError> {
    if text.len() > MAX_TEXT {
        return Err(ValueError::new(format!("longer than {MAX_TEXT} bytes")));
    }
    match text.contains('\0') {
        true => Err(ValueError::new(format!(
            "`{}` has a NUL, which no argument and no variable can have",
            shown(text)
        ))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(spoil: impl FnOnce(&mut WasiGrant)) -> String {
        let mut grant = WasiGrant::default();
        spoil(&mut grant);
        grant.check().unwrap_err().message
    }

    /// A grant that was put together in code keeps the rules of one that was read.
    #[test]
    fn every_part_of_a_grant_is_checked() {
        let good = WasiGrant {
            args: vec![String::new(), "x".repeat(MAX_TEXT)],
            env: BTreeMap::from([("A".to_owned(), String::new())]),
            env_from_host: BTreeSet::from(["B".to_owned()]),
            preopens: vec!["data".to_owned(), "out".to_owned()],
            clocks: Clocks::Fixed(time::MAX),
            ..WasiGrant::default()
        };
        assert_eq!(good.check(), Ok(()));
        let nul = || "a\0b".to_owned();
        assert!(wrong(|grant| grant.args.push(nul())).contains("NUL"));
        assert!(wrong(|grant| grant.args.push("x".repeat(MAX_TEXT + 1))).contains("longer than"));
        let set = |name: &str, value: String| {
            let name = name.to_owned();
            wrong(|grant| drop(grant.env.insert(name, value)))
        };
        assert!(set("A", nul()).contains("NUL"));
        assert!(set("", String::new()).contains("an empty name"));
        assert!(set("A=B", String::new()).contains("not a name for a variable"));
        let from_host = |name: &str| {
            let name = name.to_owned();
            wrong(|grant| grant.env_from_host.extend([name]))
        };
        assert!(from_host("").contains("an empty name"));
        assert!(from_host("A\0").contains("not a name for a variable"));
        let root = "data".to_owned();
        assert!(wrong(|grant| grant.preopens = vec![root.clone(), root]).contains("twice"));
        assert!(wrong(|grant| grant.clocks = Clocks::Fixed(time::MAX + 1)).contains("9999"));
    }
}
