//! The wall around a compile worker, and the byte by which the worker tells its parent which parts it lacks.

use std::io;
#[cfg(unix)]
use std::io::Write as _;

use super::Part;
#[cfg(target_os = "linux")]
use super::linux;

/// Raises the wall around this process, and says on its standard output which parts the kernel lacks. It is called
/// before a byte of the component is read, and while this thread is the only one.
#[cfg(unix)]
pub(crate) fn confine() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    let lacks = linux::raise_around_worker().lacks;
    #[cfg(not(target_os = "linux"))]
    let lacks = Part::ALL.map(|part| super::Lack::new(part, ""));
    let bits = lacks.iter().fold(0, |bits, lack| bits | bit(lack.part));
    let mut out = io::stdout().lock();
    out.write_all(&[bits])?;
    out.flush()
}

/// Reads the parts that a worker lacks, the first that it says.
pub(crate) fn read_lacks(mut from: impl io::Read) -> io::Result<u8> {
    let mut bits = [0];
    from.read_exact(&mut bits)?;
    let [bits] = bits;
    Ok(bits)
}

/// Tells the parts that a worker lacks as an event: a worker compiles without what its kernel does not have.
pub(crate) fn tell_lacks(bits: u8) {
    let lacks = Part::ALL.into_iter().filter(|part| bits & bit(*part) != 0);
    let lacks: Vec<&str> = lacks.map(Part::label).collect();
    if !lacks.is_empty() {
        let lacks = lacks.join(", ");
        tracing::warn!(lacks, "the compile worker runs without parts of its wall");
    }
}

/// The place of a part in the byte.
fn bit(part: Part) -> u8 {
    1 << part as u8
}
