//! The words of a panic, which a trap has none of.

use std::panic::{PanicHookInfo, set_hook};
use std::sync::Once;

/// Has the message of each panic of this guest written by `write`, before the trap that it ends in.
///
/// `write` is where the guest logs, so that a guest without a log needs none: with the interface
/// `tollgate:provider/log` and bindings of `wit_bindgen`,
///
/// ```ignore
/// fn run(input: Vec<u8>) -> Result<Vec<u8>, Error> {
///     tollgate_guest::log_panics(|message| log::write(log::Level::Error, message));
///     // …
/// }
/// ```
///
/// The host puts a line of the level `error` that begins with `panicked at` into the message of the fault. Calling it
/// again does nothing, so every export may begin with it. A guest of WASI needs it not: its panics are on its standard
/// error, where the host finds them.
pub fn log_panics(write: fn(&str)) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        set_hook(Box::new(move |panic: &PanicHookInfo<'_>| {
            write(&panic.to_string())
        }))
    });
}

#[cfg(test)]
#[allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is what this is for"
)]
mod tests {
    use std::sync::Mutex;

    static WRITTEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

    #[test]
    fn a_panic_is_written_once_as_the_host_looks_for_it() {
        for _ in 0..2 {
            super::log_panics(|message| WRITTEN.lock().unwrap().push(message.to_owned()));
        }
        let _ = std::panic::catch_unwind(|| panic!("on {}", "purpose"));
        // A copy: an assertion that fails is a panic, which is written as well.
        let written = WRITTEN.lock().unwrap().clone();
        assert_eq!(written.len(), 1);
        assert!(
            written[0].starts_with("panicked at ") && written[0].contains("src/panics.rs:"),
            "{}",
            written[0]
        );
        assert!(written[0].ends_with("\non purpose"), "{}", written[0]);
    }
}
