//! Moves the object store of a Seafile server from any storage backend to any other, verified.
//!
//! `ARCHITECTURE.md` has the map. A module imports only from those named before it here (`tests/rooms/layers.rs` holds the
//! order):
//!
//! 1. [`sys`] is the machine, [`object`] names what a store holds, [`flow`] is queue, workers, budget and rates,
//!    [`content`] recomputes an id from an object's bytes.
//! 2. [`conf`] turns the old and the new `seafile.conf` into typed backend settings.
//! 3. [`store`] reads and writes objects: a file or folder a backend, a file a decorator.
//! 4. [`metrics`] is what engines count and find while they work.
//! 5. The engines: [`listing`] lists a store in parallel, [`index`] keeps what a store holds on disk, [`preflight`]
//!    looks at every store of both sides, [`transfer`] moves what is missing, [`compare`] sets one store against
//!    another, [`database`] reads the server's tables, and [`reach`] follows trees from their heads.
//! 6. [`history`] is what earlier runs left for later ones.
//! 7. [`report`] is how anything is told.
//! 8. [`commands`] has a folder a verb of the command line; [`cli`] starts them.

pub mod cli;
pub mod commands;
pub mod compare;
pub mod conf;
pub mod content;
pub mod database;
pub mod flow;
pub mod history;
pub mod index;
pub mod lease;
pub mod listing;
pub mod metrics;
pub mod object;
pub mod preflight;
pub mod reach;
pub mod report;
pub mod store;
pub mod sys;
pub mod transfer;
