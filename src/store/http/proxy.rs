//! Which requests go through a proxy, as the environment says.
//!
//! The variables are those of curl and of Python: `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy`, in lower case or
//! else in capitals. What is https goes through a tunnel (CONNECT), in which TLS is spoken with the store itself; a proxy
//! reads and writes only what goes over http. This machine is never asked for through a proxy.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::Uri;
use http::header::HeaderValue;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use crate::conf::{Environment, Secret};

/// Addresses of this machine and of the services that a cloud gives each machine for itself alone (credentials of a role).
const NEVER: &str = "localhost,127.0.0.0/8,::1,169.254.0.0/16,fd00:ec2::254";

/// The proxies that the environment names; by default none.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    named: Option<Arc<Named>>,
    https_only: bool,
}

#[derive(Debug)]
struct Named {
    matcher: Matcher,
    http: Option<Variable>,
    https: Option<Variable>,
    /// Those of `no_proxy` that are of one port only.
    ports: Vec<(String, u16)>,
}

/// A variable that names a proxy.
#[derive(Clone, Debug)]
struct Variable {
    name: &'static str,
    /// Its value with the scheme; it may hold a password.
    url: Secret,
}

/// The proxy for an address. It is shown as its own address, without a password.
#[derive(Clone, Debug)]
pub struct Proxy {
    way: Intercept,
    variable: &'static str,
}

impl Proxies {
    /// What `environment` names.
    ///
    /// # Errors
    /// A variable whose value is no address of a proxy that can be used, and why.
    pub fn of_environment(environment: &Environment) -> Result<Self, (&'static str, String)> {
        let variable = |names: &[&'static str]| {
            let named = names.iter().find_map(|&name| Some((name, environment.get(name)?)));
            named.map(|(name, value)| Variable::new(name, value.to_str())).transpose()
        };
        let all = variable(&["all_proxy", "ALL_PROXY"])?;
        let http = variable(&["http_proxy", "HTTP_PROXY"])?.or_else(|| all.clone());
        let https = variable(&["https_proxy", "HTTPS_PROXY"])?.or(all);
        if http.is_none() && https.is_none() {
            return Ok(Self::default());
        }
        let except = environment.get("no_proxy").or_else(|| environment.get("NO_PROXY")).unwrap_or_default();
        let except = except.to_string_lossy();
        let (ports, names) = exceptions(&except);
        // Said here, because the matcher looks for it among names and not among addresses.
        if names.contains(&"*") {
            return Ok(Self::default());
        }
        let exceptions = format!("{},{NEVER}", names.join(","));
        let url = |variable: &Option<Variable>| variable.as_ref().map_or("", |v| v.url.expose()).to_owned();
        let matcher = Matcher::builder().http(url(&http)).https(url(&https)).no(exceptions).build();
        Ok(Self { named: Some(Arc::new(Named { matcher, http, https, ports })), https_only: false })
    }

    /// The proxy through which a request to `target` goes; `None` when it goes there directly.
    pub fn of(&self, target: &Uri) -> Option<Proxy> {
        let named = self.named.as_ref()?;
        let (host, https) = (target.host()?, target.scheme_str() == Some("https"));
        let port = target.port_u16().unwrap_or(if https { 443 } else { 80 });
        if host.ends_with(".localhost") || named.ports.iter().any(|(name, of)| *of == port && is_below(host, name)) {
            return None;
        }
        let variable = if https { &named.https } else { &named.http }.as_ref().filter(|_| https || !self.https_only)?;
        Some(Proxy { way: named.matcher.intercept(target)?, variable: variable.name })
    }

    /// The same for what is https alone: what is not goes there directly.
    pub(in crate::store) fn of_https_only(self) -> Self {
        Self { https_only: true, ..self }
    }
}

impl Variable {
    fn new(name: &'static str, value: Option<&str>) -> Result<Self, (&'static str, String)> {
        let bad = |why: &str| {
            (name, format!("{why}: it must be http://HOST:PORT or https://HOST:PORT, or --no-proxy be given"))
        };
        let value = value.ok_or_else(|| bad("is not text"))?.trim();
        let url = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
        // Not shown, because a password may be in it.
        let parsed: Uri = url.parse().map_err(|_| bad("is not an address"))?;
        match (parsed.scheme_str(), parsed.host()) {
            (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(Self { name, url: Secret::new(url) }),
            (Some("http" | "https"), _) => Err(bad("names no host")),
            (scheme, _) => {
                Err(bad(&format!("names a proxy of the sort {}, which is not spoken here", scheme.unwrap_or("?"))))
            }
        }
    }
}

impl Proxy {
    /// Where it is.
    pub fn uri(&self) -> &Uri {
        self.way.uri()
    }

    /// What logs in there, where the variable holds a name and a password.
    pub(super) fn login(&self) -> Option<&HeaderValue> {
        self.way.basic_auth()
    }

    /// What an error says of the way that a request went.
    pub(in crate::store) fn told(&self) -> String {
        format!(
            "the request went through the proxy {self}; hosts in no_proxy, and all with --no-proxy, are asked directly"
        )
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.uri().to_string().trim_end_matches('/'), self.variable)
    }
}

/// What to do where a proxy wants a name and a password.
pub(in crate::store) const LOGIN_ADVICE: &str =
    "the proxy wants a name and a password: write them in the variable that names it, http://NAME:PASSWORD@HOST:PORT";

/// Whether `error` or what caused it says that a proxy opens no tunnel for whom it does not know.
pub(super) fn wants_login(error: &(dyn Error + 'static)) -> bool {
    // By its words, because the error's type is the crate's own.
    let says = |error: &(dyn Error + 'static)| error.to_string().contains("proxy authorization required");
    std::iter::successors(Some(error), |&error| error.source()).any(says)
}

/// Whether `host` is `name` or below it.
fn is_below(host: &str, name: &str) -> bool {
    let (host, name) = (host.to_ascii_lowercase(), name.to_ascii_lowercase());
    host.strip_suffix(&name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The entries of a `no_proxy` that are of one port, and the others without the `*` before a dot, which says nothing; `*`
/// alone stands for every host.
fn exceptions(text: &str) -> (Vec<(String, u16)>, Vec<&str>) {
    let (mut ports, mut names) = (Vec::new(), Vec::new());
    for entry in text.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()) {
        let name = entry.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(entry);
        match name.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
            // An address with colons of its own has a port only behind brackets.
            Some((host, Ok(port))) if name.parse::<IpAddr>().is_err() => {
                ports.push((host.trim_start_matches('.').to_owned(), port));
            }
            _ => names.push(name),
        }
    }
    (ports, names)
}
