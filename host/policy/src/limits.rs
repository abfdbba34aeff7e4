//! The limits: finite numbers, and the table that the reader, the command line and the reference page are made from.

use std::time::Duration;

use crate::error::ValueError;
use crate::toml::messages::{shown_key, suggestion};
use crate::toml::units::Unit;

/// Default of `fuel`. The reason for each default is in [`Limits::KEYS`].
pub const FUEL: u64 = 1_000_000_000;
/// Default of `deadline`.
pub const DEADLINE: Duration = Duration::from_secs(10);
/// Default of `memory`, in bytes.
pub const MEMORY: u64 = 128 << 20;
/// Default of `table-elements`.
pub const TABLE_ELEMENTS: u64 = 1 << 20;
/// Default of `instances`.
pub const INSTANCES: u32 = 1_024;
/// Default of `stack`, in bytes.
pub const STACK: u64 = 512 << 10;
/// Default of `host-calls`.
pub const HOST_CALLS: u64 = 10_000;
/// Default of `host-data`, in bytes.
pub const HOST_DATA: u64 = 8 << 20;
/// Default of `host-memory`, in bytes.
pub const HOST_MEMORY: u64 = 16 << 20;
/// Default of `output`, in bytes.
pub const OUTPUT: u64 = 8 << 20;
/// Default of `log`, in bytes.
pub const LOG: u64 = 64 << 10;
/// Default of `stdio`, in bytes.
pub const STDIO: u64 = 1 << 20;
/// Default of `handles`.
pub const HANDLES: u32 = 1_024;
/// Default of `open-files`.
pub const OPEN_FILES: u32 = 32;
/// Default of `questions`.
pub const QUESTIONS: u32 = 8;
/// Default of `question-time`.
pub const QUESTION_TIME: Duration = Duration::from_secs(60);
/// Default of `component-size`, in bytes.
pub const COMPONENT_SIZE: u64 = 64 << 20;
/// Default of `compile-time`.
pub const COMPILE_TIME: Duration = Duration::from_secs(60);
/// Default of `complexity`, in percent.
pub const COMPLEXITY: u64 = 100;
/// Default of `compile-memory`, in bytes.
pub const COMPILE_MEMORY: u64 = 2 << 30;

/// The bounds on one call and on loading. Every limit is finite: there is no "unlimited".
///
/// ```
/// use tollgate_policy::Limits;
///
/// let mut limits = Limits::default();
/// limits.set("memory", "64MiB")?;
/// assert_eq!(limits.memory, 64 << 20);
/// assert_eq!(limits.get("fuel"), Some(1_000_000_000));
/// # Ok::<(), tollgate_policy::ValueError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fuel for guest code and host work together, in the engine's units: about one per wasm instruction.
    pub fuel: u64,
    /// Wall-clock time of a call, host calls included. A multiple of one microsecond.
    pub deadline: Duration,
    /// Bytes of all linear memories of the component together.
    pub memory: u64,
    /// Elements of all tables together.
    pub table_elements: u64,
    /// Core instances; the same number bounds the memories, and the tables.
    pub instances: u32,
    /// Bytes of stack for guest code.
    pub stack: u64,
    /// Calls from the guest into the host.
    pub host_calls: u64,
    /// Bytes of the arguments or the result of a call, or of the values that the guest passes in one host call.
    pub host_data: u64,
    /// Bytes of memory that the host holds for the guest at the same time: tables, instances, resources and their contents, data on
    /// its way in or out. Memories of the guest are not part of it.
    pub host_memory: u64,
    /// Bytes of the result.
    pub output: u64,
    /// Bytes of log lines that are kept.
    pub log: u64,
    /// Bytes of stdout that are kept; the same number bounds stderr.
    pub stdio: u64,
    /// Resources that are alive at the same time.
    pub handles: u32,
    /// Files and connections that are open at the same time.
    pub open_files: u32,
    /// Questions that a call may put to an approver.
    pub questions: u32,
    /// Wall-clock time in which an approver may answer a question; the deadline stands still meanwhile. A multiple of one
    /// microsecond.
    pub question_time: Duration,
    /// Bytes of the component file.
    pub component_size: u64,
    /// Wall-clock time of compiling the component, in a worker process. A multiple of one microsecond.
    pub compile_time: Duration,
    /// The percentage of the limits of shape that the component may have.
    pub complexity: u64,
    /// Bytes of address space of the worker process that compiles the component.
    pub compile_memory: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            fuel: FUEL,
            deadline: DEADLINE,
            memory: MEMORY,
            table_elements: TABLE_ELEMENTS,
            instances: INSTANCES,
            stack: STACK,
            host_calls: HOST_CALLS,
            host_data: HOST_DATA,
            host_memory: HOST_MEMORY,
            output: OUTPUT,
            log: LOG,
            stdio: STDIO,
            handles: HANDLES,
            open_files: OPEN_FILES,
            questions: QUESTIONS,
            question_time: QUESTION_TIME,
            component_size: COMPONENT_SIZE,
            compile_time: COMPILE_TIME,
            complexity: COMPLEXITY,
            compile_memory: COMPILE_MEMORY,
        }
    }
}

/// One limit: its name, its range and its documentation.
///
/// ```
/// use tollgate_policy::{Limits, Unit};
///
/// let key = Limits::key("memory")?;
/// assert_eq!((key.unit, key.default_value(), key.max), (Unit::Bytes, 128 << 20, 4 << 30));
/// assert_eq!(key.help, "all linear memories of the component together");
/// # Ok::<(), tollgate_policy::ValueError>(())
/// ```
#[derive(Debug)]
pub struct LimitKey {
    /// The key below `[limits]`, in kebab-case.
    pub name: &'static str,
    /// The unit of the number.
    pub unit: Unit,
    /// The smallest value allowed, in the unit's smallest step: one, a byte, a microsecond.
    pub min: u64,
    /// The largest value allowed, in the same step.
    pub max: u64,
    /// The reason for both ends of the range; part of the message that refuses a value.
    pub range: &'static str,
    /// The resource that the limit bounds, in one line.
    pub help: &'static str,
    /// The reason for the default, in one or two sentences.
    pub reason: &'static str,
    get: fn(&Limits) -> u64,
    set: fn(&mut Limits, u64),
}

impl LimitKey {
    /// The default, in the unit's smallest step.
    pub fn default_value(&self) -> u64 {
        (self.get)(&Limits::default())
    }

    /// The value in `limits`, in the unit's smallest step.
    pub fn get(&self, limits: &Limits) -> u64 {
        (self.get)(limits)
    }

    /// Sets the value, given in the unit's smallest step.
    ///
    /// # Errors
    ///
    /// If the value is out of range; `limits` stays as it was.
    pub fn set(&self, limits: &mut Limits, value: u64) -> Result<(), ValueError> {
        let (what, bound) = match value {
            _ if value < self.min => ("less than the least", self.min),
            _ if value > self.max => ("more than the most", self.max),
            _ => {
                (self.set)(limits, value);
                return Ok(());
            }
        };
        let (value, bound) = (self.unit.show(value), self.unit.show(bound));
        let message = format!("{value} is {what} allowed, {bound}: {}", self.range);
        Err(ValueError::new(message))
    }
}

/// The largest value of every key with a 32-bit field fits 32 bits (a test checks it), so nothing is cut.
fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn micros(deadline: Duration) -> u64 {
    u64::try_from(deadline.as_micros()).unwrap_or(u64::MAX)
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const MILLISECOND: u64 = 1_000;
const HOUR: u64 = 3_600_000_000;

impl Limits {
    /// Every limit, in the order of the documentation.
    #[rustfmt::skip]
    pub const KEYS: &'static [LimitKey] = &[
        LimitKey {
            name: "fuel", unit: Unit::Count, min: 1, max: i64::MAX as u64,
            range: "nothing runs without fuel, and TOML's integers end at 2^63 - 1",
            help: "fuel for guest code and host work together",
            reason: "about a second of guest code (100,000 units take about 0.1 ms, measured): more than any known \
                     provider needs, and an endless loop ends soon",
            get: |l| l.fuel, set: |l, v| l.fuel = v,
        },
        LimitKey {
            name: "deadline", unit: Unit::Duration, min: MILLISECOND, max: 24 * HOUR,
            range: "the deadline is checked about once a millisecond, and a call of more than a day belongs in a service",
            help: "wall-clock time, host calls included",
            reason: "ten times what the default fuel takes to burn; the rest is for host calls that wait",
            get: |l| micros(l.deadline), set: |l, v| l.deadline = Duration::from_micros(v),
        },
        LimitKey {
            name: "memory", unit: Unit::Bytes, min: 64 * KIB, max: 4 * GIB,
            range: "from one page of wasm to all that 32 bits can address",
            help: "all linear memories of the component together",
            reason: "room for the guest of a Python or JavaScript toolchain. One bulk instruction over it cannot be \
                     interrupted and takes about 0.3 ms per MiB, so this also bounds how far a call overshoots its \
                     deadline",
            get: |l| l.memory, set: |l, v| l.memory = v,
        },
        LimitKey {
            name: "table-elements", unit: Unit::Count, min: 0, max: 10_000_000,
            range: "10,000,000 is the engine's own largest table, and 0 allows only components without table elements",
            help: "elements of all tables together",
            reason: "a table holds one element per function that is called indirectly, tens of thousands in an \
                     interpreter; at 8 bytes each, this many take 8MiB of the host",
            get: |l| l.table_elements, set: |l, v| l.table_elements = v,
        },
        LimitKey {
            name: "instances", unit: Unit::Count, min: 1, max: 10_000,
            range: "a component is at least one instance, and beyond 10,000 the kernel's memory maps run out",
            help: "core instances, and as many memories and tables each",
            reason: "a component has a handful of core instances, Python with many extensions 262; each takes memory maps, of \
                     which the kernel allows 65,530 per process",
            get: |l| l.instances.into(), set: |l, v| l.instances = narrow(v),
        },
        LimitKey {
            name: "stack", unit: Unit::Bytes, min: 64 * KIB, max: 8 * MIB,
            range: "less stops ordinary code, and more than a thread's usual 8MiB serves only runaway recursion",
            help: "stack for guest code",
            reason: "wasmtime's own default, enough for thousands of nested calls",
            get: |l| l.stack, set: |l, v| l.stack = v,
        },
        LimitKey {
            name: "host-calls", unit: Unit::Count, min: 0, max: u32::MAX as u64,
            range: "the counter has 32 bits, and 0 allows no host call",
            help: "calls from the guest into the host",
            reason: "room for a provider that reads a thousand files; a flood stops here",
            get: |l| l.host_calls, set: |l, v| l.host_calls = v,
        },
        LimitKey {
            name: "host-data", unit: Unit::Bytes, min: 1, max: GIB,
            range: "a call moves at least one byte, and the host holds all of it in memory",
            help: "bytes of the arguments or the result of a call, or of what the guest passes in one host call",
            reason: "the host copies this much out of a guest before it can look at it, and holds as much of what a caller \
                     passes in; the documents that providers exchange fit, disk images do not",
            get: |l| l.host_data, set: |l, v| l.host_data = v,
        },
        LimitKey {
            name: "host-memory", unit: Unit::Bytes, min: 64 * KIB, max: 4 * GIB,
            range: "less leaves no room for one piece of a stream, and more is a guest's own memory",
            help: "memory that the host holds for the guest: tables, instances, resources, data on its way in or out",
            reason: "twice `host-data`, so that a guest can move one piece of the largest size while it holds as much; a \
                     table of the largest default size takes half of it",
            get: |l| l.host_memory, set: |l, v| l.host_memory = v,
        },
        LimitKey {
            name: "output", unit: Unit::Bytes, min: 1, max: GIB,
            range: "a result has at least one byte, and the host holds all of it in memory",
            help: "bytes of the result",
            reason: "the same as `host-data`, since the result is moved in the same way",
            get: |l| l.output, set: |l, v| l.output = v,
        },
        LimitKey {
            name: "log", unit: Unit::Bytes, min: 0, max: 64 * MIB,
            range: "the report holds all of it in memory, and 0 keeps nothing",
            help: "bytes of log lines kept per call; the rest is dropped and counted",
            reason: "some 600 lines of 100 bytes, more than anybody reads of one call",
            get: |l| l.log, set: |l, v| l.log = v,
        },
        LimitKey {
            name: "stdio", unit: Unit::Bytes, min: 0, max: 64 * MIB,
            range: "the report holds all of it in memory, and 0 keeps nothing",
            help: "bytes of stdout, and as many of stderr: a command that writes more is ended; of a provider the rest is dropped and counted",
            reason: "the output of a command is its result, so it has more room than a log",
            get: |l| l.stdio, set: |l, v| l.stdio = v,
        },
        LimitKey {
            name: "handles", unit: Unit::Count, min: 1, max: 1_000_000,
            range: "the engine's own resource table ends at 1,000,000",
            help: "live resources",
            reason: "resources are hashers, buckets and streams; a guest holds a handful at a time",
            get: |l| l.handles.into(), set: |l, v| l.handles = narrow(v),
        },
        LimitKey {
            name: "open-files", unit: Unit::Count, min: 0, max: 65_536,
            range: "a process commonly has 1,024 to 65,536 descriptors, and 0 allows none",
            help: "files and connections open at the same time",
            reason: "a program keeps a handful of files open; 64 guests of the default concurrency with 32 files each take \
                     2,048 descriptors",
            get: |l| l.open_files.into(), set: |l, v| l.open_files = narrow(v),
        },
        LimitKey {
            name: "questions", unit: Unit::Count, min: 0, max: 1_000,
            range: "nobody reads more than 1,000 questions, and 0 asks none",
            help: "questions to an approver, by rules with `ask`",
            reason: "a person reads a handful and then says yes to anything",
            get: |l| l.questions.into(), set: |l, v| l.questions = narrow(v),
        },
        LimitKey {
            name: "question-time", unit: Unit::Duration, min: 100 * MILLISECOND, max: HOUR,
            range: "from what a program takes to answer to an hour, for which the guest keeps its slot",
            help: "time for the answer to one question; no answer is a no, and the deadline stands still meanwhile",
            reason: "time to read a question and to look something up; the guest keeps its slot and its memory meanwhile",
            get: |l| micros(l.question_time), set: |l, v| l.question_time = Duration::from_micros(v),
        },
        LimitKey {
            name: "component-size", unit: Unit::Bytes, min: 8, max: GIB,
            range: "from the 8 bytes of wasm's header to the largest file that is read into memory",
            help: "bytes of the component file",
            reason: "three times the largest known guest, a Python toolchain's of 19 MB",
            get: |l| l.component_size, set: |l, v| l.component_size = v,
        },
        LimitKey {
            name: "compile-time", unit: Unit::Duration, min: 100 * MILLISECOND, max: HOUR,
            range: "from the time that a process takes to start to one hour",
            help: "time for validating and compiling the component; on Linux without the time, up to nine times as much, in which \
                   other processes kept its threads from running",
            reason: "three times what the largest known guest, 19 MB of Python, takes on two slow processors",
            get: |l| micros(l.compile_time), set: |l, v| l.compile_time = Duration::from_micros(v),
        },
        LimitKey {
            name: "complexity", unit: Unit::Count, min: 1, max: 1_000,
            range: "from next to nothing to ten times the limits, at which `compile-time` and `compile-memory` alone bound \
                    the work",
            help: "percent of the limits on the shape of a component: functions, types, nesting and so on",
            reason: "the limits of shape themselves, each at least four times what the largest known component has",
            get: |l| l.complexity, set: |l, v| l.complexity = v,
        },
        LimitKey {
            name: "compile-memory", unit: Unit::Bytes, min: 256 * MIB, max: 64 * GIB,
            range: "from what the compiler takes for an empty component to the memory of a large machine",
            help: "address space for validating and compiling the component",
            reason: "twice what the largest known guest takes",
            get: |l| l.compile_memory, set: |l, v| l.compile_memory = v,
        },
    ];

    /// The limit of this name; the spelling is exact.
    ///
    /// # Errors
    ///
    /// If there is no such limit: the message suggests the nearest name and lists all.
    pub fn key(name: &str) -> Result<&'static LimitKey, ValueError> {
        let found = Self::KEYS.iter().find(|key| key.name == name);
        found.ok_or_else(|| {
            let known: Vec<&str> = Self::KEYS.iter().map(|key| key.name).collect();
            let (name, cure) = (shown_key(name), suggestion(name, &known));
            ValueError::new(format!("there is no limit {name}{cure}"))
        })
    }

    /// Sets one limit from text, such as `set("memory", "64MiB")`.
    ///
    /// # Errors
    ///
    /// If there is no such limit, the text is not a value of its unit, or the value is out of range. The limits stay as
    /// they were.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), ValueError> {
        let key = Self::key(key)?;
        key.set(self, key.unit.parse(value)?)
    }

    /// The value of one limit: a count, bytes or microseconds. `None` if there is no such limit.
    pub fn get(&self, key: &str) -> Option<u64> {
        Self::key(key).ok().map(|key| key.get(self))
    }

    /// Checks that every limit is in its range, for limits that were built in code.
    ///
    /// # Errors
    ///
    /// For the first limit that is out of range, or that is a time finer than one microsecond.
    pub fn check(&self) -> Result<(), ValueError> {
        let mut same = self.clone();
        for key in Self::KEYS {
            let named = |e: ValueError| ValueError::new(format!("limits.{}: {e}", key.name));
            key.set(&mut same, key.get(self)).map_err(named)?;
        }
        let times = [
            ("deadline", same.deadline != self.deadline),
            ("question-time", same.question_time != self.question_time),
            ("compile-time", same.compile_time != self.compile_time),
        ];
        match times.iter().find(|(_, finer)| *finer) {
            None => Ok(()),
            Some((name, _)) => Err(ValueError::new(format!(
                "limits.{name}: is finer than one microsecond"
            ))),
        }
    }
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
