//! Who serves what, in words.

use reeve_ceph::DaemonName;

use super::*;

fn serving(name: &str, by: ServedBy) -> Serving {
    Serving {
        daemon: name.parse::<DaemonName>().unwrap(),
        host: "n1".into(),
        unit: "unit".into(),
        by,
    }
}

#[test]
fn daemons_are_named_by_who_serves_them() {
    let mut all: Vec<Serving> = ["mon.n1", "osd.10", "osd.2"]
        .map(|name| serving(name, ServedBy::Rook))
        .into();
    all.extend(["mon.n2", "mgr.n1", "osd.3"].map(|name| serving(name, ServedBy::OldUnit)));
    all.push(serving("osd.4", ServedBy::Nobody));
    insta::assert_snapshot!(served_text(&all), @r"
    1 mon under Rook: n1
    1 mon under the old units: n2
    1 mgr under the old units: n1
    2 OSDs under Rook: 2 10
    1 OSD AWAY, served by nobody: 4
    1 OSD under the old units: 3
    ");
    let many: Vec<Serving> = (0..2000)
        .map(|id| serving(&format!("osd.{id}"), ServedBy::Rook))
        .collect();
    assert_eq!(served_text(&many), "2000 OSDs under Rook\n");
}
