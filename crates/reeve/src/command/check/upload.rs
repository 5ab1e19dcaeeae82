//! `reeve check upload`: sign results and send them to the official monitor.
//!
//! Source: SovereignCloudStack/standards at 077174d9: `Tests/scs-test-runner.py` – `build_upload_command`; the monitor's answers: `compliance-monitor/README.md`.

use camino::Utf8Path;
use reeve_check::{OfficialReport, official_yaml};
use reeve_openstack::{Limits, Post, TlsOptions, post};

use super::{report, runtime, signature};
use crate::cli::CheckUploadArgs;
use crate::command::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// Largest token that is read.
const MAX_TOKEN_BYTES: u64 = 64 << 10;

pub(super) fn run(args: &CheckUploadArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    if args.files.len() > 1 && args.subject.is_some() {
        return Err(Failure::new(
            Exit::Usage,
            "`--subject` is the name of one cloud, and there are several results",
        ));
    }
    // Whatever may fail here comes before anybody is asked for a passphrase.
    let token = token(&args.token_file)?;
    let mut documents = String::new();
    for path in &args.files {
        let run = report::load(path)?;
        let subject = args.subject.as_deref().unwrap_or(&run.cloud.name);
        documents.push_str(&official_yaml(&run, &OfficialReport::generate(subject)));
    }
    let signed = signature::signed(&documents, &args.key)?;
    let url = format!("{}/reports", args.monitor.trim_end_matches('/'));
    let tls = TlsOptions {
        ca_file: args.cacert.clone(),
        ..TlsOptions::default()
    };
    let body = Post {
        content_type: "application/x-signed-yaml",
        authorization: Some(token),
        body: signed.into_bytes(),
    };
    let limits = Limits::default();
    let answer = runtime()?.block_on(post(&url, body, &tls, &limits)).map_err(|error| {
        Failure::from_error(Exit::Unreachable, &error)
            .hint("nothing is known to have arrived; the same command tries again, with new numbers for the reports")
    })?;
    let said: String = String::from_utf8_lossy(&answer.body)
        .trim()
        .escape_debug()
        .take(300)
        .collect();
    let because = match answer.status {
        200..=299 => {
            let what = if args.files.len() == 1 {
                "the report"
            } else {
                "the reports"
            };
            context.printer.note(&format!("the monitor took {what}"));
            return Ok(Exit::Done);
        }
        401 | 403 => "the token, the key or the name of the cloud is not one that it lets in",
        409 => "it has this report already",
        415 => "it does not take signed YAML; is this the monitor's address?",
        500.. => "it has a problem of its own",
        _ => "it says no",
    };
    let failure = Failure::new(
        Exit::Findings,
        format!(
            "the monitor at {url} refused the report (status {}): {because}",
            answer.status
        ),
    );
    Err(if said.is_empty() {
        failure
    } else {
        failure.hint(format!("its words: {said}"))
    })
}

/// Reads a token: the whole file without what is blank around it.
fn token(path: &Utf8Path) -> Result<secrecy::SecretString, Failure> {
    let failed = |because: String| Failure::new(Exit::Usage, format!("could not read the token in {path}: {because}"));
    let size = std::fs::metadata(path)
        .map_err(|error| failed(error.to_string()))?
        .len();
    if size > MAX_TOKEN_BYTES {
        return Err(failed(format!("it has {size} bytes, which no token has")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    match text.trim() {
        "" => Err(failed("it is empty".to_owned())),
        token => Ok(format!("Basic {token}").into()),
    }
}
