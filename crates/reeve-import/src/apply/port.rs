//! The step that makes a port.

use async_trait::async_trait;
use reeve_journal::{Recorded, Refusal, Step, StepError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::marked::{Kind, Marked, text};
use super::world::World;
use crate::plan::PortInput;

/// What is recorded of a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PortMade {
    /// The port.
    pub port_id: String,
    /// Its MAC address.
    pub mac_address: String,
    /// Its addresses.
    pub addresses: Vec<String>,
}

/// Makes a port.
///
/// Undo: every port with the mark is deleted. A repeat finds the port.
pub(super) struct MakePort {
    pub(super) input: PortInput,
}

impl MakePort {
    fn marked(&self) -> Marked<'_> {
        Marked {
            kind: Kind::Port,
            mark: &self.input.mark,
            name: &self.input.name,
        }
    }

    fn made(port: &Value) -> Result<Recorded, StepError> {
        let addresses = port["fixed_ips"].as_array().into_iter().flatten();
        Recorded::value(PortMade {
            port_id: text(&port["id"]).to_owned(),
            mac_address: text(&port["mac_address"]).to_owned(),
            addresses: addresses
                .map(|address| text(&address["ip_address"]).to_owned())
                .take(64)
                .collect(),
        })
    }
}

#[async_trait]
impl Step<World> for MakePort {
    async fn ready(&self, _world: &World) -> Result<(), Refusal> {
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<bool, StepError> {
        Ok(self.marked().only(world).await?.is_some())
    }

    async fn act(&self, world: &World) -> Result<Recorded, StepError> {
        let marked = self.marked();
        marked.remove_all(world).await?;
        let mut body = json!({
            "name": self.input.name,
            "description": self.input.mark,
            "network_id": self.input.network_id,
            "admin_state_up": true,
        });
        if let Some(mac) = &self.input.mac {
            body["mac_address"] = mac.as_str().into();
        }
        Self::made(&marked.make(world, marked.create(body)).await?)
    }

    async fn undo(&self, world: &World, _was: &Recorded) -> Result<(), StepError> {
        self.marked().remove_all(world).await
    }

    async fn recall(&self, world: &World) -> Result<Recorded, StepError> {
        match self.marked().only(world).await? {
            Some(port) => Self::made(&port),
            None => Err(self.marked().error("?", "was there a moment ago and is not any more")),
        }
    }
}
