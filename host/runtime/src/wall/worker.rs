//! The wall around a compile worker, and the byte by which the worker tells its parent which parts it lacks.

use std::io::{self, Read, Write};

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

/// Reads what a worker lacks, and tells it as an event: a worker compiles without the parts that its kernel lacks. A
/// worker that says nothing has ended, which its answer shows.
pub(crate) fn report(out: &mut impl Read) {
    let mut bits = [0];
    if out.read_exact(&mut bits).is_err() {
        return;
    }
    let [bits] = bits;
    let lacks: Vec<&str> = Part::ALL
        .into_iter()
        .filter(|part| bits & bit(*part) != 0)
        .map(Part::label)
        .collect();
    if !lacks.is_empty() {
        let lacks = lacks.join(", ");
        tracing::warn!(
            lacks,
            "the wall of the compile worker lacks parts on this kernel"
        );
    }
}

/// The place of a part in the byte.
fn bit(part: Part) -> u8 {
    1 << part as u8
}
