//! A server of MySQL is not believed more than it must be: the password goes only to one that has proved who it is, and
//! nothing that it sends does more than fail.

use std::time::Duration;

use seaf_migrate::database::heads::Roots;
use seaf_migrate::database::{DatabaseError, parse};

use crate::support::fake_mysql::{END, FakeMysql, OK, Offer, QUESTION, answer_of, greeting, is_right_answer, packet};

const CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/ca.pem");
const PASSWORD: &[u8] = b"TopSecret-42";
const CACHING: &str = "caching_sha2_password";

fn read(url: &str) -> Result<Roots, DatabaseError> {
    Roots::from_conf(&parse(url).unwrap())
}

fn error(url: &str) -> String {
    let error = read(url).unwrap_err().to_string();
    assert!(!error.contains("TopSecret"), "{error}");
    error
}

fn holds(heard: &[u8], part: &[u8]) -> bool {
    heard.windows(part.len()).any(|bytes| bytes == part)
}

#[test]
fn a_server_that_asks_for_the_password_is_not_told_it() {
    // The first asks after the answer, the second has the account switched to the same method before.
    for switches in [false, true] {
        let server = FakeMysql::start(move |mut talk, _| {
            talk.say(&greeting(Offer::Clear, CACHING));
            talk.hear();
            if switches {
                talk.say(&[b"\xfecaching_sha2_password\0", &QUESTION[..], &[0]].concat());
                talk.hear();
            }
            talk.say(&[1, 4]);
            assert_eq!(talk.hear(), None, "neither the password nor a wish for a key");
        });
        let error = error(&server.url(""));
        assert!(error.contains("asks for the password itself") && error.contains("ssl-ca"), "{error}");
        assert!(!holds(&server.heard(), PASSWORD));
    }
}

#[test]
fn an_account_that_the_server_remembers_needs_no_more_than_an_answer() {
    let server = FakeMysql::start(|mut talk, _| {
        talk.say(&greeting(Offer::Clear, CACHING));
        let response = talk.hear().unwrap();
        assert!(is_right_answer(&answer_of(&response), PASSWORD), "the server compares it with what it has stored");
        talk.say(&[1, 3]);
        talk.say(OK);
        for statement in ["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION WITH CONSISTENT"] {
            let command = talk.hear().unwrap();
            assert!(command[0] == 3 && holds(&command, statement.as_bytes()), "{command:?}");
            talk.say(OK);
        }
        talk.hear();
        talk.say(&[&[0xff][..], &1146u16.to_le_bytes(), b"#42S02Table 'Repo' doesn't exist"].concat());
        assert_eq!(talk.hear(), Some(vec![1]), "it says good-bye");
    });
    let error = error(&server.url(""));
    assert!(error.contains("Table 'Repo' doesn't exist (error 1146)"), "{error}");
    server.heard();
}

/// A server that offers encryption, asks for the password itself, and has no tables.
fn encrypted(address: &str) -> FakeMysql {
    FakeMysql::start_at(address, |mut talk, tcp| {
        talk.say(&greeting(Offer::Tls, CACHING));
        let Some(request) = talk.hear() else { return };
        assert_eq!(request.len(), 32, "nothing is said before the encryption");
        let mut talk = talk.encrypt(tcp);
        if talk.hear().is_none() {
            return;
        }
        talk.say(&[1, 4]);
        if talk.hear().is_some() {
            talk.say(OK);
            talk.agree();
        }
    })
}

#[test]
fn the_password_is_told_to_a_server_that_has_proved_who_it_is() {
    let ca = format!("ssl-ca={CA}");
    for (options, address) in [
        (format!("ssl-mode=VERIFY_IDENTITY&{ca}"), "127.0.0.1:0"),
        (format!("ssl-mode=VERIFY_CA&{ca}"), "127.0.0.1:0"),
        // The certificate is made out to 127.0.0.1, which matters to nobody here.
        (format!("ssl-mode=verify_ca&{ca}"), "127.0.0.2:0"),
        (ca.clone(), "127.0.0.2:0"),
        ("ssl-mode=REQUIRED".to_owned(), "127.0.0.2:0"),
    ] {
        let server = encrypted(address);
        // Whoever has come so far has logged in; and a yes is no table without rows.
        let error = error(&server.url(&options));
        assert!(error.contains("answer to a query is none"), "{options}: {error}");
        assert!(holds(&server.heard(), &[PASSWORD, &[0]].concat()), "{options}");
    }
}

#[test]
fn a_server_that_cannot_prove_who_it_is_is_told_nothing() {
    let ca = format!("ssl-ca={CA}");
    let folder = tempfile::tempdir().unwrap();
    let (none, empty) = (folder.path().join("none.pem"), folder.path().join("empty.pem"));
    std::fs::write(&empty, "").unwrap();
    for (options, address, says) in [
        // Made out to 127.0.0.1.
        (format!("ssl-mode=VERIFY_IDENTITY&{ca}"), "127.0.0.2:0", "certificate"),
        // Of no authority that the system knows.
        ("ssl-mode=VERIFY_IDENTITY".to_owned(), "127.0.0.1:0", "certificate"),
        ("ssl-mode=VERIFY_CA".to_owned(), "127.0.0.1:0", "certificate"),
        (format!("ssl-ca={}", none.display()), "127.0.0.1:0", "none.pem"),
        (format!("ssl-ca={}", empty.display()), "127.0.0.1:0", "holds no certificate"),
    ] {
        let server = encrypted(address);
        let error = error(&server.url(&options));
        assert!(error.contains(says), "{options}: {error}");
        let heard = server.heard();
        assert!(heard.len() <= 32 && !holds(&heard, b"seafile"), "{options}: {heard:?}");
    }
}

#[test]
fn where_encryption_is_asked_for_nothing_is_said_in_clear() {
    let server = FakeMysql::start(|mut talk, _| {
        talk.say(&greeting(Offer::Clear, CACHING));
        assert_eq!(talk.hear(), None);
    });
    let error = error(&server.url("ssl-mode=REQUIRED"));
    assert!(error.contains("offers no encryption") && error.contains("use_ssl = false"), "{error}");
    assert!(server.heard().is_empty());
}

#[test]
fn what_is_slipped_in_before_the_encryption_is_no_part_of_it() {
    let server = FakeMysql::start(|mut talk, _| {
        let both = [packet(0, &greeting(Offer::Tls, CACHING)), packet(2, OK)].concat();
        talk.raw(&both).unwrap();
        talk.hear();
    });
    let error = error(&server.url("ssl-mode=REQUIRED"));
    assert!(error.contains("before the encryption"), "{error}");
    assert!(!holds(&server.heard(), b"seafile"));
}

/// A server that logs the client in, says yes to two statements, and then sends these packets.
fn answers(packets: Vec<Vec<u8>>) -> FakeMysql {
    FakeMysql::start(move |mut talk, _| {
        talk.say(&greeting(Offer::Clear, "mysql_native_password"));
        for _ in 0..3 {
            talk.hear();
            talk.say(OK);
        }
        talk.hear();
        packets.iter().for_each(|packet| talk.say(packet));
    })
}

#[test]
fn an_answer_that_is_not_as_it_must_be_is_an_error_and_never_less_rows() {
    let row = |cells: &[&[u8]]| cells.iter().flat_map(|cell| [&[cell.len() as u8], *cell].concat()).collect::<Vec<_>>();
    let answer = |columns: u8, rows: &[Vec<u8>]| {
        let columns = [vec![vec![columns]], vec![b"a column".to_vec(); usize::from(columns)], vec![END.to_vec()]];
        [columns.concat(), rows.to_vec()].concat()
    };
    let end = END.to_vec();
    for (packets, says) in [
        (vec![vec![]], "a packet is empty"),
        (vec![b"\xfb/etc/passwd".to_vec()], "answer to a query is none"),
        (vec![vec![0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]], "answer to a query is none"),
        (vec![vec![2], b"a".to_vec(), END.to_vec(), b"b".to_vec()], "more columns"),
        // Two cells are asked for.
        (answer(1, &[row(&[b"a"]), end.clone()]), "a row of 1 columns"),
        (answer(3, &[row(&[b"a", b"b", b"c"]), end.clone()]), "a row of 3 columns"),
        (answer(2, &[row(&[b"a"]), end.clone()]), "a row is not as its columns say"),
        (answer(2, &[row(&[b"a", b"b", b"c"]), end.clone()]), "a row is not as its columns say"),
        (answer(2, &[vec![9, b'a'], end.clone()]), "a row is not as its columns say"),
        (answer(2, &[vec![0xfe; 20], end.clone()]), "a row is not as its columns say"),
        (answer(2, &[row(&[b"a", b"b"])]), "the server closed it"),
        (answer(2, &[b"\xff\x25\x05#70100Query was interrupted".to_vec()]), "Query was interrupted (error 1317)"),
        (vec![], "the server closed it"),
    ] {
        let server = answers(packets.clone());
        let error = error(&server.url(""));
        assert!(error.contains(says), "{packets:?}: {error}");
        server.heard();
    }
}

#[test]
fn no_bytes_that_a_server_sends_make_it_panic_or_wait_for_ever() {
    let row = b"\x2400000000-0000-4000-8000-000000000001\x280000000000000000000000000000000000000001";
    let talk: Vec<Vec<u8>> = [
        &greeting(Offer::Clear, CACHING)[..],
        &[b"\xfecaching_sha2_password\0", &QUESTION[..], &[0]].concat(),
        &[1, 3],
        OK,
        OK,
        OK,
        &[2],
        b"a column",
        b"another",
        END,
        &row[..],
        END,
    ]
    .iter()
    .map(|packet| packet.to_vec())
    .collect();
    // Side by side, because some of them wait for what never comes.
    std::thread::scope(|scope| {
        for seed in 0..6 {
            let talk = &talk;
            scope.spawn(move || changed_talks(talk, seed));
        }
    });
}

/// A hundred talks of a server, each with one packet changed.
fn changed_talks(talk: &[Vec<u8>], seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..100 {
        let mut packets = talk.to_vec();
        let at = random.usize(..packets.len());
        let changed = &mut packets[at];
        match random.u32(..5) {
            0 => changed.clear(),
            1 => changed.truncate(random.usize(..changed.len())),
            2 => (0..random.usize(1..5)).for_each(|_| changed[random.usize(..talk[at].len())] = random.u8(..)),
            3 => *changed = (0..random.usize(..40)).map(|_| random.u8(..)).collect(),
            _ => changed.insert(random.usize(..changed.len()), [0, 0xfb, 0xfc, 0xfd, 0xfe, 0xff][random.usize(..6)]),
        }
        let raw = (random.u32(..20) == 0).then(|| (0..50).map(|_| random.u8(..)).collect::<Vec<_>>());
        let server = FakeMysql::start(move |mut talk, tcp| {
            // Client and server may wait for each other when a packet is not what it was.
            tcp.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            for (number, packet) in packets.iter().enumerate() {
                // After these the server speaks again before it is asked.
                if number > 0 && !matches!(number, 3 | 7..) {
                    talk.hear();
                }
                if let (true, Some(bytes)) = (number == at, &raw) {
                    let _ = talk.raw(bytes);
                    return;
                }
                talk.say(packet);
            }
        });
        // The other tables are not there for want of a server, if it comes to that.
        assert!(read(&server.url("")).is_err());
        server.heard();
    }
}
