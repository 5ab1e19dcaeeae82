//! Texts that come from a cluster or a file and go to a terminal.

/// Longest text from outside that is shown, in characters.
const MAX_SHOWN: usize = 600;

/// Returns `text` in one line that is safe on a terminal, cut after [`MAX_SHOWN`] characters.
pub(crate) fn printable(text: &str) -> String {
    reeve_untrusted::short(text, MAX_SHOWN)
}
