//! The grant of WASI, with the values of the host's variables that it names.

use tollgate_policy::WasiGrant;

/// The grant of WASI, with the values of the host's variables that it names.
#[derive(Clone, Debug, Default)]
pub struct WasiSettings {
    /// The grant.
    pub grant: WasiGrant,
    /// Every variable that the guest receives, by name.
    pub env: Vec<(String, String)>,
}

impl WasiSettings {
    /// Reads the variables that the policy names, and no others.
    pub fn read(grant: &WasiGrant) -> WasiSettings {
        let own = grant.env.clone().into_iter();
        let host = grant.env_from_host.iter().filter_map(|name| {
            let value = std::env::var(name).ok()?;
            Some((name.clone(), value))
        });
        let mut env: Vec<(String, String)> = own.chain(host).collect();
        // Sorted, so that a guest cannot tell a granted value from one of the host.
        env.sort();
        WasiSettings {
            grant: grant.clone(),
            env,
        }
    }
}
