//! One flag for every limit, made from the table of limits that the policy file is read with.

use clap::{Arg, ArgMatches, Command};
use tollgate::Limits;
use tollgate::policy::{LimitKey, Unit, ValueError};

use crate::output::text;

/// The limits set on the command line, already checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct LimitFlags(Vec<(&'static LimitKey, u64)>);

impl LimitFlags {
    /// Sets these limits.
    pub(crate) fn apply(&self, limits: &mut Limits) -> Result<(), ValueError> {
        self.0
            .iter()
            .try_for_each(|(key, value)| key.set(limits, *value))
    }
}

/// The flag of a limit without its dashes: the key, except for `output`, whose name `run --output FILE` takes.
pub(crate) fn flag(name: &str) -> &str {
    match name {
        "output" => "max-output",
        name => name,
    }
}

/// Starts with a capital letter, as all help texts do.
fn sentence(help: &str) -> String {
    let mut chars = help.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

fn arg(key: &'static LimitKey) -> Arg {
    let value_name = match key.unit {
        Unit::Count => "N",
        Unit::Bytes => "SIZE",
        Unit::Duration => "DUR",
    };
    let default = match key.unit {
        Unit::Count => text::count(key.default_value()),
        unit => unit.show(key.default_value()),
    };
    Arg::new(key.name)
        .long(flag(key.name))
        .value_name(value_name)
        .help(format!("{} [default: {default}]", sentence(key.help)))
        .help_heading("Limits of each call")
        // There are many: `-h` shows the options of most command lines.
        .hide_short_help(true)
        // A negative number reaches the parser of the policy, which refuses it with its own message.
        .allow_negative_numbers(true)
        .value_parser(move |text: &str| {
            let value = key.unit.parse(text)?;
            key.set(&mut Limits::default(), value)?;
            Ok::<u64, ValueError>(value)
        })
}

impl clap::FromArgMatches for LimitFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<LimitFlags, clap::Error> {
        let given = |key: &'static LimitKey| Some((key, *matches.get_one::<u64>(key.name)?));
        Ok(LimitFlags(Limits::KEYS.iter().filter_map(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = LimitFlags::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for LimitFlags {
    fn augment_args(command: Command) -> Command {
        command.args(Limits::KEYS.iter().map(arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        LimitFlags::augment_args(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args as _, FromArgMatches as _};

    fn parse(flags: &[&str]) -> Result<Limits, String> {
        let command = LimitFlags::augment_args(Command::new("x").no_binary_name(true));
        let matches = command
            .try_get_matches_from(flags)
            .map_err(|error| error.to_string())?;
        let mut limits = Limits::default();
        let flags = LimitFlags::from_arg_matches(&matches).unwrap();
        flags.apply(&mut limits).unwrap();
        Ok(limits)
    }

    #[test]
    fn every_limit_has_a_flag_that_sets_it() {
        for key in Limits::KEYS {
            let (flag, value) = (format!("--{}", flag(key.name)), key.unit.show(key.min));
            let limits = parse(&[&flag, &value]).unwrap();
            assert_eq!(limits.get(key.name), Some(key.min), "{flag}");
        }
        assert_eq!(parse(&[]), Ok(Limits::default()));
    }

    #[test]
    fn a_wrong_value_is_refused_with_its_flag_and_a_cure() {
        for (flags, expected) in [
            (
                ["--memory", "8GiB"],
                "'--memory <SIZE>': 8GiB is more than the most allowed, 4GiB",
            ),
            (["--deadline", "10"], "has no unit"),
            (["--fuel", "-1"], "is negative"),
        ] {
            let message = parse(&flags).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }
}
