//! `tollgate:provider/hash`: digests at native speed, paid for by the byte.

use sha2::{Digest as _, Sha256, Sha512};
use wasmtime::component::Resource;

use crate::bindings::v0_2::provider::hash::{Algorithm, Host, HostHasher};
use crate::meter::{HASH_PRICE, MOVE_PRICE, Stop};
use crate::state::HostState;

/// A digest that is being fed.
pub struct Hasher(State);

enum State {
    Sha256(Sha256),
    Sha512(Sha512),
    // Boxed: its state is 1.9 KB, the others' are 0.1 to 0.2.
    Blake3(Box<blake3::Hasher>),
}

impl Hasher {
    fn new(algorithm: Algorithm) -> Hasher {
        Hasher(match algorithm {
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha512 => State::Sha512(Sha512::new()),
            Algorithm::Blake3 => State::Blake3(Box::default()),
        })
    }

    fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            State::Sha256(state) => state.update(data),
            State::Sha512(state) => state.update(data),
            State::Blake3(state) => {
                state.update(data);
            }
        }
    }

    fn finish(self) -> Vec<u8> {
        match self.0 {
            State::Sha256(state) => state.finalize().to_vec(),
            State::Sha512(state) => state.finalize().to_vec(),
            State::Blake3(state) => state.finalize().as_bytes().to_vec(),
        }
    }
}

impl Host for HostState {
    async fn digest(&mut self, algorithm: Algorithm, data: Vec<u8>) -> wasmtime::Result<Vec<u8>> {
        self.meter
            .charge(data.len() as u64, MOVE_PRICE + HASH_PRICE)?;
        self.be_fair().await;
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&data);
        Ok(hasher.finish())
    }
}

impl HostHasher for HostState {
    async fn new(&mut self, algorithm: Algorithm) -> wasmtime::Result<Resource<Hasher>> {
        self.meter.charge(0, MOVE_PRICE)?;
        self.be_fair().await;
        // The table is as large as the `handles` limit; full means that limit.
        self.table
            .push(Hasher::new(algorithm))
            .map_err(|_| Stop::Handles.into())
    }

    async fn update(&mut self, hasher: Resource<Hasher>, data: Vec<u8>) -> wasmtime::Result<()> {
        self.meter
            .charge(data.len() as u64, MOVE_PRICE + HASH_PRICE)?;
        self.be_fair().await;
        self.table.get_mut(&hasher)?.update(&data);
        Ok(())
    }

    async fn finish(&mut self, hasher: Resource<Hasher>) -> wasmtime::Result<Vec<u8>> {
        self.meter.charge(0, MOVE_PRICE)?;
        Ok(self.table.delete(hasher)?.finish())
    }

    async fn drop(&mut self, hasher: Resource<Hasher>) -> wasmtime::Result<()> {
        self.meter.charge(0, MOVE_PRICE)?;
        self.table.delete(hasher)?;
        Ok(())
    }
}
