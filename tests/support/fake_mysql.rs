//! A server that speaks as much of MySQL's protocol as a test wants, and notes all that it is told.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustls::{ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

/// The question of every greeting.
pub const QUESTION: &[u8; 20] = b"ABCDEFGHIJKLMNOPQRST";
/// A yes.
pub const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];
/// The end of columns and of rows.
pub const END: &[u8] = &[0xfe, 0, 0, 2, 0];

/// What a greeting offers beside what every server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    Clear,
    Tls,
}

pub fn greeting(offer: Offer, plugin: &str) -> Vec<u8> {
    let capabilities: u32 = 0x81ff_f7ff & !0x0800 | if offer == Offer::Tls { 0x0800 } else { 0 };
    let capabilities = capabilities.to_le_bytes();
    [
        b"\x0a8.0.36\0\x07\0\0\0",
        &QUESTION[..8],
        &[0],
        &capabilities[..2],
        &[0x2d, 2, 0],
        &capabilities[2..],
        &[21],
        &[0; 10],
        &QUESTION[8..],
        &[0],
        plugin.as_bytes(),
        &[0],
    ]
    .concat()
}

/// Whether the answer shows the password, as the server finds out that has only a digest of it.
pub fn is_right_answer(answer: &[u8], password: &[u8]) -> bool {
    let stored = Sha256::digest(Sha256::digest(password));
    let mask = Sha256::new().chain_update(stored).chain_update(QUESTION).finalize();
    let once: Vec<u8> = answer.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect();
    answer.len() == 32 && Sha256::digest(once) == stored
}

/// The answer in the client's response to a greeting.
pub fn answer_of(response: &[u8]) -> Vec<u8> {
    let rest = &response[32..];
    let user = rest.iter().position(|byte| *byte == 0).unwrap();
    assert_eq!(&rest[..user], b"seafile");
    let length = usize::from(rest[user + 1]);
    rest[user + 2..][..length].to_vec()
}

/// A packet with its header.
pub fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&[length[0], length[1], length[2], number], payload].concat()
}

pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// One connection, from the server's side.
pub struct Talk {
    stream: Option<Box<dyn Stream>>,
    /// All that the client sent, encrypted or not, as the server understands it.
    heard: Arc<Mutex<Vec<u8>>>,
    number: u8,
}

impl Talk {
    fn stream(&mut self) -> &mut dyn Stream {
        self.stream.as_mut().unwrap()
    }

    /// Sends a packet; a client that went away is none of the server's business.
    pub fn say(&mut self, payload: &[u8]) {
        let bytes = packet(self.number, payload);
        self.number = self.number.wrapping_add(1);
        let _ = self.raw(&bytes);
    }

    pub fn raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream().write_all(bytes)?;
        self.stream().flush()
    }

    /// The next packet; `None` when the client has ended.
    pub fn hear(&mut self) -> Option<Vec<u8>> {
        let mut header = [0; 4];
        self.stream().read_exact(&mut header).ok()?;
        let mut payload = vec![0; u32::from_le_bytes([header[0], header[1], header[2], 0]) as usize];
        self.stream().read_exact(&mut payload).ok()?;
        self.number = header[3].wrapping_add(1);
        self.heard.lock().unwrap().extend(&payload);
        Some(payload)
    }

    /// Goes on encrypted, with the certificate of tests/data/tls (localhost and 127.0.0.1).
    pub fn encrypt(mut self, tcp: TcpStream) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls");
        let certificate = CertificateDer::from_pem_file(format!("{folder}/server.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(format!("{folder}/server.key")).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let connection = ServerConnection::new(Arc::new(config)).unwrap();
        self.stream = Some(Box::new(StreamOwned::new(connection, tcp)));
        self
    }

    /// Says yes to every command until the client ends.
    pub fn agree(&mut self) {
        while self.hear().is_some() {
            self.say(OK);
        }
    }
}

/// The running server: one connection, and it ends.
pub struct FakeMysql {
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
    serving: JoinHandle<()>,
}

impl FakeMysql {
    /// Serves one connection with `serve`, which is given the connection and a second handle of its socket.
    pub fn start(serve: impl FnOnce(Talk, TcpStream) + Send + 'static) -> Self {
        Self::start_at("127.0.0.1:0", serve)
    }

    pub fn start_at(address: &str, serve: impl FnOnce(Talk, TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let noted = heard.clone();
        let serving = std::thread::spawn(move || {
            let (tcp, _) = listener.accept().unwrap();
            let stream: Box<dyn Stream> = Box::new(tcp.try_clone().unwrap());
            serve(Talk { stream: Some(stream), heard: noted, number: 0 }, tcp);
        });
        Self { address, heard, serving }
    }

    /// What `--db` takes; `options` are what follows the `?`.
    pub fn url(&self, options: &str) -> String {
        format!("mysql://seafile:TopSecret-42@{}/seafile_db?{options}", self.address)
    }

    /// Waits for the end of the connection, and gives all that was heard on it.
    pub fn heard(self) -> Vec<u8> {
        self.serving.join().unwrap();
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}
