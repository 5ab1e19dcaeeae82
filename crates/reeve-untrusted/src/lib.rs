//! Text from hosts, clouds and files, made safe to show: characters become visible that would otherwise steer a terminal, reorder text or hide in it.
//!
//! [`line()`] and [`block`] keep all of a text, [`short`] at most so many characters, [`printable`] as many as an error has room for. A terminal sequence in a pool name could recolour or rewrite what the operator reads, a bidirectional
//! override could turn a command around. Such characters are shown as `\u{202e}`; nothing is dropped, so what was there can be told.
//!
//! Sources: ECMA-48 (control functions; C1 controls work as one character in some terminals), UAX #9 (bidirectional formatting),
//! Unicode TR #36 and CVE-2021-42574 (reordered source text).

use std::borrow::Cow;

/// Most characters of a message from outside that are shown.
const MOST_OF_A_MESSAGE: usize = 600;

/// Columns between tab stops when a tab is turned into spaces.
const TAB_WIDTH: usize = 8;

/// Returns whether `c` steers, reorders or hides text instead of showing something.
///
/// Joiners (U+200C, U+200D) and variation selectors stay: scripts and emoji need them.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}'                  // soft hyphen
            | '\u{034f}'                // combining grapheme joiner
            | '\u{061c}'                // Arabic letter mark
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' // Hangul fillers
            | '\u{180e}'                // Mongolian vowel separator
            | '\u{200b}'                // zero width space
            | '\u{200e}' | '\u{200f}'   // left-to-right and right-to-left mark
            | '\u{2028}' | '\u{2029}'   // line and paragraph separator
            | '\u{202a}'..='\u{202e}'   // bidirectional embeddings and overrides
            | '\u{2060}'..='\u{206f}'   // word joiner, invisible operators, isolates, deprecated formatting
            | '\u{feff}'                // byte order mark
            | '\u{fff9}'..='\u{fffb}'   // interlinear annotation
            | '\u{e0000}'..='\u{e007f}' // tags
        )
}

/// Returns at most `most` characters of `text`, without white space at its ends, as [`line()`] shows them; `…` stands for what is cut.
///
/// What is escaped is longer than `most`, by at most ten characters each.
#[must_use]
pub fn short(text: &str, most: usize) -> String {
    let text = text.trim();
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", line(&text[..end])),
        None => line(text).into_owned(),
    }
}

/// Returns what a host or a cloud says, for an error: [`short`], with at most 600 characters.
#[must_use]
pub fn printable(text: &str) -> String {
    short(text, MOST_OF_A_MESSAGE)
}

/// Returns `text` as one line: line breaks and tabs become a space, other hidden characters become visible.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.trim_end_matches(['\n', '\r']).chars() {
        match c {
            '\n' | '\t' => shown.push(' '),
            // Half of a line break written as CR LF.
            '\r' => {}
            c => push(&mut shown, c),
        }
    }
    Cow::Owned(shown)
}

/// Returns `text` with its line breaks kept, tabs turned into spaces and other hidden characters made visible.
#[must_use]
pub fn block(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| is_hidden(c) && c != '\n') {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut column = 0;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\n' => {
                shown.push('\n');
                column = 0;
                continue;
            }
            '\r' if characters.peek() == Some(&'\n') => continue,
            '\t' => {
                let spaces = TAB_WIDTH - column % TAB_WIDTH;
                shown.extend(std::iter::repeat_n(' ', spaces));
                column += spaces;
                continue;
            }
            c => push(&mut shown, c),
        }
        column += 1;
    }
    Cow::Owned(shown)
}

fn push(shown: &mut String, c: char) {
    if is_hidden(c) {
        shown.extend(c.escape_unicode());
    } else {
        shown.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shows_what_would_steer_or_hide() {
        assert_eq!(line("\u{1b}[31mred\u{1b}[0m"), "\\u{1b}[31mred\\u{1b}[0m");
        assert_eq!(line("rm \u{202e}gpj\u{2069}"), "rm \\u{202e}gpj\\u{2069}");
        assert_eq!(line("\u{9b}2J\u{7f}\u{0}"), "\\u{9b}2J\\u{7f}\\u{0}");
        assert_eq!(line("one\r\ntwo\tthree\n"), "one two three");
        assert_eq!(line("größe 测试 👩‍💻"), "größe 测试 👩‍💻");
    }

    #[test]
    fn a_lone_carriage_return_cannot_overwrite_a_line() {
        assert_eq!(block("all lost\rall fine"), "all lost\\u{d}all fine");
        assert_eq!(block("a\r\nb"), "a\nb");
    }

    #[test]
    fn tabs_reach_the_next_stop() {
        assert_eq!(block("ab\tc\n\td"), "ab      c\n        d");
    }

    #[test]
    fn what_is_too_long_is_cut() {
        assert_eq!(short(" abcdef\n", 6), "abcdef");
        assert_eq!(short("äbcdef", 3), "äbc…");
        assert_eq!(short(" a\u{1b}[31mb\nc\u{202e} ", 600), "a\\u{1b}[31mb c\\u{202e}");
    }

    proptest! {
        #[test]
        fn no_more_is_shown_than_was_asked_for(text in any::<String>(), most in 0_usize..40) {
            let shown = short(&text, most);
            prop_assert!(!shown.chars().any(is_hidden));
            prop_assert!(shown.chars().count() <= most * 10 + 1);
        }

        #[test]
        fn a_line_has_no_hidden_character(text in any::<String>()) {
            prop_assert!(!line(&text).chars().any(is_hidden));
        }

        #[test]
        fn a_block_has_no_hidden_character_but_line_breaks(text in any::<String>()) {
            prop_assert!(!block(&text).chars().any(|c| is_hidden(c) && c != '\n'));
        }

        /// Random strings seldom hold these; this one is made of them.
        #[test]
        fn nothing_dangerous_survives(text in "[\\x00-\\x1f\\x7f-\\u{9f}\\u{200b}-\\u{200f}\\u{2028}-\\u{202e}\\u{2060}-\\u{206f}a\n]{0,40}") {
            let shown = block(&text);
            let steers = shown.contains(['\u{1b}', '\u{9b}', '\r']);
            prop_assert!(!steers);
            prop_assert!(!shown.chars().any(|c| is_hidden(c) && c != '\n'));
            prop_assert!(!line(&text).chars().any(is_hidden));
        }

        #[test]
        fn showing_twice_changes_nothing(text in any::<String>()) {
            let once = block(&text).into_owned();
            prop_assert_eq!(block(&once), once.as_str());
            let once = line(&text).into_owned();
            prop_assert_eq!(line(&once), once.as_str());
        }

        #[test]
        fn visible_text_is_kept(text in "[a-zäöü0-9 ,.:/_-]{0,60}") {
            prop_assert_eq!(line(&text), text.as_str());
            prop_assert_eq!(block(&text), text.as_str());
        }

        #[test]
        fn line_breaks_are_kept(text in "[a-z\n\t]{0,60}") {
            prop_assert_eq!(block(&text).matches('\n').count(), text.matches('\n').count());
        }
    }
}
