//! Work that costs time: five kernels by name, and three ways not to end well.

use core::arch::wasm32::{memory_grow, memory_size, unreachable};

mod kernels;

wit_bindgen::generate!({
    path: "../../../wit/provider",
    world: "tollgate:provider/provider",
    generate_all,
});

struct Compute;

impl Guest for Compute {
    fn run(input: Vec<u8>) -> Result<Vec<u8>, Error> {
        let result = match input.as_slice() {
            b"sha256" => kernels::sha256(1 << 20),
            b"sieve" => kernels::sieve(2_000_000),
            b"fib" => kernels::fib(27),
            b"matrix" => kernels::matrix::<192>(),
            b"sort" => kernels::sort(100_000),
            b"spin" => spin(),
            b"fill" => fill(),
            b"trap" => trap(),
            _ => return Err(Error::InvalidInput("no such kernel".to_owned())),
        };
        Ok(result.to_le_bytes().to_vec())
    }
}

fn spin() -> u64 {
    loop {
        std::hint::black_box(0);
    }
}

/// Takes all the memory there is and fills it over and over: one instruction that nothing can interrupt.
fn fill() -> u64 {
    let (start, length) = all_memory();
    loop {
        // SAFETY: the memory was grown for this and has no other user.
        unsafe { start.write_bytes(7, length) };
        std::hint::black_box(start);
    }
}

/// As much memory as can be had, in one piece.
fn all_memory() -> (*mut u8, usize) {
    let start = memory_size::<0>() << 16;
    let mut pages = 0;
    for step in (0..16).rev().map(|bits| 1_usize << bits) {
        while memory_grow::<0>(step) != usize::MAX {
            pages += step;
        }
    }
    (std::ptr::with_exposed_provenance_mut(start), pages << 16)
}

fn trap() -> u64 {
    unreachable()
}

export!(Compute);
