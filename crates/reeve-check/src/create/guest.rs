//! What the one server is told to do, and how it says what came of it.
//!
//! The server needs nothing but itself: no network beyond its own, no package, no mirror. It gets its orders as cloud-config and answers on its serial console in frames, each with a digest and three times,
//! because other programs write there at the same time. Source of what is measured: SovereignCloudStack/standards at 077174d9: `Tests/iaas/scs_0101_entropy/entropy_check.py`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

use crate::resource::RunId;

/// What begins a frame.
const BEGIN: &str = "@scsx";

/// The parts that the server tells of.
const SECTIONS: [&str; 4] = ["entropy", "fips", "how", "random"];

/// The parts that it also tells of if it is asked for what the metadata service says.
const METADATA: [&str; 2] = ["meta", "vendor"];

/// Returns the parts that a server tells of.
fn sections(with_metadata: bool) -> impl Iterator<Item = &'static str> {
    let more: &[&str] = if with_metadata { &METADATA } else { &[] };
    SECTIONS.iter().chain(more).copied()
}

/// The block tests of FIPS 140-2 for an image without `rngtest`; prints what that prints.
///
/// Source of bounds and form of the output: rng-tools 5: `fips.c`, `rngtest.c`.
const FIPS: &str = r#"
import collections
bad, last = 0, None
source = open("/dev/random", "rb", 0)
def read(count):
    data = b""
    while len(data) < count:
        data += source.read(count - len(data))
    return data
for _ in range(1000):
    data = read(2500)
    bits = bin(int.from_bytes(data, "big") | 1 << 20000)[3:]
    poker = sum(n * n for n in collections.Counter(data.hex()).values())
    wrong = not 9725 < bits.count("1") < 10275 or not 1563176 <= poker <= 1576928
    for other in "01":
        runs = collections.Counter(map(len, bits.split(other)))
        runs.pop(0, None)
        wrong |= max(runs, default=0) >= 26
        six = sum(n for length, n in runs.items() if length >= 6)
        for count, low, high in ((runs[1], 2315, 2685), (runs[2], 1114, 1386), (runs[3], 527, 723), (runs[4], 240, 384), (runs[5], 103, 209), (six, 103, 209)):
            wrong |= not low <= count <= high
    for at in range(0, 2500, 4):
        word = data[at:at + 4]
        wrong |= word == last
        last = word
    bad += wrong
print("rngtest: FIPS 140-2 successes: %d" % (1000 - bad))
print("rngtest: FIPS 140-2 failures: %d" % bad)
"#;

/// Returns the orders for the server. Every command stands on one line of a list, which is what small readers of cloud-config can take too.
pub(super) fn user_data(run: &RunId, with_metadata: bool) -> String {
    let fips = STANDARD.encode(FIPS);
    let mut commands = vec!["d=$(mktemp -d) || d=/tmp".to_owned()];
    if with_metadata {
        commands.extend(metadata());
    }
    commands.extend([
        "cat /proc/sys/kernel/random/entropy_avail > $d/entropy 2>&1".to_owned(),
        format!(
            "if command -v rngtest > /dev/null 2>&1; then echo rngtest > $d/how; cat /dev/random | rngtest -c 1000 > $d/fips 2>&1; \
             elif command -v python3 > /dev/null 2>&1; then echo python3 > $d/how; echo {fips} | base64 -d > $d/fips.py; python3 $d/fips.py > $d/fips 2>&1; \
             else echo nothing > $d/how; echo nothing > $d/fips; fi"
        ),
        "for f in rdrand rdseed rndr rng; do grep -qw $f /proc/cpuinfo && echo $f; done > $d/random 2>&1".to_owned(),
        format!(
            "send() {{ b=$(base64 < $d/$1 | tr -d '\\n'); c=$(printf %s \"$b\" | sha256sum | cut -c1-16); echo; echo \"{BEGIN} {run} $1 $c :$b @\"; }}"
        ),
        format!(
            "wait; for n in 1 2 3; do for s in {}; do send $s; done; echo; echo \"{BEGIN} {run} end @\"; sleep 1; done 2>/dev/null | tee /dev/console 2>/dev/null",
            sections(with_metadata).collect::<Vec<_>>().join(" ")
        ),
    ]);
    let mut text = String::from("#cloud-config\nbootcmd:\n  - systemctl mask serial-getty@ttyS0.service\nruncmd:\n");
    for command in commands {
        text.push_str("  - >-\n    ");
        text.push_str(&command);
        text.push('\n');
    }
    text
}

/// Returns the orders to ask the metadata service, beside everything else. The console gets no more of the answers than the mark of the run and the names of the provider's keys: there may be secrets in them.
fn metadata() -> [String; 3] {
    let python = "import sys,urllib.request as r;sys.stdout.write(r.urlopen(sys.argv[1],timeout=4).read().decode())";
    [
        format!(
            "ask() {{ u=http://169.254.169.254/openstack/latest/$1; if command -v curl; then curl -sf -m 4 $u >&3; elif command -v wget; then wget -q -T 4 -O - $u >&3; \
             else python3 -c '{python}' $u >&3; fi > /dev/null 2>&1; }}"
        ),
        "( for n in 1 2 3; do ask meta_data.json 3> $d/m && break; sleep 1; done; [ -s $d/m ] && echo reached; grep -o '\"scsx_run\": *\"[a-z0-9]*\"' $d/m ) > $d/meta 2> /dev/null &".to_owned(),
        "( for f in vendor_data.json vendor_data2.json; do for n in 1 2 3; do ask $f 3> $d/$f && break; sleep 1; done; grep -o '\"[A-Za-z0-9_.-]*\" *:' $d/$f; done ) 2> /dev/null | head -c 4000 > $d/vendor &".to_owned(),
    ]
}

/// What a server has said so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// The parts that came whole.
    pub(super) sections: BTreeMap<String, String>,
    /// Whether it said that this was all.
    pub(super) ended: bool,
    /// Whether cloud-init said that the orders failed.
    pub(super) failed: bool,
}

impl Said {
    /// Tells whether every part is there.
    pub(super) fn is_whole(&self, with_metadata: bool) -> bool {
        sections(with_metadata).all(|section| self.sections.contains_key(section))
    }
}

/// Reads what is on a console; frames of other runs and broken ones are no frames.
pub(super) fn read_console(console: &str, run: &RunId) -> Said {
    let mut said = Said {
        failed: console.contains("Failed to run module scripts-user"),
        ..Said::default()
    };
    for frame in console.split(BEGIN).skip(1) {
        let mut words = frame.split_ascii_whitespace();
        if words.next() != Some(run.as_str()) {
            continue;
        }
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("end"), Some("@"), ..) => said.ended = true,
            (Some(section), Some(sum), Some(body), Some("@")) if sections(true).any(|known| known == section) => {
                if let Some(text) = open(sum, body) {
                    said.sections.insert(section.to_owned(), text);
                }
            }
            _ => {}
        }
    }
    said
}

fn open(sum: &str, body: &str) -> Option<String> {
    let body = body.strip_prefix(':')?;
    let is = hex::encode(digest(&SHA256, body.as_bytes()));
    if is[..16] != *sum {
        return None;
    }
    Some(String::from_utf8_lossy(&STANDARD.decode(body).ok()?).into_owned())
}

/// Returns the number of blocks that failed: the digits behind the first `failures:` and one blank.
pub(super) fn fips_failures(text: &str) -> Option<u64> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let joined = lines.join("\n");
    let mut rest = joined.as_str();
    while let Some((_, behind)) = rest.split_once("failures:") {
        let digits: String = behind
            .strip_prefix(' ')
            .unwrap_or_default()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        if !digits.is_empty() {
            return digits.parse().ok();
        }
        rest = behind;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    fn run_id() -> RunId {
        "r261121161259a1b2c3".parse().unwrap()
    }

    fn frame(section: &str, text: &str) -> String {
        let body = STANDARD.encode(text);
        let sum = &hex::encode(digest(&SHA256, body.as_bytes()))[..16];
        format!("{BEGIN} {} {section} {sum} :{body} @\r\n", run_id())
    }

    /// The commands of the orders as the laboratory's guest and cloud-init both take them: one a line.
    fn commands() -> Vec<String> {
        let text = user_data(&run_id(), true);
        let (_, list) = text.split_once("runcmd:\n").unwrap();
        list.lines()
            .filter(|line| !line.trim().starts_with("- >-"))
            .map(|line| line.trim().to_owned())
            .collect()
    }

    /// The orders are carried out on this machine, without what takes long, and read as from a console.
    #[test]
    fn what_a_shell_makes_of_the_orders_can_be_read() {
        let holder = tempfile::tempdir().unwrap();
        let script = commands()
            .join("\n")
            .replace("rngtest -c 1000", "rngtest -c 1")
            .replace("/dev/console", "/dev/null");
        // Neither rngtest nor python3, nor anything that could ask the metadata service, is found on an empty path of these tools only.
        let bin = holder.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        for tool in [
            "mktemp",
            "cat",
            "base64",
            "tr",
            "sha256sum",
            "cut",
            "grep",
            "sleep",
            "tee",
            "head",
        ] {
            let found = ["/usr/bin", "/bin"]
                .map(|dir| format!("{dir}/{tool}"))
                .into_iter()
                .find(|path| std::path::Path::new(path).exists());
            std::os::unix::fs::symlink(found.unwrap(), bin.join(tool)).unwrap();
        }
        let output = Command::new("/bin/sh")
            .arg("-c")
            .arg(&script)
            .env_clear()
            .env("PATH", &bin)
            .env("TMPDIR", holder.path())
            .output()
            .unwrap();
        let said = read_console(&String::from_utf8_lossy(&output.stdout), &run_id());
        assert!(said.ended && said.is_whole(true), "{output:?}");
        let entropy: u32 = said.sections["entropy"].trim().parse().unwrap();
        assert!(entropy <= 4096);
        assert_eq!(
            (said.sections["how"].trim(), fips_failures(&said.sections["fips"])),
            ("nothing", None)
        );
    }

    #[test]
    fn the_embedded_test_agrees_with_good_and_bad_numbers() {
        let python = |source: &str| {
            let output = Command::new("python3").arg("-c").arg(source).output();
            output
                .ok()
                .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let Some(good) = python(FIPS) else {
            // A machine without python3 cannot say anything about a script for it.
            return;
        };
        assert!(fips_failures(&good).unwrap() <= 5, "{good}");
        let bad = python(&FIPS.replace("/dev/random", "/dev/zero")).unwrap();
        assert_eq!(fips_failures(&bad), Some(1000));
    }

    #[test]
    fn a_frame_that_was_broken_is_made_good_by_another_copy() {
        let whole = frame("fips", "rngtest: FIPS 140-2 failures: 2\n");
        let broken = whole.replacen(':', ":[   70.4] random: crng reseeded ", 1);
        let console = format!(
            "boot\n[  9.1] cloud-init[513]: {broken}{whole}{}",
            frame("how", "rngtest")
        );
        let said = read_console(&console, &run_id());
        assert_eq!(fips_failures(&said.sections["fips"]), Some(2));
        assert!(!said.ended && !said.is_whole(false));
        let other = console.replace("r261121161259a1b2c3", "r261121161259a1b2c4");
        assert_eq!(read_console(&other, &run_id()), Said::default());
    }

    #[test]
    fn failures_are_read_as_the_official_test_reads_them() {
        for (text, failures) in [
            ("rngtest: FIPS 140-2 failures: 3\n", Some(3)),
            ("x failures:\t3", None),
            ("failures:3\nfailures: 12 of", Some(12)),
            ("failures:  3", None),
            ("successes: 1000", None),
        ] {
            assert_eq!(fips_failures(text), failures, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_finds_what_is_whole(noise in "[ -~\\n]{0,40}", text in "\\PC{0,60}", cut in 0_usize..200) {
            let console = format!("{noise}\n{}", frame("entropy", &text));
            let said = read_console(&console, &run_id());
            prop_assert_eq!(said.sections.get("entropy"), Some(&text));
            let cut: String = console.chars().take(cut).collect();
            let _ = read_console(&cut, &run_id());
        }
    }
}
