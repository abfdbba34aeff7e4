//! The results so far, one JSON object a line, so that an interrupted run can continue.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    path::Path,
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::{judge::Verdict, proofs::Proof};

/// The result of a proof or of a control run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Record {
    /// A digest of the inputs of the result.
    pub(crate) key: String,
    /// The proof, or the package and the tests of a control run.
    pub(crate) name: String,
    /// The verdict; for a control run `proved` if the tests pass.
    pub(crate) verdict: Verdict,
    pub(crate) why: String,
    /// For a control run: whether one of its tests starts the package's program.
    #[serde(default)]
    pub(crate) program: bool,
    pub(crate) seconds: u64,
}

/// The file of results.
pub(crate) struct Results {
    file: File,
    known: BTreeMap<String, Record>,
}

impl Results {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).unwrap_or_default();
        let file = File::options().create(true).append(true).open(path);
        let mut file = file.with_context(|| format!("{}: it cannot be written", path.display()))?;
        if !text.is_empty() && !text.ends_with('\n') {
            // The write of the last line was interrupted.
            file.write_all(b"\n")?;
        }
        let records = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Record>(line).ok());
        let known = records.map(|record| (record.key.clone(), record)).collect();
        Ok(Self { file, known })
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Record> {
        self.known.get(key)
    }

    pub(crate) fn add(&mut self, record: Record) -> Result<()> {
        let mut line = serde_json::to_string(&record)?;
        line.push('\n');
        self.file.write_all(line.as_bytes())?;
        self.known.insert(record.key.clone(), record);
        Ok(())
    }
}

/// The key of a proof's result, from its inputs: the proof, the files that it edits and all sources.
pub(crate) fn proof_key(
    proof: &Proof,
    edited: &BTreeMap<String, String>,
    sources: &str,
) -> Result<String> {
    let proof = serde_json::to_string(proof)?;
    let edited = serde_json::to_string(edited)?;
    Ok(key(&["proof", &proof, &edited, sources]))
}

/// The key of a control run's result, from its inputs.
pub(crate) fn control_key(package: &str, test: &str, sources: &str) -> String {
    key(&["control", package, test, sources])
}

fn key(parts: &[&str]) -> String {
    let mut digest = blake3::Hasher::new();
    for part in parts {
        digest.update(&(part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().to_hex().chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proofs::Proofs;

    const ONE: &str =
        "[[proof]]\nname = 'fuel'\nfile = 'a.rs'\nfind = 'x'\nreplace = 'y'\ntest = 't'\n";

    fn key_of(text: &str, edited: &str, sources: &str) -> String {
        let proofs = Proofs::parse(text).unwrap();
        let edited = [("a.rs".to_owned(), edited.to_owned())].into();
        proof_key(&proofs.all[0], &edited, sources).unwrap()
    }

    #[test]
    fn a_result_is_for_one_proof_one_file_and_one_tree() {
        let key = key_of(ONE, "y", "1");
        assert_eq!(key, key_of(ONE, "y", "1"));
        assert_eq!(key, key_of(&format!("{ONE}what = 'prose'"), "y", "1"));
        for (from, to) in [
            ("fuel", "other"),
            ("'x'", "'z'"),
            ("'y'", "''"),
            ("'t'", "'u'"),
        ] {
            assert_ne!(key, key_of(&ONE.replace(from, to), "y", "1"), "{from}");
        }
        assert_ne!(key, key_of(ONE, "y ", "1"));
        assert_ne!(key, key_of(ONE, "y", "2"));
        assert_ne!(control_key("a", "b", "1"), control_key("ab", "", "1"));
    }

    #[test]
    fn a_line_that_was_interrupted_is_no_result() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        let record = |key: &str, verdict| Record {
            key: key.to_owned(),
            name: "fuel".to_owned(),
            verdict,
            why: String::new(),
            program: false,
            seconds: 1,
        };
        let mut results = Results::open(&path).unwrap();
        results.add(record("a", Verdict::Unproved)).unwrap();
        results.add(record("a", Verdict::Proved)).unwrap();
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"{\"key\":\"b\",\"na").unwrap();
        let mut results = Results::open(&path).unwrap();
        assert!(results.get("b").is_none());
        results.add(record("c", Verdict::Stale)).unwrap();
        let results = Results::open(&path).unwrap();
        assert_eq!(results.get("a").unwrap().verdict, Verdict::Proved);
        assert_eq!(results.get("c").unwrap().verdict, Verdict::Stale);
    }
}
