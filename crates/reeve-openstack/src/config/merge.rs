//! How sections are laid over each other.
//!
//! Source of the rules: openstacksdk 4.10: `openstack/config/_util.py` – `merge_clouds`; `openstack/config/loader.py` – `_auth_update`.

use super::tree::{Node, Section};

/// Lays `new` over `old`, section by section: what both have is taken from `new`, except sections, which are merged.
pub(crate) fn merge(mut old: Section, new: Section) -> Section {
    for (key, value) in new {
        let merged = match (old.remove(&key), value) {
            (Some(Node::Map(below)), Node::Map(over)) => Node::Map(merge(below, over)),
            (_, value) => value,
        };
        old.insert(key, merged);
    }
    old
}

/// Lays `new` over `old`: everything of `new` replaces, except `auth`, which is merged one level deep.
pub(crate) fn update(old: &mut Section, new: Section) {
    for (key, value) in new {
        match (key.as_str(), old.get_mut(&key), value) {
            ("auth", Some(Node::Map(below)), Node::Map(over)) => below.extend(over),
            (_, _, value) => {
                old.insert(key, value);
            }
        }
    }
}

/// Like [`update`], but nothing replaces with nothing: what is `null` in `new` leaves `old` as it is.
pub(crate) fn update_with_values(old: &mut Section, new: Section) {
    update(old, new.into_iter().filter(|(_, value)| *value != Node::Null).collect());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn node() -> impl Strategy<Value = Node> {
        let leaf = prop_oneof![Just(Node::Null), "[a-c]{0,2}".prop_map(Node::Text)];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Node::List),
                prop::collection::btree_map("[a-d]|auth", inner, 0..4).prop_map(Node::Map),
            ]
        })
    }

    fn section() -> impl Strategy<Value = Section> {
        prop::collection::btree_map("[a-d]|auth", node(), 0..5)
    }

    fn leaves(section: &Section, above: &str, into: &mut Vec<(String, Node)>) {
        for (key, value) in section {
            let path = format!("{above}/{key}");
            match value {
                Node::Map(map) => leaves(map, &path, into),
                other => into.push((path, other.clone())),
            }
        }
    }

    proptest! {
        #[test]
        fn everything_of_the_upper_section_is_there(old in section(), new in section()) {
            let (mut of_new, mut of_merged) = (Vec::new(), Vec::new());
            leaves(&new, "", &mut of_new);
            leaves(&merge(old, new), "", &mut of_merged);
            for leaf in of_new {
                prop_assert!(of_merged.contains(&leaf), "{leaf:?} was lost");
            }
        }

        #[test]
        fn a_second_time_changes_nothing(old in section(), new in section()) {
            let once = merge(old, new.clone());
            prop_assert_eq!(merge(once.clone(), new), once);
        }

        #[test]
        fn order_of_layers_is_all_that_counts(a in section(), b in section(), c in section()) {
            // Holds where no scalar meets a section, which is where the two would hide each other; nothing else is promised.
            prop_assert_eq!(merge(Section::new(), a.clone()), a.clone());
            prop_assert_eq!(merge(a.clone(), Section::new()), a.clone());
            let keys = |s: &Section| s.keys().cloned().collect::<Vec<_>>();
            prop_assert_eq!(keys(&merge(merge(a.clone(), b.clone()), c.clone())), keys(&merge(a, merge(b, c))));
        }

        #[test]
        fn nothing_does_not_replace(old in section(), new in section()) {
            let mut updated = old.clone();
            update_with_values(&mut updated, new.clone());
            for (key, value) in &old {
                if matches!(new.get(key), None | Some(Node::Null)) {
                    prop_assert_eq!(updated.get(key), Some(value));
                }
            }
        }
    }

    #[test]
    fn auth_is_merged_and_the_rest_replaced() {
        let text = |text: &str| Node::Text(text.to_owned());
        let mut old = Section::from([
            (
                "auth".to_owned(),
                Node::Map(Section::from([
                    ("a".to_owned(), text("1")),
                    ("b".to_owned(), text("1")),
                ])),
            ),
            (
                "other".to_owned(),
                Node::Map(Section::from([("a".to_owned(), text("1"))])),
            ),
        ]);
        update(
            &mut old,
            Section::from([
                (
                    "auth".to_owned(),
                    Node::Map(Section::from([("b".to_owned(), text("2"))])),
                ),
                (
                    "other".to_owned(),
                    Node::Map(Section::from([("b".to_owned(), text("2"))])),
                ),
            ]),
        );
        let auth = old["auth"].map().unwrap();
        assert_eq!((auth["a"].text(), auth["b"].text()), (Some("1"), Some("2")));
        assert_eq!(old["other"].map().unwrap().keys().collect::<Vec<_>>(), ["b"]);
    }
}
