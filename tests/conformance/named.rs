//! The suite over the decorator that puts the name of the store into its errors, around memory.

use seaf_migrate::conf::{BackendConf, FsConf, Role, StoreConf};
use seaf_migrate::object::ObjectKind;
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::layer::named::Named;

use super::harness::Harness;
use crate::support::skip::Missing;

fn harness(case: &str) -> Result<Harness, Missing> {
    let backend = BackendConf::Fs(FsConf { dir: "/named".into() });
    let conf = StoreConf { side: Some(Role::Destination), ..StoreConf::new(ObjectKind::Blocks, backend) };
    Ok(Harness::new(Named::open(&conf, || Ok(MemoryStore::new(ObjectKind::Blocks, case))).unwrap()))
}

conformance!("named over memory", harness);
