//! What is stilled for the time of the take-over, and given back at its end.

use super::legacy_config::{Carried, carried};
use super::site::Site;
use super::steps::{BALANCER_SWITCH, SetConfig, StopAutoscaler, StopBalancer};

/// Settings that the plan changes, each with its old value.
pub(super) struct Stilled {
    /// Options of the old ceph.conf files; they stay.
    pub(super) carried: Carried,
    /// Options that are pinned for the time of the take-over.
    pub(super) pinned: Vec<SetConfig>,
    /// Pinned options that stay pinned for good.
    pub(super) pinned_for_good: Vec<SetConfig>,
    /// The step that stills the balancer, where it is on.
    pub(super) balancer: Option<StopBalancer>,
    /// Pools whose autoscaler is on, by number.
    pub(super) autoscalers: Vec<(i64, StopAutoscaler)>,
    /// Flags of the OSD map to set.
    pub(super) flags: Vec<&'static str>,
}

impl Stilled {
    pub(super) fn new(site: &Site<'_>) -> Self {
        let ceph = &site.facts.ceph;
        let pin = |name: &str, value: &str, because: &str| SetConfig {
            section: "osd".into(),
            name: name.into(),
            value: value.into(),
            before: ceph.config_value("osd", name).map(str::to_owned),
            because: because.into(),
        };
        let already_so = |it: &SetConfig| it.before.as_deref() == Some(it.value.as_str());
        let update = pin(
            "osd_crush_update_on_start",
            "false",
            "no OSD may move in CRUSH because Rook calls its host by another name",
        );
        let class = pin(
            "osd_class_update_on_start",
            "false",
            "an OSD without a device class must not get one when it starts",
        );
        // Read at the start only. What an OSD measures on a disk that clients use, it would keep as its capacity ever after.
        // Source: ceph/ceph: src/osd/OSD.cc – maybe_override_max_osd_capacity_for_qos; seen in the laboratory.
        let measure = pin(
            "osd_mclock_skip_benchmark",
            "true",
            "an OSD that starts must not measure its disk while clients use it, and is back sooner without",
        );
        let for_good = !site.crush_names.pinned_because.is_empty();
        let (mut pinned, mut pinned_for_good) = (Vec::new(), Vec::new());
        if !already_so(&measure) {
            pinned.push(measure);
        }
        if !already_so(&update) {
            if for_good { &mut pinned_for_good } else { &mut pinned }.push(update);
        }
        if site.osds().any(|(_, osd)| osd.class.is_empty()) && !already_so(&class) {
            pinned_for_good.push(class);
        }
        let switch = ceph.config_value(BALANCER_SWITCH.0, BALANCER_SWITCH.1);
        let balancer = (switch != Some("false")).then_some(StopBalancer {
            was_set: switch.is_some(),
        });
        let mut autoscalers: Vec<(i64, StopAutoscaler)> = ceph
            .pools
            .iter()
            .filter(|pool| pool.autoscale_mode == "on")
            .map(|pool| {
                (
                    pool.id,
                    StopAutoscaler {
                        pool: pool.name.clone(),
                        before: pool.autoscale_mode.clone(),
                    },
                )
            })
            .collect();
        autoscalers.sort_by_key(|(id, _)| *id);
        let flags = ["noout", "norebalance"]
            .into_iter()
            .filter(|flag| !ceph.osdmap.flags.contains(*flag))
            .collect();
        Self {
            carried: carried(site.facts),
            pinned,
            pinned_for_good,
            balancer,
            autoscalers,
            flags,
        }
    }
}
