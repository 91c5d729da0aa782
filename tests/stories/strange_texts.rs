//! What others put into texts that are shown: nothing reaches a terminal, a report or a page that a terminal would obey,
//! that turns a line round, or that cannot be seen.

use std::fs;
use std::net::TcpListener;

use rusqlite::Connection;
use seaf_migrate::object::ObjectKind;
use seaf_migrate::sys::terminal::is_unseen;

use crate::heads::{db, world_of};
use crate::support::http_stub::{Reply, Stub};
use crate::support::library::{Params, output::object_path};
use crate::support::schema::read_report;
use crate::world::World;

/// Moves the cursor, turns the text round, hides, and begins a line of its own.
const EVIL: &str = "evil \u{9b}2J\u{9d}0;title\u{9c} gpj.\u{202e}exe a\u{200b}b\u{feff}";

#[track_caller]
fn assert_all_seen(text: &str) {
    let unseen: Vec<_> = text.chars().filter(|c| is_unseen(*c) && !matches!(c, '\n' | '\t')).collect();
    assert!(unseen.is_empty(), "{unseen:?} in {text:?}");
}

fn xml_error() -> Reply {
    let message = format!("{EVIL}&#27;[2J&#x9b;1m\nSafe to switch: yes");
    let xml = format!("<Error><Code>No{EVIL}</Code><Message>{message}</Message><RequestId>{EVIL}</RequestId></Error>");
    Reply::new(400).header("Content-Type", "application/xml").header("x-amz-request-id", EVIL).body(xml)
}

/// What a check of a new side says whose three stores are all this.
fn check(section: &str) -> String {
    let world = World::with_sample();
    world.write_conf("new", |kind| section.replace("{kind}", kind.as_str()));
    let mut command = world.program();
    command.args(["check", "--attempts", "1", "--from"]).arg(world.at("old")).arg("--to").arg(world.at("new"));
    command.arg("--data-dir").arg(world.at("old/seafile-data"));
    let outcome = world.finish(command.spawn().unwrap());
    assert_ne!(outcome.code, Some(0), "{outcome:?}");
    let text = outcome.stdout + &outcome.stderr;
    assert!(!text.lines().any(|line| line.starts_with("Safe to switch: yes")), "{text}");
    assert_all_seen(&text);
    text
}

#[test]
fn errors_of_s3_are_shown_without_what_a_terminal_obeys() {
    let stub = Stub::start(|_| xml_error());
    for version in ["true", "false"] {
        let text = check(&format!(
            "name = s3\nbucket = b-{{kind}}\nkey_id = id\nkey = secret\nhost = {}\nuse_v4_signature = {version}\n\
             aws_region = us-east-1\npath_style_request = true",
            stub.host()
        ));
        assert!(text.contains("evil "), "{text}");
    }
}

#[test]
fn errors_and_redirects_of_oss_are_shown_without_what_a_terminal_obeys() {
    let place = format!("http://elsewhere/{EVIL}");
    for (reply, said) in [(xml_error(), "evil "), (Reply::new(302).header("Location", place), "elsewhere/evil")] {
        let stub = Stub::start(move |_| reply.clone());
        let text = check(&format!(
            "name = oss\nbucket = b-{{kind}}\nkey_id = id\nkey = secret\nendpoint = {}\nregion = north\nsignature_version = v4",
            stub.host()
        ));
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn regions_and_storage_urls_of_swift_are_shown_without_what_a_terminal_obeys() {
    let catalog = serde_json::json!({"access": {"token": {"id": "token"}, "serviceCatalog": [
        {"type": "object-store", "endpoints": [{"region": format!("{EVIL}\u{1b}[2J\nSafe to switch: yes"), "publicURL": "http://x/"}]},
    ]}});
    let logins = [
        ("v2.0\ntenant = t\nregion = south", Reply::new(200).body(catalog.to_string())),
        ("v1.0", Reply::new(200).header("X-Auth-Token", "token").header("X-Storage-Url", format!("ftp://{EVIL}"))),
    ];
    for (version, login) in logins {
        let stub = Stub::start(move |_| login.clone());
        check(&format!(
            "name = swift\ncontainer = c-{{kind}}\nuser_name = u\npassword = p\nauth_host = {}\nauth_ver = {version}",
            stub.host()
        ));
    }
}

#[test]
fn whoever_answers_in_the_place_of_mysql_says_nothing_to_the_terminal() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut packet = vec![0, 0, 0, 0, 0xff, 0x15, 0x04];
        packet.extend_from_slice(format!("#28000{EVIL}\u{1b}[2J\nSafe to switch: yes").as_bytes());
        packet[0] = u8::try_from(packet.len() - 4).unwrap();
        let _ = std::io::Write::write_all(&mut stream, &packet);
    });
    let world = World::with_sample();
    let mut command = world.program();
    command.args(["fsck", "--db", &format!("mysql://u@127.0.0.1:{port}/d"), "--conf"]).arg(world.at("old"));
    let outcome = world.finish(command.arg("--data-dir").arg(world.at("old/seafile-data")).spawn().unwrap());
    answering.join().unwrap();
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(outcome.stderr.contains("evil "), "{}", outcome.stderr);
    assert!(!outcome.stderr.lines().any(|line| line.starts_with("Safe to switch")), "{}", outcome.stderr);
    assert_all_seen(&(outcome.stdout + &outcome.stderr));
}

#[test]
fn the_name_of_a_library_is_shown_in_no_other_way_by_lines_reports_and_pages() {
    let params = Params { files: 6, large_dir: 5, libraries: 1, commits: 3, ..Params::default() };
    let (world, store) = world_of(&params);
    let name = format!("{EVIL}\u{1b}[2J\r\nSafe to switch: yes: all of it");
    let table = Connection::open(db(&world)).unwrap();
    assert!(table.execute("UPDATE RepoInfo SET name = ?", [&name]).unwrap() > 0);
    drop(table);
    let block = store.libraries.iter().find_map(|library| {
        let files = &library.head().tree.files;
        files.values().find_map(|file| Some((library.store_id(), *file.blocks.first()?)))
    });
    let (library, id) = block.unwrap();
    let key = seaf_migrate::object::ObjectKey::new(library, id);
    fs::remove_file(object_path(&world.at("old/seafile-data"), ObjectKind::Blocks, &key)).unwrap();
    let (report, page) = (world.at("fsck.json"), world.at("fsck.html"));
    let mut command = world.program();
    command.args(["fsck", "--conf"]).arg(world.at("old")).arg("--data-dir").arg(world.at("old/seafile-data"));
    command.arg("--db").arg(db(&world)).arg("--report").arg(&report).arg("--html").arg(&page);
    let outcome = world.finish(command.spawn().unwrap()).assert_code(1);
    let text = outcome.stdout + &outcome.stderr;
    assert!(text.contains("evil "), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("Safe to switch")), "{text}");
    let (report, page) = (fs::read_to_string(&report).unwrap(), fs::read_to_string(&page).unwrap());
    [&text, &report, &page].into_iter().for_each(|text| assert_all_seen(text));
    let document: serde_json::Value = read_report(report.as_bytes());
    assert!(document.to_string().contains(&serde_json::Value::from(name).to_string()), "{report}");
}
