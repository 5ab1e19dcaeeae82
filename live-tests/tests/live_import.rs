//! Machines brought into a real cloud: they start there, their data is what it was, and nothing is left when they are taken back.

use std::process::Command;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use reeve_live_tests::{Cloud, figure};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a guest with an emulated processor may take to start, on a machine that does other things as well.
const BOOT: Duration = Duration::from_secs(900);

const NETWORK: &str = "import";

/// A folder of a test and its network, which goes when the test ends.
struct Project {
    cloud: Cloud,
    folder: TempDir,
}

impl Project {
    fn new() -> Self {
        let cloud = Cloud::open();
        cloud.openstack(&["network", "create", NETWORK]);
        cloud.openstack(&[
            "subnet",
            "create",
            NETWORK,
            "--network",
            NETWORK,
            "--subnet-range",
            "10.77.0.0/24",
        ]);
        Self {
            cloud,
            folder: tempfile::tempdir().expect("a folder can be made"),
        }
    }

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.folder.path()).expect("its name is UTF-8")
    }

    fn reeve(&self, words: &[&str]) -> String {
        let all = [words, &["--runs-dir", "runs"]].concat();
        self.cloud.reeve(self.path(), &all).fine()
    }

    /// Plans, carries the plan out and returns the report.
    fn import(&self, source: &str, words: &[&str]) -> Value {
        let plan = ["import", "plan", source, "--output", "plan.json"];
        figure(&self.cloud.reeve(self.path(), &[&plan, words].concat()).fine());
        let begun = Instant::now();
        self.reeve(&["import", "run", "plan.json", "--yes"]);
        figure(&format!("imported in {:.0} s", begun.elapsed().as_secs_f64()));
        self.report()
    }

    fn report(&self) -> Value {
        serde_json::from_str(&self.reeve(&["import", "report", "--format", "json"])).expect("reports are JSON")
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // What a failed test made is in the way of the next one.
            let undo = ["import", "undo", "--all", "--yes", "--runs-dir", "runs"];
            figure(&format!("{:?}", self.cloud.reeve(self.path(), &undo)));
        }
        self.cloud.openstack(&["network", "delete", NETWORK]);
    }
}

fn tool(program: &str, words: &[&str]) {
    let output = Command::new(program).args(words).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {words:?}: {said}");
}

/// Writes a raw disk as VMware's tools would.
fn vmdk(raw: &Utf8Path, subformat: &str, to: &Utf8Path) {
    let subformat = format!("subformat={subformat}");
    let words = [
        "convert",
        "-f",
        "raw",
        "-O",
        "vmdk",
        "-o",
        &subformat,
        raw.as_str(),
        to.as_str(),
    ];
    tool("qemu-img", &words);
}

fn digest(program: &str, file: &Utf8Path) -> String {
    let output = Command::new(program).arg(file).output().expect("coreutils are there");
    let said = String::from_utf8(output.stdout).expect("digests are text");
    said.split_whitespace().next().unwrap_or_default().to_owned()
}

const OVF: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>
    <File ovf:href="guest-disk1.vmdk" ovf:id="file1"/>
    <File ovf:href="guest-disk2.vmdk" ovf:id="file2"/>
  </References>
  <DiskSection>
    <Info>Disks</Info>
    <Disk ovf:capacity="@ROOT@" ovf:capacityAllocationUnits="byte" ovf:diskId="root" ovf:fileRef="file1" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
    <Disk ovf:capacity="@DATA@" ovf:capacityAllocationUnits="byte" ovf:diskId="data" ovf:fileRef="file2" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection><Info>Networks</Info><Network ovf:name="VM Network"/></NetworkSection>
  <VirtualSystem ovf:id="guest">
    <Info>A machine</Info>
    <Name>guest</Name>
    <OperatingSystemSection ovf:id="96" vmw:osType="debian12_64Guest"><Info>The guest</Info></OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Hardware</Info>
      <System><vssd:ElementName>Virtual Hardware Family</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID><vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType></System>
      <Item><rasd:ElementName>1 CPU</rasd:ElementName><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>1</rasd:VirtualQuantity></Item>
      <Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:ElementName>1024MB of memory</rasd:ElementName><rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType><rasd:VirtualQuantity>1024</rasd:VirtualQuantity></Item>
      <Item><rasd:Address>0</rasd:Address><rasd:ElementName>SCSI controller 0</rasd:ElementName><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceSubType>lsilogic</rasd:ResourceSubType><rasd:ResourceType>6</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:ElementName>Hard disk 1</rasd:ElementName><rasd:HostResource>ovf:/disk/root</rasd:HostResource><rasd:InstanceID>4</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>1</rasd:AddressOnParent><rasd:ElementName>Hard disk 2</rasd:ElementName><rasd:HostResource>ovf:/disk/data</rasd:HostResource><rasd:InstanceID>5</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>2</rasd:AddressOnParent><rasd:Address>00:50:56:ab:cd:01</rasd:Address><rasd:Connection>VM Network</rasd:Connection><rasd:ElementName>Network adapter 1</rasd:ElementName><rasd:InstanceID>6</rasd:InstanceID><rasd:ResourceSubType>E1000</rasd:ResourceSubType><rasd:ResourceType>10</rasd:ResourceType></Item>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
"#;

const VMX: &str = r#".encoding = "UTF-8"
config.version = "8"
virtualHW.version = "19"
displayName = "guest"
guestOS = "debian12-64"
numvcpus = "1"
memSize = "1024"
firmware = "@FIRMWARE@"
@BUS@0.present = "TRUE"
@BUS@0.virtualDev = "lsisas1068"
@BUS@0:0.present = "TRUE"
@BUS@0:0.fileName = "guest.vmdk"
@BUS@0:1.present = "TRUE"
@BUS@0:1.fileName = "guest_1.vmdk"
ethernet0.present = "TRUE"
ethernet0.virtualDev = "@CARD@"
ethernet0.networkName = "VM Network"
ethernet0.addressType = "generated"
ethernet0.generatedAddress = "00:0c:29:ab:cd:02"
"#;

/// Packs the guest as an export of vCenter: descriptor, manifest, compressed disks.
fn ova(guest: &Utf8Path, folder: &Utf8Path) -> Utf8PathBuf {
    vmdk(
        &guest.join("bios.raw"),
        "streamOptimized",
        &folder.join("guest-disk1.vmdk"),
    );
    vmdk(
        &guest.join("data.raw"),
        "streamOptimized",
        &folder.join("guest-disk2.vmdk"),
    );
    let size = |name: &str| {
        std::fs::metadata(guest.join(name))
            .expect("it is there")
            .len()
            .to_string()
    };
    let ovf = OVF
        .replace("@ROOT@", &size("bios.raw"))
        .replace("@DATA@", &size("data.raw"));
    std::fs::write(folder.join("guest.ovf"), ovf).expect("the folder can be written to");
    let files = ["guest.ovf", "guest-disk1.vmdk", "guest-disk2.vmdk"];
    let manifest: String = files
        .iter()
        .map(|name| format!("SHA256({name})= {}\n", digest("sha256sum", &folder.join(name))))
        .collect();
    std::fs::write(folder.join("guest.mf"), manifest).expect("the folder can be written to");
    let ova = folder.join("guest.ova");
    let words = [
        "--create",
        "--format=ustar",
        "--directory",
        folder.as_str(),
        "--file",
        ova.as_str(),
    ];
    let files = ["guest.ovf", "guest.mf", "guest-disk1.vmdk", "guest-disk2.vmdk"];
    tool("tar", &[&words[..], &files].concat());
    for file in files {
        std::fs::remove_file(folder.join(file)).expect("it was packed");
    }
    ova
}

/// Lays the guest down as a folder of a datastore.
fn vmx(guest: &Utf8Path, folder: &Utf8Path, firmware: &str, bus: &str, card: &str) {
    let root = if firmware == "efi" { "uefi.raw" } else { "bios.raw" };
    vmdk(&guest.join(root), "monolithicSparse", &folder.join("guest.vmdk"));
    vmdk(&guest.join("data.raw"), "monolithicFlat", &folder.join("guest_1.vmdk"));
    let text = VMX
        .replace("@FIRMWARE@", firmware)
        .replace("@BUS@", bus)
        .replace("@CARD@", card);
    std::fs::write(folder.join("guest.vmx"), text).expect("the folder can be written to");
}

/// Waits until the server of a report has started, and compares what it says with what its machine was.
#[track_caller]
fn assert_it_started(
    cloud: &Cloud,
    report: &Value,
    firmware: &str,
    disks: &[(&str, &Utf8Path)],
    controller: &str,
    card: &str,
) {
    let server = report["server"]["server_id"].as_str().expect("there is a server");
    let begun = Instant::now();
    let said = cloud.console(server, "import-guest: ready", BOOT);
    figure(&format!(
        "{firmware}: user space {:.0} s after the import",
        begun.elapsed().as_secs_f64()
    ));
    let disks: String = disks
        .iter()
        .map(|(name, raw)| {
            // A volume is as large as the disk, in whole GiB.
            let bytes = std::fs::metadata(raw).expect("it is there").len();
            format!("{name}={} ", bytes.div_ceil(1 << 30) * (1 << 30) / 512)
        })
        .collect();
    for line in [
        format!("import-guest: userland, started by {firmware}"),
        format!("import-guest: disks {disks}"),
        format!("import-guest: root by sd {controller}"),
        format!("import-guest: network by {card}"),
        "import-guest: data verified".to_owned(),
    ] {
        assert!(said.contains(&line), "{line}\n{said}");
    }
}

#[test]
#[ignore = "needs a running cloud"]
fn a_machine_of_an_ova_starts_with_bios() {
    let guest = Cloud::guest();
    let project = Project::new();
    let before = project.cloud.holdings();
    let ova = ova(&guest, project.path());
    let report = project.import(ova.as_str(), &["--boot", "--network", NETWORK]);
    assert_eq!(report["condition"], json!("finished"), "{report:#}");
    // Raw: anybody can compute Glance's digest again, from the disk as it was before VMware's format.
    for (disk, raw) in report["disks"]
        .as_array()
        .expect("disks")
        .iter()
        .zip(["bios.raw", "data.raw"])
    {
        let id = disk["image"]["image_id"]
            .as_str()
            .unwrap_or_else(|| panic!("no image in {disk:#}"));
        let image = project.cloud.openstack_json(&["image", "show", id]);
        assert_eq!(
            image["properties"]["os_hash_value"],
            digest("sha512sum", &guest.join(raw)),
            "{raw}"
        );
    }
    let disks = [("sda", &*guest.join("bios.raw")), ("sdb", &guest.join("data.raw"))];
    assert_it_started(
        &project.cloud,
        &report,
        "BIOS",
        &disks,
        "ahci",
        "e1000 00:50:56:ab:cd:01",
    );
    project.reeve(&["import", "undo", "--yes"]);
    assert_eq!(project.cloud.holdings(), before);
}

#[test]
#[ignore = "needs a running cloud"]
fn a_machine_of_a_vmx_folder_starts_with_uefi() {
    let guest = Cloud::guest();
    let project = Project::new();
    let before = project.cloud.holdings();
    vmx(&guest, project.path(), "efi", "sata", "vmxnet3");
    let words = ["--boot", "--network", NETWORK, "--image-format", "qcow2"];
    let report = project.import("guest.vmx", &words);
    assert_eq!(report["condition"], json!("finished"), "{report:#}");
    let disks = [("sda", &*guest.join("uefi.raw")), ("sdb", &guest.join("data.raw"))];
    // VMware's own card is none of QEMU's usual ones.
    assert_it_started(
        &project.cloud,
        &report,
        "UEFI",
        &disks,
        "ahci",
        "e1000e 00:0c:29:ab:cd:02",
    );
    project.reeve(&["import", "undo", "--yes"]);
    assert_eq!(project.cloud.holdings(), before);
}

/// Returns the digest of a disk with zeros up to whole GiB, as its volume should have it, by tools that are not ours.
fn digest_of_volume(raw: &Utf8Path, folder: &Utf8Path) -> String {
    let whole = folder.join("whole.raw");
    std::fs::copy(raw, &whole).expect("the folder can be written to");
    tool("truncate", &["--size=%1G", whole.as_str()]);
    let digest = digest("sha512sum", &whole);
    std::fs::remove_file(whole).expect("it was made");
    digest
}

/// The cloud unpacks VMware's own format, and is not believed: the volumes are read back.
#[test]
#[ignore = "needs a running cloud"]
fn a_machine_whose_disks_are_sent_as_they_are_has_them_on_its_volumes() {
    let guest = Cloud::guest();
    let project = Project::new();
    let before = project.cloud.holdings();
    let ova = ova(&guest, project.path());
    let words = [
        "--boot",
        "--network",
        NETWORK,
        "--image-format",
        "vmdk",
        "--verify-volumes",
    ];
    let report = project.import(ova.as_str(), &words);
    assert_eq!(report["condition"], json!("finished"), "{report:#}");
    let raws = ["bios.raw", "data.raw"].map(|name| guest.join(name));
    let proofs = report["proofs"].as_array().expect("proofs");
    assert_eq!(proofs.len(), raws.len(), "{report:#}");
    for (at, raw) in raws.iter().enumerate() {
        let id = report["disks"][at]["image"]["image_id"].as_str().expect("an image");
        let image = project.cloud.openstack_json(&["image", "show", id]);
        assert_eq!(image["disk_format"], "vmdk");
        figure(&format!(
            "{} bytes of {} sent",
            image["size"],
            raw.file_name().unwrap_or_default()
        ));
        assert_eq!(proofs[at]["digest"], digest_of_volume(raw, project.path()), "{raw}");
    }
    let disks = [("sda", &*raws[0]), ("sdb", &*raws[1])];
    let card = "e1000 00:50:56:ab:cd:01";
    assert_it_started(&project.cloud, &report, "BIOS", &disks, "ahci", card);
    project.reeve(&["import", "undo", "--yes"]);
    assert_eq!(project.cloud.holdings(), before);
}

#[test]
#[ignore = "needs a running cloud"]
fn what_is_staged_becomes_raw_where_the_cloud_makes_it_so() {
    let guest = Cloud::guest();
    let project = Project::new();
    let before = project.cloud.holdings();
    let ova = ova(&guest, project.path());
    for (converts, format) in [(false, "vmdk"), (true, "vmdk"), (true, "qcow2")] {
        project.cloud.switch("image-conversion", !converts);
        let words = ["--import-method", "glance-direct", "--image-format", format];
        let report = project.import(ova.as_str(), &words);
        assert_eq!(report["condition"], json!("finished"), "{report:#}");
        for (disk, raw) in report["disks"]
            .as_array()
            .expect("disks")
            .iter()
            .zip(["bios.raw", "data.raw"])
        {
            let id = disk["image"]["image_id"].as_str().expect("an image");
            let image = project.cloud.openstack_json(&["image", "show", id]);
            assert_eq!(image["disk_format"], if converts { "raw" } else { format }, "{raw}");
            let is_raw = image["properties"]["os_hash_value"] == digest("sha512sum", &guest.join(raw)).as_str();
            assert_eq!(is_raw, converts, "{raw}");
        }
        project.reeve(&["import", "undo", "--yes"]);
        assert_eq!(project.cloud.holdings(), before);
        std::fs::remove_file(project.path().join("plan.json")).expect("it was made");
    }
    project.cloud.switch("image-conversion", true);
}

#[test]
#[ignore = "needs a running cloud"]
fn machines_that_were_on_ide_and_on_lsi_sas_start() {
    let guest = Cloud::guest();
    let project = Project::new();
    let before = project.cloud.holdings();
    for (bus, card, controller, driver) in [
        ("ide", "vlance", "ata_piix", "pcnet32"),
        // Linux does not find disks on QEMU's SAS controller.
        ("scsi", "e1000e", "ahci", "e1000e"),
    ] {
        vmx(&guest, project.path(), "bios", bus, card);
        let report = project.import("guest.vmx", &["--boot", "--network", NETWORK]);
        let disks = [("sda", &*guest.join("bios.raw")), ("sdb", &guest.join("data.raw"))];
        let card = format!("{driver} 00:0c:29:ab:cd:02");
        assert_it_started(&project.cloud, &report, "BIOS", &disks, controller, &card);
        project.reeve(&["import", "undo", "--yes"]);
        assert_eq!(project.cloud.holdings(), before, "{bus}");
        for name in ["guest.vmdk", "guest_1.vmdk", "guest_1-flat.vmdk", "plan.json"] {
            std::fs::remove_file(project.path().join(name)).expect("it was made");
        }
    }
}

/// How many machines there are in one folder of plans.
const MANY: usize = 100;

#[test]
#[ignore = "needs a running cloud"]
fn a_hundred_machines_are_imported_and_one_that_fails_stops_none() {
    let project = Project::new();
    let before = project.cloud.holdings();
    let folder = project.path();
    let raw = folder.join("disk.raw");
    let names: Vec<String> = (0..MANY).map(|number| format!("machine-{number:02}.vmdk")).collect();
    for (number, name) in names.iter().enumerate() {
        // No two are the same: the digest of one is not that of another.
        let text = format!("machine {number} ").repeat(20_000);
        std::fs::write(&raw, &text.as_bytes()[..200_000 / 512 * 512]).expect("it can be written");
        vmdk(&raw, "streamOptimized", &folder.join(name));
    }
    let words = ["import", "plan", "--output", "plans/"].map(str::to_owned);
    let words: Vec<&str> = words.iter().chain(&names).map(String::as_str).collect();
    project.cloud.reeve(folder, &words).fine();
    let plans = folder.join("plans").read_dir_utf8().expect("there are plans").count();
    assert_eq!(plans, MANY);
    // One source has gone since.
    std::fs::remove_file(folder.join("machine-41.vmdk")).expect("it was there");
    let begun = Instant::now();
    let run = [
        "import",
        "run",
        "plans/",
        "--parallel",
        "8",
        "--yes",
        "--runs-dir",
        "runs",
    ];
    let said = project.cloud.reeve(folder, &run);
    figure(&format!("{MANY} machines in {:.0} s", begun.elapsed().as_secs_f64()));
    assert_ne!(said.code, 0, "one has failed: {}", said.err);
    assert!(said.err.contains("machine-41"), "{}", said.err);
    let images = project.cloud.openstack_json(&["image", "list", "--private", "--long"]);
    let mut made: Vec<String> = images
        .as_array()
        .expect("a list")
        .iter()
        .filter(|image| image["Status"] == "active")
        .filter_map(|image| {
            image["Name"]
                .as_str()?
                .strip_suffix("-disk1")
                .map(|name| format!("{name}.vmdk"))
        })
        .filter(|name| name.starts_with("machine-"))
        .collect();
    made.sort();
    let wanted: Vec<String> = names
        .iter()
        .filter(|name| *name != "machine-41.vmdk")
        .cloned()
        .collect();
    assert_eq!(made, wanted);
    project.reeve(&["import", "undo", "--all", "--yes", "--parallel", "8"]);
    assert_eq!(project.cloud.holdings(), before);
}
