//! The native process that is measured: it writes its input in reverse.

use std::io::{Read, Result, Write};

fn main() -> Result<()> {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    bytes.reverse();
    std::io::stdout().write_all(&bytes)
}
