//! Units, timers and cron tables that can bring a legacy daemon back.

use super::parse::Unit;
use crate::facts::Reviver;

/// Names of units and what they do; the first that fits counts.
const KNOWN: [(&str, &str); 14] = [
    ("ceph-volume@", "activates an OSD's volume at boot and starts its unit"),
    ("ceph-disk@", "activates an OSD's partition and starts its unit"),
    ("kolla-ceph", "starts a Ceph container"),
    ("puppet", "applies a catalogue that may start and enable Ceph units"),
    ("salt-minion", "applies states that may start and enable Ceph units"),
    ("chef-client", "applies recipes that may start and enable Ceph units"),
    ("cf", "applies promises that may start and enable Ceph units"),
    ("ansible-pull", "runs a playbook that may start and enable Ceph units"),
    ("monit", "restarts services that it watches"),
    ("pacemaker", "starts resources that it manages"),
    ("corosync", "starts resources through pacemaker"),
    (
        "unattended-upgrades",
        "upgrades packages, and those of Ceph restart its units",
    ),
    (
        "apt-daily-upgrade",
        "upgrades packages, and those of Ceph restart its units",
    ),
    (
        "dnf-automatic",
        "upgrades packages, and those of Ceph restart its units",
    ),
];

/// More names with the effect of an upgrade.
const UPGRADERS: [&str; 2] = ["yum-cron", "packagekit"];

/// Returns what can bring daemons back, sorted by name; `cron` is the list of cron tables that speak of it.
pub(super) fn revivers(units: &[Unit], cron: &str) -> Vec<Reviver> {
    let mut revivers: Vec<Reviver> = units.iter().filter_map(of_unit).collect();
    for path in cron.lines().map(str::trim).filter(|path| path.starts_with('/')) {
        let effect = "speaks of Ceph or of a configuration management that may start its units";
        revivers.push(Reviver {
            unit: format!("cron table {path}"),
            effect: effect.into(),
            enabled: "enabled".into(),
        });
    }
    revivers.sort_by(|a, b| a.unit.cmp(&b.unit));
    revivers
}

fn of_unit(unit: &Unit) -> Option<Reviver> {
    let reviver = |effect: &str| Reviver {
        unit: unit.id.clone(),
        effect: effect.into(),
        enabled: unit.enabled.clone(),
    };
    if unit.load == "not-found" {
        return None;
    }
    if unit.id.starts_with("ceph") && unit.id.ends_with(".target") {
        return Some(reviver("starts the Ceph units that it wants"));
    }
    // The rest of Ceph's own units are daemons.
    let own = ["ceph-volume@", "ceph-disk@"]
        .iter()
        .any(|prefix| unit.id.starts_with(prefix));
    if unit.id.starts_with("ceph") && !own {
        return None;
    }
    let effect = KNOWN
        .iter()
        .find(|(prefix, _)| unit.id.starts_with(prefix))
        .map(|(_, effect)| *effect);
    let upgrades = UPGRADERS.iter().any(|prefix| unit.id.starts_with(prefix));
    let effect = effect.or(upgrades.then_some("upgrades packages, and those of Ceph restart its units"))?;
    // What neither runs nor starts at boot brings nothing back. A static unit is started by its timer, which is in the list itself.
    let alive = unit.active == "active" || unit.active == "activating" || unit.enabled.starts_with("enabled");
    (own || alive).then(|| reviver(effect))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_bring_a_daemon_back_is_told() {
        let unit = |id: &str, active: &str, enabled: &str| Unit {
            id: id.into(),
            load: "loaded".into(),
            active: active.into(),
            enabled: enabled.into(),
            ..Unit::default()
        };
        let units = [
            unit("ceph.target", "active", "enabled"),
            unit("ceph-11111111-2222-3333-4444-555555555555.target", "active", "enabled"),
            unit("ceph-volume@lvm-0-x.service", "inactive", "enabled"),
            unit("ceph-mon@n1.service", "active", "enabled"),
            unit("puppet.service", "inactive", "disabled"),
            unit("apt-daily-upgrade.timer", "active", "enabled"),
            unit("apt-daily-upgrade.service", "inactive", "static"),
            unit("tcmu-runner.service", "active", "enabled"),
            Unit {
                load: "not-found".into(),
                ..unit("puppet-agent.service", "active", "")
            },
        ];
        let names: Vec<String> = revivers(&units, "/etc/cron.d/ansible\n")
            .into_iter()
            .map(|reviver| reviver.unit)
            .collect();
        let expected = [
            "apt-daily-upgrade.timer",
            "ceph-11111111-2222-3333-4444-555555555555.target",
            "ceph-volume@lvm-0-x.service",
            "ceph.target",
            "cron table /etc/cron.d/ansible",
        ];
        assert_eq!(names, expected);
    }
}
