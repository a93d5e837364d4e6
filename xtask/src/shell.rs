//! Running programs.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    net::{SocketAddr, TcpStream},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

/// A line for the one who waits.
pub fn say(text: &str) {
    // Nobody is left to be told when this fails.
    let _ = writeln!(std::io::stderr(), "xtask: {text}");
}

/// Runs cargo in the foreground.
pub fn cargo(arguments: &[&str], variables: &[(&str, String)]) -> anyhow::Result<()> {
    say(&format!("cargo {}", arguments.join(" ")));
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let status =
        Command::new(program).args(arguments).envs(variables.iter().map(|(name, value)| (name, value))).status()?;
    if status.success() { Ok(()) } else { bail!("cargo {} failed", arguments.first().unwrap_or(&"")) }
}

/// Runs a program to its end with its output in a log file; what it said last becomes part of a failure.
pub fn run(log: &Path, command: &mut Command) -> anyhow::Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(log).with_context(|| log.display().to_string())?;
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()
        .with_context(|| format!("{name} cannot be run"))?;
    if status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    let last: Vec<&str> = text.lines().rev().take(5).collect();
    bail!("{name} failed ({status}); {}: {}", log.display(), last.into_iter().rev().collect::<Vec<_>>().join(" / "))
}

/// Whether a program can be found.
pub fn is_there(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Starts a server in a process group of its own and writes down which process it is.
pub fn start(log: &Path, pid_file: &Path, command: &mut Command) -> anyhow::Result<()> {
    let file = File::create(log)?;
    let child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .process_group(0)
        .spawn()
        .with_context(|| format!("{} cannot be started", command.get_program().to_string_lossy()))?;
    let born = birth(child.id()).unwrap_or_default();
    fs::write(pid_file, format!("{} {born}", child.id()))?;
    Ok(())
}

/// When a process was born: a number that comes again with another process is not ours.
fn birth(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    // A zombie is gone for our purposes.
    if fields.first() == Some(&"Z") { None } else { fields.get(19).map(|&born| born.to_owned()) }
}

/// The process of a pid file, when it is still the one that was started.
pub fn running(pid_file: &Path) -> Option<u32> {
    let text = fs::read_to_string(pid_file).ok()?;
    let (pid, born) = text.split_once(' ')?;
    let pid = pid.parse().ok()?;
    (birth(pid)? == born).then_some(pid)
}

/// Ends the process of a pid file and its group, gently first.
pub fn stop(pid_file: &Path) -> anyhow::Result<()> {
    for signal in ["-TERM", "-KILL"] {
        let Some(pid) = running(pid_file) else { break };
        Command::new("kill").args([signal, "--", &format!("-{pid}")]).status()?;
        let until = Instant::now() + Duration::from_secs(15);
        while running(pid_file).is_some() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    match fs::remove_file(pid_file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Whether somebody listens at a loopback port.
pub fn listens(port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_millis(300)).is_ok()
}

/// Asks until it is so.
pub fn wait(what: &str, bound: Duration, mut is_so: impl FnMut() -> bool) -> anyhow::Result<()> {
    let until = Instant::now() + bound;
    while !is_so() {
        if Instant::now() >= until {
            bail!("{what}: not so within {} s", bound.as_secs());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}
