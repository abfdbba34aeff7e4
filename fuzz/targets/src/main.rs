//! The process that is fuzzed: takes inputs on its standard input, answers each with a line. It may die of one, or
//! never answer; `tollgate-fuzz-runner` sees to that.
//!
//! An input is a byte for the target, four for the length, and the bytes. The answer is `ok LABEL` or
//! `finding TEXT`, after which it ends.

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tollgate_fuzz_targets::Target;

/// The first panic, caught or not. Every panic is a mistake.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

fn main() -> io::Result<()> {
    std::panic::set_hook(Box::new(|info| {
        let text = info.to_string().replace('\n', " ");
        PANIC
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(text);
    }));
    let mut input = io::stdin().lock();
    let mut output = io::stdout().lock();
    let mut open = Vec::new();
    let mut head = [0; 5];
    let mut bytes = Vec::new();
    while input.read_exact(&mut head).is_ok() {
        let [target, length @ ..] = head;
        bytes.resize(u32::from_le_bytes(length) as usize, 0);
        input.read_exact(&mut bytes)?;
        let Some(target) = Target::ALL.get(usize::from(target)) else {
            return Err(io::Error::other("no such target"));
        };
        let ended = catch_unwind(AssertUnwindSafe(|| target.check(&bytes)));
        let panic = PANIC.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A target that only reads text opens nothing. Its first hundred inputs would come before the first engine is
        // made.
        let opens = *target == Target::Component;
        // A refusal opens less than a call does, and is nothing to go by.
        let called = ended.as_ref().is_ok_and(|label| CALLED.contains(label));
        let finding = panic.or_else(|| opens.then(|| leak(&mut open, called)).flatten());
        match (finding, ended) {
            (Some(finding), _) => {
                writeln!(output, "finding {finding}")?;
                return output.flush();
            }
            (None, Ok(label)) => writeln!(output, "ok {label}")?,
            (None, Err(_)) => writeln!(output, "finding a panic without a message")?,
        }
        output.flush()?;
    }
    Ok(())
}

/// The labels of inputs that were called.
const CALLED: [&str; 6] = ["returned", "failed", "trap", "fuel", "memory", "host-calls"];

/// The descriptors that are open now and were not after the first hundred calls. Host work that a call left behind ends
/// by itself, soon.
fn leak(before: &mut Vec<usize>, called: bool) -> Option<String> {
    const WARM: usize = 100;
    let count = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    if before.len() < WARM {
        before.extend(called.then(count));
        return None;
    }
    let most = before.iter().copied().max().unwrap_or(0);
    for _ in 0..40 {
        if count() <= most {
            return None;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Some(format!(
        "{} descriptors are open; there were {most}",
        count()
    ))
}
