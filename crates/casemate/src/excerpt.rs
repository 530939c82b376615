//! What is shown of a file of which places are marked: its lines, each cut to what fits a screen. A file of one line may be megabytes.

use std::ops::Range;

/// The longest line that is shown whole, in bytes.
const LINE_BYTES_MAX: usize = 400;
/// How much of a longer line is shown before and after the beginning of its first mark, in bytes.
const AROUND_BYTES: usize = 120;
/// What stands for what is left out.
const LEFT_OUT: &str = "…";

/// The text with long lines cut, around the first of `marks` that is in one, and where the marks are in it. Lines keep their numbers;
/// a mark that is left out in part is shorter. A text of short lines is as it was.
pub(crate) fn of(text: &str, marks: &[Range<usize>]) -> (String, Vec<Range<usize>>) {
    if text.split('\n').all(|line| line.len() <= LINE_BYTES_MAX) {
        return (text.to_owned(), marks.to_vec());
    }
    let mut shown = String::new();
    let mut places = vec![0..0; marks.len()];
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let (whole, end) = (line.strip_suffix('\n').unwrap_or(line), start + line.len());
        let is_last = end == text.len();
        let here = |mark: &&Range<usize>| mark.start >= start && (mark.start < end || is_last);
        let first = marks.iter().filter(here).map(|mark| mark.start - start).min();
        let kept = cut(whole, first.unwrap_or(0));
        let before = if kept.start > 0 { LEFT_OUT } else { "" };
        let offset = shown.len() + before.len();
        // A mark that begins here ends in this line at the latest, where a line is cut.
        for (place, mark) in places.iter_mut().zip(marks).filter(|(_, mark)| here(mark)) {
            let at = |byte: usize| offset + byte.saturating_sub(start).clamp(kept.start, kept.end) - kept.start;
            let is_cut = kept.len() < whole.len() || mark.end <= end;
            *place = at(mark.start)..if is_cut { at(mark.end) } else { at(mark.start) };
        }
        shown.push_str(before);
        shown.push_str(whole.get(kept.clone()).unwrap_or_default());
        if kept.end < whole.len() {
            shown.push_str(LEFT_OUT);
        }
        if whole.len() < line.len() {
            shown.push('\n');
        }
        start = end;
    }
    (shown, places)
}

/// Which bytes of a line are shown, of which something begins at `mark`.
fn cut(line: &str, mark: usize) -> Range<usize> {
    if line.len() <= LINE_BYTES_MAX {
        return 0..line.len();
    }
    let from = line.floor_char_boundary(mark.saturating_sub(AROUND_BYTES));
    from..line.floor_char_boundary(from.saturating_add(2 * AROUND_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_lines_are_as_they_were() {
        let text = "a = 1\nb = 2\n";
        assert_eq!(of(text, &[6..7, 0..12]), (text.to_owned(), vec![6..7, 0..12]));
    }

    #[test]
    fn a_long_line_is_shown_around_its_mark() {
        let (before, after) = ("ä".repeat(1 << 20), "z".repeat(1 << 20));
        for (mark, rest) in [("WRONG", after.as_str()), ("WRONG", "")] {
            let text = format!("one\n{before}{mark}{rest}\nthree\n");
            let start = text.find(mark).unwrap();
            let (shown, places) = of(&text, &[start..start + mark.len(), 0..3, text.len() - 6..text.len() - 1]);
            assert!(shown.len() < 600, "{}", shown.len());
            assert_eq!(shown.lines().count(), 3);
            let words: Vec<&str> = places.iter().map(|place| &shown[place.clone()]).collect();
            assert_eq!(words, [mark, "one", "three"]);
        }
    }

    #[test]
    fn a_long_mark_is_cut() {
        let text = format!("x = \"{}\"", "y".repeat(11 << 20));
        let (shown, places) = of(&text, &[4..text.len(), text.len()..text.len()]);
        assert!(shown.len() < 600 && places[0].end <= shown.len() && places[1].end <= shown.len(), "{places:?}");
        assert!(shown[places[0].clone()].starts_with("\"yyy"), "{shown}");
    }
}
