//! Five kinds of code: bits, memory, calls, floats, branches. Each returns a number that depends on all it did.

use std::hint::black_box;

use sha2::{Digest, Sha256};

/// The next of a row of numbers that look random.
fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// SHA-256 of `length` bytes.
pub(crate) fn sha256(length: usize) -> u64 {
    let bytes = black_box(vec![7_u8; length]);
    let digest = Sha256::digest(&bytes);
    digest
        .iter()
        .fold(0, |sum, byte| sum * 31 % 1_000_003 + u64::from(*byte))
}

/// The number of primes below `limit`.
pub(crate) fn sieve(limit: usize) -> u64 {
    let mut composite = black_box(vec![false; limit]);
    let mut primes = 0;
    for number in 2..limit {
        if composite.get(number).is_some_and(|is| *is) {
            continue;
        }
        primes += 1;
        for multiple in (number * number..limit).step_by(number) {
            if let Some(entry) = composite.get_mut(multiple) {
                *entry = true;
            }
        }
    }
    primes
}

/// Fibonacci numbers by naive recursion: calls and little else.
pub(crate) fn fib(n: u32) -> u64 {
    if black_box(n) < 2 {
        u64::from(n)
    } else {
        fib(n - 1) + fib(n - 2)
    }
}

/// The product of two matrices of `N` by `N`.
pub(crate) fn matrix<const N: usize>() -> u64 {
    let mut seed = 88_172_645_463_325_252;
    let mut fill = || -> Vec<[f64; N]> {
        let mut row = || [(); N].map(|()| (next(&mut seed) % 1_000) as f64);
        (0..N).map(|_| row()).collect()
    };
    let (left, right) = (fill(), fill());
    let mut sum = 0.0;
    for row in &left {
        let mut product = [0.0; N];
        for (factor, column) in row.iter().zip(&right) {
            for (cell, value) in product.iter_mut().zip(column) {
                *cell += factor * value;
            }
        }
        sum += black_box(product).iter().sum::<f64>();
    }
    sum as u64
}

/// Sorts `length` numbers.
pub(crate) fn sort(length: usize) -> u64 {
    let mut seed = 88_172_645_463_325_252;
    let mut numbers: Vec<u64> = (0..length).map(|_| next(&mut seed)).collect();
    black_box(&mut numbers).sort_unstable();
    numbers.get(length / 2).copied().unwrap_or_default()
}
