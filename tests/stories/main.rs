//! What users live through, each told with the program as they run it: a process, its conf files,
//! its output and its exit code.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr, unreachable_pub)]

#[path = "../support/folder.rs"]
mod folder;
#[path = "../support/library.rs"]
mod library;
#[path = "../support/page.rs"]
mod page_text;
#[path = "../support/s3_server.rs"]
mod s3_server;

mod check;
mod damage;
mod disk;
mod dotenv;
mod endings;
mod first_pass;
mod fsck;
mod heads;
mod interrupt;
mod invariants;
mod kill;
mod listing;
mod lists;
mod lock;
mod network;
mod page;
mod plan;
mod refusals;
mod remove;
mod retry;
mod verify;
mod verify_resume;
mod world;
