//! One entry of the cache: its head, the seal over it, and behind it the findings on the component, and the code.

use std::io::Read;

use zeroize::Zeroizing;

use super::CacheRejection;
use super::folder::Entry;

/// The format of entries; entries of other formats are rejected. Increase it when this file or
/// [`Inspection`](tollgate_component::Inspection) changes, when vetting refuses components that it allowed before, and
/// when [`charged`](tollgate_component::charged) writes other code: a component of an entry is not vetted or written again.
pub(super) const FORMAT: u32 = 6;

const MAGIC: [u8; 8] = *b"tollgate";

/// The lengths of the parts of an entry's head.
const DIGEST: usize = 32;
const HEAD: usize = MAGIC.len() + 4 + DIGEST + DIGEST + 8 + 8;
const SEALED_HEAD: usize = HEAD + blake3::OUT_LEN;

/// The key of a cache. It is wiped when it is dropped, and not copied where it is moved.
pub(super) type Key = Box<Zeroizing<[u8; blake3::KEY_LEN]>>;

/// The component and the engine that an entry is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryId {
    /// The SHA-256 of the component's bytes.
    pub(super) component: [u8; DIGEST],
    /// See [`identity`](super::identity).
    pub(super) engine: [u8; DIGEST],
}

impl EntryId {
    /// The name of the entry's file.
    pub(super) fn name(&self) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("tollgate 2026 cache: name of an entry");
        hasher.update(&self.component).update(&self.engine);
        hasher.finalize().to_hex().to_string()
    }

    fn head(&self, lengths: Lengths) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        let parts: [&[u8]; 6] = [
            &MAGIC,
            &FORMAT.to_le_bytes(),
            &self.component,
            &self.engine,
            &lengths.findings.to_le_bytes(),
            &lengths.code.to_le_bytes(),
        ];
        for (to, from) in head.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        head
    }
}

/// The head of an entry, as read from a file.
struct Head {
    label: EntryId,
    lengths: Lengths,
    seal: blake3::Hash,
}

/// The lengths of the parts behind the head.
#[derive(Clone, Copy)]
struct Lengths {
    findings: u64,
    code: u64,
}

/// The parts of an entry after its head.
pub(super) struct Parts {
    /// The findings on the component, encoded.
    pub(super) findings: Vec<u8>,
    pub(super) code: Vec<u8>,
}

impl Head {
    fn read(mut file: impl Read) -> Result<Head, CacheRejection> {
        let mut next = move |bytes: &mut [u8]| file.read_exact(bytes).map_err(cut_or_unreadable);
        let (mut magic, mut format, mut findings, mut code) = ([0; 8], [0; 4], [0; 8], [0; 8]);
        let (mut component, mut engine, mut seal) = ([0; DIGEST], [0; DIGEST], [0; DIGEST]);
        next(&mut magic)?;
        next(&mut format)?;
        if magic != MAGIC || u32::from_le_bytes(format) != FORMAT {
            return Err(CacheRejection::Format);
        }
        next(&mut component)?;
        next(&mut engine)?;
        next(&mut findings)?;
        next(&mut code)?;
        next(&mut seal)?;
        Ok(Head {
            label: EntryId { component, engine },
            lengths: Lengths {
                findings: u64::from_le_bytes(findings),
                code: u64::from_le_bytes(code),
            },
            seal: seal.into(),
        })
    }

    /// Checks that the file has the length that the head states.
    fn fits(&self, size: u64) -> Result<(), CacheRejection> {
        let behind = self.lengths.findings.checked_add(self.lengths.code);
        if behind.and_then(|behind| behind.checked_add(SEALED_HEAD as u64)) != Some(size) {
            return Err(CacheRejection::Length);
        }
        Ok(())
    }
}

fn cut_or_unreadable(error: std::io::Error) -> CacheRejection {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => CacheRejection::Length,
        _ => CacheRejection::Unreadable,
    }
}

/// The bytes before the findings and the code: the head and the seal.
pub(super) fn seal(key: &Key, label: &EntryId, findings: &[u8], code: &[u8]) -> [u8; SEALED_HEAD] {
    let head = label.head(Lengths {
        findings: findings.len() as u64,
        code: code.len() as u64,
    });
    let mut hasher = Zeroizing::new(blake3::Hasher::new_keyed(key));
    hasher.update(&head).update(findings);
    let seal = hasher.update(code).finalize();
    let mut sealed = [0; SEALED_HEAD];
    for (to, from) in sealed.iter_mut().zip(head.iter().chain(seal.as_bytes())) {
        *to = *from;
    }
    sealed
}

/// Reads the entry for the component and the engine in `label` from a file of `size` bytes.
///
/// The code is returned in memory that no other process can change, and the seal is checked over this memory: a mapped
/// file could be changed after the check. The seal is computed over the requested label, not over the head of the file.
pub(super) fn open(
    key: &Key,
    label: &EntryId,
    mut file: impl Read,
    size: u64,
    most: u64,
) -> Result<Parts, CacheRejection> {
    if size > most {
        return Err(CacheRejection::Length);
    }
    let head = Head::read(&mut file)?;
    if head.label.component != label.component {
        return Err(CacheRejection::Component);
    }
    if head.label.engine != label.engine {
        return Err(CacheRejection::Engine);
    }
    head.fits(size)?;
    let mut next = |length: u64| {
        let exact = usize::try_from(length).map_err(|_| CacheRejection::Length)?;
        let mut bytes = Vec::new();
        // The length comes from the file: too large a length is an error, and does not abort.
        bytes
            .try_reserve_exact(exact)
            .map_err(|_| CacheRejection::Unreadable)?;
        let mut part = file.by_ref().take(length);
        part.read_to_end(&mut bytes).map_err(cut_or_unreadable)?;
        Ok(bytes)
    };
    let (findings, code) = (next(head.lengths.findings)?, next(head.lengths.code)?);
    let mut hasher = Zeroizing::new(blake3::Hasher::new_keyed(key));
    hasher.update(&label.head(head.lengths)).update(&findings);
    let seal = hasher.update(&code);
    // blake3 compares hashes in constant time.
    if seal.finalize() != head.seal {
        return Err(CacheRejection::Seal);
    }
    Ok(Parts { findings, code })
}

/// The digest of the component of an entry and the findings on it, if the entry would be executed.
pub(super) fn look(
    key: &Key,
    name: &str,
    entry: Result<Option<Entry>, CacheRejection>,
) -> Result<(String, Vec<u8>), CacheRejection> {
    let mut file = entry?.ok_or(CacheRejection::Unreadable)?;
    let head = Head::read(&mut file)?;
    if head.label.name() != name {
        return Err(CacheRejection::Component);
    }
    head.fits(file.size)?;
    let mut hasher = Zeroizing::new(blake3::Hasher::new_keyed(key));
    // The lengths agree with that of the file.
    let mut findings = Vec::new();
    let mut part = file.by_ref().take(head.lengths.findings);
    part.read_to_end(&mut findings).map_err(cut_or_unreadable)?;
    hasher
        .update(&head.label.head(head.lengths))
        .update(&findings);
    hasher.update_reader(&mut file).map_err(cut_or_unreadable)?;
    if hasher.finalize() != head.seal {
        return Err(CacheRejection::Seal);
    }
    Ok((digest_as_text(&head.label.component), findings))
}

fn digest_as_text(digest: &[u8; DIGEST]) -> String {
    let digits = digest.iter().map(|byte| format!("{byte:02x}"));
    format!("sha256:{}", digits.collect::<String>())
}

/// Parses `sha256:` and 64 digits.
pub(super) fn digest_from_text(text: &str) -> Option<[u8; DIGEST]> {
    let digits = text.strip_prefix("sha256:")?;
    // blake3's parser of hex digits works for any digest of 32 bytes.
    Some(*blake3::Hash::from_hex(digits).ok()?.as_bytes())
}
