//! What `benches/run.sh` needs beside the program: objects to copy, and a server to copy them to.
//!
//! `bench_tools generate DIR N [MIN MAX]` makes a Seafile store of N objects of MIN to MAX bytes (0.2-4 KB; fs objects and
//! commits of no more than 4,000) in DIR;
//! `bench_tools blocks DIR N MIN MAX` makes one of N blocks of MIN to MAX bytes, `bench_tools mixed DIR N` one with sizes as in a
//! real store; another SEED in the environment than 1 makes other objects;
//! `bench_tools serve DIR` serves the folders in DIR as S3 buckets, prints host:port, and runs until killed;
//! `bench_tools sink [MILLISECONDS]` does so from memory, checks nothing and costs nearly nothing; each answer takes so long.
//! `bench_tools forget` is a sink that keeps of each object its length and its name alone.
#![allow(missing_docs, clippy::print_stdout, reason = "a tool speaks to a script")]

#[path = "../tests/support/library.rs"]
mod library;
#[path = "../tests/support/s3_server.rs"]
mod s3_server;
#[path = "../benches/support/sink.rs"]
mod sink;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use library::bulk::Sizes;
use s3_server::S3Server;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["generate", dir, count] => generate(dir, count, (200..=4000).into()),
        ["generate", dir, count, min, max] => generate(dir, count, (bytes(min)?..=bytes(max)?).into()),
        ["blocks", dir, count, min, max] => generate(dir, count, Sizes::Blocks(bytes(min)?..=bytes(max)?)),
        ["mixed", dir, count] => generate(dir, count, Sizes::Mixed),
        ["serve", dir] => {
            let server = S3Server::start(Path::new(dir), "ACCESSKEY", "SECRETKEY");
            println!("{}", server.endpoint());
            loop {
                std::thread::park();
            }
        }
        ["sink", ref delay @ ..] => {
            let delay = delay.first().map_or(Ok(0), |delay| delay.parse()).context("the delay is in milliseconds")?;
            serve_for_ever(sink::start(Duration::from_millis(delay), sink::Keeps::Everything))
        }
        ["forget"] => serve_for_ever(sink::start(Duration::ZERO, sink::Keeps::Names)),
        _ => bail!(
            "usage: bench_tools generate DIR N [MIN MAX] | blocks DIR N MIN MAX | mixed DIR N | serve DIR | sink \
             [MILLISECONDS] | forget"
        ),
    }
}

fn bytes(text: &str) -> anyhow::Result<usize> {
    text.parse().context("MIN and MAX are two numbers of bytes")
}

fn generate(dir: &str, count: &str, sizes: Sizes) -> anyhow::Result<()> {
    let count = count.parse().context("N is a number of objects")?;
    let seed = std::env::var("SEED").map_or(Ok(1), |seed| seed.parse()).context("SEED is a number")?;
    let bytes = library::bulk::bulk_to_dir(Path::new(dir), seed, count, sizes);
    println!("{count} objects, {bytes} bytes");
    Ok(())
}

fn serve_for_ever(address: SocketAddr) -> ! {
    println!("{address}");
    loop {
        std::thread::park();
    }
}
