//! The grant of WASI: the resources behind its interfaces. By default there are none.

use std::collections::{BTreeMap, BTreeSet};

use crate::decide::MAX_PATH;
use crate::error::ValueError;
use crate::toml::messages::{shown, suggestion};
use crate::toml::{names, time};

use super::rules::reject_duplicate;

/// The resources behind the WASI interfaces. The default is `wasi = "inert"`: every interface exists without a resource
/// behind it, for guests of toolchains that import WASI without using it.
///
/// ```
/// use tollgate_policy::{Clocks, WasiGrant};
///
/// let grant = WasiGrant { args: vec!["--all".to_owned()], clocks: Clocks::Real, ..WasiGrant::default() };
/// assert!(grant.env.is_empty() && grant.preopens.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WasiGrant {
    /// Arguments after the program's name.
    pub args: Vec<String>,
    /// Environment variables with their values.
    pub env: BTreeMap<String, String>,
    /// Names of variables of the host's environment. Their values are read when a provider is loaded; a variable that is
    /// not set there is not set for the guest. The variable of a credential is refused.
    pub env_from_host: BTreeSet<String>,
    /// The destination of stdout and stderr.
    pub stdio: Streams,
    /// The time that the clocks show.
    pub clocks: Clocks,
    /// The source of random numbers.
    pub random: Random,
    /// Roots of `grants.files` that are opened for the guest. Requests below them are decided by
    /// [`decide::wasi_files`](crate::decide::wasi_files()).
    pub preopens: Vec<Preopen>,
}

/// A root that is opened for a WASI guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preopen {
    /// The root of `grants.files`.
    pub root: String,
    /// The name under which the guest finds it: a path such as `/`, `.` or `/data`. Names may be nested; a guest uses the
    /// longest that its path begins with.
    pub at: String,
}

impl Preopen {
    /// A root under its own name.
    pub fn new(root: impl Into<String>) -> Preopen {
        let root = root.into();
        let at = root.clone();
        Preopen { root, at }
    }

    /// The same root under another name.
    #[must_use]
    pub fn at(mut self, at: impl Into<String>) -> Preopen {
        self.at = at.into();
        self
    }
}

/// Standard output and error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Streams {
    /// `"captured"`: into the report.
    #[default]
    Captured,
    /// `"inherit"`: those of the host process, if the embedding program allows that.
    Inherit,
}

/// The wall clock and the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clocks {
    /// `"real"`: the clocks of the host. WASI 0.2 has no time zone.
    Real,
    /// `{ fixed = "2026-01-01T00:00:00Z" }`: a wall clock that stands still, in seconds since 1970, and a monotonic
    /// clock that counts its own readings and the time that the guest has slept. Neither shows how much time passes.
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
    /// `"real"`: the random numbers of the system, different in every call.
    #[default]
    Real,
    /// `{ seed = 42 }`: the same sequence in every session. It is not secret: keys must not be made of it.
    Seed(u64),
}

/// The fix in the error about an unknown way to grant WASI.
pub(crate) const KNOWN: &str = "write \"inert\", or a table: `[grants.wasi]`";

/// The longest argument or variable, in bytes: less than systems accept, and more than a policy needs.
const MAX_TEXT: usize = 64 << 10;

impl WasiGrant {
    pub(crate) fn parse(text: &str) -> Result<WasiGrant, ValueError> {
        match text {
            "inert" => Ok(WasiGrant::default()),
            _ => Err(ValueError::new(format!(
                "unknown value `{}`; {KNOWN}",
                shown(text)
            ))),
        }
    }

    /// Checks the rules of every part. [`Grants::check`](crate::Grants::check) checks that the preopens are roots.
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
        for preopen in &self.preopens {
            rebuilt.add_preopen(preopen.clone())?;
        }
        match self.clocks {
            Clocks::Fixed(seconds) if seconds > time::MAX => Err(ValueError::new(
                "clocks: after the year 9999; use an earlier time",
            )),
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

    pub(crate) fn add_preopen(&mut self, preopen: Preopen) -> Result<(), ValueError> {
        let Preopen { root, at } = &preopen;
        names::root(root)?;
        if at.is_empty() || at.len() > MAX_PATH || at.chars().any(char::is_control) {
            return Err(ValueError::new(format!(
                "`{}` is not a name for a preopen; use a path such as `/`, `.` or `/data`",
                shown(at)
            )));
        }
        reject_duplicate(self.preopens.iter().all(|known| known.at != *at), at)?;
        self.preopens.push(preopen);
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
                Err(ValueError::new(format!("unknown value `{text}`{cure}")))
            }
        }
    }
}

fn variable(name: &str) -> Result<(), ValueError> {
    match name {
        "" => Err(ValueError::new("an empty name; name the variable")),
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

    /// A grant that was built in code obeys the rules of one that was parsed.
    #[test]
    fn every_part_of_a_grant_is_checked() {
        let good = WasiGrant {
            args: vec![String::new(), "x".repeat(MAX_TEXT)],
            env: BTreeMap::from([("A".to_owned(), String::new())]),
            env_from_host: BTreeSet::from(["B".to_owned()]),
            preopens: vec![
                Preopen::new("data"),
                Preopen::new("out").at("/"),
                Preopen::new("out").at("."),
            ],
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
        let root = Preopen::new("data");
        assert!(wrong(|grant| grant.preopens = vec![root.clone(), root]).contains("twice"));
        for at in ["", "a\0", "\u{1b}", &"x".repeat(MAX_PATH + 1)] {
            let message = wrong(|grant| grant.preopens.push(Preopen::new("data").at(at)));
            assert!(message.contains("not a name for a preopen"), "{message}");
        }
        assert!(wrong(|grant| grant.clocks = Clocks::Fixed(time::MAX + 1)).contains("9999"));
    }
}
