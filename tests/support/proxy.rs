//! A proxy that opens tunnels (CONNECT), all of them to one address, whatever name is asked for.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// The running proxy; it takes no more connections when dropped.
pub struct Tunnels {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Tunnels {
    /// A proxy before the server at `upstream` that wants this value of `Proxy-Authorization`, where one is given.
    pub fn start(upstream: &str, login: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (stopped, heard, upstream) = (stop.clone(), asked.clone(), upstream.to_owned());
        let login = login.map(|login| format!("proxy-authorization: {login}").to_lowercase());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let (heard, upstream, login) = (heard.clone(), upstream.clone(), login.clone());
                thread::spawn(move || tunnel(client, &upstream, login.as_deref(), &heard));
            }
        });
        Self { address, stop, asked }
    }

    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The first line of each connection.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Tunnels {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Wakes the accepting thread.
        let _ = TcpStream::connect(self.address);
    }
}

fn tunnel(client: TcpStream, upstream: &str, login: Option<&str>, heard: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut from_client = BufReader::new(client.try_clone()?);
    let lines: Vec<String> =
        from_client.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let first = lines.first().cloned().unwrap_or_default();
    heard.lock().unwrap().push(first.clone());
    let mut to_client = client;
    if login.is_some_and(|login| !lines.iter().any(|line| line.to_lowercase() == login)) {
        return to_client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    }
    if !first.starts_with("CONNECT ") {
        return to_client.write_all(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n");
    }
    let server = TcpStream::connect(upstream)?;
    to_client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut from_server, mut to_server) = (server.try_clone()?, server);
    thread::spawn(move || {
        let _ = io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(std::net::Shutdown::Both);
    });
    io::copy(&mut from_client, &mut to_server)?;
    to_server.shutdown(std::net::Shutdown::Write)
}
