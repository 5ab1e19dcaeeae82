//! What a laboratory has made: written down and synced *before* it is made, so that it can be found after any crash.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::sync::Mutex;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::error::{LabError, Result};
use crate::openstack::{OpenStackSpec, Profile};
use crate::spec::{LabName, Spec};

/// The record's file in a laboratory's folder: one JSON object a line, only ever appended to.
const RECORD: &str = "made.jsonl";
/// The version of the record's lines.
const VERSION: u32 = 1;

/// Something that outlives a process and must be removed again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Made {
    /// A cgroup; every process in it and below belongs to the laboratory.
    Cgroup {
        /// Its folder in the cgroup file system.
        path: Utf8PathBuf,
    },
    /// A named network namespace.
    NetworkNamespace {
        /// Its name under /run/netns.
        name: String,
    },
    /// A network interface in the machine's own network namespace.
    Link {
        /// The interface.
        name: String,
    },
    /// A mount in the machine's own mount namespace.
    Mount {
        /// Where it is mounted.
        path: Utf8PathBuf,
    },
    /// A loop device, known by the file behind it: its number is only known once it is made.
    Loop {
        /// The file behind the device.
        file: Utf8PathBuf,
    },
}

/// A process that runs on after the one that started it; told from a later process of the same number by its start time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// What it is: `etcd`, `n1`, …
    pub label: String,
    /// Its process id.
    pub pid: u32,
    /// Its start time in clock ticks since boot: field 22 of /proc/PID/stat, proc_pid_stat(5).
    pub start_ticks: u64,
}

/// One line of the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum Line {
    /// The first line: what was asked for.
    Asked {
        /// The version of the lines.
        version: u32,
        /// The parts asked for.
        spec: Spec,
        /// The third number of the laboratory's network 10.77.N.0/24.
        network: u8,
        /// The kernel's boot id: nothing but files outlives a reboot.
        boot_id: String,
    },
    /// The first line of a laboratory of the kind `openstack`.
    AskedOpenstack {
        /// The version of the lines.
        version: u32,
        /// What was asked for.
        spec: OpenStackSpec,
        /// The kernel's boot id.
        boot_id: String,
    },
    /// This is about to be made.
    Makes {
        /// What.
        made: Made,
    },
    /// This process was started; it is also found through its cgroup if this line was never written.
    Runs {
        /// Which.
        process: Started,
    },
    /// The process of this label was stopped on purpose.
    Ends {
        /// What it was.
        label: String,
    },
    /// The cloud is broken in this way from now on, or is about to be, or no longer.
    Switched {
        /// In which way.
        profile: Profile,
        /// Whether it is.
        broken: bool,
    },
    /// A part is complete.
    Complete {
        /// Its name.
        part: String,
    },
    /// Everything is complete.
    Up,
}

/// Which kind of laboratory was asked for, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Ceph, Kubernetes and Rook.
    Rook {
        /// The parts.
        spec: Spec,
        /// The third number of the laboratory's network 10.77.N.0/24.
        network: u8,
    },
    /// A cloud.
    OpenStack {
        /// Its name and profiles.
        spec: OpenStackSpec,
    },
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// What was asked for.
    pub asked: Asked,
    /// The boot in which it was made.
    pub boot_id: String,
    /// What was made or was about to be, in the order of the lines, without repeats.
    pub made: Vec<Made>,
    /// The processes; a later line for the same label replaces the earlier one.
    pub processes: Vec<Started>,
    /// In which ways a cloud is broken on purpose.
    pub profiles: BTreeSet<Profile>,
    /// Whether everything was complete once.
    pub up: bool,
}

impl Recorded {
    const fn new(asked: Asked, boot_id: String) -> Self {
        Self {
            asked,
            boot_id,
            made: Vec::new(),
            processes: Vec::new(),
            profiles: BTreeSet::new(),
            up: false,
        }
    }

    /// Returns what was asked for if it is a laboratory of the kind `rook`, and the number of its network.
    #[must_use]
    pub const fn rook(&self) -> Option<(&Spec, u8)> {
        match &self.asked {
            Asked::Rook { spec, network } => Some((spec, *network)),
            Asked::OpenStack { .. } => None,
        }
    }

    /// Reads the lines of a record. A last line without its end is one whose effect has not begun, and is left out.
    ///
    /// # Errors
    ///
    /// [`LabError::Form`] for any other line that is not as this version writes them.
    pub fn parse(text: &str) -> Result<Option<Self>> {
        let form = |why: String| LabError::Form {
            what: "the record of the laboratory".into(),
            why,
        };
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut recorded: Option<Self> = None;
        let mut known = BTreeSet::new();
        for (number, line) in whole.lines().enumerate() {
            let line: Line =
                serde_json::from_str(line).map_err(|error| form(format!("line {}: {error}", number + 1)))?;
            match (line, &mut recorded) {
                (
                    Line::Asked {
                        version,
                        spec,
                        network,
                        boot_id,
                    },
                    None,
                ) => {
                    known_version(version).map_err(form)?;
                    recorded = Some(Self::new(Asked::Rook { spec, network }, boot_id));
                }
                (Line::AskedOpenstack { version, spec, boot_id }, None) => {
                    known_version(version).map_err(form)?;
                    recorded = Some(Self::new(Asked::OpenStack { spec }, boot_id));
                }
                (Line::Asked { .. } | Line::AskedOpenstack { .. }, Some(_)) => {
                    return Err(form(format!("line {}: a second beginning", number + 1)));
                }
                (_, None) => return Err(form("it does not begin with what was asked for".into())),
                (Line::Makes { made }, Some(all)) => {
                    if known.insert(made.clone()) {
                        all.made.push(made);
                    }
                }
                (Line::Runs { process }, Some(all)) => {
                    all.processes.retain(|other| other.label != process.label);
                    all.processes.push(process);
                }
                (Line::Ends { label }, Some(all)) => all.processes.retain(|process| process.label != label),
                (Line::Switched { profile, broken: true }, Some(all)) => drop(all.profiles.insert(profile)),
                (Line::Switched { profile, .. }, Some(all)) => drop(all.profiles.remove(&profile)),
                (Line::Complete { .. }, Some(_)) => {}
                (Line::Up, Some(all)) => all.up = true,
            }
        }
        Ok(recorded)
    }
}

fn known_version(version: u32) -> Result<(), String> {
    if version == VERSION {
        Ok(())
    } else {
        Err(format!("version {version}, and this program knows {VERSION}"))
    }
}

/// The open record of a laboratory.
#[derive(Debug)]
pub(crate) struct Record {
    path: Utf8PathBuf,
    file: Mutex<File>,
}

impl Record {
    /// Begins the record of a new laboratory in its folder, which exists.
    pub(crate) fn begin(folder: &Utf8Path, spec: &Spec, network: u8) -> Result<Self> {
        let record = Self::open(folder)?;
        record.append(&Line::Asked {
            version: VERSION,
            spec: spec.clone(),
            network,
            boot_id: boot_id(),
        })?;
        Ok(record)
    }

    /// Begins the record of a new cloud in its folder, which exists.
    pub(crate) fn begin_openstack(folder: &Utf8Path, spec: &OpenStackSpec) -> Result<Self> {
        let record = Self::open(folder)?;
        record.append(&Line::AskedOpenstack {
            version: VERSION,
            spec: spec.clone(),
            boot_id: boot_id(),
        })?;
        Ok(record)
    }

    /// Opens the record to append to it.
    pub(crate) fn open(folder: &Utf8Path) -> Result<Self> {
        let path = folder.join(RECORD);
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(LabError::file("open", &path))?;
        // The name of a new file must be on disk too, or a crash of the machine loses the whole record.
        let named = File::open(folder).and_then(|folder| folder.sync_all());
        named.map_err(LabError::file("sync", folder))?;
        Ok(Self {
            path,
            file: Mutex::new(file),
        })
    }

    /// Reads the record in `folder`; `None` where there is none or nothing whole in it.
    pub(crate) fn read(folder: &Utf8Path) -> Result<Option<Recorded>> {
        let path = folder.join(RECORD);
        match std::fs::read_to_string(&path) {
            Ok(text) => Recorded::parse(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LabError::file("read", path)(error)),
        }
    }

    pub(crate) fn append(&self, line: &Line) -> Result<()> {
        let mut text = serde_json::to_string(line).expect("a line is plain data");
        text.push('\n');
        let mut file = self.file.lock().expect("no thread panics while it writes the record");
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_data());
        written.map_err(LabError::file("write", &self.path))
    }

    /// Writes down that `made` is about to be made.
    pub(crate) fn makes(&self, made: Made) -> Result<()> {
        self.append(&Line::Makes { made })
    }

    pub(crate) fn complete(&self, part: &str) -> Result<()> {
        self.append(&Line::Complete { part: part.to_owned() })
    }
}

/// Returns the kernel's id of this boot.
pub(crate) fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

/// The folders in which laboratories live.
#[derive(Clone, Debug)]
pub struct Places {
    /// Every laboratory has a folder of its name here.
    pub state: Utf8PathBuf,
    /// The parts that are made once and kept.
    pub cache: Utf8PathBuf,
}

impl Places {
    /// Returns the folder of a laboratory.
    #[must_use]
    pub fn folder(&self, name: &LabName) -> Utf8PathBuf {
        self.state.join(name.as_str())
    }

    /// Returns the names of the laboratories that have a folder, sorted.
    ///
    /// # Errors
    ///
    /// [`LabError::File`] if the folder is there but cannot be read.
    pub fn names(&self) -> Result<Vec<LabName>> {
        let entries = match self.state.read_dir_utf8() {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(LabError::file("read", &self.state)(error)),
        };
        let folders = entries.flatten().filter(|entry| entry.path().is_dir());
        let mut names: Vec<LabName> = folders.filter_map(|entry| entry.file_name().parse().ok()).collect();
        names.sort();
        Ok(names)
    }
}

/// An exclusive lock that a process holds until it ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock at `path`, or says who has it.
    pub(crate) fn take(path: &Utf8Path) -> Result<Result<Self, String>> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(LabError::file("make", folder))?;
        }
        let opened = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path);
        let mut file = opened.map_err(LabError::file("open", path))?;
        match file.try_lock() {
            Ok(()) => {
                let noted = file
                    .set_len(0)
                    .and_then(|()| file.rewind())
                    .and_then(|()| writeln!(file, "{}", std::process::id()));
                noted.map_err(LabError::file("write", path))?;
                Ok(Ok(Self { _file: file }))
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(LabError::file("read", path))?;
                Ok(Err(format!("process {}", holder.trim())))
            }
            Err(TryLockError::Error(error)) => Err(LabError::file("lock", path)(error)),
        }
    }

    /// Takes the lock of a laboratory.
    ///
    /// # Errors
    ///
    /// [`LabError::Busy`] if another process has it.
    pub(crate) fn of_lab(places: &Places, name: &LabName) -> Result<Self> {
        let path = places.state.join(format!("{name}.lock"));
        // Whoever only looks at the laboratory holds it for a moment.
        let mut held = Self::take(&path)?;
        for _ in 0..20 {
            if held.is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
            held = Self::take(&path)?;
        }
        held.map_err(|holder| LabError::Busy {
            name: name.to_string(),
            holder,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        (dir, path)
    }

    fn spec() -> Spec {
        Spec::usual("dev".parse().unwrap(), None)
    }

    #[test]
    fn what_was_written_is_read_again() {
        let (_dir, folder) = folder();
        let record = Record::begin(&folder, &spec(), 7).unwrap();
        let mount = Made::Mount {
            path: "/somewhere".into(),
        };
        record.makes(mount.clone()).unwrap();
        record.makes(mount.clone()).unwrap();
        for pid in [10, 11] {
            let process = Started {
                label: "etcd".into(),
                pid,
                start_ticks: 5,
            };
            record.append(&Line::Runs { process }).unwrap();
        }
        let read = Record::read(&folder).unwrap().unwrap();
        assert_eq!(read.rook(), Some((&spec(), 7)));
        assert_eq!((read.up, &read.made), (false, &vec![mount]));
        assert_eq!(
            read.processes.len(),
            1,
            "a process that was started again replaces the earlier one"
        );
        assert_eq!(read.processes[0].pid, 11);
        record.append(&Line::Up).unwrap();
        assert!(Record::read(&folder).unwrap().unwrap().up);
    }

    #[test]
    fn a_cloud_is_known_by_what_broke_it_and_what_was_stopped() {
        let (_dir, folder) = folder();
        let asked = OpenStackSpec {
            name: "os".parse().unwrap(),
            profiles: BTreeSet::from([Profile::Https]),
        };
        let record = Record::begin_openstack(&folder, &asked).unwrap();
        for (profile, broken) in [(Profile::Https, true), (Profile::Slow, true), (Profile::Https, false)] {
            record.append(&Line::Switched { profile, broken }).unwrap();
        }
        let process = Started {
            label: "cinder-backup".into(),
            pid: 10,
            start_ticks: 5,
        };
        record.append(&Line::Runs { process }).unwrap();
        let label = "cinder-backup".to_owned();
        record.append(&Line::Ends { label }).unwrap();
        let read = Record::read(&folder).unwrap().unwrap();
        assert_eq!((read.rook(), read.processes.len()), (None, 0));
        assert_eq!(read.profiles, BTreeSet::from([Profile::Slow]));
        assert_eq!(read.asked, Asked::OpenStack { spec: asked });
    }

    #[test]
    fn a_record_cut_anywhere_keeps_every_whole_line() {
        let (_dir, folder) = folder();
        let record = Record::begin(&folder, &spec(), 7).unwrap();
        for number in 0..5 {
            record
                .makes(Made::Link {
                    name: format!("link{number}"),
                })
                .unwrap();
        }
        let text = std::fs::read_to_string(folder.join(RECORD)).unwrap();
        for end in 0..=text.len() {
            let cut = &text[..end];
            let whole = cut.matches('\n').count();
            let read = Recorded::parse(cut).unwrap();
            assert_eq!(read.map_or(0, |read| read.made.len() + 1), whole, "cut at byte {end}");
        }
    }

    #[test]
    fn a_damaged_line_is_refused_and_named() {
        let error = Recorded::parse("{\"line\":\"up\"}\n").unwrap_err().to_string();
        assert!(error.contains("does not begin"), "{error}");
        let error = Recorded::parse("nonsense\n{\"line\":\"up\"}\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("line 1"), "{error}");
    }

    #[test]
    fn a_second_process_is_told_who_has_the_lock() {
        let (_dir, folder) = folder();
        let path = folder.join("x.lock");
        let first = Lock::take(&path).unwrap();
        assert!(first.is_ok());
        let holder = Lock::take(&path).unwrap().unwrap_err();
        assert_eq!(holder, format!("process {}", std::process::id()));
        drop(first);
        assert!(Lock::take(&path).unwrap().is_ok());
    }
}
