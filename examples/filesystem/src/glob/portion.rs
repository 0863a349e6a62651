//! The pattern of one name in a path.

use std::cell::Cell;

/// A pattern without slashes.
#[derive(Debug)]
pub(super) struct Portion(Sequence);

type Sequence = Vec<Node>;

#[derive(Debug, Clone)]
enum Node {
    /// Just this character.
    Char(char),
    /// `?`: one character.
    Any,
    /// `*`: any number of characters.
    Star,
    /// `[…]`: a character that is one of these, or none of them.
    Class { ranges: Vec<Range>, negated: bool },
    /// A class that nothing is in.
    Never,
    /// `@(a|b)` and the like.
    Group { kind: Kind, options: Vec<Sequence> },
}

#[derive(Debug, Clone)]
enum Range {
    Chars(char, char),
    Named(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `@(…)`
    Once,
    /// `?(…)`
    AtMostOnce,
    /// `+(…)`
    AtLeastOnce,
    /// `*(…)`
    AnyTimes,
    /// `!(…)`
    Not,
}

/// How deep groups nest; deeper ones are plain characters. The reference's bound.
const MAX_DEPTH: usize = 2;
/// How deep groups nest that take each other in.
const MAX_NESTED: usize = 32;
/// How many steps the matching of one name may take. A pattern that needs more does not match.
const MAX_STEPS: usize = 1 << 18;
/// How many steps may wait for others, as each needs some of the stack.
const MAX_WAITING: usize = 1_000;

const NAMED: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

impl Portion {
    pub(super) fn new(pattern: &str) -> Self {
        let mut parser = Parser { chars: pattern.chars().collect(), place: 0, nested: 0 };
        Self(parser.sequence())
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let matcher = Matcher { name: &name, steps: Cell::new(0), waiting: Cell::new(0) };
        // A star alone stands for something.
        if matches!(self.0.as_slice(), [Node::Star]) {
            return !name.is_empty();
        }
        matcher.sequence(&self.0, 0, &|place| place == name.len())
    }
}

struct Parser {
    chars: Vec<char>,
    place: usize,
    nested: usize,
}

impl Parser {
    /// All of the pattern.
    fn sequence(&mut self) -> Sequence {
        let mut nodes = Vec::new();
        while let Some(&c) = self.chars.get(self.place) {
            self.node(c, &mut nodes, None, 0);
        }
        nodes
    }

    /// The node that begins with `c`, which stands here.
    fn node(&mut self, c: char, nodes: &mut Sequence, within: Option<Kind>, depth: usize) {
        if let Some(kind) = kind(c).filter(|_| self.chars.get(self.place + 1) == Some(&'('))
            && self.nested < MAX_NESTED
            && (depth <= MAX_DEPTH || within.is_some_and(|outer| outer.takes_in(kind)))
        {
            let deeper = depth + usize::from(!within.is_some_and(|outer| outer.takes_in(kind)));
            self.nested += 1;
            let group = self.group(kind, deeper);
            self.nested -= 1;
            if let Some(group) = group {
                nodes.push(group);
                return;
            }
            // Not closed: the rest of the pattern has no groups in it.
            while let Some(&c) = self.chars.get(self.place) {
                self.plain(c, nodes);
            }
            return;
        }
        self.plain(c, nodes);
    }

    fn group(&mut self, kind: Kind, depth: usize) -> Option<Node> {
        let start = self.place;
        self.place += 2;
        let (mut options, mut option) = (Vec::new(), Vec::new());
        while let Some(&c) = self.chars.get(self.place) {
            match c {
                '|' => {
                    self.place += 1;
                    options.push(std::mem::take(&mut option));
                }
                ')' => {
                    self.place += 1;
                    options.push(option);
                    return Some(Node::Group { kind, options });
                }
                _ => self.node(c, &mut option, Some(kind), depth),
            }
        }
        self.place = start;
        None
    }

    fn plain(&mut self, c: char, nodes: &mut Sequence) {
        self.place += 1;
        match c {
            '*' if matches!(nodes.last(), Some(Node::Star)) => {}
            '*' => nodes.push(Node::Star),
            '?' => nodes.push(Node::Any),
            '[' => match self.class() {
                Some(node) => nodes.push(node),
                None => nodes.push(Node::Char('[')),
            },
            '\\' => match self.chars.get(self.place) {
                Some(&escaped) => {
                    self.place += 1;
                    nodes.push(Node::Char(escaped));
                }
                None => nodes.push(Node::Char('\\')),
            },
            _ => nodes.push(Node::Char(c)),
        }
    }

    /// What stands behind `[`; nothing where it is not closed.
    fn class(&mut self) -> Option<Node> {
        let start = self.place;
        let negated = matches!(self.chars.get(start), Some('!' | '^'));
        let mut place = start + usize::from(negated);
        let mut ranges = Vec::new();
        let (mut seen, mut escaped, mut from) = (false, false, None);
        loop {
            let c = *self.chars.get(place)?;
            if c == ']' && seen && !escaped {
                break;
            }
            seen = true;
            if c == '\\' && !escaped {
                escaped = true;
                place += 1;
                continue;
            }
            if c == '['
                && !escaped
                && let Some(name) = self.named(place)
            {
                if from.is_some() {
                    self.place = self.chars.len();
                    return Some(Node::Never);
                }
                ranges.push(Range::Named(name));
                place += name.len() + 4;
                continue;
            }
            escaped = false;
            let ahead = |offset: usize| self.chars.get(place + offset).copied();
            match from.take() {
                Some(first) if first <= c => ranges.push(Range::Chars(first, c)),
                // The wrong way round: nothing is in it.
                Some(_) => {}
                None if ahead(1) == Some('-') && ahead(2) == Some(']') => {
                    ranges.extend([Range::Chars(c, c), Range::Chars('-', '-')]);
                    place += 1;
                }
                None if ahead(1) == Some('-') => {
                    from = Some(c);
                    place += 1;
                }
                None => ranges.push(Range::Chars(c, c)),
            }
            place += 1;
        }
        if ranges.is_empty() {
            self.place = self.chars.len();
            return Some(Node::Never);
        }
        self.place = place + 1;
        Some(Node::Class { ranges, negated })
    }

    /// The name in `[:name:]`, if that stands here.
    fn named(&self, place: usize) -> Option<&'static str> {
        NAMED.into_iter().find(|name| {
            let written = format!("[:{name}:]");
            written.chars().enumerate().all(|(offset, c)| self.chars.get(place + offset) == Some(&c))
        })
    }
}

fn kind(c: char) -> Option<Kind> {
    match c {
        '@' => Some(Kind::Once),
        '?' => Some(Kind::AtMostOnce),
        '+' => Some(Kind::AtLeastOnce),
        '*' => Some(Kind::AnyTimes),
        '!' => Some(Kind::Not),
        _ => None,
    }
}

impl Kind {
    /// Whether a group in this one adds no depth.
    fn takes_in(self, inner: Self) -> bool {
        match self {
            Self::Not | Self::AtMostOnce | Self::Once => matches!(inner, Self::AtMostOnce | Self::Once),
            Self::AnyTimes | Self::AtLeastOnce => inner != Self::Not,
        }
    }
}

/// What has to match from a place on, to the end.
type Next<'a> = &'a dyn Fn(usize) -> bool;

struct Matcher<'a> {
    name: &'a [char],
    steps: Cell<usize>,
    waiting: Cell<usize>,
}

impl Matcher<'_> {
    fn sequence(&self, nodes: &[Node], place: usize, next: Next<'_>) -> bool {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > MAX_STEPS || self.waiting.get() > MAX_WAITING {
            return false;
        }
        self.waiting.set(self.waiting.get() + 1);
        let matches = self.step(nodes, place, next);
        self.waiting.set(self.waiting.get() - 1);
        matches
    }

    fn step(&self, nodes: &[Node], place: usize, next: Next<'_>) -> bool {
        let Some((node, rest)) = nodes.split_first() else {
            return next(place);
        };
        let here = self.name.get(place);
        match node {
            Node::Char(c) => here == Some(c) && self.sequence(rest, place + 1, next),
            Node::Any => here.is_some() && self.sequence(rest, place + 1, next),
            Node::Star => (place..=self.name.len()).any(|place| self.sequence(rest, place, next)),
            Node::Class { ranges, negated } => {
                here.is_some_and(|c| is_in(ranges, *c) != *negated) && self.sequence(rest, place + 1, next)
            }
            Node::Never => false,
            Node::Group { kind, options } => {
                self.group(*kind, options, place, &|place| self.sequence(rest, place, next))
            }
        }
    }

    fn group(&self, kind: Kind, options: &[Sequence], place: usize, next: Next<'_>) -> bool {
        let once = |next: Next<'_>| options.iter().any(|option| self.sequence(option, place, next));
        match kind {
            Kind::Once => once(next),
            Kind::AtMostOnce => once(next) || next(place),
            Kind::AnyTimes => next(place) || once(&|end| end > place && self.group(kind, options, end, next)),
            Kind::AtLeastOnce => once(&|end| next(end) || (end > place && self.group(kind, options, end, next))),
            Kind::Not => {
                // `!()` stands for something.
                let empty = options.iter().all(Vec::is_empty);
                let first = place + usize::from(empty);
                (empty || !once(next)) && (first..=self.name.len()).any(next)
            }
        }
    }
}

fn is_in(ranges: &[Range], c: char) -> bool {
    ranges.iter().any(|range| match range {
        Range::Chars(first, last) => (*first..=*last).contains(&c),
        Range::Named(name) => match *name {
            "alnum" => c.is_alphanumeric(),
            "alpha" => c.is_alphabetic(),
            "ascii" => c.is_ascii(),
            "blank" => c == '\t' || (c.is_whitespace() && !c.is_control()),
            "cntrl" => c.is_control(),
            "digit" => c.is_numeric(),
            "graph" => !c.is_whitespace() && !c.is_control(),
            "lower" => c.is_lowercase(),
            // The reference has this class the wrong way round.
            "print" => c.is_control(),
            "punct" => c.is_ascii_punctuation() && !"$+<=>^`|~".contains(c),
            "space" => c.is_whitespace(),
            "upper" => c.is_uppercase(),
            "word" => c.is_alphanumeric() || c == '_',
            _ => c.is_ascii_hexdigit(),
        },
    })
}
