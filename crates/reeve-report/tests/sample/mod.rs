//! A made-up report that holds every kind of result and section, long and awkward text, and attempts to break out of each form.

use reeve_report::{
    CheckId, CheckResult, Evidence, Finding, Outcome, Property, Report, Section, SectionBody, Severity,
};

const OSD_TREE: &str = "\
ID  CLASS  WEIGHT   TYPE NAME       STATUS  REWEIGHT  PRI-AFF
-1         0.02939  root default
-3         0.00980      host n1
 0    hdd  0.00490          osd.0       up   1.00000  1.00000
 1    hdd  0.00490          osd.1       up   1.00000  1.00000
-5         0.00980      host n2
 2    hdd  0.00490          osd.2       up   1.00000  1.00000
 3    hdd  0.00490          osd.3     down         0  1.00000
-7         0.00980      host n3
 4    hdd  0.00490          osd.4       up   1.00000  1.00000
 5    hdd  0.00490          osd.5       up   1.00000  1.00000";

/// Returns the sample.
pub(crate) fn report() -> Report {
    let made_at = "2026-11-21T03:04:05Z".parse().expect("the sample's time is a time");
    let mut report = Report::new("Can cluster ceph-lab move into Rook?", "reeve 0.1.0", made_at);
    report.subject = vec![
        Property::new("Ceph cluster", "7c2f9a3e-55d0-4f0a-9b0e-0c5a1f3f4c21"),
        Property::new("Ceph", "18.2.7 (reef), 3 mons, 2 mgrs, 6 OSDs on 3 hosts"),
        Property::new("Rook", "v1.18.11 in namespace rook-ceph"),
        Property::new("Kubernetes", "v1.34.1 at https://10.77.0.10:6443"),
    ];
    report.results = vec![
        passed(
            "rook.version-pair",
            "Rook supports this Ceph release",
            "Rook v1.18: Documentation/CRDs/Cluster/ceph-cluster-crd.md",
        ),
        mon_quorum(),
        osd_down(),
        pool_size(),
        network(),
        clocks(),
        autoscaler(),
        hostile(),
        waived(),
        passed(
            "rook.node-ready",
            "Every node that carries a daemon is Ready",
            "Kubernetes: Node conditions",
        ),
        passed(
            "rook.crush-host-names",
            "CRUSH host names equal node names",
            "Rook v1.18: pkg/operator/ceph/cluster/osd",
        ),
        passed(
            "ceph.pgs-clean",
            "All placement groups are active+clean",
            "Ceph: Monitoring OSDs and PGs",
        ),
        passed("ceph.global-id", "Insecure global_id reclaim is off", "CVE-2021-20288"),
    ];
    report.sections = sections();
    report
}

fn passed(check: &'static str, title: &str, source: &str) -> CheckResult {
    CheckResult {
        check: CheckId::fixed(check),
        title: title.into(),
        source: source.into(),
        outcome: Outcome::Passed,
    }
}

fn mon_quorum() -> CheckResult {
    let check = CheckId::fixed("rook.mon-quorum");
    let source = "Ceph: Adding/Removing Monitors; mon/Monitor.cc – Monitor::_quorum_status";
    CheckResult {
        title: "All mons are in quorum".into(),
        source: source.into(),
        outcome: Outcome::Found(vec![Finding {
            check: check.clone(),
            severity: Severity::Refusal,
            subject: "mon.n2 on n2".into(),
            detail: "mon.n2 is in the monitor map but not in quorum. Handing over any other mon now would leave one of three, \
                     and the cluster would stop serving clients."
                .into(),
            evidence: vec![
                Evidence {
                    from: "n1: ceph quorum_status".into(),
                    text: "\"quorum_names\": [\"n1\", \"n3\"],\n\"quorum_leader_name\": \"n1\"".into(),
                },
                Evidence {
                    from: "n2: systemctl status ceph-mon@n2.service".into(),
                    text: "ceph-mon@n2.service - Ceph cluster monitor daemon\n     Loaded: loaded (/lib/systemd/system/ceph-mon@.service; enabled; preset: enabled)\n     Active: failed (Result: exit-code) since Sat 2026-11-21 02:41:17 UTC; 22min ago\n   Main PID: 4242 (code=exited, status=1/FAILURE)".into(),
                },
            ],
            remedy: "On n2 read `journalctl -u ceph-mon@n2` and start the mon again with `systemctl start ceph-mon@n2`. Then wait until `ceph quorum_status` names all three.".into(),
            source: source.into(),
        }]),
        check,
    }
}

fn osd_down() -> CheckResult {
    let check = CheckId::fixed("ceph.osds-up");
    let source = "Ceph: Health checks – OSD_DOWN";
    CheckResult {
        title: "All OSDs are up and in".into(),
        source: source.into(),
        outcome: Outcome::Found(vec![Finding {
            check: check.clone(),
            severity: Severity::Refusal,
            subject: "osd.3 on n2".into(),
            detail: "osd.3 is down and out. 33 of 97 placement groups have one copy fewer than their pools ask for.".into(),
            evidence: vec![Evidence { from: "n1: ceph osd tree".into(), text: OSD_TREE.into() }],
            remedy: "Start it (`systemctl start ceph-osd@3` on n2) or remove it (`ceph osd purge 3`), and wait for active+clean.".into(),
            source: source.into(),
        }]),
        check,
    }
}

fn pool_size() -> CheckResult {
    let check = CheckId::fixed("ceph.pool-size");
    let source = "Ceph: Pools – size, min_size";
    let finding = |pool: &str, severity, detail: &str| Finding {
        check: check.clone(),
        severity,
        subject: format!("pool {pool}"),
        detail: detail.into(),
        evidence: vec![Evidence {
            from: format!("facts: ceph.pools[{pool}].size"),
            text: "2 (min_size 1)".into(),
        }],
        remedy: format!("ceph osd pool set {pool} size 3\nceph osd pool set {pool} min_size 2"),
        source: source.into(),
    };
    CheckResult {
        title: "Every pool keeps a copy to spare".into(),
        source: source.into(),
        outcome: Outcome::Found(vec![
            finding(
                "images",
                Severity::Warning,
                "While one OSD restarts, a second failure makes images unavailable.",
            ),
            finding(
                "backups",
                Severity::Note,
                "Two copies are set on purpose according to the pool's application tag.",
            ),
        ]),
        check,
    }
}

fn network() -> CheckResult {
    CheckResult {
        check: CheckId::fixed("rook.mon-network"),
        title: "Pods reach every mon on both messenger ports".into(),
        source: "Rook v1.18: Documentation/CRDs/Cluster/network-providers.md".into(),
        outcome: Outcome::NotJudged {
            because: "n3 did not answer within 10 s, so nothing is known about its ports 3300 and 6789.".into(),
        },
    }
}

fn clocks() -> CheckResult {
    let check = CheckId::fixed("ceph.clock-skew");
    let source = "Ceph: Health checks – MON_CLOCK_SKEW";
    CheckResult {
        title: "Clocks agree".into(),
        source: source.into(),
        outcome: Outcome::Found(vec![Finding {
            check: check.clone(),
            severity: Severity::Warning,
            subject: "n3".into(),
            detail: "The clock of n3 is 0.071 s off; mons warn from 0.05 s and fall out of quorum when it grows."
                .into(),
            evidence: vec![Evidence {
                from: "n3: chronyc tracking".into(),
                text: (1..=30)
                    .map(|n| format!("Line {n:>2} of a long answer : 0.071{n:03} seconds\n"))
                    .collect(),
            }],
            remedy: "Let n3 use the same time servers as n1 and n2.".into(),
            source: source.into(),
        }]),
        check,
    }
}

fn autoscaler() -> CheckResult {
    let check = CheckId::fixed("ceph.autoscaler");
    let source = "Ceph: Placement Groups – Autoscaling";
    CheckResult {
        title: "The autoscaler is quiet".into(),
        source: source.into(),
        outcome: Outcome::Found(vec![Finding {
            check: check.clone(),
            severity: Severity::Note,
            subject: "pool volumes".into(),
            detail: "The autoscaler would change pg_num from 32 to 64; the plan stills it for the time of the move."
                .into(),
            evidence: Vec::new(),
            remedy: String::new(),
            source: source.into(),
        }]),
        check,
    }
}

/// Text that tries to break out of every form, as a pool name could.
fn hostile() -> CheckResult {
    let check = CheckId::fixed("ceph.names");
    let source = "CVE-2021-42574";
    CheckResult {
        title: "Names hold only visible characters".into(),
        source: source.into(),
        outcome: Outcome::Found(vec![Finding {
            check: check.clone(),
            severity: Severity::Warning,
            subject: "pool \u{1b}[2J\u{202e}loop\u{202c}</h3><script>console.error(1)</script>".into(),
            detail: format!(
                "A name holds characters that steer a terminal or reorder text: <img src=x onerror=alert(1)> ]]> &amp; {}",
                "andonethatisfartoolong".repeat(5)
            ),
            evidence: vec![Evidence {
                from: "n1: ceph osd lspools".into(),
                text: format!(
                    "1 .mgr\n2 {}\n3 \u{9b}31m\u{0}\u{7f}<style>*{{display:none}}</style><link rel=stylesheet href=http://192.0.2.1/x.css>",
                    "averyveryverylongname".repeat(12)
                ),
            }],
            remedy: "Rename the pool: `ceph osd pool rename OLD NEW`.".into(),
            source: source.into(),
        }]),
        check,
    }
}

fn waived() -> CheckResult {
    let check = CheckId::fixed("scs-0100-flavor-names");
    let source = "SCS-0100 v3";
    CheckResult {
        title: "Flavor names follow the standard".into(),
        source: source.into(),
        outcome: Outcome::Waived {
            by: "reeve.toml: waive[0] (ticket OPS-512)".into(),
            findings: vec![Finding {
                check: check.clone(),
                severity: Severity::Refusal,
                subject: "flavor m1.tiny".into(),
                detail: "The name is not one of the standard's.".into(),
                evidence: vec![Evidence {
                    from: "GET /flavors/detail".into(),
                    text: "\"name\": \"m1.tiny\"".into(),
                }],
                remedy: "Offer the same flavor under its standard name.".into(),
                source: source.into(),
            }],
        },
        check,
    }
}

fn sections() -> Vec<Section> {
    let row = |cells: [&str; 5]| cells.map(String::from).to_vec();
    vec![
        Section {
            title: "Daemons".into(),
            intro: "Every daemon of the cluster, and how it was deployed.".into(),
            body: SectionBody::Table {
                columns: ["Daemon", "Host", "Deployed by", "State", "Data"]
                    .map(String::from)
                    .to_vec(),
                rows: vec![
                    row([
                        "mon.n1",
                        "n1",
                        "package",
                        "in quorum, leader",
                        "/var/lib/ceph/mon/ceph-n1",
                    ]),
                    row(["mon.n2", "n2", "package", "out of quorum", "/var/lib/ceph/mon/ceph-n2"]),
                    row(["mon.n3", "n3", "package", "in quorum", "/var/lib/ceph/mon/ceph-n3"]),
                    row([
                        "osd.0",
                        "n1",
                        "package",
                        "up, in",
                        "/dev/ceph-block-0/osd-block-5e0c4bb8-22a4-4bb8-9f0e-c9b1a9f2b7a0",
                    ]),
                    row([
                        "osd.3",
                        "n2",
                        "package",
                        "down, out",
                        "/dev/ceph-block-3/osd-block-0a4c7f15-0b1c-47c9-8a7d-3d9e7f8c2e11",
                    ]),
                ],
            },
        },
        Section {
            title: "Settings recorded".into(),
            intro: String::new(),
            body: SectionBody::Properties {
                properties: vec![
                    Property::new("osd_crush_update_on_start", "true"),
                    Property::new("mon_osd_nearfull_ratio", "0.85"),
                    Property::new("public_network", "10.77.0.0/24"),
                ],
            },
        },
        Section {
            title: "CRUSH tree".into(),
            intro: "As `ceph osd tree` printed it on n1.".into(),
            body: SectionBody::Text { text: OSD_TREE.into() },
        },
    ]
}
