//! From the names of hosts to their addresses.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

pub(super) type BoxError = Box<dyn Error + Send + Sync>;
pub(super) type BoxFuture<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// The system's resolver, but for `*.localhost`: that is this machine (RFC 6761, 6.3), though many
/// a resolver does not know. A bucket in front of `localhost` needs it.
#[derive(Clone)]
pub(super) struct Resolver(GaiResolver);

impl Resolver {
    pub(super) fn new() -> Self {
        Self(GaiResolver::new())
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<Self::Response, io::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        if name.as_str().ends_with(".localhost") {
            let here = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
            return Box::pin(async move { Ok(vec![here].into_iter()) });
        }
        let resolving = self.0.call(name.clone());
        Box::pin(async move {
            let found = resolving.await.map_err(|error| no_address(name.as_str(), &error))?;
            Ok(found.collect::<Vec<_>>().into_iter())
        })
    }
}

/// What the error of a name that was not resolved says of it.
pub(in crate::store) const NO_ADDRESS: &str = "no address is known of the host";

/// The error of a `host` that was not resolved, which the system's own does not name.
fn no_address(host: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{NO_ADDRESS} {host}: {error}"))
}
