//! The differences between this host and wasmtime's in the answers to scripts of file operations, each with its reason.

/// A difference from wasmtime's host that is known: there this host is as Linux is.
pub(super) struct Known {
    verbs: &'static [&'static str],
    /// A path of the line ends in `/`.
    slash: bool,
    ours: &'static [&'static str],
    /// None is any.
    theirs: &'static [&'static str],
    pub(super) why: &'static str,
}

const DROPS: &str = "wasmtime drops the slash at the end of a path, or looks at the name before it looks at the slash";

pub(super) const KNOWN: &[Known] = &[
    Known {
        verbs: &["stat", "time", "is"],
        slash: true,
        ours: &["not-directory", "no-entry", "loop"],
        theirs: &[],
        why: DROPS,
    },
    Known {
        verbs: &["stat"],
        slash: true,
        ours: &["Directory"],
        theirs: &["DescriptorType::SymbolicLink 1"],
        why: DROPS,
    },
    Known {
        verbs: &["unlink", "rmdir"],
        slash: true,
        ours: &["not-directory"],
        theirs: &["loop", "no-entry", "is-directory", "invalid"],
        why: DROPS,
    },
    Known {
        verbs: &["rmdir"],
        slash: true,
        ours: &["done", "not-empty"],
        theirs: &["invalid"],
        why: DROPS,
    },
    Known {
        verbs: &["symlink", "link"],
        slash: true,
        ours: &["exist"],
        theirs: &["not-directory", "no-entry", "loop"],
        why: DROPS,
    },
    Known {
        verbs: &["open"],
        slash: false,
        ours: &["not-directory"],
        theirs: &["loop"],
        why: "a link that is opened as a folder and not followed is no folder, before it is a link",
    },
    Known {
        verbs: &["link"],
        slash: false,
        ours: &["no-entry"],
        theirs: &["not-directory", "loop"],
        why: "wasmtime looks at the new name first",
    },
    Known {
        verbs: &["read"],
        slash: false,
        ours: &["is-directory"],
        theirs: &["bad-descriptor"],
        why: "wasmtime has no bytes of a folder to read, and another name for that",
    },
    Known {
        verbs: &["size"],
        slash: false,
        ours: &["invalid"],
        theirs: &["bad-descriptor"],
        why: "wasmtime sizes no folder and nothing that is not open to be written, and has another name for that",
    },
];

impl Known {
    pub(super) fn is_it(&self, line: &str, ours: &str, theirs: &str) -> bool {
        let mut words = line.split(' ');
        let verb = words.next().unwrap();
        self.verbs.contains(&verb)
            && (!self.slash || words.any(|word| word.ends_with('/')))
            && self.ours.contains(&ours)
            && (self.theirs.is_empty() || self.theirs.contains(&theirs))
    }
}
