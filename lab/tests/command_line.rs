//! The command line without a laboratory: its help, and how it refuses.

#![expect(
    clippy::unwrap_used,
    reason = "the helper of a test fails as the test does: with a panic that names the place"
)]

use std::process::{Command, Output};

fn lab(words: &[&str]) -> (i32, String) {
    let state = tempfile::tempdir().unwrap();
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_lab"))
        .arg("--state")
        .arg(state.path())
        .args(words)
        .output()
        .unwrap();
    let text = [stdout, stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .concat();
    (status.code().unwrap_or(-1), text)
}

#[test]
fn the_help_names_every_command() {
    let (code, text) = lab(&["--help"]);
    assert_eq!(code, 0);
    for command in [
        "up", "down", "status", "shell", "logs", "exec", "env", "prepare", "list", "clean", "fault",
    ] {
        assert!(
            text.lines()
                .any(|line| line.trim_start().starts_with(&format!("{command} "))),
            "no `{command}` in {text}"
        );
    }
}

#[test]
fn wrong_usage_is_told_with_exit_code_2() {
    let cases: [(&[&str], &str); 12] = [
        (
            &["up", "rook", "--nodes", "6", "--no-kubernetes"],
            "--nodes 6: a laboratory has 1 to 5 nodes",
        ),
        (
            &["up", "rook", "--mons", "4", "--no-kubernetes"],
            "--mons 4: at least 1, at most one for each of the 3 nodes",
        ),
        (
            &["up", "rook", "--osds-per-node", "9", "--no-kubernetes"],
            "--osds-per-node 9: at most 8",
        ),
        (&["up", "rook", "--name", "Two"], "`Two` cannot name a laboratory"),
        (&["up", "vsphere"], "unrecognized subcommand"),
        (
            &["up", "openstack", "--break", "flood"],
            "there is no profile `flood`; there are missing-flavors",
        ),
        (&["exec", "--", "true"], "there is no laboratory `dev`"),
        (&["env"], "there is no laboratory `dev`"),
        (&["fault", "inject", "https"], "there is no laboratory `dev`"),
        (
            &["status"],
            "there is no laboratory `dev`; `lab list` shows those that are",
        ),
        (&["shell", "n1"], "there is no laboratory `dev`"),
        (&["fault", "inject", "earthquake"], "invalid value 'earthquake'"),
    ];
    for (words, expected) in cases {
        let (code, text) = lab(words);
        assert!(
            code == 2 && text.contains(expected),
            "lab {}: exit code {code}, {text}",
            words.join(" ")
        );
    }
}

#[test]
fn a_laboratory_that_is_not_there_is_as_down_as_can_be() {
    let (code, text) = lab(&["down"]);
    assert_eq!((code, text.trim()), (0, "there is no laboratory `dev`"));
    assert_eq!(lab(&["list"]), (0, String::new()));
}

#[test]
fn rook_that_is_not_there_is_told_with_the_way_to_build_it() {
    let nowhere = tempfile::tempdir().unwrap();
    let (code, text) = lab(&["up", "rook", "--rook", nowhere.path().to_str().unwrap()]);
    assert_eq!(code, 3, "{text}");
    for part in [
        "does not hold rook or rook-linux-",
        "operator.yaml",
        "go build -trimpath",
        "lab up rook --rook",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}
