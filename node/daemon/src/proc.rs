//! What the kernel says of a process.

/// Tells a process from others that had or will have its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessStat {
    /// `Z` for one that has ended and that nobody has noticed; `R`, `S` and others for one
    /// that lives.
    pub state: char,
    /// When it began, in the kernel's ticks since the machine started.
    pub began: u64,
}

impl ProcessStat {
    /// What `/proc/PID/stat` says (fields 3 and 22, proc(5)). None if there is no such
    /// process, or no such file system.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the program's name in brackets, which may contain anything.
        let mut fields = text.rsplit_once(") ")?.1.split(' ');
        let state = fields.next()?.chars().next()?;
        let began = fields.nth(18)?.parse().ok()?;
        Some(Self { state, began })
    }
}
