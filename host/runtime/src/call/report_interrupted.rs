//! The report of a load or a call that the program was told to end by a signal.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tollgate_component::ProviderInfo;
use tollgate_policy::Limits;

use crate::call::report_fields;

/// The report of a load or a call that a signal ended. It has no usage: the call was dropped.
///
/// ```
/// use std::time::Duration;
/// use tollgate::report::InterruptedReport;
/// use tollgate::{Policy, Source};
///
/// let policy = Policy::default();
/// let info = Source::bytes("slow", Vec::new()).info(&policy);
/// let report = InterruptedReport::new(&info, 15, Duration::from_millis(3), &policy.limits);
/// let read: InterruptedReport = serde_json::from_str(&serde_json::to_string(&report)?)?;
/// assert_eq!((read.interrupted.signal, read.interrupted.elapsed_us), (15, 3_000));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InterruptedReport {
    /// The component.
    #[serde(with = "report_fields::provider")]
    pub provider: ProviderInfo,
    /// Always `interrupted`.
    outcome: Interrupted,
    /// The signal, and the time at which it came.
    pub interrupted: InterruptedData,
    /// The limits of the policy.
    #[serde(with = "report_fields::limits")]
    pub limits: Limits,
}

/// An interruption in a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InterruptedData {
    /// The number of the signal: 2 for Ctrl-C, 15 for SIGTERM.
    pub signal: i32,
    /// Microseconds from the start of the command to the signal, compiling included.
    pub elapsed_us: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Interrupted {
    Interrupted,
}

impl InterruptedReport {
    /// The report of a program that got `signal` after `elapsed`.
    pub fn new(
        provider: &ProviderInfo,
        signal: i32,
        elapsed: Duration,
        limits: &Limits,
    ) -> InterruptedReport {
        InterruptedReport {
            provider: provider.clone(),
            outcome: Interrupted::Interrupted,
            interrupted: InterruptedData {
                signal,
                elapsed_us: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
            },
            limits: limits.clone(),
        }
    }
}
