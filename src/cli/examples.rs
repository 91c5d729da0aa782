//! What the help says below the options: calls to begin with, and the exit codes.

/// What `--help` says below the options.
pub(super) const EXAMPLES: &str = "\
Examples:
  Copy everything while the server is live, then once more with it stopped:
    seaf-migrate run --from /opt/seafile/conf \\
        --data-dir /opt/seafile/seafile-data --to /opt/new

  See first whether every store answers, and what there is to do:
    seaf-migrate check --from /opt/seafile/conf \\
        --data-dir /opt/seafile/seafile-data --to /opt/new
    seaf-migrate plan --from /opt/seafile/conf \\
        --data-dir /opt/seafile/seafile-data --to /opt/new

  See in the end that every library is whole on the new side, and whether it
  is safe to switch:
    seaf-migrate run --from … --to … \\
        --db mysql://seafile@127.0.0.1/seafile_db \\
        --db-password-file /root/db-password

  See afterwards that everything is there, and read it over some days at
  50 MiB a second:
    seaf-migrate verify --from … --to …
    seaf-migrate verify --from … --to … --content --bandwidth 50M \\
        --checkpoint /var/lib/seaf-migrate/verify

  Keep the result as a page for a browser, and as JSON for programs:
    seaf-migrate run --from … --to … \\
        --html result.html --report result.json

  Remember what the destination holds, so that the second pass need not list
  it:
    OBJECT_LIST_FILE_PATH=/var/lib/seaf-migrate/objects \\
        seaf-migrate run --from … --to …

  Copy only what failed in a run that wrote a report:
    seaf-migrate run --from … --to … \\
        --retry-failed report.json --report report.json

Exit codes:
  0  every object that the pass saw in the source is in the destination
  1  some objects failed, a library is not whole at the destination, a store or
     a disk of this machine is full, or a check has findings; the report names
     them
  2  the command line or a configuration file is wrong; nothing was done
  3  a store or the database cannot be reached, or a store cannot be listed or
     written
  4  another run is writing to this destination
  5  with --strict: all is there, but the source itself holds damaged objects
  130, 143  interrupted; what was done is saved";

/// What `repair --help` says below the options.
pub(super) const REPAIR_EXAMPLES: &str = "\
Examples:
  See what a verification found wrong, and what of it can be repaired:
    seaf-migrate verify --from /opt/seafile/conf --to /opt/new \\
        --content --report verify.json
    seaf-migrate repair verify.json --from /opt/seafile/conf --to /opt/new \\
        --dry-run

  Repair it, from a backup what the old side does not have right:
    seaf-migrate repair verify.json --from /opt/seafile/conf \\
        --from /mnt/backup/conf --to /opt/new --report repair.json

  Repair what a check of the new side and a run name as well:
    seaf-migrate fsck --conf /opt/new --report fsck.json
    seaf-migrate repair fsck.json run.json --from … --to /opt/new

Exit codes:
  0  everything that the reports name is right on the new side, or with
     --dry-run can be
  1  something is left, because no source has it right; the report names it
  2  a report is of no use, or the command line or a configuration file is
     wrong; nothing was done
  3  a store cannot be reached, read or written
  4  another run is writing to this destination
  130, 143  interrupted; what was repaired stays";

/// What `remove --help` says below the options.
pub(super) const REMOVE_EXAMPLES: &str = "\
Examples:
  After `seaf-migrate verify --content` found nothing wrong, and with the server
  on the new side or stopped, see what would go:
    seaf-migrate remove --from /opt/seafile/conf \\
        --data-dir /opt/seafile/seafile-data --to /opt/new

  Remove it, each object read at the destination first, at most 200 a second:
    seaf-migrate remove --from … --to … --content --rate 200 --yes

  Only one library:
    seaf-migrate remove --from … --to … \\
        --library 3f8a9c1e-7b42-4d0e-9a55-0c1d2e3f4a5b --yes

  What a folder held is in quarantine then. Bring it back, or delete it for
  good, which asks the new side once more:
    seaf-migrate remove --from … --to … --restore --yes
    seaf-migrate remove --from … --to … --purge --yes

Exit codes:
  0  all that the source holds was removed, or would be
  1  some objects were kept, because the destination does not vouch for them;
     the report names them
  2  the conditions for removing are not met, or the configuration is wrong;
     nothing was done
  3  a store or the database cannot be reached
  4  a run is under way
  130, 143  interrupted; the journal names what was removed";

/// What `repo --help` ends with.
pub(super) const REPO_EXAMPLES: &str = "\
Examples:
  Every library of class hot, and first what that would be:
    seaf-migrate repo hot cold --conf /opt/seafile/conf --dry-run
    seaf-migrate repo hot cold --conf /opt/seafile/conf

  One library:
    seaf-migrate repo 3f8a9c1e-7b42-4d0e-9a55-0c1d2e3f4a5b hot cold \\
        --conf /opt/seafile/conf

  What is on its way, and how far each library is:
    seaf-migrate repo --status

  What is left of a library in the class that it left:
    seaf-migrate repo 3f8a9c1e-7b42-4d0e-9a55-0c1d2e3f4a5b hot --remove \\
        --conf /opt/seafile/conf --yes

Each library is copied and read back while it is in use, is read-only for a
short last pass, and changes its class in one transaction that gives it its
status back. What a kill leaves, the same command goes on with.

Exit codes:
  0  every library has arrived
  1  a library is not whole in its new class, and stays in its old one
  2  the command line, the configuration or the database does not allow it
  3  a store or the database cannot be reached
  4  another process moves that library, or writes to that class
  130, 143  interrupted; the library is in its old class, with its status";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_example_is_wider_than_a_terminal_of_80_columns() {
        for text in [EXAMPLES, REPAIR_EXAMPLES, REMOVE_EXAMPLES, REPO_EXAMPLES] {
            let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
            assert!(wide.is_empty(), "a command would break: {wide:#?}");
        }
    }
}
