//! govmomi's simulator behind a door, as a process (`main.go` beside this).

#![allow(dead_code, reason = "each of the tests that share this module uses a part of it")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use camino::{Utf8Path, Utf8PathBuf};
use reeve_import::{SourceAddress, Sources, Trust, VsphereHost, VsphereLogin, VsphereMachine};

/// A host, alive as long as this is.
pub(crate) struct Host {
    process: Child,
    orders: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    about: serde_json::Value,
    dir: tempfile::TempDir,
}

impl Host {
    #[allow(
        clippy::disallowed_methods,
        reason = "the test command says by it where the program is"
    )]
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let program = std::env::var("REEVE_VSPHERE_HOST").expect("REEVE_VSPHERE_HOST names the program of tests/host");
        let dir = tempfile::tempdir().unwrap();
        let mut process = Command::new(program)
            .args(arguments)
            .arg("-authorities")
            .arg(dir.path().join("ca.pem"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        Self {
            about: serde_json::from_str(&line).unwrap(),
            orders: Mutex::new((process.stdin.take().unwrap(), out)),
            process,
            dir,
        }
    }

    pub(crate) fn obey(&self, order: &str) {
        assert_eq!(self.said(order), "done\n");
    }

    fn said(&self, order: &str) -> String {
        let mut orders = self.orders.lock().unwrap();
        writeln!(orders.0, "{order}").unwrap();
        let mut line = String::new();
        orders.1.read_line(&mut line).unwrap();
        line
    }

    /// Returns how many leases there were of a kind: `made`, `held`, `completed`, `aborted`, `expired`, `error`.
    pub(crate) fn leases(&self, kind: &str) -> u64 {
        let count: serde_json::Value = serde_json::from_str(&self.said("leases")).unwrap();
        count[kind].as_u64().unwrap()
    }

    /// Returns the names of all snapshots.
    pub(crate) fn snapshots(&self) -> Vec<String> {
        serde_json::from_str(&self.said("snapshots")).unwrap()
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.about[field].as_str().unwrap()
    }

    pub(crate) fn address(&self) -> VsphereHost {
        VsphereHost {
            user: self.text("user").to_owned(),
            authority: self.text("authority").to_owned(),
        }
    }

    pub(crate) fn login(&self) -> VsphereLogin {
        VsphereLogin {
            password: Some(self.text("password").into()),
            trust: Trust::Certificate(self.text("fingerprint").parse().unwrap()),
        }
    }

    pub(crate) fn sources(&self) -> Sources {
        Sources::with_login(self.login())
    }

    pub(crate) fn machines(&self) -> Vec<VsphereMachine> {
        self.sources().host(&self.address()).unwrap().machines().unwrap()
    }

    /// Returns the folder of what belongs to the host, and goes with it.
    pub(crate) fn folder(&self) -> &Utf8Path {
        Utf8Path::from_path(self.dir.path()).unwrap()
    }

    /// Returns where a file of a datastore stands on this machine.
    pub(crate) fn path(&self, address: &SourceAddress) -> Utf8PathBuf {
        let SourceAddress::Datastore(file) = address else {
            panic!("{address} is a file of a datastore")
        };
        let datastore = Utf8Path::new(self.about["datastores"][&file.datastore].as_str().unwrap());
        datastore.join(&file.path)
    }

    /// Puts a real machine with two disks where one of the simulator's stands, and returns its address.
    pub(crate) fn furnish(&self, machine: &VsphereMachine, first: &[u8], second: &[u8]) -> SourceAddress {
        let address = SourceAddress::Datastore(machine.source.clone().unwrap());
        let vmx = self.path(&address);
        let folder = vmx.parent().unwrap();
        let text = "config.version = \"8\"\nvirtualHW.version = \"19\"\ndisplayName = \"web\"\nguestOS = \"debian12-64\"\nmemSize = \"512\"\nnumvcpus = \"1\"\n\
            scsi0.present = \"TRUE\"\nscsi0.virtualDev = \"pvscsi\"\nscsi0:0.present = \"TRUE\"\nscsi0:0.fileName = \"web.vmdk\"\n\
            scsi0:1.present = \"TRUE\"\nscsi0:1.fileName = \"data.vmdk\"\n\
            ethernet0.present = \"TRUE\"\nethernet0.virtualDev = \"vmxnet3\"\nethernet0.networkName = \"VM Network\"\nethernet0.generatedAddress = \"00:0c:29:12:34:56\"\n";
        std::fs::write(&vmx, text).unwrap();
        for (name, bytes) in [("web", first), ("data", second)] {
            let descriptor = format!(
                "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType=\"vmfs\"\n\nRW {} VMFS \"{name}-flat.vmdk\"\n\nddb.adapterType = \"lsilogic\"\n",
                bytes.len() / 512
            );
            std::fs::write(folder.join(format!("{name}.vmdk")), descriptor).unwrap();
            std::fs::write(folder.join(format!("{name}-flat.vmdk")), bytes).unwrap();
        }
        address
    }
}

impl Host {
    /// Gives a machine disks that the host exports, each with its name, its stream and its size, and returns its address.
    pub(crate) fn furnish_exports(&self, machine: &VsphereMachine, disks: &[(&str, &[u8], usize)]) -> SourceAddress {
        let address = SourceAddress::Datastore(machine.source.clone().unwrap());
        let folder = self.path(&address);
        let mut order = format!("disks {}", machine.name);
        for (name, stream, size) in disks {
            std::fs::write(folder.with_file_name(name), stream).unwrap();
            order += &format!(" {name} {size}");
        }
        self.obey(&order);
        address
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
