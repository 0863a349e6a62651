//! Where connections come in.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Front, MAX_CONNECTIONS, connection};

/// How long to wait where no connection can be accepted, as without file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// An address of this machine alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address(SocketAddr);

/// Why a text is no address to listen on.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum InvalidAddress {
    #[error("it is not ADDRESS:PORT, as 127.0.0.1:8811 or [::1]:8811")]
    Form,
    #[error("other machines could reach it, which needs TLS, and that is not here yet; listen on 127.0.0.1 or [::1]")]
    NotLoopback,
}

/// Why nobody can be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    /// Somebody else listens there.
    #[error("{0} is in use by another program")]
    InUse(SocketAddr),
    /// The system does not allow it.
    #[error("nothing can listen on {address}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// A listener whose connections wait to be accepted.
pub(crate) struct Listening {
    listener: TcpListener,
    address: SocketAddr,
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let address: SocketAddr = text.parse().map_err(|_| InvalidAddress::Form)?;
        if address.ip().is_loopback() { Ok(Self(address)) } else { Err(InvalidAddress::NotLoopback) }
    }
}

impl Listening {
    /// Takes an address; port 0 is any that is free.
    ///
    /// # Errors
    /// See [`ListenError`].
    pub(crate) fn on(Address(address): Address) -> Result<Self, ListenError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::InUse(address),
            _ => ListenError::Bind { address, source },
        };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of all servers.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    pub(super) fn into_tokio(self) -> Result<tokio::net::TcpListener, ListenError> {
        let Self { listener, address } = self;
        tokio::net::TcpListener::from_std(listener).map_err(|source| ListenError::Bind { address, source })
    }
}

/// Accepts connections for ever.
pub(super) async fn accept_all(listener: &tokio::net::TcpListener, front: &Arc<Front>, connections: &mut JoinSet<()>) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        // It is never closed, which is the only way to fail.
        let place = Arc::clone(&room).acquire_owned().await;
        match listener.accept().await {
            Ok((stream, _)) => {
                let front = Arc::clone(front);
                connections.spawn(async move {
                    connection::serve(stream, front).await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_machine_are_listened_on() {
        for text in ["127.0.0.1:8811", "127.0.0.1:0", "[::1]:8811", "127.1.2.3:1"] {
            assert!(text.parse::<Address>().is_ok(), "{text}");
        }
        for text in ["0.0.0.0:8811", "[::]:8811", "192.168.1.1:8811", "8.8.8.8:1", "[::ffff:127.0.0.1]:8811"] {
            assert_eq!(text.parse::<Address>(), Err(InvalidAddress::NotLoopback), "{text}");
        }
        for text in ["", "8811", ":8811", "127.0.0.1", "localhost:8811", "127.0.0.1:65536", "http://127.0.0.1:1"] {
            assert_eq!(text.parse::<Address>(), Err(InvalidAddress::Form), "{text}");
        }
    }
}
