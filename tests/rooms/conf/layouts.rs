//! Where the files and the data of a server are, as it is installed with Docker and without.

use std::path::PathBuf;

use seaf_migrate::conf::*;
use seaf_migrate::object::ObjectKind;

use super::support::*;

/// Folders and files of a machine.
struct Machine(tempfile::TempDir);

impl Machine {
    fn with(folders: &[&str], files: &[(&str, &str)]) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        for folder in folders {
            std::fs::create_dir_all(machine.at(folder)).unwrap();
        }
        for (name, text) in files {
            let path = machine.at(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text.replace("{top}", &machine.0.path().display().to_string())).unwrap();
        }
        machine
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn side(&self, name: &str, role: Role) -> Result<SideConf, ConfErrors> {
        let source = SideSource { path: self.at(name), data_dir: None };
        load_side(&source, role, &Environment::default())
    }

    /// The place of the blocks of the side that `name` names, below the top folder.
    #[track_caller]
    fn blocks(&self, name: &str) -> String {
        let side = self.side(name, Role::Source).unwrap();
        let top = self.0.path().canonicalize().unwrap().display().to_string();
        side.store(ObjectKind::Blocks).location().place.replace(&format!("{top}/"), "")
    }
}

const CONF: (&str, &str) = ("haiwen/conf/seafile.conf", "[fileserver]\nport = 8082\n");
const VOLUME_CONF: (&str, &str) = ("seafile-data/seafile/conf/seafile.conf", "[fileserver]\nport = 8082\n");
const INNER: &str = "seafile-data/seafile/seafile-data/storage";
const IN_VOLUME: &str = "seafile-data/seafile/seafile-data/storage/blocks";

#[test]
fn the_folder_of_a_server_is_enough() {
    let machine = Machine::with(&["haiwen/seafile-data/storage"], &[CONF]);
    for name in ["haiwen", "haiwen/conf", "haiwen/conf/seafile.conf"] {
        assert_eq!(machine.blocks(name), "haiwen/seafile-data/storage/blocks", "{name}");
    }
    let empty = Machine::with(&["haiwen/conf"], &[]);
    let line = only_line(empty.side("haiwen", Role::Source));
    assert_says(&line, &["holds no seafile.conf, nor do its folders conf and seafile/conf"]);
}

#[test]
fn the_volume_of_docker_is_looked_into_whatever_names_it() {
    let env =
        "BASIC_STORAGE_PATH={top}\nSEAFILE_VOLUME=$BASIC_STORAGE_PATH/seafile-data\nSEAF_SERVER_STORAGE_TYPE=disk\n";
    let machine = Machine::with(
        &[INNER],
        &[VOLUME_CONF, ("seafile/.env", env), ("plain/.env", "SEAF_SERVER_STORAGE_TYPE=disk\n")],
    );
    for name in
        ["seafile-data", "seafile-data/seafile", "seafile-data/seafile/conf", "seafile", "seafile/.env", "plain"]
    {
        assert_eq!(machine.blocks(name), IN_VOLUME, "{name}");
    }
    let source = SideSource { path: machine.at("seafile-data"), data_dir: Some(machine.at("seafile-data")) };
    let side = load_side(&source, Role::Source, &Environment::default()).unwrap();
    assert!(side.store(ObjectKind::Blocks).location().place.ends_with(IN_VOLUME));
}

#[test]
fn the_seafile_conf_in_the_volume_counts_where_the_env_file_leaves_it_to_that() {
    let conf = ("vol/seafile/conf/seafile.conf", "[block_backend]\nname = fs\ndir = {top}/blocks\n");
    let machine = Machine::with(
        &["vol/seafile/seafile-data/storage", "blocks/storage"],
        &[conf, ("seafile/.env", "SEAFILE_VOLUME={top}/vol\n")],
    );
    assert_eq!(machine.blocks("seafile"), "blocks/storage/blocks");
}

#[test]
fn a_neighbour_is_not_taken_where_the_env_file_names_another_volume() {
    let env = "SEAFILE_VOLUME={top}/elsewhere\nSEAF_SERVER_STORAGE_TYPE=disk\n";
    let machine = Machine::with(&[INNER], &[VOLUME_CONF, ("seafile/.env", env)]);
    for role in [Role::Source, Role::Destination] {
        let line = only_line(machine.side("seafile", role));
        assert_says(&line, &["elsewhere/seafile/seafile-data", "No such file"]);
    }
    // Nor is the old server's folder, which a new configuration otherwise has as well.
    let machine = Machine::with(
        &["haiwen/seafile-data/storage", "elsewhere/seafile/seafile-data"],
        &[CONF, ("seafile/.env", env)],
    );
    let source = |name: &str| SideSource { path: machine.at(name), data_dir: None };
    let (old, new) = load_pair(&source("haiwen"), &source("seafile"), &Environment::default()).unwrap();
    assert!(old.store(ObjectKind::Fs).location().place.ends_with("haiwen/seafile-data/storage/fs"));
    assert!(new.store(ObjectKind::Fs).location().place.ends_with("elsewhere/seafile/seafile-data/storage/fs"));
}

#[test]
fn a_volume_that_is_named_as_the_store_is_told_with_the_folder_inside() {
    let conf = ("conf/seafile.conf", "[block_backend]\nname = fs\ndir = {top}/seafile-data\n");
    let machine = Machine::with(&[INNER], &[conf]);
    let line = only_line(machine.side("conf", Role::Source));
    assert_says(&line, &["[block_backend] dir: ", "in it: ", "seafile-data/seafile/seafile-data"]);
    let side = machine.side("conf", Role::Destination).unwrap();
    assert_says(
        &side.warnings[0],
        &["[block_backend] dir: is the volume of a server in Docker, whose own store is in"],
    );
}
