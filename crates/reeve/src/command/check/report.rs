//! `reeve check report`: the result of an earlier run in another form.

use camino::Utf8Path;
use reeve_check::{CheckRun, load_run};

use super::rendering;
use crate::cli::{CheckFormat, CheckReportArgs};
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// Largest result that is read.
const MAX_BYTES: u64 = 64 << 20;

pub(super) fn run(args: &CheckReportArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let runs: Result<Vec<CheckRun>, Failure> = args.files.iter().map(|path| load(path)).collect();
    let runs = runs?;
    let takes_many = matches!(
        args.rendering.format,
        CheckFormat::Text | CheckFormat::Yaml | CheckFormat::Signed
    );
    if runs.len() > 1 && !takes_many {
        return Err(Failure::new(Exit::Usage, "this form takes one result only")
            .hint("text, YAML and the signed form take several"));
    }
    if runs.len() > 1 && args.rendering.subject.is_some() {
        return Err(Failure::new(
            Exit::Usage,
            "`--subject` is the name of one cloud, and there are several results",
        ));
    }
    let texts: Result<Vec<String>, Failure> = runs
        .iter()
        .map(|run| rendering::text(run, &args.rendering, context))
        .collect();
    let between = if args.rendering.format == CheckFormat::Text {
        "\n"
    } else {
        ""
    };
    let text = rendering::signed_if_asked(texts?.join(between), &args.rendering)?;
    context.hand_on(&text, args.rendering.output.as_deref())?;
    Ok(Exit::Done)
}

pub(super) fn load(path: &Utf8Path) -> Result<CheckRun, Failure> {
    let failed = |because: String| Failure::new(Exit::Usage, format!("could not read {path}: {because}"));
    let size = std::fs::metadata(path)
        .map_err(|error| failed(error.to_string()))?
        .len();
    if size > MAX_BYTES {
        return Err(failed(format!("it has {size} bytes, which no result has")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    load_run(&text).map_err(|error| {
        let mut failure = Failure::from_error(Exit::Usage, &error);
        failure.message = format!("{path}: {}", failure.message);
        failure
    })
}
