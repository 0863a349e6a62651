//! The two tools, apart from how they are called.

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    arguments::{filled_in, texts},
    conversion::Conversion,
    moment::Moment,
    zone::Zone,
};

/// A tool, as a model reads it.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) output_schema: &'static str,
    /// With `{local}` where the name of the local zone belongs.
    input_schema: &'static str,
}

/// All tools there are.
pub(crate) const TOOLS: [Tool; 2] = [
    Tool {
        name: "get_current_time",
        description: "Get current time in a specific timezone",
        input_schema: include_str!("../schema/get_current_time.input.json"),
        output_schema: include_str!("../schema/get_current_time.output.json"),
    },
    Tool {
        name: "convert_time",
        description: "Convert time between timezones",
        input_schema: include_str!("../schema/convert_time.input.json"),
        output_schema: include_str!("../schema/convert_time.output.json"),
    },
];

impl Tool {
    /// The schema of the arguments, which tells a model where its user probably is.
    pub(crate) fn input_schema(&self, local: &Zone) -> String {
        self.input_schema.replace("{local}", local.name)
    }
}

/// What a tool found out, for models and for programs.
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) structured: String,
}

/// Why there is no answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Failure {
    UnknownTool,
    /// The model reads this, and can try again.
    Refused(String),
}

/// Calls a tool at the instant `now`.
pub(crate) fn call(name: &str, arguments: &str, now: Timestamp) -> Result<Answer, Failure> {
    let answer = match name {
        "get_current_time" => get_current_time(name, arguments, now),
        "convert_time" => convert_time(name, arguments, now),
        _ => return Err(Failure::UnknownTool),
    };
    answer.map_err(|reason| Failure::Refused(format!("Error executing tool {name}: {reason}")))
}

fn get_current_time(tool: &str, arguments: &str, now: Timestamp) -> Result<Answer, String> {
    let [timezone] = texts(tool, ["timezone"], arguments)?;
    filled_in("timezone", &timezone)?;
    let zone = find(&timezone)?;
    answer(&Moment::new(&zone, now))
}

fn convert_time(tool: &str, arguments: &str, now: Timestamp) -> Result<Answer, String> {
    let [source, time, target] = texts(tool, ["source_timezone", "time", "target_timezone"], arguments)?;
    filled_in("source_timezone", &source)?;
    filled_in("target_timezone", &target)?;
    let (source, target) = (find(&source)?, find(&target)?);
    let conversion = Conversion::new(&source, &time, &target, now).map_err(|invalid| invalid.to_string())?;
    answer(&conversion)
}

fn find(name: &str) -> Result<Zone, String> {
    Zone::find(name).map_err(|unknown| unknown.to_string())
}

fn answer(found: &impl Serialize) -> Result<Answer, String> {
    let text = serde_json::to_string_pretty(found).map_err(|error| error.to_string())?;
    let structured = serde_json::to_string(found).map_err(|error| error.to_string())?;
    Ok(Answer { text, structured })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-22T15:39:46Z";

    fn refusal(name: &str, arguments: &str) -> Failure {
        call(name, arguments, NOW.parse().unwrap()).err().unwrap()
    }

    #[test]
    fn an_answer_is_the_same_as_text_and_as_data() {
        let answer = call("get_current_time", r#"{"timezone":"UTC"}"#, NOW.parse().unwrap()).ok().unwrap();
        assert_eq!(
            answer.text,
            "{\n  \"timezone\": \"UTC\",\n  \"datetime\": \"2026-11-22T15:39:46+00:00\",\n  \
             \"day_of_week\": \"Sunday\",\n  \"is_dst\": false\n}"
        );
        let of = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(of(&answer.text), of(&answer.structured));
    }

    #[test]
    fn the_first_fault_wins() {
        let cases = [
            (r#"{"source_timezone":"","time":"x","target_timezone":""}"#, "Missing required argument: source_timezone"),
            (
                r#"{"source_timezone":"X","time":"x","target_timezone":""}"#,
                "Missing required argument: target_timezone",
            ),
            (
                r#"{"source_timezone":"X","time":"x","target_timezone":"Y"}"#,
                "Invalid timezone: 'No time zone found with key X'",
            ),
            (
                r#"{"source_timezone":"UTC","time":"x","target_timezone":"Y"}"#,
                "Invalid timezone: 'No time zone found with key Y'",
            ),
            (
                r#"{"source_timezone":"UTC","time":"x","target_timezone":"UTC"}"#,
                "Invalid time format. Expected HH:MM [24-hour format]",
            ),
        ];
        for (arguments, reason) in cases {
            let expected = Failure::Refused(format!("Error executing tool convert_time: {reason}"));
            assert_eq!(refusal("convert_time", arguments), expected);
        }
    }

    #[test]
    fn names_of_tools_are_exact() {
        assert_eq!(refusal("Get_current_time", "{}"), Failure::UnknownTool);
    }

    #[test]
    fn schemas_are_json_and_name_the_local_zone() {
        let local = Zone::find("Asia/Kathmandu").unwrap();
        for tool in TOOLS {
            let input = tool.input_schema(&local);
            assert!(input.contains("'Asia/Kathmandu'") && !input.contains("{local}"));
            serde_json::from_str::<serde_json::Value>(&input).unwrap();
            serde_json::from_str::<serde_json::Value>(tool.output_schema).unwrap();
        }
    }
}
