//! See `tollgate_fuzz_targets::Target`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = tollgate_fuzz_targets::Target::Http.check(data);
});
