//! What an edit changed, line by line: the unified diff of the JavaScript library `diff`, down to the choice among equal
//! ones.

use std::rc::Rc;

/// How many lines around a change are shown.
const CONTEXT: usize = 4;
/// The most lines that may differ before everything is said to: time and memory grow with its square.
const MAX_CHANGED: usize = 4_000;

/// The unified diff of two texts, with a heading.
pub(crate) fn unified(path: &str, old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (lines(old), lines(new));
    let mut text = format!("Index: {path}\n{}\n--- {path}\toriginal\n+++ {path}\tmodified\n", "=".repeat(67));
    for hunk in hunks(&changes(&old, &new)) {
        hunk.write(&mut text);
    }
    text
}

/// Lines, each with its end.
fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Same,
    Added,
    Removed,
}

/// Lines in a row of which the same is to be said.
#[derive(Debug, PartialEq)]
struct Run<'a> {
    kind: Kind,
    lines: &'a [&'a str],
}

/// A step on the way from the old to the new text, behind those before it.
struct Step {
    kind: Kind,
    count: usize,
    before: Option<Rc<Step>>,
}

impl Drop for Step {
    /// One after the other: a chain of many would else need as much stack.
    fn drop(&mut self) {
        let mut before = self.before.take();
        while let Some(mut step) = before.and_then(Rc::into_inner) {
            before = step.before.take();
        }
    }
}

/// How far one comes on a diagonal.
#[derive(Clone)]
struct Way {
    /// How many old lines are behind.
    old: usize,
    last: Option<Rc<Step>>,
}

impl Way {
    fn and(&self, kind: Kind, count: usize) -> Self {
        let old = self.old + if kind == Kind::Added { 0 } else { count };
        let (count, before) = match &self.last {
            Some(last) if last.kind == kind => (last.count + count, last.before.clone()),
            last => (count, last.clone()),
        };
        Self { old, last: Some(Rc::new(Step { kind, count, before })) }
    }

    /// Goes on over the lines that are the same.
    fn over_same(self, old: &[&str], new: &[&str], diagonal: isize) -> Self {
        let start = self.old.wrapping_add_signed(-diagonal);
        let same = old[self.old..].iter().zip(&new[start..]).take_while(|(old, new)| old == new).count();
        if same == 0 { self } else { self.and(Kind::Same, same) }
    }
}

/// Myers' algorithm, with the order in which that library tries diagonals. A diagonal's number is how many old lines
/// are behind, less the new ones.
fn changes<'a>(old: &'a [&'a str], new: &'a [&'a str]) -> Vec<Run<'a>> {
    let most = (old.len() + new.len()).min(MAX_CHANGED);
    let offset = most as isize + 1;
    let mut ways: Vec<Option<Way>> = vec![None; 2 * most + 3];
    let start = Way { old: 0, last: None }.over_same(old, new, 0);
    let (mut least_diagonal, mut most_diagonal) = (isize::MIN, isize::MAX);
    let new_behind = |way: &Way, diagonal: isize| way.old.wrapping_add_signed(-diagonal);
    let done = |way: &Way, diagonal| way.old >= old.len() && new_behind(way, diagonal) >= new.len();
    if done(&start, 0) {
        return runs(start.last.as_deref(), old, new);
    }
    ways[offset as usize] = Some(start);
    for changed in 1..=most as isize {
        let mut diagonal = least_diagonal.max(-changed);
        // Only every second diagonal can be reached.
        while diagonal <= most_diagonal.min(changed) {
            let place = (diagonal + offset) as usize;
            let removing = ways[place - 1].take();
            let adding = ways[place + 1].as_ref();
            let can_add = adding.is_some_and(|way| {
                let behind = way.old as isize - diagonal;
                (1..=new.len() as isize).contains(&behind)
            });
            let can_remove = removing.as_ref().is_some_and(|way| way.old < old.len());
            let way = match (removing, adding) {
                (Some(removing), adding)
                    if can_remove && !(can_add && adding.is_some_and(|way| removing.old < way.old)) =>
                {
                    removing.and(Kind::Removed, 1)
                }
                (_, Some(adding)) if can_add => adding.and(Kind::Added, 1),
                _ => {
                    ways[place] = None;
                    diagonal += 2;
                    continue;
                }
            };
            let way = way.over_same(old, new, diagonal);
            if done(&way, diagonal) {
                return runs(way.last.as_deref(), old, new);
            }
            if way.old >= old.len() {
                most_diagonal = most_diagonal.min(diagonal - 1);
            }
            if new_behind(&way, diagonal) >= new.len() {
                least_diagonal = least_diagonal.max(diagonal + 1);
            }
            ways[place] = Some(way);
            diagonal += 2;
        }
    }
    vec![Run { kind: Kind::Removed, lines: old }, Run { kind: Kind::Added, lines: new }]
}

fn runs<'a>(last: Option<&Step>, old: &'a [&'a str], new: &'a [&'a str]) -> Vec<Run<'a>> {
    let mut steps: Vec<&Step> = std::iter::successors(last, |step| step.before.as_deref()).collect();
    steps.reverse();
    let (mut old, mut new) = (old, new);
    let run = |step: &Step| {
        let lines;
        if step.kind != Kind::Added {
            (lines, old) = old.split_at(step.count);
            if step.kind == Kind::Same {
                new = &new[step.count..];
            }
        } else {
            (lines, new) = new.split_at(step.count);
        }
        Run { kind: step.kind, lines }
    };
    steps.into_iter().map(run).collect()
}

/// Changes that are shown together.
#[derive(Default)]
struct Hunk<'a> {
    old_start: usize,
    new_start: usize,
    lines: Vec<(Kind, &'a str)>,
}

impl<'a> Hunk<'a> {
    fn push(&mut self, kind: Kind, lines: &[&'a str]) {
        self.lines.extend(lines.iter().map(|line| (kind, *line)));
    }

    fn write(&self, text: &mut String) {
        let without = |other: Kind| self.lines.iter().filter(|(kind, _)| *kind != other).count();
        let (old, new) = (without(Kind::Added), without(Kind::Removed));
        // Where there are no lines, the line before is named.
        let start = |start: usize, count: usize| if count == 0 { start - 1 } else { start };
        let (old_start, new_start) = (start(self.old_start, old), start(self.new_start, new));
        text.push_str(&format!("@@ -{old_start},{old} +{new_start},{new} @@\n"));
        for (kind, line) in &self.lines {
            text.push(match kind {
                Kind::Same => ' ',
                Kind::Added => '+',
                Kind::Removed => '-',
            });
            text.push_str(line);
            if !line.ends_with('\n') {
                text.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
}

fn hunks<'a>(runs: &[Run<'a>]) -> Vec<Hunk<'a>> {
    let mut hunks = Vec::new();
    let mut open: Option<Hunk<'a>> = None;
    let (mut old_line, mut new_line) = (1, 1);
    for (place, run) in runs.iter().enumerate() {
        let count = run.lines.len();
        if run.kind == Kind::Same {
            if let Some(mut hunk) = open.take() {
                if count <= CONTEXT * 2 && place + 1 < runs.len() {
                    hunk.push(Kind::Same, run.lines);
                    open = Some(hunk);
                } else {
                    hunk.push(Kind::Same, &run.lines[..count.min(CONTEXT)]);
                    hunks.push(hunk);
                }
            }
        } else {
            let hunk = open.get_or_insert_with(|| {
                let before = place.checked_sub(1).map_or(&[][..], |before| runs[before].lines);
                let before = &before[before.len().saturating_sub(CONTEXT)..];
                let (old_start, new_start) = (old_line - before.len(), new_line - before.len());
                let mut hunk = Hunk { old_start, new_start, lines: Vec::new() };
                hunk.push(Kind::Same, before);
                hunk
            });
            hunk.push(run.kind, run.lines);
        }
        old_line += if run.kind == Kind::Added { 0 } else { count };
        new_line += if run.kind == Kind::Removed { 0 } else { count };
    }
    hunks.extend(open);
    hunks
}

#[cfg(test)]
mod tests;
