//! Moves a real Seafile store from a folder to S3 and back, and compares.
//!
//! The S3 server runs inside this program on a free port of this machine and checks signatures like
//! any other, so nothing needs to be installed: `cargo run --profile trial --features s3-server --bin fs_to_s3`
#![allow(missing_docs, clippy::print_stdout, reason = "an example speaks to a person")]

#[path = "../tests/support/s3_server.rs"]
mod s3_server;

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::ensure;
use s3_server::S3Server;
use seaf_migrate::commands::demo;
use seaf_migrate::commands::run;
use seaf_migrate::commands::run::outcome::RunOutcome;
use seaf_migrate::report::Console;
use seaf_migrate::sys::shutdown::Shutdown;

const SECTIONS: [(&str, &str); 3] =
    [("commit_object_backend", "commits"), ("fs_object_backend", "fs"), ("block_backend", "blocks")];

fn main() -> anyhow::Result<()> {
    let began = Instant::now();
    let scratch = tempfile::Builder::new().prefix("seaf-migrate-example-").tempdir()?;
    let at = |name: &str| scratch.path().join(name);
    for dir in
        ["old", "s3", "back", "back/data", "buckets/seafile-commits", "buckets/seafile-fs", "buckets/seafile-blocks"]
    {
        fs::create_dir_all(at(dir))?;
    }
    let data = demo::unpack_sample(&at("old"))?;
    let server = S3Server::start(&at("buckets"), "ACCESSKEY", "SECRETKEY");
    let s3 = |bucket: &str| {
        let host = server.endpoint();
        format!(
            "name = s3\nbucket = seafile-{bucket}\nkey_id = ACCESSKEY\nkey = SECRETKEY\nhost = {host}\n\
             use_v4_signature = true\naws_region = us-east-1\npath_style_request = true\n"
        )
    };
    let back = at("back/data").display().to_string();
    write_conf(&at("old"), |_| String::from("name = fs\n"))?;
    write_conf(&at("s3"), s3)?;
    write_conf(&at("back"), |_| format!("name = fs\ndir = {back}\n"))?;

    println!("A store written by real Seafile servers moves from a folder to S3 and back.");
    let copied = pass("1. folder -> S3", &at("old"), &at("s3"), &data)?;
    let again = pass("2. folder -> S3 again, which finds nothing to do", &at("old"), &at("s3"), &data)?;
    ensure!(again == 0, "the second pass copied {again} objects that were there already");
    let returned = pass("3. S3 -> another folder", &at("s3"), &at("back"), &data)?;
    ensure!(copied == returned, "{copied} objects went to S3 and {returned} came back");

    let (here, there) = (demo::files_below(&data.join("storage"))?, demo::files_below(&at("back/data/storage"))?);
    ensure!(here == there, "the folder that came back differs from the one that left");
    ensure!(here.len() as u64 == copied, "{copied} objects were copied, but the folder holds {} files", here.len());
    println!(
        "\nDone in {:.1} s: {copied} objects went to S3 and came back; {} files compared, byte for byte the same.",
        began.elapsed().as_secs_f64(),
        here.len()
    );
    Ok(())
}

fn write_conf(dir: &Path, section: impl Fn(&str) -> String) -> std::io::Result<()> {
    let conf: String = SECTIONS.iter().map(|(name, kind)| format!("[{name}]\n{}\n", section(kind))).collect();
    fs::write(dir.join("seafile.conf"), conf)
}

/// Runs one pass and returns how many objects it copied, as its report says.
fn pass(title: &str, from: &Path, to: &Path, data: &Path) -> anyhow::Result<u64> {
    println!("\n== {title}");
    let report = to.join("report.json");
    let text = |path: &Path| path.display().to_string();
    let options = ["--from", &text(from), "--to", &text(to), "--data-dir", &text(data), "--report", &text(&report)];
    let outcome = run::run(&demo::settings(&options)?, &Console::new(), &Shutdown::new());
    ensure!(outcome == RunOutcome::Complete, "the pass ended: {outcome}");
    let report: serde_json::Value = serde_json::from_slice(&fs::read(&report)?)?;
    let kinds = report["kinds"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(kinds.iter().filter_map(|kind| kind["copied"].as_u64()).sum())
}
