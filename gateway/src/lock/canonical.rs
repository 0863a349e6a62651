//! JSON in one spelling (RFC 8785, "JSON Canonicalization Scheme"): a hash of it changes where the value does, and not
//! where a server writes the same value in another way.
//!
//! One rule is stricter than the RFC's. It rounds numbers to doubles, so that a server could change digits that a model
//! reads without changing the hash: a number that would be rounded keeps all of its digits here.

use lockgate_runtime::message::Json;

/// The value in one spelling.
pub(super) fn canonical(json: &Json) -> String {
    let mut reader = Reader { text: json.as_str(), at: 0 };
    // Checked JSON is always read; if it were not, its own spelling is a safe one: it only hides nothing.
    reader.value().unwrap_or_else(|| json.as_str().to_owned())
}

/// Reads JSON that was checked before: no key twice, bounded depth.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self) -> Option<String> {
        match self.peek()? {
            b'{' => self.object(),
            b'[' => self.array(),
            b'"' => Some(written(&self.string()?)),
            b'-' | b'0'..=b'9' => number(self.word()),
            _ => match self.word() {
                word @ ("true" | "false" | "null") => Some(word.to_owned()),
                _ => None,
            },
        }
    }

    /// Members by their keys, which are compared as UTF-16 (RFC 8785, §3.2.3).
    fn object(&mut self) -> Option<String> {
        let mut members = Vec::new();
        self.take(b'{')?;
        while self.peek()? != b'}' {
            let key = self.string()?;
            self.take(b':')?;
            members.push((key, self.value()?));
            if self.peek()? != b'}' {
                self.take(b',')?;
            }
        }
        self.take(b'}')?;
        members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
        let members = members.iter().map(|(key, value)| format!("{}:{value}", written(key)));
        Some(format!("{{{}}}", Vec::from_iter(members).join(",")))
    }

    fn array(&mut self) -> Option<String> {
        let mut items = Vec::new();
        self.take(b'[')?;
        while self.peek()? != b']' {
            items.push(self.value()?);
            if self.peek()? != b']' {
                self.take(b',')?;
            }
        }
        self.take(b']')?;
        Some(format!("[{}]", items.join(",")))
    }

    fn string(&mut self) -> Option<String> {
        self.peek()?;
        let (start, bytes) = (self.at, self.text.as_bytes());
        let mut end = start + 1;
        while *bytes.get(end)? != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        self.at = end + 1;
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }

    /// A number or a literal.
    fn word(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        let end = rest.bytes().position(|byte| !is_part(byte)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// The next byte that is no space.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().position(|byte| !b" \t\r\n".contains(byte))?;
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.peek()? == wanted).then(|| self.at += 1)
    }
}

/// `serde_json` escapes what RFC 8785, §3.2.2.2 does, and as it does.
fn written(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A number as ECMAScript writes it (RFC 8785, §3.2.2.3), if it is the same number then.
fn number(token: &str) -> Option<String> {
    let value: f64 = token.parse().ok()?;
    let mut buffer = ryu_js::Buffer::new();
    let short = buffer.format(value);
    let same = value.is_finite() && Decimal::of(short) == Decimal::of(token);
    Some(if same { short.to_owned() } else { token.to_owned() })
}

/// A number by its digits.
#[derive(PartialEq)]
struct Decimal {
    negative: bool,
    /// Without zeros at either end.
    digits: String,
    /// By which power of ten the digits, read as an integer, are multiplied.
    exponent: i64,
}

impl Decimal {
    fn of(token: &str) -> Option<Self> {
        let (negative, token) = token.strip_prefix('-').map_or((false, token), |rest| (true, rest));
        let (digits, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_end_matches('0');
        let dropped = i64::try_from(all.len() - digits.len()).ok()?;
        let exponent: i64 = exponent.trim_start_matches('+').parse().ok()?;
        let exponent = exponent.checked_add(dropped)?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        match digits.trim_start_matches('0') {
            // Zero, with either sign.
            "" => Some(Self { negative: false, digits: String::new(), exponent: 0 }),
            digits => Some(Self { negative, digits: digits.to_owned(), exponent }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        canonical(&Json::parse(text).unwrap())
    }

    #[test]
    fn the_examples_of_the_rfc_are_written_as_it_says() {
        // §3.2.2; the numbers that it rounds stand in the next test.
        let sample = r#"{
            "numbers": [1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
            "literals": [null, true, false]
        }"#;
        let expected = "{\"literals\":[null,true,false],\"numbers\":[1e+30,4.5,0.002,1e-27],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
        assert_eq!(of(sample), expected);
        // §3.2.3, sorting of keys.
        let keys = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
        let order = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"];
        let places: Vec<_> = order.iter().map(|word| of(keys).find(word).unwrap()).collect();
        assert!(places.is_sorted(), "{places:?}");
    }

    #[test]
    fn the_numbers_of_the_rfc_are_written_as_it_says() {
        // Appendix B: the bits of a double, and how it is written.
        for (bits, expected) in [
            (0x0000_0000_0000_0000_u64, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            let value = f64::from_bits(bits);
            assert_eq!(of(expected), expected);
            assert!(expected.parse() == Ok(value), "{expected}");
            // In another spelling; of one of them, another program takes the other of two equally near digits.
            let spelled = format!("{value:e}");
            assert!(of(&spelled) == expected || bits == 0x4314_3ff3_c1cb_0959, "{spelled}");
        }
    }

    #[test]
    fn a_number_that_would_be_rounded_keeps_its_digits() {
        for text in ["9007199254740993", "18446744073709551615", "333333333.33333329", "0.10000000000000000555"] {
            assert_eq!(of(text), text);
        }
        assert_ne!(of("[9007199254740992]"), of("[9007199254740993]"));
        for (one, other) in [("1.0", "1"), ("100", "1e2"), ("-0", "0"), ("0.5e1", "5.00"), ("1E+2", "100")] {
            assert_eq!(of(one), of(other));
        }
    }

    #[test]
    fn spelling_and_order_do_not_matter_and_anything_else_does() {
        assert_eq!(of(r#"{ "b" : [ 1.50 , {} , [ ] ], "a": "\u0041" }"#), r#"{"a":"A","b":[1.5,{},[]]}"#);
        assert_ne!(of("[1,2]"), of("[2,1]"));
        assert_ne!(of("1"), of("\"1\""));
        assert_ne!(of("\"a\""), of("\"a\u{200b}\""));
    }

    fn any_json() -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
        use proptest::prelude::*;
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i32>().prop_map(Into::into),
            proptest::num::f64::NORMAL.prop_map(Into::into),
            ".{0,8}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                prop::collection::hash_map(".{0,4}", inner, 0..5)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest::proptest! {
        #[test]
        fn what_is_canonical_stays_as_it_is_and_is_what_others_write(value in any_json()) {
            let once = of(&serde_json::to_string_pretty(&value).unwrap());
            proptest::prop_assert_eq!(&of(&once), &once);
            proptest::prop_assert_eq!(&once, &serde_json_canonicalizer::to_string(&value).unwrap());
        }

        #[test]
        fn any_text_that_is_json_has_a_canonical_form(text in "[-\\[\\]{},:\"0-9eE.+ a\\\\]{0,40}") {
            if let Ok(json) = Json::parse(text) {
                let once = canonical(&json);
                proptest::prop_assert_eq!(canonical(&Json::parse(once.as_str()).unwrap()), once);
            }
        }
    }
}
