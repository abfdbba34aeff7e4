//! The library's remedies as options of this program, in parentheses at the end of a message.

use tollgate::Fault;
use tollgate::load::{Refusal, Remedy};

use crate::options::limits;

/// The message of a fault, with the flag that raises its limit.
pub(crate) fn fault_text(fault: &Fault) -> String {
    format!("{fault}{}", hint(fault.remedy().as_ref()))
}

/// The message of a refusal and of every import in its way, each with its option.
pub(crate) fn refusal_text(refusal: &Refusal) -> String {
    let mut text = format!("{}{}", refusal.message, hint(refusal.remedy.as_ref()));
    for import in &refusal.imports {
        text.push_str(&format!("\n  {import}{}", hint(import.remedy().as_ref())));
    }
    text
}

fn hint(remedy: Option<&Remedy>) -> String {
    let option = match remedy {
        Some(Remedy::RaiseLimit(name)) => format!("or --{}", limits::flag(name)),
        Some(Remedy::Grant(capability)) => format!("or {}", capability.flag()),
        Some(Remedy::TrustKey) => "or --trust-key".to_owned(),
        Some(Remedy::Sign) => "see `tollgate sign`".to_owned(),
        Some(Remedy::Pin) => "or give --lock in place of --locked".to_owned(),
        Some(Remedy::CallAnExport) => "see `tollgate inspect --wit`".to_owned(),
        _ => return String::new(),
    };
    format!(" ({option})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;
    use tollgate::Limits;
    use tollgate::policy::Capability;

    #[test]
    fn every_remedy_names_an_option_that_exists() {
        let cli = crate::Cli::command();
        let run = cli.find_subcommand("run").unwrap();
        let flags: Vec<&str> = run
            .get_arguments()
            .filter_map(clap::Arg::get_long)
            .collect();
        let mut remedies: Vec<Remedy> = Limits::KEYS
            .iter()
            .map(|key| Remedy::RaiseLimit(key.name))
            .collect();
        remedies.extend([
            Remedy::Grant(Capability::Log),
            Remedy::TrustKey,
            Remedy::Pin,
        ]);
        for remedy in remedies {
            let hint = hint(Some(&remedy));
            let (_, flag) = hint.split_once("--").unwrap();
            let flag = flag.split([' ', ')']).next().unwrap();
            assert!(flags.contains(&flag), "{remedy:?}: {hint}");
        }
        assert!(cli.find_subcommand("sign").is_some());
        let inspect = cli.find_subcommand("inspect").unwrap();
        assert!(
            inspect
                .get_arguments()
                .any(|arg| arg.get_long() == Some("wit"))
        );
    }

    #[test]
    fn a_limit_is_raised_by_its_flag() {
        let hint = |name| hint(Some(&Remedy::RaiseLimit(name)));
        assert_eq!(hint("fuel"), " (or --fuel)");
        assert_eq!(hint("output"), " (or --max-output)");
    }
}
