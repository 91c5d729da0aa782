//! Real bytes of every format that a fuzz target reads: what it changes first.

use std::path::Path;

use seaf_migrate::object::ObjectKind;

use super::listing::{BETWEEN, key};
use super::mysql::{FIRST, GREETING, OK};
use super::swift_login::TOKEN;
use crate::support::sample;

/// The stored bytes of the sample's commits, or fs objects, as far as they are short.
pub fn objects(kind: ObjectKind) -> Vec<Vec<u8>> {
    let of_kind = sample::sample_objects().into_iter().filter(|(found, ..)| *found == kind);
    of_kind.map(|(_, _, data)| data).filter(|data| data.len() < 4000).collect()
}

/// The same fs objects as they are before they are compressed.
pub fn json_of_fs_objects() -> Vec<Vec<u8>> {
    let unzipped = |data: Vec<u8>| {
        let mut json = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(&data[..]), &mut json).unwrap();
        json
    };
    objects(ObjectKind::Fs).into_iter().map(unzipped).collect()
}

/// A file and a directory in the legacy format.
pub fn legacy_objects() -> Vec<Vec<u8>> {
    let file = [&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 60][..], &[7; 60]].concat();
    let entry = |name: &[u8]| {
        [&[0, 0, 0x81, 0xa4][..], &[b'a'; 40], &[0, 0, 0, u8::try_from(name.len()).unwrap()], name].concat()
    };
    let dir = [vec![0, 0, 0, 3], entry(b"a.txt"), entry(&[b'x'; 200]), entry("é".as_bytes())].concat();
    vec![file, dir]
}

/// Every example of a seafile.conf, a `.env` file, and a file of storage classes.
pub fn configurations() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf");
    let entries = std::fs::read_dir(root.join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let mut seeds: Vec<Vec<u8>> = entries.map(|path| std::fs::read(path).unwrap()).collect();
    // Only the options, because a changed explanation has no effect.
    let example = std::fs::read_to_string(root.join("seafile.conf.example")).unwrap();
    let options =
        example.lines().filter_map(|line| line.strip_prefix('#')).filter(|line| !line.starts_with([' ', '#']));
    seeds.push(options.collect::<Vec<_>>().join("\n").into_bytes());
    seeds.push(
        b"SEAF_SERVER_STORAGE_TYPE=s3\nexport S3_KEY_ID='id' # x\nS3_SECRET_KEY=\"a\\\"b\"\nS3_HOST=[::1]:9000\n"
            .to_vec(),
    );
    let store =
        "{\"backend\": \"s3\", \"bucket\": \"b-KIND\", \"key_id\": \"i\", \"key\": \"k\\n\", \"use_https\": true}";
    let kinds = ["commits", "fs", "blocks"].map(|kind| format!("\"{kind}\":\n{}", store.replace("KIND", kind)));
    let folders =
        ["commits", "fs", "blocks"].map(|kind| format!("\"{kind}\": {{\"backend\": \"fs\", \"dir\": \"/d\"}}"));
    seeds.push(
        format!(
            "[{{\"storage_id\": \"hot\", \"is_default\": true, {}}},\n {{\"storage_id\": \"cold\", {}}}]",
            folders.join(", "),
            kinds.join(", ").replace("\\n", "")
        )
        .into_bytes(),
    );
    assert!(seeds.len() >= 9);
    seeds
}

/// Names in order, out of order and twice, with blank and strange lines between them.
pub fn text_lists() -> Vec<Vec<u8>> {
    let names = [3, 1, 2, 2, 9].map(|n| key(n).to_string());
    vec![names.join("\n").into_bytes(), format!("\r\n{}\r\nnot a name\n\n {} \n", names[0], names[1]).into_bytes()]
}

/// Reports of a run, a verification and a check.
pub fn reports() -> Vec<Vec<u8>> {
    let row = |step: &str| {
        let (library, object) = (key(1).library, key(1).id);
        format!(
            r#"{{"kind":"fs","library":"{library}","object":"{object}","step":"{step}","error":"timeout","cause":"\u00fc"}}"#
        )
    };
    let (read, sync, library) = (row("read"), row("sync"), key(1).library);
    let found = format!(
        r#"{{"id":"{library}","store_id":null,"findings":[{{"kind":"blocks","id":"{}","what":"wrong_size"}}],"more_findings":2}}"#,
        key(2).id
    );
    let to = r#"["s3:new/commits","s3:new/fs","s3:new/blocks"]"#;
    let reports = [
        format!(
            r#"{{"version":1,"command":"run","result":"failures","from":{to},"to":{to},"failures":[{read},{sync}],"heads":{{"not_whole":{{"libraries":[{found}]}},"damaged_in_source":null}}}}"#
        ),
        format!(r#"{{"version":1,"command":"verify","to":{to},"findings":[{read}],"unchecked":[],"libraries":[]}}"#),
        format!(r#"{{"version":1,"command":"fsck","side":{to},"damaged":[{read}],"libraries":[{found}]}}"#),
    ];
    reports.map(String::into_bytes).to_vec()
}

/// Listings of one and of two answers, by each service.
pub fn listings() -> Vec<Vec<u8>> {
    let entry = |n| format!("<Contents><Key>{}</Key><Size>{n}</Size></Contents>", key(n));
    let (start, end) = ("<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"http://x/\">", "</ListBucketResult>");
    let more = |more| format!("<EncodingType>url</EncodingType><IsTruncated>{more}</IsTruncated>");
    let whole = format!("{start}{}{}{}{end}", more(false), entry(3), entry(4));
    let strange = format!("<Contents><Key>{}x%2B+&amp;<![CDATA[<]]></Key></Contents>", key(2));
    let first = format!("{start}{}{strange}{end}", more(true));
    let empty =
        format!("{start}{}<NextContinuationToken>t</NextContinuationToken><NextMarker>m</NextMarker>{end}", more(true));
    let swift = |names: &[u8]| {
        let rows = names.iter().map(|n| format!(r#"{{"name":"{}","bytes":{n},"hash":"x"}}"#, key(*n)));
        format!("[{}]", rows.collect::<Vec<_>>().join(","))
    };
    let with = |service: u8, range: u8, bodies: &[&str]| {
        let bodies: Vec<&[u8]> = bodies.iter().map(|body| body.as_bytes()).collect();
        [&[service, range, 200][..], &bodies.join(&BETWEEN)].concat()
    };
    let mut seeds = Vec::new();
    for service in 0..3 {
        seeds.extend([
            with(service, 0x10, &[&whole]),
            with(service, 0x3f, &[&whole]),
            with(service, 0x34, &[&first, &whole]),
            with(service, 0x3f, &[&empty, &empty.replace(">t<", ">u<").replace(">m<", ">n<"), &whole]),
        ]);
    }
    seeds.extend([with(3, 0x10, &[&swift(&[1, 2, 3])]), with(3, 0x3f, &[&swift(&[3, 9])]), with(3, 0x3f, &["[]"])]);
    seeds
}

/// Answers to the three ways to log in.
pub fn swift_logins() -> Vec<Vec<u8>> {
    let catalog =
        |endpoint: &str| format!(r#"[{{"type":"object-store","endpoints":[{endpoint}]}},{{"type":"volume"}}]"#);
    let v2 = catalog(r#"{"region":"RegionOne","publicURL":"https://swift.example/v1/AUTH_x/"}"#);
    let v3 = catalog(r#"{"interface":"public","region_id":"RegionOne","url":"https://swift.example/v1/AUTH_x"}"#);
    let v1 = format!("x-auth-token:{TOKEN}\nx-storage-url:https://swift.example/v1/AUTH_x\n\n");
    let v2 = format!(r#"{{"access":{{"token":{{"id":"{TOKEN}"}},"serviceCatalog":{v2}}}}}"#);
    let v3 = format!("x-subject-token:{TOKEN}\n\n{{\"token\":{{\"catalog\":{v3}}}}}");
    let with = |setting: u8, status: u8, answered: &str| [&[setting, status], answered.as_bytes()].concat();
    let mut seeds = Vec::new();
    // 192 is a multiple of three: the version stays, and TLS and a region are asked for.
    for (version, answered) in [v1, v2, v3].iter().enumerate() {
        let version = u8::try_from(version).unwrap();
        seeds.extend([with(version, 0, answered), with(version + 192, 1, answered)]);
    }
    seeds.push(with(0, 2, "location:http://elsewhere.example/\n\n<html>moved</html>"));
    seeds
}

/// A login, a login and tables with rows, and a refusal.
pub fn mysql_answers() -> Vec<Vec<u8>> {
    const END: &[u8] = &[0xfe, 0, 0, 2, 0];
    let packet =
        |flags: u16, payload: &[u8]| [&(u16::try_from(payload.len()).unwrap() | flags).to_le_bytes(), payload].concat();
    let cell = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let answer = |columns: u8, rows: &[Vec<u8>]| {
        let mut all = packet(FIRST, &[columns]);
        (0..columns).for_each(|_| all.extend(packet(0, b"\x03def")));
        all.extend(packet(0, END));
        rows.iter().for_each(|row| all.extend(packet(0, row)));
        [all, packet(0, END)].concat()
    };
    let (library, other, head) =
        (key(1).library.to_string(), "0".repeat(8) + "-0000-0000-0000-000000000000", key(1).id);
    let head = head.to_string();
    let live = answer(2, &[[cell(&library), cell(&head)].concat(), [cell(&other), vec![0xfb]].concat()]);
    let missing = packet(FIRST, b"\xff\x7a\x04#42S02no such table");
    let names = [answer(1, &[]), answer(2, &[[cell(&library), cell("a name \u{1b}[2J")].concat()])].concat();
    let numbers = [answer(1, &[]), answer(2, &[[cell(&library), cell("-1")].concat()])].concat();
    let virtuals = [answer(1, &[]), answer(3, &[[cell(&other), cell(&library), cell(&head)].concat()])].concat();
    let tables = [live, missing.clone(), names, numbers.clone(), numbers, virtuals, missing].concat();
    let login = [packet(0, GREETING), packet(0, OK), packet(FIRST, OK), packet(FIRST, OK)].concat();
    let switched = [&[0xfe][..], b"caching_sha2_password\0ABCDEFGHIJKLMNOPQRST\0"].concat();
    let refused = [packet(0, GREETING), packet(0, b"\xff\x15\x04#28000Access denied")].concat();
    vec![
        [&[2], &tables[..]].concat(),
        [&[1], &login[..], &tables[..]].concat(),
        [&[1], &packet(0, GREETING)[..], &packet(0, &switched)].concat(),
        [&[1], &refused[..]].concat(),
        [&[0], &super::mysql::framed(0, GREETING)[..], &super::mysql::framed(2, OK)].concat(),
    ]
}
