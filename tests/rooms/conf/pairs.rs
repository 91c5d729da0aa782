//! Both sides on a disk: which files are found, and which pairs of stores are refused as the same place.

use std::path::{Path, PathBuf};

use seaf_migrate::conf::*;
use seaf_migrate::object::ObjectKind;

use super::support::*;

struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// An old server with its objects in seafile-data, and an empty folder to move to.
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        for folder in ["conf", "new", "elsewhere", "seafile-data/storage/blocks"] {
            std::fs::create_dir_all(world.path(folder)).unwrap();
        }
        world.write("conf/seafile.conf", "[fileserver]\nport = 8082\n");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn new_conf(&self, conf: &str) -> &Self {
        self.write("new/seafile.conf", &conf.replace("{top}", self.folder.path().to_str().unwrap()));
        self
    }

    fn load(&self) -> Result<(SideConf, SideConf), ConfErrors> {
        self.load_with(&Environment::default())
    }

    fn load_with(&self, env: &Environment) -> Result<(SideConf, SideConf), ConfErrors> {
        load_pair(&source(&self.path("conf/seafile.conf")), &source(&self.path("new")), env)
    }
}

fn source(path: &Path) -> SideSource {
    SideSource { path: path.to_owned(), data_dir: None }
}

#[test]
fn the_old_script_s_layout_is_found_without_any_option() {
    let world = World::new();
    let (old, new) = world.new_conf(&all_kinds("name = fs\ndir = {top}/elsewhere")).load().unwrap();
    let top = world.folder.path().canonicalize().unwrap();
    assert_eq!(old.data_dir, Some(top.join("seafile-data")));
    assert_eq!(
        old.store(ObjectKind::Blocks).location().place,
        format!("{}/seafile-data/storage/blocks", top.display())
    );
    assert_eq!(new.store(ObjectKind::Blocks).location().place, format!("{}/elsewhere/storage/blocks", top.display()));
    assert!(old.warnings.is_empty() && new.warnings.is_empty());
}

#[test]
fn the_data_folder_of_the_environment_comes_before_the_one_beside_conf() {
    let world = World::new();
    std::fs::create_dir_all(world.path("big/storage")).unwrap();
    let env = Environment::from_iter([("SEAFILE_DATA_DIR", world.path("big")), ("SEAFILE_CONF_DIR", world.path("x"))]);
    let (old, _) = world.new_conf(&all_kinds("name = fs\ndir = {top}/elsewhere")).load_with(&env).unwrap();
    assert!(old.store(ObjectKind::Fs).location().place.ends_with("/big/storage/fs"));
}

#[test]
fn a_new_side_that_is_the_old_one_is_refused_for_each_kind() {
    let world = World::new();
    let text = lines(world.new_conf("").load());
    assert_eq!(text.len(), 3, "{text:#?}");
    assert_says(&text[0], &["new/seafile.conf: [commit_object_backend]: is the same store as on the old side (fs:"]);
    std::os::unix::fs::symlink("seafile-data", world.path("link")).unwrap();
    for dir in ["{top}/link", "{top}/new/../seafile-data/.", "{top}/seafile-data/storage/../"] {
        assert_eq!(lines(world.new_conf(&all_kinds(&format!("dir = {dir}"))).load()).len(), 3, "{dir}");
    }
}

#[test]
fn a_kind_s_folder_that_is_a_link_into_the_old_store_is_refused() {
    let world = World::new();
    std::fs::create_dir(world.path("elsewhere/storage")).unwrap();
    std::os::unix::fs::symlink(world.path("seafile-data/storage/blocks"), world.path("elsewhere/storage/blocks"))
        .unwrap();
    let line = only_line(world.new_conf(&all_kinds("dir = {top}/elsewhere")).load());
    assert_says(&line, &["[block_backend]: is the same store"]);
}

#[test]
fn folders_inside_each_other_are_refused() {
    let world = World::new();
    std::fs::create_dir(world.path("seafile-data/storage/inner")).unwrap();
    let text = lines(world.new_conf("[block_backend]\ndir = {top}/seafile-data/storage/inner\n").load()).join("\n");
    assert_says(&text, &["[block_backend]: one is inside the other"]);
}

#[test]
fn folders_and_files_that_are_not_there_are_found() {
    let world = World::new();
    std::fs::remove_dir_all(world.path("seafile-data/storage")).unwrap();
    world.write("not-pem", "x");
    let text = lines(
        world
            .new_conf(
                "[commit_object_backend]\ndir = {top}/nowhere\n[fs_object_backend]\ndir = relative\n[block_backend]\nname = s3\n\
                 bucket = b\nkey_id = i\nkey = k\nhost = h\nuse_https = 1\nca_file = {top}/not-pem\n",
            )
            .load(),
    )
    .join("\n");
    assert_says(&text, &["conf/seafile.conf: ", "seafile-data/storage: No such file", "--data-dir"]);
    assert_says(&text, &["new/seafile.conf:2: [commit_object_backend] dir: ", "/nowhere: No such file"]);
    assert_says(&text, &["new/seafile.conf:4: [fs_object_backend] dir: \"relative\" is not an absolute path"]);
    assert_says(&text, &["new/seafile.conf:12: [block_backend] ca_file: ", "not-pem holds no certificate"]);
    let line = only_line(load_side(&source(&world.path("none")), Role::Source, &Environment::default()));
    assert_says(&line, &["none: cannot be read: No such file"]);
    let line = only_line(load_side(&source(&world.path("elsewhere")), Role::Source, &Environment::default()));
    assert_says(&line, &["elsewhere: holds no seafile.conf"]);
    let env = Environment::from_iter([("SEAF_SERVER_STORAGE_TYPE", "s3")]);
    let text = lines(load_side(&source(&world.path("elsewhere")), Role::Source, &env)).join("\n");
    assert_says(&text, &["environment: S3_BLOCK_BUCKET: is missing"]);
}

#[test]
fn a_dotenv_file_beside_the_new_conf_describes_the_new_side() {
    let world = World::new();
    world.write("new/.env", S3_ENV);
    for path in ["new", "new/.env"] {
        let env = Environment::default();
        let pair = load_pair(&source(&world.path("conf")), &source(&world.path(path)), &env).unwrap();
        assert_eq!(pair.0.store(ObjectKind::Fs).location().backend, Backend::Fs);
        assert_eq!(pair.1.store(ObjectKind::Fs).location().to_string(), "s3:h:9000/f");
    }
}

/// The lines that two sides with these options for every kind give.
fn both(old: &str, new: &str) -> Vec<String> {
    let world = World::new();
    for name in ["ceph-1.conf", "ceph-2.conf", "ceph-3.conf"] {
        let fsid = if name == "ceph-3.conf" { "b" } else { "a" };
        world.write(name, &format!("[global]\n fsid = {fsid}\n"));
    }
    let top = world.folder.path().to_str().unwrap();
    world.write("conf/seafile.conf", &all_kinds(old).replace("{top}", top));
    match world.new_conf(&all_kinds(new)).load() {
        Ok(_) => Vec::new(),
        Err(errors) => errors.to_string().lines().map(ToOwned::to_owned).collect(),
    }
}

#[test]
fn one_place_in_two_spellings_is_refused() {
    const S3: &str = "name = s3\nbucket = b-{kind}\nkey_id = i\nkey = k\n";
    const OSS: &str = "name = oss\nbucket = b-{kind}\nkey_id = i\nkey = k\n";
    const SWIFT: &str = "name = swift\ncontainer = c-{kind}\nuser_name = u\npassword = p\ntenant = t\n";
    const CEPH: &str = "name = ceph\npool = p-{kind}\n";
    for (base_old, old, base_new, new, same) in [
        (S3, "host = h", S3, "host = H:80\npath_style_request = true", true),
        (S3, "host = h", S3, "host = h.\nuse_https = on\nuse_v4_signature = on", true),
        (S3, "host = h:443\nuse_https = on", S3, "host = h:9000\nuse_https = on", false),
        (S3, "host = h1", S3, "host = h2", false),
        (S3, "aws_region = us-east-1", S3, "host = s3.amazonaws.com", true),
        (S3, "aws_region = eu-west-1", S3, "host = s3-eu-west-1.amazonaws.com:443\nuse_https = 1", true),
        (S3, "aws_region = eu-west-1", S3, "host = s3.cn-north-1.amazonaws.com.cn", false),
        (OSS, "region = hangzhou", OSS, "endpoint = oss-cn-hangzhou.aliyuncs.com", true),
        (OSS, "region = hangzhou", S3, "host = s3.oss-cn-hangzhou.aliyuncs.com", true),
        (OSS, "endpoint = h:1", OSS, "endpoint = h:2", false),
        (SWIFT, "auth_host = h:80\nauth_ver = v3", SWIFT, "auth_host = H\nregion = r", true),
        (SWIFT, "auth_host = h\nregion = q", SWIFT, "auth_host = h\nregion = r", false),
        (SWIFT, "auth_host = h\nauth_ver = v3", SWIFT, "auth_host = h\nauth_ver = v3\ndomain = d", false),
        (CEPH, "ceph_config = {top}/ceph-1.conf", CEPH, "ceph_config = {top}/conf/../ceph-1.conf", true),
        (CEPH, "ceph_config = {top}/ceph-1.conf", CEPH, "ceph_config = {top}/ceph-2.conf", true),
        (CEPH, "ceph_config = {top}/ceph-1.conf", CEPH, "ceph_config = {top}/ceph-3.conf", false),
    ] {
        let lines = both(&format!("{base_old}{old}"), &format!("{base_new}{new}"));
        assert_eq!(lines.len(), if same { 3 } else { 0 }, "{base_old}{old}\n-> {base_new}{new}\n{lines:#?}");
        assert!(lines.iter().all(|line| line.contains("is the same store as on the old side")), "{lines:#?}");
    }
}

#[test]
fn whatever_is_wrong_the_warnings_of_both_sides_are_told_and_once() {
    let s3 = |bucket: &str| format!("name = s3\nbucket = {bucket}-{{kind}}\nkey_id = i\nkey = k\nhost = h\n");
    let (old, new) = (format!("{}frob_old = 1\n", s3("a")), format!("{}frob_new = 1\n", s3("b")));
    let told = |old: &str, new: &str| {
        let world = World::new();
        world.write("conf/seafile.conf", &all_kinds(old));
        world.new_conf(&all_kinds(new)).load().unwrap_err().to_string()
    };
    for (old, new, wrong) in [
        (old.replace("key_id = i", "key_id ="), new.clone(), "key_id"),
        (old.clone(), new.replace("key_id = i", "key_id ="), "key_id"),
        // Nothing but the pair is wrong.
        (old.clone(), new.replace("bucket = b", "bucket = a"), "is the same store as on the old side"),
    ] {
        let text = told(&old, &new);
        assert!(text.lines().next().unwrap().contains(wrong), "{text}");
        for warning in ["frob_old", "frob_new"] {
            let kinds = text.lines().filter(|line| line.starts_with("warning: ") && line.contains(warning));
            assert_eq!(kinds.count(), 3, "{warning}: {text}");
        }
    }
}

#[test]
fn kinds_in_one_bucket_are_refused_as_a_destination_and_told_of_a_source() {
    let conf = all_kinds("name = s3\nbucket = one\nkey_id = i\nkey = k\nhost = h");
    let old = parse_side(&side_text(&conf), Role::Source, &Environment::default()).unwrap();
    assert_eq!(old.warnings.len(), 2, "{:?}", old.warnings);
    let new = lines(parse_side(&side_text(&conf), Role::Destination, &Environment::default()));
    assert_eq!(new.len(), 2, "{new:#?}");
    assert_says(&new[0], &["[fs_object_backend]: commits and fs are both in s3:h/one"]);
    let old = "name = s3\nbucket = {kind}\nkey_id = i\nkey = k\nhost = h";
    let crossed = World::new();
    crossed.write("conf/seafile.conf", &all_kinds(old));
    let crossing = all_kinds(old).replace("bucket = fs", "bucket = z").replace("bucket = commits", "bucket = fs");
    let text = lines(crossed.new_conf(&crossing).load()).join("\n");
    assert_says(
        &text,
        &["[commit_object_backend]: is where the old side has its fs (s3:h/fs)", "[block_backend]: is the same"],
    );
}

#[test]
fn one_ipv6_address_in_two_spellings_is_one_place() {
    const S3: &str = "name = s3\nbucket = b-{kind}\nkey_id = i\nkey = k\nhost = ";
    for (old, new, same) in [
        ("[fe80::1]:9000", "[FE80:0:0::0001]:9000", true),
        ("[::1]", "[0:0:0:0:0:0:0:1]:80", true),
        ("[::1]:9000", "[::1]:9001", false),
        ("[::1]", "[::2]", false),
    ] {
        let lines = both(&format!("{S3}{old}"), &format!("{S3}{new}"));
        assert_eq!(lines.len(), if same { 3 } else { 0 }, "{old} {new}: {lines:#?}");
    }
}

#[test]
fn a_link_to_a_folder_that_does_not_exist_yet_is_the_same_place_all_the_same() {
    // Only the folder above it exists and can be resolved.
    let world = World::new();
    std::os::unix::fs::symlink(world.path("elsewhere"), world.path("alias")).unwrap();
    world.write("conf/seafile.conf", &all_kinds(&format!("dir = {}", world.path("elsewhere").display())));
    std::fs::create_dir(world.path("elsewhere/storage")).unwrap();
    let text = lines(world.new_conf(&all_kinds("dir = {top}/alias")).load());
    assert_eq!(text.len(), 3, "{text:#?}");
    assert!(text.iter().all(|line| line.contains("is the same store as on the old side")), "{text:#?}");
}

#[test]
fn a_storage_folder_that_is_a_link_is_followed() {
    let world = World::new();
    std::os::unix::fs::symlink(world.path("seafile-data/storage"), world.path("elsewhere/storage")).unwrap();
    let text = lines(world.new_conf(&all_kinds("dir = {top}/elsewhere")).load());
    assert_eq!(text.len(), 3, "{text:#?}");
}

#[test]
fn two_folders_whose_names_begin_alike_are_apart() {
    let world = World::new();
    std::fs::create_dir_all(world.path("seafile-data2/storage")).unwrap();
    world.new_conf(&all_kinds("dir = {top}/seafile-data2")).load().unwrap();
}

#[test]
fn a_ceph_conf_spells_its_fsid_as_it_likes() {
    let world = World::new();
    world.write("a.conf", "# fsid = x\n[global]\nFSID = ABC\n");
    world.write("b.conf", "[global]\n\tfsid=abc\n");
    world.write("c.conf", "[global]\nmon_host = 10.0.0.1\n");
    world.write("d.conf", "[global]\nmon host = 10.0.0.1\nmon-host = 10.0.0.2\n");
    world.write("e.conf", "[global]\nmon host = 10.0.0.9\n");
    let top = world.folder.path().to_str().unwrap();
    let ceph = |conf: &str| all_kinds(&format!("name = ceph\npool = p-{{kind}}\nceph_config = {top}/{conf}"));
    for (old, new, same) in [("a.conf", "b.conf", true), ("c.conf", "d.conf", true), ("c.conf", "e.conf", false)] {
        world.write("conf/seafile.conf", &ceph(old));
        let refused = world.new_conf(&ceph(new)).load().err().map_or(0, |errors| errors.errors.len());
        assert_eq!(refused, if same { 3 } else { 0 }, "{old} {new}");
    }
}

#[test]
fn a_file_that_is_no_configuration_by_its_size_is_not_read() {
    let world = World::new();
    world.write("new/seafile.conf", &"#".repeat((1 << 20) + 1));
    assert_says(&only_line(world.load()), &["new/seafile.conf: is larger than 1 MiB, which no seafile.conf is"]);
    world.write("new/seafile.conf", &"#".repeat(1 << 20));
    assert_eq!(lines(world.load()).len(), 3, "all of it is a comment: folders in seafile-data");
}

#[test]
fn a_folder_in_the_place_of_a_file_is_told() {
    let world = World::new();
    std::fs::create_dir(world.path("new/seafile.conf")).unwrap();
    std::fs::create_dir(world.path("new/.env")).unwrap();
    let text = lines(world.load()).join("\n");
    assert_says(
        &text,
        &["new/seafile.conf: cannot be read: Is a directory", "new/.env: cannot be read: Is a directory"],
    );
}

#[test]
fn both_sides_tell_their_errors_at_once() {
    let world = World::new();
    world.write("conf/seafile.conf", "[block_backend]\nname = nfs\n");
    let text = lines(world.new_conf("[fs_object_backend]\nname = afs\n").load());
    assert_eq!(text.len(), 2, "{text:#?}");
    assert_says(&text.join("\n"), &["conf/seafile.conf:2: [block_backend] name: \"nfs\"", "new/seafile.conf:2: [fs"]);
}

/// What is said to be the data folder of the old side and of the new one.
fn data_dirs(world: &World, given: [Option<PathBuf>; 2], env: &Environment) -> [Option<PathBuf>; 2] {
    let [from, to] = given;
    let old = SideSource { path: world.path("conf"), data_dir: from };
    let new = SideSource { path: world.path("new"), data_dir: to };
    let (old, new) = load_pair(&old, &new, env).unwrap_or_else(|errors| panic!("{errors}"));
    [old.data_dir, new.data_dir]
}

#[test]
fn the_data_folder_is_the_one_that_was_given_then_the_environment_s_then_the_one_beside_conf() {
    let world = World::new();
    let s3 = "name = s3\nbucket = {kind}\nkey_id = i\nkey = k\nhost = h";
    world.new_conf(&all_kinds(s3));
    for name in ["given", "env", "env-conf"] {
        std::fs::create_dir_all(world.path(name).join("storage")).unwrap();
    }
    let top = world.folder.path().canonicalize().unwrap();
    let quiet = Environment::default();
    let both =
        Environment::from_iter([("SEAFILE_DATA_DIR", world.path("env")), ("SEAFILE_CONF_DIR", world.path("env-conf"))]);
    let one = Environment::from_iter([("SEAFILE_CONF_DIR", world.path("env-conf"))]);
    let given = Some(world.path("given"));
    for (from, env, found) in
        [(given, &both, "given"), (None, &both, "env"), (None, &one, "env-conf"), (None, &quiet, "seafile-data")]
    {
        assert_eq!(data_dirs(&world, [from, None], env), [Some(top.join(found)), Some(top.join(found))]);
    }
    let [old, new] = data_dirs(&world, [None, Some(world.path("given"))], &quiet);
    assert_eq!((old, new), (Some(top.join("seafile-data")), Some(top.join("given"))));
}

#[test]
fn a_new_folder_with_data_of_its_own_beside_it_does_not_take_that_for_the_old_data() {
    // The new seafile.conf lies in a copy of the installation; the objects that count are the old server's.
    let world = World::new();
    std::fs::create_dir_all(world.path("copy/conf")).unwrap();
    std::fs::create_dir_all(world.path("copy/seafile-data/storage")).unwrap();
    world.write(
        "copy/conf/seafile.conf",
        &all_kinds("name = fs\ndir = {top}/elsewhere").replace("{top}", world.folder.path().to_str().unwrap()),
    );
    let pair =
        load_pair(&source(&world.path("conf")), &source(&world.path("copy/conf")), &Environment::default()).unwrap();
    assert_eq!(pair.1.data_dir, pair.0.data_dir);
    // On its own, it is a server with the data beside it.
    let alone = load_side(&source(&world.path("copy/conf")), Role::Destination, &Environment::default()).unwrap();
    assert!(alone.data_dir.unwrap().ends_with("copy/seafile-data"));
}

#[test]
fn a_relative_path_and_one_with_dots_mean_the_same_side() {
    let world = World::new();
    world.new_conf(&all_kinds("name = fs\ndir = {top}/elsewhere"));
    let side = |path: &Path| load_side(&source(path), Role::Source, &Environment::default()).unwrap();
    let plain = side(&world.path("conf/seafile.conf"));
    for spelling in ["conf", "conf/../conf/seafile.conf", "new/../conf/."] {
        let other = side(&world.path(spelling));
        assert_eq!((&other.stores, &other.data_dir), (&plain.stores, &plain.data_dir), "{spelling}");
    }
}

#[test]
fn a_dotenv_file_may_have_a_name_before_or_behind_its_dots() {
    let world = World::new();
    for name in [".env", ".env.production", "seafile.env"] {
        world.write(&format!("elsewhere/{name}"), S3_ENV);
        let side =
            load_side(&source(&world.path(&format!("elsewhere/{name}"))), Role::Destination, &Environment::default());
        assert_eq!(side.unwrap().store(ObjectKind::Fs).location().to_string(), "s3:h:9000/f", "{name}");
    }
    // Any other name is a seafile.conf, whatever is in it.
    world.write("elsewhere/environment", S3_ENV);
    let text =
        lines(load_side(&source(&world.path("elsewhere/environment")), Role::Destination, &Environment::default()));
    assert_says(&text[0], &["environment:1: seaf_server_storage_type: stands before the first section"]);
}
