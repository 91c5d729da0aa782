//! The program end to end, as users run it: a process, its configuration files, its output and its exit code.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, unreachable_pub)]

#[path = "../support/mod.rs"]
mod support;

mod absent;
mod archives;
mod backends;
mod check;
mod clean;
mod cli;
mod damage;
mod database;
mod disk;
mod docs;
mod dotenv;
mod durable;
mod encrypted;
mod endings;
mod first_pass;
mod fsck;
mod heads;
mod hostile;
mod interrupt;
mod invariants;
mod kill;
mod kill_list;
mod kinds;
mod lease;
mod limits;
mod listing;
mod lists;
mod lock;
mod lost_destination;
mod migrate_sh;
mod model;
mod naming;
mod network;
mod other_layout;
mod owner;
mod page;
mod plan;
mod proxies;
mod refusals;
mod remove;
mod repair;
mod reports;
mod retry;
mod s3_environment;
mod same_store;
mod secrets;
mod selecting;
mod strange_texts;
mod verify;
mod verify_resume;
mod world;
mod wrong_answers;
