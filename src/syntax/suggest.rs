//! "Did you mean …?"

/// The candidate nearest to `word`, when it is near enough to be a slip of the keyboard.
#[must_use]
pub fn closest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1.max(candidate.len().min(word.len()) / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn a_slip_is_found_and_a_stranger_is_not() {
        assert_eq!(closest("statsu", ["status", "state"]), Some("status"));
        assert_eq!(
            closest("contact_last_sen_at", ["contact_last_seen_at"]),
            Some("contact_last_seen_at")
        );
        assert_eq!(closest("zebra", ["status", "state"]), None);
    }
}
