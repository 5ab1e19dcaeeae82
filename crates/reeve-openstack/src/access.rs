//! What a session may do: read, or change things.

use std::fmt;

use crate::error::Problem;

/// What a session may do at a cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// GET, HEAD and the login; everything else is refused where it would be sent.
    ReadOnly,
    /// Everything that the user may.
    ReadWrite,
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Reads headers only.
    Head,
    /// Creates or acts.
    Post,
    /// Replaces.
    Put,
    /// Changes parts.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// Returns the method as HTTP spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    /// Tells whether the method only reads.
    pub const fn reads(self) -> bool {
        matches!(self, Method::Get | Method::Head)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Access {
    /// Tells whether a request may be sent; `login` is the address where a token is got.
    ///
    /// # Errors
    ///
    /// [`Problem::ReadOnly`] if the session only reads and the request does more.
    pub(crate) fn allows(self, method: Method, url: &str, login: &str) -> Result<(), Problem> {
        match self {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly if method.reads() || (method == Method::Post && url == login) => Ok(()),
            Access::ReadOnly => Err(Problem::ReadOnly { method }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_and_the_login_pass_and_nothing_else() {
        let login = "https://k/v3/auth/tokens";
        let all = [
            Method::Get,
            Method::Head,
            Method::Post,
            Method::Put,
            Method::Patch,
            Method::Delete,
        ];
        for method in all {
            assert!(Access::ReadWrite.allows(method, "https://n/servers", login).is_ok());
            assert_eq!(
                Access::ReadOnly.allows(method, "https://n/servers", login).is_ok(),
                method.reads()
            );
            let at_login = matches!(method, Method::Get | Method::Head | Method::Post);
            assert_eq!(Access::ReadOnly.allows(method, login, login).is_ok(), at_login);
        }
        // Something below or beside the login is not the login.
        for url in [
            "https://k/v3/auth/tokens/",
            "https://k/v3/auth/tokens?x",
            "https://evil/v3/auth/tokens",
        ] {
            assert!(Access::ReadOnly.allows(Method::Post, url, login).is_err(), "{url}");
        }
    }
}
