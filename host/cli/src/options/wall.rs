//! The option of the second wall, and the moment at which it is raised: between loading and the first call.

use clap::ValueEnum;
use tollgate::Provider;
use tollgate::wall::{Raised, Wall};

use crate::files::interrupt;
use crate::output::status::ExitReason;
use crate::output::ui::Ui;

/// The wall around a command that calls components.
#[derive(clap::Args)]
pub(crate) struct WallOpts {
    /// Take from this process, before it calls the component, the files, ports, programs and system calls that the
    /// grants do not need, in case a component breaks out of the engine; `require` fails where the kernel cannot,
    /// `best-effort` takes what it can, which -v shows
    #[arg(
        long,
        value_name = "MODE",
        default_value = "best-effort",
        help_heading = "The second wall"
    )]
    wall: Mode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    Require,
    BestEffort,
    Off,
}

impl WallOpts {
    /// Whether a wall is raised: it is asked for, and this system has one.
    pub(crate) fn is_on(&self) -> bool {
        cfg!(target_os = "linux") && self.wall != Mode::Off
    }

    /// Raises the wall around this process, which has loaded all it will call. Only this thread may run.
    pub(crate) fn raise<'p>(
        &self,
        providers: impl IntoIterator<Item = &'p Provider>,
        ui: &Ui,
        has_stderr: bool,
    ) -> Result<(), ExitReason> {
        if self.wall == Mode::Off {
            return Ok(());
        }
        let wall = Wall::around(providers).close_inherited();
        let raised = interrupt::paused(|| wall.raise());
        if has_stderr && ui.verbose() {
            ui.note(&format!("the wall holds: {raised}"));
            for lack in &raised.lacks {
                ui.note(&format!("no wall for {lack}"));
            }
        }
        match self.wall {
            Mode::Require => required(&raised),
            Mode::BestEffort | Mode::Off => Ok(()),
        }
    }
}

fn required(raised: &Raised) -> Result<(), ExitReason> {
    if raised.lacks.is_empty() {
        return Ok(());
    }
    let lacks = raised
        .lacks
        .iter()
        .map(|lack| format!("no wall for {lack}"));
    Err(ExitReason::Usage(format!(
        "--wall require: {}; use Linux 6.7 or later with Landlock and seccomp enabled, or give --wall best-effort",
        lacks.collect::<Vec<_>>().join(", ")
    )))
}
