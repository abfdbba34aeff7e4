//! `tollgate:provider/store`: this host keeps no store yet, and says so to the guest.

use wasmtime::component::Resource;

use crate::bindings::tollgate::provider::store::{Error, Host, HostBucket};
use crate::meter::MOVE_PRICE;
use crate::state::HostState;

/// A bucket. None can be opened, so none exists.
pub enum Bucket {}

fn unavailable() -> Error {
    Error::Unavailable("this host keeps no store".to_owned())
}

impl Host for HostState {}

impl HostBucket for HostState {
    async fn open(&mut self, name: String) -> wasmtime::Result<Result<Resource<Bucket>, Error>> {
        self.meter.charge(name.len() as u64, MOVE_PRICE)?;
        self.be_fair().await;
        Ok(Err(unavailable()))
    }

    async fn get(
        &mut self,
        bucket: Resource<Bucket>,
        _key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        match *self.table.get(&bucket)? {}
    }

    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        _key: String,
        _value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        match *self.table.get(&bucket)? {}
    }

    async fn delete(
        &mut self,
        bucket: Resource<Bucket>,
        _key: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        match *self.table.get(&bucket)? {}
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
    ) -> wasmtime::Result<Result<Vec<String>, Error>> {
        match *self.table.get(&bucket)? {}
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        match self.table.delete(bucket)? {}
    }
}
