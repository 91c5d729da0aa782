//! Existence sets: what is put in is found again, and nothing else, whatever happens in between.

mod borders;
mod crash;
mod damage;
mod library;
mod locks;
mod model;
mod recheck;
mod refuse;
mod text;
