//! The way to a host: directly, or through a proxy.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use http::uri::Scheme;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

use super::proxy::Proxies;
use super::resolve::{BoxError, BoxFuture, Resolver};

/// Opens connections to hosts, on which TLS may then be spoken.
#[derive(Clone)]
pub(super) struct Way {
    tcp: HttpConnector<Resolver>,
    /// Opens those to proxies, which may speak TLS themselves.
    to_proxy: HttpsConnector<HttpConnector<Resolver>>,
    proxies: Proxies,
}

impl Way {
    pub(super) fn new(tcp: HttpConnector<Resolver>, tls: ClientConfig, proxies: Proxies) -> Self {
        let to_proxy = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp.clone());
        Self { tcp, to_proxy, proxies }
    }
}

impl Service<Uri> for Way {
    type Response = Reached;
    type Error = BoxError;
    type Future = BoxFuture<Reached, BoxError>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.of(&target) else {
            let direct = self.tcp.call(target);
            return Box::pin(
                async move { Ok(Reached { stream: MaybeHttpsStream::Http(direct.await?), forwards: false }) },
            );
        };
        if target.scheme() == Some(&Scheme::HTTPS) {
            let tunnel = Tunnel::new(proxy.uri().clone(), self.to_proxy.clone());
            let mut tunnel = match proxy.login() {
                Some(login) => tunnel.with_auth(login.clone()),
                None => tunnel,
            };
            let through = tunnel.call(target);
            return Box::pin(async move { Ok(Reached { stream: through.await?, forwards: false }) });
        }
        let to_proxy = self.to_proxy.call(proxy.uri().clone());
        Box::pin(async move { Ok(Reached { stream: to_proxy.await?, forwards: true }) })
    }
}

/// A connection on which the host is reached.
pub(super) struct Reached {
    stream: MaybeHttpsStream<TokioIo<TcpStream>>,
    /// Whether it ends at a proxy that passes requests on, and so must be told the whole URL.
    forwards: bool,
}

impl Connection for Reached {
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.forwards)
    }
}

impl Read for Reached {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl Write for Reached {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, data)
    }
}
