//! `waybook join`: this machine becomes a place.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use serde_json::json;
use waybook_daemon::config::{DaemonConfig, Overrides};
use waybook_daemon::join::{JoinError, Joined, Newcomer, Token};

use super::place::Run;
use crate::fail::{Done, Exit, Fail};
use crate::find::Global;
use crate::show;

/// The longest token that is read, in bytes.
const LONGEST: u64 = 8192;

/// Makes a place of this machine, with a token from its parent.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook join wbj1-…                       # writes lab.toml and lab-data for core/bologna/lab
  waybook join wbj1-… --data /var/lib/waybook/lab --config /etc/waybook/lab.toml
  waybook join wbj1-… --set capacity.cpu=4 --set \"capacity.memory=8 GiB\" --run
  ssh bologna waybook place invite core/bologna/lab --json | jq -r .token | waybook join -

`waybook place invite` at the parent prints the token. The key is made here and stays here; the
parent certifies it. The token says whose key the parent has: nobody else is told its secret.

`--data` names the place's data folder [default: the last label of its name, and -data]. What is
there already is not replaced. A join that was broken off, whenever that was, is finished by
the same command, as long as the token is valid.")]
pub(crate) struct Join {
    /// The token; `-` reads it from the standard input
    token: String,
    /// The configuration file to write [default: the last label of the place's name, and .toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the place is to listen [default: any free port; one that stays is needed for children]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Writes a setting into the file; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Run the place at once, in the foreground
    #[arg(long)]
    run: bool,
}

impl Join {
    /// Does it.
    pub(crate) fn run(self, global: &Global) -> Done {
        let token = self.token()?;
        let label = token.name.as_str().rsplit('/').next().unwrap_or_default();
        let config = self.config.clone();
        let config = config.unwrap_or_else(|| PathBuf::from(format!("{label}.toml")));
        let data = global.data.clone();
        let data = data.unwrap_or_else(|| PathBuf::from(format!("{label}-data")));
        let data = std::path::absolute(data).map_err(Fail::failed)?;
        let identity = data.join("identity");
        if identity.exists() {
            return Err(Fail::failed(format!(
                "{}: there is an identity already, which is not replaced; name another data folder \
                 with `--data`",
                identity.display()
            )));
        }
        let newcomer = Newcomer {
            token: token.clone(),
            identity,
        };
        if config.exists() && !newcomer.has_begun() {
            return Err(there(&config));
        }
        // What is wrong with the settings is said before anybody is asked.
        self.render(&token, &config, &data, &token.addresses[0], None)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Fail::failed)?;
        let joined = runtime.block_on(newcomer.join());
        let joined = joined.map_err(|error| fail(&error))?;
        let (parent, at) = (&joined.parent, Some(joined.address));
        let text = self.render(&token, &config, &data, parent, at)?;
        write(&config, &text)?;
        joined.settle().map_err(Fail::failed)?;
        self.report(&token, &config, &data, &joined, global)?;
        match self.run {
            true => Run::of(config).run(),
            false => Ok(()),
        }
    }

    fn token(&self) -> Done<Token> {
        let mut text = self.token.clone();
        if text == "-" {
            text.clear();
            let input = std::io::stdin()
                .lock()
                .take(LONGEST)
                .read_to_string(&mut text);
            input.map_err(|error| Fail::usage(format!("the standard input: {error}")))?;
        }
        text.parse().map_err(Fail::usage)
    }

    /// The place's configuration file, with the parent at that address.
    fn render(
        &self,
        token: &Token,
        config: &Path,
        data: &Path,
        parent: &str,
        at: Option<SocketAddr>,
    ) -> Done<String> {
        let listen = self.listen.or_else(|| at.map(listen));
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let mut text = format!(
            "name = {}\ndata-dir = {}\n",
            quoted(token.name.as_str()),
            quoted(&data.display().to_string())
        );
        if let Some(listen) = listen {
            text.push_str(&format!("listen = \"{listen}\"\n"));
        }
        text.push_str(&format!("parent.address = {}\n", quoted(parent)));
        let folder = std::path::absolute(config).map_err(Fail::failed)?;
        let folder = folder.parent().unwrap_or(Path::new("/"));
        let name = config.display().to_string();
        let overrides = Overrides {
            environment: Vec::new(),
            flags: self.set.clone(),
        };
        let settings = DaemonConfig::render(&text, &name, folder, &overrides);
        Ok(format!(
            "# Written by `waybook join`; every other setting is in configs/place.toml of Waybook.\n{}",
            settings.map_err(Fail::usage)?
        ))
    }

    fn report(
        &self,
        token: &Token,
        config: &Path,
        data: &Path,
        joined: &Joined,
        global: &Global,
    ) -> Done {
        let start = format!("waybook place run --config {}", config.display());
        if global.json {
            let since = joined.not_after.duration_since(SystemTime::UNIX_EPOCH);
            return show::json(&json!({
                "place": token.name,
                "config": config,
                "data": data,
                "parent": joined.parent,
                "expires": since.unwrap_or_default().as_secs(),
            }));
        }
        if let Some(clock) = &joined.clock {
            show::line(clock)?;
        }
        show::line(&format!(
            "this machine is {}: its key and certificate are in {}, its settings in {}",
            token.name,
            data.display(),
            config.display()
        ))?;
        if !self.set.iter().any(|set| set.starts_with("capacity")) {
            show::line(&format!(
                "what may be booked here is for you to say: `[capacity]` in {}",
                config.display()
            ))?;
        }
        match self.run {
            true => Ok(()),
            false => show::line(&format!("start it with `{start}`")),
        }
    }
}

/// Where a place listens that dials that address: on the way there, and at any port.
fn listen(parent: SocketAddr) -> SocketAddr {
    let ip: IpAddr = match parent.ip() {
        IpAddr::V4(ip) if ip.is_loopback() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_loopback() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(ip, 0)
}

fn there(config: &Path) -> Fail {
    Fail::failed(format!(
        "{}: is there already, and is not replaced; name another file with `--config`",
        config.display()
    ))
}

/// Writes the configuration, unless it was written by a join that was broken off.
fn write(config: &Path, text: &str) -> Done {
    let fail = |error| Fail::failed(format!("{}: {error}", config.display()));
    if config.exists() {
        let written = std::fs::read_to_string(config).map_err(fail)?;
        return match written == text {
            true => Ok(()),
            false => Err(there(config)),
        };
    }
    if let Some(folder) = config.parent() {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    let mut file = std::fs::File::create_new(config).map_err(fail)?;
    let written = file.write_all(text.as_bytes());
    written.and_then(|()| file.sync_all()).map_err(fail)
}

fn fail(error: &JoinError) -> Fail {
    let exit = match error {
        JoinError::File(_) | JoinError::Answer(_) => Exit::Failed,
        JoinError::Unreachable(_) => Exit::Unreachable,
        JoinError::Refused { .. } | JoinError::Stranger(_) => Exit::NotAllowed,
    };
    Fail::new(exit, error.to_string())
}
