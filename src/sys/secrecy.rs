//! Keeps keys and passwords out of what others can read of this process: its memory after a crash, and its command line.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// What stands in the place of a password, once for each of its bytes.
const BLANK: u8 = b'*';

/// The longest command line that is looked through, in bytes: Linux takes no longer one by itself.
const LONGEST: u64 = 8 << 20;

/// Has the system write no memory of this process to a file when it crashes, and no other process of the user read it.
///
/// # Errors
/// When the system refuses.
pub fn forbid_core_dumps() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // Beside the limit, because that does not count where the system hands dumps to a program.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Blanks the passwords of database URLs in the command line that the system shows of this process. To be called when
/// the program has its own copy of the arguments, and before [`forbid_core_dumps`], which closes the way to it.
///
/// # Errors
/// When the system does not say where the command line is, or does not let it be written.
pub fn blank_command_line() -> io::Result<()> {
    let (start, length) = command_line()?;
    // Through the kernel, which looks at the addresses first; the memory is this process's own.
    let memory = OpenOptions::new().read(true).write(true).open("/proc/self/mem")?;
    let mut text = vec![0; length];
    memory.read_exact_at(&mut text, start)?;
    let blanked = blank(&text);
    for (at, _) in text.iter().zip(&blanked).enumerate().filter(|(_, (before, after))| before != after) {
        memory.write_all_at(&blanked[at..=at], start + at as u64)?;
    }
    Ok(())
}

/// Where the command line is in memory, and how long. See `proc(5)`, fields 48 and 49 of `stat`.
fn command_line() -> io::Result<(u64, usize)> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name before them may hold blanks and brackets, so the fields are counted from its end.
    let fields: Vec<u64> = stat
        .rsplit_once(')')
        .map(|(_, fields)| fields.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect())
        .unwrap_or_default();
    let [start, end] = [45, 46].map(|at| fields.get(at).copied().unwrap_or(0));
    let length = end.checked_sub(start).filter(|length| start > 0 && *length <= LONGEST);
    let length = length.and_then(|length| usize::try_from(length).ok());
    length.map(|length| (start, length)).ok_or_else(|| io::Error::other("the system does not say where it is"))
}

/// The same arguments, each ended by a nul, without the passwords of their URLs. As for
/// who reads the URL, the password is between the first colon and the last at sign.
fn blank(arguments: &[u8]) -> Vec<u8> {
    let mut blanked = arguments.to_vec();
    for argument in blanked.split_mut(|byte| *byte == 0) {
        let scheme = [&b"mysql://"[..], b"mariadb://"].into_iter().find_map(|scheme| {
            let at = argument.windows(scheme.len()).position(|part| part.eq_ignore_ascii_case(scheme))?;
            Some(at + scheme.len())
        });
        let Some(rest) = scheme.map(|at| &mut argument[at..]) else { continue };
        let Some(end) = rest.iter().rposition(|byte| *byte == b'@') else { continue };
        let Some(colon) = rest[..end].iter().position(|byte| *byte == b':') else { continue };
        rest[colon + 1..end].fill(BLANK);
    }
    blanked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_url_the_password_is_blanked_and_nothing_else() {
        for (given, shown) in [
            ("mysql://u:secret@h:3306/d", "mysql://u:******@h:3306/d"),
            ("--db=mysql://u:p@ss:w@h/d?socket=/x", "--db=mysql://u:******@h/d?socket=/x"),
            ("mariadb://u:s@[::1]:1/d", "mariadb://u:*@[::1]:1/d"),
            ("MySQL://u:s@h/d", "MySQL://u:*@h/d"),
            ("mysql://u@h:3306/d", "mysql://u@h:3306/d"),
            ("mysql://u:@h/d", "mysql://u:@h/d"),
            ("a:b@c", "a:b@c"),
        ] {
            let text = format!("seaf-migrate\0run\0--db\0{given}\0--to\0x:y@z\0");
            let expected = format!("seaf-migrate\0run\0--db\0{shown}\0--to\0x:y@z\0");
            assert_eq!(String::from_utf8(blank(text.as_bytes())).unwrap(), expected);
        }
    }

    #[test]
    fn the_command_line_is_found() {
        let (start, length) = command_line().unwrap();
        let mut text = vec![0; length];
        std::fs::File::open("/proc/self/mem").unwrap().read_exact_at(&mut text, start).unwrap();
        assert_eq!(text, std::fs::read("/proc/self/cmdline").unwrap());
    }
}
