//! Moves the object store of a Seafile server from any storage backend to any other, verified.
//!
//! The modules, in the order in which the data flows; each imports only from those above it
//! (`tests/layers.rs` holds the order):
//!
//! 1. [`object`] names what a store holds, [`content`] recomputes an id from an object's bytes.
//! 2. [`conf`] turns the old and the new `seafile.conf` into typed backend settings.
//! 3. [`stop`] carries the wish to end early to everything that waits.
//! 4. [`store`] reads and writes objects: one trait to read, one to write, one file a backend;
//!    [`lock`] lets one run at a time write to a destination, and [`proof`] keeps what is known about a
//!    pair of sides between runs.
//! 5. [`check`] tells all that is wrong with either side's stores at once.
//! 6. [`enumerate`] lists a store in parallel; [`existence`] keeps what a destination holds on disk.
//! 7. [`plan`] is what the source has and the destination lacks.
//! 8. [`pool`], [`copy`] and [`confirm`] move it: bounded queue, workers, one object at a time, each
//!    checked, then made durable in batches.
//! 9. [`verify`] follows the trees of a store from their heads, and compares two stores object by object.
//! 10. [`report`] counts and tells; [`settings`] and [`run`] put one pass together, and what comes after
//!     it: [`run::verify`] compares, [`run::remove`] deletes; [`cli`] starts them, [`demo`] shows a pass, and
//!     [`allocator`] says how soon memory is given back.

pub mod allocator;
pub mod check;
pub mod cli;
pub mod conf;
pub mod confirm;
pub mod content;
pub mod copy;
pub mod demo;
pub mod enumerate;
pub mod existence;
pub mod lock;
pub mod object;
pub mod plan;
pub mod pool;
pub mod proof;
pub mod report;
pub mod run;
pub mod settings;
pub mod stop;
pub mod store;
pub mod verify;
