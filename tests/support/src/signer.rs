//! An author of components: a key, and valid or invalid signatures.

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use tollgate::Source;
use tollgate::policy::{KeyId, PublicKey, trust::base64};

/// A key pair with its id.
pub struct Author {
    id: [u8; 8],
    pair: Ed25519KeyPair,
}

impl Author {
    /// The author of this number: equal numbers have equal keys.
    pub fn new(number: u8) -> Author {
        Author::with_id(number, [number; 8])
    }

    /// An author with the id of another key, since an author can choose any id.
    pub fn with_id(number: u8, id: [u8; 8]) -> Author {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[number; 32]).unwrap();
        Author { id, pair }
    }

    /// The public key.
    pub fn key(&self) -> PublicKey {
        let bytes = self.pair.public_key().as_ref().try_into().unwrap();
        PublicKey::from_parts(KeyId(self.id), bytes).unwrap()
    }

    /// A policy that trusts this author and grants nothing.
    pub fn policy(&self) -> String {
        format!("trust.keys = [\"{}\"]\n", self.key())
    }

    /// The signature of `bytes` as a file of this name.
    pub fn sign(&self, bytes: &[u8], file: &str) -> String {
        self.sign_with(bytes, &format!("timestamp:1\tfile:{file}\thashed"))
    }

    /// The signature of `bytes` with this trusted comment.
    pub fn sign_with(&self, bytes: &[u8], comment: &str) -> String {
        self.text(b"ED", blake2b_simd::blake2b(bytes).as_bytes(), comment)
    }

    /// A signature of minisign's legacy kind.
    pub fn sign_legacy(&self, bytes: &[u8], file: &str) -> String {
        self.text(b"Ed", bytes, &format!("timestamp:1\tfile:{file}"))
    }

    fn text(&self, kind: &[u8], signed: &[u8], comment: &str) -> String {
        let signature = self.pair.sign(signed);
        let seal = [signature.as_ref(), comment.as_bytes()].concat();
        let seal = self.pair.sign(&seal);
        let signature = [kind, &self.id, signature.as_ref()].concat();
        format!(
            "untrusted comment: a test's\n{}\ntrusted comment: {comment}\n{}\n",
            base64::encode(&signature),
            base64::encode(seal.as_ref())
        )
    }

    /// Signed bytes under a name.
    pub fn source(&self, name: &str, bytes: &[u8]) -> Source {
        Source::bytes(name, bytes).signed(&self.sign(bytes, &format!("{name}.wasm")))
    }
}
