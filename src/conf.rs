//! The configuration of each side, as typed settings: `seafile.conf`, the environment and `.env` files.
//!
//! All errors of a configuration are found here and reported together, before any store is
//! opened. `find` reads the files of a side, `ini` and `dotenv` split them into options, `options`
//! parses the value of an option, `load`, `read`, `classes` and `database` make typed settings of the options, and `conflict` compares
//! the stores of the two sides.

mod aliases;
pub mod backend;
mod classes;
mod conflict;
mod crypt;
mod database;
mod dotenv;
mod encoding;
mod environment;
mod find;
mod finding;
mod host;
mod ini;
mod load;
mod option_names;
mod options;
mod path;
mod placement;
mod read;
mod role;
pub mod secret;
mod section_names;
pub mod side;
mod side_id;
mod staying;
mod variables;

pub use backend::{
    Backend, BackendConf, CephConf, ClassConf, ClassesConf, FsConf, Location, OssConf, OssSignature, S3Conf,
    S3Credentials, S3Role, S3Signature, StoreConf, SwiftAuth, SwiftConf,
};
pub use crypt::CryptConf;
pub use database::{DatabaseConf, MysqlConf, MysqlServer, MysqlTls, TlsMode};
pub use environment::Environment;
pub use finding::{ConfError, ConfErrors};
pub use load::{load_pair, load_pair_of, load_side, parse_side};
pub use option_names::OptionNames;
pub use placement::Placement;
pub use secret::Secret;
pub use side::{DescribedBy, Role, SideConf, SideSource, SideText, TextFile, section_of};
pub use side_id::SideId;
