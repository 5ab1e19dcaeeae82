//! Hives of a registry, written as Windows lays them out; small. `hivexml` reads them too (see `tests/windows.rs`).

/// How a key's list of keys is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lists {
    /// Places with the first letters of names.
    Lf,
    /// Places with hashes of names.
    Lh,
    /// Places alone.
    Li,
    /// Lists of such lists, two keys in each.
    Ri,
}

/// A value's data.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    Number(u32),
    Text(&'static str),
    Texts(&'static [&'static str]),
    Bytes(Vec<u8>),
}

/// A key with what is below it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    name: String,
    values: Vec<(&'static str, Data)>,
    keys: Vec<Node>,
}

impl Node {
    /// Returns a key without anything.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// Sets a value at a path below, and makes what leads there.
    pub(crate) fn set(mut self, path: &str, name: &'static str, data: Data) -> Self {
        let mut at = &mut self;
        for part in path.split('\\').filter(|part| !part.is_empty()) {
            let place = at.keys.iter().position(|key| key.name == part).unwrap_or_else(|| {
                at.keys.push(Self::new(part));
                at.keys.len() - 1
            });
            at = &mut at.keys[place];
        }
        at.values.push((name, data));
        self
    }

    /// Makes a key at a path below.
    pub(crate) fn key(self, path: &str) -> Self {
        let mut made = self.set(path, "", Data::Number(0));
        let mut at = &mut made;
        for part in path.split('\\') {
            at = at.keys.iter_mut().find(|key| key.name == part).expect("it was made");
        }
        at.values.pop();
        made
    }

    /// Returns the hive.
    pub(crate) fn hive(&self, lists: Lists) -> Vec<u8> {
        let mut bin = Bin(vec![0; 32]);
        let security = bin.cell(&security());
        let root = self.write(&mut bin, lists, security, 0x2c);
        // The root's keys name it as what is above them.
        let size = bin.0.len().next_multiple_of(4096).max(4096);
        let rest = size - bin.0.len();
        if rest > 0 {
            bin.0.extend((rest as u32).to_le_bytes());
        }
        bin.0.resize(size, 0);
        bin.0[..4].copy_from_slice(b"hbin");
        bin.0[8..12].copy_from_slice(&(size as u32).to_le_bytes());
        let mut out = vec![0; 4096];
        out[..4].copy_from_slice(b"regf");
        for (at, number) in [
            (4, 7),
            (8, 7),
            (20, 1),
            (24, 5),
            (32, 1),
            (36, root),
            (40, size as u32),
            (44, 1),
        ] {
            out[at..at + 4].copy_from_slice(&u32::to_le_bytes(number));
        }
        sum(&mut out);
        out.extend(bin.0);
        out
    }

    fn write(&self, bin: &mut Bin, lists: Lists, security: u32, flags: u16) -> u32 {
        let keys: Vec<u32> = self
            .keys
            .iter()
            .map(|key| key.write(bin, lists, security, 0x20))
            .collect();
        let list = if keys.is_empty() {
            u32::MAX
        } else {
            let list = |bin: &mut Bin, keys: &[u32], names: &[Node]| {
                let kind: &[u8] = match lists {
                    Lists::Lf | Lists::Ri => b"lf",
                    Lists::Lh => b"lh",
                    Lists::Li => b"li",
                };
                let mut cell = kind.to_vec();
                cell.extend((keys.len() as u16).to_le_bytes());
                for (place, key) in keys.iter().zip(names) {
                    cell.extend(place.to_le_bytes());
                    match lists {
                        Lists::Li => {}
                        Lists::Lh => cell.extend(hash(&key.name).to_le_bytes()),
                        Lists::Lf | Lists::Ri => {
                            let mut hint = key.name.clone().into_bytes();
                            hint.resize(4, 0);
                            cell.extend(hint);
                        }
                    }
                }
                bin.cell(&cell)
            };
            if lists == Lists::Ri {
                let parts: Vec<u32> = keys
                    .chunks(2)
                    .zip(self.keys.chunks(2))
                    .map(|(keys, names)| list(bin, keys, names))
                    .collect();
                let mut cell = b"ri".to_vec();
                cell.extend((parts.len() as u16).to_le_bytes());
                cell.extend(parts.iter().flat_map(|part| part.to_le_bytes()));
                bin.cell(&cell)
            } else {
                list(bin, &keys, &self.keys)
            }
        };
        let values: Vec<u8> = self
            .values
            .iter()
            .flat_map(|(name, data)| value(bin, name, data).to_le_bytes())
            .collect();
        let value_list = if values.is_empty() { u32::MAX } else { bin.cell(&values) };
        let mut cell = vec![0; 76];
        cell[..2].copy_from_slice(b"nk");
        cell[2..4].copy_from_slice(&flags.to_le_bytes());
        cell[4..12].copy_from_slice(&132_223_104_000_000_000_u64.to_le_bytes());
        for (at, number) in [
            (20, keys.len() as u32),
            (28, list),
            (32, u32::MAX),
            (36, self.values.len() as u32),
            (40, value_list),
            (44, security),
            (48, u32::MAX),
            (
                52,
                2 * self.keys.iter().map(|key| key.name.len()).max().unwrap_or(0) as u32,
            ),
            (
                60,
                2 * self.values.iter().map(|(name, _)| name.len()).max().unwrap_or(0) as u32,
            ),
            (64, 512),
        ] {
            cell[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        cell[72..74].copy_from_slice(&(self.name.len() as u16).to_le_bytes());
        cell.extend(self.name.as_bytes());
        let at = bin.cell(&cell);
        for key in keys {
            let parent = key as usize + 4 + 16;
            bin.0[parent..parent + 4].copy_from_slice(&at.to_le_bytes());
        }
        at
    }
}

/// Gives a header the sum that fits.
pub(crate) fn sum(hive: &mut [u8]) {
    let (words, _) = hive[..508].as_chunks::<4>();
    let sum = words.iter().fold(0, |sum, word| sum ^ u32::from_le_bytes(*word));
    hive[508..512].copy_from_slice(&sum.to_le_bytes());
}

/// Cells behind each other.
struct Bin(Vec<u8>);

impl Bin {
    fn cell(&mut self, data: &[u8]) -> u32 {
        let at = self.0.len();
        let size = (data.len() + 4).next_multiple_of(8);
        self.0.extend((-(size as i32)).to_le_bytes());
        self.0.extend(data);
        self.0.resize(at + size, 0);
        at as u32
    }
}

fn security() -> Vec<u8> {
    let mut cell = b"sk".to_vec();
    cell.extend([0; 2]);
    // The only one: before and behind itself.
    for number in [32_u32, 32, 1, 20] {
        cell.extend(number.to_le_bytes());
    }
    cell.extend([1, 0, 0, 0x80]);
    cell.extend([0; 16]);
    cell
}

fn hash(name: &str) -> u32 {
    name.bytes().fold(0_u32, |hash, byte| {
        hash.wrapping_mul(37).wrapping_add(byte.to_ascii_uppercase().into())
    })
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn value(bin: &mut Bin, name: &str, data: &Data) -> u32 {
    let (kind, bytes) = match data {
        Data::Number(number) => (4_u32, number.to_le_bytes().to_vec()),
        Data::Text(text) => (1, wide(text)),
        Data::Texts(texts) => {
            let mut bytes: Vec<u8> = texts.iter().flat_map(|text| wide(text)).collect();
            bytes.extend([0, 0]);
            (7, bytes)
        }
        Data::Bytes(bytes) => (3, bytes.clone()),
    };
    let (size, place) = if bytes.len() <= 4 {
        let mut inner = bytes.clone();
        inner.resize(4, 0);
        (
            bytes.len() as u32 | 0x8000_0000,
            u32::from_le_bytes(inner.try_into().expect("four bytes")),
        )
    } else {
        (bytes.len() as u32, bin.cell(&bytes))
    };
    let mut cell = b"vk".to_vec();
    cell.extend((name.len() as u16).to_le_bytes());
    for number in [size, place, kind] {
        cell.extend(number.to_le_bytes());
    }
    cell.extend(1_u16.to_le_bytes());
    cell.extend([0; 2]);
    cell.extend(name.as_bytes());
    bin.cell(&cell)
}

/// Returns the hive `SYSTEM` of a Windows Server 2022 that ran on LSI Logic SAS and VMXNET3 of VMware.
pub(crate) fn system() -> Node {
    let service = |node: Node, name: &str, start| {
        node.set(
            &format!("ControlSet001\\Services\\{name}"),
            "Start",
            Data::Number(start),
        )
    };
    let mut node = Node::new("ROOT")
        .set("Select", "Current", Data::Number(1))
        .set("Select", "Default", Data::Number(1))
        .set(
            "ControlSet001\\Control\\Session Manager\\Environment",
            "PROCESSOR_ARCHITECTURE",
            Data::Text("AMD64"),
        );
    for (name, start) in [
        ("atapi", 0),
        ("intelide", 0),
        ("LSI_SAS", 0),
        ("pciide", 0),
        ("storahci", 0),
        ("stornvme", 0),
        ("vmxnet3ndis6", 3),
    ] {
        node = service(node, name, start);
    }
    let first = "ControlSet001\\Services\\Tcpip\\Parameters\\Interfaces\\{6b1f2a7e-0000-0000-0000-000000000001}";
    let second = "ControlSet001\\Services\\Tcpip\\Parameters\\Interfaces\\{6b1f2a7e-0000-0000-0000-000000000002}";
    node.set("ControlSet001\\Services\\atapi\\StartOverride", "0", Data::Number(3))
        .set("ControlSet001\\Services\\storahci\\StartOverride", "0", Data::Number(3))
        .set(first, "EnableDHCP", Data::Number(0))
        .set(first, "IPAddress", Data::Texts(&["192.0.2.10", "192.0.2.11"]))
        .set(second, "EnableDHCP", Data::Number(1))
        .set(second, "IPAddress", Data::Texts(&["0.0.0.0"]))
}

/// Returns the hive `SOFTWARE` beside it.
pub(crate) fn software() -> Node {
    let path = "Microsoft\\Windows NT\\CurrentVersion";
    let mut node = Node::new("ROOT").key("Classes");
    for (name, text) in [
        ("ProductName", "Windows Server 2022 Datacenter"),
        ("DisplayVersion", "21H2"),
        ("CurrentBuild", "20348"),
        ("CurrentVersion", "6.3"),
    ] {
        node = node.set(path, name, Data::Text(text));
    }
    node.set(path, "CurrentMajorVersionNumber", Data::Number(10))
        .set(path, "CurrentMinorVersionNumber", Data::Number(0))
        .set(path, "DigitalProductId", Data::Bytes(vec![7; 164]))
}
