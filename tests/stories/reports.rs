//! Reports: as their schema says, read by every program, and whole when a command ended early.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::heads;
use crate::support::schema;
use crate::world::World;

/// A command between the sides of a world, or of one of them, with a report and what else it takes.
fn reported(world: &World, arguments: &[&str]) -> Value {
    let mut command = world.program();
    let (old, new) = (world.at("old"), world.at("new"));
    match arguments[0] {
        "fsck" => command.args(arguments).arg("--conf").arg(old),
        _ => command.args(arguments).arg("--from").arg(old).arg("--to").arg(new),
    };
    command.arg("--data-dir").arg(world.at("old/seafile-data")).arg("--report").arg(world.at("report.json"));
    world.finish(command.spawn().unwrap()).report.expect("a report was written")
}

#[test]
fn a_command_that_ended_early_says_in_its_report_why_and_what_it_warned_of() {
    let world = World::with_sample();
    fs::remove_dir_all(world.source().join("commits")).unwrap();
    for command in ["run", "plan", "verify", "fsck"] {
        let db = format!("mysql://seafile:{}@127.0.0.1:1/seafile", "secret");
        let options: &[&str] = if command == "plan" { &[command] } else { &[command, "--db", &db] };
        let report = reported(&world, options);
        assert_ne!(report["exit_code"], 0, "{command}: {report:#}");
        assert_eq!(report["command"], command);
        assert!(report["message"].as_str().unwrap().len() > 20, "{report:#}");
        assert!(report["result"].as_str().unwrap().ends_with("failed"), "{report:#}");
        if command != "plan" {
            let warned = |warning: &Value| warning.as_str().unwrap().contains("password");
            assert!(report["warnings"].as_array().unwrap().iter().any(warned), "{report:#}");
        }
    }
}

#[test]
fn the_times_of_a_report_are_read_by_every_program() {
    let world = World::with_sample();
    let report = reported(&world, &["run"]);
    let time = report["started"].as_str().unwrap();
    let read = |program: &str, arguments: &[&str]| {
        let done = Command::new(program).args(arguments).output().ok()?;
        assert!(done.status.success(), "{program} does not read {time}: {}", String::from_utf8_lossy(&done.stderr));
        Some(String::from_utf8(done.stdout).unwrap().trim().to_owned())
    };
    let seconds = time.parse::<jiff::Timestamp>().unwrap().as_second().to_string();
    assert_eq!(read("date", &["-d", time, "+%s"]).as_ref(), Some(&seconds));
    let python = "import sys, calendar, time; \
                  print(calendar.timegm(time.strptime(sys.argv[1], '%Y-%m-%dT%H:%M:%SZ')))";
    let others = [
        read("python3", &["-c", python, time]),
        read("jq", &["-n", "--arg", "time", time, "$time | fromdateiso8601"]),
        read("node", &["-e", &format!("console.log(Date.parse('{time}') / 1000)")]),
    ];
    others.iter().flatten().for_each(|read| assert_eq!(read, &seconds));
}

#[test]
fn a_report_names_the_libraries_as_the_database_does() {
    let world = World::with_sample();
    let report = heads::run(&world, &[]).assert_code(0).report.unwrap();
    let libraries = report["libraries"].as_array().unwrap();
    assert!(libraries.iter().any(|library| library["name"].is_string()), "{libraries:#?}");
}

#[test]
fn the_schema_refuses_what_it_does_not_promise() {
    let world = World::with_sample();
    let report = reported(&world, &["run"]);
    schema::check(&report).unwrap();
    let changes: [(&str, Value); 6] = [
        ("started", "2026-11-26T11:02:31+00:00[Etc/UTC]".into()),
        ("command", "walk".into()),
        ("exit_code", "0".into()),
        ("surprise", 1.into()),
        ("from", vec!["one"].into()),
        ("kinds", Value::Null),
    ];
    for (field, value) in changes {
        let mut changed = report.clone();
        changed[field] = value;
        assert!(schema::check(&changed).is_err(), "{field}");
    }
    let mut without = report;
    without.as_object_mut().unwrap().remove("warnings");
    assert!(schema::check(&without).is_err());
}
