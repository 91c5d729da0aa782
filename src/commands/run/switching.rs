//! What to change in a server's configuration so that it works with the destination.

use crate::conf::{DescribedBy, SideConf};

/// How to switch a server that `from` describes to `to`, in sentences. Where variables say where the stores are, the server
/// does not look at its seafile.conf for that, so a new one in its place would change nothing.
pub fn how_to_switch(from: &SideConf, to: &SideConf) -> String {
    const VARIABLE: &str = "SEAF_SERVER_STORAGE_TYPE";
    let what = match (&from.described_by, &to.described_by) {
        (DescribedBy::Conf, DescribedBy::Conf) => {
            "Put the new seafile.conf in place and start the server with it.".to_owned()
        }
        (DescribedBy::Variables { place, storage_type }, DescribedBy::Conf) => format!(
            "Set {VARIABLE} to nothing, which is {storage_type} in {place}: as long as it has a value, the server does not \
             look into seafile.conf for its stores. Put the new seafile.conf in place, and start the server with both."
        ),
        (_, DescribedBy::Variables { storage_type, .. }) => format!(
            "Give the server the variables of {}, {VARIABLE} = {storage_type} among them, and start it with them.",
            to.path.display()
        ),
    };
    format!("{what} If the server was not stopped before this pass began, stop it and run again first.")
}
