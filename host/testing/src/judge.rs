//! The judgement on one attack: its outcome, the limits, the host's own counts, and the memory of the process.

use tollgate::report::Usage;

use crate::came::Came;
use crate::catalogue::COUNTED;
use crate::guest::{Body, Guest, Times};
use crate::play::Play;
use crate::want::Want;

/// Memory that the allocator, the engine and compiled code may take for one guest beside its limits.
const SLACK: u64 = 16 << 20;

impl Play {
    /// The fault in an outcome, in words. `None` if the outcome is an expected one.
    pub(crate) fn judge(
        &self,
        expected: &[&'static str],
        came: &Came,
        guest: &Guest,
        calls: u64,
    ) -> Option<String> {
        let most = self.stage.policy.limits.deadline.saturating_add(self.grace);
        if came.elapsed > most {
            return Some(format!(
                "the call took {:?}, and its deadline is {:?}: a host function blocks its thread; let it wait \
                 asynchronously",
                came.elapsed, self.stage.policy.limits.deadline
            ));
        }
        if !expected.contains(&&*came.label) {
            return Some(match &*came.label {
                "host-error" => format!(
                    "the host failed: {}; let the function answer, or return a `GuestError`",
                    cause(&came.detail)
                ),
                // A guest that returned has no more to say.
                label => format!("{label} {}", came.detail).trim_end().to_owned(),
            });
        }
        if came.usage.is_some() && came.is_done() != came.alive {
            return Some("the session outlives its fault".to_owned());
        }
        let usage = came.usage.as_ref()?;
        self.beyond(usage)
            .or_else(|| self.uncounted(came, usage, guest, calls))
    }

    /// A limit that the call went over.
    fn beyond(&self, usage: &Usage) -> Option<String> {
        let limits = &self.stage.policy.limits;
        let all = [
            ("memory", usage.memory_peak, limits.memory),
            ("table-elements", usage.table_peak, limits.table_elements),
            ("host-memory", usage.host_memory_peak, limits.host_memory),
            // The call that goes over it is counted.
            (
                "host-calls",
                usage.host_calls.saturating_sub(1),
                limits.host_calls,
            ),
        ];
        let over = all.into_iter().find(|(_, used, limit)| used > limit);
        over.map(|(key, used, limit)| format!("limits.{key} is {limit}, and {used} were used"))
    }

    /// Calls and bytes of imports that the host did not count.
    fn uncounted(&self, came: &Came, usage: &Usage, guest: &Guest, calls: u64) -> Option<String> {
        let Body::Call {
            arguments, times, ..
        } = guest.body
        else {
            return None;
        };
        let charge = "begin the function with `CallContext::charge`";
        let counted = usage.host_calls;
        // Where reading the arguments failed, no function of the host began.
        let has_begun = !came.is_canonical_abi();
        match (arguments, times) {
            (Want::Small, Times::Count(COUNTED)) if came.is_done() => {
                let made = u64::from(COUNTED).saturating_mul(calls);
                (counted < made).then(|| {
                    format!("{made} calls of the host, and {counted} are counted; {charge}")
                })
            }
            (Want::Small, Times::Endless | Times::UntilRefused | Times::Dropped)
                if has_begun && !came.is_done() =>
            {
                (counted == 0).then(|| format!("no call of it is counted; {charge}"))
            }
            (Want::Large(bytes), Times::Count(1)) if came.is_done() => {
                let bytes = u64::from(bytes);
                (usage.host_bytes < bytes / 2).then(|| {
                    format!(
                        "{bytes} bytes were passed, and {} are paid for; give their number to `charge`",
                        usage.host_bytes
                    )
                })
            }
            _ => None,
        }
    }

    /// Memory of the process that the call does not explain: it has told its own.
    pub(crate) fn memory(&self, came: &Came, most: u64, held: u64) -> Option<String> {
        let limits = &self.stage.policy.limits;
        if held > limits.host_memory.saturating_add(SLACK / 2) {
            return Some(format!(
                "{held} bytes of memory are held after the call, every time: a host function keeps what a call gave it"
            ));
        }
        let used = came
            .usage
            .as_ref()
            .map_or(limits.memory.saturating_add(limits.host_memory), |usage| {
                usage.memory_peak.saturating_add(usage.host_memory_peak)
            });
        (most > used.saturating_add(SLACK)).then(|| {
            format!(
                "the process took {most} bytes during the call, and {used} are counted: a host function holds \
                 memory that it does not count; use `Charged::put` or `hold`"
            )
        })
    }
}

/// The cause of a host error, without the guest's functions in front of it, and not longer than a line.
fn cause(detail: &str) -> String {
    const MOST: usize = 200;
    let behind = detail.rsplit_once("<wasm function");
    let behind = behind.and_then(|(_, rest)| rest.split_once(">: "));
    let cause = behind.map_or(detail, |(_, cause)| cause);
    cause.chars().take(MOST).collect()
}
