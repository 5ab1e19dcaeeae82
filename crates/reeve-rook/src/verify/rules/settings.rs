//! What the plan changed for a time is given back, and what it did not name is as it was.

use std::collections::{BTreeMap, BTreeSet};

use reeve_report::Severity;

use crate::apply::same_value;
use crate::plan::steps::{BALANCER_SWITCH, GuardCephSettings, StepInput};
use crate::verify::rule::{Judgement, Rule, Situation};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "rook.verify-flags",
        title: "Flags of the OSD map are as the plan leaves them",
        severity: Severity::Warning,
        reason: "A flag that stays keeps data from being repaired when a disk fails; one that is gone too early lets data move.",
        remedy: "`ceph osd {verb} {flag}`",
        source: "ceph/ceph: doc/rados/operations/health-checks.rst – OSDMAP_FLAGS",
        judge: flags,
    },
    Rule {
        id: "rook.verify-autoscaler",
        title: "Each pool's autoscaler is as the plan leaves it",
        severity: Severity::Warning,
        reason: "The plan stills the autoscalers and gives each its mode back.",
        remedy: "`ceph osd pool set {pool} pg_autoscale_mode {mode}`",
        source: "ceph/ceph: doc/rados/operations/placement-groups.rst – pg_autoscale_mode",
        judge: autoscaler,
    },
    Rule {
        id: "rook.verify-balancer",
        title: "The balancer is as the plan leaves it",
        severity: Severity::Warning,
        reason: "The plan stills the balancer and starts it again.",
        remedy: "`ceph balancer {switch}`",
        source: "ceph/ceph: doc/rados/operations/balancer.rst",
        judge: balancer,
    },
    Rule {
        id: "rook.verify-config",
        title: "Options of the config database are as the plan leaves them",
        severity: Severity::Warning,
        reason: "The plan names each option that it changes, and whether it stays.",
        remedy: "{command}",
        source: "ceph/ceph: doc/rados/configuration/ceph-conf.rst – Monitor configuration database",
        judge: config,
    },
    Rule {
        id: "rook.verify-config-kept",
        title: "No option of the config database that was there is gone",
        severity: Severity::Warning,
        reason: "Daemons run with the default instead.",
        remedy: "Find its value in the copy beside the journal of run {run}, then `ceph config set {section} {name} VALUE`.",
        source: "the plan: step guard_ceph_settings names the options that Rook sets or removes",
        judge: config_kept,
    },
    Rule {
        id: "rook.verify-taken-back",
        title: "What Rook changes in Ceph is as it was, where the run was taken back",
        severity: Severity::Warning,
        reason: "The run, as far as it stands, has not let Rook see the cluster.",
        remedy: "`reeve rook rollback {run} --all` once more; what is left then is harmless and can be changed by hand.",
        source: "the plan: step guard_ceph_settings",
        judge: taken_back,
    },
    Rule {
        id: "rook.verify-auth",
        title: "Auth entities that were there are there, with their caps",
        severity: Severity::Warning,
        reason: "A client with that name cannot log in, or may do other things than before.",
        remedy: "Compare `ceph auth get {entity}` with the copy beside the journal of run {run}, and `ceph auth import` what is missing.",
        source: "rook/rook: pkg/operator/ceph/cluster – of the keys that were there it deletes client.bootstrap-* only",
        judge: auth,
    },
    Rule {
        id: "rook.verify-orchestrator",
        title: "cephadm is off",
        severity: Severity::Refusal,
        reason: "It would deploy the daemons anew that Rook runs.",
        remedy: "`ceph orch pause`, then `ceph orch set backend ''` and `ceph mgr module disable cephadm`",
        source: "ceph/ceph: src/pybind/mgr/cephadm/serve.py – _check_daemons",
        judge: orchestrator,
    },
];

fn flags(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let mut wanted: BTreeMap<&str, bool> = BTreeMap::new();
    for step in it.expected.done() {
        match step {
            StepInput::SetOsdFlag(step) => {
                wanted.insert(&step.flag, true);
            }
            StepInput::ClearOsdFlag(step) => {
                wanted.insert(&step.flag, false);
            }
            _ => {}
        }
    }
    let set = &it.seen.facts.ceph.osdmap.flags;
    for (flag, wanted) in wanted {
        if set.contains(flag) != wanted {
            let (fact, verb) = if wanted {
                (format!("{flag} is not set, and OSDs are being handed over."), "set")
            } else {
                (format!("{flag} is still set."), "unset")
            };
            out.found(format!("flag {flag}"), fact, &[("flag", flag), ("verb", verb)]);
        }
    }
}

fn autoscaler(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let mut wanted: BTreeMap<&str, &str> = BTreeMap::new();
    for step in it.expected.done() {
        match step {
            StepInput::StopAutoscaler(step) => {
                wanted.insert(&step.pool, "off");
            }
            StepInput::StartAutoscaler(step) => {
                wanted.insert(&step.pool, &step.mode);
            }
            _ => {}
        }
    }
    for pool in &it.seen.facts.ceph.pools {
        if let Some(mode) = wanted
            .get(pool.name.as_str())
            .filter(|mode| **mode != pool.autoscale_mode)
        {
            let fact = format!(
                "The autoscaler of pool {} is {}, and {mode} is planned.",
                pool.name, pool.autoscale_mode
            );
            out.found(
                format!("pool {}", pool.name),
                fact,
                &[("pool", &pool.name), ("mode", mode)],
            );
        }
    }
}

fn balancer(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let mut wanted = it.expected.done().filter_map(|step| match step {
        StepInput::StopBalancer(_) => Some(false),
        StepInput::StartBalancer(_) => Some(true),
        _ => None,
    });
    let Some(wanted) = wanted.next_back() else { return };
    if out.need("configuration database", &it.seen.facts.ceph.config).is_none() {
        return;
    }
    // It is on where the option is not set (since Octopus).
    let on = it
        .seen
        .facts
        .ceph
        .config_value(BALANCER_SWITCH.0, BALANCER_SWITCH.1)
        .is_none_or(|active| active != "false");
    if on != wanted {
        let word = |on: bool| if on { "on" } else { "off" };
        let fact = format!("The balancer is {}, and {} is planned.", word(on), word(wanted));
        out.found("balancer", fact, &[("switch", word(wanted))]);
    }
}

fn config(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let mut wanted: BTreeMap<(&str, &str), Option<&str>> = BTreeMap::new();
    for step in it.expected.done() {
        match step {
            StepInput::SetConfig(step) => {
                wanted.insert((&step.section, &step.name), Some(&step.value));
            }
            StepInput::RestoreConfig(step) => {
                wanted.insert((&step.section, &step.name), step.before.as_deref());
            }
            _ => {}
        }
    }
    if wanted.is_empty() || out.need("configuration database", &it.seen.facts.ceph.config).is_none() {
        return;
    }
    for ((section, name), wanted) in wanted {
        let now = it.seen.facts.ceph.config_value(section, name);
        let is_so = match (now, wanted) {
            // Ceph writes numbers in its own way.
            (Some(now), Some(wanted)) => same_value(now, wanted),
            (now, wanted) => now == wanted,
        };
        if is_so {
            continue;
        }
        let said = |value: Option<&str>| value.map_or_else(|| "not set".to_owned(), str::to_owned);
        let fact = format!(
            "{name} for {section} is {}, and {} is planned.",
            said(now),
            said(wanted)
        );
        let subject = format!("{section}/{name}");
        let (verb, value) = wanted.map_or(("rm", ""), |value| ("set", value));
        let words: Vec<String> = ["ceph", "config", verb, section, name]
            .iter()
            .copied()
            .chain((!value.is_empty()).then_some(value))
            .map(crate::check::shell_word)
            .collect();
        out.found_with(subject, fact, &format!("`{}`", words.join(" ")));
    }
}

/// Returns what the plan says that Rook changes in Ceph, and whether it may have by now.
fn guarded<'a>(it: &Situation<'a>) -> Option<(&'a GuardCephSettings, bool)> {
    it.expected.steps.iter().find_map(|(step, done)| match step {
        StepInput::GuardCephSettings(step) => Some((step, *done)),
        _ => None,
    })
}

fn config_kept(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let (Some(before), false) = (&it.expected.exports.config, it.expected.is_untouched()) else {
        return;
    };
    let Some(now) = out.need("configuration database", &it.seen.facts.ceph.config) else {
        return;
    };
    let now: BTreeSet<(&str, &str)> = now
        .iter()
        .map(|one| (one.section.as_str(), one.name.as_str()))
        .collect();
    let by_rook = |section: &str, name: &str| {
        let changes = guarded(it).into_iter().flat_map(|(guard, _)| &guard.config);
        changes
            .into_iter()
            .any(|one| one.section == section && one.name == name)
    };
    // The plan's own options have a rule of their own.
    let by_plan = |section: &str, name: &str| {
        it.expected.done().any(|step| match step {
            StepInput::SetConfig(step) => step.section == section && step.name == name,
            StepInput::RestoreConfig(step) => step.section == section && step.name == name,
            StepInput::StopBalancer(_) => (section, name) == BALANCER_SWITCH,
            _ => false,
        })
    };
    for (section, name) in before {
        let gone = !now.contains(&(section.as_str(), name.as_str()));
        if gone && !by_rook(section, name) && !by_plan(section, name) {
            let fact = format!("{name} for {section} was set, and is not any more.");
            out.found(
                format!("{section}/{name}"),
                fact,
                &[("section", section), ("name", name)],
            );
        }
    }
}

fn taken_back(it: &Situation<'_>, out: &mut Judgement<'_>) {
    let (Some((guard, false)), true) = (guarded(it), it.expected.run.is_some()) else {
        return;
    };
    if let Some(auth) = out.need("auth entities", &it.seen.facts.ceph.auth) {
        let now: BTreeSet<&str> = auth.iter().map(|one| one.entity.as_str()).collect();
        for entity in guard.created.iter().filter(|entity| now.contains(entity.as_str())) {
            out.found(
                entity.as_str(),
                format!("{entity} is there, and only Rook makes it."),
                &[],
            );
        }
        for entity in guard.deleted.iter().filter(|entity| !now.contains(entity.as_str())) {
            out.found(
                entity.as_str(),
                format!("{entity} is gone, and only Rook deletes it."),
                &[],
            );
        }
    }
    if out.need("configuration database", &it.seen.facts.ceph.config).is_some() {
        for one in &guard.config {
            let now = it.seen.facts.ceph.config_value(&one.section, &one.name);
            if now != one.before.as_deref() {
                let said = |value: Option<&str>| value.map_or_else(|| "not set".to_owned(), str::to_owned);
                let fact = format!(
                    "{} for {} was {}, and is {}.",
                    one.name,
                    one.section,
                    said(one.before.as_deref()),
                    said(now)
                );
                out.found(format!("{}/{}", one.section, one.name), fact, &[]);
            }
        }
    }
}

fn auth(it: &Situation<'_>, out: &mut Judgement<'_>) {
    if it.expected.run.is_none() || it.expected.is_untouched() {
        return;
    }
    let Some(before) = &it.expected.exports.auth else {
        return out.unseen("auth entities before the run: the copy beside the journal cannot be read");
    };
    let Some(now) = out.need("auth entities", &it.seen.facts.ceph.auth) else {
        return;
    };
    let now: BTreeMap<&str, &BTreeMap<String, String>> =
        now.iter().map(|one| (one.entity.as_str(), &one.caps)).collect();
    let mut gone = BTreeSet::new();
    for (entity, caps) in before {
        // Rook deletes these once it knows the cluster, and the plan says so.
        if guarded(it).is_some_and(|(guard, done)| done && guard.deleted.contains(entity)) {
            continue;
        }
        match now.get(entity.as_str()) {
            None => {
                gone.insert(entity);
            }
            // Rook sets caps of mons' and mgrs' keys to its own; they are not clients.
            Some(now) if *now != caps && entity.starts_with("client.") && entity != "client.admin" => {
                out.found(
                    entity.as_str(),
                    format!("The caps of {entity} are other ones."),
                    &[("entity", entity)],
                )
                .by("before", shown(caps))
                .by("ceph auth ls", shown(now));
            }
            Some(_) => {}
        }
    }
    // `ceph auth ls` does not list the mons' own key, while the export holds it.
    gone.retain(|entity| *entity != "mon.");
    let retired: BTreeSet<String> = it
        .expected
        .daemons
        .iter()
        .filter(|daemon| daemon.daemon.kind == reeve_ceph::DaemonType::Mgr)
        .map(|daemon| daemon.daemon.to_string())
        .collect();
    for entity in gone.into_iter().filter(|entity| !retired.contains(*entity)) {
        out.found(entity.as_str(), format!("{entity} is gone."), &[("entity", entity)]);
    }
}

fn shown(caps: &BTreeMap<String, String>) -> String {
    let lines: Vec<String> = caps
        .iter()
        .map(|(service, caps)| format!("{service}: {caps}"))
        .collect();
    lines.join("\n")
}

fn orchestrator(it: &Situation<'_>, out: &mut Judgement<'_>) {
    if !it
        .expected
        .is_done(|step| matches!(step, StepInput::DisableOrchestrator(_)))
    {
        return;
    }
    let Some(orchestrator) = out.need("orchestrator", &it.seen.facts.ceph.orchestrator) else {
        return;
    };
    if orchestrator.backend.as_deref() == Some("cephadm") && !orchestrator.paused {
        out.found(
            "orchestrator",
            "cephadm is the orchestrator's backend and not paused.",
            &[],
        );
    }
}
