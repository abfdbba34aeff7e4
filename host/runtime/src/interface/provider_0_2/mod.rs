//! `tollgate:provider@0.2.0`: translates arguments from WIT to the types of the capabilities, and their answers back.

pub mod bindings;

use tollgate_capability::files::{self as granted, FileInfo};
use tollgate_capability::http::{HttpMethod, HttpRequest};
use tollgate_capability::store::{Bucket, Page, StoreFailure};
use tollgate_capability::{Algorithm, ErrorKind, Hasher, HostResult, LogLevel, ProviderError};
use tollgate_policy::Reason;
use wasmtime::Result;
use wasmtime::component::Resource;

use crate::call::context::CallContext;
use bindings::provider::{config, files, hash, http, log, store, types};
use types::Error;

/// The result of a host function of this package.
pub(crate) type WitResult<T> = Result<std::result::Result<T, Error>>;

impl From<ProviderError> for Error {
    fn from(error: ProviderError) -> Error {
        let text = error.message;
        match error.kind {
            ErrorKind::InvalidInput => Error::InvalidInput(text),
            ErrorKind::NotFound => Error::NotFound(text),
            ErrorKind::AccessDenied => Error::AccessDenied(text),
            ErrorKind::QuotaExceeded => Error::QuotaExceeded(text),
            ErrorKind::Unavailable => Error::Unavailable(text),
            _ => Error::Other(text),
        }
    }
}

impl From<Error> for ProviderError {
    fn from(error: Error) -> ProviderError {
        let (kind, message) = match error {
            Error::InvalidInput(text) => (ErrorKind::InvalidInput, text),
            Error::NotFound(text) => (ErrorKind::NotFound, text),
            Error::AccessDenied(text) => (ErrorKind::AccessDenied, text),
            Error::QuotaExceeded(text) => (ErrorKind::QuotaExceeded, text),
            Error::Unavailable(text) => (ErrorKind::Unavailable, text),
            Error::Other(text) => (ErrorKind::Other, text),
        };
        ProviderError { kind, message }
    }
}

/// The answer of a capability, in this package's types.
fn to_wit<T, U: From<T>>(answer: HostResult<T>) -> WitResult<U> {
    Ok(answer?.map(U::from).map_err(Error::from))
}

impl types::Host for CallContext {}

impl log::Host for CallContext {
    async fn write(&mut self, level: log::Level, message: String) -> Result<()> {
        let level = match level {
            log::Level::Trace => LogLevel::Trace,
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        Ok(self.call.write_log(level, message).await?)
    }
}

impl From<hash::Algorithm> for Algorithm {
    fn from(algorithm: hash::Algorithm) -> Algorithm {
        match algorithm {
            hash::Algorithm::Sha256 => Algorithm::Sha256,
            hash::Algorithm::Sha512 => Algorithm::Sha512,
            hash::Algorithm::Blake3 => Algorithm::Blake3,
        }
    }
}

/// The host memory of a hasher: the state of BLAKE3, the largest of them, and an entry of the table.
const HASHER: u64 = 2_304;
/// The host memory of a bucket: its name, and an entry of the table.
pub(super) const BUCKET: u64 = 512;

impl hash::Host for CallContext {
    async fn digest(&mut self, algorithm: hash::Algorithm, data: Vec<u8>) -> Result<Vec<u8>> {
        Ok(self.call.digest(algorithm.into(), &data).await?)
    }
}

impl hash::HostHasher for CallContext {
    async fn new(&mut self, algorithm: hash::Algorithm) -> Result<Resource<Hasher>> {
        self.call.enter(0, 0).await?;
        self.put(Hasher::new(algorithm.into()), HASHER)
    }

    async fn update(&mut self, hasher: Resource<Hasher>, data: Vec<u8>) -> Result<()> {
        self.call.enter_hash(data.len()).await?;
        self.table.get_mut(&hasher)?.update(&data);
        Ok(())
    }

    async fn finish(&mut self, hasher: Resource<Hasher>) -> Result<Vec<u8>> {
        self.call.enter(0, 0).await?;
        Ok(self.take(hasher)?.finish())
    }

    async fn drop(&mut self, hasher: Resource<Hasher>) -> Result<()> {
        self.call.enter(0, 0).await?;
        self.take(hasher)?;
        Ok(())
    }
}

impl http::Host for CallContext {
    async fn send(&mut self, request: http::Request) -> WitResult<http::Response> {
        let request = HttpRequest {
            method: match request.method {
                http::Method::Get => HttpMethod::Get,
                http::Method::Head => HttpMethod::Head,
                http::Method::Post => HttpMethod::Post,
                http::Method::Put => HttpMethod::Put,
                http::Method::Patch => HttpMethod::Patch,
                http::Method::Delete => HttpMethod::Delete,
                http::Method::Options => HttpMethod::Options,
            },
            url: request.url,
            headers: request.headers,
            body: request.body,
        };
        let response = self.call.send_http(request).await?;
        Ok(response
            .map_err(Error::from)
            .map(|response| http::Response {
                status: response.status,
                headers: response.headers,
                body: response.body,
            }))
    }
}

impl From<granted::Kind> for files::Kind {
    fn from(kind: granted::Kind) -> files::Kind {
        match kind {
            granted::Kind::File => files::Kind::File,
            granted::Kind::Directory => files::Kind::Directory,
            granted::Kind::Symlink => files::Kind::Symlink,
            granted::Kind::Other => files::Kind::Other,
        }
    }
}

impl files::Host for CallContext {
    async fn read(&mut self, root: String, path: String) -> WitResult<Vec<u8>> {
        to_wit(self.call.read_file(&root, &path).await)
    }

    async fn read_range(
        &mut self,
        root: String,
        path: String,
        offset: u64,
        length: u32,
    ) -> WitResult<Vec<u8>> {
        let read = self.call.read_file_range(&root, &path, offset, length);
        to_wit(read.await)
    }

    async fn write(&mut self, root: String, path: String, data: Vec<u8>) -> WitResult<()> {
        to_wit(self.call.write_file(&root, &path, data).await)
    }

    async fn list(&mut self, root: String, path: String) -> WitResult<Vec<files::Entry>> {
        let entries = self.call.list_folder(&root, &path).await?;
        let entry = |granted::Entry { name, kind }| files::Entry {
            name,
            kind: kind.into(),
        };
        let entries = entries.map(|entries| entries.into_iter().map(entry).collect());
        Ok(entries.map_err(Error::from))
    }

    async fn stat(&mut self, root: String, path: String) -> WitResult<files::Metadata> {
        let info = self.call.stat_file(&root, &path).await?;
        let info = info.map(|FileInfo { kind, size }| files::Metadata {
            kind: kind.into(),
            size,
        });
        Ok(info.map_err(Error::from))
    }
}

impl config::Host for CallContext {
    async fn get(&mut self, key: String) -> Result<Option<String>> {
        Ok(self.call.setting(&key).await?)
    }
}

impl From<StoreFailure> for Error {
    fn from(failure: StoreFailure) -> Error {
        let text = failure.text();
        match failure {
            StoreFailure::Denied(Reason::BadKey) => Error::InvalidInput(text),
            StoreFailure::Denied(Reason::Quota) => Error::QuotaExceeded(text),
            StoreFailure::Denied(_) => Error::AccessDenied(text),
            StoreFailure::TooLarge(_) => Error::QuotaExceeded(text),
            StoreFailure::Broken => Error::Unavailable(text),
        }
    }
}

impl store::Host for CallContext {}

impl store::HostBucket for CallContext {
    async fn open(&mut self, name: String) -> WitResult<Resource<Bucket>> {
        match self.call.open_bucket(name).await? {
            Ok(bucket) => self.put(bucket, BUCKET).map(Ok),
            Err(failure) => Ok(Err(failure.into())),
        }
    }

    async fn get(&mut self, bucket: Resource<Bucket>, key: String) -> WitResult<Option<Vec<u8>>> {
        let bucket = self.table.get(&bucket)?.clone();
        let found = self.call.get_value(&bucket, key).await?;
        Ok(found.map_err(Error::from))
    }

    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> WitResult<()> {
        let bucket = self.table.get(&bucket)?.clone();
        let changed = self.call.change_value(&bucket, key, Some(value)).await?;
        Ok(changed.map_err(Error::from))
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> WitResult<()> {
        let bucket = self.table.get(&bucket)?.clone();
        let changed = self.call.change_value(&bucket, key, None).await?;
        Ok(changed.map_err(Error::from))
    }

    async fn list_keys(&mut self, bucket: Resource<Bucket>) -> WitResult<Vec<String>> {
        let most = self.call.meter.limits.host_data;
        let bucket = self.table.get(&bucket)?.clone();
        let page = self.call.list_bucket(&bucket, 0, usize::MAX).await?;
        Ok(match page {
            Ok(Page { keys, next: None }) => Ok(keys),
            // This interface has no pages: it returns all keys or none.
            Ok(_) => Err(StoreFailure::TooLarge(most).into()),
            Err(failure) => Err(failure.into()),
        })
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> Result<()> {
        self.call.enter(0, 0).await?;
        self.take(bucket)?;
        Ok(())
    }
}
