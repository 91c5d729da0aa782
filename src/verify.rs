//! Proof that a store is whole.
//!
//! [`heads`] says where to begin: the newest commit of each library, out of the server's [`database`] or out of the
//! commits themselves. [`walk`] follows them: commits, directories, files, blocks. [`compare`] needs neither: it sets
//! what a destination holds against what the source holds, object by object.

pub mod compare;
pub mod database;
pub mod heads;
pub mod walk;
