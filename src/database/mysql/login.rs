//! The greeting of a server, the encryption, and the proof that we know the password.
//!
//! Format: <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html>. Of the ways to log
//! in those are known that Seafile's accounts have: `mysql_native_password` and `caching_sha2_password`, both of which
//! answer a question of the server's with a digest. When the server then asks for the password itself, it is told only
//! if [`Privacy::tell_password`] says so; a key that the server sends to encrypt it with proves nothing, and is not
//! asked for.

use sha1::Sha1;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::packet::{Fault, Fields, Packets, Stream, printable};
use super::tls::{self, Privacy};
use crate::conf::{MysqlConf, MysqlServer};

/// What the server can do, and what we ask for; `CLIENT_*` in MySQL's headers.
mod capability {
    pub(super) const LONG_PASSWORD: u32 = 1;
    pub(super) const CONNECT_WITH_DB: u32 = 1 << 3;
    pub(super) const PROTOCOL_41: u32 = 1 << 9;
    pub(super) const SSL: u32 = 1 << 11;
    pub(super) const TRANSACTIONS: u32 = 1 << 13;
    pub(super) const SECURE_CONNECTION: u32 = 1 << 15;
    pub(super) const PLUGIN_AUTH: u32 = 1 << 19;
}

/// What a server must be able to do: every one since MySQL 5.5 and MariaDB 5.5 is.
const NEEDED: u32 = capability::PROTOCOL_41 | capability::SECURE_CONNECTION | capability::PLUGIN_AUTH;
/// `utf8mb4_general_ci`, so that names come as UTF-8.
const COLLATION: u8 = 45;
/// How many bytes of the question are used.
const QUESTION: usize = 20;
/// How many packets a server may send until it has decided.
const ROUNDS: usize = 8;

/// How an account proves that it knows its password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Native,
    CachingSha2,
}

impl Method {
    fn of(name: &[u8]) -> Option<Self> {
        match name {
            b"mysql_native_password" => Some(Self::Native),
            b"caching_sha2_password" => Some(Self::CachingSha2),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Native => "mysql_native_password",
            Self::CachingSha2 => "caching_sha2_password",
        }
    }

    /// The answer to the server's question; empty for no password.
    fn answer(self, password: &str, question: &[u8]) -> Vec<u8> {
        fn of<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
            parts.iter().fold(D::new(), |digest, part| digest.chain_update(part)).finalize().to_vec()
        }
        if password.is_empty() {
            return Vec::new();
        }
        let (once, mask) = match self {
            Self::Native => {
                let once = of::<Sha1>(&[password.as_bytes()]);
                let mask = of::<Sha1>(&[question, &of::<Sha1>(&[&once])]);
                (once, mask)
            }
            Self::CachingSha2 => {
                let once = of::<Sha256>(&[password.as_bytes()]);
                let mask = of::<Sha256>(&[&of::<Sha256>(&[&once]), question]);
                (once, mask)
            }
        };
        once.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect()
    }
}

/// What a server says first.
struct Greeting {
    capabilities: u32,
    question: Vec<u8>,
    method: Option<Method>,
}

impl Greeting {
    fn parse(packet: &[u8]) -> Result<Self, Fault> {
        let mut fields = Fields(packet);
        if fields.u8() != Some(10) {
            return Err(Fault::Protocol("its greeting is of no version that is known"));
        }
        let short = || Fault::Protocol("its greeting is too short");
        let _version = fields.until_zero();
        let _connection = fields.bytes(4).ok_or_else(short)?;
        let mut question = fields.bytes(8).ok_or_else(short)?.to_vec();
        let _filler = fields.u8().ok_or_else(short)?;
        let low = fields.u16().ok_or_else(short)?;
        let _collation_and_status = fields.bytes(3).ok_or_else(short)?;
        let capabilities = u32::from(low) | u32::from(fields.u16().ok_or_else(short)?) << 16;
        let length = usize::from(fields.u8().ok_or_else(short)?);
        let _reserved = fields.bytes(10).ok_or_else(short)?;
        question.extend(fields.bytes(length.saturating_sub(8).max(13)).ok_or_else(short)?);
        question.truncate(QUESTION);
        Ok(Self { capabilities, question, method: Method::of(fields.until_zero()) })
    }
}

/// Logs in on a new connection.
pub(super) fn login(packets: Packets, conf: &MysqlConf, user: &str, privacy: Privacy) -> Result<Packets, Fault> {
    let mut packets = packets;
    let greeting = Greeting::parse(&packets.read()?)?;
    if greeting.capabilities & NEEDED != NEEDED {
        return Err(Fault::Refused("the server is older than MySQL 5.5".to_owned()));
    }
    if [user, &conf.db_name].iter().any(|text| text.contains('\0')) {
        return Err(Fault::Refused("user and database name cannot hold a zero byte".to_owned()));
    }
    let mut capabilities = NEEDED | capability::LONG_PASSWORD | capability::CONNECT_WITH_DB | capability::TRANSACTIONS;
    if let (Some(proof), MysqlServer::Tcp { host, .. }) = (privacy.encryption, &conf.server) {
        if greeting.capabilities & capability::SSL == 0 {
            return Err(Fault::Refused(NO_TLS.to_owned()));
        }
        capabilities |= capability::SSL;
        packets.send(&client_head(capabilities))?;
        packets = packets.upgrade(|stream| match stream {
            Stream::Tcp(tcp) => tls::encrypt(tcp, host, proof, conf.tls.ca.as_deref()),
            other => Ok(other),
        })?;
    }
    // An account with another method is told of in the server's next packet.
    let method = greeting.method.unwrap_or(Method::Native);
    let answer = method.answer(conf.password.expose(), &greeting.question);
    let mut response = client_head(capabilities);
    response.extend(user.bytes().chain([0]));
    response.push(u8::try_from(answer.len()).expect("an answer has 0, 20 or 32 bytes"));
    response.extend(answer);
    response.extend(conf.db_name.bytes().chain([0]).chain(method.name().bytes()).chain([0]));
    packets.send(&response)?;
    finish(&mut packets, conf, method, privacy)?;
    Ok(packets)
}

const NO_TLS: &str = "the server offers no encryption, and without it all could be heard and changed on the way: let it \
                      have TLS, or say that the network is safe (use_ssl = false in [database], or ?ssl-mode=DISABLED \
                      behind the URL)";

/// The beginning of our response, and all of the wish for encryption.
fn client_head(capabilities: u32) -> Vec<u8> {
    const LONGEST_PACKET: u32 = 16 << 20;
    let numbers = [capabilities.to_le_bytes(), LONGEST_PACKET.to_le_bytes()].concat();
    [&numbers[..], &[COLLATION], &[0; 23]].concat()
}

/// Goes on until the server says yes or no.
fn finish(packets: &mut Packets, conf: &MysqlConf, method: Method, privacy: Privacy) -> Result<(), Fault> {
    let mut method = method;
    for _ in 0..ROUNDS {
        let packet = packets.read()?;
        let mut fields = Fields(&packet[1..]);
        match packet[0] {
            0x00 => return Ok(()),
            // Another method.
            0xfe => {
                let name = fields.until_zero();
                method = Method::of(name).ok_or_else(|| unknown_method(name))?;
                let question = fields.0.get(..QUESTION).ok_or(Fault::Protocol("its question is too short"))?;
                packets.send(&method.answer(conf.password.expose(), question))?;
            }
            // The answer was right.
            0x01 if method == Method::CachingSha2 && fields.0 == [3] => {}
            // The server does not remember the account, and asks for the password itself.
            0x01 if method == Method::CachingSha2 && fields.0 == [4] => {
                if !privacy.tell_password {
                    return Err(Fault::Refused(NOT_TOLD.to_owned()));
                }
                packets.send(&Zeroizing::new([conf.password.expose().as_bytes(), &[0]].concat()))?;
            }
            _ => return Err(Fault::Protocol("its answer to the login is none")),
        }
    }
    Err(Fault::Protocol("it does not come to an end with the login"))
}

const NOT_TOLD: &str = "the server asks for the password itself, which is not told to whoever answers. Have it prove who \
                        it is (use_ssl and ca_path in [database], or ?ssl-mode=VERIFY_IDENTITY&ssl-ca=FILE behind the \
                        URL), use its socket (unix_socket, or ?socket=FILE), or say ?ssl-mode=REQUIRED to tell it to \
                        whoever answers";

fn unknown_method(name: &[u8]) -> Fault {
    let name = printable(&String::from_utf8_lossy(name), 40);
    Fault::Refused(format!(
        "the account logs in by {name:?}, which this program does not know: give it mysql_native_password or \
         caching_sha2_password"
    ))
}
