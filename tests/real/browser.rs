//! A real browser, driven over its DevTools protocol through a pipe.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long the browser may take for one thing.
const PATIENCE: Duration = Duration::from_secs(120);

/// A browser with one page.
pub(crate) struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    /// What the browser tells without being asked.
    events: VecDeque<Value>,
    session: Option<String>,
    last: u64,
    _profile: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a browser can be called here.
fn program() -> Option<&'static str> {
    let known = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    let is_here = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    let found = known.into_iter().find(is_here);
    if found.is_none() {
        let required = std::env::var_os("WAYBOOK_REQUIRE_ALL").is_some();
        assert!(!required, "chromium is required here and missing");
        eprintln!("SKIPPED: chromium is not installed, so no page was opened");
    }
    found
}

impl Browser {
    /// A browser with an empty page. Without one the test is skipped, and says so.
    pub(crate) fn start() -> Option<Self> {
        let profile = tempfile::tempdir().unwrap();
        // The protocol is spoken over the descriptors 3 and 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null", "sh"])
            .arg(program()?)
            .args(["--headless", "--no-sandbox", "--disable-gpu"])
            .args(["--no-first-run", "--disable-dev-shm-usage"])
            .args(["--remote-debugging-pipe", "--window-size=1280,860"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let to = child.stdin.take().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let (hears, from) = channel();
        std::thread::spawn(move || {
            let mut text = Vec::new();
            while said.read_until(0, &mut text).is_ok_and(|read| read > 0) {
                text.pop();
                let message = serde_json::from_slice(&text).unwrap();
                if hears.send(message).is_err() {
                    return;
                }
                text.clear();
            }
        });
        let mut browser = Self {
            child,
            to,
            from,
            events: VecDeque::new(),
            session: None,
            last: 0,
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", &attach);
        browser.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        Some(browser)
    }

    /// Has the browser do something.
    pub(crate) fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut text = message.to_string().into_bytes();
        text.push(0);
        self.to.write_all(&text).unwrap();
        loop {
            let heard = self.from.recv_timeout(PATIENCE);
            let mut heard = heard.unwrap_or_else(|_| panic!("the browser is silent: {method}"));
            if heard["id"] == self.last {
                assert!(heard["error"].is_null(), "{method}: {heard}");
                return heard["result"].take();
            }
            if heard["id"].is_null() {
                self.events.push_back(heard);
            }
        }
    }

    pub(crate) fn open(&mut self, url: &str) {
        self.call("Page.navigate", &json!({"url": url}));
    }

    /// What a script says, run in the page.
    pub(crate) fn see(&mut self, script: &str) -> Value {
        let parameters = json!({
            "expression": script, "returnByValue": true, "awaitPromise": true, "userGesture": true,
        });
        let mut answer = self.call("Runtime.evaluate", &parameters);
        let wrong = &answer["exceptionDetails"];
        assert!(wrong.is_null(), "{script}: {wrong}");
        answer["result"]["value"].take()
    }

    /// Presses a key: a letter, or its name.
    pub(crate) fn press(&mut self, key: &str) {
        let code = match key {
            "Enter" => 13,
            "Tab" => 9,
            _ => 0,
        };
        let mut down = json!({"type": "keyDown", "key": key, "windowsVirtualKeyCode": code});
        match key {
            "Enter" => down["text"] = json!("\r"),
            letter if letter.len() == 1 => down["text"] = json!(letter),
            _ => {}
        }
        self.call("Input.dispatchKeyEvent", &down);
        let up = json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code});
        self.call("Input.dispatchKeyEvent", &up);
    }

    /// Types into what has the focus.
    pub(crate) fn type_text(&mut self, text: &str) {
        self.call("Input.insertText", &json!({"text": text}));
    }

    /// Prefers a colour scheme, as the machine's setting would.
    pub(crate) fn prefer(&mut self, scheme: &str) {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        let media = json!({"media": "", "features": [feature]});
        self.call("Emulation.setEmulatedMedia", &media);
    }

    /// What the page has done wrong so far: exceptions, errors that the browser logs, and requests
    /// to anybody but that origin. `allowed` are parts of what may be logged.
    pub(crate) fn wrongs(&mut self, origin: &str, allowed: &[&str]) -> Vec<String> {
        // All that was to be told has been when an answer comes.
        self.see("1");
        let events = std::mem::take(&mut self.events);
        let wrong = |event: Value| {
            let data = &event["params"];
            let text = match event["method"].as_str()? {
                "Runtime.exceptionThrown" => data["exceptionDetails"].to_string(),
                "Log.entryAdded" if data["entry"]["level"] == "error" => data["entry"].to_string(),
                "Network.requestWillBeSent" => {
                    let url = data["request"]["url"].as_str()?.to_owned();
                    let own = url.starts_with(origin) || url.starts_with("data:");
                    return (!own).then_some(url);
                }
                _ => return None,
            };
            let is_allowed = allowed.iter().any(|part| text.contains(part));
            (!is_allowed).then_some(text)
        };
        events.into_iter().filter_map(wrong).collect()
    }
}
