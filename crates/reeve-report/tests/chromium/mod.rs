//! A headless Chromium, spoken to over a pipe with the DevTools protocol.
//!
//! Source: Chrome DevTools Protocol (tip-of-tree), and `--remote-debugging-pipe`: messages in on descriptor 3, out on 4, each ended by a NUL byte.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longest time for one answer; starting the browser on a busy machine takes the most.
const DEADLINE: Duration = Duration::from_secs(90);

/// A running browser; dropping it ends it.
pub(crate) struct Chromium {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    next_id: u64,
    profile: tempfile::TempDir,
}

/// One page of a browser, with everything that it reported.
pub(crate) struct Page<'a> {
    browser: &'a mut Chromium,
    session: String,
    pub(crate) events: Vec<Value>,
}

/// Returns the program to start, or `None` if no Chromium is installed.
pub(crate) fn program() -> Option<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| {
            let version = Command::new(name)
                .arg("--version")
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .output();
            version.is_ok_and(|output| output.status.success())
        })
}

impl Chromium {
    pub(crate) fn start(program: &str) -> Chromium {
        let profile = tempfile::tempdir().expect("a folder for the profile");
        let log = File::create(profile.path().join("stderr")).expect("a file for the browser's log");
        // The standard library cannot hand over descriptors 3 and 4 without unsafe code; the shell can.
        let mut child = Command::new("sh")
            .args(["-c", r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null"#, "sh", program])
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-quic",
            ])
            .args([
                "--no-first-run",
                "--no-default-browser-check",
                "--disable-background-networking",
            ])
            .args([
                "--disable-component-update",
                "--disable-sync",
                "--disable-extensions",
                "--mute-audio",
            ])
            // The browser itself must not reach out either.
            .args(["--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", profile.path().join("profile").display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("the shell starts");
        let input = child.stdin.take().expect("stdin is a pipe");
        let output = child.stdout.take().expect("stdout is a pipe");
        let (sender, messages) = channel();
        // Ends when the browser closes its end of the pipe.
        std::thread::spawn(move || {
            for message in BufReader::new(output).split(0) {
                let Ok(message) = message else { return };
                let value = serde_json::from_slice(&message).expect("the browser speaks JSON");
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        Chromium {
            child,
            input,
            messages,
            next_id: 1,
            profile,
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.profile.path().join("stderr")).unwrap_or_default()
    }

    fn receive(&self, until: Instant, waiting_for: &str) -> Value {
        match self
            .messages
            .recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => panic!("no answer to {waiting_for} within {DEADLINE:?}\n{}", self.log()),
            Err(RecvTimeoutError::Disconnected) => panic!("Chromium ended while {waiting_for}\n{}", self.log()),
        }
    }

    fn call(&mut self, session: Option<&str>, method: &str, params: Value, events: &mut Vec<Value>) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.input.write_all(&bytes).expect("the browser reads its pipe");
        let until = Instant::now() + DEADLINE;
        loop {
            let mut answer = self.receive(until, method);
            if answer["id"] == id {
                assert!(answer.get("error").is_none(), "{method}: {}", answer["error"]);
                return answer["result"].take();
            }
            events.push(answer);
        }
    }

    /// Opens `file` in a new page of `width` CSS pixels and waits until it has loaded.
    pub(crate) fn open(&mut self, file: &Path, width: u32) -> Page<'_> {
        let mut events = Vec::new();
        let target = self.call(
            None,
            "Target.createTarget",
            json!({ "url": "about:blank" }),
            &mut events,
        );
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.call(None, "Target.attachToTarget", attach, &mut events);
        let session = attached["sessionId"].as_str().expect("a session has an id").to_owned();
        let mut page = Page {
            browser: self,
            session,
            events: Vec::new(),
        };
        for domain in ["Page", "Network", "Runtime", "Log"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        let metrics = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        page.call("Emulation.setDeviceMetricsOverride", metrics);
        // Otherwise they take 15 px off the width, and pictures are cut at the edge.
        page.call("Emulation.setScrollbarsHidden", json!({ "hidden": true }));
        page.events.clear();
        let navigated = page.call("Page.navigate", json!({ "url": url(file) }));
        assert!(navigated.get("errorText").is_none(), "{navigated}");
        page.wait_for("Page.loadEventFired");
        page
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // A clean end first, so that the browser's own children go with it.
        let _ = self.input.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = Command::new("kill")
            .args(["-KILL", "--", &format!("-{}", self.child.id())])
            .status();
        let _ = self.child.wait();
    }
}

impl Page<'_> {
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        self.browser.call(Some(&self.session), method, params, &mut self.events)
    }

    fn wait_for(&mut self, event: &str) {
        let until = Instant::now() + DEADLINE;
        while !self.events.iter().any(|e| e["method"] == event) {
            let message = self.browser.receive(until, event);
            self.events.push(message);
        }
    }

    /// Returns what a JavaScript expression gives; works whatever the page's policy is.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", params);
        assert!(
            answer.get("exceptionDetails").is_none(),
            "{}",
            answer["exceptionDetails"]
        );
        answer["result"]["value"].take()
    }

    /// Shows the page as `media` ("screen", "print") under a colour scheme ("light", "dark").
    pub(crate) fn emulate(&mut self, media: &str, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "media": media, "features": features }),
        );
    }

    /// Returns the addresses the page asked for, from the start of its load.
    pub(crate) fn requests(&self) -> Vec<&str> {
        let sent = self
            .events
            .iter()
            .filter(|e| e["method"] == "Network.requestWillBeSent");
        sent.filter_map(|e| e["params"]["request"]["url"].as_str()).collect()
    }

    /// Returns what the page or the browser wrote to the console: messages, errors, violations of the policy.
    pub(crate) fn console(&self) -> Vec<String> {
        let kinds = ["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"];
        let written = self
            .events
            .iter()
            .filter(|e| kinds.iter().any(|kind| e["method"] == *kind));
        written.map(|e| e["params"].to_string()).collect()
    }

    /// Writes a picture of the whole page.
    pub(crate) fn picture(&mut self, file: &Path) {
        let answer = self.call(
            "Page.captureScreenshot",
            json!({ "format": "png", "captureBeyondViewport": true }),
        );
        std::fs::write(file, base64(&answer["data"])).expect("the picture can be written");
    }

    /// Prints the page to PDF with the paper size that its style sheet asks for.
    pub(crate) fn print(&mut self) -> Vec<u8> {
        let answer = self.call(
            "Page.printToPDF",
            json!({ "preferCSSPageSize": true, "printBackground": false }),
        );
        base64(&answer["data"])
    }
}

/// Returns the address of a file; the tests' own paths hold no character that needs quoting.
pub(crate) fn url(file: &Path) -> String {
    format!("file://{}", file.display())
}

/// Returns a folder for pictures that a person can look at after the test.
pub(crate) fn pictures() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reeve-report");
    std::fs::create_dir_all(&folder).expect("the folder for pictures can be made");
    folder
}

fn base64(data: &Value) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for c in data
        .as_str()
        .expect("the browser sends base64")
        .bytes()
        .take_while(|c| *c != b'=')
    {
        let six = ALPHABET.iter().position(|a| *a == c).expect("a character of base64");
        bits = (bits << 6 | u32::try_from(six).expect("below 64")) & 0xff_ffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).expect("one byte"));
        }
    }
    bytes
}
