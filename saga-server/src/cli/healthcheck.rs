//! `healthcheck`: whether a running collector is ready, for container runtimes.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use clap::Args;

use super::{CliError, output};
use crate::config::ConfigArgs;

const TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer that is read, in bytes.
const ANSWER_LIMIT: u64 = 64 * 1024;

#[derive(Debug, Args)]
pub(super) struct HealthcheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

impl HealthcheckArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let address = reachable(self.config.load()?.listen());
        let answer = ask(address)
            .map_err(|error| CliError::failed(format_args!("no answer from {address}: {error}")))?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).unwrap_or("no HTTP");
        match status {
            "200" => output::print(&format!("{body}\n")),
            _ => Err(CliError::failed(format_args!("not ready ({status}): {body}"))),
        }
    }
}

/// A collector that listens on all addresses is asked on this machine's own.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listen.port())
}

/// One request without keeping the connection needs no HTTP client.
fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "GET /health/readiness HTTP/1.0\r\nHost: {address}\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.take(ANSWER_LIMIT).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
