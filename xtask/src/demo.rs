//! `cargo xtask demo`: the main job on a fresh machine.

use std::process::Command;

use camino::Utf8PathBuf;

use crate::laboratory::{Laboratory, say_how_to_go_on};
use crate::needs;
use crate::part::{self, PartError, Parts};
use crate::tool::{cache_dir, target_dir};

/// Builds a real cluster and lets reeve survey, check and plan it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Take the laboratory down at the end; otherwise it stays up to look around in.
    #[arg(long)]
    down: bool,
}

const LABORATORY: Laboratory = Laboratory { name: "demo" };

pub(crate) fn run(args: &Args, parts: &mut Parts) -> Result<(), PartError> {
    needs::check("cargo xtask demo", &cache_dir())?;
    Laboratory::build(parts)?;
    LABORATORY.up(parts)?;
    let shown = show(parts);
    if args.down {
        LABORATORY.down(parts)?;
    } else {
        say_how_to_go_on(&LABORATORY);
    }
    shown
}

fn show(parts: &mut Parts) -> Result<(), PartError> {
    let doors = LABORATORY.doors()?;
    let out = target_dir().join("demo");
    std::fs::create_dir_all(&out).map_err(|source| PartError::File {
        path: out.clone(),
        source,
    })?;
    let facts = out.join("facts.json");
    let plan = out.join("plan.json");
    let admin = doors.nodes.first().cloned().unwrap_or_else(|| "n1".into());
    let mut survey = vec!["rook", "survey", "--admin-host", &admin];
    survey.extend([
        "--ssh-config",
        doors.ssh_config.as_str(),
        "--kubeconfig",
        doors.kubeconfig.as_str(),
    ]);
    survey.extend(["--ceph-image", &doors.ceph_image, "--save", facts.as_str()]);
    reeve(parts, "survey: read the cluster", &survey, &[0])?;
    // 1 is the documented code for findings: the demo shows them and goes on to the plan.
    let html = out.join("check.html");
    reeve(
        parts,
        "check: judge it",
        &["rook", "check", "--facts", facts.as_str()],
        &[0, 1],
    )?;
    let words = [
        "rook",
        "check",
        "--facts",
        facts.as_str(),
        "--format",
        "html",
        "--output",
        html.as_str(),
    ];
    reeve(parts, "check: the same as a page to hand on", &words, &[0, 1])?;
    reeve(
        parts,
        "plan: what would be done",
        &[
            "--quiet",
            "rook",
            "plan",
            "--facts",
            facts.as_str(),
            "--output",
            plan.as_str(),
        ],
        &[0],
    )?;
    reeve(parts, "plan: read it", &["rook", "plan", "show", plan.as_str()], &[0])?;
    part::say(&format!("facts: {facts}\nplan:  {plan}\npage:  {html}"));
    Ok(())
}

/// Runs reeve as a person would, its command line shown first.
fn reeve(parts: &mut Parts, title: &str, words: &[&str], fine: &[i32]) -> Result<(), PartError> {
    let program: Utf8PathBuf = target_dir().join("debug").join("reeve");
    parts.run(title, || {
        part::say(&format!("$ reeve {}", words.join(" ")));
        let mut command = Command::new(&program);
        command.args(words).stdin(std::process::Stdio::null());
        let status = command.status().map_err(|source| PartError::Start {
            command: program.to_string(),
            source,
        })?;
        match status.code() {
            Some(code) if fine.contains(&code) => Ok(()),
            _ => Err(PartError::Failed {
                part: title.into(),
                command: format!("reeve {}", words.join(" ")),
                status: status.to_string(),
                tail: String::new(),
            }),
        }
    })
}
