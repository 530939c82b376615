//! Markdown links to files and headings of the repository lead somewhere. Links to the network are not followed.

use std::{fs, path::Path};

use super::Breach;

pub(super) fn check(file: &Path, content: &str) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (number, line) in prose(content) {
        for target in targets(line) {
            if let Err(what) = follow(file, content, target) {
                breaches.push(Breach::new("link", number, what, "mend the link"));
            }
        }
    }
    breaches
}

fn follow(file: &Path, content: &str, target: &str) -> Result<(), String> {
    if ["https://", "http://", "mailto:"].iter().any(|scheme| target.starts_with(scheme)) {
        return Ok(());
    }
    let (path, heading) = target.split_once('#').map_or((target, None), |(path, heading)| (path, Some(heading)));
    let linked = if path.is_empty() { file.to_owned() } else { file.parent().unwrap_or(file).join(path) };
    if !path.is_empty() && !linked.exists() {
        return Err(format!("`{target}` is not there"));
    }
    let Some(heading) = heading else { return Ok(()) };
    let text = if path.is_empty() { content.to_owned() } else { fs::read_to_string(&linked).unwrap_or_default() };
    let found = prose(&text).any(|(_, line)| line.starts_with('#') && slug(line) == heading);
    if found { Ok(()) } else { Err(format!("`{target}`: no such heading")) }
}

/// Numbered lines outside fenced code.
fn prose(content: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    (1..).zip(content.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// What stands between `](` and `)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// The anchor of a heading as GitHub makes it: lower case, spaces to hyphens, other marks dropped.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use casemate_testkit::Folder;

    use super::*;

    #[test]
    fn follows_links() {
        let folder = Folder::new("links");
        folder.write("other.md", "# A `b` heading, so\n").unwrap();
        let file = folder.join("this.md");
        let crimes = |text: &str| check(&file, text).len();
        for fine in [
            "[a](other.md)\n",
            "[a](other.md#a-b-heading-so)\n",
            "[a](https://example.invalid/x) [b](other.md)\n",
            "## Here\n[a](#here)\n",
            "```\n[a](nowhere.md)\n```\n",
        ] {
            assert_eq!(crimes(fine), 0, "{fine}");
        }
        for crime in ["[a](nowhere.md)\n", "[a](other.md#not)\n", "[a](#not)\n", "[b](other.md) [a](x/y.md)\n"] {
            assert_eq!(crimes(crime), 1, "{crime}");
        }
    }
}
