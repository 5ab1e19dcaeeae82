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
                reeve_untrusted::line(rule)
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
                reeve_untrusted::line(&left.pool),
                reeve_untrusted::line(&left.because)
            ));
        }
        for described in &self.described {
            text.push_str("---\n");
            text.push_str(&described.yaml());
        }
        text
    }
}
