//! Decorators: a store around a store, which adds one behaviour and keeps every promise of the traits.

pub mod classes;
pub mod crypt;
pub mod limit;
pub mod named;
pub mod retry;
pub(super) mod shared;
pub mod staying;
