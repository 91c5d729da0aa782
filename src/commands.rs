//! The verbs of the command line, a folder each. A command puts engines to work, tells the result, and names the exit
//! code; what several commands share is in [`common`].

pub mod check;
pub mod clean;
pub mod common;
pub mod demo;
pub mod fsck;
pub mod list;
pub mod plan;
pub mod remove;
pub mod repair;
pub mod repo;
pub mod run;
pub mod verify;
