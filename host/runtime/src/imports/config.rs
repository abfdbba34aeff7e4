//! `tollgate:provider/config` and `wasi:config/store`: the settings that the policy hands to the provider.

use tollgate_policy::decide;

use crate::bindings::v0_2::provider::config::Host;
use crate::bindings_standard::wasi::config::store;
use crate::meter::MOVE_PRICE;
use crate::state::HostState;

/// The audit name of this capability.
const NAME: &str = "config";

impl HostState {
    async fn setting(&mut self, key: &str) -> wasmtime::Result<Option<String>> {
        self.meter.charge(key.len() as u64, MOVE_PRICE)?;
        self.be_fair().await;
        let value = match decide::config(&self.reach.grants, key) {
            Ok(value) => {
                self.allowed(NAME, key);
                value.map(str::to_owned)
            }
            Err(reason) => {
                self.denied(NAME, key, reason);
                None
            }
        };
        if let Some(value) = &value {
            self.meter.charge_more(value.len() as u64, MOVE_PRICE)?;
        }
        Ok(value)
    }
}

impl Host for HostState {
    async fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        self.setting(&key).await
    }
}

impl store::Host for HostState {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, store::Error>> {
        self.setting(&key).await.map(Ok)
    }

    async fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, store::Error>> {
        self.meter.charge(0, MOVE_PRICE)?;
        self.be_fair().await;
        let reach = std::sync::Arc::clone(&self.reach);
        let grants = &reach.grants;
        let settings = grants.config.iter().flatten();
        let size = |(key, value): (&String, &String)| {
            (key.len() + value.len() + size_of::<(String, String)>()) as u64
        };
        self.meter
            .charge_more(settings.clone().map(size).sum(), MOVE_PRICE)?;
        let mut all = Vec::new();
        for (key, _) in settings {
            // One by one through the same decision.
            if let Ok(Some(value)) = decide::config(grants, key) {
                self.allowed(NAME, key);
                all.push((key.clone(), value.to_owned()));
            }
        }
        Ok(Ok(all))
    }
}
