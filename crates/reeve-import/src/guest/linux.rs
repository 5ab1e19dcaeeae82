//! What the guest's own files say about it. Everything in them is untrusted text.

use std::collections::BTreeSet;

use serde::Serialize;

use super::files::GuestFiles;
use crate::error::escaped;

/// The most names that are told of one kind.
const MOST_NAMES: usize = 8;

/// How the guest's initramfs was made, as its configuration says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Initramfs {
    /// With the drivers of most hardware.
    Most,
    /// With the drivers of the hardware on which it was made.
    ThisHardware,
    /// It is not known.
    Unknown,
}

/// What is known of a Linux guest from its root file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinuxLook {
    /// Its name for people: `Debian GNU/Linux 12 (bookworm)`.
    pub name: Option<String>,
    /// Its name for programs: `debian`.
    pub id: Option<String>,
    /// Its version: `12`.
    pub version: Option<String>,
    /// The kernels that have modules, the newest by name last.
    pub kernels: Vec<String>,
    /// The drivers, of those that matter, that every kernel has.
    pub drivers: BTreeSet<String>,
    /// How its initramfs was made.
    pub initramfs: Initramfs,
    /// What `/etc/fstab` mounts by the names of disks: `/dev/sda1`.
    pub mounts_by_name: Vec<String>,
    /// Network interfaces that are configured by their names: `ens192`.
    pub interfaces: Vec<String>,
}

/// Drivers that matter for what a server can have.
const DRIVERS: [&str; 11] = [
    "ahci",
    "ata_piix",
    "virtio_blk",
    "virtio_scsi",
    "virtio_pci",
    "virtio_net",
    "mptsas",
    "e1000",
    "e1000e",
    "pcnet32",
    "vmxnet3",
];

impl LinuxLook {
    /// Reads what the files say; `None` if this is no root file system of Linux.
    #[must_use]
    pub fn of(files: &dyn GuestFiles) -> Option<Self> {
        let release = files
            .read("/etc/os-release")
            .or_else(|| files.read("/usr/lib/os-release"));
        let kernels = kernels(files);
        if release.is_none() && kernels.is_empty() && files.read("/etc/fstab").is_none() {
            return None;
        }
        let release = release.unwrap_or_default();
        let value = |key: &str| {
            let found = release
                .lines()
                .find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='))?;
            let text = found.trim().trim_matches(['"', '\'']);
            (!text.is_empty()).then(|| escaped(text, 100))
        };
        Some(Self {
            name: value("PRETTY_NAME"),
            id: value("ID").filter(|id| {
                id.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            }),
            version: value("VERSION_ID"),
            drivers: drivers(files, &kernels),
            initramfs: initramfs(files),
            mounts_by_name: mounts(&files.read("/etc/fstab").unwrap_or_default()),
            interfaces: interfaces(files),
            kernels,
        })
    }

    /// Returns its name.
    pub(super) fn summary(&self) -> String {
        let name = self.name.as_deref().or(self.id.as_deref());
        name.unwrap_or("a Linux without a name").to_owned()
    }

    /// Says what of the guest does not fit a server with this disk bus and this network card; sentences without a full stop.
    #[must_use]
    pub fn remarks(&self, disk_bus: &str, scsi_model: Option<&str>, nic_model: Option<&str>) -> Vec<String> {
        let mut remarks = vec![format!("the guest is {}", self.summary())];
        let disk_driver = match (disk_bus, scsi_model) {
            ("ide", _) => Some("ata_piix"),
            ("sata", _) => Some("ahci"),
            ("virtio", _) => Some("virtio_blk"),
            ("scsi", Some("virtio-scsi")) => Some("virtio_scsi"),
            ("scsi", Some("lsisas1068")) => Some("mptsas"),
            _ => None,
        };
        let nic_driver = nic_model.map(|model| match model {
            "virtio" => "virtio_net",
            "pcnet" => "pcnet32",
            other => other,
        });
        // Without a list of modules nothing can be said of them.
        let has_modules = !self.kernels.is_empty() && !self.drivers.is_empty();
        if let Some(driver) = disk_driver.filter(|_| has_modules) {
            if !self.drivers.contains(driver) {
                remarks.push(format!(
                    "the guest WILL NOT START: its kernel has no driver for its disk on {disk_bus} ({driver}); choose another with `--disk-bus`"
                ));
            } else if self.initramfs == Initramfs::ThisHardware {
                remarks.push(format!(
                    "the guest MAY NOT START: its initramfs has the drivers of its old hardware only; before the export, add {driver} to it (`dracut --force --regenerate-all --add-drivers {driver}`, or `MODULES=most` and `update-initramfs -u -k all`)"
                ));
            }
        }
        if let Some(driver) = nic_driver.filter(|driver| has_modules && !self.drivers.contains(*driver)) {
            remarks.push(format!(
                "the guest has no driver for its network card ({driver}); choose another with `--nic-model`"
            ));
        }
        // On SATA and SCSI disks are called as they were on VMware's controllers.
        let kept = |source: &String| source.starts_with("/dev/sd") && matches!(disk_bus, "sata" | "scsi" | "ide");
        let lost: Vec<&str> = self
            .mounts_by_name
            .iter()
            .filter(|source| !kept(source))
            .map(String::as_str)
            .collect();
        if !lost.is_empty() {
            remarks.push(format!(
                "the guest MAY NOT START: /etc/fstab mounts {} by names that its disks will not have any more; use UUIDs instead",
                lost.join(", ")
            ));
        }
        if !self.interfaces.is_empty() {
            remarks.push(format!(
                "the guest configures {} by name, and its card may get another name: have it configured by its MAC address, or at the console afterwards",
                self.interfaces.join(", ")
            ));
        }
        remarks
    }
}

/// Returns the versions of kernels that have modules.
fn kernels(files: &dyn GuestFiles) -> Vec<String> {
    ["/lib/modules", "/usr/lib/modules"]
        .iter()
        .map(|folder| files.list(folder))
        .find(|names| !names.is_empty())
        .unwrap_or_default()
        .into_iter()
        .filter(|name| name.starts_with(|first: char| first.is_ascii_digit()))
        .take(MOST_NAMES)
        .collect()
}

/// Returns the drivers, of those that matter, that all kernels have as modules or built in.
fn drivers(files: &dyn GuestFiles, kernels: &[String]) -> BTreeSet<String> {
    let mut all: Option<BTreeSet<String>> = None;
    for kernel in kernels {
        let read = |name: &str| {
            ["/lib/modules", "/usr/lib/modules"]
                .iter()
                .find_map(|folder| files.read(&format!("{folder}/{kernel}/{name}")))
        };
        let Some(modules) = read("modules.dep") else {
            continue;
        };
        let built_in = read("modules.builtin").unwrap_or_default();
        // A line begins with the module's path; what follows the colon are others that it needs.
        let paths = modules.lines().map(|line| line.split(':').next().unwrap_or_default());
        let names: BTreeSet<String> = paths
            .chain(built_in.lines())
            .filter_map(|path| path.rsplit('/').next()?.split('.').next())
            .map(|name| name.replace('-', "_"))
            .collect();
        let has: BTreeSet<String> = DRIVERS
            .iter()
            .filter(|driver| names.contains(**driver))
            .map(|driver| (*driver).to_owned())
            .collect();
        all = Some(match all {
            None => has,
            Some(earlier) => earlier.intersection(&has).cloned().collect(),
        });
    }
    all.unwrap_or_default()
}

/// Source: initramfs-tools: `initramfs.conf(5)`, `MODULES`; dracut: `dracut.conf(5)`, `hostonly`; Debian's initramfs-tools has `most`, Fedora's and RHEL's dracut packages are host-only.
fn initramfs(files: &dyn GuestFiles) -> Initramfs {
    if let Some(text) = files.read("/etc/initramfs-tools/initramfs.conf") {
        let drop_ins = files.list("/etc/initramfs-tools/conf.d");
        let drop_ins = drop_ins
            .iter()
            .take(MOST_NAMES)
            .filter_map(|name| files.read(&format!("/etc/initramfs-tools/conf.d/{name}")));
        let values = std::iter::once(text).chain(drop_ins).filter_map(|text| {
            let value = text
                .lines()
                .filter_map(|line| line.trim().strip_prefix("MODULES="))
                .next_back();
            value.map(|value| value.trim_matches(['"', '\'']).to_owned())
        });
        return match values.last().as_deref() {
            Some("dep") => Initramfs::ThisHardware,
            Some("most" | "") | None => Initramfs::Most,
            Some(_) => Initramfs::Unknown,
        };
    }
    if files.read("/etc/dracut.conf").is_none() && files.list("/usr/lib/dracut/dracut.conf.d").is_empty() {
        return Initramfs::Unknown;
    }
    let folders = ["/usr/lib/dracut/dracut.conf.d", "/etc/dracut.conf.d"];
    let texts = folders.iter().flat_map(|folder| {
        let names = files.list(folder).into_iter().take(4 * MOST_NAMES);
        names
            .filter_map(|name| files.read(&format!("{folder}/{name}")))
            .collect::<Vec<_>>()
    });
    let is_host_only = texts
        .chain(files.read("/etc/dracut.conf"))
        .flat_map(|text| {
            let lines = text.lines().map(|line| line.replace(['"', '\'', ' '], ""));
            lines.filter(|line| line.starts_with("hostonly=")).collect::<Vec<_>>()
        })
        .last()
        .map(|line| line == "hostonly=yes");
    match is_host_only {
        Some(true) => Initramfs::ThisHardware,
        Some(false) => Initramfs::Most,
        // Upstream's own choice is the general one.
        None => Initramfs::Unknown,
    }
}

/// Returns what is mounted by the name of a disk.
fn mounts(fstab: &str) -> Vec<String> {
    let sources = fstab
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_whitespace().next());
    let by_name = sources.filter(|source| {
        ["/dev/sd", "/dev/hd", "/dev/nvme", "/dev/vd", "/dev/xvd"]
            .iter()
            .any(|begin| source.starts_with(begin))
    });
    by_name.map(|source| escaped(source, 60)).take(MOST_NAMES).collect()
}

/// Returns the interfaces that are configured by a name which depends on the hardware.
fn interfaces(files: &dyn GuestFiles) -> Vec<String> {
    let mut found = BTreeSet::new();
    let depends = |name: &str| {
        let begins = ["eth", "ens", "enp", "eno", "enx", "em"];
        begins.iter().any(|begin| {
            name.strip_prefix(begin)
                .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        })
    };
    let mut add = |name: &str| {
        let name = name.trim().trim_matches(['"', '\'', ':']);
        if depends(name) && name.len() <= 15 && name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            found.insert(name.to_owned());
        }
    };
    let below = |folder: &str| -> Vec<(String, String)> {
        let names = files.list(folder).into_iter().take(4 * MOST_NAMES);
        names
            .filter_map(|name| {
                let text = files.read(&format!("{folder}/{name}"))?;
                Some((name, text))
            })
            .collect()
    };
    let debian = files.read("/etc/network/interfaces").into_iter();
    let debian = debian.chain(below("/etc/network/interfaces.d").into_iter().map(|(_, text)| text));
    for text in debian {
        for line in text.lines() {
            if let Some(rest) = line.trim().strip_prefix("iface ") {
                add(rest.split_whitespace().next().unwrap_or_default());
            }
        }
    }
    for (_, text) in below("/etc/netplan") {
        // An interface that is found by its MAC address may be called anything.
        if !text.contains("macaddress:") {
            text.lines()
                .filter(|line| line.trim_end().ends_with(':'))
                .for_each(&mut add);
        }
    }
    for name in files.list("/etc/sysconfig/network-scripts") {
        if let Some(name) = name.strip_prefix("ifcfg-") {
            add(name);
        }
    }
    for (_, text) in below("/etc/NetworkManager/system-connections") {
        text.lines()
            .filter_map(|line| line.trim().strip_prefix("interface-name="))
            .for_each(&mut add);
    }
    found.into_iter().take(MOST_NAMES).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Files by their paths.
    struct Files(BTreeMap<String, String>);

    impl GuestFiles for Files {
        fn read(&self, path: &str) -> Option<String> {
            self.0.get(path).cloned()
        }

        fn list(&self, folder: &str) -> Vec<String> {
            let inner = self
                .0
                .keys()
                .filter_map(|path| path.strip_prefix(folder)?.strip_prefix('/'));
            let names: BTreeSet<&str> = inner.filter_map(|rest| rest.split('/').next()).collect();
            names.into_iter().map(str::to_owned).collect()
        }
    }

    fn files(list: &[(&str, &str)]) -> Files {
        Files(
            list.iter()
                .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
                .collect(),
        )
    }

    fn debian() -> Files {
        files(&[
            (
                "/etc/os-release",
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n",
            ),
            (
                "/etc/fstab",
                "# a comment\nUUID=1 / ext4 defaults 0 1\n/dev/sdb1 /data ext4 defaults 0 2\n/dev/sr0 /media auto noauto 0 0\n",
            ),
            (
                "/lib/modules/6.1.0-1-amd64/modules.dep",
                "kernel/drivers/ata/ahci.ko: kernel/drivers/ata/libahci.ko\nkernel/drivers/block/virtio_blk.ko:\nkernel/drivers/net/ethernet/intel/e1000e/e1000e.ko.xz:\nkernel/drivers/net/virtio_net.ko: kernel/net/failover.ko\n",
            ),
            (
                "/lib/modules/6.1.0-1-amd64/modules.builtin",
                "kernel/drivers/virtio/virtio-pci.ko\n",
            ),
            ("/etc/initramfs-tools/initramfs.conf", "MODULES=most\n"),
            (
                "/etc/network/interfaces",
                "auto lo\niface lo inet loopback\niface ens192 inet dhcp\n",
            ),
        ])
    }

    #[test]
    fn what_will_not_fit_is_told_for_the_hardware_that_was_chosen() {
        let look = LinuxLook::of(&debian()).unwrap();
        assert_eq!(
            (look.id.as_deref(), look.version.as_deref(), look.initramfs),
            (Some("debian"), Some("12"), Initramfs::Most)
        );
        assert_eq!(
            look.drivers.iter().cloned().collect::<Vec<_>>().join(" "),
            "ahci e1000e virtio_blk virtio_net virtio_pci"
        );
        let all = [
            look.remarks("sata", None, Some("e1000e")),
            look.remarks("virtio", None, Some("virtio")),
            look.remarks("scsi", Some("lsisas1068"), Some("pcnet")),
        ];
        insta::assert_snapshot!(all.map(|remarks| remarks.join("\n")).join("\n--\n"));
    }

    #[test]
    fn an_initramfs_for_the_old_hardware_is_told() {
        let mut rhel = debian();
        rhel.0.remove("/etc/initramfs-tools/initramfs.conf");
        rhel.0.insert(
            "/usr/lib/dracut/dracut.conf.d/01-dist.conf".to_owned(),
            "hostonly=\"yes\"\n".to_owned(),
        );
        rhel.0
            .insert("/etc/sysconfig/network-scripts/ifcfg-ens33".to_owned(), String::new());
        let look = LinuxLook::of(&rhel).unwrap();
        assert_eq!(look.initramfs, Initramfs::ThisHardware);
        assert_eq!(look.interfaces, ["ens192", "ens33"]);
        let remarks = look.remarks("virtio", None, None).join("\n");
        assert!(
            remarks
                .contains("its initramfs has the drivers of its old hardware only; before the export, add virtio_blk"),
            "{remarks}"
        );
        rhel.0.insert(
            "/etc/dracut.conf.d/90-general.conf".to_owned(),
            "hostonly=no\n".to_owned(),
        );
        assert_eq!(LinuxLook::of(&rhel).unwrap().initramfs, Initramfs::Most);
    }

    #[test]
    fn what_is_no_root_of_linux_is_none() {
        assert_eq!(LinuxLook::of(&files(&[("/bootmgr", "x")])), None);
        let bare = LinuxLook::of(&files(&[("/etc/fstab", "/dev/nvme0n1p1 / xfs defaults 0 0")])).unwrap();
        let remarks = bare.remarks("sata", None, None).join("\n");
        assert!(remarks.contains("/etc/fstab mounts /dev/nvme0n1p1"), "{remarks}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fail_or_steers_a_terminal(text in "(?s).{0,400}", which in 0_usize..6) {
            let mut guest = debian();
            let path = guest.0.keys().nth(which).unwrap().clone();
            guest.0.insert(path, text);
            if let Some(look) = LinuxLook::of(&guest) {
                for remark in look.remarks("virtio", None, Some("virtio")) {
                    prop_assert!(!remark.chars().any(char::is_control), "{:?}", remark);
                }
            }
        }
    }
}
