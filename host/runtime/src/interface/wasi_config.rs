//! `wasi:config/store@0.2.0-rc.1`: the standard interface to the settings of `grants.config`.

use wasmtime::Result;

use super::wasi_drafts::wasi::config::store::{Error, Host};
use crate::call::context::CallContext;

impl Host for CallContext {
    async fn get(&mut self, key: String) -> Result<std::result::Result<Option<String>, Error>> {
        Ok(Ok(self.call.setting(&key).await?))
    }

    async fn get_all(&mut self) -> Result<std::result::Result<Vec<(String, String)>, Error>> {
        Ok(Ok(self.call.settings().await?))
    }
}
