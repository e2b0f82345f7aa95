//! [`Ceph`]: the object gateway of Ceph (RGW) on a throw-away cluster of one monitor and one store in memory.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::server::KillOnDrop;

/// The bucket that is there at the start.
pub(crate) const BUCKET: &str = "conformance";
const ACCESS_KEY: &str = "conformance";
const SECRET_KEY: &str = "conformance-secret";

/// How long a daemon may take to answer.
const START: Duration = Duration::from_mins(2);

/// A running gateway, which nobody but this machine can reach. All of it ends with this value, and also when
/// this process is killed.
#[derive(Debug)]
pub(crate) struct Ceph {
    endpoint: String,
    /// Before the directory that they work in.
    _daemons: Vec<KillOnDrop>,
    _sweeper: Child,
    _directory: TempDir,
}

impl Ceph {
    /// Makes the cluster, a user and the bucket.
    pub(crate) fn start() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("fsplug-ceph-").tempdir()?;
        let sweeper = sweeper(directory.path())?;
        let cluster = Cluster::new(directory.path())?;
        let mut daemons = vec![cluster.monitor()?];
        daemons.push(cluster.object_store()?);
        daemons.push(cluster.gateway()?);
        Ok(Self {
            endpoint: cluster.endpoint(),
            _daemons: daemons,
            _sweeper: sweeper,
            _directory: directory,
        })
    }

    /// The configuration with which the plugin reaches it.
    pub(crate) fn config(&self) -> Vec<(&'static str, String)> {
        vec![
            ("s3.endpoint", self.endpoint.clone()),
            ("s3.access-key", ACCESS_KEY.to_owned()),
            ("s3.secret-key", SECRET_KEY.to_owned()),
            ("s3.path-style-access", "true".to_owned()),
        ]
    }
}

/// The version of the gateway that is installed, such as `16.2.15`; `None` if there is none.
pub(crate) fn version() -> Option<String> {
    let output = Command::new("radosgw").arg("--version").output().ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

fn parse_version(text: &str) -> Option<String> {
    let version = text.split_once("ceph version ")?.1;
    version.split_whitespace().next().map(str::to_owned)
}

/// The files and ports of a cluster.
#[derive(Debug)]
struct Cluster<'a> {
    directory: &'a Path,
    gateway_port: u16,
}

impl<'a> Cluster<'a> {
    fn new(directory: &'a Path) -> Result<Self> {
        let (monitor_port, gateway_port) = free_ports()?;
        let cluster = Self {
            directory,
            gateway_port,
        };
        for name in ["mon", "osd", "run"] {
            fs::create_dir(directory.join(name))?;
        }
        let id = random_uuid()?;
        fs::write(
            directory.join("ceph.conf"),
            configuration(directory, &id, monitor_port, gateway_port),
        )?;
        let (keyring, map) = (cluster.path("keyring"), cluster.path("monmap"));
        let monitor = ["-n", "mon.", "--cap", "mon", "allow *"];
        cluster.call(
            "ceph-authtool",
            &[&["--create-keyring", &keyring, "--gen-key"], &monitor[..]].concat(),
        )?;
        let admin = [
            "-n",
            "client.admin",
            "--cap",
            "mon",
            "allow *",
            "--cap",
            "osd",
            "allow *",
        ];
        cluster.call(
            "ceph-authtool",
            &[&[keyring.as_str(), "--gen-key"], &admin[..]].concat(),
        )?;
        let address = format!("[v2:127.0.0.1:{monitor_port}]");
        let monitors = ["--create", "--fsid", &id, "--addv", "a", &address, &map];
        cluster.call("monmaptool", &monitors)?;
        let format = ["--mkfs", "-i", "a", "--monmap", &map, "--keyring", &keyring];
        cluster.call("ceph-mon", &format)?;
        Ok(cluster)
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.gateway_port)
    }

    fn monitor(&self) -> Result<KillOnDrop> {
        self.daemon("ceph-mon", &["-i", "a"])
    }

    fn object_store(&self) -> Result<KillOnDrop> {
        let id = random_uuid()?;
        self.call("ceph", &["--connect-timeout", "60", "osd", "new", &id])?;
        let keyring = self.path("osd/keyring");
        let rights = ["mon", "allow profile osd", "osd", "allow *"];
        self.call(
            "ceph",
            &[&["auth", "get-or-create", "osd.0", "-o", &keyring], &rights[..]].concat(),
        )?;
        self.call("ceph-osd", &["-i", "0", "--mkfs", "--osd-uuid", &id])?;
        self.daemon("ceph-osd", &["-i", "0"])
    }

    /// Starts the gateway, and makes the user and the bucket.
    fn gateway(&self) -> Result<KillOnDrop> {
        let mut daemon = self.daemon("radosgw", &["-n", "client.admin"])?;
        let started = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.gateway_port)).is_err() {
            if let Some(status) = daemon.0.try_wait()? {
                bail!(
                    "radosgw ended before it listened: {status}\n{}",
                    self.log("radosgw")
                );
            }
            if started.elapsed() > START {
                bail!("radosgw does not listen after {START:?}\n{}", self.log("radosgw"));
            }
            thread::sleep(Duration::from_millis(100));
        }
        let user = [
            "user",
            "create",
            "--uid",
            "conformance",
            "--display-name",
            "conformance",
        ];
        let keys = ["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY];
        self.call("radosgw-admin", &[&user[..], &keys[..]].concat())?;
        let url = format!("{}/{BUCKET}", self.endpoint());
        let credentials = format!("{ACCESS_KEY}:{SECRET_KEY}");
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail", "--request", "PUT", &url])
            .args(["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", &credentials])
            .args(["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]);
        succeed(curl)?;
        Ok(daemon)
    }

    /// A daemon of the cluster, with a log of what it prints.
    fn daemon(&self, program: &str, arguments: &[&str]) -> Result<KillOnDrop> {
        let log = File::create(self.path(&format!("{program}.out")))?;
        let mut command = ends_with_us(program);
        command
            .args(["-c", &self.path("ceph.conf"), "-f"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // What ends us from the keyboard must not let it save what it has in memory.
            .process_group(0);
        let child = command.spawn().with_context(|| format!("cannot run {program}"))?;
        Ok(KillOnDrop(child))
    }

    /// Runs a program of Ceph to its end.
    fn call(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let mut command = ends_with_us(program);
        command.arg("-c").arg(self.path("ceph.conf")).args(arguments);
        succeed(command)
    }

    fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    fn log(&self, program: &str) -> String {
        fs::read_to_string(self.path(&format!("{program}.out"))).unwrap_or_default()
    }
}

/// A command that the kernel kills when this process ends, however it does.
pub(crate) fn ends_with_us(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

/// Removes the directory when this process is gone, also when it was killed: its end of the pipe closes then.
fn sweeper(directory: &Path) -> Result<Child> {
    Command::new("sh")
        .args(["-c", "cat; sleep 1; rm -rf \"$0\""])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("cannot run sh")
}

/// Runs a command to its end; what it prints is shown only if it failed.
fn succeed(mut command: Command) -> Result<()> {
    let shown = format!("{:?}", command.get_args().collect::<Vec<_>>());
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        bail!("{shown} failed: {}\n{said}", output.status);
    }
    Ok(())
}

/// Two ports on which nobody listens at the moment.
fn free_ports() -> io::Result<(u16, u16)> {
    let (one, other) = (
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
    );
    Ok((one.local_addr()?.port(), other.local_addr()?.port()))
}

fn random_uuid() -> Result<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/uuid").context("the kernel gives no UUID")?;
    Ok(text.trim().to_owned())
}

/// Everything is bound to the loopback interface, and nothing is replicated. Deleted data is freed within
/// seconds: it is memory.
fn configuration(directory: &Path, id: &str, monitor_port: u16, gateway_port: u16) -> String {
    let directory = directory.display();
    format!(
        "[global]
fsid = {id}
mon host = v2:127.0.0.1:{monitor_port}/0
public network = 127.0.0.0/8
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
run dir = {directory}/run
admin socket = {directory}/run/$name.$pid.asok
pid file =
log file = {directory}/$name.log
mon cluster log file = {directory}/cluster.log
mon data = {directory}/mon
mon data avail warn = 1
mon data avail crit = 1
mon osd report timeout = 86400
mon allow pool size one = true
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd crush chooseleaf type = 0
[osd]
osd data = {directory}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
[client]
keyring = {directory}/keyring
rgw data = {directory}
rgw frontends = beast endpoint=127.0.0.1:{gateway_port}
rgw thread pool size = 64
rgw gc obj min wait = 5
rgw gc processor period = 10
rgw gc processor max time = 10
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_word_behind_the_name() {
        let text = "ceph version 16.2.15 (618f440892089921c3e944a991122ddc44e60516) pacific (stable)\n";
        assert_eq!(parse_version(text).as_deref(), Some("16.2.15"));
        assert_eq!(parse_version("radosgw: not found"), None);
    }

    #[test]
    fn a_command_that_fails_says_why() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo reason >&2; exit 3"]);
        let error = succeed(command).unwrap_err();
        assert!(error.to_string().contains("reason"), "{error}");
    }

    #[test]
    fn the_directory_is_swept_when_the_pipe_closes() {
        let directory = tempfile::tempdir().unwrap();
        let swept = directory.path().join("cluster");
        fs::create_dir(&swept).unwrap();
        fs::write(swept.join("log"), "x").unwrap();
        let mut sweeper = sweeper(&swept).unwrap();
        assert!(swept.exists());
        drop(sweeper.stdin.take());
        assert!(sweeper.wait().unwrap().success());
        assert!(!swept.exists());
    }
}
