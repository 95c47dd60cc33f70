//! Which group this process is in, from what the kernel tells of it.

use std::path::{Path, PathBuf};

/// The group within the hierarchy of version 2, from `/proc/self/cgroup`.
pub(super) fn own_group(memberships: &str) -> Option<&str> {
    memberships
        .lines()
        .find_map(|line| line.strip_prefix("0::"))
}

/// The folder of that group, from `/proc/self/mountinfo`: none if no hierarchy of version 2 is
/// mounted in which it can be seen.
pub(super) fn folder(group: &str, mounts: &str) -> Option<PathBuf> {
    let group = Path::new(group);
    mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        if after.split(' ').next() != Some("cgroup2") {
            return None;
        }
        let mut fields = before.split(' ').skip(3);
        let (root, at) = (unescape(fields.next()?), unescape(fields.next()?));
        let below = group.strip_prefix(root).ok()?;
        // Of a group outside of this process's namespace only that much is known.
        let outside = below.components().any(|part| part.as_os_str() == "..");
        (!outside).then(|| Path::new(&at).join(below))
    })
}

/// A path as it was before the kernel wrote blanks and the like as `\040`.
fn unescape(text: &str) -> String {
    let mut pieces = text.split('\\');
    let mut path = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let code = piece
            .get(..3)
            .and_then(|code| u8::from_str_radix(code, 8).ok());
        match code {
            Some(code) => {
                path.push(char::from(code));
                path.push_str(&piece[3..]);
            }
            None => {
                path.push('\\');
                path.push_str(piece);
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(memberships: &str, mounts: &str) -> Option<PathBuf> {
        folder(own_group(memberships)?, mounts)
    }

    #[test]
    fn the_own_group_is_found_where_the_hierarchy_is_mounted() {
        let service = "0::/system.slice/waybook@lab.service\n";
        let machine = "22 1 8:1 / / rw - ext4 /dev/sda rw\n\
            31 24 0:27 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
        let expected = PathBuf::from("/sys/fs/cgroup/system.slice/waybook@lab.service");
        assert_eq!(found(service, machine), Some(expected));
        // Both versions are mounted.
        let both = "12:cpu,cpuacct:/user\n1:name=systemd:/user\n0::/user\n";
        let hybrid = "30 24 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n\
            32 30 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
            31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let expected = PathBuf::from("/sys/fs/cgroup/unified/user");
        assert_eq!(found(both, hybrid), Some(expected));
    }

    #[test]
    fn part_of_the_hierarchy_may_be_mounted_anywhere() {
        let mounts = "31 24 0:27 /machine /run/my\\040groups rw - cgroup2 none rw\n";
        let expected = PathBuf::from("/run/my groups/one");
        assert_eq!(found("0::/machine/one", mounts), Some(expected));
        assert_eq!(found("0::/other", mounts), None);
        assert_eq!(found("0::/machine/../other", mounts), None);
    }

    #[test]
    fn without_version_2_there_is_none() {
        let old = "32 30 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n";
        assert_eq!(found("3:cpu:/\n", old), None);
        assert_eq!(found("0::/\n", old), None);
        assert_eq!(found("", ""), None);
    }
}
