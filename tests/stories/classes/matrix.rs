//! Every way to describe a side, as source and as destination, on folders and on S3: the bytes are the same.

use std::fs;

use seaf_migrate::object::ObjectKind;

use super::{Objects, classes_in_folders, entry, objects_in, set_rows, write_classes};
use crate::support::s3_server::S3Server;
use crate::support::sample::SMALL_COUNT;
use crate::world::{ACCESS, SECRET, World, assert_same_objects, objects_below, s3_section};

/// How a side is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A seafile.conf.
    File,
    /// The environment of the process, which is of the old side alone.
    Env,
    /// A `.env` file.
    DotEnv,
    /// Storage classes.
    Classes,
}

/// Where its objects are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    Folder,
    S3,
}

const LIBRARIES: [&str; 2] = [super::LONE, "7f49bd43-387a-43e1-b45f-f93c214ceef9"];
const ROWS: [(&str, &str); 2] = [(LIBRARIES[0], "cold"), (LIBRARIES[1], "hot")];

/// The small sample, and an S3 server.
struct Machine {
    world: World,
    server: S3Server,
    all: Objects,
}

impl Machine {
    fn new() -> Self {
        let world = World::with_sample();
        set_rows(&world, &ROWS);
        fs::create_dir(world.at("buckets")).unwrap();
        let server = S3Server::start(&world.at("buckets"), ACCESS, SECRET);
        let all = objects_below(&world.source());
        Self { world, server, all }
    }

    fn bucket(&self, name: &str, kind: ObjectKind) -> String {
        let bucket = format!("{name}-{kind}");
        fs::create_dir_all(self.world.at("buckets").join(&bucket)).unwrap();
        bucket
    }

    fn folder(&self, name: &str) -> String {
        fs::create_dir_all(self.world.at(name).join("storage")).unwrap();
        self.world.at(name).display().to_string()
    }

    /// The variables of a server, as the environment and `.env` files have them.
    fn variables(&self, name: &str, on: On) -> Vec<(&'static str, String)> {
        if on == On::Folder {
            return vec![("SEAF_SERVER_STORAGE_TYPE", "disk".to_owned())];
        }
        let [commits, fs, blocks] = ObjectKind::ALL.map(|kind| self.bucket(name, kind));
        vec![
            ("SEAF_SERVER_STORAGE_TYPE", "s3".to_owned()),
            ("S3_COMMIT_BUCKET", commits),
            ("S3_FS_BUCKET", fs),
            ("S3_BLOCK_BUCKET", blocks),
            ("S3_KEY_ID", ACCESS.to_owned()),
            ("S3_SECRET_KEY", SECRET.to_owned()),
            ("S3_HOST", self.server.endpoint()),
            ("S3_USE_HTTPS", "false".to_owned()),
            ("S3_PATH_STYLE_REQUEST", "true".to_owned()),
        ]
    }

    /// Describes a side whose stores are called `name`; returns what the environment must say, and the data folder.
    fn describe(&self, side: &str, name: &str, form: Form, on: On) -> (Vec<(&'static str, String)>, String) {
        let at = self.world.at(side);
        let _ = fs::remove_dir_all(&at);
        fs::create_dir_all(&at).unwrap();
        let folder = self.folder(name);
        let (mut variables, section) = (Vec::new(), |kind| match on {
            On::Folder => format!("name = fs\ndir = {folder}\n"),
            On::S3 => s3_section(&self.server, &self.bucket(name, kind), SECRET),
        });
        match form {
            Form::File => self.world.write_conf(side, section),
            Form::Env => variables = self.variables(name, on),
            Form::DotEnv => {
                let lines = self.variables(name, on).into_iter().map(|(name, value)| format!("{name}={value}\n"));
                fs::write(at.join(".env"), lines.collect::<String>()).unwrap();
            }
            Form::Classes if on == On::Folder => {
                classes_in_folders(&self.world, side, &format!("{name}-"), &["hot", "cold"]);
            }
            Form::Classes => {
                let class = |id: &str| {
                    entry(id, id == "hot", |kind| {
                        format!(
                            "\"backend\": \"s3\", \"bucket\": \"{}\", \"key_id\": \"{ACCESS}\", \"key\": \"{SECRET}\", \
                             \"host\": \"{}\", \"use_v4_signature\": true, \"use_https\": \"false\", \
                             \"path_style_request\": true",
                            self.bucket(&format!("{name}-{id}"), kind),
                            self.server.endpoint()
                        )
                    })
                };
                write_classes(&self.world, side, &["hot", "cold"].map(class));
            }
        }
        (variables, folder)
    }

    /// What is in the stores of a side, all of its classes together, as paths of a folder store.
    fn objects(&self, name: &str, form: Form, on: On) -> Objects {
        let names = match form {
            Form::Classes => vec![format!("{name}-hot"), format!("{name}-cold")],
            _ => vec![name.to_owned()],
        };
        let of_bucket = |name: &str, kind: ObjectKind| {
            let files = objects_in(&self.world.at("buckets").join(format!("{name}-{kind}"))).into_iter();
            files.filter(|(path, _)| !path.file_name().unwrap().to_str().unwrap().starts_with('.')).map(
                move |(path, data)| {
                    let (library, id) = path.to_str().unwrap().split_once('/').unwrap();
                    (format!("{kind}/{library}/{}/{}", &id[..2], &id[2..]).into(), data)
                },
            )
        };
        let mut found = Objects::new();
        for name in &names {
            let these: Objects = match on {
                On::Folder => objects_in(&self.world.at(name).join("storage")),
                On::S3 => ObjectKind::ALL.into_iter().flat_map(|kind| of_bucket(name, kind)).collect(),
            };
            for (path, data) in these {
                if let Form::Classes = form {
                    let is_cold = path.to_str().unwrap().contains(LIBRARIES[0]);
                    assert_eq!(name.ends_with("cold"), is_cold, "{} is in {name}", path.display());
                }
                assert!(found.insert(path.clone(), data).is_none(), "{} is in two classes", path.display());
            }
        }
        found
    }

    /// Moves everything from one side to another one.
    fn run(&self, from: &str, to: &str, environment: Vec<(&'static str, String)>, data: &str) {
        let mut command = self.world.program();
        command.args(["run", "--from"]).arg(self.world.at(from)).arg("--to").arg(self.world.at(to));
        command.args(["--data-dir", data, "--db"]).arg(self.world.at("old/seafile-data/seafile.db"));
        command.arg("--report").arg(self.world.at("report.json")).envs(environment);
        let outcome = self.world.finish(command.spawn().unwrap()).assert_code(0);
        assert_eq!(outcome.total("copied"), SMALL_COUNT, "{from} to {to}");
        super::assert_safe(&outcome, true);
    }
}

/// Moves the sample to a side of a form, and from there to a side of every form.
fn from_a_side(form: Form, on: On) {
    let machine = Machine::new();
    // The environment is of an old side, so that what it describes is filled by way of a seafile.conf.
    let fill = if form == Form::Env { Form::File } else { form };
    let (_, data) = machine.describe("first", "data", fill, on);
    // A .env file that says disk has its objects in the data folder.
    if fill == Form::DotEnv && on == On::Folder {
        machine.run_into_data_folder("first", &data);
    } else {
        let old = machine.world.at("old/seafile-data").display().to_string();
        machine.run("old", "first", Vec::new(), &old);
    }
    assert_same_objects(&machine.all, &machine.objects("data", form, on));
    let (environment, data) = machine.describe("first", "data", form, on);
    let to = [(Form::File, On::Folder), (Form::File, On::S3), (Form::DotEnv, On::S3)];
    for (number, (to_form, to_on)) in
        to.into_iter().chain([(Form::Classes, On::Folder), (Form::Classes, On::S3)]).enumerate()
    {
        let name = format!("next{number}");
        let data_of = format!("{name}-data");
        machine.describe(&name, &data_of, to_form, to_on);
        machine.run("first", &name, environment.clone(), &data);
        assert_same_objects(&machine.all, &machine.objects(&data_of, to_form, to_on));
    }
}

impl Machine {
    /// Moves the sample to a side that has its objects in `data`.
    fn run_into_data_folder(&self, to: &str, data: &str) {
        let sample = self.world.at("old/seafile-data").display().to_string();
        self.world.write_conf("old", |_| format!("name = fs\ndir = {sample}\n"));
        self.run("old", to, Vec::new(), data);
    }
}

#[test]
fn from_a_file_on_folders() {
    from_a_side(Form::File, On::Folder);
}

#[test]
fn from_a_file_on_s3() {
    from_a_side(Form::File, On::S3);
}

#[test]
fn from_the_environment_on_folders() {
    from_a_side(Form::Env, On::Folder);
}

#[test]
fn from_the_environment_on_s3() {
    from_a_side(Form::Env, On::S3);
}

#[test]
fn from_a_dotenv_file_on_folders() {
    from_a_side(Form::DotEnv, On::Folder);
}

#[test]
fn from_a_dotenv_file_on_s3() {
    from_a_side(Form::DotEnv, On::S3);
}

#[test]
fn from_classes_on_folders() {
    from_a_side(Form::Classes, On::Folder);
}

#[test]
fn from_classes_on_s3() {
    from_a_side(Form::Classes, On::S3);
}
