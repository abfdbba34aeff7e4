//! The memory of this process, searched for a secret. Included by unit tests of the host as well, so it needs no crate.

use std::fs::File;
use std::io::{BufRead as _, Read as _, Seek as _, SeekFrom};

/// The mask under which a test keeps a secret, so that its own copy is not found.
pub const MASK: u8 = 0x5a;

/// `bytes` masked, or unmasked again.
pub fn masked(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte ^ MASK).collect()
}

/// The number of places in memory that hold the secret whose masked bytes these are: heap, stacks and data. Only zeros
/// are written to the memory that is read for it.
pub fn places_of(masked: &[u8]) -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut memory = File::open("/proc/self/mem").unwrap();
    let mut buffer = vec![0; 1 << 20];
    let mut found = 0;
    for line in maps
        .lines()
        .filter(|line| line.contains(" rw-p ") && !line.contains("[v"))
    {
        let (from, rest) = line.split_once('-').unwrap();
        let (to, _) = rest.split_once(' ').unwrap();
        let number = |digits| u64::from_str_radix(digits, 16).unwrap();
        let (mut at, end) = (number(from), number(to));
        while at + (masked.len() as u64) <= end {
            let length = buffer.len().min((end - at) as usize);
            memory.seek(SeekFrom::Start(at)).unwrap();
            let Ok(read) = memory.read(&mut buffer[..length]) else {
                break;
            };
            found += count(&buffer[..read], masked);
            // The pieces overlap by less than a secret.
            at += (read + 1).saturating_sub(masked.len()).max(1) as u64;
            buffer.fill(0);
        }
    }
    found
}

fn count(bytes: &[u8], masked: &[u8]) -> usize {
    // Memory is full of zeros.
    let anchor = masked.iter().position(|byte| *byte != MASK).unwrap_or(0);
    let byte = masked[anchor] ^ MASK;
    let (mut found, mut at) = (0, anchor);
    while at < bytes.len() {
        // It is compiled with the standard library: fast, also in a build without optimisation.
        at += (&bytes[at..]).skip_until(byte).unwrap();
        let start = at - 1 - anchor;
        let place = bytes.get(start..start + masked.len());
        let holds = |place: &[u8]| place.iter().zip(masked).all(|(a, b)| a ^ MASK == *b);
        found += usize::from(place.is_some_and(holds));
    }
    found
}
