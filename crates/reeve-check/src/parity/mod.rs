//! The verdicts here against those of the official tests, on clouds that nobody has.
//!
//! Needs python3 and a checkout of SovereignCloudStack/standards at 077174d9, which `SCS_STANDARDS` names.

mod clouds;

use std::io::Write;
use std::process::{Command, Stdio};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::facts::{DefaultRule, Facts, Flavor, Image, VolumeType};
use crate::{Catalogue, Way, judge, parse, way};

/// The clock of all clouds here: 2026-11-21T12:00:00Z.
const NOW: i64 = 1_795_262_400;

fn sample<S: Strategy>(strategy: &S, number: usize) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    (0..number)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect()
}

fn official(clouds: &[Value], ids: &[String], names: &[String]) -> Value {
    let suite = std::env::var_os("SCS_STANDARDS").expect("SCS_STANDARDS names a checkout of the standards");
    let input = json!({ "suite": suite.to_str().unwrap(), "now": NOW, "clouds": clouds, "ids": ids, "names": names });
    let mut python = Command::new("python3")
        .args(["-c", include_str!("judge.py")])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = python.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.to_string().as_bytes()).unwrap());
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Returns the facts that listings give.
pub(crate) fn facts(cloud: &Value) -> Facts {
    fn list<T>(cloud: &Value, key: &str, read: impl Fn(&Value) -> Result<T, String>) -> Vec<T> {
        cloud[key]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| read(value).unwrap())
            .collect()
    }
    let mut images = list(cloud, "images", Image::from_json);
    images.retain(|image| matches!(image.visibility.as_str(), "public" | "community"));
    Facts {
        now: jiff::Timestamp::from_second(NOW).unwrap(),
        roles: Ok(vec!["member".to_owned()]),
        services: Ok(list(cloud, "services", |value| Ok(value.as_str().unwrap().to_owned()))),
        flavors: Ok(list(cloud, "flavors", Flavor::from_json)),
        images: Ok(images),
        volume_types: Ok(list(cloud, "volume_types", VolumeType::from_json)),
        default_rules: Ok(list(cloud, "default_security_group_rules", DefaultRule::from_json)),
    }
}

#[test]
#[ignore = "needs python3 and SCS_STANDARDS"]
fn verdicts_are_those_of_the_official_tests() {
    let ids: Vec<String> = Catalogue::embedded()
        .testcases
        .into_iter()
        .map(|testcase| testcase.id)
        .filter(|id| way(id) == Some(Way::Reads))
        .collect();
    assert_eq!(ids.len(), 80);
    let clouds = sample(&clouds::cloud(), 2000);
    let official = official(&clouds, &ids, &[]);
    let mut seen = std::collections::BTreeMap::<&str, std::collections::BTreeSet<String>>::new();
    let mut differences = Vec::new();
    for (cloud, theirs) in clouds.iter().zip(official["verdicts"].as_array().unwrap()) {
        let facts = facts(cloud);
        for id in &ids {
            let ours = judge(id, &facts).unwrap();
            let theirs = theirs[id].as_str().unwrap();
            seen.entry(id).or_default().insert(theirs.to_owned());
            if ours.verdict.to_string() != theirs {
                differences.push((id.as_str(), format!("official {theirs}, ours {ours:?}\n{cloud}")));
            }
        }
    }
    let mut by_id: Vec<&str> = differences.iter().map(|(id, _)| *id).collect();
    by_id.sort_unstable();
    by_id.dedup();
    assert!(
        differences.is_empty(),
        "{} differences in {by_id:?}, first: {:?}",
        differences.len(),
        differences[0]
    );
    // The comparison is worth something only if every check passed at times and failed at times.
    for (id, verdicts) in seen {
        assert!(
            verdicts.contains("PASS") && verdicts.contains("FAIL"),
            "{id} was only {verdicts:?}"
        );
    }
}

#[test]
#[ignore = "needs python3 and SCS_STANDARDS"]
fn names_are_read_as_the_official_parser_reads_them() {
    let names = sample(&clouds::flavor_name(), 40_000);
    let official = official(&[], &[], &names);
    let mut good = 0;
    for (name, theirs) in names.iter().zip(official["names"].as_array().unwrap()) {
        let ours = match parse(name) {
            Err(_) => Value::Null,
            Ok((parsed, _)) => json!([
                parsed.to_string(),
                parsed.in_first_syntax(),
                parsed.shortened().to_string()
            ]),
        };
        good += usize::from(!ours.is_null());
        assert_eq!(&ours, theirs, "{name:?}");
    }
    assert!(
        good > 5000 && good < names.len() - 5000,
        "{good} of {} were names",
        names.len()
    );
}
