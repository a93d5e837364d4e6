//! The chain, as the settings have it.

use std::sync::Arc;

use anyhow::bail;
use chainbill_chain::{Chain, LocalNotary};
use chainbill_domain::{Clock, Random};
use clap::ValueEnum;

use crate::settings::{Hidden, Settings};

/// Where paid invoices are notarised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AptosNetwork {
    /// Nowhere.
    Off,
    /// In the signed log of the data folder.
    Local,
    /// On Aptos' network for development.
    Devnet,
    /// On Aptos' network for tests.
    Testnet,
    /// On Aptos.
    Mainnet,
}

impl Settings {
    /// Where paid invoices are notarised: as it is set, else in the data folder with an embedded primary and nowhere with a server,
    /// whose processes may each have a data folder of their own.
    #[must_use]
    pub fn network(&self) -> AptosNetwork {
        let is_embedded = self.database_url.as_ref().is_none_or(|Hidden(url)| url.starts_with("sqlite:"));
        self.aptos_network.unwrap_or(if is_embedded { AptosNetwork::Local } else { AptosNetwork::Off })
    }
}

/// Refuses a network that this release does not reach.
pub(crate) fn check(settings: &Settings) -> anyhow::Result<()> {
    match settings.network() {
        AptosNetwork::Off | AptosNetwork::Local => Ok(()),
        network => {
            let name = network.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
            bail!("APTOS_NETWORK is {name}: this release does not reach Aptos yet; local and off are accepted")
        }
    }
}

/// The chain on which paid invoices are notarised, if there is one.
pub(crate) fn chain(
    settings: &Settings,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> anyhow::Result<Option<Arc<dyn Chain>>> {
    check(settings)?;
    let is_local = settings.network() == AptosNetwork::Local;
    Ok(is_local.then(|| Arc::new(LocalNotary::new(&settings.data_dir, clock, random)) as _))
}
