//! What an answer says: its status, the cloud's words in it, and whether to ask again.

use std::time::Duration;

use http::header::{HeaderMap, RETRY_AFTER};
use jiff::Timestamp;
use serde_json::Value;

use crate::access::Method;
use crate::error::Problem;
use crate::limits::Limits;
use crate::wire::Incoming;
use reeve_untrusted::printable;

/// Returns the cloud's own number for a request.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<String> {
    ["x-openstack-request-id", "x-compute-request-id", "x-trans-id"]
        .iter()
        .find_map(|name| headers.get(*name))
        .and_then(|value| value.to_str().ok())
        .map(printable)
}

/// Returns why a status other than 200 to 299 is no answer; `login` for one to a login.
pub(crate) fn refusal(incoming: &Incoming, login: bool) -> Problem {
    let message = said(incoming);
    match incoming.status {
        401 if login => Problem::LoginRefused(message),
        401 => Problem::Unauthorized(message),
        403 => Problem::Forbidden(message),
        404 => Problem::NotFound(message),
        409 => Problem::Conflict(message),
        code @ 429 => Problem::TooManyRequests { code, message },
        413 if incoming.headers.contains_key(RETRY_AFTER) => Problem::TooManyRequests { code: 413, message },
        code @ 500.. => Problem::Server { code, message },
        code => Problem::Rejected { code, message },
    }
}

/// Returns what the cloud says in an answer, in one line that is safe to print.
///
/// Each project wraps its message differently; all have it as `message`, `detail`, `description`, `faultstring` or as the text itself.
fn said(incoming: &Incoming) -> String {
    if let Some(location) = incoming
        .headers
        .get(http::header::LOCATION)
        .filter(|_| (300..400).contains(&incoming.status))
    {
        return format!(
            "moved to {}",
            crate::url::shown(&String::from_utf8_lossy(location.as_bytes()))
        );
    }
    let text = match serde_json::from_slice::<Value>(&incoming.body) {
        Ok(value) => message_in(&value, 0),
        Err(_) => {
            let text = String::from_utf8_lossy(&incoming.body[..incoming.body.len().min(4096)]).into_owned();
            // A page for browsers says nothing that a terminal should show.
            let page = text.trim_start().starts_with('<');
            (!page).then_some(text)
        }
    };
    match text.map(|text| printable(&crate::url::without_user(&text))) {
        Some(text) if !text.is_empty() => text,
        _ => "it gives no reason".to_owned(),
    }
}

fn message_in(value: &Value, depth: usize) -> Option<String> {
    if depth > 4 {
        return None;
    }
    match value {
        Value::Object(map) => ["message", "detail", "description", "faultstring"]
            .iter()
            .find_map(|key| {
                map.get(*key)
                    .and_then(Value::as_str)
                    .filter(|text| !text.is_empty())
                    .map(str::to_owned)
            })
            .or_else(|| map.values().find_map(|below| message_in(below, depth + 1))),
        Value::Array(list) => list.iter().take(4).find_map(|below| message_in(below, depth + 1)),
        _ => None,
    }
}

/// What to do after an answer or a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Give it back.
    GiveBack,
    /// Ask again after a pause.
    AskAgain(Duration),
}

/// Returns what to do after try number `attempt` (from 1).
///
/// Requests that read, and the login, are repeated after a connection that failed and after 429, 502, 503 and 504; one that changes something only where it is
/// certain that nothing was done: no connection, or 429. An error 500 is repeated for no request: it comes back the same nearly always, and a verdict must
/// not depend on luck.
pub(crate) fn next(
    limits: &Limits,
    attempt: u32,
    method: Method,
    login: bool,
    result: &Result<Incoming, Problem>,
    now: Timestamp,
) -> Next {
    if attempt >= limits.attempts {
        return Next::GiveBack;
    }
    let repeatable = method.reads() || login;
    let usual = limits
        .pause
        .saturating_mul(1 << (attempt - 1).min(16))
        .min(limits.longest_pause);
    match result {
        Err(Problem::ConnectionRefused) => Next::AskAgain(usual),
        Err(Problem::Unreachable(_) | Problem::Truncated) if repeatable => Next::AskAgain(usual),
        Ok(incoming) => {
            let again = match incoming.status {
                429 => true,
                413 => incoming.headers.contains_key(RETRY_AFTER),
                502..=504 => repeatable,
                _ => false,
            };
            let wanted = retry_after(&incoming.headers, now);
            match (again, wanted) {
                (false, _) => Next::GiveBack,
                (true, None) => Next::AskAgain(usual),
                (true, Some(wanted)) if wanted > limits.longest_pause => Next::GiveBack,
                (true, Some(wanted)) => Next::AskAgain(wanted.max(usual)),
            }
        }
        Err(_) => Next::GiveBack,
    }
}

/// Returns how long the cloud wants to be left alone: seconds or a date.
///
/// Source: RFC 9110, section 10.2.3.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::body::Bytes;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Incoming {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap()))
            .collect();
        Incoming {
            status,
            headers,
            body: Bytes::from(body.to_owned()),
        }
    }

    #[test]
    fn the_words_of_every_project_are_found() {
        let words = |status, body| refusal(&answer(status, &[], body), false);
        assert_eq!(
            words(404, r#"{"itemNotFound": {"message": "no flavor", "code": 404}}"#),
            Problem::NotFound("no flavor".into())
        );
        assert_eq!(
            words(403, r#"{"error": {"message": "no", "title": "Forbidden"}}"#),
            Problem::Forbidden("no".into())
        );
        let neutron = r#"{"NeutronError": {"type": "X", "message": "gone", "detail": ""}}"#;
        assert_eq!(words(404, neutron), Problem::NotFound("gone".into()));
        assert_eq!(
            words(409, r#"{"errors": [{"status": 409, "detail": "busy"}]}"#),
            Problem::Conflict("busy".into())
        );
        assert_eq!(
            words(403, "403 Forbidden\n\nNo."),
            Problem::Forbidden("403 Forbidden  No.".into())
        );
        assert_eq!(
            words(502, "<html><body>Bad gateway</body></html>"),
            Problem::Server {
                code: 502,
                message: "it gives no reason".into()
            }
        );
        assert!(matches!(refusal(&answer(401, &[], ""), true), Problem::LoginRefused(_)));
        let moved = refusal(&answer(302, &[("location", "https://u:p@c/x")], ""), false);
        assert_eq!(
            moved,
            Problem::Rejected {
                code: 302,
                message: "moved to https://…@c/x".into()
            }
        );
    }

    #[test]
    fn repeats_are_bounded_and_only_where_nothing_can_be_done_twice() {
        let limits = Limits::default();
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let ask =
            |attempt, method, result: Result<Incoming, Problem>| next(&limits, attempt, method, false, &result, now);
        let seconds = Duration::from_secs;
        assert_eq!(
            ask(1, Method::Get, Ok(answer(503, &[], ""))),
            Next::AskAgain(limits.pause)
        );
        assert_eq!(
            ask(3, Method::Get, Ok(answer(503, &[], ""))),
            Next::AskAgain(limits.pause * 4)
        );
        assert_eq!(ask(4, Method::Get, Ok(answer(503, &[], ""))), Next::GiveBack);
        assert_eq!(ask(1, Method::Get, Ok(answer(500, &[], ""))), Next::GiveBack);
        assert_eq!(ask(1, Method::Get, Ok(answer(200, &[], ""))), Next::GiveBack);
        assert_eq!(ask(1, Method::Post, Ok(answer(503, &[], ""))), Next::GiveBack);
        assert_eq!(ask(1, Method::Post, Err(Problem::Truncated)), Next::GiveBack);
        assert_eq!(
            ask(1, Method::Post, Err(Problem::ConnectionRefused)),
            Next::AskAgain(limits.pause)
        );
        assert_eq!(
            ask(1, Method::Get, Err(Problem::Deadline { after: seconds(1) })),
            Next::GiveBack
        );
        let wait = |value| ask(1, Method::Post, Ok(answer(429, &[("retry-after", value)], "")));
        assert_eq!(wait("7"), Next::AskAgain(seconds(7)));
        assert_eq!(wait("0"), Next::AskAgain(limits.pause));
        assert_eq!(wait("86400"), Next::GiveBack);
        assert_eq!(wait("Sat, 21 Nov 2026 12:00:09 GMT"), Next::AskAgain(seconds(9)));
        assert_eq!(wait("Sat, 21 Nov 2026 11:00:00 GMT"), Next::AskAgain(limits.pause));
        assert_eq!(wait("soon"), Next::AskAgain(limits.pause));
    }
}
