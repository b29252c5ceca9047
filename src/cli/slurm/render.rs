//! The text of the batch script.

use super::array::Values;
use super::layout::Layout;
use super::options::{Launcher, SlurmArgs};
use super::quote::{directive, folder, shell, shell_with};
use super::walltime::Walltime;
use crate::config::format_bytes;
use crate::error::{Error, Result};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// How the second line of a rendered script begins: such a file may be replaced.
pub(super) const MARK: &str = "# Rendered by hyperslab ";

/// What a script is rendered from.
pub(super) struct Job<'a> {
    pub(super) args: &'a SlurmArgs,
    pub(super) layout: &'a Layout,
    /// Lines about the plan and the choices.
    pub(super) notes: &'a [String],
    pub(super) time: Walltime,
    /// Seconds before the time limit at which the job is told.
    pub(super) notice_s: u64,
    pub(super) array: Option<&'a Values>,
    /// The hyperslab to start, and the folder to start it in.
    pub(super) program: &'a Path,
    pub(super) folder: &'a Path,
    pub(super) scratch: Option<&'a PathBuf>,
}

/// A text that can stand in a script: UTF-8, on one line.
pub(super) fn one_line<'a>(what: &str, text: Option<&'a str>) -> Result<&'a str> {
    match text {
        Some(text) if !text.chars().any(char::is_control) => Ok(text),
        Some(text) => Err(Error::invalid(format!(
            "{what} {text:?}: a batch script can have no control characters or line breaks in it"
        ))),
        None => Err(Error::invalid(format!(
            "{what}: a batch script can have UTF-8 only in it"
        ))),
    }
}

/// The name of the job.
pub(super) fn name(args: &SlurmArgs) -> String {
    let stem = || {
        args.script
            .script
            .file_stem()
            .map(|s| s.to_string_lossy().into_owned())
    };
    args.job_name
        .clone()
        .or_else(stem)
        .unwrap_or_else(|| "hyperslab".to_owned())
}

/// The script.
pub(super) fn render(job: &Job<'_>) -> Result<String> {
    let mut out = String::from("#!/bin/bash\n");
    let _ = writeln!(out, "{MARK}{}.", env!("CARGO_PKG_VERSION"));
    for note in job.notes {
        let _ = match one_line("the plan's", Some(note))? {
            "" => writeln!(out, "#"),
            note => writeln!(out, "# {note}"),
        };
    }
    directives(&mut out, job)?;
    out.push('\n');
    // Before `set -u`, which the functions of modules do not stand everywhere.
    for line in &job.args.setup {
        out += line;
        out.push('\n');
    }
    out += "set -u\n";
    if let Some(array) = job.array {
        let values: Vec<String> = array.values.iter().map(|value| shell(value)).collect();
        let _ = writeln!(
            out,
            "\n# The value of {} in this job of the array.\nvalues=({})\nvalue=${{values[SLURM_ARRAY_TASK_ID]}}",
            array.name,
            values.join(" ")
        );
    }
    signals(&mut out, job);
    out.push('\n');
    out += &launch(job)?;
    out += END;
    if job.args.requeues > 0 {
        let _ = write!(
            out,
            "if [ \"$code\" -eq 75 ] && [ \"${{SLURM_RESTART_COUNT:-0}}\" -lt {} ]; then\n    \
             echo \"hyperslab: stopped before the end; the job goes back into the queue\" >&2\n    \
             scontrol requeue \"$SLURM_JOB_ID\"\nfi\n",
            job.args.requeues
        );
    }
    out += EXIT;
    Ok(out)
}

fn directives(out: &mut String, job: &Job<'_>) -> Result<()> {
    let (args, layout) = (job.args, job.layout);
    let mut line = |name: &str, value: &str| -> Result<()> {
        let value = directive(one_line(&format!("--{name}"), Some(value))?);
        let _ = writeln!(out, "#SBATCH --{name}={value}");
        Ok(())
    };
    line("job-name", &name(args))?;
    for (name, value) in [
        ("partition", &args.partition),
        ("account", &args.account),
        ("qos", &args.qos),
        ("constraint", &args.constraint),
    ] {
        if let Some(value) = value {
            line(name, value)?;
        }
    }
    line("nodes", &layout.nodes.to_string())?;
    line("ntasks-per-node", &layout.ranks_per_node.to_string())?;
    line("cpus-per-task", &layout.threads.to_string())?;
    line("threads-per-core", "1")?;
    line(
        "mem",
        &format!("{}M", layout.node_bytes().div_ceil(1 << 20)),
    )?;
    line("time", &job.time.to_string())?;
    line("signal", &format!("B:USR1@{}", job.notice_s))?;
    line("chdir", one_line("--chdir", job.folder.to_str())?)?;
    let log = match (&args.job_log, job.array) {
        (Some(log), _) => log,
        (None, Some(_)) => "%x-%A_%a.log",
        (None, None) => "%x-%j.log",
    };
    line("output", log)?;
    line("open-mode", "append")?;
    if let Some(array) = job.array {
        let last = array.values.len() - 1;
        match args.at_once {
            Some(limit) => line("array", &format!("0-{last}%{limit}"))?,
            None => line("array", &format!("0-{last}"))?,
        }
    }
    out.push_str(if args.no_requeue {
        "#SBATCH --no-requeue\n"
    } else {
        "#SBATCH --requeue\n"
    });
    for option in &args.sbatch {
        let _ = writeln!(
            out,
            "#SBATCH {}",
            directive(one_line("--sbatch", Some(option))?)
        );
    }
    Ok(())
}

/// What the script does when Slurm tells it that the time limit is near.
fn signals(out: &mut String, job: &Job<'_>) {
    let tell = match job.args.launcher {
        // srun itself would kill its tasks at once.
        Launcher::Srun => "scancel --signal=\"$1\" \"$SLURM_JOB_ID\"",
        Launcher::Mpirun => "kill -s \"$1\" \"$ranks\"",
    };
    let _ = write!(
        out,
        "
# Slurm tells this shell before the time limit, by USR1, and the ranks are told the same: they stop between two tiles, keep what
# is finished beside the output, and end with code 75. Ranks that do not come to the end of a tile are told again, by TERM.
# An output is there under its name when it is complete, and not before. A later start goes on from there (--resume).
told=
tell() {{
    {tell}
}}
near_the_end() {{
    trap '' USR1
    told=1
    echo \"hyperslab: about {} s before the time limit the ranks are told to end\" >&2
    tell USR1
    # Waits without a process of its own, which would outlive it.
    (exec 9<> <(:); read -rt {} -u 9; tell TERM) &
    again=$!
}}
trap near_the_end USR1
",
        job.notice_s,
        job.notice_s / 2
    );
}

/// The line that starts the ranks.
fn launch(job: &Job<'_>) -> Result<String> {
    let (args, layout) = (job.args, job.layout);
    let mut words = match args.launcher {
        Launcher::Srun => vec![format!(
            "srun --mpi={} --cpus-per-task={} --cpu-bind=cores --kill-on-bad-exit=1",
            shell(one_line("--mpi", Some(&args.mpi))?),
            layout.threads
        )],
        Launcher::Mpirun => vec![format!(
            "mpirun -n {} --map-by slot:PE={} --bind-to core",
            layout.ranks(),
            layout.threads
        )],
    };
    let path = |what: &str, path: &Path| one_line(what, path.to_str()).map(str::to_owned);
    words.push(format!(
        "{} run {}",
        shell(&path("--program", job.program)?),
        shell(&path("the script", &args.script.script)?)
    ));
    for (name, value) in &args.script.sets {
        let text = format!("{name}={value}");
        let text = one_line("--set", Some(&text))?;
        words.push(match job.array {
            Some(array) => format!("--set {}", shell_with(text, &array.placeholder(), "value")),
            None => format!("--set {}", shell(text)),
        });
    }
    if let Some(array) = job.array {
        words.push(format!("--set {}=\"$value\"", array.name));
    }
    let budget = args.job.memory.as_deref().map(str::trim);
    words.push(format!(
        "--threads {} --memory {}",
        layout.threads,
        shell(one_line("--memory", Some(budget.unwrap_or("1GiB")))?)
    ));
    if let Some(scratch) = job.scratch {
        words.push(format!(
            "--scratch {}",
            folder(&path("--scratch", scratch)?)
        ));
    }
    for (name, value) in args.watch.given() {
        let value = one_line(&format!("--{name}"), value.to_str())?;
        words.push(match job.array {
            Some(array) => format!(
                "--{name} {}",
                shell_with(value, &array.placeholder(), "value")
            ),
            None => format!("--{name} {}", shell(value)),
        });
    }
    words.push("--resume".to_owned());
    if args.job.overwrite {
        words.push("--overwrite".to_owned());
    }
    if args.job.log != "warn" {
        words.push(format!("--log {}", args.job.log));
    }
    Ok(words.join(" \\\n    ") + " &\n")
}

/// A trap runs when `wait` is left, and `wait` is left by the signal: it is called again.
const END: &str = "ranks=$!
code=0
wait \"$ranks\" || code=$?
if [ -n \"$told\" ]; then
    code=0
    wait \"$ranks\" || code=$?
    kill \"$again\" 2> /dev/null
    # Killed: what was finished before is kept, too.
    [ \"$code\" -le 128 ] || code=75
fi
";
const EXIT: &str = "exit \"$code\"\n";

/// `bytes` and `part` of a line of figures.
pub(super) fn of(bytes: u64, whole: u64) -> String {
    format!("{} of {}", format_bytes(bytes), format_bytes(whole))
}
