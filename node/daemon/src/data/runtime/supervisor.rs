//! Keeps one program running: starts it, finds out when it is ready, restarts it when it
//! ends, gives up when that happens too often, and leaves nothing of it behind.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashSet;
use http::{Request, Uri};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::time::Instant;
use waybook_plan::{Resource, format_amount};

use super::super::{Program, Readiness};
use super::Starting;
use super::leftovers::{Note, Notes};
use super::outgoing::Outgoing;
use super::output::{Source, log};
use crate::{cgroup, empty_body};

/// How often a program is asked whether it is ready: at first, and at most.
const PROBE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));

/// Keeps a program running.
pub(super) struct Supervisor {
    pub(super) name: String,
    pub(super) program: Program,
    pub(super) env: BTreeMap<String, String>,
    pub(super) ports: Ports,
    pub(super) notes: Notes,
    pub(super) outgoing: Outgoing,
    /// Where the kernel holds it to what is booked; none if nothing does.
    pub(super) group: Option<Arc<cgroup::Group>>,
    pub(super) starting: Starting,
}

/// Told once when the program is ready, or will never be.
type Up = oneshot::Sender<Result<SocketAddr, String>>;

/// How one run of a program ended.
enum End {
    /// It was to stop.
    Stopped,
    /// By itself; another run may do better.
    Failed(String),
    /// In a way that another run would not change.
    Hopeless(String),
}

impl Supervisor {
    /// Runs the program until it is to stop or has failed too often.
    pub(super) async fn run(self, up: Up) {
        self.keep_running(up).await;
        if let Some(group) = &self.group {
            group.end().await;
        }
    }

    async fn keep_running(&self, up: Up) {
        let mut up = Some(up);
        let mut failures = VecDeque::new();
        let limits = &self.program.restarts;
        let mut wait = limits.first_wait;
        let mut port = None;
        loop {
            // Its address is known to others once it has been up, so the port stays then.
            if up.is_some() {
                port = self.ports.reserve().ok();
            }
            let began = Instant::now();
            let end = match &port {
                Some(port) => self.run_once(port.address(), &mut up).await,
                None => End::Failed("no port is free".to_owned()),
            };
            let (why, hopeless) = match end {
                End::Stopped => return,
                End::Failed(why) => (why, false),
                End::Hopeless(why) => (why, true),
            };
            let now = Instant::now();
            failures.push_back(now);
            failures.retain(|at| now.duration_since(*at) <= limits.within);
            if hopeless || failures.len() > limits.most as usize {
                return self.give_up(up, why);
            }
            if now.duration_since(began) > limits.within {
                wait = limits.first_wait;
            }
            let instance = self.starting.instance.0;
            tracing::warn!(instance, program = %self.name, %why, ?wait, "restarting");
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.starting.cancel.cancelled() => return,
            }
            wait = (wait * 2).min(limits.longest_wait);
        }
    }

    fn give_up(&self, up: Option<Up>, why: String) {
        match up {
            Some(up) => {
                let _ = up.send(Err(why));
            }
            None => self.starting.plane.failed(self.starting.instance, why),
        }
    }

    /// Runs the program once, and says if it was killed for its memory.
    async fn run_once(&self, address: SocketAddr, up: &mut Option<Up>) -> End {
        let end = self.run_to_its_end(address, up).await;
        let Some(group) = &self.group else { return end };
        // Whatever has left the process group is in this one.
        group.kill();
        match (end, group.was_killed_for_memory()) {
            (End::Failed(_), true) => End::Failed(killed(&self.name, group.memory())),
            (end, _) => end,
        }
    }

    /// Nothing of its process group is left when this returns or is dropped.
    async fn run_to_its_end(&self, address: SocketAddr, up: &mut Option<Up>) -> End {
        let name = &self.name;
        let (mut child, group) = match self.spawn(address.port()) {
            Ok(spawned) => spawned,
            Err(error) => return End::Hopeless(format!("`{name}` cannot be run: {error}")),
        };
        let cancel = &self.starting.cancel;
        let patience = self.program.ready_timeout;
        tokio::select! {
            status = child.wait() => return ended(name, status, "before it was ready"),
            ready = tokio::time::timeout(patience, self.ready(address)) => {
                if ready.is_err() {
                    let why = format!("`{name}` was not ready within {patience:?}");
                    // A program that was ready before may be so again.
                    return if up.is_some() { End::Hopeless(why) } else { End::Failed(why) };
                }
            }
            () = cancel.cancelled() => return self.end(child, &group).await,
        }
        if let Some(up) = up.take() {
            let _ = up.send(Ok(address));
        }
        tokio::select! {
            status = child.wait() => ended(name, status, "by itself"),
            () = cancel.cancelled() => self.end(child, &group).await,
        }
    }

    fn spawn(&self, port: u16) -> io::Result<(Child, Group)> {
        let program = &self.program;
        let mut command = Command::new(&program.command);
        command
            .args(&program.args)
            .env_clear()
            .envs(&self.env)
            .env("PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some(directory) = &program.working_dir {
            command.current_dir(directory);
        }
        if let Some(group) = &self.group {
            enter(&mut command, group.door()?);
        }
        let mut child = command.spawn()?;
        let group = Group::of(&child, &self.notes)?;
        let source = Source {
            instance: self.starting.instance,
            program: self.name.clone(),
            stream: "stdout",
        };
        // Not waited for: a grandchild that left the group may keep the pipes open.
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(log(source.clone(), stdout));
        }
        if let Some(stderr) = child.stderr.take() {
            let stream = "stderr";
            tokio::spawn(log(Source { stream, ..source }, stderr));
        }
        Ok((child, group))
    }

    /// Returns when the program answers its probe.
    async fn ready(&self, address: SocketAddr) {
        let (mut wait, longest) = PROBE;
        while !self.answers(address).await {
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(longest);
        }
    }

    async fn answers(&self, address: SocketAddr) -> bool {
        match &self.program.readiness {
            Readiness::Tcp => TcpStream::connect(address).await.is_ok(),
            Readiness::Http(path) => {
                let path = path.trim_start_matches('/');
                let Ok(url) = format!("http://{address}/{path}").parse::<Uri>() else {
                    return false;
                };
                let mut request = Request::new(empty_body());
                *request.uri_mut() = url;
                let response = self.outgoing.send(request).await;
                response.is_ok_and(|response| response.status().as_u16() < 400)
            }
        }
    }

    /// Asks the program to end, then makes it.
    async fn end(&self, mut child: Child, group: &Group) -> End {
        group.signal(Signal::TERM);
        if tokio::time::timeout(self.program.stop_grace, child.wait())
            .await
            .is_err()
        {
            group.signal(Signal::KILL);
            let _ = child.wait().await;
        }
        End::Stopped
    }
}

/// Has the program be in the group from its first instruction on.
fn enter(command: &mut Command, door: File) {
    let enter = move || -> io::Result<()> {
        rustix::io::write(&door, b"0")?;
        Ok(())
    };
    #[expect(unsafe_code, reason = "there is no other way between fork and exec")]
    // SAFETY: between fork and exec only a system call is made, on a file that is open already.
    unsafe {
        command.pre_exec(enter);
    }
}

/// That a program was killed for its memory, of which it may have so many bytes.
fn killed(name: &str, booked: Option<u64>) -> String {
    let Some(booked) = booked else {
        return format!(
            "`{name}` was killed because its machine had no memory left; none is booked for it"
        );
    };
    let booked = format_amount(&Resource::memory(), booked);
    format!(
        "`{name}` was killed because it wanted more memory than is booked for it ({booked}); its \
         presentation must ask for more"
    )
}

fn ended(name: &str, status: io::Result<std::process::ExitStatus>, when: &str) -> End {
    End::Failed(match status {
        Ok(status) => format!("`{name}` ended {when}: {status}"),
        Err(error) => format!("`{name}` was lost: {error}"),
    })
}

/// The processes that a program has become. They are killed when this is dropped.
struct Group {
    leader: Pid,
    _note: Note,
}

impl Group {
    fn of(child: &Child, notes: &Notes) -> io::Result<Self> {
        let leader = child.id().and_then(|id| i32::try_from(id).ok());
        let leader = leader
            .and_then(Pid::from_raw)
            .ok_or_else(|| io::Error::other("it ended at once"))?;
        Ok(Self {
            leader,
            _note: notes.note(leader),
        })
    }

    fn signal(&self, signal: Signal) {
        // There is nobody left, mostly.
        let _ = kill_process_group(self.leader, signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// The ports given to programs of this place, so that no two are given the same one
/// before they listen.
#[derive(Clone, Default)]
pub(super) struct Ports(Arc<DashSet<u16>>);

impl Ports {
    fn reserve(&self) -> io::Result<Port> {
        for _ in 0..16 {
            // The system chooses a free one, and it is free again when this is closed.
            let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let port = probe.local_addr()?.port();
            if self.0.insert(port) {
                let ports = self.clone();
                return Ok(Port { port, ports });
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }
}

/// A port that is kept for one program.
struct Port {
    port: u16,
    ports: Ports,
}

impl Port {
    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.ports.0.remove(&self.port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_killed_for_memory_is_told_how_much_was_booked() {
        let said = killed("hungry", Some(32 << 20));
        let wanted =
            "`hungry` was killed because it wanted more memory than is booked for it (32 MiB)";
        assert!(said.starts_with(wanted), "{said}");
        assert!(killed("hungry", None).contains("none is booked for it"));
    }
}
