//! Faults: the reasons for which a call is ended. `classify.rs` finds the fault that an error of the engine is.

use std::fmt;
use std::time::Duration;

use tollgate_component::Remedy;

/// The reason why a call was ended. Its session has ended and its store is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The limit that was reached, with its number, or the trap of the guest.
    pub kind: FaultKind,
    /// The engine's trap, by a stable name such as `unreachable`, when there was one.
    pub trap: Option<String>,
    /// The guest functions it passed through, innermost first. Guest text, already escaped and cut.
    pub backtrace: Vec<String>,
}

/// The ways in which a call faults. The set may grow; labels never change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The fuel budget was used up, by the guest's own work or by the host's work for it.
    Fuel(u64),
    /// The call was not done in time, waiting in host calls included.
    Deadline(Duration),
    /// More bytes of linear memory, over all memories, than allowed.
    Memory(u64),
    /// More table elements, over all tables, than allowed.
    Table(u64),
    /// More core instances, memories or tables than allowed of each.
    Instances(u32),
    /// The guest's calls nested too deep, in bytes of stack.
    Stack(u64),
    /// The guest did something that no guest may do; see [`Fault::trap`]. With the engine's words for it, escaped.
    Trap(String),
    /// The result was larger than allowed, in bytes.
    Output(u64),
    /// A command wrote more bytes to its standard output, or to its standard error, than allowed.
    Stdio(u64),
    /// More host calls than allowed.
    HostCalls(u64),
    /// More bytes in one host call, or result, than allowed.
    HostData(u64),
    /// More live resources than allowed.
    Handles(u32),
    /// More bytes of host memory held for the guest than allowed.
    HostMemory(u64),
    /// A provider ended itself with an exit code, as only a WASI command may.
    Exit(i32),
    /// The process of the provider ended, by this signal if by one, or sent a forbidden message and was killed. Only
    /// with [`Isolation::Process`](crate::Isolation::Process): otherwise a crash ends this program.
    Crash(Option<i32>),
}

impl Fault {
    pub(crate) fn new(kind: FaultKind) -> Fault {
        Fault {
            kind,
            trap: None,
            backtrace: Vec::new(),
        }
    }

    /// The stable name, as in the report.
    pub fn label(&self) -> &'static str {
        match self.kind {
            FaultKind::Fuel(_) => "fuel",
            FaultKind::Deadline(_) => "deadline",
            FaultKind::Memory(_) => "memory",
            FaultKind::Table(_) => "table",
            FaultKind::Instances(_) => "instances",
            FaultKind::Stack(_) => "stack",
            FaultKind::Trap(_) => "trap",
            FaultKind::Output(_) => "output",
            FaultKind::Stdio(_) => "stdio",
            FaultKind::HostCalls(_) => "host-calls",
            FaultKind::HostData(_) => "host-data",
            FaultKind::Handles(_) => "handles",
            FaultKind::HostMemory(_) => "host-memory",
            FaultKind::Exit(_) => "exit",
            FaultKind::Crash(_) => "crash",
        }
    }

    /// The limit that was reached; for a deadline in microseconds.
    pub fn limit(&self) -> Option<u64> {
        Some(match self.kind {
            FaultKind::Fuel(n)
            | FaultKind::Memory(n)
            | FaultKind::Table(n)
            | FaultKind::Stack(n)
            | FaultKind::Output(n)
            | FaultKind::Stdio(n)
            | FaultKind::HostCalls(n)
            | FaultKind::HostData(n)
            | FaultKind::HostMemory(n) => n,
            FaultKind::Instances(n) | FaultKind::Handles(n) => u64::from(n),
            FaultKind::Deadline(time) => u64::try_from(time.as_micros()).unwrap_or(u64::MAX),
            FaultKind::Trap(_) | FaultKind::Exit(_) | FaultKind::Crash(_) => return None,
        })
    }

    /// The limit to raise so that the same call gets further. None for a trap, an exit or a crash.
    pub fn remedy(&self) -> Option<Remedy> {
        let key = match self.kind {
            FaultKind::Trap(_) | FaultKind::Exit(_) | FaultKind::Crash(_) => return None,
            FaultKind::Table(_) => "table-elements",
            _ => self.label(),
        };
        Some(Remedy::RaiseLimit(key))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let raise = |f: &mut fmt::Formatter<'_>, key: &str| {
            write!(f, "; raise `limits.{key}` in the policy")
        };
        match &self.kind {
            FaultKind::Fuel(n) => {
                write!(f, "the budget of {n} fuel was used up")?;
                raise(f, "fuel")
            }
            FaultKind::Deadline(time) => {
                write!(f, "not done within {time:?}")?;
                raise(f, "deadline")
            }
            FaultKind::Memory(n) => {
                write!(f, "needed more than the {n} bytes of memory allowed")?;
                raise(f, "memory")
            }
            FaultKind::Table(n) => {
                write!(f, "needed more than the {n} table elements allowed")?;
                raise(f, "table-elements")
            }
            FaultKind::Instances(n) => {
                write!(
                    f,
                    "needs more than the {n} core instances, memories or tables allowed of each"
                )?;
                raise(f, "instances")
            }
            FaultKind::Stack(n) => {
                write!(f, "calls nested deeper than the {n} bytes of stack allowed")?;
                raise(f, "stack")
            }
            FaultKind::Trap(message) => f.write_str(message),
            FaultKind::Output(n) => {
                write!(f, "the result is larger than the {n} bytes allowed")?;
                raise(f, "output")
            }
            FaultKind::Stdio(n) => {
                write!(
                    f,
                    "wrote more than the {n} bytes allowed to its standard output or error"
                )?;
                raise(f, "stdio")
            }
            FaultKind::HostCalls(n) => {
                write!(f, "more than the {n} host calls allowed")?;
                raise(f, "host-calls")
            }
            FaultKind::HostData(n) => {
                write!(
                    f,
                    "more than the {n} bytes allowed in one host call or result"
                )?;
                raise(f, "host-data")
            }
            FaultKind::Handles(n) => {
                write!(f, "more than the {n} live resources allowed")?;
                raise(f, "handles")
            }
            FaultKind::HostMemory(n) => {
                write!(
                    f,
                    "the host would hold more than the {n} bytes of memory allowed for the guest"
                )?;
                raise(f, "host-memory")
            }
            FaultKind::Exit(code) => write!(
                f,
                "the provider exited with code {code}; only a WASI command may exit"
            ),
            FaultKind::Crash(Some(signal)) => write!(
                f,
                "the process of the provider was ended by signal {signal}; its next session starts another"
            ),
            FaultKind::Crash(None) => f.write_str(
                "the process of the provider ended or was killed (the log has the reason); its next session starts another",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_that_ends_a_call_is_raised_by_a_key_that_exists() {
        for kind in [
            FaultKind::Fuel(1),
            FaultKind::Deadline(std::time::Duration::ZERO),
            FaultKind::Memory(1),
            FaultKind::Table(1),
            FaultKind::Instances(1),
            FaultKind::Stack(1),
            FaultKind::Output(1),
            FaultKind::HostCalls(1),
            FaultKind::HostData(1),
            FaultKind::Stdio(1),
            FaultKind::Handles(1),
            FaultKind::HostMemory(1),
        ] {
            let fault = Fault::new(kind);
            let Some(Remedy::RaiseLimit(name)) = fault.remedy() else {
                panic!("{fault:?}");
            };
            assert!(
                tollgate_policy::Limits::KEYS
                    .iter()
                    .any(|key| key.name == name),
                "{name}"
            );
            let text = fault.to_string();
            assert!(
                text.ends_with(&format!("; raise `limits.{name}` in the policy")),
                "{text}"
            );
        }
        assert_eq!(Fault::new(FaultKind::Exit(1)).remedy(), None);
    }
}
