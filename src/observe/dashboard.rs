//! A page that shows a job while it runs: rank 0 serves the records of all ranks. There is no password: whoever reaches the address
//! sees the figures (not the data), so the address is best one of the loopback, reached through `ssh -L`.

use super::status::read_folder;
use crate::error::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use tiny_http::{Header, Method, Response, Server};

const PAGE: &str = include_str!("dashboard.html");

/// Serves until it is dropped.
pub(crate) struct Dashboard {
    server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
    address: String,
}

impl Dashboard {
    /// Serves the records in `folder` at `address`.
    ///
    /// # Errors
    /// Invalid input when nothing can be served there.
    pub(crate) fn start(address: &str, folder: &Path) -> Result<Self> {
        let server = Server::http(address).map_err(|e| {
            Error::invalid(format!(
                "--dashboard {address}: {e}; it takes an address and a free port of this machine, such as 127.0.0.1:8787"
            ))
        })?;
        let server = Arc::new(server);
        let address = format!("http://{}/", server.server_addr());
        let (served, folder) = (server.clone(), folder.to_owned());
        let thread = std::thread::Builder::new()
            .name("dashboard".to_owned())
            .spawn(move || serve(&served, &folder))
            .map_err(|e| Error::resource(format!("starting the dashboard's thread: {e}")))?;
        Ok(Dashboard {
            server,
            thread: Some(thread),
            address,
        })
    }

    /// Where it is.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.server.unblock();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(server: &Server, folder: &Path) {
    for request in server.incoming_requests() {
        let path = request.url().split('?').next().unwrap_or_default();
        let (code, kind, body) = match (request.method(), path) {
            (Method::Get, "/") => (200, "text/html; charset=utf-8", PAGE.to_owned()),
            (Method::Get, "/status.json") => {
                let all = read_folder(folder).unwrap_or_default();
                let body = serde_json::to_string(&all).unwrap_or_default();
                (200, "application/json", body)
            }
            _ => (404, "text/plain", "there are / and /status.json".to_owned()),
        };
        let mut response = Response::from_string(body).with_status_code(code);
        for (name, value) in [("Content-Type", kind), ("Cache-Control", "no-store")] {
            if let Ok(header) = Header::from_bytes(name, value) {
                response.add_header(header);
            }
        }
        // A reader that went away is no matter.
        let _ = request.respond(response);
    }
}
