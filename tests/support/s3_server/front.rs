//! The layer in front of the server that makes requests fail.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use s3s::service::S3Service;
use s3s::{Body, HttpResponse};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;

use super::faults::{Decision, Faults, WrongGet, WrongList};

/// Serves every connection until the runtime ends.
pub(super) async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, service: S3Service, faults: Arc<Faults>) {
    while let Ok((stream, _)) = listener.accept().await {
        // Otherwise a small answer in two pieces waits for the client's delayed acknowledgement.
        stream.set_nodelay(true).unwrap();
        let (service, faults, tls) = (service.clone(), Arc::clone(&faults), tls.clone());
        tokio::spawn(async move {
            let reset = Arc::new(AtomicBool::new(false));
            let socket = Socket { stream, reset: Arc::clone(&reset) };
            match tls {
                None => connection(socket, service, faults, reset).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(socket).await {
                        connection(stream, service, faults, reset).await;
                    }
                }
            }
        });
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    service: S3Service,
    faults: Arc<Faults>,
    reset: Arc<AtomicBool>,
) {
    let serve = hyper::service::service_fn(move |request| {
        let (service, faults, reset) = (service.clone(), Arc::clone(&faults), Arc::clone(&reset));
        async move { answer(&service, &faults, &reset, request).await }
    });
    // A connection that breaks is what the tests are about.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), serve).await;
}

/// The answer, or an error that makes hyper drop the connection.
async fn answer(
    service: &S3Service,
    faults: &Faults,
    reset: &AtomicBool,
    request: Request<Incoming>,
) -> Result<HttpResponse, io::Error> {
    let decide = faults.meet(&method(&request));
    tokio::time::sleep(faults.delay_time()).await;
    match decide {
        Decision::Reset => {
            reset.store(true, SeqCst);
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Decision::Status(status, wait) => {
            // Taken in whole, so that the connection can be used on.
            let _ = request.into_body().collect().await;
            return Ok(error(status, wait));
        }
        _ => {}
    }
    let wrong = faults.wrong_get(&method(&request), request.uri().path());
    let is_even = request.uri().path().ends_with(['0', '2', '4', '6', '8']);
    let wrong_list = if method(&request) == "LIST" { faults.wrong_list() } else { None };
    let answer = service.call(request.map(Body::from)).await.map_err(|error| io::Error::other(format!("{error:?}")))?;
    match decide {
        Decision::LoseAnswer => {
            reset.store(true, SeqCst);
            Err(io::ErrorKind::ConnectionReset.into())
        }
        Decision::CutBody => cut(answer).await,
        Decision::ResetBody => {
            reset.store(true, SeqCst);
            cut(answer).await
        }
        _ => match (wrong, wrong_list) {
            (Some(wrong), _) if answer.status().is_success() => wrongly(answer, wrong, is_even).await,
            (_, Some(wrong)) => listed_wrongly(answer, wrong).await,
            _ => Ok(answer),
        },
    }
}

/// The same answer with another body.
async fn listed_wrongly(answer: HttpResponse, wrong: WrongList) -> Result<HttpResponse, io::Error> {
    let (mut head, body) = answer.into_parts();
    let whole = body.collect().await.map_err(|error| io::Error::other(error.to_string()))?.to_bytes();
    let body = wrong.of(std::str::from_utf8(&whole).unwrap());
    head.headers.insert("content-length", body.len().into());
    Ok(Response::from_parts(head, Body::from(Bytes::from(body))))
}

/// The same answer with something else in place of the object, whose name ends in an even digit or not.
async fn wrongly(answer: HttpResponse, wrong: WrongGet, is_even: bool) -> Result<HttpResponse, io::Error> {
    let (mut head, body) = answer.into_parts();
    let whole = body.collect().await.map_err(|error| io::Error::other(error.to_string()))?.to_bytes();
    let body = match wrong {
        WrongGet::Zeros => vec![0; whole.len()],
        WrongGet::Half => whole[..whole.len() / 2].to_vec(),
        WrongGet::OtherEachTime => (0..whole.len()).map(|_| fastrand::u8(..)).collect(),
        WrongGet::Page => {
            head.headers.insert("content-type", "text/html".parse().unwrap());
            b"<html><title>We are back soon</title></html>".to_vec()
        }
        WrongGet::NotFound => {
            head.status = 404.try_into().unwrap();
            head.headers.clear();
            b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>".to_vec()
        }
        WrongGet::Archived => {
            head.status = 403.try_into().unwrap();
            head.headers.clear();
            let class = if is_even { "GLACIER" } else { "DEEP_ARCHIVE" };
            let message = "The operation is not valid for the object's storage class";
            format!(
                "<Error><Code>InvalidObjectState</Code><Message>{message}</Message><StorageClass>{class}</StorageClass></Error>"
            )
            .into_bytes()
        }
    };
    head.headers.insert("content-length", body.len().into());
    Ok(Response::from_parts(head, Body::from(Bytes::from(body))))
}

/// The method, or `LIST` for a GET of a bucket; our listings always say how many names they take.
fn method(request: &Request<Incoming>) -> String {
    let is_list = request.method() == "GET" && request.uri().query().is_some_and(|query| query.contains("max-keys="));
    if is_list { "LIST".to_owned() } else { request.method().to_string() }
}

fn error(status: u16, wait: Option<u32>) -> HttpResponse {
    let (code, message) = match status {
        503 => ("SlowDown", "Please reduce your request rate."),
        _ => ("InternalError", "We encountered an internal error. Please try again."),
    };
    let xml = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let mut answer = Response::builder().status(status).header("x-amz-request-id", "fault-0001");
    if let Some(wait) = wait {
        answer = answer.header("retry-after", wait);
    }
    answer.body(Body::from(xml)).unwrap()
}

async fn cut(answer: HttpResponse) -> Result<HttpResponse, io::Error> {
    let (mut head, body) = answer.into_parts();
    let whole = body.collect().await.map_err(|error| io::Error::other(error.to_string()))?.to_bytes();
    if whole.is_empty() {
        return Ok(Response::from_parts(head, Body::empty()));
    }
    head.headers.insert("content-length", whole.len().into());
    let half = Half { data: Some(whole.slice(..whole.len() / 2)), pause: None };
    Ok(Response::from_parts(head, Body::http_body_unsync(half)))
}

/// Half of a body, a pause in which it is sent, and an error that ends the connection.
struct Half {
    data: Option<Bytes>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for Half {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(Duration::from_millis(20))));
        ready!(pause.as_mut().poll(cx));
        Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())))
    }
}

/// A socket that can end with a reset instead of a farewell.
struct Socket {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.reset.load(SeqCst) {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
