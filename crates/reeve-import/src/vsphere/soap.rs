//! Calls of the vSphere Web Services API as SOAP: their envelope, their answers, their faults.

use quick_xml::escape::escape;

use crate::error::{SourceName, escaped};
use crate::xml::Element;

/// The namespace of the API, and the oldest version that answers all that is asked.
const NAMESPACE: &str = "urn:vim25";

/// What a call says in its `SOAPAction`: hosts answer as that version would.
pub(super) const ACTION: &str = "urn:vim25/6.0";

/// An object of a host: its type and its id, as `VirtualMachine` and `vm-12`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Reference {
    pub(super) kind: String,
    pub(super) id: String,
}

impl Reference {
    pub(super) fn new(kind: &str, id: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            id: id.to_owned(),
        }
    }

    /// Returns the reference in an element like `<returnval type="Folder">group-d1</returnval>`.
    pub(super) fn of(element: &Element) -> Option<Self> {
        let id = element.text.trim();
        (!id.is_empty()).then(|| Self::new(element.attribute("type").unwrap_or_default(), id))
    }

    /// Returns the reference as an element of this name.
    pub(super) fn as_element(&self, name: &str) -> String {
        format!(
            "<{name} type=\"{}\">{}</{name}>",
            escape(self.kind.as_str()),
            escape(self.id.as_str())
        )
    }
}

/// Returns an element with a text.
pub(super) fn text(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escape(text))
}

/// Returns the envelope of a call of an object.
pub(super) fn envelope(call: &str, this: &Reference, arguments: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <soapenv:Body><{call} xmlns=\"{NAMESPACE}\">{}{arguments}</{call}></soapenv:Body></soapenv:Envelope>",
        this.as_element("_this")
    )
}

/// What a host answers: the element of the answer, or a fault.
pub(super) enum Answered {
    /// `<CALLResponse>`.
    Response(Element),
    /// Its kind (`InvalidLogin`), and the host's words.
    Fault { kind: String, what: String },
}

/// Reads an answer; the error says what is wrong with it.
pub(super) fn answered(bytes: &[u8]) -> Result<Answered, String> {
    let envelope = Element::parse(bytes, &SourceName::new("the answer")).map_err(|error| error.to_string())?;
    let body = envelope.children.into_iter().find(|child| child.name == "Body");
    let body = body.ok_or("it has no Body")?;
    let inner = body.children.into_iter().next().ok_or("its Body is empty")?;
    if inner.name != "Fault" {
        return Ok(Answered::Response(inner));
    }
    let detail = inner.first("detail").and_then(|detail| detail.children.first());
    let kind = detail.map(|detail| {
        // `<InvalidLoginFault xsi:type="InvalidLogin">`, or only one of the two.
        let named = detail.attribute("type").unwrap_or(&detail.name);
        named
            .rsplit(':')
            .next()
            .unwrap_or(named)
            .trim_end_matches("Fault")
            .to_owned()
    });
    let code = || inner.value("faultcode").unwrap_or("fault").to_owned();
    Ok(Answered::Fault {
        kind: escaped(&kind.filter(|kind| !kind.is_empty()).unwrap_or_else(code), 100),
        what: escaped(inner.value("faultstring").unwrap_or("without a word"), 400),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(inner: &str) -> String {
        format!("<e:Envelope xmlns:e=\"x\"><e:Body>{inner}</e:Body></e:Envelope>")
    }

    #[test]
    fn texts_cannot_become_elements() {
        let call = envelope(
            "Login",
            &Reference::new("SessionManager", "ha-sessionmgr"),
            &text("password", "<&>\"'"),
        );
        assert!(call.contains("<password>&lt;&amp;&gt;"), "{call}");
        let body = Element::parse(call.as_bytes(), &SourceName::new("call")).unwrap();
        let login = body.first("Body").unwrap().first("Login").unwrap();
        assert_eq!(login.value("password"), Some("<&>\"'"));
        assert_eq!(
            Reference::of(login.first("_this").unwrap()),
            Some(Reference::new("SessionManager", "ha-sessionmgr"))
        );
    }

    #[test]
    fn answers_and_faults_are_told_apart() {
        let answer = wrapped("<LoginResponse xmlns=\"urn:vim25\"><returnval><key>k</key></returnval></LoginResponse>");
        let Ok(Answered::Response(response)) = answered(answer.as_bytes()) else {
            panic!("an answer")
        };
        assert_eq!(response.first("returnval").unwrap().value("key"), Some("k"));
        let fault = wrapped(
            "<e:Fault><faultcode>ServerFaultCode</faultcode><faultstring>Login failure</faultstring><detail><InvalidLoginFault xmlns=\"urn:vim25\" xmlns:xsi=\"y\" xsi:type=\"InvalidLogin\"/></detail></e:Fault>",
        );
        let Ok(Answered::Fault { kind, what }) = answered(fault.as_bytes()) else {
            panic!("a fault")
        };
        assert_eq!((kind.as_str(), what.as_str()), ("InvalidLogin", "Login failure"));
        for broken in ["", "<a/>", &wrapped(""), "no xml", "<e><Body>"] {
            assert!(answered(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
