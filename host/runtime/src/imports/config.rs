//! `tollgate:provider/config`: the settings that the policy hands to the provider.

use crate::bindings::tollgate::provider::config::Host;
use crate::meter::MOVE_PRICE;
use crate::state::HostState;

impl Host for HostState {
    async fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        self.meter.charge(key.len() as u64, MOVE_PRICE)?;
        self.be_fair().await;
        let value = self
            .grants
            .config
            .as_ref()
            .and_then(|config| config.get(&key))
            .cloned();
        if let Some(value) = &value {
            self.meter.charge_more(value.len() as u64, MOVE_PRICE)?;
        }
        Ok(value)
    }
}
