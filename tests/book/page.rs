//! One document, taken apart into its blocks and what is said of them in comments.

/// A document of the book.
pub(crate) struct Page {
    /// Its path in the clone.
    pub(crate) name: String,
    pub(crate) lines: Vec<String>,
    pub(crate) parts: Vec<Part>,
}

/// What the shell's session has to do with.
pub(crate) enum Part {
    Block(Block),
    /// `<!-- run: ... -->`: commands that the reader does not see. From the first line to the
    /// last, counted from 1.
    Hidden {
        first: usize,
        commands: Vec<String>,
    },
    /// `<!-- let ID: command -->`: what the command prints stands for that word from here on.
    Let {
        line: usize,
        word: String,
        command: String,
    },
}

/// A fenced block.
pub(crate) struct Block {
    /// The line of its opening fence, counted from 1.
    pub(crate) line: usize,
    pub(crate) language: String,
    pub(crate) lines: Vec<String>,
    pub(crate) marks: Vec<Mark>,
}

/// What a comment right before a block says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    /// `needs: PROGRAM, ...`: left out where one is missing.
    Needs(Vec<String>),
    /// `not run: REASON`.
    NotRun,
    /// `in the background`: it goes on while the next ones run.
    Background,
    /// `exit: CODE`: it ends with that.
    Exit(i32),
    /// `file: NAME`: it is that file.
    File(String),
    /// `part of: KIND`: a fragment of a file of that kind.
    PartOf(String),
    /// `said`: the last block that ran has printed it; `…` stands for anything.
    Said,
}

/// What blocks may be of, so that nothing is taken for what it is not.
const LANGUAGES: [&str; 9] = [
    "sh", "text", "toml", "json", "rust", "js", "python", "yaml", "html",
];

impl Page {
    /// Takes a document apart.
    pub(crate) fn read(name: &str, text: &str) -> Result<Self, String> {
        let mut page = Self {
            name: name.to_owned(),
            lines: text.lines().map(str::to_owned).collect(),
            parts: Vec::new(),
        };
        let mut marks = Vec::new();
        let mut at = 0;
        while at < page.lines.len() {
            let line = page.lines[at].clone();
            let first = at + 1;
            let wrong = |what: &str| format!("{name}:{first}: {what}");
            if let Some(language) = line.strip_prefix("```") {
                let rest = &page.lines[at + 1..];
                let end = rest.iter().position(|line| line == "```");
                let end = end.ok_or_else(|| wrong("this block has no end"))?;
                if !LANGUAGES.contains(&language) {
                    let known = LANGUAGES.join(", ");
                    return Err(wrong(&format!(
                        "a block is one of {known}, not {language:?}"
                    )));
                }
                page.parts.push(Part::Block(Block {
                    line: first,
                    language: language.to_owned(),
                    lines: rest[..end].to_vec(),
                    marks: std::mem::take(&mut marks),
                }));
                at += end + 2;
                continue;
            }
            if let Some(start) = line.strip_prefix("<!-- ") {
                let end = page.lines[at..]
                    .iter()
                    .position(|line| line.ends_with("-->"));
                let end = at + end.ok_or_else(|| wrong("this comment has no end"))?;
                let comment = if end == at {
                    vec![start.trim_end_matches("-->").trim().to_owned()]
                } else {
                    let mut comment = vec![start.trim_end().to_owned()];
                    comment.extend_from_slice(&page.lines[at + 1..end]);
                    comment
                };
                match part(first, &comment) {
                    Some(part) => page.parts.push(part),
                    None => marks.push(mark(&comment[0]).ok_or_else(|| {
                        wrong("no such comment; CONTRIBUTING.md lists those that there are")
                    })?),
                }
                at = end + 1;
                continue;
            }
            let blank = line.trim().is_empty();
            if !blank && !marks.is_empty() {
                return Err(wrong(
                    "the comment before this must stand right before a block",
                ));
            }
            let before = at.checked_sub(1).map(|before| page.lines[before].trim());
            if !blank && line.starts_with("    ") && before == Some("") {
                return Err(wrong("write this block between fences, with its language"));
            }
            at += 1;
        }
        Ok(page)
    }

    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.parts.iter().filter_map(|part| match part {
            Part::Block(block) => Some(block),
            _ => None,
        })
    }
}

impl Block {
    pub(crate) fn text(&self) -> String {
        self.lines.join("\n") + "\n"
    }

    /// The file that it is.
    pub(crate) fn file(&self) -> Option<&str> {
        self.marks.iter().find_map(|mark| match mark {
            Mark::File(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The kind of file that it is a part of.
    pub(crate) fn part_of(&self) -> Option<&str> {
        self.marks.iter().find_map(|mark| match mark {
            Mark::PartOf(kind) => Some(kind.as_str()),
            _ => None,
        })
    }

    /// The programs that it needs.
    pub(crate) fn needs(&self) -> impl Iterator<Item = &str> {
        let needs = self.marks.iter().filter_map(|mark| match mark {
            Mark::Needs(programs) => Some(programs),
            _ => None,
        });
        needs.flatten().map(String::as_str)
    }

    pub(crate) fn has(&self, mark: &Mark) -> bool {
        self.marks.contains(mark)
    }

    /// The code that it ends with.
    pub(crate) fn exit(&self) -> Option<i32> {
        self.marks.iter().find_map(|mark| match mark {
            Mark::Exit(code) => Some(*code),
            _ => None,
        })
    }
}

fn part(first: usize, comment: &[String]) -> Option<Part> {
    if let Some(command) = comment[0].strip_prefix("run:") {
        let mut commands = vec![command.trim().to_owned()];
        commands.extend_from_slice(&comment[1..]);
        return Some(Part::Hidden { first, commands });
    }
    let (word, command) = comment[0].strip_prefix("let ")?.split_once(": ")?;
    Some(Part::Let {
        line: first,
        word: word.to_owned(),
        command: command.to_owned(),
    })
}

fn mark(comment: &str) -> Option<Mark> {
    match comment {
        "in the background" => return Some(Mark::Background),
        "said" => return Some(Mark::Said),
        _ => {}
    }
    let (key, value) = comment.split_once(": ")?;
    match key {
        "needs" => Some(Mark::Needs(value.split(", ").map(str::to_owned).collect())),
        "not run" => Some(Mark::NotRun),
        "exit" => value.parse().ok().map(Mark::Exit),
        "file" => Some(Mark::File(value.to_owned())),
        "part of" => Some(Mark::PartOf(value.to_owned())),
        _ => None,
    }
}
