//! Which of a server's progress reports reach the client.

use lockgate_runtime::message::{Json, Notification, meta};

/// The progress of one request, as its client hears of it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    token: Option<Json>,
    so_far: Option<f64>,
}

impl Progress {
    /// For a request whose client gave `token`, if it gave one.
    pub(super) fn new(token: Option<Json>) -> Self {
        Self { token, so_far: None }
    }

    /// The report with the client's token; nothing where the client wants none, or where nothing progressed (MCP,
    /// "Progress": the value must increase with each notification).
    pub(super) fn admit(&mut self, report: &Notification) -> Option<Notification> {
        let token = self.token.as_ref()?;
        let mut params = report.params.members().ok()?;
        let progress: f64 = params.read("progress").ok()??;
        if self.so_far.is_some_and(|so_far| progress <= so_far) {
            return None;
        }
        params.set(meta::PROGRESS_TOKEN, token.clone());
        let report = Notification { method: report.method.clone(), params: params.to_json() };
        self.so_far = Some(progress);
        Some(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(params: &str) -> Notification {
        Notification { method: "notifications/progress".to_owned(), params: Json::parse(params).unwrap() }
    }

    #[test]
    fn reports_carry_the_token_the_client_gave_and_all_they_said() {
        let mut progress = Progress::new(Some(Json::parse("12345678901234567890123").unwrap()));
        let report = progress.admit(&report(r#"{"progress":1.0,"message":"a","x":1}"#)).unwrap();
        assert_eq!(
            report.params.as_str(),
            r#"{"progress":1.0,"message":"a","x":1,"progressToken":12345678901234567890123}"#
        );
    }

    #[test]
    fn without_a_token_there_are_no_reports() {
        assert!(Progress::new(None).admit(&report(r#"{"progress":1}"#)).is_none());
    }

    #[test]
    fn only_what_grows_is_reported() {
        let mut progress = Progress::new(Some(Json::of(&"t")));
        let reported: Vec<bool> = ["1", "1", "0.5", "2", "1.9", "-1", "2.1"]
            .iter()
            .map(|at| progress.admit(&report(&format!(r#"{{"progress":{at}}}"#))).is_some())
            .collect();
        assert_eq!(reported, [true, false, false, true, false, false, true]);
    }

    #[test]
    fn a_report_without_a_number_is_dropped() {
        let mut progress = Progress::new(Some(Json::of(&"t")));
        assert!(progress.admit(&report("{}")).is_none());
        assert!(progress.admit(&report(r#"{"progress":"1"}"#)).is_none());
    }
}
