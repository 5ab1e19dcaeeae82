//! The first message of a TLS connection, and what a server answers to it.
//!
//! Written by hand, because the TLS library of this program speaks neither what is too old nor what is too weak. Source: RFC 5246, sections 6.2.1, 7.2, 7.4.1; RFC 8422; RFC 6066, section 3.

/// Largest answer that is read before the part that matters must have come.
pub(super) const MAX_ANSWER: usize = 32 << 10;

/// What a server says to an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// It takes it, with this version and this suite.
    Accepts {
        /// 0x0301 for TLS 1.0.
        version: u16,
        /// The number of the suite.
        suite: u16,
    },
    /// It does not.
    Refuses,
    /// It says something that is no TLS.
    Nonsense,
}

/// Returns a ClientHello in one record that offers `version` at most, and these suites; `host` is the name that the server goes by.
pub(super) fn client_hello(version: u16, suites: &[u16], host: Option<&str>, random: &[u8; 32]) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(version.to_be_bytes());
    body.extend(random);
    // No session to take up.
    body.push(0);
    let mut list: Vec<u8> = suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    // Says that renegotiation is secure, without which some servers refuse whoever is old.
    list.extend([0x00, 0xff]);
    body.extend(sized(&list));
    // No compression.
    body.extend([1, 0]);
    // SSL 3.0 has no extensions.
    if version > 0x0300 {
        body.extend(sized(&extensions(version, host)));
    }
    let mut message = vec![1];
    message.extend(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes()[1..]);
    message.extend(body);
    // The record says the lowest version that everybody understands.
    let mut record = vec![22, 3, u8::from(version > 0x0300)];
    record.extend(sized(&message));
    record
}

fn extensions(version: u16, host: Option<&str>) -> Vec<u8> {
    let mut all = Vec::new();
    let mut add = |kind: u16, data: &[u8]| {
        all.extend(kind.to_be_bytes());
        all.extend(sized(data));
    };
    if let Some(host) = host {
        let mut name = vec![0];
        name.extend(sized(host.as_bytes()));
        add(0, &sized(&name));
    }
    // x25519, P-256, P-384, P-521.
    add(10, &sized(&[0, 29, 0, 23, 0, 24, 0, 25]));
    // Points as they are.
    add(11, &[1, 0]);
    if version >= 0x0303 {
        let algorithms = [
            0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201_u16,
        ];
        let list: Vec<u8> = algorithms.iter().flat_map(|one| one.to_be_bytes()).collect();
        add(13, &sized(&list));
    }
    all
}

/// Returns data with its length in two bytes in front.
fn sized(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    let mut all = length.to_be_bytes().to_vec();
    all.extend(data);
    all
}

/// Reads what has come of an answer; `None` if more has to come.
pub(super) fn reply(answer: &[u8]) -> Option<Reply> {
    let mut message = Vec::new();
    let mut rest = answer;
    loop {
        let [kind, major, _, high, low, after @ ..] = rest else {
            // Whoever speaks something else shows it with the first byte.
            let strange = rest.first().is_some_and(|first| !(20..=23).contains(first));
            return strange.then_some(Reply::Nonsense);
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        match kind {
            21 if *major == 3 => return Some(Reply::Refuses),
            22 if *major == 3 && (1..=1 << 14).contains(&length) => {}
            _ => return Some(Reply::Nonsense),
        }
        message.extend(&after[..length.min(after.len())]);
        if let Some(reply) = server_hello(&message) {
            return Some(reply);
        }
        if after.len() < length {
            return None;
        }
        rest = &after[length..];
    }
}

/// Reads a ServerHello as far as its suite.
fn server_hello(message: &[u8]) -> Option<Reply> {
    if message.first().is_some_and(|kind| *kind != 2) {
        return Some(Reply::Nonsense);
    }
    let number = |at: usize| Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]));
    let version = number(4)?;
    let session = usize::from(*message.get(38)?);
    let suite = number(39 + session)?;
    Some(Reply::Accepts { version, suite })
}

/// Returns the certificate of the server itself out of what it answers to an offer of TLS 1.2, in DER; `None` if it has not come (yet).
pub(super) fn certificate(answer: &[u8]) -> Option<Vec<u8>> {
    let mut messages = Vec::new();
    let mut rest = answer;
    while let [22, 3, _, high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
        messages.extend(&after[..length]);
        rest = &after[length..];
    }
    let mut rest = messages.as_slice();
    while let [kind, high, middle, low, after @ ..] = rest {
        let body = after.get(..length(*high, *middle, *low))?;
        match (kind, body) {
            // The length of the list, and of the first certificate in it.
            (11, [_, _, _, high, middle, low, list @ ..]) => {
                return list.get(..length(*high, *middle, *low)).map(<[u8]>::to_vec);
            }
            _ => rest = &after[body.len()..],
        }
    }
    None
}

fn length(high: u8, middle: u8, low: u8) -> usize {
    usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn server_hello_record(version: u16, session: u8, suite: u16) -> Vec<u8> {
        let mut body = version.to_be_bytes().to_vec();
        body.extend([7; 32]);
        body.push(session);
        body.extend(vec![9; usize::from(session)]);
        body.extend(suite.to_be_bytes());
        body.push(0);
        let mut message = vec![2, 0];
        message.extend(sized(&body));
        let mut record = vec![22, 3, 3];
        record.extend(sized(&message));
        record
    }

    #[test]
    fn an_answer_is_read_however_it_is_cut() {
        let record = server_hello_record(0x0301, 32, 0x002f);
        let accepted = Reply::Accepts {
            version: 0x0301,
            suite: 0x002f,
        };
        assert_eq!(reply(&record), Some(accepted.clone()));
        // All but the byte for compression.
        for cut in 0..record.len() - 1 {
            assert_eq!(reply(&record[..cut]), None, "{cut}");
        }
        // The message in two records.
        let message = &record[5..];
        let mut two = vec![22, 3, 1];
        two.extend(sized(&message[..20]));
        two.extend([22, 3, 1]);
        two.extend(sized(&message[20..]));
        assert_eq!(reply(&two), Some(accepted));
        assert_eq!(reply(&[21, 3, 3, 0, 2, 2, 70]), Some(Reply::Refuses));
        assert_eq!(reply(b"HTTP/1.1 400 Bad Request"), Some(Reply::Nonsense));
        assert_eq!(reply(&[22, 3, 3, 0, 4, 11, 0, 0, 0]), Some(Reply::Nonsense));
    }

    #[test]
    fn a_certificate_is_found_behind_the_hello_once_it_is_whole() {
        let mut answer = server_hello_record(0x0303, 0, 0xc02f);
        let der = [0x30; 300];
        let mut message = vec![11, 0];
        message.extend(306_u16.to_be_bytes());
        message.extend([0, 1, 0x2f, 0, 1, 0x2c]);
        message.extend(der);
        // In two records, as large chains come.
        for part in [&message[..100], &message[100..]] {
            answer.extend([22, 3, 3]);
            answer.extend(sized(part));
        }
        assert_eq!(certificate(&answer).as_deref(), Some(&der[..]));
        for cut in 0..answer.len() {
            assert_eq!(certificate(&answer[..cut]), None, "{cut}");
        }
    }

    /// The lengths inside add up: a reader that goes by them ends where the bytes end.
    #[test]
    fn an_offer_is_well_formed() {
        for (version, host) in [(0x0300, None), (0x0301, Some("c.example")), (0x0303, None)] {
            let hello = client_hello(version, &[0x002f, 0xc013], host, &[5; 32]);
            let number = |at: usize| usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
            assert_eq!(number(3), hello.len() - 5);
            assert_eq!((hello[5], hello[6], number(7)), (1, 0, hello.len() - 9));
            assert_eq!(number(9), usize::from(version));
            assert_eq!((hello[43], number(44)), (0, 6));
            let after_compression = 46 + 6 + 2;
            if version == 0x0300 {
                assert_eq!(hello.len(), after_compression);
                continue;
            }
            let mut at = after_compression + 2;
            assert_eq!(number(after_compression), hello.len() - at);
            let mut kinds = Vec::new();
            while at < hello.len() {
                kinds.push(number(at));
                at += 4 + number(at + 2);
            }
            assert_eq!(at, hello.len());
            assert_eq!(
                (kinds.contains(&0), kinds.contains(&13)),
                (host.is_some(), version == 0x0303)
            );
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), first in 20_u8..24) {
            let _ = reply(&bytes);
            let _ = certificate(&bytes);
            let mut record = vec![first, 3, 3];
            record.extend(bytes);
            let _ = reply(&record);
            let _ = certificate(&record);
        }
    }
}
