//! The suite over an encrypted store, in memory and in a folder.

use seaf_migrate::conf::CryptConf;
use seaf_migrate::object::ObjectKind;
use seaf_migrate::store::backend::memory::MemoryStore;
use seaf_migrate::store::layer::crypt::{Cipher, Crypt};

use super::harness::Harness;
use crate::support::skip::Missing;

fn cipher() -> Cipher {
    Cipher::new(&CryptConf::new("/etc/seafile/key", [7; 32], [9; 16]))
}

mod over_memory {
    use super::*;

    fn harness(case: &str) -> Result<Harness, Missing> {
        Ok(Harness::new(Crypt::new(MemoryStore::new(ObjectKind::Blocks, case), cipher())))
    }

    conformance!("crypt over memory", harness);
}

mod over_a_folder {
    use super::*;

    fn harness(_case: &str) -> Result<Harness, Missing> {
        let folder = tempfile::tempdir().unwrap();
        let store = Crypt::new(crate::fs::open(folder.path()).unwrap(), cipher());
        Ok(Harness::new(store).keeping(folder).biggest_listing(1_001))
    }

    conformance!("crypt over a folder", harness);
}
