//! An account as an SVG picture: who said what on the left, what followed on the right. No script, no style sheet, no outside.

use super::{
    Account, Entry, Part,
    layout::{BOX_WIDTH, Layout, Unplaced, layout},
};
use crate::printable::printable;

/// The room around everything.
const MARGIN: i64 = 28;
/// The height of the heading and the legend.
const HEAD: i64 = 66;
/// The room inside a box.
const PADDING: i64 = 12;
/// From one line of text to the next.
const LINE: i64 = 16;
/// The room for text in one line of a box, in tenths of a pixel.
const LINE_WIDTH: u64 = (BOX_WIDTH - 2 * PADDING).unsigned_abs() * 10;
/// Hex of more digits than this is cut to [`HEX_SHOWN`]: the account in words has all of it.
const HEX_WHOLE_MAX: usize = 24;
const HEX_SHOWN: usize = 16;
/// The most lines of one box; the account in words has all of them.
const LINES_MAX: usize = 9;

/// How what must not be overlooked is written.
const DANGER: &str = "font-weight=\"bold\" fill=\"#b3261e\"";

/// How a part looks: fill, border, and what the legend calls it. What follows under a warning is not green.
const fn look(part: Part, account: &Account) -> (&'static str, &'static str, &'static str) {
    match part {
        Part::Conclusion if !account.notes.is_empty() => ("#ffe9c7", "#b35c00", "so, with what is to beware of"),
        Part::Conclusion => ("#e3f4e3", "#2e7d32", "so"),
        Part::Denied => ("#fde7e7", "#b3261e", "so not"),
        Part::Evidence => ("#fff6dd", "#9a6b00", "the evidence says"),
        Part::Follows => ("#f4f4f4", "#6b6b6b", "what followed"),
        Part::Other => ("#efe6fb", "#6a3fb0", "somebody else says, signed"),
        Part::Owner => ("#e4effc", "#1f5fae", "the domain's owner says"),
        Part::Unmet => ("#fff0ee", "#b3261e", "what is missing"),
    }
}

/// How every picture ends its opening tag.
const FONTS: &str =
    "role=\"img\" font-family=\"'Liberation Sans', Arial, Helvetica, sans-serif\" font-size=\"12\">\n<title>";
/// Within these bytes.
const OPENING_BYTES_MAX: usize = 400;

/// Whether these bytes begin as such a picture does.
pub(super) fn is_picture(bytes: &[u8]) -> bool {
    let opening = bytes.get(..OPENING_BYTES_MAX.min(bytes.len())).unwrap_or_default();
    bytes.starts_with(b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"")
        && opening.windows(FONTS.len()).any(|window| window == FONTS.as_bytes())
}

/// Draws an account.
pub(super) fn picture(account: &Account) -> String {
    let texts: Vec<Vec<String>> = account.entries.iter().map(|entry| lines(&entry.text, LINE_WIDTH)).collect();
    let boxes: Vec<Unplaced> =
        account.entries.iter().zip(&texts).map(|(entry, lines)| unplaced(entry, lines)).collect();
    let placed = layout(&boxes);
    let inner = placed.width.max(2 * BOX_WIDTH);
    let notes: Vec<String> =
        account.notes.iter().flat_map(|note| lines(&format!("beware: {note}"), inner.unsigned_abs() * 9)).collect();
    let head = HEAD + LINE * i64::try_from(notes.len()).unwrap_or(0);
    let (width, height) = (inner + 2 * MARGIN, placed.height + head + 2 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         {FONTS}{title}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
        title = escaped(&account.title),
    );
    svg += &text(MARGIN, MARGIN + 12, "font-size=\"17\" font-weight=\"bold\"", &account.title);
    svg += &legend(account);
    for (place, line) in (0_i64..).zip(&notes) {
        svg += &text(MARGIN, MARGIN + HEAD + 2 + LINE * place, DANGER, line);
    }
    for edge in &placed.edges {
        svg += &curve(edge, head);
    }
    for (place, (entry, lines)) in account.entries.iter().zip(&texts).enumerate() {
        svg += &drawn(place, account, entry, lines, &boxes, &placed, head);
    }
    svg + "</svg>\n"
}

fn unplaced(entry: &Entry, lines: &[String]) -> Unplaced {
    let rows = i64::try_from(lines.len() + entry.dangers.len()).unwrap_or(0) + 1;
    Unplaced { height: rows * LINE + 2 * PADDING - 4, premises: entry.because.clone() }
}

/// One box. `head` is the room above all of them.
fn drawn(
    place: usize,
    account: &Account,
    entry: &Entry,
    lines: &[String],
    boxes: &[Unplaced],
    placed: &Layout,
    head: i64,
) -> String {
    let Some(((left, top), height)) = placed.corners.get(place).zip(boxes.get(place).map(|unplaced| unplaced.height))
    else {
        return String::new();
    };
    let (left, top) = (left + MARGIN, top + MARGIN + head);
    let (fill, border, _) = look(entry.part, account);
    let thick = if matches!(entry.part, Part::Conclusion | Part::Denied) { 2 } else { 1 };
    let mut svg = format!(
        "<g><rect x=\"{left}\" y=\"{top}\" width=\"{BOX_WIDTH}\" height=\"{height}\" rx=\"6\" fill=\"{fill}\" \
         stroke=\"{border}\" stroke-width=\"{thick}\"/>\n"
    );
    let title = format!("{}. {}", place + 1, entry.title);
    let mut baseline = top + PADDING + 10;
    svg += &text(left + PADDING, baseline, &format!("font-weight=\"bold\" fill=\"{border}\""), &shortened(&title));
    for danger in &entry.dangers {
        baseline += LINE;
        svg += &text(left + PADDING, baseline, DANGER, &shortened(danger));
    }
    for line in lines {
        baseline += LINE;
        svg += &text(left + PADDING, baseline, "fill=\"#1b1b1b\"", line);
    }
    svg + "</g>\n"
}

/// A curve that leaves and enters boxes level.
fn curve(points: &[(i64, i64)], head: i64) -> String {
    let shifted = points.iter().map(|(x, y)| (x + MARGIN, y + MARGIN + head)).collect::<Vec<_>>();
    let mut path = String::new();
    for (place, (x, y)) in shifted.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|before| shifted.get(before));
        path += &match before {
            None => format!("M{x} {y}"),
            // From one column to the next.
            Some((from_x, from_y)) if place % 2 == 1 => {
                let middle = (from_x + x) / 2;
                format!(" C{middle} {from_y} {middle} {y} {x} {y}")
            }
            // Past a column.
            Some(_) => format!(" L{x} {y}"),
        };
    }
    let head = shifted.last().map_or_else(String::new, |(x, y)| {
        format!(
            "<path d=\"M{} {} L{x} {y} L{} {}\" fill=\"none\" stroke=\"#9a9a9a\" stroke-width=\"1.3\"/>\n",
            x - 6,
            y - 4,
            x - 6,
            y + 4
        )
    });
    format!("<path d=\"{path}\" fill=\"none\" stroke=\"#9a9a9a\" stroke-width=\"1.3\"/>\n{head}")
}

/// What the colours mean, of the parts that are there.
fn legend(account: &Account) -> String {
    let mut left = MARGIN;
    let top = MARGIN + 28;
    let mut svg = String::new();
    for part in Part::ALL.into_iter().filter(|part| account.entries.iter().any(|entry| entry.part == *part)) {
        let (fill, border, name) = look(part, account);
        svg += &format!(
            "<rect x=\"{left}\" y=\"{top}\" width=\"14\" height=\"14\" rx=\"3\" fill=\"{fill}\" stroke=\"{border}\"/>\n"
        );
        svg += &text(left + 20, top + 11, "fill=\"#444444\"", name);
        left += 20 + 7 * i64::try_from(name.len()).unwrap_or(0) + 18;
    }
    svg
}

fn text(left: i64, baseline: i64, attributes: &str, content: &str) -> String {
    format!(
        "<text x=\"{left}\" y=\"{baseline}\" {attributes} direction=\"ltr\" unicode-bidi=\"isolate\">{}</text>\n",
        escaped(content)
    )
}

/// Text of anyone as character data: what would end it or hide in it is gone.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in printable(text).chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // XML knows no such characters [XML 1.0 §2.2].
            '\u{fffe}' | '\u{ffff}' => safe.push(char::REPLACEMENT_CHARACTER),
            other => safe.push(other),
        }
    }
    safe
}

/// Breaks text at its spaces, and words that are longer than a line anywhere. `room` is that of a line, in tenths of a pixel.
fn lines(text: &str, room: u64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split_whitespace().map(cut) {
        let needed: u64 = word.chars().map(width).sum();
        if used > 0 && used + width(' ') + needed > room {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += width(' ');
        }
        for character in word.chars() {
            let width = width(character);
            if used + width > room {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(character);
            used += width;
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    if lines.len() > LINES_MAX {
        lines.truncate(LINES_MAX);
        if let Some(last) = lines.last_mut() {
            last.push('…');
        }
    }
    lines
}

/// A word without the end of its long hex.
fn cut(word: &str) -> String {
    let digits: usize = word.chars().filter(char::is_ascii_hexdigit).count();
    let is_hex = digits > HEX_WHOLE_MAX
        && word.trim_end_matches([',', '.', ';', ':', '`']).ends_with(|end: char| end.is_ascii_hexdigit());
    // What stands before it: the name of a digest's algorithm, a quote.
    let start = word.rfind([':', '`', '=', '"']).map_or(0, |at| at + 1);
    match word.char_indices().nth(word.get(..start).unwrap_or_default().chars().count() + HEX_SHOWN) {
        Some((end, _)) if is_hex => format!("{}…", word.get(..end).unwrap_or_default()),
        _ => word.to_owned(),
    }
}

fn shortened(title: &str) -> String {
    let mut used = 0;
    let fits = |character: &char| {
        // Bold letters are wider.
        used += width(*character) * 9 / 8;
        used + width('…') <= LINE_WIDTH
    };
    let short: String = title.chars().take_while(fits).collect();
    if short.len() < title.len() { short.trim_end().to_owned() + "…" } else { short }
}

/// How wide a character may be at 12 pixels, in tenths of a pixel: as in DejaVu Sans, the widest of the usual fonts.
const fn width(character: char) -> u64 {
    match character {
        ' ' | '!' | '\'' | '(' | ')' | ',' | '.' | '/' | ':' | ';' | '[' | ']' | 'f' | 'i' | 'j' | 'l' | 'r' | 't'
        | '|' => 48,
        'M' | 'W' | 'm' | '%' | '@' | '…' => 120,
        'A'..='Z' | 'w' | '+' | '<' | '=' | '>' | '~' => 96,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' => 130,
        '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{1f000}'..='\u{3fffd}' => 130,
        '\u{80}'..='\u{10ffff}' => 100,
        _ => 77,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(entries: Vec<Entry>) -> Account {
        Account { title: "why".to_owned(), notes: Vec::new(), entries }
    }

    fn entry(part: Part, title: &str, text: &str, because: &[usize]) -> Entry {
        Entry { part, title: title.to_owned(), text: text.to_owned(), dangers: Vec::new(), because: because.to_vec() }
    }

    #[test]
    fn hostile_text_stays_text() {
        let hostile = "</text><script>alert('1')</script>& \u{202e}txt.exe\u{7}\u{ffff} ]]> \"onload=";
        let svg = picture(&account(vec![entry(Part::Owner, hostile, hostile, &[])]));
        assert!(
            !svg.contains("<script")
                && !svg.contains('\u{202e}')
                && !svg.contains('\u{7}')
                && !svg.contains('\u{ffff}')
        );
        assert!(svg.contains("&lt;script&gt;"));
        // Between tags, no text has a character that would begin another.
        for piece in svg.split('>').filter_map(|piece| piece.split('<').next()) {
            assert!(!piece.contains('<'), "{piece}");
        }
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    }

    #[test]
    fn the_same_account_gives_the_same_bytes() {
        let entries = || {
            vec![
                entry(Part::Owner, "says", "that", &[]),
                entry(Part::Evidence, "says", "this", &[]),
                entry(Part::Conclusion, "so", "both", &[0, 1]),
            ]
        };
        assert_eq!(picture(&account(entries())), picture(&account(entries())));
        assert_eq!(picture(&account(entries())).matches("<path").count(), 4, "two edges, each with its head");
    }

    #[test]
    fn long_words_and_texts_are_broken() {
        let long = "z".repeat(100);
        assert_eq!(lines(&long, LINE_WIDTH).iter().map(String::len).collect::<Vec<_>>(), [35, 35, 30]);
        assert_eq!(lines("one two", LINE_WIDTH), ["one two"]);
        assert_eq!(lines(&"word ".repeat(500), LINE_WIDTH).len(), LINES_MAX);
        assert!(
            lines(&"\u{4e2d}".repeat(30), LINE_WIDTH)
                .iter()
                .all(|line| line.chars().map(width).sum::<u64>() <= LINE_WIDTH)
        );
        assert!(shortened(&"x".repeat(90)).ends_with('…'));
    }

    #[test]
    fn long_hex_is_cut_and_nothing_else() {
        let hex = "5feee30d6d7e1a29f403d70a4198237d";
        assert_eq!(cut(hex), "5feee30d6d7e1a29…");
        assert_eq!(cut(&format!("sha256:{hex},")), "sha256:5feee30d6d7e1a29…");
        for whole in ["5feee30d6d7e1a29", "a-word-that-is-long-and-beaded-decade-facade-x", "", "\u{e9}"] {
            assert_eq!(cut(whole), whole);
        }
    }

    /// The whole of every danger stands in the picture, whatever others write beside it.
    #[test]
    fn no_label_pushes_a_danger_out() {
        let label = "\u{4e2d}w".repeat(600);
        let mut danger = entry(Part::Owner, &label, &format!("{label} allowing `debug`"), &[]);
        assert!(!picture(&account(vec![danger.clone()])).contains("allowing `debug`"), "the attack: the text is cut");
        danger.dangers = vec!["allowing `debug`".to_owned(), "allowing `migratable`".to_owned()];
        let so = entry(Part::Conclusion, "so", "trusted", &[0]);
        let plain = account(vec![danger, so]);
        let svg = picture(&plain);
        assert!(svg.contains(">allowing `debug`<") && svg.contains(">allowing `migratable`<"), "{svg}");
        assert!(svg.contains("#e3f4e3"));
        // What is noted stands above, over as many lines as it needs, and nothing is green.
        let noted =
            plain.with_notes(["perhaps a replay".to_owned(), format!("{label} {label}"), "the last".to_owned()]);
        let svg = picture(&noted);
        assert!(svg.contains(">beware: perhaps a replay<") && svg.contains(">beware: the last<"), "{svg}");
        assert!(!svg.contains("#e3f4e3"), "{svg}");
    }

    #[test]
    fn pictures_are_recognised() {
        let svg = picture(&account(vec![entry(Part::Owner, "says", "that", &[])]));
        assert!(is_picture(svg.as_bytes()));
        for other in ["", "<svg", "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\"></svg>", &format!(" {svg}")] {
            assert!(!is_picture(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn an_empty_account_is_a_picture() {
        assert!(picture(&account(Vec::new())).ends_with("</svg>\n"));
    }
}
