//! The `ceph` command: what it changes, and to whom it has to speak.

use std::collections::BTreeSet;

use reeve_ceph::{DaemonType, OsdId};
use serde_json::json;

use super::Entity;
use crate::model::host::Said;
use crate::model::ledger::Violation;
use crate::model::machine::Machine;
use crate::plan::steps::BALANCER_SWITCH;

/// `ENOENT`, `EBUSY`, `EINVAL`.
const NOT_FOUND: i32 = 2;
const BUSY: i32 = 16;
const INVALID: i32 = 22;

/// Returns the words of a `ceph` command without what only concerns how it connects and answers.
fn essence<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut essence = Vec::new();
    let mut rest = words.iter().copied();
    while let Some(word) = rest.next() {
        match word {
            "--connect-timeout" | "--format" | "-f" => drop(rest.next()),
            "--format=json" => {}
            word => essence.push(word),
        }
    }
    essence
}

/// Tells whether the active mgr answers a command, and not a mon.
fn is_for_the_mgr(words: &[&str]) -> bool {
    matches!(
        words,
        ["pg", ..] | ["balancer", ..] | ["orch", ..] | ["osd", "ok-to-stop", ..] | ["osd", "df", ..]
    )
}

impl Machine {
    /// Runs `ceph`; none where it waits because nobody answers.
    pub(in crate::model) fn ceph(&mut self, host: &str, words: &[&str], stdin: &[u8]) -> Option<Said> {
        let words = essence(words);
        let waits_for_mgr = is_for_the_mgr(&words) && !self.ceph.mgrs.available;
        if self.ceph.quorum.is_none() || waits_for_mgr {
            return None;
        }
        let said = self.answer(&words).or_else(|| self.change(&words, stdin));
        Some(said.unwrap_or_else(|| {
            let command = format!("ceph {}", words.join(" "));
            let said = Said::failed(
                INVALID,
                format!("no valid command found: {command}\nError EINVAL: invalid command"),
            );
            self.ledger.violated(Violation::UnknownCommand {
                host: host.to_owned(),
                command,
            });
            said
        }))
    }

    fn change(&mut self, words: &[&str], stdin: &[u8]) -> Option<Said> {
        let done = Some(Said::default());
        match words {
            ["config", "set", section, name, value] => self.ceph.set_config(section, name, value),
            ["config", "rm", section, name] => self.ceph.remove_config(section, name),
            ["auth", "rm", entity] => drop(self.ceph.auth.remove(*entity)),
            ["auth", "import", "-i", "-"] => self.import(&String::from_utf8_lossy(stdin)),
            ["osd", "set", flag] => {
                self.ceph.osd_epoch += 1;
                self.ceph.flags.insert((*flag).to_owned());
            }
            ["osd", "unset", flag] => {
                self.ceph.osd_epoch += 1;
                self.ceph.flags.remove(*flag);
            }
            ["osd", "pool", "set", pool, "pg_autoscale_mode", mode] => {
                let Some(found) = self.ceph.pools.iter_mut().find(|it| it.name == *pool) else {
                    return Some(Said::failed(
                        NOT_FOUND,
                        format!("Error ENOENT: unrecognized pool '{pool}'"),
                    ));
                };
                (*mode).clone_into(&mut found.autoscale);
                self.ceph.osd_epoch += 1;
            }
            ["osd", "crush", "rename-bucket", from, to] => return Some(self.rename_bucket(from, to)),
            ["osd", "crush", "reweight", osd, weight] => {
                let id: OsdId = osd.trim_start_matches("osd.").parse().ok()?;
                let weight = weight.parse().ok()?;
                let found = self.ceph.crush.devices.iter_mut().find(|device| device.id == id);
                found?.weight = weight;
                self.ceph.osd_epoch += 1;
            }
            ["balancer", switch @ ("on" | "off")] => {
                let (section, name) = BALANCER_SWITCH;
                let value = if *switch == "on" { "true" } else { "false" };
                self.ceph.set_config(section, name, value);
            }
            ["mgr", "module", "enable", module] => drop(self.ceph.modules.insert((*module).to_owned())),
            ["mgr", "module", "disable", module] => drop(self.ceph.modules.remove(*module)),
            ["mgr", "fail", mgr] => self.fail_mgr(mgr),
            ["mon", "enable-msgr2"] => self.enable_msgr2(),
            ["mon", "ok-to-stop", mons @ ..] => return Some(self.mons_ok_to_stop(mons)),
            ["osd", "ok-to-stop", osds @ ..] => return self.osds_ok_to_stop(osds),
            ["orch", rest @ ..] => return self.orchestrate(rest),
            _ => return None,
        }
        done
    }

    fn orchestrate(&mut self, words: &[&str]) -> Option<Said> {
        let has_module = self.ceph.modules.contains("cephadm");
        let (backend, paused) = self.ceph.orchestrator.get_or_insert_default();
        match words {
            ["set", "backend", ""] => backend.clear(),
            ["set", "backend", wanted] if has_module => (*wanted).clone_into(backend),
            ["set", "backend", _] => return Some(Said::failed(NOT_FOUND, "Error ENOENT: Module not found")),
            ["pause"] => *paused = true,
            ["resume"] => *paused = false,
            ["status"] => {
                let status = json!({ "available": !backend.is_empty(), "backend": backend, "paused": paused });
                return Some(Said::text(status.to_string()));
            }
            _ => return None,
        }
        Some(Said::default())
    }

    fn rename_bucket(&mut self, from: &str, to: &str) -> Said {
        if self.ceph.crush.buckets.iter().any(|bucket| bucket.name == to) {
            return Said::failed(17, format!("Error EEXIST: dstname '{to}' already exists"));
        }
        let bucket = self.ceph.crush.buckets.iter_mut().find(|bucket| bucket.name == from);
        let Some(bucket) = bucket else {
            return Said::failed(NOT_FOUND, format!("Error ENOENT: srcname '{from}' does not exist"));
        };
        to.clone_into(&mut bucket.name);
        self.ceph.osd_epoch += 1;
        Said::default()
    }

    fn enable_msgr2(&mut self) {
        let mut changed = false;
        for mon in self.ceph.mons.values_mut().filter(|mon| mon.v2.is_none()) {
            let host = mon
                .v1
                .as_deref()
                .and_then(|it| it.rsplit_once(':'))
                .map(|(host, _)| host.to_owned());
            mon.v2 = host.map(|host| format!("{host}:3300"));
            changed = true;
        }
        if changed {
            self.ceph.mon_epoch += 1;
        }
    }

    /// Source: ceph/ceph: `src/mon/MonCommands.h` – `mon ok-to-stop`; `src/mon/Monitor.cc`, `MonmapMonitor.cc`.
    fn mons_ok_to_stop(&self, mons: &[&str]) -> Said {
        let quorum = self.ceph.quorum.clone().unwrap_or_default();
        let left = quorum.iter().filter(|mon| !mons.contains(&mon.as_str())).count();
        if left > self.ceph.mons.len() / 2 {
            return Said::default();
        }
        Said::failed(
            BUSY,
            format!(
                "Error EBUSY: not enough monitors would be available ({left}) after stopping mons [{}]",
                mons.join(",")
            ),
        )
    }

    /// Source: ceph/ceph: `src/mgr/DaemonServer.h` – `offline_pg_report::dump`.
    fn osds_ok_to_stop(&self, osds: &[&str]) -> Option<Said> {
        let ids: BTreeSet<OsdId> = osds
            .iter()
            .map(|id| id.trim_start_matches("osd.").parse().ok())
            .collect::<Option<_>>()?;
        let stopping = self.ceph.would_stop(&ids);
        let report = json!({
            "ok_to_stop": stopping.is_empty(),
            "osds": ids,
            "num_ok_pgs": self.ceph.pgs.len() - stopping.len(),
            "num_not_ok_pgs": stopping.len(),
            "bad_become_inactive": stopping,
            "bad_no_pool": [],
        });
        let mut said = Said::text(report.to_string());
        if !stopping.is_empty() {
            said.status = BUSY;
            said.stderr = format!(
                "Error EBUSY: unsafe to stop osd(s) at this time ({} PGs are or would become offline)",
                stopping.len()
            );
        }
        Some(said)
    }

    /// Reads a keyring as `ceph auth import` does.
    fn import(&mut self, keyring: &str) {
        let mut entity: Option<String> = None;
        for line in keyring.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                let made = Entity {
                    key: String::new(),
                    caps: std::collections::BTreeMap::new(),
                };
                self.ceph.auth.insert(name.to_owned(), made);
                entity = Some(name.to_owned());
                continue;
            }
            let of = entity.as_ref().and_then(|name| self.ceph.auth.get_mut(name));
            let (Some(of), Some((key, value))) = (of, line.split_once(" = ")) else {
                continue;
            };
            match key.strip_prefix("caps ") {
                Some(service) => drop(of.caps.insert(service.to_owned(), value.trim_matches('"').to_owned())),
                None => value.clone_into(&mut of.key),
            }
        }
    }

    /// Returns all keys as `ceph auth export` does.
    pub(super) fn keyring(&self) -> String {
        let mut text = String::new();
        for (name, entity) in &self.ceph.auth {
            text.push_str(&format!("[{name}]\n\tkey = {}\n", entity.key));
            for (service, cap) in &entity.caps {
                text.push_str(&format!("\tcaps {service} = \"{cap}\"\n"));
            }
        }
        text
    }

    /// Counts the daemons of a kind that run.
    pub(super) fn running(&self, kind: DaemonType) -> usize {
        self.processes
            .values()
            .filter(|process| process.daemon.kind == kind)
            .count()
    }
}
