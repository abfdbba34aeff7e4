//! The folders, files and variables that a policy names, as this machine has them.

use serde::Serialize;
use tollgate::{Policy, Runtime};

use crate::output::ui::Ui;

/// The folders, secrets and files that a policy names and this machine lacks.
#[derive(Serialize)]
pub(crate) struct Preflight {
    /// The reasons for which every load would fail.
    pub(crate) missing: Vec<String>,
    /// Variables of `env-from-host` that are not set, or are not text: a provider is loaded without them.
    unset: Vec<String>,
    /// The rules that ask.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    asking: Vec<String>,
}

impl Preflight {
    /// Examines the objects that `policy` names.
    pub(crate) fn of(runtime: &Runtime, policy: &Policy) -> Preflight {
        let missing = runtime.preflight(policy).into_iter();
        let wasi = policy.grants.wasi.as_ref();
        let named = wasi.into_iter().flat_map(|wasi| &wasi.env_from_host);
        let unset = named.filter(|name| std::env::var(name).is_err());
        let asking = policy.grants.asking();
        let asking = asking.map(|rule| policy.grants.rule_text(rule));
        Preflight {
            asking: asking.collect(),
            missing: missing.map(|error| error.to_string()).collect(),
            unset: unset.cloned().collect(),
        }
    }

    /// Prints the missing objects, as errors and notes about the policy of this name, if it is not the only one.
    pub(crate) fn show(&self, name: Option<&str>, ui: &Ui) {
        let at = name.map_or_else(String::new, |name| format!("{name}: "));
        for missing in &self.missing {
            ui.error(&format!("{at}{missing}"));
        }
        for rule in &self.asking {
            ui.note(&format!(
                "{at}{rule}: asks before each use, which is denied where nobody can be asked"
            ));
        }
        for variable in &self.unset {
            let variable = tollgate::escape::line(variable);
            ui.note(&format!(
                "{at}grants.wasi.env-from-host: `{variable}` is not set here, and a provider is loaded without it"
            ));
        }
    }
}
