//! `version`

use serde_json::json;

use crate::cli::args::{Report, Version};
use crate::cli::{Console, Exit};
use crate::dialect::embedded::Files;
use crate::{REVISION, VERSION};

pub(super) fn run(args: &Version, console: &mut Console<'_>) -> Exit {
    let mappings = Files::embedded().digest();
    console.say(&match args.format {
        Report::Text => {
            format!("deskbridge {VERSION}\nrevision   {REVISION}\nmappings   sha256:{mappings}\n")
        }
        Report::Json => {
            let version = json!({
                "version": VERSION,
                "revision": REVISION,
                "mappings": format!("sha256:{mappings}"),
            });
            format!("{version:#}\n")
        }
    });
    Exit::Done
}
