//! The descriptions as YAML, with what a person has to know as comments.

use super::{Adoption, DescribedPool};

const HEAD: &str = "\
# CephBlockPools for pools that are there already. Applying them changes no pool.
# DELETING one of these objects deletes its pool, if it holds no image.
";

impl DescribedPool {
    /// Returns the description as one YAML document, with the comments that belong to it.
    pub fn yaml(&self) -> String {
        let mut text = String::new();
        if let Some(rule) = &self.adds_rule {
            text.push_str(&format!(
                "# Rook adds CRUSH rule {}, which no pool uses; no data moves.\n",
                plain(rule)
            ));
        }
        text.push_str(
            &serde_saphyr::to_string(&self.object).expect("the object holds texts, numbers and booleans only"),
        );
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }
}

impl Adoption {
    /// Returns all descriptions as YAML documents in one text, and the pools that are left as comments.
    pub fn yaml(&self) -> String {
        let mut text = HEAD.to_owned();
        for left in &self.left {
            text.push_str(&format!(
                "# Left: pool {}: {}.\n",
                plain(&left.pool),
                plain(&left.because)
            ));
        }
        for described in &self.described {
            text.push_str("---\n");
            text.push_str(&described.yaml());
        }
        text
    }
}

/// Returns text that stays in its comment: one line without control characters.
fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let hidden = c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if hidden {
                c.escape_unicode().collect::<Vec<_>>()
            } else {
                vec![c]
            }
        })
        .collect()
}
