//! One connection, and the exchange of a request and its answer over it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use http::header::HOST;
use http::uri::{PathAndQuery, Uri};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::client::legacy::connect::Connection as _;
use tower_service::Service;

use super::body::Upload;
use super::connect::Connector;
use super::failure::Failure;
use super::host_header;
use super::way::Reached;

/// How many bytes wait in a connection to be sent or to be taken, at most: with hundreds of connections that is what memory goes
/// into.
const BUFFER: usize = 256 << 10;

type Stream = MaybeHttpsStream<Reached>;

/// A connection to a host, idle or at work.
pub(super) struct Wire {
    sender: SendRequest<Upload>,
    /// What moves the bytes; `None` once it has ended.
    connection: Option<Pin<Box<Connection<Stream, Upload>>>>,
    /// Whether it ends at a proxy that passes requests on, and so must be told the whole URL.
    forwards: bool,
}

impl Wire {
    /// A new connection to the host of `url`.
    pub(super) async fn open(connector: &Connector, url: &Uri) -> Result<Self, Failure> {
        let stream = connector.clone().call(url.clone()).await.map_err(|error| Failure::of_connecting(&*error))?;
        let forwards = stream.connected().is_proxied();
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(BUFFER)
            .handshake(stream)
            .await
            .map_err(|error| Failure::of_exchange(&error))?;
        Ok(Self { sender, connection: Some(Box::pin(connection)), forwards })
    }

    /// Sends the request and waits for the head of its answer. The body is read with [`Self::driving`].
    pub(super) async fn send(&mut self, mut request: Request<Upload>) -> Result<Response<Incoming>, Failure> {
        let host = (!request.headers().contains_key(HOST)).then(|| host_header(request.uri())).flatten();
        if let Some(host) = host {
            request.headers_mut().insert(HOST, host);
        }
        if !self.forwards {
            *request.uri_mut() = origin_form(request.uri());
        }
        let Self { sender, connection, .. } = self;
        let ready = driven(connection, sender.ready()).await;
        ready.map_err(|error| Failure::of_exchange(&error))?;
        driven(connection, sender.send_request(request)).await.map_err(|error| Failure::of_exchange(&error))
    }

    /// Runs `future`, which waits for what comes over this connection.
    pub(super) async fn driving<F: Future>(&mut self, future: F) -> F::Output {
        driven(&mut self.connection, future).await
    }

    /// Whether another request can be sent over it, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        self.connection.is_some() && !self.sender.is_closed()
    }
}

/// Runs `future` and moves the bytes of the connection meanwhile, all on this task.
async fn driven<F: Future>(connection: &mut Option<Pin<Box<Connection<Stream, Upload>>>>, future: F) -> F::Output {
    let mut future = pin!(future);
    std::future::poll_fn(|context: &mut Context<'_>| {
        // Twice, because what the one asks for the other has most of the time, and the loop need not be asked for that.
        for _ in 0..2 {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(output);
            }
            // How the connection ended is told to the future, too.
            if connection.as_mut().is_some_and(|moving| moving.as_mut().poll(context).is_ready()) {
                *connection = None;
            }
        }
        future.as_mut().poll(context)
    })
    .await
}

/// The path and the query alone, as a server is asked that is no proxy.
fn origin_form(url: &Uri) -> Uri {
    let path = url.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    Uri::from(path)
}
