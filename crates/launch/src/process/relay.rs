//! Relays bytes between a keep's sockets and the brokers. It can drop, delay and alter them, but not read them.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as BlockingStream},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpStream, UnixStream},
    task::JoinHandle,
    time::{Duration, Instant, timeout},
};

use crate::{Broker, LaunchError};

/// How long a broker may take to accept a connection.
const CONNECT_S_MAX: u64 = 10;
/// A broker gives a new connection five seconds to shake hands. A keep that looked at its data for longer than this before
/// its first word gets a new one.
const FRESH_S_MAX: u64 = 2;

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
    let mut tcp = reach(&broker.address).await.map_err(refuse)?;
    let (keep, own) = BlockingStream::pair().map_err(LaunchError::Spawn)?;
    own.set_nonblocking(true).map_err(LaunchError::Spawn)?;
    let mut own = UnixStream::from_std(own).map_err(LaunchError::Spawn)?;
    let address = broker.address.clone();
    let relay = tokio::spawn(async move {
        if !is_in_time(&own, &tcp).await {
            drop(tcp);
            let Ok(again) = reach(&address).await else { return };
            tcp = again;
        }
        // Either end's failure ends the relay; the keep sees a closed socket and refuses by the owner's name.
        let _ended = copy_bidirectional(&mut own, &mut tcp).await;
    });
    Ok((Relay(relay), keep.into()))
}

/// Waits until either end speaks or hangs up. False where that is the keep, and so late that the broker has lost patience.
async fn is_in_time(keep: &UnixStream, broker: &TcpStream) -> bool {
    let opened = Instant::now();
    let is_fresh = || opened.elapsed() < Duration::from_secs(FRESH_S_MAX);
    let broker = async {
        let spoke = matches!(broker.peek(&mut [0]).await, Ok(1..));
        if !spoke && !is_fresh() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        () = broker => true,
        _ = keep.readable() => is_fresh(),
    }
}

async fn reach(address: &str) -> io::Result<TcpStream> {
    let connecting = timeout(Duration::from_secs(CONNECT_S_MAX), TcpStream::connect(address));
    let tcp = connecting.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt as _, net::TcpListener, time::advance};

    use super::*;

    /// Who says what after how many seconds; whether the connection is good then.
    #[tokio::test(start_paused = true)]
    async fn a_keep_that_comes_late_needs_a_new_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (crime, late_s, broker_says, broker_leaves, keep_says, good) in [
            ("keep_at_once", 0, false, false, true, true),
            ("keep_late", FRESH_S_MAX, false, false, true, false),
            ("keep_late_and_broker_gone", FRESH_S_MAX, false, true, true, false),
            ("broker_gone_at_once", 0, false, true, false, true),
            ("broker_speaks_late", FRESH_S_MAX, true, false, false, true),
        ] {
            let (tcp, broker) = (TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
            let (tcp, broker) = tokio::join!(tcp, broker);
            let (tcp, mut broker) = (tcp.unwrap(), Some(broker.unwrap().0));
            let (mut keep, own) = UnixStream::pair().unwrap();
            let later = async {
                tokio::task::yield_now().await;
                advance(Duration::from_secs(late_s)).await;
                if broker_says {
                    broker.as_mut().unwrap().write_all(b"x").await.unwrap();
                }
                if broker_leaves {
                    broker = None;
                }
                if keep_says {
                    keep.write_all(b"x").await.unwrap();
                }
            };
            let (in_time, ()) = tokio::join!(is_in_time(&own, &tcp), later);
            assert_eq!(in_time, good, "{crime}");
        }
    }
}
