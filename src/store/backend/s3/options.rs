//! How a store talks to its server.

use std::time::Duration;

use crate::store::http::proxy::Proxies;

/// How the connections of a store are held.
#[derive(Clone, Debug)]
pub struct S3Options {
    /// How many idle connections are kept for the next request; as many as there are threads that
    /// call the store.
    pub connections: usize,
    /// How long a connection may take to be made, TLS included.
    pub connect_timeout: Duration,
    /// How long the server may take to begin its answer, and to send the next piece of it. A write
    /// gets more: the time that its body takes at 32 KiB/s.
    pub read_timeout: Duration,
    /// The proxies to go through.
    pub proxies: Proxies,
}

impl Default for S3Options {
    fn default() -> Self {
        Self {
            connections: 64,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(60),
            proxies: Proxies::default(),
        }
    }
}
