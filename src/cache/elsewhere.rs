//! Writes that did not come through here: somebody tells of them, and what was remembered of what
//! they touched is forgotten, as if the write had been ours.
//!
//! Several gateways in front of one backend would hear of each other's writes the same way.

use crate::cache::CacheLayer;
use crate::canonical::{OperationId, Params, Payload, Tenant};

impl CacheLayer {
    /// Forgets what this write changes: what the request names, and what the answer to it would.
    /// Gives how many names that were; `None` where the answer cannot be read or names too many.
    #[must_use]
    pub fn written(
        &self,
        tenant: &Tenant,
        operation: OperationId,
        params: &Params,
        answer: Option<&Payload>,
    ) -> Option<usize> {
        let epochs = &self.shared.epochs;
        let facts = self.shared.facts(operation)?;
        let words = facts.moves(epochs, tenant, params, None, answer).ok()?;
        epochs.advance(&words);
        Some(words.len())
    }

    /// Forgets every answer with one of these tags.
    pub fn forget<'a>(&self, tenant: &Tenant, tags: impl IntoIterator<Item = &'a str>) -> usize {
        let epochs = &self.shared.epochs;
        let words: Vec<_> = tags.into_iter().map(|tag| epochs.word(tenant, tag)).collect();
        epochs.advance(&words);
        words.len()
    }
}
