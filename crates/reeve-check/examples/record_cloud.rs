//! Records what the checks look at in a cloud of clouds.yaml: `record_cloud CLOUD FOLDER`.

use std::process::ExitCode;

use camino::Utf8PathBuf;
use reeve_check::gather;
use reeve_openstack::{CloudChoice, Clouds, Session, SessionOptions, Surroundings};

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "an example speaks for itself")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [cloud, folder] = arguments.as_slice() else {
        eprintln!("usage: record_cloud CLOUD FOLDER");
        return ExitCode::from(2);
    };
    match record(cloud, folder).await {
        Ok(missing) => {
            missing.iter().for_each(|cause| println!("without {cause}"));
            println!("recorded in {folder}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

async fn record(cloud: &str, folder: &str) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let surroundings = Surroundings {
        working_directory: Utf8PathBuf::try_from(std::env::current_dir()?)?,
        home: std::env::home_dir().and_then(|home| Utf8PathBuf::try_from(home).ok()),
        environment: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
    };
    let choice = CloudChoice {
        cloud: Some(cloud.to_owned()),
        region: None,
    };
    let config = Clouds::load(&surroundings)?.choose(&choice)?;
    for warning in &config.warnings {
        // What is dangerous is said before anything is sent.
        use std::io::Write;
        writeln!(std::io::stderr(), "{warning}")?;
    }
    let session = Session::connect(
        config,
        &SessionOptions {
            record: Some(folder.into()),
            ..SessionOptions::default()
        },
    )?;
    let facts = gather(&session).await;
    let missing = [
        facts.flavors.err(),
        facts.images.err(),
        facts.volume_types.err(),
        facts.default_rules.err(),
        facts.services.err(),
    ];
    Ok(missing.into_iter().flatten().map(|missing| missing.cause).collect())
}
