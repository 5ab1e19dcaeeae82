//! Actions as text.

use reeve_journal::plan::{Action, Place};
use serde_json::Value;

/// Returns the object that an action applies, as lines of JSON; nothing for others.
pub(super) fn object(action: &Action) -> Vec<String> {
    let Action::Apply { object } = action else {
        return Vec::new();
    };
    let text = serde_json::to_string_pretty(object).unwrap_or_else(|_| object.to_string());
    text.lines().map(str::to_owned).collect()
}

/// Returns an action as one line that can be read and, where it is a command, typed.
pub fn line(action: &Action) -> String {
    match action {
        Action::Command { host, argv } => format!("{host}$ {}", shell(argv)),
        Action::Apply { object } => {
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
            let name = text("/metadata/name").unwrap_or("?");
            let name = text("/metadata/namespace").map_or_else(|| name.to_owned(), |it| format!("{it}/{name}"));
            format!("apply {} {name}:", text("/kind").unwrap_or("?"))
        }
        Action::Patch { object, patch } => format!("patch {object}: {patch}"),
        Action::Delete { object } => format!("delete {object}"),
        Action::Read { what, argv } if argv.is_empty() => format!("check: {what}"),
        Action::Read { what, argv } => format!("$ {}  # {what}", shell(argv)),
        Action::Wait { until } => format!("wait until {until}"),
        Action::WriteFile { path, content } => format!("write {path}: {content}"),
    }
}

/// Returns where a step works.
pub(super) fn place(place: &Place) -> String {
    match place {
        Place::Ceph => "Ceph".into(),
        Place::Kubernetes => "Kubernetes".into(),
        Place::Host(host) => host.clone(),
        Place::Here => "here".into(),
    }
}

/// Returns the words as a shell takes them: quoted where a shell would look at them.
fn shell(argv: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    let quoted = |word: &String| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    argv.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        let argv = ["ceph", "orch", "set", "backend", "", "it's", "a b", "$(x)"].map(str::to_owned);
        assert_eq!(shell(&argv), r"ceph orch set backend '' 'it'\''s' 'a b' '$(x)'");
    }
}
