//! What a person who misspelt a name may have meant.

/// A name that looks like another is suggested from this similarity (0 to 1) on.
const SIMILAR: f64 = 0.6;

/// The one of the known names that looks most like this one, if any does.
pub(crate) fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let likeness = known.map(|known| (strsim::jaro_winkler(name, known), known));
    let (likeness, nearest) = likeness.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (likeness >= SIMILAR).then_some(nearest)
}
