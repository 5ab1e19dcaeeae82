//! The result of a run in the form that was asked for.

use reeve_check::{CheckRun, OfficialReport, official_yaml};

use super::signature;
use crate::cli::{CheckFormat, RenderingArgs};
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// Shows a result, or writes it to a file.
pub(super) fn show(run: &CheckRun, args: &RenderingArgs, context: &Context<'_>) -> Result<(), Failure> {
    let text = signed_if_asked(text(run, args, context)?, args)?;
    context.hand_on(&text, args.output.as_deref())
}

/// Puts a signature in front of what is to have one.
pub(super) fn signed_if_asked(text: String, args: &RenderingArgs) -> Result<String, Failure> {
    match (&args.format, &args.key) {
        (CheckFormat::Signed, Some(key)) => signature::signed(&text, key),
        _ => Ok(text),
    }
}

/// Returns a result in the form that was asked for.
pub(super) fn text(run: &CheckRun, args: &RenderingArgs, context: &Context<'_>) -> Result<String, Failure> {
    Ok(match args.format {
        CheckFormat::Text => {
            reeve_report::document_terminal(&run.document(), context.terminal_options(args.output.is_none()))
        }
        CheckFormat::Json => json(run),
        CheckFormat::Junit => {
            reeve_report::junit(&run.report()).map_err(|error| Failure::from_error(Exit::Usage, &error))?
        }
        CheckFormat::Html => reeve_report::document_html(&run.document()),
        CheckFormat::Yaml | CheckFormat::Signed => {
            let subject = args.subject.as_deref().unwrap_or(&run.cloud.name);
            official_yaml(run, &OfficialReport::generate(subject))
        }
    })
}

/// Returns a result as JSON, with a final line break. What steers a terminal or hides text becomes an escape, which loses nothing.
pub(super) fn json(run: &CheckRun) -> String {
    let plain = serde_json::to_string_pretty(run).expect("a result has only text keys and whole numbers");
    let mut text = String::with_capacity(plain.len() + 1);
    for c in plain.chars() {
        // The serializer has escaped controls below U+0020 already.
        if matches!(c, '\u{7f}'..='\u{9f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        {
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text.push('\n');
    text
}
