//! The library's remedies as options of this program, in parentheses at the end of a message.

use tollgate::component::Judgement;
use tollgate::load::{Refusal, Remedy};
use tollgate::policy::Capability;
use tollgate::{Fault, escape};

use crate::options::limits;

/// The message of a fault, with the flag that raises its limit.
pub(crate) fn fault_text(fault: &Fault) -> String {
    format!("{fault}{}", hint(fault.remedy().as_ref()))
}

/// The message of a refusal and of every import in its way, each with its option. Imports that the same line of policy
/// grants are on one line: a guest of Python imports all of WASI.
pub(crate) fn refusal_text(refusal: &Refusal) -> String {
    let mut text = format!("{}{}", refusal.message, hint(refusal.remedy.as_ref()));
    let mut grants: Vec<&str> = Vec::new();
    for import in &refusal.imports {
        let hint = hint(import.remedy().as_ref());
        let Judgement::Denied { line, .. } = &import.judgement else {
            text.push_str(&format!("\n  {import}{hint}"));
            continue;
        };
        if grants.contains(&line.as_str()) {
            continue;
        }
        grants.push(line);
        let same = refusal.imports.iter();
        let same = same.filter(|other| other.judgement == import.judgement);
        text.push_str(&match same.count().saturating_sub(1) {
            0 => format!("\n  {import}{hint}"),
            more => format!(
                "\n  {} and {more} more: denied; add `{line}` to the policy{hint}",
                escape::line(&import.name)
            ),
        });
    }
    text
}

/// The option that grants a capability, quoted for a shell.
fn grant(capability: &Capability) -> String {
    match capability.short_form() {
        // A shell takes `*` for a file name.
        form if form.contains('*') => format!("--grant '{form}'"),
        form => format!("--grant {form}"),
    }
}

fn hint(remedy: Option<&Remedy>) -> String {
    let option = match remedy {
        Some(Remedy::RaiseLimit(name)) => format!("or --{}", limits::flag(name)),
        Some(Remedy::Grant(capability)) => format!("or {}", grant(capability)),
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
