//! A binary as its sections, without a look at their contents.

/// The id of a core module among a component's sections.
pub(crate) const MODULE: u8 = 1;

#[derive(Clone)]
pub(crate) struct Section {
    pub(crate) id: u8,
    pub(crate) bytes: Vec<u8>,
}

/// The sections after the eight bytes of a header; none when they are not whole.
pub(crate) fn split(binary: &[u8]) -> Option<Vec<Section>> {
    let mut rest = binary.get(8..)?;
    let mut sections = Vec::new();
    while let Some((&id, after)) = rest.split_first() {
        let (size, after) = number(after)?;
        let (bytes, after) = after.split_at_checked(size)?;
        sections.push(Section {
            id,
            bytes: bytes.to_vec(),
        });
        rest = after;
    }
    Some(sections)
}

/// A component of these sections.
pub(crate) fn join(sections: &[Section]) -> Vec<u8> {
    let mut binary = b"\0asm\x0d\0\x01\0".to_vec();
    for section in sections {
        binary.push(section.id);
        let mut size = section.bytes.len();
        while size >= 0x80 {
            binary.push(size as u8 | 0x80);
            size >>= 7;
        }
        binary.push(size as u8);
        binary.extend(&section.bytes);
    }
    binary
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}
