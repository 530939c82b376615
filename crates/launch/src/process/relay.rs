//! Relays bytes between a keep's sockets and the brokers. It can drop, delay and alter them, but not read them.

use std::os::{fd::OwnedFd, unix::net::UnixStream as BlockingStream};

use tokio::{
    io::copy_bidirectional,
    net::{TcpStream, UnixStream},
    task::JoinHandle,
    time::{Duration, timeout},
};

use crate::{Broker, LaunchError};

/// How long a broker may take to accept a connection.
const CONNECT_S_MAX: u64 = 10;

/// A relay that runs until either side closes, or it is dropped.
#[derive(Debug)]
pub(super) struct Relay(JoinHandle<()>);

impl Drop for Relay {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Connects to `broker`; the descriptor is the keep's end.
pub(super) async fn connect(broker: &Broker) -> Result<(Relay, OwnedFd), LaunchError> {
    let refuse = |source| LaunchError::Broker { owner: broker.owner.clone(), address: broker.address.clone(), source };
    let connecting = TcpStream::connect(&broker.address);
    let mut tcp = match timeout(Duration::from_secs(CONNECT_S_MAX), connecting).await {
        Ok(connected) => connected.map_err(refuse)?,
        Err(_) => return Err(refuse(std::io::ErrorKind::TimedOut.into())),
    };
    tcp.set_nodelay(true).map_err(refuse)?;
    let (keep, own) = BlockingStream::pair().map_err(LaunchError::Spawn)?;
    own.set_nonblocking(true).map_err(LaunchError::Spawn)?;
    let mut own = UnixStream::from_std(own).map_err(LaunchError::Spawn)?;
    let relay = tokio::spawn(async move {
        // Either end's failure ends the relay; the keep sees a closed socket and refuses by the owner's name.
        let _ended = copy_bidirectional(&mut own, &mut tcp).await;
    });
    Ok((Relay(relay), keep.into()))
}
