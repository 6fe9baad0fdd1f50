//! Every shipped record, in every direction it claims.

use crate::mapping::{Library, Settings};
use crate::syntax::{Diagnostics, Sources};

use super::{contract, file};

#[test]
fn shipped_records_compile_in_every_direction_they_claim() {
    for dialect in ["public-inbox", "account", "third-party"] {
        let mut sources = Sources::default();
        let contract = contract(&mut sources);
        let records = file(&mut sources, &format!("mappings/{dialect}/records.yaml"));
        let enums = file(&mut sources, &format!("mappings/{dialect}/enums.yaml"));
        let mut d = Diagnostics::default();
        let settings = Settings { system: dialect.into(), ..Settings::default() };
        let library = Library::read(contract, settings, &[&records], &[&enums], &mut d);
        library.check(&mut d);
        assert!(d.is_empty(), "{dialect}\n{}", d.render(&sources, false));
        for name in library.record_names() {
            let both = [false, true].map(|decode| library.program(name, decode).is_some());
            assert!(both.contains(&true), "{dialect}: {name} compiles in no direction");
        }
    }
}
