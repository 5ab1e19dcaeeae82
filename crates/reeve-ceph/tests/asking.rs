//! Asking through a transport: what a failure is called.

use async_trait::async_trait;
use reeve_ceph::{CephCommand, CephCommands, CephError, CommandOutput, TransportError, query};

/// Answers every command alike.
struct Answering(Result<CommandOutput, &'static str>);

#[async_trait]
impl CephCommands for Answering {
    fn place(&self) -> String {
        "n1".into()
    }

    async fn run(&self, _command: &CephCommand) -> Result<CommandOutput, TransportError> {
        match &self.0 {
            Ok(output) => Ok(output.clone()),
            Err("no program") => Err(TransportError::NoProgram),
            Err(why) => Err(TransportError::Failed((*why).into())),
        }
    }
}

async fn ask(status: i32, stdout: &str, stderr: &str) -> Result<(), CephError> {
    let output = CommandOutput {
        status,
        stdout: stdout.into(),
        stderr: stderr.into(),
    };
    query::HEALTH.ask(&Answering(Ok(output))).await.map(drop)
}

#[tokio::test]
async fn failures_are_told_apart() {
    let refused = [
        (13, "Error EACCES: access denied"),
        (
            1,
            "[errno 13] RADOS permission denied (error connecting to the cluster)",
        ),
        (1, "[errno 1] RADOS permission error (error connecting to the cluster)"),
        (
            1,
            "auth: unable to find a keyring on /etc/ceph/x: (2) No such file or directory\n[errno 2] RADOS object not found (error connecting to the cluster)",
        ),
        (1, "Error EPERM: "),
    ];
    for (status, stderr) in refused {
        let error = ask(status, "", stderr).await.unwrap_err();
        assert!(matches!(error, CephError::Denied { .. }), "{stderr}: {error}");
    }
    for stderr in [
        "timed out",
        "monclient: get_monmap_and_config cannot identify monitors to contact\n[errno 2] RADOS object not found (error connecting to the cluster)",
        "[errno 110] RADOS timed out (error connecting to the cluster)",
        "Error initializing cluster client: ObjectNotFound('RADOS object not found (error calling conf_read_file)')",
    ] {
        let error = ask(1, "", stderr).await.unwrap_err();
        assert!(matches!(error, CephError::NoCluster { .. }), "{stderr}: {error}");
    }
    let error = ask(22, "", "no valid command found\nError EINVAL: invalid command")
        .await
        .unwrap_err();
    assert!(matches!(error, CephError::Failed { status: 22, .. }), "{error}");
    insta::assert_snapshot!(error, @"`ceph health detail` on n1 ended with status 22: no valid command found / Error EINVAL: invalid command");
}

#[tokio::test]
async fn garbage_is_quoted_safely() {
    let cause = |error: CephError| std::error::Error::source(&error).unwrap().to_string();
    let error = ask(0, "\u{1b}[2JSegmentation fault", "").await.unwrap_err();
    assert!(matches!(error, CephError::Garbage { .. }));
    insta::assert_snapshot!(error, @"`ceph health detail` on n1 gave an answer that cannot be read");
    insta::assert_snapshot!(cause(error), @r#"expected value at line 1 column 1; it begins with `\x1b[2JSegmentation fault`"#);
    let error = ask(0, r#"{"status":"HEALTH_PURPLE"}"#, "").await.unwrap_err();
    insta::assert_snapshot!(cause(error), @r#"unknown variant `HEALTH_PURPLE`, expected one of `HEALTH_OK`, `HEALTH_WARN`, `HEALTH_ERR` at line 1 column 25; it begins with `{\"status\":\"HEALTH_PURPLE\"}`"#);
    assert!(ask(0, r#"{"status":"HEALTH_OK","new_key":[1]}"#, "").await.is_ok());
}

#[tokio::test]
async fn a_transport_that_fails_is_named_with_its_reason() {
    let error = query::HEALTH.ask(&Answering(Err("no program"))).await.unwrap_err();
    insta::assert_snapshot!(error, @"n1 has no program `ceph`");
    let error = query::HEALTH.ask(&Answering(Err("the line is cut"))).await.unwrap_err();
    insta::assert_snapshot!(error, @"`ceph health detail` could not be run on n1");
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "the line is cut"
    );
}

#[test]
fn commands_are_asked_for_as_json_within_a_time() {
    let argv = query::ORCH_UPGRADE_STATUS.command().argv();
    assert_eq!(
        argv,
        [
            "ceph",
            "--connect-timeout",
            "15",
            "orch",
            "upgrade",
            "status",
            "--format",
            "json"
        ]
    );
    assert_eq!(
        query::ZONE_LIST.command().argv(),
        ["radosgw-admin", "zone", "list", "--format", "json"]
    );
    let command = query::mirror_pool_info("-x");
    assert_eq!(
        command.argv(),
        ["rbd", "mirror", "pool", "info", "--pool=-x", "--format", "json"]
    );
    assert_eq!(command.to_string(), "rbd mirror pool info --pool=-x");
}
