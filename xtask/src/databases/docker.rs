//! Servers in containers, with a docker daemon.

use std::process::{Command, Stdio};

use super::{Server, Set, folder};
use crate::shell::run;

const FILE: &str = "deploy/test-databases.compose.yml";

/// Whether docker is available.
pub fn works() -> bool {
    let quiet = |arguments: &[&str]| {
        let mut command = Command::new("docker");
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    quiet(&["info"]) && quiet(&["compose", "version"])
}

/// Starts a service and waits until it is healthy.
pub fn up(server: Server) -> anyhow::Result<()> {
    let service = server.name().to_lowercase();
    let log = folder()?.join("logs/docker.log");
    let mut command = Command::new("docker");
    command.args(["compose", "-f", FILE, "up", "--detach", "--wait", &service]);
    for server in Server::ALL {
        command.env(format!("{}_TEST_PORT", server.name().to_uppercase()), Set::Tests.port(server).to_string());
    }
    run(&log, &mut command)
}

/// Stops the services.
pub fn down() -> anyhow::Result<()> {
    let log = folder()?.join("logs/docker.log");
    run(&log, Command::new("docker").args(["compose", "-f", FILE, "down"]))
}
