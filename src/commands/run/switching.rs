//! What to change in a server's configuration so that it works with the destination.

use std::path::Path;

use crate::commands::common::class_rename::ClassRename;
use crate::conf::{DescribedBy, SideConf, StoreConf, section_of};
use crate::object::ObjectKind;

/// How to switch a server that `from` describes to `to`, in sentences. Where variables say where the stores are, the server
/// does not look at its seafile.conf for that, so a new one in its place would change nothing.
/// Where nothing names the database that says so, the file `guessed` is to be looked at first.
/// The rows of the database that name storage classes by other ids than the new side are to be changed by `renames`.
pub fn how_to_switch(from: &SideConf, to: &SideConf, guessed: Option<&Path>, renames: &[ClassRename]) -> String {
    const VARIABLE: &str = "SEAF_SERVER_STORAGE_TYPE";
    // What stays in storage classes is named by the new files, too, as the same.
    let is_whole = to.staying().is_empty() || !classes_file(to).is_empty();
    let what = match (&from.described_by, &to.described_by) {
        (DescribedBy::Conf, DescribedBy::Conf) if is_whole => {
            format!("Put the new seafile.conf{} in place and start the server with it.", classes_file(to))
        }
        (DescribedBy::Conf, DescribedBy::Conf) => format!("{} Start the server with that.", sections(to)),
        (DescribedBy::Variables { place, storage_type }, DescribedBy::Conf) => format!(
            "Set {VARIABLE} to nothing, which is {storage_type} in {place}: as long as it has a value, the server does not \
             look into seafile.conf for its stores. {} Start the server with both.",
            if is_whole { format!("Put the new seafile.conf{} in place.", classes_file(to)) } else { all_sections(to) }
        ),
        (_, DescribedBy::Variables { storage_type, .. }) => format!(
            "Give the server the variables of {}, {VARIABLE} = {storage_type} among them{}, and start it with them.",
            to.path.display(),
            match classes_file(to) {
                "" => "",
                _ => ", the new seafile.conf and the storage classes file that it names",
            }
        ),
    };
    let first = guessed.map_or(String::new(), |file| {
        format!("First see that {} is this server's database, because nothing names it. ", file.display())
    });
    let first = format!("{first}{}", rows_first(renames));
    format!("{first}{what} If the server was not stopped before this pass began, stop it and run again first.")
}

/// What is to be put in place beside a new seafile.conf with storage classes.
fn classes_file(to: &SideConf) -> &'static str {
    let has_classes = to.stores.values().any(|store: &StoreConf| store.classes().is_some() && !store.stays);
    if has_classes { " and the storage classes file that it names" } else { "" }
}

/// How to change the rows of the database that name a storage class of the new side by another id, all in one statement,
/// because an id may be an old one and a new one.
fn rows_first(renames: &[ClassRename]) -> String {
    if renames.is_empty() {
        return String::new();
    }
    let text = |id: &str| format!("'{}'", id.replace('\'', "''"));
    let cases: Vec<String> =
        renames.iter().map(|rename| format!("WHEN {} THEN {}", text(&rename.old), text(&rename.new))).collect();
    let old: Vec<String> = renames.iter().map(|rename| text(&rename.old)).collect();
    format!(
        "Stop the server and change the storage classes in its database once: UPDATE RepoStorageId SET storage_id = CASE \
         storage_id {} END WHERE storage_id IN ({}); ",
        cases.join(" "),
        old.join(", ")
    )
}

/// What to do with seafile.conf where some kinds stay: the new one is not the whole truth, so it must not replace the old one.
fn sections(to: &SideConf) -> String {
    format!(
        "Put only {} of the new seafile.conf into that of the server, which must go on saying where the others are: {}.",
        moving(to),
        staying(to)
    )
}

/// The same where variables said until now where everything is, so that the server's seafile.conf need not say it of anything.
fn all_sections(to: &SideConf) -> String {
    let of_staying: Vec<String> = to.staying().into_iter().map(in_brackets).collect();
    format!(
        "Then its seafile.conf decides, which must name all three stores: {} as in the new seafile.conf, and {} with where the \
         others are, as the variables say: {}.",
        moving(to),
        of_staying.join(", "),
        staying(to)
    )
}

fn in_brackets(kind: ObjectKind) -> String {
    format!("[{}]", section_of(kind))
}

/// The sections of the kinds that move.
fn moving(to: &SideConf) -> String {
    let moving = ObjectKind::ALL.into_iter().filter(|kind| to.moves(*kind));
    moving.map(in_brackets).collect::<Vec<_>>().join(", ")
}

/// Where each of the others stays.
fn staying(to: &SideConf) -> String {
    let place = |kind| format!("{kind} stay in {}", to.store(kind).location());
    to.staying().into_iter().map(place).collect::<Vec<_>>().join(", ")
}
