//! The export lease: addresses under which a host gives the disks of a machine or a snapshot, each as one streamOptimized stream, as long as it is told
//! that somebody still takes them.
//!
//! Source: vSphere API reference, `HttpNfcLease`, `HttpNfcLeaseInfo`, `HttpNfcLeaseDeviceUrl`. That keys end in the disk's place
//! (`/vm-70/VirtualLsiLogicController0:0`) is in no document; several open programs quote them so.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::header::COOKIE;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming as IncomingBody};
use reeve_tls::Thumbprint;
use tokio::task::JoinHandle;

use super::Stop;
use super::connection::{Connection, Outgoing};
use super::error::VsphereError;
use super::session::Vsphere;
use super::snapshot::{Looks, fault};
use super::soap::{Reference, text};
use crate::error::escaped;
use crate::xml::Element;

/// The longest that a lease is waited for, and one that holds the machine against another: a host's own limit is 300 s.
const READY: Duration = Duration::from_secs(330);

/// The most devices of a lease.
const MAX_DEVICES: usize = 1000;

/// The longest address, in bytes.
const MAX_URL: usize = 8192;

/// Longest time for the stream to begin, and longest silence within it.
const SILENCE: Duration = Duration::from_secs(120);

/// How often is looked, while the stream is silent, whether it is still wanted.
const LOOK: Duration = Duration::from_millis(250);

/// The shortest and the longest time between two words that the copy goes on.
const PULSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// Longest time for a word of farewell.
const FAREWELL: Duration = Duration::from_secs(20);

/// What may stand behind the disk in its stream, in bytes.
const BEHIND: u64 = 1 << 20;

/// A disk of a lease.
struct Device {
    key: String,
    url: String,
    thumbprint: String,
}

/// How far the copy is, and whether the host still holds the lease.
#[derive(Default)]
struct Pulse {
    percent: AtomicU32,
    lost: Mutex<Option<VsphereError>>,
}

impl Pulse {
    fn lost(&self) -> Option<VsphereError> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A lease. It has to be [completed](Lease::complete) or [aborted](Lease::abort); one that is dropped is aborted without waiting for it.
pub(crate) struct Lease {
    session: Arc<Vsphere>,
    reference: Reference,
    devices: Vec<Device>,
    pulse: Arc<Pulse>,
    reporter: Option<JoinHandle<()>>,
    is_over: bool,
}

impl Lease {
    /// Obtains a lease for a machine or a snapshot, and waits until it is ready. Blocks.
    ///
    /// # Errors
    ///
    /// [`VsphereError`]; nothing is held then.
    pub(super) fn obtain(session: &Arc<Vsphere>, exported: &Reference, stop: &Stop) -> Result<Self, VsphereError> {
        let call = match exported.kind.as_str() {
            "VirtualMachineSnapshot" => "ExportSnapshot",
            _ => "ExportVm",
        };
        session.block_on(async {
            let mut looks = Looks::within(READY);
            let lease = loop {
                match session.call(call, exported, "").await {
                    Ok(lease) => break lease,
                    // Another lease, as that of a process that was killed, or a task at work.
                    Err(error) if error.is_busy() && looks.next(stop).await? => {}
                    Err(error) => return Err(error),
                }
            };
            let reference = Reference::of(&lease).ok_or_else(|| session.answer(call, "it does not name the lease"))?;
            let mut lease = Self {
                session: Arc::clone(session),
                reference,
                devices: Vec::new(),
                pulse: Arc::default(),
                reporter: None,
                is_over: false,
            };
            match lease.ready(stop).await {
                Ok(()) => Ok(lease),
                Err(error) => {
                    lease.aborted().await;
                    Err(not_held(error))
                }
            }
        })
    }

    async fn ready(&mut self, stop: &Stop) -> Result<(), VsphereError> {
        let mut looks = Looks::within(READY);
        loop {
            let mut properties = self
                .session
                .properties_of(&self.reference, &["state", "error", "info"])
                .await?;
            match properties.get("state").map_or("", |state| state.text.trim()) {
                "ready" => {
                    let info = properties.remove("info");
                    let info =
                        info.ok_or_else(|| self.session.answer("HttpNfcLease", "it is ready and has no info"))?;
                    return self.begin(&info);
                }
                "error" => {
                    let (kind, what) = fault(properties.get("error"));
                    return Err(self.ended(&format!("{kind}: {what}")));
                }
                "done" => return Err(self.ended("it is over before it began")),
                _ => {}
            }
            if !looks.next(stop).await? {
                return Err(self.ended("it does not become ready"));
            }
        }
    }

    fn ended(&self, what: &str) -> VsphereError {
        VsphereError::Lease {
            host: self.session.host().authority.clone(),
            what: what.to_owned(),
        }
    }

    /// Takes note of the disks, and begins to tell the host that the copy goes on.
    fn begin(&mut self, info: &Element) -> Result<(), VsphereError> {
        let value = |device: &Element, name: &str| device.value(name).unwrap_or_default().to_owned();
        let devices = info.all("deviceUrl").take(MAX_DEVICES);
        self.devices = devices
            // The content of the machine's NVRAM comes by a lease too.
            .filter(|device| device.value("disk") != Some("false"))
            .map(|device| Device {
                key: value(device, "key"),
                url: value(device, "url"),
                thumbprint: value(device, "sslThumbprint"),
            })
            .collect();
        // Old hosts say it in microseconds.
        let timeout = info
            .value("leaseTimeout")
            .and_then(|text| text.parse().ok())
            .unwrap_or(300);
        let timeout = Duration::from_secs(timeout);
        let (session, lease, pulse) = (
            Arc::clone(&self.session),
            self.reference.clone(),
            Arc::clone(&self.pulse),
        );
        self.reporter = Some(self.session.spawn(async move {
            let mut heard = Instant::now();
            loop {
                tokio::time::sleep((timeout / 4).clamp(PULSE.0, PULSE.1)).await;
                let percent = pulse.percent.load(Ordering::Relaxed).to_string();
                match session
                    .call("HttpNfcLeaseProgress", &lease, &text("percent", &percent))
                    .await
                {
                    Ok(_) => heard = Instant::now(),
                    Err(error) if error.is_transient() && heard.elapsed() < timeout => {
                        tracing::debug!(%error, "the host was not told how far the copy is");
                    }
                    Err(error) => {
                        *pulse.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        return;
                    }
                }
            }
        }));
        Ok(())
    }

    /// Tells how far the copy is.
    pub(crate) fn progress(&self, done: u64, of: u64) {
        let percent = u128::from(done) * 100 / u128::from(of.max(1));
        let percent = u32::try_from(percent.min(100)).unwrap_or(100);
        self.pulse.percent.store(percent, Ordering::Relaxed);
    }

    /// Begins to read the disk at this place of the machine's; `disks` is how many the machine has. Blocks.
    pub(super) fn stream(&self, place: &str, disks: usize, stop: &Stop) -> Result<NfcStream, VsphereError> {
        let device = self.device(place, disks)?;
        let address = NfcAddress::of(&device.url, &self.session.host().authority)
            .map_err(|what| self.session.answer("HttpNfcLease", what))?;
        self.session.block_on(async {
            let (connection, body) = self.opened(&address, &device.thumbprint).await?;
            Ok(NfcStream {
                session: Arc::clone(&self.session),
                connection,
                body,
                held: Bytes::new(),
                failed: None,
                pulse: Arc::clone(&self.pulse),
                stop: Arc::clone(stop),
            })
        })
    }

    fn device(&self, place: &str, disks: usize) -> Result<&Device, VsphereError> {
        let at_place = |device: &&Device| device.key.rsplit('/').next() == Some(place);
        let mut found = self.devices.iter().filter(at_place);
        match (found.next(), found.next(), self.devices.as_slice()) {
            (Some(device), None, _) => Ok(device),
            // Where there is only one, it is that one, whatever it is called.
            (None, None, [only]) if disks == 1 => Ok(only),
            _ => {
                let keys: Vec<String> = self
                    .devices
                    .iter()
                    .take(20)
                    .map(|device| escaped(&device.key, 100))
                    .collect();
                let what = format!("it does not say which disk is {place}; it has {}", keys.join(", "));
                Err(self.session.answer("HttpNfcLease", &what))
            }
        }
    }

    /// Asks for a stream: as the person at the keyboard trusts, or else the one certificate that the host has named.
    async fn opened(&self, address: &NfcAddress, thumbprint: &str) -> Result<(Connection, IncomingBody), VsphereError> {
        let is_asked = address.authority == self.session.host().authority;
        // The address has a ticket in it; the session's own cookie goes to its own host only.
        let cookie = if is_asked {
            Some(self.session.cookie().await)
        } else {
            None
        };
        let outgoing = || Outgoing {
            method: Method::GET,
            path: address.path.clone(),
            headers: cookie.iter().map(|cookie| (COOKIE, cookie.clone())).collect(),
            body: Bytes::new(),
            within: SILENCE,
            limit: 0,
        };
        let connection = Connection::new(&address.authority, self.session.trust())?;
        let (connection, answer) = match connection.open(outgoing()).await {
            Err(error @ VsphereError::Certificate { .. }) => {
                let Some(thumbprint) = Thumbprint::of(thumbprint) else {
                    return Err(error);
                };
                let connection = Connection::by_thumbprint(&address.authority, thumbprint)?;
                let answer = connection.open(outgoing()).await;
                (connection, answer)
            }
            answer => (connection, answer),
        };
        match answer? {
            (StatusCode::OK, body) => Ok((connection, body)),
            (status, _) => Err(VsphereError::Lease {
                host: escaped(&address.authority, 200),
                what: format!("it answers {} for a disk", status.as_u16()),
            }),
        }
    }

    /// Ends a lease whose disk has come. Blocks.
    ///
    /// # Errors
    ///
    /// [`VsphereError`] if the host did not hold it until now: then the disk may not be what it was.
    pub(crate) fn complete(mut self) -> Result<(), VsphereError> {
        self.stop_telling();
        let session = Arc::clone(&self.session);
        let completed = match self.pulse.lost() {
            Some(lost) => Err(lost),
            None => session
                .block_on(session.call("HttpNfcLeaseComplete", &self.reference, ""))
                .map(drop),
        };
        match completed {
            Ok(()) => {
                self.is_over = true;
                Ok(())
            }
            Err(error) => {
                let error = not_held(error);
                self.abort();
                Err(error)
            }
        }
    }

    /// Gives a lease up. Blocks; if the host cannot be told, it ends the lease by itself after some minutes.
    pub(crate) fn abort(mut self) {
        let session = Arc::clone(&self.session);
        session.block_on(self.aborted());
    }

    async fn aborted(&mut self) {
        self.stop_telling();
        self.is_over = true;
        give_up(&self.session, &self.reference).await;
    }

    fn stop_telling(&mut self) {
        if let Some(reporter) = self.reporter.take() {
            reporter.abort();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.stop_telling();
        if !self.is_over {
            let (session, reference) = (Arc::clone(&self.session), self.reference.clone());
            drop(self.session.spawn(async move { give_up(&session, &reference).await }));
        }
    }
}

/// Tells a host that a lease is not needed any more.
async fn give_up(session: &Vsphere, lease: &Reference) {
    let call = session.call("HttpNfcLeaseAbort", lease, "");
    if !matches!(tokio::time::timeout(FAREWELL, call).await, Ok(Ok(_))) {
        tracing::debug!(host = %session.host(), "a lease was not given up, or was over");
    }
}

/// Returns the error of a lease that was lost, which a new lease may mend: the session under which it was made has ended, or the host gave it up.
fn not_held(error: VsphereError) -> VsphereError {
    match error {
        VsphereError::Fault { host, kind, what, .. } if kind != "NoPermission" => VsphereError::Lease {
            host,
            what: format!("{kind}: {what}"),
        },
        error => error,
    }
}

/// Where a stream is had.
#[derive(Debug, PartialEq, Eq)]
struct NfcAddress {
    authority: String,
    /// Path and query, with their escapes as the host wrote them.
    path: String,
}

impl NfcAddress {
    /// Reads an address of a lease; `*` in it is the host that was asked.
    fn of(url: &str, asked: &str) -> Result<Self, &'static str> {
        if url.len() > MAX_URL || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("an address of a disk is too long, or is no address");
        }
        let rest = url
            .strip_prefix("https://")
            .ok_or("an address of a disk is not one of HTTPS")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let is_host = |char: char| char.is_ascii_alphanumeric() || "-._:[]".contains(char);
        let authority = match authority.strip_prefix('*') {
            // A port that a person gave leads to the host, and not only to its API.
            Some("") => asked.to_owned(),
            Some(port) => format!("{}{port}", without_port(asked)),
            None => authority.to_owned(),
        };
        if authority.is_empty() || !authority.chars().all(is_host) || path.len() < 2 {
            return Err("an address of a disk has no host or no path");
        }
        Ok(Self {
            authority,
            path: path.to_owned(),
        })
    }
}

/// Returns a host without its port; an IPv6 address keeps its brackets.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port))
            if port.bytes().all(|byte| byte.is_ascii_digit()) && (!host.contains(':') || host.ends_with(']')) =>
        {
            host
        }
        _ => authority,
    }
}

/// A disk of a lease, as it comes. Reading blocks, and ends with an error when it is not wanted any more, when the host gave the lease up, and after a silence.
pub(crate) struct NfcStream {
    session: Arc<Vsphere>,
    connection: Connection,
    body: IncomingBody,
    held: Bytes,
    /// Why it came to its end; said again to every thread that asks.
    failed: Option<VsphereError>,
    pulse: Arc<Pulse>,
    stop: Stop,
}

impl NfcStream {
    /// Reads what stands behind the disk, so that the host sees that all was taken, and returns it; if there is too much of it, or it does not come, that is no error.
    pub(crate) fn drain(&mut self) -> Vec<u8> {
        let session = Arc::clone(&self.session);
        let mut behind = self.held.to_vec();
        self.held.clear();
        session.block_on(async {
            // Each turn takes a byte at least, so that empty frames end too.
            let mut taken = 0;
            while taken < BEHIND {
                let frame = match tokio::time::timeout(FAREWELL, self.body.frame()).await {
                    Ok(Some(Ok(frame))) => frame,
                    _ => return,
                };
                taken += 1;
                if let Ok(data) = frame.into_data() {
                    taken += data.len() as u64;
                    behind.extend_from_slice(&data);
                }
            }
        });
        behind
    }

    /// Waits for the next bytes.
    async fn more(&mut self) -> Result<Bytes, VsphereError> {
        let mut silent = Instant::now();
        loop {
            if (self.stop)() {
                return Err(VsphereError::Stopped);
            }
            if let Some(lost) = self.pulse.lost() {
                return Err(not_held(lost));
            }
            match tokio::time::timeout(LOOK, self.body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        return Ok(data);
                    }
                    silent = Instant::now();
                }
                Ok(Some(Err(error))) => {
                    let what = format!("the stream of a disk broke off ({error})");
                    return Err(self.connection.unreachable(what));
                }
                Ok(None) => {
                    let what = "the stream of a disk ended before the disk did".to_owned();
                    return Err(self.connection.unreachable(what));
                }
                Err(_) if silent.elapsed() > SILENCE => {
                    let what = format!("the stream of a disk was silent for {} s", SILENCE.as_secs());
                    return Err(self.connection.unreachable(what));
                }
                Err(_) => {}
            }
        }
    }
}

impl Read for NfcStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.held.is_empty() && !buffer.is_empty() {
            let session = Arc::clone(&self.session);
            let more = match self.failed.take() {
                Some(error) => Err(error),
                None => session.block_on(self.more()),
            };
            match more {
                Ok(bytes) => self.held = bytes,
                Err(error) => {
                    self.failed = Some(error.clone());
                    return Err(io::Error::other(error));
                }
            }
        }
        let count = self.held.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.held.split_to(count));
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_they_are() {
        for (url, asked, authority, path) in [
            (
                "https://*/nfc/52%5ba%5d/disk-0.vmdk",
                "esxi:8443",
                "esxi:8443",
                "/nfc/52%5ba%5d/disk-0.vmdk",
            ),
            ("https://*:444/nfc/a?b=%2F", "esxi:8443", "esxi:444", "/nfc/a?b=%2F"),
            ("https://*:444/nfc/a", "[::1]:8443", "[::1]:444", "/nfc/a"),
            ("https://*:444/nfc/a", "[::1]", "[::1]:444", "/nfc/a"),
            ("https://esxi2.example/nfc/a", "vc", "esxi2.example", "/nfc/a"),
        ] {
            let address = NfcAddress::of(url, asked).unwrap();
            assert_eq!(
                (address.authority.as_str(), address.path.as_str()),
                (authority, path),
                "{url}"
            );
        }
        let long = format!("https://*/{}", "a".repeat(MAX_URL));
        for url in [
            "http://*/nfc/a",
            "https://*",
            "https:///nfc/a",
            "https://*/nfc/a b",
            "https://user@host/nfc/a",
            "https://*.example/nfc\u{1b}",
            "https://*/nfc/\r\nx: y",
            &long,
        ] {
            assert!(NfcAddress::of(url, "esxi").is_err(), "{url}");
        }
    }
}
