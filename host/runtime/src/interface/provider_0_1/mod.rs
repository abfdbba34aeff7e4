//! `tollgate:provider@0.1.0` in terms of 0.2.0: each function calls the newer interface, which charges, decides and
//! acts. Only [`http`] differs: 0.1.0 can only `get`.

pub mod bindings;

use tollgate_capability::Hasher;
use tollgate_capability::store::Bucket;
use wasmtime::Result;
use wasmtime::component::Resource;

use crate::call::context::CallContext;
use crate::interface::provider_0_2::WitResult;
use crate::interface::provider_0_2::bindings::provider as new;
use bindings::provider::{config, files, hash, http, log, store};

impl log::Host for CallContext {
    async fn write(&mut self, level: log::Level, message: String) -> Result<()> {
        use log::Level;
        let level = match level {
            Level::Trace => new::log::Level::Trace,
            Level::Debug => new::log::Level::Debug,
            Level::Info => new::log::Level::Info,
            Level::Warn => new::log::Level::Warn,
            Level::Error => new::log::Level::Error,
        };
        new::log::Host::write(self, level, message).await
    }
}

impl From<hash::Algorithm> for new::hash::Algorithm {
    fn from(algorithm: hash::Algorithm) -> new::hash::Algorithm {
        match algorithm {
            hash::Algorithm::Sha256 => new::hash::Algorithm::Sha256,
            hash::Algorithm::Sha512 => new::hash::Algorithm::Sha512,
            hash::Algorithm::Blake3 => new::hash::Algorithm::Blake3,
        }
    }
}

impl hash::Host for CallContext {
    async fn digest(&mut self, algorithm: hash::Algorithm, data: Vec<u8>) -> Result<Vec<u8>> {
        new::hash::Host::digest(self, algorithm.into(), data).await
    }
}

impl hash::HostHasher for CallContext {
    async fn new(&mut self, algorithm: hash::Algorithm) -> Result<Resource<Hasher>> {
        new::hash::HostHasher::new(self, algorithm.into()).await
    }

    async fn update(&mut self, hasher: Resource<Hasher>, data: Vec<u8>) -> Result<()> {
        new::hash::HostHasher::update(self, hasher, data).await
    }

    async fn finish(&mut self, hasher: Resource<Hasher>) -> Result<Vec<u8>> {
        new::hash::HostHasher::finish(self, hasher).await
    }

    async fn drop(&mut self, hasher: Resource<Hasher>) -> Result<()> {
        new::hash::HostHasher::drop(self, hasher).await
    }
}

impl http::Host for CallContext {
    async fn get(&mut self, request: http::Request) -> WitResult<http::Response> {
        let request = new::http::Request {
            method: new::http::Method::Get,
            url: request.url,
            headers: request.headers,
            body: Vec::new(),
        };
        let response = new::http::Host::send(self, request).await?;
        Ok(response.map(|response| http::Response {
            status: response.status,
            headers: response.headers,
            body: response.body,
        }))
    }
}

impl From<new::files::Kind> for files::Kind {
    fn from(kind: new::files::Kind) -> files::Kind {
        match kind {
            new::files::Kind::File => files::Kind::File,
            new::files::Kind::Directory => files::Kind::Directory,
            new::files::Kind::Symlink => files::Kind::Symlink,
            new::files::Kind::Other => files::Kind::Other,
        }
    }
}

impl files::Host for CallContext {
    async fn read(&mut self, root: String, path: String) -> WitResult<Vec<u8>> {
        new::files::Host::read(self, root, path).await
    }

    async fn read_range(
        &mut self,
        root: String,
        path: String,
        offset: u64,
        length: u32,
    ) -> WitResult<Vec<u8>> {
        new::files::Host::read_range(self, root, path, offset, length).await
    }

    async fn write(&mut self, root: String, path: String, data: Vec<u8>) -> WitResult<()> {
        new::files::Host::write(self, root, path, data).await
    }

    async fn list(&mut self, root: String, path: String) -> WitResult<Vec<files::Entry>> {
        let entries = new::files::Host::list(self, root, path).await?;
        let old = |new::files::Entry { name, kind }| files::Entry {
            name,
            kind: kind.into(),
        };
        Ok(entries.map(|entries| entries.into_iter().map(old).collect()))
    }

    async fn stat(&mut self, root: String, path: String) -> WitResult<files::Metadata> {
        let metadata = new::files::Host::stat(self, root, path).await?;
        Ok(
            metadata.map(|new::files::Metadata { kind, size }| files::Metadata {
                kind: kind.into(),
                size,
            }),
        )
    }
}

impl config::Host for CallContext {
    async fn get(&mut self, key: String) -> Result<Option<String>> {
        new::config::Host::get(self, key).await
    }
}

impl store::Host for CallContext {}

impl store::HostBucket for CallContext {
    async fn open(&mut self, name: String) -> WitResult<Resource<Bucket>> {
        new::store::HostBucket::open(self, name).await
    }

    async fn get(&mut self, bucket: Resource<Bucket>, key: String) -> WitResult<Option<Vec<u8>>> {
        new::store::HostBucket::get(self, bucket, key).await
    }

    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> WitResult<()> {
        new::store::HostBucket::set(self, bucket, key, value).await
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> WitResult<()> {
        new::store::HostBucket::delete(self, bucket, key).await
    }

    async fn list_keys(&mut self, bucket: Resource<Bucket>) -> WitResult<Vec<String>> {
        new::store::HostBucket::list_keys(self, bucket).await
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> Result<()> {
        new::store::HostBucket::drop(self, bucket).await
    }
}
