//! Hives of Windows's registry, read in place: keys and values by their paths, each step with a bound.
//!
//! Own code, because what there is does not fit: `nt-hive` and `hivex` have licences that a binary of ours cannot have, `notatin` brings a
//! second library for time and one for terminals, `regf` reads a hive as a whole and writes too. Log files are not applied: a hive that
//! waits for them says so ([`Hive::is_written_back`]).
//!
//! Source: M. Suhanov: "Windows registry file format specification"; checked in the tests against what hivex writes and reads.

/// Bytes of a hive before its cells.
const BASE: u64 = 4096;

/// The largest cell that is read; a list of 65,000 keys has half of it.
const MAX_CELL: u32 = 1 << 20;

/// The most keys below one that are looked at; `Services` has less than a thousand.
const MAX_KEYS: usize = 16_384;

/// The most values of a key that are looked at.
const MAX_VALUES: u32 = 4096;

/// The largest value that is read.
const MAX_VALUE: u32 = 16 << 10;

/// The most bytes that are read of a hive for one look; Windows Server's `SYSTEM` takes less than 1 MiB.
const MAX_READ: u64 = 32 << 20;

/// What a reading costs at least.
const READING: u64 = 64;

/// The bytes of a hive, wherever they are.
pub(super) trait HiveBytes {
    /// Returns how many there are.
    fn size(&self) -> u64;

    /// Fills `buffer` with those from `offset` on; says why if it cannot.
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<(), String>;
}

impl HiveBytes for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<(), String> {
        let from = usize::try_from(offset).ok();
        let found = from.and_then(|from| self.get(from..from.checked_add(buffer.len())?));
        buffer.copy_from_slice(found.ok_or("it ends early")?);
        Ok(())
    }
}

/// Why a hive was not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum HiveError {
    /// It is something else.
    #[error("it is no hive of a registry")]
    NotAHive,
    /// A part of it contradicts another, or itself.
    #[error("{0} at byte {1} makes no sense")]
    Damaged(&'static str, u64),
    /// There is more of something than is looked at.
    #[error("it has more {0} than are looked at")]
    TooMany(&'static str),
    /// Its bytes could not be read.
    #[error("{0}")]
    Bytes(String),
}

/// A key of a hive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key(u32);

/// What a value holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// `REG_DWORD`.
    Number(u32),
    /// `REG_SZ` or `REG_EXPAND_SZ`.
    Text(String),
    /// `REG_MULTI_SZ`.
    Texts(Vec<String>),
    /// Anything else, or larger than what is read.
    Other,
}

impl Value {
    /// Returns the text of a value that is one and is not empty.
    pub(super) fn text(self) -> Option<String> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// Returns the number of a value that is one.
    pub(super) const fn number(&self) -> Option<u32> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }
}

/// A hive.
pub(super) struct Hive<'a> {
    bytes: &'a mut dyn HiveBytes,
    root: Key,
    /// Bytes of its cells.
    size: u32,
    is_written_back: bool,
    left: u64,
}

fn short(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..at + 2)
        .map_or(0, |found| u16::from_le_bytes([found[0], found[1]]))
}

fn long(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .map_or(0, |found| u32::from_le_bytes([found[0], found[1], found[2], found[3]]))
}

impl<'a> Hive<'a> {
    /// Opens a hive.
    ///
    /// # Errors
    ///
    /// [`HiveError`] if this is none, or its header makes no sense.
    pub(super) fn open(bytes: &'a mut dyn HiveBytes) -> Result<Self, HiveError> {
        if bytes.size() < BASE {
            return Err(HiveError::NotAHive);
        }
        let mut head = [0; 512];
        bytes.read_at(&mut head, 0).map_err(HiveError::Bytes)?;
        if !head.starts_with(b"regf") {
            return Err(HiveError::NotAHive);
        }
        let sum = (0..127).fold(0, |sum, word| sum ^ long(&head, 4 * word));
        // Two sums are kept for other uses.
        let sum = match sum {
            0 => 1,
            u32::MAX => u32::MAX - 1,
            other => other,
        };
        if sum != long(&head, 508) {
            return Err(HiveError::Damaged("the header's sum", 508));
        }
        let size = long(&head, 40);
        if BASE + u64::from(size) > bytes.size() {
            return Err(HiveError::Damaged("the size", 40));
        }
        Ok(Self {
            root: Key(long(&head, 36)),
            size,
            is_written_back: long(&head, 4) == long(&head, 8),
            bytes,
            left: MAX_READ,
        })
    }

    /// Tells whether everything was written to the hive itself, and no log file has more.
    pub(super) const fn is_written_back(&self) -> bool {
        self.is_written_back
    }

    /// Returns the key that all others are below.
    pub(super) const fn root(&self) -> Key {
        self.root
    }

    /// Fills `buffer` with the cells' bytes from `place` on.
    fn read(&mut self, buffer: &mut [u8], place: u64) -> Result<(), HiveError> {
        let cost = (buffer.len() as u64).max(READING);
        self.left = self.left.checked_sub(cost).ok_or(HiveError::TooMany("parts"))?;
        self.bytes.read_at(buffer, place).map_err(HiveError::Bytes)
    }

    /// Returns the start of a cell, at most `most` bytes, and how many it has.
    fn cell(&mut self, at: u32, most: u32) -> Result<(Vec<u8>, u32), HiveError> {
        let place = BASE + u64::from(at);
        let damaged = || HiveError::Damaged("a cell", place);
        if at.checked_add(4).is_none_or(|end| end > self.size) {
            return Err(damaged());
        }
        let mut head = [0; 4];
        self.read(&mut head, place)?;
        // A cell in use has a negative size, which counts these four bytes too.
        let size = i32::from_le_bytes(head)
            .checked_neg()
            .and_then(|size| u32::try_from(size).ok())
            .filter(|size| *size > 4 && at.checked_add(*size).is_some_and(|end| end <= self.size))
            .ok_or_else(damaged)?;
        let mut found = vec![0; (size - 4).min(most).min(MAX_CELL) as usize];
        self.read(&mut found, place + 4)?;
        Ok((found, size - 4))
    }

    /// Returns the head of a key: its cell without a name longer than any key has.
    fn head(&mut self, key: Key) -> Result<Vec<u8>, HiveError> {
        let (cell, _) = self.cell(key.0, 76 + 512)?;
        if cell.len() < 76 || !cell.starts_with(b"nk") {
            return Err(HiveError::Damaged("a key", BASE + u64::from(key.0)));
        }
        Ok(cell)
    }

    /// Returns the keys below a key with their names, in the hive's order.
    ///
    /// # Errors
    ///
    /// [`HiveError`] if what leads to them makes no sense, or there are too many.
    pub(super) fn keys(&mut self, key: Key) -> Result<Vec<(String, Key)>, HiveError> {
        let head = self.head(key)?;
        if long(&head, 20) == 0 {
            return Ok(Vec::new());
        }
        let mut places = Vec::new();
        self.list(long(&head, 28), true, &mut places)?;
        let mut keys = Vec::with_capacity(places.len());
        for place in places {
            let head = self.head(Key(place))?;
            let length = usize::from(short(&head, 72));
            let Some(name) = head.get(76..76 + length) else {
                return Err(HiveError::Damaged("a key's name", BASE + u64::from(place)));
            };
            keys.push((text(name, short(&head, 2) & 0x20 != 0), Key(place)));
        }
        Ok(keys)
    }

    /// Adds what a list of keys leads to; a list of lists has lists of keys only.
    fn list(&mut self, at: u32, has_lists: bool, places: &mut Vec<u32>) -> Result<(), HiveError> {
        let (cell, _) = self.cell(at, MAX_CELL)?;
        let damaged = || HiveError::Damaged("a list of keys", BASE + u64::from(at));
        let step = match cell.get(..2) {
            // Each key has a hint to its name beside it.
            Some(b"lf" | b"lh") => 8,
            Some(b"li") => 4,
            Some(b"ri") if has_lists => 4,
            _ => return Err(damaged()),
        };
        let count = usize::from(short(&cell, 2));
        let entries = cell.get(4..4 + count * step).ok_or_else(damaged)?;
        for entry in entries.chunks_exact(step) {
            if cell.starts_with(b"ri") {
                self.list(long(entry, 0), false, places)?;
            } else {
                places.push(long(entry, 0));
            }
            if places.len() > MAX_KEYS {
                return Err(HiveError::TooMany("keys below a key"));
            }
        }
        Ok(())
    }

    /// Returns the key at a path below another, whatever the case of its names.
    ///
    /// # Errors
    ///
    /// As [`Self::keys`].
    pub(super) fn key(&mut self, from: Key, path: &[&str]) -> Result<Option<Key>, HiveError> {
        let mut at = from;
        for wanted in path {
            let found = self
                .keys(at)?
                .into_iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            match found {
                Some((_, key)) => at = key,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// Returns the values of a key with their names.
    ///
    /// # Errors
    ///
    /// [`HiveError`] if what leads to them makes no sense, or there are too many.
    pub(super) fn values(&mut self, key: Key) -> Result<Vec<(String, Value)>, HiveError> {
        let head = self.head(key)?;
        let count = long(&head, 36);
        if count == 0 {
            return Ok(Vec::new());
        }
        if count > MAX_VALUES {
            return Err(HiveError::TooMany("values of a key"));
        }
        let at = long(&head, 40);
        let (list, _) = self.cell(at, 4 * count)?;
        if list.len() < 4 * count as usize {
            return Err(HiveError::Damaged("a list of values", BASE + u64::from(at)));
        }
        list.chunks_exact(4).map(|entry| self.one(long(entry, 0))).collect()
    }

    /// Returns a value by its name, whatever its case.
    ///
    /// # Errors
    ///
    /// As [`Self::values`].
    pub(super) fn value(&mut self, key: Key, name: &str) -> Result<Option<Value>, HiveError> {
        let values = self.values(key)?;
        let found = values.into_iter().find(|(held, _)| held.eq_ignore_ascii_case(name));
        Ok(found.map(|(_, value)| value))
    }

    fn one(&mut self, at: u32) -> Result<(String, Value), HiveError> {
        let damaged = || HiveError::Damaged("a value", BASE + u64::from(at));
        let (cell, _) = self.cell(at, 20 + 1024)?;
        let length = usize::from(short(&cell, 2));
        if cell.len() < 20 || !cell.starts_with(b"vk") {
            return Err(damaged());
        }
        // The longest name of a value has 16,383 characters; one that is cut is none that is asked for.
        let name = cell.get(20..20 + length).unwrap_or_default();
        let name = text(name, short(&cell, 16) & 1 != 0);
        let (size, kind) = (long(&cell, 4), long(&cell, 12));
        if !matches!(kind, 1 | 2 | 4 | 7) || size & 0x7fff_ffff > MAX_VALUE {
            return Ok((name, Value::Other));
        }
        // Up to four bytes stand where others have the place of their cell.
        let data = if size & 0x8000_0000 != 0 {
            let inner = &cell[8..12];
            inner.get(..(size & 0x7fff_ffff) as usize).ok_or_else(damaged)?.to_vec()
        } else if size == 0 {
            Vec::new()
        } else {
            let (data, _) = self.cell(long(&cell, 8), size)?;
            if data.len() < size as usize {
                return Err(damaged());
            }
            data
        };
        Ok((
            name,
            match kind {
                4 if data.len() == 4 => Value::Number(long(&data, 0)),
                1 | 2 => Value::Text(text(&data, false).split('\0').next().unwrap_or_default().to_owned()),
                7 => Value::Texts(
                    text(&data, false)
                        .split('\0')
                        .filter(|part| !part.is_empty())
                        .map(str::to_owned)
                        .collect(),
                ),
                _ => Value::Other,
            },
        ))
    }
}

/// Returns text of a hive: a byte for each character, or UTF-16.
fn text(bytes: &[u8], is_narrow: bool) -> String {
    if is_narrow {
        return bytes.iter().copied().map(char::from).collect();
    }
    let (units, _) = bytes.as_chunks::<2>();
    String::from_utf16_lossy(&units.iter().map(|unit| u16::from_le_bytes(*unit)).collect::<Vec<_>>())
}
