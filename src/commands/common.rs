//! What several commands share: their options, both sides opened, what the destination is known to hold.

pub mod destination;
pub mod empty_kinds;
pub(crate) mod encryption;
pub mod failure;
pub mod first_failure;
pub mod flags;
pub mod generation;
pub mod heads_cache;
pub mod ignored_names;
pub mod incarnations;
pub mod lease;
pub mod list_state;
pub mod named_libraries;
pub mod nworker;
pub mod other_layout;
pub mod patience;
pub mod placing;
pub mod report_file;
pub mod run_note;
pub mod selecting;
pub mod settings;
pub mod sides;
pub mod size;
pub mod staying;
pub mod verified_view;
pub mod writing;
