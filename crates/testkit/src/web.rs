//! A stock nginx and a stock curl: they know certificates, and nothing of attestation.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// The name that servers have in their certificates.
pub const HOST: &str = "cohort.clinic.example";
/// What nginx answers to those whom it admits.
pub const ANSWER: &str = "from one attested keep to another";

const PATIENCE: Duration = Duration::from_secs(60);

/// An nginx that ends with the test.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    port: u16,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Nginx {
    /// Serves with a certificate and its key, and asks every client for one of an authority; all three are files in `home`. `nginx`
    /// is how it is called.
    #[must_use]
    pub fn start(home: &Path, files: [&str; 3], nginx: impl Fn() -> Command) -> Self {
        // Another process may take the port before nginx does.
        let started = (0..5).find_map(|_| Self::at_free_port(home, files, nginx()));
        started.unwrap_or_else(|| panic!("nginx ended five times"))
    }

    fn at_free_port(home: &Path, [certificate, key, authority]: [&str; 3], mut nginx: Command) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (pid, file) = (home.join(format!("{port}.pid")), home.join(format!("{port}.conf")));
        let (pid_file, home) = (pid.display(), home.display());
        let config = format!(
            "daemon off; master_process off; pid {pid_file}; error_log stderr; events {{}}
            http {{
              access_log off;
              client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
              uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
              server {{
                listen 127.0.0.1:{port} ssl;
                ssl_protocols TLSv1.3;
                ssl_certificate {home}/{certificate};
                ssl_certificate_key {home}/{key};
                ssl_client_certificate {home}/{authority};
                ssl_verify_client on;
                ssl_verify_depth 1;
                location / {{ return 200 \"{ANSWER}\"; }}
              }}
            }}"
        );
        std::fs::write(&file, config).unwrap();
        nginx.args(["-e", "stderr", "-c"]).arg(file).stderr(Stdio::null());
        let mut nginx = Self { child: nginx.spawn().unwrap(), port };
        let began = Instant::now();
        // It writes this file when it listens. Whether somebody listens there would not tell who.
        while !pid.exists() {
            if nginx.child.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(began.elapsed() < PATIENCE, "nginx does not listen");
            sleep(Duration::from_millis(20));
        }
        Some(nginx)
    }

    /// What curl says that believes this authority, with a client's certificate and key: its exit code and the answer.
    #[must_use]
    pub fn ask(&self, mut curl: Command, authority: &Path, client: Option<[&Path; 2]>) -> (Option<i32>, String) {
        let port = self.port;
        curl.args(["--silent", "--fail", "--noproxy", "*", "--max-time", "60", "--cacert"]).arg(authority);
        curl.args(["--resolve", &format!("{HOST}:{port}:127.0.0.1")]);
        if let Some([certificate, key]) = client {
            curl.arg("--cert").arg(certificate).arg("--key").arg(key);
        }
        let output = curl.arg(format!("https://{HOST}:{port}/")).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }
}
