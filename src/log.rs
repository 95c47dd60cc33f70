//! The log of a place's process: what is in it, how it looks, and how that is changed.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use waybook_daemon::LogControl;
use waybook_daemon::config::{LogConfig, LogFormat};

use crate::fail::Fail;
use crate::sparing::Sparing;

/// Puts another filter in place of the present one.
type Reload = Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>;

/// The log as it is set up.
struct Log {
    filter: Mutex<String>,
    reload: Reload,
}

/// Sets up the log of this process; `WAYBOOK_LOG` goes before the configuration.
pub(crate) fn start(config: &LogConfig) -> Result<Arc<dyn LogControl>, Fail> {
    let text = std::env::var("WAYBOOK_LOG").unwrap_or_else(|_| config.level.clone());
    let filter = read(&text).map_err(Fail::usage)?;
    let sparing = Sparing::new(config.lines);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    let reload: Reload = match config.format {
        LogFormat::Json => {
            let builder = builder.json().with_filter_reloading();
            let handle = builder.reload_handle();
            builder.finish().with(sparing).init();
            Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string()))
        }
        LogFormat::Text => {
            let builder = builder
                .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
                .with_filter_reloading();
            let handle = builder.reload_handle();
            builder.finish().with(sparing).init();
            Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string()))
        }
    };
    Ok(Arc::new(Log {
        filter: Mutex::new(text),
        reload,
    }))
}

impl LogControl for Log {
    fn filter(&self) -> String {
        let filter = self.filter.lock();
        filter.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_filter(&self, text: &str) -> Result<(), String> {
        let filter = read(text)?;
        let mut present = self.filter.lock().unwrap_or_else(PoisonError::into_inner);
        (self.reload)(filter)?;
        text.clone_into(&mut present);
        Ok(())
    }
}

fn read(text: &str) -> Result<EnvFilter, String> {
    let wrong = |why: &str| format!("`{text}` is no filter for the log: {why}");
    // A word alone would be taken for the name of a part, and nothing would be logged.
    let words = text.split(',').map(str::trim);
    // Nothing counts as a level as well.
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    if let Some(word) = words
        .filter(|word| !word.contains(['=', '[']))
        .find(|word| !is_level(word))
    {
        return Err(wrong(&format!(
            "`{word}` is no level: write error, warn, info, debug or trace, or a filter such as \
             `info,waybook_daemon=debug`"
        )));
    }
    EnvFilter::try_new(text).map_err(|error| wrong(&error.to_string()))
}
