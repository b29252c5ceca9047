//! Words as bash and as sbatch read them.

/// Characters that neither bash nor sbatch takes for anything else.
fn plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-./,:=+@%^".contains(c)
}

/// `text` as one word of bash: as it is, or in single quotes.
pub(super) fn shell(text: &str) -> String {
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// As [`shell`], with the bash variable `variable` wherever `placeholder` stands.
pub(super) fn shell_with(text: &str, placeholder: &str, variable: &str) -> String {
    let pieces = text.split(placeholder).map(|piece| match piece.is_empty() {
        true => String::new(),
        false => shell(piece),
    });
    pieces.collect::<Vec<_>>().join(&format!("\"${variable}\""))
}

/// A folder as one word of bash. `$NAME` or `${NAME}` at its start is left to the job: a node's own folder has its name there.
pub(super) fn folder(text: &str) -> String {
    let variable = text.strip_prefix('$').and_then(|rest| {
        let (name, rest) = match rest.strip_prefix('{') {
            Some(braced) => braced.split_once('}')?,
            None => rest.split_at(
                rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                    .unwrap_or(rest.len()),
            ),
        };
        let good = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        (good && (rest.is_empty() || rest.starts_with('/'))).then_some((name, rest))
    });
    match variable {
        // Unset, it ends the job with this message instead of meaning the root folder.
        Some((name, "")) => format!("\"${{{name}:?}}\""),
        Some((name, rest)) => format!("\"${{{name}:?}}\"{}", shell(rest)),
        None => shell(text),
    }
}

/// `text` as a value behind `#SBATCH --name=`. sbatch splits at white space and ends at `#`, but between double quotes, where a
/// backslash takes the meaning of the next character.
pub(super) fn directive(text: &str) -> String {
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("\"{}\"", text.replace('\\', r"\\").replace('"', r#"\""#)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::process::Command;

    const TEXTS: [&str; 10] = [
        "plain/path_1.nc",
        "",
        "a b",
        "it's",
        "\"double\" $HOME `id` $(id) \\ !",
        "*.nc ~ [a-z] {1,2}",
        "tab\tend",
        "-n",
        "jörg;rm -rf / & # > < |",
        "''",
    ];

    fn said_by_bash(word: &str) -> String {
        let script = format!("value='x y'; printf '%s|' {word}");
        let out = Command::new("bash").args(["-c", &script]).output().unwrap();
        assert!(out.status.success(), "{word}");
        String::from_utf8(out.stdout).unwrap()
    }

    #[test]
    fn bash_reads_words_as_they_were() {
        for text in TEXTS {
            assert_eq!(said_by_bash(&shell(text)), format!("{text}|"));
            let word = shell_with(&format!("{text}{{v}}{text}{{v}}"), "{v}", "value");
            assert_eq!(said_by_bash(&word), format!("{text}x y{text}x y|"));
        }
    }

    #[test]
    fn folders_of_the_node_are_named_there() {
        for (text, word) in [
            ("$TMPDIR", "\"${TMPDIR:?}\""),
            ("${TMPDIR}/a b", "\"${TMPDIR:?}\"'/a b'"),
            ("$SCRATCH/x", "\"${SCRATCH:?}\"/x"),
            ("$1", "'$1'"),
            ("$(id)", "'$(id)'"),
            ("${a;b}/c", "'${a;b}/c'"),
            ("/scratch/a b", "'/scratch/a b'"),
        ] {
            assert_eq!(folder(text), word);
        }
    }

    /// What sbatch 22.05 made of these; `tests/cli/slurm.rs` asks it again.
    #[test]
    fn directives_are_quoted_for_sbatch() {
        assert_eq!(directive("a b#c'd"), r#""a b#c'd""#);
        assert_eq!(directive(r#"a"b\c"#), r#""a\"b\\c""#);
        assert_eq!(directive("%x-%j.log"), "%x-%j.log");
    }
}
