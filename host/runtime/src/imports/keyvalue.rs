//! `wasi:keyvalue/store`: the standard's names for the store of `imports/store.rs`.

use tollgate_policy::Reason;
use wasmtime::component::Resource;

use crate::bindings_standard::wasi::keyvalue::store::{Error, Host, HostBucket, KeyResponse};
use crate::imports::store::{Bucket, Refused};
use crate::state::HostState;

/// Keys in one page, unless fewer fit an answer: the standard asks for no more than is reasonable.
const PAGE: usize = 1_000;

/// The error of this interface. It has none for a quota or a bad key, so these go by their labels.
fn answer(refused: Refused) -> Error {
    match refused {
        Refused::Denied(Reason::BadKey | Reason::Quota) => Error::Other(refused.text()),
        Refused::Denied(_) => Error::AccessDenied,
        Refused::TooLarge(_) | Refused::Broken => Error::Other(refused.text()),
    }
}

impl Host for HostState {
    async fn open(&mut self, name: String) -> wasmtime::Result<Result<Resource<Bucket>, Error>> {
        Ok(self.open_bucket(name).await?.map_err(|refused| {
            match refused {
                // What can be no bucket's name is none that is known.
                Refused::Denied(Reason::BadKey) => Error::NoSuchStore,
                refused => answer(refused),
            }
        }))
    }
}

impl HostBucket for HostState {
    async fn get(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        Ok(self.get_value(&bucket, key).await?.map_err(answer))
    }

    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        let changed = self.change_value(&bucket, key, Some(value)).await?;
        Ok(changed.map_err(answer))
    }

    async fn delete(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        let changed = self.change_value(&bucket, key, None).await?;
        Ok(changed.map_err(answer))
    }

    async fn exists(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> wasmtime::Result<Result<bool, Error>> {
        Ok(self.has_key(&bucket, key).await?.map_err(answer))
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<u64>,
    ) -> wasmtime::Result<Result<KeyResponse, Error>> {
        let page = self.list_bucket(&bucket, cursor.unwrap_or(0), PAGE).await?;
        Ok(page.map_err(answer).map(|page| KeyResponse {
            keys: page.keys,
            cursor: page.next,
        }))
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.drop_bucket(bucket)
    }
}
