//! Writes the files of a program's result: under their declared names, into one folder, over nothing that is there.
//!
//! Names can't lead elsewhere: [`casemate_contract::FileName`] knows no folders. What this adds: the folder is a real one and no
//! link, and a file that is there already stays as it is; if it is another, that is a failure.

use std::{
    fs,
    path::{Path, PathBuf},
};

use casemate_contract::OutputFile;

use crate::{failure::Failure, output};

/// Writes `outputs` into `folder`, and says where each went. Opening the same result again is no failure.
pub(crate) fn write(folder: &Path, outputs: &[OutputFile]) -> Result<Vec<PathBuf>, Failure> {
    fs::create_dir_all(folder).map_err(|error| Failure::io("create", folder, &error))?;
    let found = fs::symlink_metadata(folder).map_err(|error| Failure::io("read", folder, &error))?;
    if !found.is_dir() {
        let what = format!("`{}` is a link, and leads elsewhere", folder.display());
        return Err(Failure::input(what).help("name another folder with --out"));
    }
    outputs.iter().map(|output| write_one(folder, output)).collect()
}

fn write_one(folder: &Path, file: &OutputFile) -> Result<PathBuf, Failure> {
    let path = folder.join(file.name.as_str());
    output::write_once(&path, &file.bytes)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(name: &str, bytes: &[u8]) -> OutputFile {
        OutputFile { name: name.parse().unwrap(), bytes: bytes.to_vec() }
    }

    #[test]
    fn files_get_their_declared_names_and_replace_nothing() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("run/researcher.files");
        let outputs = [output("model.csv", b"a\n1\n"), output("report.txt", b"good")];
        for _ in 0..2 {
            let paths = write(&folder, &outputs).unwrap();
            assert_eq!(paths, [folder.join("model.csv"), folder.join("report.txt")]);
            assert_eq!(fs::read(&paths[1]).unwrap(), b"good");
        }
        let failure = write(&folder, &[output("report.txt", b"bad")]).unwrap_err().to_string();
        assert!(failure.contains("is there already"), "{failure}");
        assert_eq!(fs::read(folder.join("report.txt")).unwrap(), b"good");
    }

    #[test]
    fn no_link_leads_a_file_out_of_the_folder() {
        let temporary = tempfile::tempdir().unwrap();
        let (elsewhere, folder) = (temporary.path().join("elsewhere"), temporary.path().join("here"));
        fs::create_dir(&elsewhere).unwrap();
        // The attack works where links are followed.
        std::os::unix::fs::symlink(&elsewhere, &folder).unwrap();
        fs::write(folder.join("naive.txt"), b"x").unwrap();
        assert!(elsewhere.join("naive.txt").exists());
        assert!(write(&folder, &[output("report.txt", b"x")]).unwrap_err().to_string().contains("is a link"));
        fs::remove_file(&folder).unwrap();
        fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(elsewhere.join("target.txt"), folder.join("report.txt")).unwrap();
        assert!(write(&folder, &[output("report.txt", b"x")]).is_err());
        assert!(!elsewhere.join("target.txt").exists() && !elsewhere.join("report.txt").exists());
    }
}
