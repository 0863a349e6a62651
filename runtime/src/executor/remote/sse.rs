//! Server-sent events, read as their bytes arrive (WHATWG HTML, §9.2.5 and §9.2.6).

use std::time::Duration;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The longest id that is sent back, in bytes; longer ones are none.
const MAX_ID: usize = 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// Its type: `message` where the server writes none.
    pub(super) kind: Vec<u8>,
    /// What it carries. Empty where it only marks a place to resume from.
    pub(super) data: Vec<u8>,
}

/// An event, or one of its lines, is longer than it may be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {0} bytes")]
pub(super) struct EventTooLong(pub(super) usize);

/// Takes bytes and gives events. What stands behind the last empty line is no event: a stream that ends there ends in
/// the middle of one.
#[derive(Debug)]
pub(super) struct EventParser {
    limit: usize,
    line: Vec<u8>,
    kind: Vec<u8>,
    data: Option<Vec<u8>>,
    /// That of the event that is not complete yet.
    id: Option<Vec<u8>>,
    last_id: Vec<u8>,
    retry: Option<Duration>,
    /// The last byte was a carriage return: a line feed that follows belongs to it.
    after_return: bool,
    in_first_line: bool,
}

impl EventParser {
    /// Events of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            kind: Vec::new(),
            data: None,
            id: None,
            last_id: Vec::new(),
            retry: None,
            after_return: false,
            in_first_line: true,
        }
    }

    /// Takes bytes off the front of `bytes` until an event is complete; takes all of them where none is.
    ///
    /// # Errors
    /// Where an event is too long. There are no further events then.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<Event>, EventTooLong> {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_return) && bytes[0] == b'\n' {
                *bytes = &bytes[1..];
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.extend_line(bytes)?;
                *bytes = &[];
                break;
            };
            self.extend_line(&bytes[..end])?;
            self.after_return = bytes[end] == b'\r';
            *bytes = &bytes[end + 1..];
            if let Some(event) = self.end_line()? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// The id of the last complete event that had one: where to resume. Empty where none had.
    pub(super) fn last_id(&self) -> &[u8] {
        &self.last_id
    }

    /// How long the server wants one to wait before resuming, if it said so.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    fn extend_line(&mut self, part: &[u8]) -> Result<(), EventTooLong> {
        if self.line.len() + part.len() > self.limit {
            return Err(EventTooLong(self.limit));
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    fn end_line(&mut self) -> Result<Option<Event>, EventTooLong> {
        let line = std::mem::take(&mut self.line);
        let mut text = &*line;
        if std::mem::take(&mut self.in_first_line) {
            text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        }
        if text.is_empty() {
            return Ok(self.end_event());
        }
        let (name, value) = match text.iter().position(|byte| *byte == b':') {
            Some(colon) => (&text[..colon], &text[colon + 1..]),
            None => (text, &[][..]),
        };
        self.field(name, value.strip_prefix(b" ").unwrap_or(value))?;
        Ok(None)
    }

    /// Reads a line. One that begins with a colon is a comment, and has a name that is no field's.
    fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), EventTooLong> {
        match name {
            b"event" => self.kind = value.to_vec(),
            b"data" => match &mut self.data {
                None => self.data = Some(value.to_vec()),
                Some(data) if data.len() + value.len() >= self.limit => return Err(EventTooLong(self.limit)),
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
            },
            b"id" if !value.contains(&0) && value.len() <= MAX_ID => self.id = Some(value.to_vec()),
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                let milliseconds = str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
                self.retry = Some(Duration::from_millis(milliseconds.unwrap_or(u64::MAX)));
            }
            _ => {}
        }
        Ok(())
    }

    fn end_event(&mut self) -> Option<Event> {
        // Moved, not copied: a stranger may end a million events behind one long id.
        if let Some(id) = self.id.take() {
            self.last_id = id;
        }
        let kind = std::mem::take(&mut self.kind);
        let data = self.data.take()?;
        Some(Event { kind: if kind.is_empty() { b"message".to_vec() } else { kind }, data })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The events of a stream that comes in these parts, each with the place to resume from behind it.
    fn events<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<(String, String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (mut parser, mut found) = (EventParser::new(1000), Vec::new());
        for mut part in parts {
            while let Some(event) = parser.next(&mut part).unwrap() {
                found.push((text(&event.kind), text(&event.data), text(parser.last_id())));
            }
            assert!(part.is_empty());
        }
        found
    }

    fn data(stream: &str) -> Vec<String> {
        events([stream.as_bytes()]).into_iter().map(|(_, data, _)| data).collect()
    }

    #[test]
    fn lines_of_data_are_joined_and_end_in_any_way() {
        assert_eq!(data("data: a\ndata: b\n\n"), ["a\nb"]);
        assert_eq!(data("data: a\r\rdata:b\r\n\r\n:comment\ndata:  c\n\r\n"), ["a", "b", " c"]);
        assert_eq!(data("data\n\ndata\ndata\n\ndata:"), ["", "\n"]);
        assert_eq!(data("data: a\r\n\n\ndata: b\n\n"), ["a", "b"]);
    }

    #[test]
    fn half_an_event_is_none() {
        for stream in ["data: a", "data: a\n", "data: a\r\n", "id: 1\n", "\n\n", ""] {
            assert_eq!(data(stream), [""; 0], "{stream:?}");
        }
    }

    #[test]
    fn an_event_has_a_type_and_a_place() {
        let stream =
            "id: 7\nevent: endpoint\ndata: /x\n\ndata: y\n\nid: 8\ndata\n\nid\n\ndata: z\n\nid: a\0b\ndata: w\n\n";
        let found = events([stream.as_bytes()]);
        let expected = [
            ("endpoint", "/x", "7"),
            ("message", "y", "7"),
            ("message", "", "8"),
            ("message", "z", ""),
            ("message", "w", ""),
        ];
        assert_eq!(found, expected.map(|(kind, data, id)| (kind.to_owned(), data.to_owned(), id.to_owned())));
    }

    #[test]
    fn the_place_is_behind_events_without_data_and_not_within_half_of_one() {
        let mut parser = EventParser::new(100);
        assert_eq!(parser.next(&mut &b"id: 1\nretry: 250\n\nid: 2\ndata: x\n"[..]), Ok(None));
        assert_eq!((parser.last_id(), parser.retry()), (&b"1"[..], Some(Duration::from_millis(250))));
        assert_eq!(
            parser
                .next(&mut &b"retry: 1x\nretry: -1\nretry:\n\nretry: 99999999999999999999\n"[..])
                .unwrap()
                .map(|event| event.data),
            Some(b"x".to_vec())
        );
        assert_eq!((parser.last_id(), parser.retry()), (&b"2"[..], Some(Duration::from_millis(250))));
    }

    #[test]
    fn a_byte_order_mark_stands_at_the_front_alone() {
        assert_eq!(data("\u{feff}data: a\n\n\u{feff}data: b\n\ndata: c\n\n"), ["a", "c"]);
    }

    #[test]
    fn long_events_are_refused_however_they_are_cut() {
        for stream in [format!("data: {}", "x".repeat(2000)), "data: xxxxxxxxx\n".repeat(200), ":".repeat(2000)] {
            for size in [1, 7, 5000] {
                let mut parser = EventParser::new(1000);
                let mut refused = false;
                for mut part in stream.as_bytes().chunks(size) {
                    refused |= parser.next(&mut part) == Err(EventTooLong(1000));
                }
                assert!(refused, "{size}");
            }
        }
        let just = format!("data: {}\n\n", "x".repeat(994));
        assert_eq!(data(&just), ["x".repeat(994)]);
    }

    #[test]
    fn a_long_id_is_none() {
        let stream = format!("id: {}\ndata: a\n\nid: {}\ndata: b\n\n", "x".repeat(10), "y".repeat(MAX_ID + 1));
        let (mut parser, mut bytes) = (EventParser::new(10_000), stream.as_bytes());
        while parser.next(&mut bytes).unwrap().is_some() {}
        assert_eq!(parser.last_id(), "x".repeat(10).as_bytes());
    }

    /// What the standard says, on the whole text.
    fn reference(stream: &str) -> Vec<(String, String, String)> {
        let stream = stream.strip_prefix('\u{feff}').unwrap_or(stream).replace("\r\n", "\n").replace('\r', "\n");
        let (mut found, mut kind, mut buffer, mut id) = (Vec::new(), String::new(), String::new(), String::new());
        let complete = stream.rfind('\n').map_or("", |end| &stream[..end]);
        for line in complete.split('\n').take(if stream.contains('\n') { usize::MAX } else { 0 }) {
            if line.is_empty() {
                if let Some(data) = buffer.strip_suffix('\n') {
                    let kind = if kind.is_empty() { "message".to_owned() } else { kind.clone() };
                    found.push((kind, data.to_owned(), id.clone()));
                }
                (kind, buffer) = (String::new(), String::new());
                continue;
            }
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "event" => kind = value.to_owned(),
                "data" => buffer.push_str(&format!("{value}\n")),
                "id" if !value.contains('\0') => id = value.to_owned(),
                _ => {}
            }
        }
        found
    }

    fn streams() -> impl Strategy<Value = String> {
        const WORDS: [&str; 15] =
            ["data", "event", "id", "retry", ":", ": ", "\n", "\r", "\r\n", "\n\n", "x", "é", "\u{feff}", "\0", " "];
        proptest::collection::vec(proptest::sample::select(&WORDS[..]), 0..40).prop_map(|words| words.concat())
    }

    proptest! {
        #[test]
        fn any_split_gives_the_events_of_the_standard(stream in streams(), cuts in proptest::collection::vec(0..200_usize, 0..8)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let parts = cuts.windows(2).map(|cut| &stream.as_bytes()[cut[0]..cut[1]]);
            let expected = reference(&stream);
            prop_assert_eq!(events(parts), expected.clone());
            prop_assert_eq!(events(stream.as_bytes().chunks(1)), expected);
        }

        #[test]
        fn any_bytes_are_read_within_the_limit(parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..20)) {
            let mut parser = EventParser::new(64);
            for part in &parts {
                let mut part = &part[..];
                while let Ok(Some(event)) = parser.next(&mut part) {
                    prop_assert!(event.data.len() <= 64 && event.kind.len() <= 64);
                }
                prop_assert!(parser.line.len() <= 64 && parser.last_id().len() <= 64);
            }
        }
    }
}
