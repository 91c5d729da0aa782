//! Any bytes from a server of MySQL are refused or are rows: every library comes once, in order, and no error holds the
//! password or what a terminal obeys.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixListener;
use std::sync::mpsc::{Sender, channel};

use seaf_migrate::conf::DatabaseConf;
use seaf_migrate::database::heads::Roots;
use seaf_migrate::database::parse;
use tempfile::TempDir;

/// A greeting without encryption, for an account with `mysql_native_password`.
pub const GREETING: &[u8] = b"\x0a8.0.36\0\x07\0\0\0ABCDEFGH\0\xff\xf7\x2d\x02\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0IJKLMNOPQRST\0mysql_native_password\0";
/// A yes.
pub const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];
/// Set in a packet's length: the packet is the first of an exchange.
pub const FIRST: u16 = 0x8000;

/// A server on a socket, which sends what it is given and listens until the client ends.
struct Server {
    conf: DatabaseConf,
    say: Sender<Vec<u8>>,
    _folder: TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).expect("a socket");
        let (say, said) = channel::<Vec<u8>>();
        // It ends with the first connection after the channel's end, or with the process.
        std::thread::spawn(move || {
            for bytes in said {
                let Ok((mut client, _)) = listener.accept() else { return };
                // A client that goes away in the middle is what this is about.
                let _ = client.write_all(&bytes);
                let _ = client.shutdown(Shutdown::Write);
                let _ = client.read_to_end(&mut Vec::new());
            }
        });
        let url = format!("mysql://seafile:TopSecret-42@localhost/seafile_db?socket={}", path.display());
        Self { conf: parse(&url).expect("a URL"), say, _folder: folder }
    }
}

thread_local! {
    static SERVER: Server = Server::start();
}

/// One run with the bytes of a fuzzer, or of a test: how they are sent, and what is sent.
pub fn run(data: &[u8]) {
    let Some((how, data)) = data.split_first() else { return };
    let bytes = match how % 3 {
        0 => data.to_vec(),
        1 => numbered(data, Vec::new(), 0),
        _ => {
            let login = [framed(0, GREETING), framed(2, OK), framed(1, OK), framed(1, OK)].concat();
            numbered(data, login, 1)
        }
    };
    let roots = SERVER.with(|server| {
        server.say.send(bytes).expect("the server is there");
        Roots::from_conf(&server.conf)
    });
    match roots {
        Ok(roots) => {
            assert!(roots.libraries.is_sorted_by(|a, b| a.id < b.id) && !roots.guessed);
            assert!(roots.libraries.iter().all(|library| library.heads.len() <= 1));
        }
        Err(error) => {
            let text = error.to_string();
            assert!(!text.contains("TopSecret") && !text.contains(char::is_control), "{text:?}");
            assert!(text.chars().count() < 2000, "{text}");
        }
    }
}

/// A packet with its header.
pub fn framed(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_le_bytes();
    [&[length[0], length[1], length[2], number], payload].concat()
}

/// Packets with the numbers that are their turn, behind `bytes`. Each has its length in front of it, [`FIRST`] set or not.
fn numbered(data: &[u8], bytes: Vec<u8>, number: u8) -> Vec<u8> {
    let (mut rest, mut bytes, mut number) = (data, bytes, number);
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = u16::from_le_bytes(*length);
        if length & FIRST != 0 {
            number = 1;
        }
        let (payload, after) = after.split_at(usize::from(length & !FIRST).min(after.len()));
        bytes.extend(framed(number, payload));
        // The client answers the greeting, and so takes a number.
        number = number.wrapping_add(if bytes.len() == payload.len() + 4 { 2 } else { 1 });
        rest = after;
    }
    bytes
}
