//! The demo's sessions: opened until none fits, played, and judged.

use std::time::Instant;

use waybook_client::model::{EstablishedInfo, OpenForm, Problem};
use waybook_client::{Client, Event};

use super::play::{Played, Player};
use super::{Opened, Seen, Stage, TITLE, film};
use crate::commands::open::print_progress;
use crate::fail::{Done, Fail};
use crate::show::{self, Color, paint};

impl Stage<'_> {
    /// Opens one more session and plays the film through it, or learns that none fits.
    pub(super) async fn session(&mut self, client: &Client, player: &Player, count: usize) -> Done {
        let mut seen = match self.open(client, &format!("demo-{count}")).await? {
            Opened::Session(seen) => seen,
            Opened::Refused(problem) => return self.refused(problem),
        };
        if count == 1 {
            self.check(seen.fetched == 0, "0 bytes of code were fetched this time")?;
            if let Some(first) = &self.facts.first {
                self.line(&format!(
                    "  the set-up took {}, and {} when the code had to come",
                    seen.session.took.text, first.session.took.text
                ))?;
            }
            seen.played = Some(self.play(player, &seen.session, true).await?);
        }
        self.facts.sessions.push(*seen);
        Ok(())
    }

    /// Opens a session, and tells of it.
    pub(super) async fn open(&self, client: &Client, key: &str) -> Done<Opened> {
        let before = self.fetched().await?;
        let form = OpenForm {
            title: TITLE.to_owned(),
            key: Some(key.to_owned()),
            ..OpenForm::default()
        };
        let mut events = client.open(&form).await?;
        let session = loop {
            match events.next().await? {
                Some(Event::Progress(progress)) if !self.global.json => print_progress(&progress)?,
                Some(Event::Progress(_)) => {}
                Some(Event::Established(session)) => break *session,
                Some(Event::Refused(problem)) => return Ok(Opened::Refused(problem)),
                None => return Err(Fail::failed("the open ended without an answer")),
            }
        };
        client.claim(&session.session).await?;
        for refusal in &session.refused {
            self.line(&format!("    not {}", show::refusal(refusal)))?;
        }
        let urls = session.urls.clone();
        let url = urls
            .ok_or_else(|| Fail::failed("check failed: the session has no URL"))?
            .path;
        self.line(&format!(
            "  quality {} (solution {} of {}) from {}, set up in {}",
            paint(Color::Green, &session.quality),
            session.solution,
            session.solutions,
            session.journey.last().map_or("nowhere", |hop| &hop.place),
            session.took.text
        ))?;
        self.line(&format!("  {}", paint(Color::Bold, &url)))?;
        Ok(Opened::Session(Box::new(Seen {
            session,
            fetched: self.fetched().await? - before,
            played: None,
        })))
    }

    /// Plays the film through one session, at the rate that it has booked.
    async fn play(&self, player: &Player, session: &EstablishedInfo, aloud: bool) -> Done<Played> {
        let url = session.urls.as_ref().map_or("", |urls| &urls.path);
        let aloud = aloud && !self.global.json;
        let began = Instant::now();
        let played = player.play(url, &session.quality, |file| {
            if aloud {
                let (name, bytes) = (&file.name, file.bytes);
                let _ = show::line(&format!("    {name:14} {bytes:>7} bytes  {}", file.sha256));
            }
        });
        let played = played.await?;
        self.check(
            true,
            &format!(
                "{}: {} files, {} bytes in {:.1} s, and bytes {} of one, all as they must be",
                session.quality,
                played.files.len(),
                played.bytes(),
                began.elapsed().as_secs_f64(),
                played.range.as_deref().unwrap_or("-")
            ),
        )?;
        Ok(played)
    }

    /// Plays the film through all sessions but the first at once: each has its own rate.
    pub(super) async fn play_the_others(&mut self, player: &Player) -> Done {
        self.heading("The other sessions play at once, each at the rate it has booked")?;
        let others = self.facts.sessions.iter().skip(1);
        let plays = others.map(|seen| self.play(player, &seen.session, false));
        let played = futures_util::future::try_join_all(plays).await?;
        for (seen, played) in self.facts.sessions.iter_mut().skip(1).zip(played) {
            seen.played = Some(played);
        }
        Ok(())
    }

    /// A session that could not be had must say why, for every solution.
    fn refused(&mut self, problem: Box<Problem>) -> Done {
        if !problem.is("refused") {
            return Err(Fail::problem(problem));
        }
        self.line(&paint(
            Color::Yellow,
            "  refused: no solution fits any more",
        ))?;
        for refusal in &problem.refused {
            self.line(&format!("    {}", show::refusal(refusal)))?;
        }
        let explained = problem.solutions.iter().all(|solution| {
            let reasons = problem
                .refused
                .iter()
                .filter(|r| r.solution == solution.number);
            reasons
                .filter_map(|r| r.lack.as_ref())
                .any(|lack| lack.missing.amount > 0)
        });
        self.check(
            explained && !problem.solutions.is_empty(),
            "the refusal names place, resource and what lacked for every solution",
        )?;
        self.facts.refusal = Some(problem);
        Ok(())
    }

    /// Sessions must have got worse as the tree filled, and must have said why.
    pub(super) fn check_qualities(&self) -> Done {
        let qualities: Vec<_> = self
            .facts
            .sessions
            .iter()
            .map(|s| s.session.quality.as_str())
            .collect();
        self.check(
            qualities.first() == Some(&"high") && qualities.iter().any(|q| *q != "high"),
            &format!("the qualities were {}", qualities.join(", ")),
        )?;
        let lower = self
            .facts
            .sessions
            .iter()
            .filter(|s| s.session.solution > 1);
        let explained = lower
            .clone()
            .all(|s| s.session.refused.len() + 1 >= usize::from(s.session.solution));
        self.check(
            lower.count() > 0 && explained,
            "every session that did not get the first solution says where and why",
        )
    }

    /// Frees the room of all sessions but the first.
    pub(super) async fn keep_one(&mut self, client: &Client) -> Done {
        for seen in self.facts.sessions.iter().skip(1) {
            client.close(&seen.session.session).await?;
        }
        let first = self.facts.sessions.first();
        let url = first
            .and_then(|s| s.session.urls.as_ref())
            .map(|urls| &urls.path);
        self.facts.url = url.map(|url| format!("{}/{}", url.trim_end_matches('/'), film::MASTER));
        Ok(())
    }
}
