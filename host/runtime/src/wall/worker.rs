//! The walls around workers, and the byte by which a worker tells its parent which parts it lacks.

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
    let bits = bits(&lacks);
    let mut out = io::stdout().lock();
    out.write_all(&[bits])?;
    out.flush()
}

/// The wall around the process of a provider, raised in three steps: before it reads anything, before the code of the
/// guest is there, and before a guest runs. Each is called while this thread is the only one.
#[cfg(target_os = "linux")]
pub(crate) struct Confined(super::Raised);

#[cfg(target_os = "linux")]
impl Confined {
    /// Closes all descriptors but the socket, which is standard input, and the two outputs, which lead nowhere.
    pub(crate) fn begin() -> Confined {
        Confined(linux::close_all())
    }

    /// Leaves this process the rights of the wall, and the calls that make machine code executable.
    pub(crate) fn raise(&mut self, wall: &super::Wall) {
        linux::raise_around_sessions(&mut self.0, wall);
    }

    /// Takes those calls, too. The byte of the parts that the kernel lacks.
    pub(crate) fn seal(mut self) -> u8 {
        linux::seal(&mut self.0);
        bits(&self.0.lacks)
    }
}

#[cfg(unix)]
fn bits(lacks: &[super::Lack]) -> u8 {
    lacks.iter().fold(0, |bits, lack| bits | bit(lack.part))
}

/// Reads the parts that a worker lacks, the first that it says.
pub(crate) fn read_lacks(mut from: impl io::Read) -> io::Result<u8> {
    let mut bits = [0];
    from.read_exact(&mut bits)?;
    let [bits] = bits;
    Ok(bits)
}

/// Tells the parts that a worker lacks as an event: a worker also works without the parts that its kernel does not
/// have.
pub(crate) fn tell_lacks(bits: u8, worker: &'static str) {
    let lacks = Part::ALL.into_iter().filter(|part| bits & bit(*part) != 0);
    let lacks: Vec<&str> = lacks.map(Part::label).collect();
    if !lacks.is_empty() {
        let lacks = lacks.join(", ");
        tracing::warn!(lacks, "{worker} runs without parts of its wall");
    }
}

/// The place of a part in the byte.
fn bit(part: Part) -> u8 {
    1 << part as u8
}
