//! The order in which people count: `n2` before `n10`.

/// A text as a sort key: runs of digits compare as numbers, and the text itself decides between `n01` and `n1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Natural {
    parts: Vec<Part>,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// Digits without leading zeros, shorter first: numbers of any length without overflow.
    Number(usize, String),
    Text(String),
}

impl Natural {
    pub(crate) fn new(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let digits = first.is_ascii_digit();
            let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
            let (part, after) = rest.split_at(end);
            parts.push(if digits {
                let number = part.trim_start_matches('0');
                Part::Number(number.len(), number.to_owned())
            } else {
                Part::Text(part.to_owned())
            });
            rest = after;
        }
        Self {
            parts,
            text: text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_as_numbers() {
        let mut names = ["n10", "n2", "n1", "rack2-n1", "rack10-n1", "n02", "ceph", "n2b"];
        names.sort_by_key(|name| Natural::new(name));
        assert_eq!(
            names,
            ["ceph", "n1", "n02", "n2", "n2b", "n10", "rack2-n1", "rack10-n1"]
        );
    }
}
