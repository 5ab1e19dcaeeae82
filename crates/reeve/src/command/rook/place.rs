//! Places of a plan as a person names them: a phase, a hand-over, a daemon, a host or a step's id.

use reeve_journal::plan::{HandOver, Phase, Plan, StepId};
use reeve_journal::{UndoTo, Until};

use crate::exit::Exit;
use crate::failure::Failure;

/// How alike a name must be to be offered, from 0 to 1.
const ALIKE: f64 = 0.6;

fn unknown(plan: &Plan, name: &str) -> Failure {
    let named = name.escape_debug();
    let failure = Failure::new(Exit::Usage, format!("the plan has no phase, daemon or step `{named}`"));
    let failure = match nearest(plan, name) {
        Some(known) => failure.hint(format!("did you mean `{known}`?")),
        None => failure,
    };
    let phases: Vec<&str> = plan.phases.iter().map(|phase| phase.name.as_str()).collect();
    failure.hint(format!(
        "its phases are {}; `reeve rook plan show PLAN --steps` names the rest",
        phases.join(", ")
    ))
}

/// Returns the known place that is most like a name.
fn nearest(plan: &Plan, name: &str) -> Option<String> {
    let name: String = name.chars().take(200).collect();
    let phases = plan.phases.iter().map(|phase| phase.name.to_string());
    let subjects = hand_overs(plan).map(|(_, hand_over)| hand_over.subject.clone());
    let steps = plan.steps().map(|(_, _, step)| step.id.to_string());
    let alike = |known: String| (strsim::jaro_winkler(&known, &name), known);
    let best = phases.chain(subjects).chain(steps).map(alike);
    let (alike, known) = best.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (alike >= ALIKE).then(|| super::view::safe(&known))
}

fn hand_overs(plan: &Plan) -> impl DoubleEndedIterator<Item = (&Phase, &HandOver)> {
    let of = |phase| move |hand_over| (phase, hand_over);
    plan.phases
        .iter()
        .flat_map(move |phase| phase.hand_overs.iter().map(of(phase)))
}

/// Returns the text of a field of a step that stops a unit; none for other steps.
fn stopped<'a>(hand_over: &'a HandOver, field: &'a str) -> impl Iterator<Item = &'a str> {
    let stops = hand_over.steps.iter().filter(|step| step.kind.as_str() == "stop_unit");
    stops.filter_map(move |step| step.input.get(field)?.as_str())
}

/// Returns how far to go.
///
/// # Errors
///
/// Wrong usage with the nearest known place.
pub(super) fn until(plan: &Plan, name: &str) -> Result<Until, Failure> {
    if let Some(phase) = plan.phases.iter().find(|phase| phase.name.as_str() == name) {
        return Ok(Until::Phase(phase.name.clone()));
    }
    if let Some(step) = step(plan, name) {
        return Ok(Until::Step(step));
    }
    // OSDs that go together share a hand-over that is called otherwise.
    let named = hand_overs(plan).find(|(_, hand_over)| hand_over.subject == name);
    let holding = || hand_overs(plan).find(|(_, hand_over)| stopped(hand_over, "daemon").any(|daemon| daemon == name));
    match named.or_else(holding) {
        Some((phase, hand_over)) => Ok(Until::HandOver(phase.name.clone(), hand_over.subject.clone())),
        None => Err(unknown(plan, name)),
    }
}

/// Returns how far to go so that the run pauses after the OSDs of the first of these hosts that has any left to do.
///
/// `is_done` tells whether a step is done. To the end, if all of them are done.
///
/// # Errors
///
/// Wrong usage if a host has no OSDs in the plan, with those that have.
pub(super) fn after_hosts(plan: &Plan, hosts: &[String], is_done: impl Fn(&StepId) -> bool) -> Result<Until, Failure> {
    let osds = || hand_overs(plan).filter(|(phase, _)| phase.name.as_str() == "osds");
    for host in hosts {
        if !osds().any(|(_, hand_over)| stopped(hand_over, "host").any(|it| it == host)) {
            let mut known: Vec<&str> = osds().flat_map(|(_, hand_over)| stopped(hand_over, "host")).collect();
            known.dedup();
            let named = host.escape_debug();
            return Err(
                Failure::new(Exit::Usage, format!("the plan hands over no OSD of host `{named}`"))
                    .hint(format!("it hands over OSDs of {}", known.join(", "))),
            );
        }
    }
    let last = |host: &str| {
        let watch = format!("host.{host}");
        let hand_over = osds().rfind(|(_, it)| it.subject == watch || stopped(it, "host").any(|it| it == host));
        hand_over.map(|(phase, it)| (phase, it.subject.clone(), it.steps.last()))
    };
    // In the plan's order, whatever order they were named in.
    for (_, hand_over) in osds() {
        let Some(host) = stopped(hand_over, "host").find(|host| hosts.iter().any(|it| it == host)) else {
            continue;
        };
        if let Some((phase, subject, Some(end))) = last(host)
            && !is_done(&end.id)
        {
            return Ok(Until::HandOver(phase.name.clone(), subject));
        }
    }
    Ok(Until::End)
}

/// Returns how far to go back.
///
/// # Errors
///
/// Wrong usage with the nearest known place.
pub(super) fn undo_to(plan: &Plan, name: &str) -> Result<UndoTo, Failure> {
    Ok(match until(plan, name)? {
        Until::Phase(phase) => UndoTo::Phase(phase),
        Until::HandOver(phase, subject) => UndoTo::HandOver(phase, subject),
        Until::Step(step) => UndoTo::Step(step),
        Until::End => UndoTo::Beginning,
    })
}

fn step(plan: &Plan, name: &str) -> Option<StepId> {
    plan.steps()
        .map(|(_, _, step)| &step.id)
        .find(|id| id.as_str() == name)
        .cloned()
}

#[cfg(test)]
mod tests {
    use reeve_rook::plan::{Options, OsdsAtOnce, plan};
    use reeve_rook::sample::Cluster;

    use super::*;

    fn of(options: &Options) -> Plan {
        plan(&Cluster::default().facts(), options).unwrap()
    }

    fn handed_over(until: &Until) -> &str {
        match until {
            Until::HandOver(_, subject) => subject,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_kind_of_place_is_found() {
        let plan = of(&Options::default());
        assert!(matches!(until(&plan, "seed").unwrap(), Until::Phase(name) if name.as_str() == "seed"));
        assert_eq!(handed_over(&until(&plan, "mon.n1").unwrap()), "mon.n1");
        let step = until(&plan, "osds/osd.0/stop_unit").unwrap();
        assert!(matches!(step, Until::Step(id) if id.as_str() == "osds/osd.0/stop_unit"));
        let together = of(&Options {
            osds_at_once: OsdsAtOnce::Host,
            ..Options::default()
        });
        assert!(handed_over(&until(&together, "osd.0").unwrap()).starts_with("osds."));
    }

    #[test]
    fn a_place_that_is_not_there_names_the_nearest() {
        let plan = of(&Options::default());
        let hints = |name: &str| until(&plan, name).unwrap_err().hints.join("\n");
        assert!(hints("sede").contains("did you mean `seed`?"), "{}", hints("sede"));
        assert!(hints("osd.O").contains("did you mean `osd."), "{}", hints("osd.O"));
        assert!(hints("osds/osd.0/stop-unit").contains("did you mean `osds/osd.0/stop_unit`?"));
        assert!(!hints("?").contains("did you mean") && hints("?").contains("its phases are prepare"));
    }

    #[test]
    fn a_run_pauses_after_the_first_of_the_hosts_that_is_not_done() {
        for soak in [0, 30] {
            let plan = of(&Options {
                host_soak_seconds: soak,
                pause_after: Some(std::collections::BTreeSet::new()),
                ..Options::default()
            });
            let ids: Vec<&StepId> = plan.steps().map(|(_, _, step)| &step.id).collect();
            let place = |until: &Until| {
                let Until::HandOver(_, subject) = until else {
                    panic!("{until:?}")
                };
                plan.steps().filter(|(_, it, _)| it.subject == *subject).count()
            };
            let hosts = ["n3".to_owned(), "n1".to_owned()];
            let first = after_hosts(&plan, &hosts, |_| false).unwrap();
            assert!(place(&first) > 0);
            let end = plan
                .steps()
                .filter(|(_, it, _)| it.subject == handed_over(&first))
                .last()
                .unwrap()
                .2
                .id
                .clone();
            let done_to = ids.iter().position(|id| **id == end).unwrap();
            let done: Vec<&StepId> = ids[..=done_to].to_vec();
            let second = after_hosts(&plan, &hosts, |id| done.contains(&id)).unwrap();
            assert_ne!(first, second);
            assert_eq!(after_hosts(&plan, &hosts, |_| true).unwrap(), Until::End);
        }
        let plan = of(&Options::default());
        let failure = after_hosts(&plan, &["n9".to_owned()], |_| false).unwrap_err();
        assert!(failure.hints[0].contains("n1, n2, n3"), "{:?}", failure.hints);
    }
}
