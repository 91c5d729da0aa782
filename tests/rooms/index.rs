//! Lists of what a destination holds: what was put in is found again, and nothing else.

mod borders;
mod crash;
mod damage;
mod library;
mod locks;
mod model;
mod recheck;
mod refuse;
mod text;
