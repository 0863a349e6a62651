//! Braces: `a{b,c}` is `ab` and `ac`, `{1..3}` is 1, 2 and 3.

/// The most texts that a pattern becomes; those beyond are left out.
const MAX_TEXTS: usize = 10_000;
/// The most characters these have together.
const MAX_LENGTH: usize = 1 << 20;
/// How deep braces nest; deeper ones are plain characters.
const MAX_DEPTH: usize = 100;

/// Stand-ins for characters with a backslash before them: code points that are no characters.
const ESCAPED: [(&str, &str, &str); 5] = [
    ("\\\\", "\u{fdd0}", "\\"),
    ("\\{", "\u{fdd1}", "{"),
    ("\\}", "\u{fdd2}", "}"),
    ("\\,", "\u{fdd3}", ","),
    ("\\.", "\u{fdd4}", "."),
];

/// Expands the braces of a pattern, as Bash does.
pub(super) fn expand(pattern: &str) -> Vec<String> {
    let has_braces = pattern.find('{').is_some_and(|open| pattern[open..].contains('}'));
    if !has_braces {
        return vec![pattern.to_owned()];
    }
    let leading = match pattern.strip_prefix("{}") {
        Some(rest) => format!("\\{{\\}}{rest}"),
        None => pattern.to_owned(),
    };
    let hidden = ESCAPED.iter().fold(leading, |text, (written, hidden, _)| text.replace(written, hidden));
    let expanded = sets(&hidden, true, 0);
    let shown = |text: String| ESCAPED.iter().fold(text, |text, (_, hidden, shown)| text.replace(hidden, shown));
    expanded.into_iter().map(shown).collect()
}

fn sets(text: &str, top: bool, depth: usize) -> Vec<String> {
    let mut text = text.to_owned();
    let mut top = top;
    // One pass a closing brace that closes nothing, as in `{a},b}`.
    for _ in 0..MAX_DEPTH {
        let Some((open, close)) = balanced(&text).filter(|_| depth <= MAX_DEPTH) else {
            return vec![text];
        };
        let (before, body, after) = (&text[..open], &text[open + 1..close], &text[close + 1..]);
        if before.ends_with('$') {
            let literal = format!("{before}{{{body}}}");
            return combined(&[literal], &rest(after, depth), true);
        }
        let sequence = sequence(body);
        if sequence.is_none() && !body.contains(',') {
            if !set_follows(after) {
                return vec![text];
            }
            text = format!("{before}{{{body}\u{fdd2}{after}");
            top = true;
            continue;
        }
        let keep_empty = !top || sequence.is_some();
        let values = match sequence {
            Some(values) => values,
            None => match members(body).as_slice() {
                [only] => {
                    let wrapped: Vec<_> =
                        sets(only, false, depth + 1).iter().map(|text| format!("{{{text}}}")).collect();
                    match wrapped.as_slice() {
                        [one] => return combined(&[format!("{before}{one}")], &rest(after, depth), true),
                        _ => wrapped.iter().flat_map(|text| sets(text, false, depth + 1)).take(MAX_TEXTS).collect(),
                    }
                }
                members => members.iter().flat_map(|text| sets(text, false, depth + 1)).take(MAX_TEXTS).collect(),
            },
        };
        let values: Vec<_> = values.iter().map(|value| format!("{before}{value}")).collect();
        return combined(&values, &rest(after, depth), keep_empty);
    }
    vec![text]
}

fn rest(after: &str, depth: usize) -> Vec<String> {
    if after.is_empty() { vec![String::new()] } else { sets(after, false, depth + 1) }
}

/// Every first text with every second one.
fn combined(firsts: &[String], seconds: &[String], keep_empty: bool) -> Vec<String> {
    let mut length = 0;
    let pairs = firsts.iter().flat_map(|first| seconds.iter().map(move |second| format!("{first}{second}")));
    pairs
        .filter(|text| keep_empty || !text.is_empty())
        .take(MAX_TEXTS)
        .take_while(|text| {
            length += text.len();
            length <= MAX_LENGTH
        })
        .collect()
}

/// Where the first pair of braces is that belong together.
fn balanced(text: &str) -> Option<(usize, usize)> {
    let mut open = Vec::new();
    let mut widest: Option<(usize, usize)> = None;
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open.push(place),
            b'}' => {
                let Some(start) = open.pop() else { continue };
                if open.is_empty() {
                    return Some((start, place));
                }
                if widest.is_none_or(|(first, _)| start < first) {
                    widest = Some((start, place));
                }
            }
            _ => {}
        }
    }
    widest
}

/// Whether a comma is there that no comma follows, and a closing brace after it.
fn set_follows(text: &str) -> bool {
    let Some(close) = text.rfind('}') else {
        return false;
    };
    let bytes = text.as_bytes();
    (0..close).any(|place| bytes[place] == b',' && bytes[place + 1] != b',')
}

/// Splits at the commas that stand in no inner braces.
fn members(body: &str) -> Vec<String> {
    let mut members = vec![String::new()];
    let mut rest = body;
    while let Some((open, close)) = balanced(rest) {
        let mut before = rest[..open].split(',');
        push_to_last(&mut members, before.next().unwrap_or_default());
        members.extend(before.map(str::to_owned));
        push_to_last(&mut members, &rest[open..=close]);
        rest = &rest[close + 1..];
    }
    let mut last = rest.split(',');
    push_to_last(&mut members, last.next().unwrap_or_default());
    members.extend(last.map(str::to_owned));
    members
}

fn push_to_last(members: &mut [String], text: &str) {
    if let Some(last) = members.last_mut() {
        last.push_str(text);
    }
}

/// What `1..5`, `01..10..3` or `a..e` stand for; nothing where a text has another form.
fn sequence(body: &str) -> Option<Vec<String>> {
    let ends: Vec<&str> = body.split("..").collect();
    let (first, last, step) = match ends.as_slice() {
        [first, last] => (*first, *last, "1"),
        [first, last, step] => (*first, *last, *step),
        _ => return None,
    };
    let step = number(step)?.unsigned_abs().max(1);
    if let (Some(from), Some(to)) = (number(first), number(last)) {
        let padded = |text: &str| {
            let digits = text.trim_start_matches('-');
            digits.len() > 1 && digits.starts_with('0')
        };
        let width = first.len().max(last.len());
        let pad = ends.iter().any(|end| padded(end));
        let written = |value: i64| match (pad, value < 0) {
            (false, _) => value.to_string(),
            (true, false) => format!("{value:0width$}"),
            (true, true) => format!("-{:0width$}", value.unsigned_abs(), width = width - 1),
        };
        return Some(steps(from, to, step).map(written).collect());
    }
    let letter = |text: &str| match text.as_bytes() {
        [byte] if byte.is_ascii_alphabetic() => Some(i64::from(*byte)),
        _ => None,
    };
    let (from, to) = (letter(first)?, letter(last)?);
    let written = |code: i64| match u8::try_from(code) {
        Ok(b'\\') | Err(_) => String::new(),
        Ok(byte) => char::from(byte).to_string(),
    };
    Some(steps(from, to, step).map(written).collect())
}

fn number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.len() <= 15 && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn steps(from: i64, to: i64, step: u64) -> impl Iterator<Item = i64> {
    let count = from.abs_diff(to) / step;
    let sign = if from <= to { 1 } else { -1 };
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    (0..=count)
        .take(MAX_TEXTS)
        .map_while(move |place| from.checked_add(i64::try_from(place).ok()?.checked_mul(step)? * sign))
}
