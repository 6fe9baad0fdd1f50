//! What a record says of itself, for those who try it.

use crate::canonical::contract::SchemaId;
use crate::mapping::document::Only;
use crate::mapping::library::Library;
use crate::syntax::Diagnostics;

/// What a record says of itself.
#[derive(Clone, Debug)]
pub struct About {
    /// The schema of its canonical object; `None` where it is of a simple type.
    pub schema: Option<SchemaId>,
    /// Its arguments in order: the schema, and whether it is a list of them.
    pub needs: Vec<(Option<SchemaId>, bool)>,
    /// It claims to encode.
    pub encodes: bool,
    /// It claims to decode.
    pub decodes: bool,
}

impl Library {
    /// What a record says of itself.
    #[must_use]
    pub fn about(&self, record: &str) -> Option<About> {
        let record = self.record(record)?;
        let mut problems = Diagnostics::default();
        let mut needs = Vec::new();
        for need in &record.needs {
            let ty = self.named(&need.canonical, &mut problems);
            needs.push((ty.and_then(|ty| ty.schema()), need.list));
        }
        Some(About {
            schema: self.record_type(record, &mut problems)?.schema(),
            needs,
            encodes: record.goes(Only::Encode),
            decodes: record.goes(Only::Decode),
        })
    }
}
