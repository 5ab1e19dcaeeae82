//! Texts that come from a cloud or a file and go to a terminal.

/// Longest text from outside that is shown.
pub(crate) const MAX_SHOWN: usize = 600;

/// Returns `text` in one line that is safe on a terminal: control characters escaped, at most [`MAX_SHOWN`] characters.
pub(crate) fn printable(text: &str) -> String {
    let text = text.trim();
    let mut shown = String::new();
    for c in text.chars().take(MAX_SHOWN) {
        match c {
            '\n' => shown.push(' '),
            // Also the C1 controls and the marks that turn the direction of writing.
            c if c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c) => {
                shown.extend(c.escape_unicode());
            }
            c => shown.push(c),
        }
    }
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(printable(" a\u{1b}[31mb\nc\u{202e} "), "a\\u{1b}[31mb c\\u{202e}");
        assert_eq!(printable(&"x".repeat(700)).chars().count(), MAX_SHOWN + 1);
    }
}
