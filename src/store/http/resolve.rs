//! From the names of hosts to their addresses.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use tokio::runtime::{Builder, Runtime};
use tower_service::Service;

pub(super) type BoxError = Box<dyn Error + Send + Sync>;
pub(super) type BoxFuture<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// The system's resolver, but for `*.localhost`: that is this machine (RFC 6761, 6.3), though many
/// a resolver does not know. A bucket in front of `localhost` needs it.
#[derive(Clone)]
pub(super) struct Resolver;

/// The threads that ask the system, which blocks while it asks others. They are for all event loops, because one for each
/// would double the threads while many connect.
static ASKING: LazyLock<io::Result<Runtime>> =
    LazyLock::new(|| Builder::new_current_thread().max_blocking_threads(THREADS).thread_name("resolver").build());

const THREADS: usize = 8;

async fn addresses_of(name: String) -> io::Result<std::vec::IntoIter<SocketAddr>> {
    let asking = ASKING.as_ref().map_err(|error| io::Error::new(error.kind(), error.to_string()))?;
    let asked = asking.spawn_blocking(move || (name.as_str(), 0).to_socket_addrs());
    asked.await.map_err(io::Error::other)?
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<Self::Response, io::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        if name.as_str().ends_with(".localhost") {
            let here = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
            return Box::pin(async move { Ok(vec![here].into_iter()) });
        }
        let asked = name.as_str().to_owned();
        Box::pin(async move { addresses_of(asked).await.map_err(|error| no_address(name.as_str(), &error)) })
    }
}

/// What the error of a name that was not resolved says of it.
pub(in crate::store) const NO_ADDRESS: &str = "no address is known of the host";

/// The error of a `host` that was not resolved, which the system's own does not name.
fn no_address(host: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{NO_ADDRESS} {host}: {error}"))
}
