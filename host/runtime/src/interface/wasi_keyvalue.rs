//! `wasi:keyvalue/store@0.2.0-draft`: the standard interface to the store of `grants.store`.

use tollgate_capability::store::{Bucket, StoreFailure};
use tollgate_policy::Reason;
use wasmtime::component::Resource;

use super::provider_0_2::BUCKET;
use super::wasi_drafts::wasi::keyvalue::store::{Error, Host, HostBucket, KeyResponse};
use crate::call::context::CallContext;

/// Keys in one page, unless fewer fit an answer: the standard asks for a reasonable number.
const PAGE: usize = 1_000;

/// The error of this interface. It has no case for a quota or a bad key; these are given by their labels.
fn to_wit_error(failure: StoreFailure) -> Error {
    match failure {
        StoreFailure::Denied(Reason::BadKey | Reason::Quota) => Error::Other(failure.text()),
        StoreFailure::Denied(_) => Error::AccessDenied,
        StoreFailure::TooLarge(_) | StoreFailure::Broken => Error::Other(failure.text()),
    }
}

impl Host for CallContext {
    async fn open(&mut self, name: String) -> wasmtime::Result<Result<Resource<Bucket>, Error>> {
        match self.call.open_bucket(name).await? {
            Ok(bucket) => self.put(bucket, BUCKET).map(Ok),
            // A text that is no valid bucket name names no known store.
            Err(StoreFailure::Denied(Reason::BadKey)) => Ok(Err(Error::NoSuchStore)),
            Err(failure) => Ok(Err(to_wit_error(failure))),
        }
    }
}

impl HostBucket for CallContext {
    async fn get(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        let bucket = self.table.get(&bucket)?.clone();
        Ok(self
            .call
            .get_value(&bucket, key)
            .await?
            .map_err(to_wit_error))
    }

    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let bucket = self.table.get(&bucket)?.clone();
        let changed = self.call.change_value(&bucket, key, Some(value)).await?;
        Ok(changed.map_err(to_wit_error))
    }

    async fn delete(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        let bucket = self.table.get(&bucket)?.clone();
        let changed = self.call.change_value(&bucket, key, None).await?;
        Ok(changed.map_err(to_wit_error))
    }

    async fn exists(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> wasmtime::Result<Result<bool, Error>> {
        let bucket = self.table.get(&bucket)?.clone();
        Ok(self.call.has_key(&bucket, key).await?.map_err(to_wit_error))
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<u64>,
    ) -> wasmtime::Result<Result<KeyResponse, Error>> {
        let bucket = self.table.get(&bucket)?.clone();
        let page = self
            .call
            .list_bucket(&bucket, cursor.unwrap_or(0), PAGE)
            .await?;
        Ok(page.map_err(to_wit_error).map(|page| KeyResponse {
            keys: page.keys,
            cursor: page.next,
        }))
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.call.enter(0, 0).await?;
        self.take(bucket)?;
        Ok(())
    }
}
