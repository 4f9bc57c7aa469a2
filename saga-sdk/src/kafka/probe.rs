//! Whether a port speaks TLS: checked when a client without TLS gets no response from it.

use std::{
    io::{Read as _, Write as _},
    net::{TcpStream, ToSocketAddrs as _},
    time::Duration,
};

const TIMEOUT: Duration = Duration::from_secs(1);

/// A ClientHello of TLS 1.2: record header, handshake header, version, 32 random bytes, no session, four cipher suites,
/// no compression.
const CLIENT_HELLO: [u8; 56] = {
    let mut hello = [0x5a; 56];
    let head = [0x16, 3, 1, 0, 51, 1, 0, 0, 47, 3, 3];
    let tail = [0, 0, 8, 0xc0, 0x2f, 0xc0, 0x30, 0xc0, 0x2b, 0, 0x9c, 1, 0];
    let mut index = 0;
    while index < head.len() {
        hello[index] = head[index];
        index += 1;
    }
    index = 0;
    while index < tail.len() {
        hello[head.len() + 32 + index] = tail[index];
        index += 1;
    }
    hello
};

/// Whether the server answers with a TLS handshake or alert. Blocks, up to some seconds.
pub(super) fn speaks_tls(address: &str) -> bool {
    handshake(address).is_ok_and(|answer| matches!(answer, [0x15 | 0x16, 3]))
}

fn handshake(address: &str) -> std::io::Result<[u8; 2]> {
    let address = address.to_socket_addrs()?.next();
    let address = address.ok_or(std::io::ErrorKind::AddrNotAvailable)?;
    let mut connection = TcpStream::connect_timeout(&address, TIMEOUT)?;
    connection.set_read_timeout(Some(TIMEOUT))?;
    connection.write_all(&CLIENT_HELLO)?;
    let mut answer = [0; 2];
    connection.read_exact(&mut answer)?;
    Ok(answer)
}
