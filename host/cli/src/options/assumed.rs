//! Interfaces of other hosts, by which imports are judged as if this program had them. Only commands that run nothing have them.

use serde::de::IgnoredAny;
use tollgate::Builder;
use tollgate::component::{ImportVerdict, Judgement};
use tollgate::policy::Grants;

use crate::output::status::ExitReason;
use crate::output::text;
use crate::output::ui::Ui;

/// The option of every command that judges.
#[derive(Clone, Default, clap::Args)]
pub(crate) struct AssumedOpts {
    /// Judge as if this program had an interface of the host that is to run the component, such as
    /// acme:report/rates@1.0.0; may be given more than once
    #[arg(
        long = "assume-interface",
        value_name = "NAMESPACE:PACKAGE/NAME@VERSION"
    )]
    interfaces: Vec<String>,
}

impl AssumedOpts {
    /// Offers the interfaces to a runtime that judges. Nothing is behind them, and any parameters fit.
    pub(crate) fn offer(&self, builder: Builder) -> Result<Builder, ExitReason> {
        let mut interfaces = self.interfaces.iter();
        interfaces.try_fold(builder, |builder, name| {
            let offered = builder.interface_with::<IgnoredAny>(name, |_| Ok(()));
            offered.map_err(|error| {
                ExitReason::Usage(format!(
                    "--assume-interface {}: {error}",
                    text::one_line(name)
                ))
            })
        })
    }

    /// The judgement of an import in one word.
    pub(crate) fn word(&self, import: &ImportVerdict) -> &'static str {
        match import.judgement {
            Judgement::Granted if self.interfaces.contains(&import.name) => "assumed",
            _ => import.judgement.label(),
        }
    }

    /// Notes how imports that no host like this one has are judged all the same.
    pub(crate) fn note_cure<'i>(imports: impl IntoIterator<Item = &'i ImportVerdict>, ui: &Ui) {
        let unknown = imports.into_iter().filter(|import| {
            let is_unknown = matches!(import.judgement, Judgement::Unknown { note: None });
            is_unknown && Grants::check_interface(&import.name).is_ok()
        });
        let mut options: Vec<String> = unknown
            .map(|import| format!("--assume-interface {}", import.name))
            .collect();
        options.sort_unstable();
        options.dedup();
        if !options.is_empty() {
            ui.note(&format!(
                "for a host that has interfaces of its own: {}",
                options.join(" ")
            ));
        }
    }
}
