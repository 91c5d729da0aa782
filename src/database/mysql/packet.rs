//! The packets of the MySQL protocol, and the connection that they travel on.
//!
//! Format: <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html>. Nothing that a server
//! sends is trusted: lengths are checked against what came, and memory is taken only for bytes that came.

use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};

/// A packet of this length is continued by the next one.
const FULL: usize = 0xff_ffff;
/// The longest packet to accept, in bytes: far above a row of Seafile's tables.
const LONGEST: usize = 64 << 20;

/// Why a server could not be talked to.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// The server says that something is wrong.
    #[error("the server says: {message} (error {code})")]
    Server {
        /// MySQL's number of the error.
        code: u16,
        /// What it says, made fit for a terminal.
        message: String,
    },
    /// What the server sent is not what its protocol has.
    #[error("what answers does not speak the protocol of MySQL: {0}")]
    Protocol(&'static str),
    /// It is not done, and why.
    #[error("{0}")]
    Refused(String),
}

/// The bytes of a connection.
pub(super) enum Stream {
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    Socket(UnixStream),
}

impl Stream {
    /// Sets how long to wait for the next bytes.
    fn set_patience(&self, patience: Duration) -> io::Result<()> {
        let (tcp, patience) = (
            match self {
                Self::Tcp(tcp) => tcp,
                Self::Tls(tls) => &tls.sock,
                Self::Socket(socket) => {
                    socket.set_read_timeout(Some(patience))?;
                    return socket.set_write_timeout(Some(patience));
                }
            },
            Some(patience),
        );
        tcp.set_read_timeout(patience)?;
        tcp.set_write_timeout(patience)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
            Self::Socket(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(buffer),
            Self::Tls(stream) => stream.write(buffer),
            Self::Socket(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
            Self::Socket(stream) => stream.flush(),
        }
    }
}

/// A connection that packets are sent and read on.
pub(super) struct Packets {
    stream: BufReader<Stream>,
    /// The number that the next packet has, whoever sends it.
    number: u8,
}

impl Packets {
    pub(super) fn new(stream: Stream, patience: Duration) -> io::Result<Self> {
        stream.set_patience(patience)?;
        Ok(Self { stream: BufReader::with_capacity(64 << 10, stream), number: 0 })
    }

    pub(super) fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.stream.get_ref().set_patience(patience)
    }

    /// The same connection, carried on by what `change` makes of the stream.
    pub(super) fn upgrade(self, change: impl FnOnce(Stream) -> Result<Stream, Fault>) -> Result<Self, Fault> {
        if !self.stream.buffer().is_empty() {
            // Whoever sits between could slip it in, and it would be taken for a part of what is encrypted.
            return Err(Fault::Protocol("it sent more than its greeting before the encryption began"));
        }
        let stream = change(self.stream.into_inner())?;
        Ok(Self { stream: BufReader::with_capacity(64 << 10, stream), number: self.number })
    }

    /// Begins a new exchange with a command.
    pub(super) fn command(&mut self, command: u8, text: &str) -> Result<(), Fault> {
        self.number = 0;
        self.send(&[&[command], text.as_bytes()].concat())
    }

    pub(super) fn send(&mut self, payload: &[u8]) -> Result<(), Fault> {
        if payload.len() >= FULL {
            return Err(Fault::Refused("user, password or database name is longer than any can be".to_owned()));
        }
        let length = u32::try_from(payload.len()).expect("shorter than 16 MiB").to_le_bytes();
        let header = [length[0], length[1], length[2], self.number];
        self.number = self.number.wrapping_add(1);
        let stream = self.stream.get_mut();
        stream.write_all(&[&header, payload].concat())?;
        Ok(stream.flush()?)
    }

    /// The next packet; an error when the server says that something is wrong. An empty packet is none.
    pub(super) fn read(&mut self) -> Result<Vec<u8>, Fault> {
        let mut payload = Vec::new();
        loop {
            let mut header = [0; 4];
            self.stream.read_exact(&mut header).map_err(closed)?;
            if header[3] != self.number {
                return Err(Fault::Protocol("a packet has not the number that is its turn"));
            }
            self.number = self.number.wrapping_add(1);
            let length = u32::from_le_bytes([header[0], header[1], header[2], 0]) as usize;
            if payload.len() + length > LONGEST {
                return Err(Fault::Protocol("a packet is longer than 64 MiB"));
            }
            let read = Read::by_ref(&mut self.stream).take(length as u64).read_to_end(&mut payload)?;
            if read < length {
                return Err(closed(io::ErrorKind::UnexpectedEof.into()));
            }
            if length < FULL {
                break;
            }
        }
        match payload.first() {
            None => Err(Fault::Protocol("a packet is empty")),
            Some(0xff) => Err(server_error(&payload)),
            Some(_) => Ok(payload),
        }
    }
}

fn closed(error: io::Error) -> Fault {
    Fault::Io(match error.kind() {
        io::ErrorKind::UnexpectedEof => io::Error::other("the server closed it"),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => io::Error::other("the server does not answer"),
        _ => error,
    })
}

/// How many characters of a server's message are shown.
const MESSAGE: usize = 300;

fn server_error(payload: &[u8]) -> Fault {
    let mut fields = Fields(&payload[1..]);
    let Some(code) = fields.u16() else { return Fault::Protocol("an error has no number") };
    // A `#` and five characters of the SQL state come first once the greeting is over.
    let text = if fields.0.first() == Some(&b'#') { fields.0.get(6..).unwrap_or_default() } else { fields.0 };
    Fault::Server { code, message: printable(&String::from_utf8_lossy(text), MESSAGE) }
}

/// Text of others as it may be shown on a terminal: no control characters, and not too long.
pub(super) fn printable(text: &str, longest: usize) -> String {
    let escape = |c: char| if matches!(c, '\'' | '"' | '\\') { c.to_string() } else { c.escape_debug().to_string() };
    let mut shown: String = text.chars().take(longest).map(escape).collect();
    if text.chars().nth(longest).is_some() {
        shown.push('…');
    }
    shown
}

/// What is left of a packet; every reading gives `None` when there is not enough.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.number(2).and_then(|number| u16::try_from(number).ok())
    }

    /// A number of up to eight bytes, the lowest first.
    fn number(&mut self, bytes: usize) -> Option<u64> {
        Some(self.bytes(bytes)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Text up to a zero byte; all that is left where there is none, as some servers end a packet.
    pub(super) fn until_zero(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == 0);
        let (text, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest.get(1..).unwrap_or_default();
        text
    }

    /// A number whose first byte says how long it is.
    pub(super) fn counted_number(&mut self) -> Option<u64> {
        match self.u8()? {
            small @ 0..=0xfa => Some(u64::from(small)),
            0xfc => self.number(2),
            0xfd => self.number(3),
            0xfe => self.number(8),
            _ => None,
        }
    }

    /// A cell of a row: `Some(None)` for NULL.
    pub(super) fn cell(&mut self) -> Option<Option<&'a [u8]>> {
        if self.0.first() == Some(&0xfb) {
            self.0 = &self.0[1..];
            return Some(None);
        }
        let length = usize::try_from(self.counted_number()?).ok()?;
        self.bytes(length).map(Some)
    }
}
