//! How servers shake hands: which versions of TLS and which cipher suites they take that they must not.
//!
//! Each offer is a connection of its own that ends with the server's answer: no handshake is completed and nothing is sent but the offer. Offers go straight to the server, as all requests of this program do.

mod certificate;
mod hello;
mod suites;

use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use hello::{MAX_ANSWER, Reply, certificate, client_hello, reply};

/// Longest time for one offer, with the connection for it.
const OFFER: Duration = Duration::from_secs(10);

/// Most suites of one server that are named.
const MAX_NAMED: usize = 12;

/// Versions that are too old.
const TOO_OLD: [(u16, &str); 3] = [(0x0302, "TLS 1.1"), (0x0301, "TLS 1.0"), (0x0300, "SSL 3.0")];

/// TLS 1.2, with which suites are tried.
const TLS_1_2: u16 = 0x0303;

/// What a server takes that it must not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weakness {
    /// Versions of the protocol.
    pub(crate) versions: Vec<&'static str>,
    /// Names of suites, with TLS 1.2.
    pub(crate) suites: Vec<String>,
    /// Whether there may be more suites than are named.
    pub(crate) more: bool,
    /// What is wrong with the certificate, if it can be seen: with TLS 1.3 only it is encrypted.
    pub(crate) certificate: Vec<String>,
}

/// Tries what a server takes. Reads only.
///
/// # Errors
///
/// Why it could not be tried, for a person.
pub(crate) async fn weakness(host: &str, port: u16) -> Result<Weakness, String> {
    let mut weakness = Weakness::default();
    let mut left: Vec<u16> = suites::OUTSIDE.iter().map(|(suite, _)| *suite).collect();
    for (version, name) in TOO_OLD {
        // A server answers with the highest version that it has, which for the offer of 1.1 may be 1.0.
        if let Reply::Accepts { version: taken, .. } = offer(host, port, version, &with_profile(&left)).await?
            && taken == version
        {
            weakness.versions.push(name);
        }
    }
    while !left.is_empty() {
        match offer(host, port, TLS_1_2, &left).await? {
            Reply::Accepts { suite, .. } if left.contains(&suite) => {
                if weakness.suites.len() == MAX_NAMED {
                    weakness.more = true;
                    break;
                }
                left.retain(|known| *known != suite);
                weakness.suites.push(suites::name(suite));
            }
            Reply::Accepts { suite, .. } => {
                return Err(format!(
                    "it takes the suite {}, which was not offered",
                    suites::name(suite)
                ));
            }
            Reply::Refuses => break,
            Reply::Nonsense => return Err("what it answers is no TLS".to_owned()),
        }
    }
    if let Some(der) = shown_certificate(host, port).await? {
        weakness.certificate = certificate::faults(&der);
    }
    Ok(weakness)
}

/// Returns the certificate that a server shows with TLS 1.2, if it speaks that.
async fn shown_certificate(host: &str, port: u16) -> Result<Option<Vec<u8>>, String> {
    talk(host, port, TLS_1_2, &PROFILE, |answer| match reply(answer) {
        Some(Reply::Accepts { .. }) => certificate(answer).map(Some),
        Some(_) => Some(None),
        None => None,
    })
    .await
    .map(Option::flatten)
}

/// The suites of the profile.
const PROFILE: [u16; 9] = [0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0x009e, 0x009f, 0xccaa];

/// Old versions have some of the suites of the profile, too, at servers that do not look at the version.
fn with_profile(suites: &[u16]) -> Vec<u16> {
    let mut all = suites.to_vec();
    all.extend(PROFILE);
    all
}

async fn offer(host: &str, port: u16, version: u16, suites: &[u16]) -> Result<Reply, String> {
    let answered = talk(host, port, version, suites, reply).await?;
    // A server that hangs up has refused, whenever it does so.
    Ok(answered.unwrap_or(Reply::Refuses))
}

/// Sends an offer and reads until `read` has found what it looks for; `None` if the server hangs up before.
async fn talk<T>(
    host: &str,
    port: u16,
    version: u16,
    suites: &[u16],
    read: impl Fn(&[u8]) -> Option<T>,
) -> Result<Option<T>, String> {
    let mut random = [0; 32];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| "the system has no random numbers".to_owned())?;
    let is_name = host.parse::<std::net::IpAddr>().is_err();
    let hello = client_hello(version, suites, is_name.then_some(host), &random);
    let talk = async {
        let mut stream = TcpStream::connect((host, port))
            .await
            .map_err(|error| format!("no connection: {error}"))?;
        if stream.write_all(&hello).await.is_err() {
            return Ok(None);
        }
        let mut answer = Vec::new();
        let mut chunk = [0; 4096];
        while answer.len() < MAX_ANSWER {
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return Ok(None),
                Ok(read) => answer.extend_from_slice(&chunk[..read]),
            }
            if let Some(found) = read(&answer) {
                return Ok(Some(found));
            }
        }
        Err(format!("more than {MAX_ANSWER} bytes, and no answer among them"))
    };
    tokio::time::timeout(OFFER, talk)
        .await
        .map_err(|_| format!("no answer within {} s", OFFER.as_secs()))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// A server that takes these versions and suites, and hangs up on everything else.
    async fn server(versions: &'static [u16], suites: &'static [u16]) -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let Ok((mut stream, _)) = listener.accept().await else {
                    return;
                };
                let mut hello = vec![0; 2048];
                let read = stream.read(&mut hello).await.unwrap();
                hello.truncate(read);
                let number = |at: usize| u16::from_be_bytes([hello[at], hello[at + 1]]);
                let version = versions.iter().filter(|version| **version <= number(9)).max();
                let offered: Vec<u16> = (0..usize::from(number(44)) / 2).map(|at| number(46 + 2 * at)).collect();
                let suite = suites.iter().find(|suite| offered.contains(suite));
                let (Some(version), Some(suite)) = (version, suite) else {
                    let _ = stream.write_all(&[21, 3, 1, 0, 2, 2, 40]).await;
                    continue;
                };
                let mut body = version.to_be_bytes().to_vec();
                body.extend([0; 33]);
                body.extend(suite.to_be_bytes());
                body.push(0);
                let mut record = vec![22, 3, 3, 0, body.len() as u8 + 4, 2, 0, 0, body.len() as u8];
                record.extend(body);
                // A certificate that is none.
                record.extend([22, 3, 3, 0, 11, 11, 0, 0, 7, 0, 0, 4, 0, 0, 1, 7]);
                let _ = stream.write_all(&record).await;
            }
        });
        port
    }

    #[tokio::test]
    async fn what_a_server_takes_is_named() {
        let port = server(&[0x0301, 0x0302, 0x0303], &[0xc02f, 0xc013, 0x002f, 0x000a]).await;
        let found = weakness("127.0.0.1", port).await.unwrap();
        assert_eq!(found.versions, ["TLS 1.1", "TLS 1.0"]);
        assert_eq!(
            found.suites,
            [
                "ECDHE_RSA_WITH_AES_128_CBC_SHA",
                "RSA_WITH_AES_128_CBC_SHA",
                "RSA_WITH_3DES_EDE_CBC_SHA"
            ]
        );
        let port = server(&[0x0303], &[0xc02f, 0xc030]).await;
        assert_eq!(weakness("localhost", port).await.unwrap(), Weakness::default());
        let port = server(&[0x0301], &[0x002f]).await;
        assert_eq!(weakness("127.0.0.1", port).await.unwrap().versions, ["TLS 1.0"]);
    }

    #[tokio::test]
    async fn what_is_no_tls_is_not_judged() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 2048]).await;
                stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n").await.unwrap();
            }
        });
        assert_eq!(
            weakness("127.0.0.1", port).await.unwrap_err(),
            "what it answers is no TLS"
        );
        serving.abort();
        let _ended = serving.await;
        assert!(weakness("127.0.0.1", port).await.unwrap_err().contains("no connection"));
    }

    #[test]
    fn no_suite_is_of_the_profile_or_named_twice() {
        let mut numbers: Vec<u16> = suites::OUTSIDE.iter().map(|(number, _)| *number).collect();
        assert!(numbers.iter().all(|number| !PROFILE.contains(number)));
        numbers.dedup();
        assert_eq!(numbers.len(), suites::OUTSIDE.len());
        assert!(numbers.is_sorted());
    }
}
