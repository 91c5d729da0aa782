//! What `benches/run.sh` needs beside the program: objects to copy, and a server to copy them to.
//!
//! `bench_tools generate DIR N [MIN MAX]` makes a Seafile store of N objects of MIN to MAX bytes (0.2-4 KB) in DIR;
//! `bench_tools serve DIR` serves the folders in DIR as S3 buckets, prints host:port, and runs until killed;
//! `bench_tools sink [MILLISECONDS]` does so from memory, checks nothing and costs nearly nothing; each answer takes so long.
#![allow(missing_docs, clippy::print_stdout, reason = "a tool speaks to a script")]

#[path = "../tests/support/library.rs"]
mod library;
#[path = "../tests/support/s3_server.rs"]
mod s3_server;
#[path = "../benches/support/sink.rs"]
mod sink;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use s3_server::S3Server;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["generate", dir, count, ref sizes @ ..] => {
            let count = count.parse().context("N is a number of objects")?;
            let (min, max) = match sizes {
                [] => (200, 4000),
                [min, max] => (min.parse()?, max.parse()?),
                _ => bail!("MIN and MAX are two numbers of bytes"),
            };
            let bytes = library::bulk::bulk_to_dir(Path::new(dir), 1, count, min..=max);
            println!("{count} objects, {bytes} bytes");
            Ok(())
        }
        ["serve", dir] => {
            let server = S3Server::start(Path::new(dir), "ACCESSKEY", "SECRETKEY");
            println!("{}", server.endpoint());
            loop {
                std::thread::park();
            }
        }
        ["sink", ref delay @ ..] => {
            let delay = delay.first().map_or(Ok(0), |delay| delay.parse()).context("the delay is in milliseconds")?;
            println!("{}", sink::start(Duration::from_millis(delay)));
            loop {
                std::thread::park();
            }
        }
        _ => bail!("usage: bench_tools generate DIR N [MIN MAX] | serve DIR | sink [MILLISECONDS]"),
    }
}
