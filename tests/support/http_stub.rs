//! A small HTTP/1.1 server for tests: one thread a connection, a closure that answers, and answers
//! that are wrong on purpose (cut short, never sent, sent slowly).

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What a client sent.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// The path as sent, still percent-encoded.
    pub path: String,
    /// The query as sent, without the question mark.
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str())
    }

    /// The decoded value of a query parameter.
    pub fn param(&self, name: &str) -> Option<String> {
        self.params().into_iter().find(|(held, _)| held == name).map(|(_, value)| value)
    }

    /// The decoded query parameters.
    pub fn params(&self) -> Vec<(String, String)> {
        // A plus sign is a space in a query, unlike in a path.
        let decode = |text: &str| {
            let text = text.replace('+', " ");
            percent_encoding::percent_decode_str(&text).decode_utf8().unwrap().into_owned()
        };
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(name), decode(value))
            })
            .collect()
    }

    /// The decoded path.
    pub fn decoded_path(&self) -> String {
        percent_encoding::percent_decode_str(&self.path).decode_utf8().unwrap().into_owned()
    }
}

/// What to answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub fault: Fault,
}

/// How to answer it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// As it should be.
    #[default]
    None,
    /// The head and only so many bytes of the body, then the connection ends.
    CutBody(usize),
    /// No answer: the connection ends.
    Hangup,
    /// No answer and no end until the client has had enough.
    Silence,
    /// The head and so many bytes of the body, then nothing more.
    Stall(usize),
    /// The body without its length, its end marked by the end of the connection.
    NoLength,
    /// These bytes instead of an answer.
    Raw(Vec<u8>),
    /// The head, and then the body again and again until the client has had enough.
    Endless,
    /// A byte of the body every so many milliseconds.
    Drip(u64),
    /// A proper answer, and then the connection ends without having said so.
    CloseAfter,
}

impl Reply {
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), fault: Fault::None }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub fn fault(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self
    }
}

type Handler = dyn Fn(&Asked) -> Reply + Send + Sync;

/// The running server; it ends when dropped.
pub struct Stub {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
    accepting: Option<thread::JoinHandle<()>>,
}

impl Stub {
    /// Serves http on a free port of this machine.
    pub fn start(handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(handler, None)
    }

    /// Serves https with the certificate of tests/data/tls (localhost, 127.0.0.1, *.oss.localhost).
    pub fn start_tls(handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_tls_as("server", handler)
    }

    /// Serves https with the certificate and key of this name in tests/data/tls.
    pub fn start_tls_as(name: &str, handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls");
        let certificate = CertificateDer::from_pem_file(format!("{folder}/{name}.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(format!("{folder}/{name}.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Self::serve(handler, Some(Arc::new(config)))
    }

    fn serve(
        handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, connections) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stopped, opened, handler) = (stop.clone(), connections.clone(), Arc::new(handler) as Arc<Handler>);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                opened.fetch_add(1, Ordering::AcqRel);
                let (handler, stopped, tls) = (handler.clone(), stopped.clone(), tls.clone());
                thread::spawn(move || {
                    // A client that goes away in the middle is what many tests are about.
                    let _ = connection(stream, tls, &*handler, &stopped);
                });
            }
        });
        Self { address, stop, connections, accepting: Some(accepting) }
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections were opened to it.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Acquire)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Wakes the accepting thread.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn connection(
    tcp: TcpStream,
    tls: Option<Arc<rustls::ServerConfig>>,
    handler: &Handler,
    stop: &AtomicBool,
) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    // So that a connection kept by a client does not outlive the server for long.
    tcp.set_read_timeout(Some(Duration::from_millis(100)))?;
    match tls {
        None => exchange(tcp, handler, stop),
        Some(config) => {
            let session = rustls::ServerConnection::new(config).map_err(io::Error::other)?;
            exchange(rustls::StreamOwned::new(session, tcp), handler, stop)
        }
    }
}

fn exchange(stream: impl Read + Write, handler: &Handler, stop: &AtomicBool) -> io::Result<()> {
    let mut stream = BufReader::new(Patient { stream, stop });
    while let Some(asked) = read_request(&mut stream)? {
        let reply = handler(&asked);
        if !send(&mut stream, &asked, reply)? {
            return Ok(());
        }
    }
    Ok(())
}

/// Reads on after the short timeouts of the socket, until the server stops.
struct Patient<'a, S> {
    stream: S,
    stop: &'a AtomicBool,
}

impl<S: Read> Read for Patient<'_, S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.stream.read(into) {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    if self.stop.load(Ordering::Acquire) {
                        return Ok(0);
                    }
                }
                other => return other,
            }
        }
    }
}

fn read_request(stream: &mut impl BufRead) -> io::Result<Option<Asked>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut asked = Asked {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        asked.headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    if asked.header("transfer-encoding") == Some("chunked") {
        asked.body = read_chunks(stream)?;
        return Ok(Some(asked));
    }
    let length: usize = asked.header("content-length").map_or(0, |text| text.parse().unwrap());
    asked.body = vec![0; length];
    stream.read_exact(&mut asked.body)?;
    Ok(Some(asked))
}

fn read_chunks(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk)?;
        if size == 0 {
            return Ok(body);
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

/// Sends the answer; returns whether the connection goes on.
fn send<S: Read + Write>(stream: &mut BufReader<Patient<'_, S>>, asked: &Asked, reply: Reply) -> io::Result<bool> {
    let mut head = format!("HTTP/1.1 {} Status\r\n", reply.status);
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let has_length = reply.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    if !has_length && !matches!(reply.fault, Fault::NoLength | Fault::Endless) && reply.status != 204 {
        head += &format!("Content-Length: {}\r\n", reply.body.len());
    }
    head += "\r\n";
    let body: &[u8] = if asked.method == "HEAD" { &[] } else { &reply.body };
    let sent = match &reply.fault {
        Fault::Hangup => return Ok(false),
        Fault::Silence => Vec::new(),
        Fault::Drip(_) => head.clone().into_bytes(),
        Fault::Raw(bytes) => bytes.clone(),
        Fault::CutBody(length) | Fault::Stall(length) => [head.as_bytes(), &body[..*length]].concat(),
        Fault::None | Fault::NoLength | Fault::Endless | Fault::CloseAfter => [head.as_bytes(), body].concat(),
    };
    let writer = &mut stream.get_mut().stream;
    writer.write_all(&sent)?;
    writer.flush()?;
    if let Fault::Drip(milliseconds) = reply.fault {
        for byte in body {
            writer.write_all(&[*byte])?;
            writer.flush()?;
            thread::sleep(Duration::from_millis(milliseconds));
        }
    }
    if reply.fault == Fault::Endless {
        loop {
            writer.write_all(&reply.body)?;
        }
    }
    if matches!(reply.fault, Fault::Silence | Fault::Stall(_)) {
        // Until the client hangs up.
        let mut byte = [0];
        while stream.read(&mut byte)? > 0 {}
    }
    Ok(reply.fault == Fault::None)
}
